//! Cases as they are written.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// A line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `group/name@dialect`
    pub id: String,
    /// The dot.
    pub dialect: String,
    /// What it is about.
    pub group: String,
    template: Option<String>,
    templates: Option<BTreeMap<String, String>>,
    /// Secrets in the order of the source.
    pub data: Vec<Datum>,
    options: BTreeMap<String, Value>,
    output: Option<String>,
    output_b64: Option<String>,
    outputs: Option<BTreeMap<String, String>>,
    outputs_b64: Option<BTreeMap<String, String>>,
    /// Go's text.
    pub error: Option<String>,
    /// `parse`, `exec` or `post`.
    pub error_stage: Option<String>,
    /// What the message must hold.
    pub error_contains: Option<String>,
    /// The version annotation that results.
    #[allow(dead_code)]
    version: Option<String>,
}

/// A secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Datum {
    pub key: String,
    value: Option<String>,
    value_b64: Option<String>,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub imported: bool,
}

impl Datum {
    /// Its bytes.
    pub fn value(&self) -> Vec<u8> {
        bytes(self.value.as_deref(), self.value_b64.as_deref())
    }
}

fn bytes(text: Option<&str>, encoded: Option<&str>) -> Vec<u8> {
    match (text, encoded) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(encoded)) => STANDARD.decode(encoded).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// Keys and values.
pub type Outputs = BTreeMap<String, Vec<u8>>;

impl Case {
    /// Target key and template.
    pub fn entries(&self) -> Vec<(&str, &str)> {
        match (&self.template, &self.templates) {
            (Some(template), _) => vec![("out", template)],
            (None, Some(templates)) => templates.iter().map(|(key, template)| (key.as_str(), template.as_str())).collect(),
            (None, None) => vec![],
        }
    }

    /// What must come out; [`None`] for an error.
    pub fn wanted(&self) -> Option<Outputs> {
        if self.error.is_some() {
            return None;
        }
        if let Some(outputs) = &self.outputs {
            return Some(outputs.iter().map(|(key, text)| (key.clone(), bytes(Some(text), None))).collect());
        }
        if let Some(outputs) = &self.outputs_b64 {
            return Some(outputs.iter().map(|(key, encoded)| (key.clone(), bytes(None, Some(encoded)))).collect());
        }
        Some(BTreeMap::from([("out".to_owned(), bytes(self.output.as_deref(), self.output_b64.as_deref()))]))
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name)?.as_str()
    }

    fn flag(&self, name: &str) -> bool {
        self.options.get(name) == Some(&Value::Bool(true))
    }

    /// Whether every source secret is in the result, under those rendered.
    pub fn includes_all(&self) -> bool {
        self.flag("includeAllSecrets")
    }

    /// A push gives the destination's path to every key.
    pub fn path_of_all(&self) -> Option<&str> {
        self.flag("push").then(|| self.option("secretsPath")).flatten()
    }

    /// The plugin's options, as JSON.
    pub fn plugin_options(&self) -> String {
        let mut options = json!({ "missing-key": "default" });
        let mut set = |name: &str, value: Value| {
            if let Some(options) = options.as_object_mut() {
                options.insert(name.into(), value);
            }
        };
        if self.option("mode") == Some("bulk") {
            set("bulk", true.into());
        }
        if self.flag("push") {
            set("template-name", "push-secret-templates".into());
        }
        match self.option("scope") {
            None | Some("Values") => {}
            Some("KeysAndValues") => set("scope", "keys-and-values".into()),
            Some(other) => set("scope", other.into()),
        }
        if let Some(target) = self.option("target") {
            set("target", target.to_ascii_lowercase().into());
        }
        if let Some(strategy) = self.option("decodingStrategy") {
            set("decoding-strategy", strategy.into());
        }
        options.to_string()
    }
}

/// All cases of a file.
///
/// # Errors
/// A file that can't be read; a line that is no case.
pub fn read(file: &Path) -> Result<Vec<Case>, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let case = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|error| format!("{}, line {}: {error}", file.display(), number + 1))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(case).collect()
}
