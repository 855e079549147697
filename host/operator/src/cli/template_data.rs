//! Secrets from a file, in place of those of a server.
use crate::data::Contents;
use anyhow::Context;
use runtime::{SecretBytes, SourceSecret};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// The file's forms.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum SecretsFile {
    Listed {
        secrets: Vec<Listed>,
        #[serde(default)]
        imports: Vec<Listed>,
    },
    Pairs(BTreeMap<String, String>),
}

/// One secret, as a server would list it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    key: String,
    value: String,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    tags: Vec<String>,
}

fn root() -> String {
    "/".into()
}

impl SecretsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, or has another form. What the parser says is left out: it may quote a value.
    pub fn read(path: &Path) -> anyhow::Result<Contents> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let form = "must be an object from key to text, or {secrets: [{key, value, path, comment, tags}], imports: […]}";
        let file: Self = serde_yaml::from_str(&text).map_err(|_| anyhow::anyhow!("{}: {form}", path.display()))?;
        let (secrets, imports) = match file {
            Self::Listed { secrets, imports } => (secrets, imports),
            Self::Pairs(pairs) => {
                let listed = |(key, value)| Listed { key, value, path: root(), comment: String::new(), tags: Vec::new() };
                (pairs.into_iter().map(listed).collect(), Vec::new())
            }
        };
        let all = |listed: Vec<Listed>| Arc::new(listed.into_iter().map(source).collect());
        Ok(Contents { secrets: all(secrets), imports: all(imports), ..Contents::default() })
    }
}

fn source(listed: Listed) -> SourceSecret {
    let Listed { key, value, path, comment, tags } = listed;
    SourceSecret { key, value: Arc::new(SecretBytes::from(value.into_bytes())), path, comment: comment.into(), tags }
}
