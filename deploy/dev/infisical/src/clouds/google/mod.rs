//! Google Cloud on loopback: the metadata server of an instance, the API that signs for service accounts, and the
//! certificates by which tokens are verified.
mod iam_credentials;
mod metadata;
mod project;

use std::sync::Arc;

use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

pub use self::project::{Instance, Project, ServiceAccount};
use super::{CloudError, Loopback, Shared, SigningKey};
use crate::clock::Clock;

/// Google Cloud, running; it ends when this is dropped.
pub struct Google {
    loopback: Loopback,
    services: Arc<Services>,
}

struct Services {
    shared: Shared<Project>,
    /// Signs id tokens.
    key: SigningKey,
}

type State = axum::extract::State<Arc<Services>>;

impl Google {
    /// Starts; from here on requests are answered.
    ///
    /// # Errors
    /// No port, no key.
    pub async fn start(project: Project) -> Result<Self, CloudError> {
        let services =
            Arc::new(Services { shared: Shared::new(project), key: SigningKey::new("federated-signon.system.gserviceaccount.com")? });
        let routes = Router::new()
            .route("/computeMetadata/v1/instance/service-accounts/default/{what}", get(metadata::answer))
            .route("/v1/projects/-/serviceAccounts/{what}", post(iam_credentials::sign_jwt))
            .route("/oauth2/v1/certs", get(federated_certificates))
            .route("/service_accounts/v1/metadata/x509/{email}", get(certificates))
            .with_state(services.clone());
        Ok(Self { loopback: Loopback::serve(routes).await?, services })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        self.loopback.url()
    }

    /// What clients must be led here for, each with [`Google::url`].
    #[must_use]
    pub fn origins(&self) -> Vec<(String, String)> {
        ["http://169.254.169.254", "https://iamcredentials.googleapis.com"].map(|origin| (origin.to_owned(), self.url())).into()
    }

    /// Looks at the project, or changes it. The services wait meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Project) -> T) -> T {
        self.services.shared.change(change)
    }

    /// The clock of all services.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.services.shared.clock
    }

    /// What was asked so far: method and path of each request, without queries.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.services.shared.asked()
    }

    /// An id token with claims of the caller's choice: for tests of whoever verifies them.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn id_token(&self, claims: &serde_json::Value) -> Result<String, CloudError> {
        self.services.key.sign(claims)
    }

    /// The same signed by a service account, with the key that Google holds for it.
    ///
    /// # Errors
    /// There is no such account, or it can't be signed.
    pub fn account_token(&self, email: &str, claims: &serde_json::Value) -> Result<String, CloudError> {
        let key = self.services.shared.read(|project| project.signing_key(email));
        key.ok_or(CloudError::NoAccount)?.sign(claims)
    }
}

async fn federated_certificates(Extracted(services): State) -> Response {
    Json(json!({ services.key.id.as_str(): services.key.certificate_pem() })).into_response()
}

async fn certificates(Extracted(services): State, Path(email): Path<String>) -> Response {
    match services.shared.read(|project| project.certificates(&email)) {
        Some(certificates) => Json(certificates).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
