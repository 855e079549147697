//! What a plugin says about itself (`wit/descriptor.schema.json`).
use serde::Deserialize;

/// Which of the four worlds a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, strum::IntoStaticStr, strum::EnumIter, strum::Display)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum World {
    /// Logs in.
    Authenticator,
    /// Renders.
    Template,
    /// Makes values.
    Generator,
    /// Allows or refuses.
    Policy,
}

/// A descriptor. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Descriptor {
    /// By which resources name the plugin.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// JSON Schema of the settings; None allows only an empty object.
    #[serde(default)]
    pub settings: Option<serde_json::Value>,
    /// What a resource gives.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// What it asks for.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// One input of an authenticator.
#[derive(Clone, Debug, Deserialize)]
pub struct Input {
    /// Name.
    pub name: String,
    /// The call fails without it.
    #[serde(default)]
    pub required: bool,
    /// The plugin gets a handle instead of the text.
    #[serde(default = "yes")]
    pub sensitive: bool,
    /// One line.
    pub summary: String,
}

/// One capability that a plugin asks for.
#[derive(Clone, Debug, Deserialize)]
pub struct Need {
    /// As in [`crate::Capability`].
    pub capability: String,
    /// Without it the plugin is not ready.
    #[serde(default = "yes")]
    pub required: bool,
    /// Why.
    pub reason: String,
}

const fn yes() -> bool {
    true
}
