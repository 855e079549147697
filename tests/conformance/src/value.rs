//! A value of a case: a text, bytes as base64, or a file beside the case. May stand for a secret, and is never shown.
use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use std::path::Path;

/// As written.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// The text itself.
    Text(String),
    /// A file of the case's folder.
    File(File),
    /// Bytes.
    Base64(Base64),
}

/// `{file: NAME}`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    file: String,
}

/// `{base64: TEXT}`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base64 {
    base64: String,
}

impl Value {
    /// The bytes; `folder` is the case's.
    ///
    /// # Errors
    /// No such file, or no base64.
    pub fn bytes(&self, folder: &Path) -> Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(File { file }) => {
                ensure!(!file.contains(['/', '\\']), "{file:?} is not a plain file name");
                std::fs::read(folder.join(file)).with_context(|| file.clone())
            }
            Self::Base64(Base64 { base64 }) => BASE64_STANDARD.decode(base64).context("a value is not base64"),
        }
    }
}
