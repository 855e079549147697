//! Cases that are known to differ, each with its reason.
use serde::Deserialize;
use std::{fs, path::Path};

/// The table.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excepted {
    #[serde(default)]
    case: Vec<Exception>,
}

/// One row: a case, or all of them whose id begins so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The id, or its beginning and `*`.
    pub id: String,
    /// Why it differs, and may.
    pub reason: String,
}

impl Excepted {
    /// Out of a file.
    ///
    /// # Errors
    /// A file that can't be read, or is no such table, or gives no reason.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let table: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        match table.case.iter().find(|exception| exception.reason.trim().is_empty()) {
            Some(exception) => Err(format!("{} is excepted without a reason", exception.id)),
            None => Ok(table),
        }
    }

    /// Whether it stands in the table.
    pub fn has(&self, id: &str) -> bool {
        self.case.iter().any(|exception| match exception.id.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => id == exception.id,
        })
    }
}
