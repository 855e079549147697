//! The form of a `case.yaml`. An unknown member is an error, so that a slip of the pen tests nothing silently.
use crate::value::Value;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// One case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// What it shows, in a sentence. For readers.
    #[serde(rename = "about")]
    _about: String,
    #[serde(skip)]
    pub folder: PathBuf,

    /// What the user sets.
    #[serde(default)]
    pub settings: serde_json::Map<String, serde_json::Value>,
    /// What the resource gives, by name.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// Files, by mount and path.
    #[serde(default)]
    pub files: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// RFC 3339; 2026-01-01T00:00:00Z where nothing is said.
    pub now: Option<jiff::Timestamp>,
    /// The byte that random numbers are made of; 7 where nothing is said.
    pub random: Option<u8>,
    /// The service account that the resource names; none where nothing is said.
    pub service_account: Option<ServiceAccount>,
    /// Requests in their order, with their answers. Any other one fails the case.
    #[serde(default)]
    pub http: Vec<Exchange>,
    /// Capabilities that are not granted, of those that the plugin asks for.
    #[serde(default)]
    pub withheld: Vec<String>,
    /// Whether ambient sources are open, as towards a trusted server.
    #[serde(default = "yes")]
    pub trusted: bool,

    /// Of templates: `infisical-secret` where nothing is said.
    pub dot: Option<String>,
    /// Of templates.
    #[serde(default)]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// Of templates: key and source.
    #[serde(default)]
    pub entries: BTreeMap<String, String>,
    /// Of templates: key and value, all of the folder `/`.
    #[serde(default)]
    pub secrets: BTreeMap<String, Value>,

    pub expect: Expected,
}

/// A service account, and the tokens that it gives.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// For these audiences, in this order; for others there is none.
    pub audiences: Vec<String>,
    pub token: Value,
}

/// A request that the plugin must send, and what it gets.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    pub request: Request,
    /// None: nobody answers.
    pub response: Option<Response>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    pub method: String,
    pub url: String,
    /// These must be there, whatever else is. Names in any case.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    pub body: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    pub body: Option<Value>,
    /// A body of so many bytes.
    #[serde(rename = "bodyOfBytes")]
    pub body_of_bytes: Option<usize>,
}

/// What must come of it. One of the first five.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expected {
    pub exchange: Option<Proof>,
    /// An access token as it is.
    pub token: Option<Value>,
    /// Rendered values by key.
    pub rendered: Option<BTreeMap<String, Value>>,
    /// Generated values by key, as they follow from the random numbers of the case.
    pub generated: Option<BTreeMap<String, Value>>,
    pub error: Option<Failure>,
    /// Texts that must be part of the notices, one of each.
    #[serde(default)]
    pub notices: Vec<String>,
    /// Keys whose values are volatile; not looked at where nothing is said.
    pub volatile: Option<Vec<String>>,
}

/// A login to be posted. In its body `{"$any": TEXT}` stands for any text of at least one character.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Proof {
    pub path: String,
    pub body: serde_json::Value,
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    pub client_identity: Option<ClientIdentity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentity {
    pub chain: Value,
    pub key: Value,
}

/// A failure.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Failure {
    /// `Settings`, `Credentials`, `Unavailable`, `NotGranted`, `Denied`, `Template`, `Internal`, …
    pub reason: String,
    /// Texts that its message must have.
    #[serde(default)]
    pub says: Vec<String>,
    /// Seconds.
    pub retry_after: Option<u64>,
}

impl Case {
    /// Reads the case of a folder.
    ///
    /// # Errors
    /// There is none, or it has another form.
    pub fn read(folder: &Path) -> Result<Self> {
        let text = fs::read_to_string(folder.join("case.yaml"))?;
        // The position without the text around it.
        let case: Self = serde_yaml::from_str(&text).context("not of the form of a case")?;
        Ok(Self { folder: folder.into(), ..case })
    }

    /// A value of this case.
    ///
    /// # Errors
    /// See [`Value::bytes`].
    pub fn bytes(&self, value: &Value) -> Result<Vec<u8>> {
        value.bytes(&self.folder)
    }
}

fn yes() -> bool {
    true
}
