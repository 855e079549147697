//! The Kubernetes provider, against a real API server: tokens of a service account that is there (static), or of one made
//! for the lease and bound to a role (dynamic). Revoking deletes what was made; a token of a static account lives to its end.
use std::time::Duration;

use rand::Rng;
use rand::distr::Uniform;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::provider::{Made, Order};
use crate::hidden::Hidden;
use crate::server::KubernetesApi;

const PATIENCE: Duration = Duration::from_secs(10);

/// Whose token a lease is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialType {
    /// A service account that exists.
    #[default]
    Static,
    /// One made for the lease.
    Dynamic,
}

/// What a made service account is bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleType {
    /// A Role of its namespace.
    #[default]
    Role,
    /// A ClusterRole, in the whole cluster.
    ClusterRole,
}

/// The inputs, under the API's own names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubernetesInputs {
    /// Address of the API server; the one that the dev server was started with if absent.
    pub url: Option<String>,
    /// Token with the right to make what is needed; the dev server's own if absent.
    pub cluster_token: Option<Hidden>,
    /// Authority of the API server, in PEM.
    pub ca: Option<String>,
    /// Checks the API server's certificate.
    pub ssl_enabled: bool,
    /// Static or dynamic.
    pub credential_type: CredentialType,
    /// The service account of static credentials.
    pub service_account_name: String,
    /// Its namespace; for dynamic credentials those that are allowed, joined by commas.
    pub namespace: String,
    /// Audiences of the tokens; that of the API server if empty.
    pub audiences: Vec<String>,
    /// The role of dynamic credentials.
    pub role: String,
    /// What kind of role.
    pub role_type: RoleType,
}

/// The API server, as these inputs reach it.
struct Api {
    client: reqwest::Client,
    url: String,
    token: Hidden,
}

impl Api {
    fn new(inputs: &KubernetesInputs, own: Option<&KubernetesApi>) -> Result<Self, String> {
        let url = inputs.url.clone().or_else(|| own.map(|own| own.url.clone())).ok_or("no cluster URL")?;
        let token = inputs.cluster_token.clone().or_else(|| own.and_then(|own| own.reviewer_token.clone())).ok_or("no cluster token")?;
        let (ca, insecure) = match (&inputs.url, own) {
            (None, Some(own)) => (own.ca_pem.clone(), own.insecure),
            _ => (inputs.ca.clone(), !inputs.ssl_enabled),
        };
        let mut client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
        if let Some(pem) = ca {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).map_err(|_| "the CA is no PEM")?;
            client = client.tls_certs_only(certificates);
        }
        let client = client.tls_danger_accept_invalid_certs(insecure).build().map_err(|_| "no HTTP client can be made")?;
        Ok(Self { client, url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The answer's body; None: 404.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Option<Value>, String> {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|_| "the API server can't be reached".to_owned())?;
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let body: Value = response.json().await.map_err(|_| "the API server's answer can't be understood".to_owned())?;
        if status.is_success() {
            return Ok(Some(body));
        }
        Err(body.get("message").and_then(Value::as_str).unwrap_or("refused by the API server").to_owned())
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.send(Method::POST, path, Some(body)).await?.ok_or_else(|| format!("{path} is not there"))
    }

    async fn token(&self, namespace: &str, account: &str, inputs: &KubernetesInputs, seconds: i64) -> Result<Value, String> {
        let mut spec = json!({ "expirationSeconds": seconds });
        if let (false, Some(spec)) = (inputs.audiences.is_empty(), spec.as_object_mut()) {
            spec.insert("audiences".to_owned(), json!(inputs.audiences));
        }
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let answer = self.post(&format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"), body).await?;
        answer.pointer("/status/token").cloned().ok_or_else(|| "the API server gave no token".to_owned())
    }

    async fn make_account(&self, inputs: &KubernetesInputs, namespace: &str, account: &str) -> Result<(), String> {
        let account_object = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": account } });
        self.post(&format!("/api/v1/namespaces/{namespace}/serviceaccounts"), account_object).await?;
        let (binding, role) = match inputs.role_type {
            RoleType::Role => ("RoleBinding", "Role"),
            RoleType::ClusterRole => ("ClusterRoleBinding", "ClusterRole"),
        };
        let body = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": binding,
            "metadata": { "name": binding_name(account) },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": inputs.role },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": namespace }],
        });
        self.post(&bindings(inputs.role_type, namespace), body).await.map(drop)
    }

    async fn drop_account(&self, inputs: &KubernetesInputs, namespace: &str, account: &str) -> Result<(), String> {
        let binding = format!("{}/{}", bindings(inputs.role_type, namespace), binding_name(account));
        self.send(Method::DELETE, &binding, None).await?;
        self.send(Method::DELETE, &format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}"), None).await.map(drop)
    }
}

fn binding_name(account: &str) -> String {
    format!("{account}-role-binding")
}

fn bindings(role_type: RoleType, namespace: &str) -> String {
    match role_type {
        RoleType::Role => format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"),
        RoleType::ClusterRole => "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings".to_owned(),
    }
}

/// The namespace of a lease: the one that the client asked for, else the first that is allowed.
fn namespace<'a>(inputs: &'a KubernetesInputs, config: &'a Value) -> Result<&'a str, String> {
    if inputs.credential_type == CredentialType::Static {
        return Ok(inputs.namespace.trim());
    }
    let mut allowed = inputs.namespace.split(',').map(str::trim).filter(|name| !name.is_empty());
    match config.get("namespace").and_then(Value::as_str) {
        Some(asked) if allowed.clone().any(|name| name == asked) => Ok(asked),
        Some(asked) => Err(format!("Namespace {asked} is not allowed. Allowed namespaces: {}", inputs.namespace)),
        None => allowed.next().ok_or_else(|| "no namespace".to_owned()),
    }
}

pub(super) async fn create(inputs: &KubernetesInputs, own: Option<&KubernetesApi>, order: &Order<'_>) -> Result<Made, String> {
    let api = Api::new(inputs, own)?;
    let namespace = namespace(inputs, order.config)?;
    let seconds = order.expires.duration_since(order.now).as_secs();
    let (account, token) = match inputs.credential_type {
        CredentialType::Static => {
            let account = inputs.service_account_name.clone();
            let token = api.token(namespace, &account, inputs, seconds).await?;
            (account, token)
        }
        CredentialType::Dynamic => {
            let letters = Uniform::new_inclusive(b'a', b'z').map_err(|_| "no random letters")?;
            let random: String = rand::rng().sample_iter(letters).take(10).map(char::from).collect();
            let account = format!("dynamic-secret-sa-{random}");
            let made = match api.make_account(inputs, namespace, &account).await {
                Ok(()) => api.token(namespace, &account, inputs, seconds).await,
                Err(error) => Err(error),
            };
            match made {
                Ok(token) => (account, token),
                Err(error) => {
                    // What was made before the failure goes; where that fails too, the first failure says more.
                    drop(api.drop_account(inputs, namespace, &account).await);
                    return Err(error);
                }
            }
        }
    };
    Ok(Made { entity: account, data: json!({ "TOKEN": token }) })
}

pub(super) async fn revoke(inputs: &KubernetesInputs, own: Option<&KubernetesApi>, account: &str, config: &Value) -> Result<(), String> {
    match inputs.credential_type {
        CredentialType::Static => Ok(()),
        CredentialType::Dynamic => Api::new(inputs, own)?.drop_account(inputs, namespace(inputs, config)?, account).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_is_the_one_asked_for_if_it_is_allowed() {
        let inputs =
            KubernetesInputs { credential_type: CredentialType::Dynamic, namespace: "a, b".to_owned(), ..KubernetesInputs::default() };
        assert_eq!(namespace(&inputs, &Value::Null), Ok("a"));
        assert_eq!(namespace(&inputs, &json!({ "namespace": "b" })), Ok("b"));
        let refused = namespace(&inputs, &json!({ "namespace": "c" })).unwrap_err();
        assert_eq!(refused, "Namespace c is not allowed. Allowed namespaces: a, b");
    }
}
