//! Reads what the server needs of a kubeconfig: the current context's API server, its authority, and a token to review
//! others with.
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::KubernetesApi;
use crate::hidden::Hidden;

/// Why a kubeconfig can't be used. No message holds a token.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// A file that can't be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A file of another form.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: String,
    contexts: Vec<NamedContext>,
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    users: Vec<NamedUser>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: ContextEntry,
}

#[derive(Deserialize)]
struct ContextEntry {
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct User {
    token: Option<Hidden>,
    token_file: Option<String>,
}

impl KubernetesApi {
    /// The API server of a kubeconfig's current context. Its user's token reviews logins; a user without a token reviews
    /// nothing, and then logins review themselves.
    ///
    /// # Errors
    /// The file, or one that it names, can't be read or has another form.
    pub fn from_kubeconfig(path: &Path) -> Result<Self, KubeconfigError> {
        let form = |problem| KubeconfigError::Form { path: path.to_owned(), problem };
        let folder = path.parent().unwrap_or(Path::new("."));
        let config: Kubeconfig = serde_yaml::from_str(&file(path)?).map_err(|_| form("this is no kubeconfig"))?;
        let context = config.contexts.iter().find(|context| context.name == config.current_context);
        let context = &context.ok_or_else(|| form("current-context is not among the contexts"))?.context;
        let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster);
        let cluster = &cluster.ok_or_else(|| form("the cluster of the current context is missing"))?.cluster;
        let ca_pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
            (Some(data), _) => {
                let bytes = STANDARD.decode(data).map_err(|_| form("certificate-authority-data is not base64"))?;
                Some(String::from_utf8(bytes).map_err(|_| form("certificate-authority-data is not PEM"))?)
            }
            (None, Some(name)) => Some(file(&folder.join(name))?),
            (None, None) => None,
        };
        let user = config.users.into_iter().find(|user| user.name == context.user).map(|user| user.user).unwrap_or_default();
        let reviewer_token = match (user.token, user.token_file) {
            (Some(token), _) => Some(token),
            (None, Some(name)) => Some(file(&folder.join(name))?.trim().into()),
            (None, None) => None,
        };
        Ok(Self { url: cluster.server.clone(), ca_pem, insecure: cluster.insecure_skip_tls_verify, reviewer_token })
    }
}

fn file(path: &Path) -> Result<String, KubeconfigError> {
    std::fs::read_to_string(path).map_err(|error| KubeconfigError::Read { path: path.to_owned(), error })
}
