//! The descriptor, built in code. Its form is `wit/descriptor.schema.json`; the test host checks against that.
use serde::Serialize;

/// What a plugin says about itself.
#[derive(Clone, Debug, Serialize)]
pub struct Descriptor {
    name: String,
    version: String,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Input>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs: Vec<Need>,
}

impl Descriptor {
    /// Without settings, inputs and needs. The version should be `env!("CARGO_PKG_VERSION")`: the bundle's index says the
    /// same, and the host compares.
    #[must_use]
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self { name: name.into(), version: version.into(), summary: summary.into(), settings: None, inputs: vec![], needs: vec![] }
    }

    /// Adds the JSON Schema of the settings (draft 2020-12). Without it only an empty object is allowed.
    #[must_use]
    pub fn settings(mut self, schema: serde_json::Value) -> Self {
        self.settings = Some(schema);
        self
    }

    /// Adds an input that a resource gives. Authenticators only.
    #[must_use]
    pub fn input(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }

    /// Adds a capability that the plugin asks for. It grants nothing: the administrator does.
    #[must_use]
    pub fn need(mut self, need: Need) -> Self {
        self.needs.push(need);
        self
    }

    /// As JSON, as the contract wants it.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, booleans and a JSON value: this can't fail, and an empty text would be refused by the host.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An input. Sensitive unless said otherwise: the plugin gets a handle instead of the text.
#[derive(Clone, Debug, Serialize)]
pub struct Input {
    name: String,
    required: bool,
    sensitive: bool,
    summary: String,
}

impl Input {
    /// A call without it fails.
    #[must_use]
    pub fn required(name: &str, summary: &str) -> Self {
        Self { name: name.into(), required: true, sensitive: true, summary: summary.into() }
    }

    /// May be left out.
    #[must_use]
    pub fn optional(name: &str, summary: &str) -> Self {
        Self { required: false, ..Self::required(name, summary) }
    }

    /// Comes as text.
    #[must_use]
    pub fn not_sensitive(self) -> Self {
        Self { sensitive: false, ..self }
    }
}

/// A capability that the plugin asks for.
#[derive(Clone, Debug, Serialize)]
pub struct Need {
    capability: String,
    required: bool,
    reason: String,
}

impl Need {
    /// Without it the plugin is not ready.
    #[must_use]
    pub fn required(capability: &str, reason: &str) -> Self {
        Self { capability: capability.into(), required: true, reason: reason.into() }
    }

    /// Without it the plugin is ready, and using it answers [`Error::Denied`](crate::Error::Denied).
    #[must_use]
    pub fn optional(capability: &str, reason: &str) -> Self {
        Self { required: false, ..Self::required(capability, reason) }
    }
}
