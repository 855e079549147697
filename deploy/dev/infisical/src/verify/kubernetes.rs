//! Kubernetes auth: the service account token of a pod, judged by the API server itself through a TokenReview.
//!
//! The review is asked for with the identity's reviewer token, else the configured one, else with the very token that
//! logs in, whose service account then needs `system:auth-delegator`. Every refusal names its cause as the real server
//! does; the token is in no message.
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::hidden::Hidden;
use crate::input::Input;
use crate::server::{Shared, StartError};
use crate::state::identity::KubernetesAuth;
use crate::state::permission::matches;

/// As the real server waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// The newest server's limit of a token, in bytes.
const TOKEN_LIMIT: usize = 8192;

/// The API server that judges service account tokens.
#[derive(Clone, Debug, Default)]
pub struct KubernetesApi {
    /// For example `https://127.0.0.1:6443`.
    pub url: String,
    /// Its authority's certificates in PEM; the system's roots if absent.
    pub ca_pem: Option<String>,
    /// Takes any certificate.
    pub insecure: bool,
    /// Token that may create TokenReviews; without one the login's own token is used.
    pub reviewer_token: Option<Hidden>,
}

/// A client of that API server.
pub(crate) struct Reviewer {
    client: reqwest::Client,
    url: String,
    token: Option<Hidden>,
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    error: Option<String>,
    user: User,
    audiences: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    uid: String,
    username: String,
}

impl Reviewer {
    pub(crate) fn new(api: &KubernetesApi) -> Result<Self, StartError> {
        let mut client = reqwest::Client::builder().timeout(PATIENCE).no_proxy();
        if let Some(pem) = &api.ca_pem {
            client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem.as_bytes())?);
        }
        let client = client.tls_danger_accept_invalid_certs(api.insecure).build()?;
        let url = format!("{}/apis/authentication.k8s.io/v1/tokenreviews", api.url.trim_end_matches('/'));
        Ok(Self { client, url, token: api.reviewer_token.clone() })
    }

    async fn review(&self, auth: &KubernetesAuth, jwt: &str) -> Result<Status, ApiError> {
        let mut spec = json!({ "token": jwt });
        if let (false, Some(spec)) = (auth.allowed_audience.is_empty(), spec.as_object_mut()) {
            spec.insert("audiences".to_owned(), json!([auth.allowed_audience]));
        }
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec });
        let bearer = auth.reviewer_token.as_ref().or(self.token.as_ref()).map_or(jwt, Hidden::expose);
        let response = self.client.post(&self.url).bearer_auth(bearer).json(&body).send().await.map_err(|error| unreachable(&error))?;
        let refused = |name, message: &str| ApiError::unauthorized(message).named(name);
        match response.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED => {
                return Err(refused(
                    "KubernetesTokenReviewerUnauthorized",
                    "The token reviewer is not accepted by the Kubernetes API server",
                ));
            }
            StatusCode::FORBIDDEN => {
                return Err(refused(
                    "KubernetesTokenReviewerForbidden",
                    "The token reviewer may not create token reviews (system:auth-delegator)",
                ));
            }
            status => {
                let message = format!("The Kubernetes API server answered a token review with {}", status.as_u16());
                return Err(ApiError::bad_request(message).named("KubernetesTokenReviewFailed"));
            }
        }
        let review: Review = response.json().await.map_err(|error| unreachable(&error))?;
        match review.status {
            Status { error: Some(error), .. } if !error.is_empty() => {
                Err(refused("KubernetesTokenReviewError", &format!("The token review failed: {error}")))
            }
            Status { authenticated: false, .. } => Err(ApiError::unauthorized("Kubernetes token not authenticated")),
            status => Ok(status),
        }
    }
}

fn unreachable(error: &reqwest::Error) -> ApiError {
    let (name, message) = if error.is_timeout() {
        ("KubernetesConnectionTimeout", "The Kubernetes API server did not answer in time")
    } else if error.is_connect() {
        ("KubernetesConnectionRefused", "The Kubernetes API server can't be reached")
    } else {
        ("KubernetesConnectionError", "The Kubernetes API server's answer can't be understood")
    };
    ApiError::bad_request(message).named(name)
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let jwt = input.required("jwt");
    if jwt.len() > TOKEN_LIMIT {
        input.issue("jwt", "String must contain at most 8192 character(s)");
    }
    input.finish()?;

    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id.trim(), "Kubernetes", |identity| identity.kubernetes.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    let Some(reviewer) = &shared.reviewer else {
        let message = "The server was started without a Kubernetes API server to ask";
        return Err(ApiError::bad_request(message).named("KubernetesConnectionRefused"));
    };
    let status = reviewer.review(&auth, jwt.trim()).await?;
    let (namespace, name) = service_account(&status.user.username).ok_or_else(|| {
        ApiError::bad_request("The reviewed user name is not that of a service account").named("KubernetesUsernameParseError")
    })?;
    for (list, found, what) in [(&auth.allowed_namespaces, namespace, "namespace"), (&auth.allowed_names, name, "name")] {
        if !list.is_empty() && !list.split(',').any(|glob| matches(glob.trim(), found)) {
            return Err(ApiError::unauthorized(format!("Access denied: K8s {what} not allowed.")));
        }
    }
    if !auth.allowed_audience.is_empty() && !status.audiences.contains(&auth.allowed_audience) {
        return Err(ApiError::unauthorized("Access denied: K8s audience not allowed."));
    }
    let details = json!({ "kubernetes": { "namespace": namespace, "name": name, "uid": status.user.uid } });
    let login = Login { method: "kubernetes-auth", organization, bounds: auth.bounds, client_secret_id: None, identity_auth: details };
    Ok(Proven { identity, login })
}

fn service_account(username: &str) -> Option<(&str, &str)> {
    let (namespace, name) = username.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    (!namespace.is_empty() && !name.is_empty() && !name.contains(':')).then_some((namespace, name))
}
