//! Azure on loopback: the metadata service of a machine (IMDS), and Entra's token endpoint and key sets for one tenant.
//!
//! Tokens are Entra's of version 1, which is what the resources of Azure's own management get. Projected tokens are verified
//! by the keys of the issuer that they name, and must match a federated credential word for word.
mod entra;
mod imds;
mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub use self::tenant::{Application, FederatedCredential, ManagedIdentity, Tenant};
use super::{CloudError, Loopback, Shared, SigningKey};
use crate::clock::Clock;
use crate::verify::Issuers;

/// Azure, running; it ends when this is dropped.
pub struct Azure {
    loopback: Loopback,
    services: Arc<Services>,
}

struct Services {
    shared: Shared<Tenant>,
    key: SigningKey,
    issuers: Issuers,
}

type State = axum::extract::State<Arc<Services>>;

impl Azure {
    /// Starts; from here on requests are answered.
    ///
    /// # Errors
    /// No port, no key.
    pub async fn start(tenant: Tenant) -> Result<Self, CloudError> {
        let services = Arc::new(Services {
            shared: Shared::new(tenant),
            key: SigningKey::new("accounts.accesscontrol.windows.net")?,
            issuers: Issuers::new()?,
        });
        let routes = Router::new()
            .route("/metadata/identity/oauth2/token", get(imds::token))
            .route("/{tenant}/oauth2/v2.0/token", post(entra::token))
            .route("/{tenant}/discovery/keys", get(entra::keys))
            .with_state(services.clone());
        Ok(Self { loopback: Loopback::serve(routes).await?, services })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        self.loopback.url()
    }

    /// What clients must be led here for, each with [`Azure::url`].
    #[must_use]
    pub fn origins(&self) -> Vec<(String, String)> {
        ["http://169.254.169.254", "https://login.microsoftonline.com"].map(|origin| (origin.to_owned(), self.url())).into()
    }

    /// Looks at the tenant, or changes it. The services wait meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Tenant) -> T) -> T {
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

    /// An access token of this tenant with claims of the caller's choice: for tests of whoever verifies them.
    ///
    /// # Errors
    /// It can't be signed.
    pub fn token(&self, claims: &serde_json::Value) -> Result<String, CloudError> {
        self.services.key.sign(claims)
    }
}
