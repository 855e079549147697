//! Reads what the server needs of a kubeconfig: the current context's API server, its authority, and a token to review
//! others with.
use std::path::Path;

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infisical_dev_server::{Hidden, KubernetesApi};
use serde::Deserialize;

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

/// The API server of the current context. A user without a token reviews nothing; then logins review themselves.
pub fn read(path: &Path) -> anyhow::Result<KubernetesApi> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let config: Kubeconfig = serde_yaml::from_str(&text).map_err(|_| anyhow!("{} is no kubeconfig", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let context = config.contexts.iter().find(|context| context.name == config.current_context);
    let context = &context.ok_or_else(|| anyhow!("{}: current-context is not among the contexts", path.display()))?.context;
    let cluster = config.clusters.iter().find(|cluster| cluster.name == context.cluster);
    let cluster = &cluster.ok_or_else(|| anyhow!("{}: the context's cluster is missing", path.display()))?.cluster;
    let ca_pem = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => {
            let bytes = STANDARD.decode(data).context("certificate-authority-data")?;
            Some(String::from_utf8(bytes).context("certificate-authority-data")?)
        }
        (None, Some(file)) => Some(std::fs::read_to_string(folder.join(file)).context("certificate-authority")?),
        (None, None) => None,
    };
    let user = config.users.into_iter().find(|user| user.name == context.user).map(|user| user.user).unwrap_or_default();
    let reviewer_token = match (user.token, user.token_file) {
        (Some(token), _) => Some(token),
        (None, Some(file)) => Some(std::fs::read_to_string(folder.join(file)).context("tokenFile")?.trim().into()),
        (None, None) => None,
    };
    Ok(KubernetesApi { url: cluster.server.clone(), ca_pem, insecure: cluster.insecure_skip_tls_verify, reviewer_token })
}
