//! Plugins that render the data of a target.
//!
//! All entries of one target come in one call. It is all or nothing: one entry that fails fails the call, with a
//! [`Diagnostic`](crate::Diagnostic) for each that does. A value that used random numbers, the time or fresh keys must be
//! marked volatile ([`crate::volatile::watch`] tells), or it changes the Secret at every pass.
use crate::{Error, Extensions, Plugin};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A plugin of the world `template-plugin`. Exported by [`export_template!`](crate::export_template).
pub trait Template: Plugin {
    /// Renders all entries of one target.
    ///
    /// # Errors
    /// [`Error::Template`] with a diagnostic for each entry that fails; [`Error::Settings`] with pointer `/dot` for a dot
    /// that the plugin doesn't know.
    fn render(request: Request) -> Result<Rendering, Error>;
}

/// What to render, with what.
pub struct Request {
    /// What the template sees as its data. Known: `infisical-secret`, `static-secret`, `external-secret`.
    pub dot: String,
    /// How.
    pub options: Options,
    /// Templates.
    pub entries: Vec<Entry>,
    /// In the order of the source. Keys may repeat.
    pub secrets: Vec<Secret>,
    /// Secrets that came by import, in order.
    pub imports: Vec<Secret>,
    /// Empty today.
    pub extensions: Extensions,
}

/// How to render.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Options {
    /// What a missing key does.
    pub missing_key: MissingKey,
    /// What an entry makes.
    pub scope: Scope,
    /// What the values are for.
    pub target: Target,
    /// One template makes all keys.
    pub bulk: bool,
    /// Left and right, in place of the engine's own.
    pub delimiters: Option<(String, String)>,
    /// How rendered values are decoded: `None`, `Base64`, `Base64URL`, `Auto`. Empty for not at all.
    pub decoding_strategy: String,
    /// What the main template of each entry is called, where that is not what the dot says.
    pub template_name: Option<String>,
    /// Only say whether the templates can be parsed: nothing is rendered, and no entry comes back.
    pub check: bool,
    /// All others: options of the engine's own.
    #[serde(flatten)]
    pub own: Map<String, Value>,
}

/// What a missing key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MissingKey {
    /// What the engine does by itself, and [`Rendered::missing`] counts it.
    #[default]
    Default,
    /// It is an error.
    Error,
}

/// What an entry makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The value of the entry's key.
    #[default]
    Values,
    /// Keys and values, as YAML.
    KeysAndValues,
    /// One that this version doesn't know.
    #[serde(other)]
    Unknown,
}

/// What the values are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Data of the target.
    #[default]
    Data,
    /// Its labels.
    Labels,
    /// Its annotations.
    Annotations,
}

/// One template.
pub struct Entry {
    /// Key in the target.
    pub key: String,
    /// Text.
    pub source: String,
}

/// A secret. Can't be formatted.
#[derive(Clone)]
pub struct Secret {
    /// Key.
    pub key: String,
    /// Any bytes.
    pub value: Vec<u8>,
    /// Folder that it came from.
    pub path: String,
    /// Comment.
    pub comment: String,
    /// Slugs.
    pub tags: Vec<String>,
}

/// What came out.
#[derive(Default)]
pub struct Rendering {
    /// No key twice. At most 1 MiB in all.
    pub entries: Vec<Rendered>,
    /// Shown to the user once. At most 8.
    pub notices: Vec<String>,
}

/// One value. Can't be formatted.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Key in the target.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
    /// Used random numbers, the time or fresh keys.
    pub volatile: bool,
    /// How many missing keys were let pass and show in the value.
    pub missing: u32,
}
