//! Who makes the credentials of leases.
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::database::Database;
use super::kubernetes::{self, KubernetesInputs};
use crate::errors::ApiError;
use crate::server::Shared;

/// A provider with its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Users of a database that exists only here.
    Database(Database),
    /// Service account tokens of a cluster.
    Kubernetes(KubernetesInputs),
}

impl Provider {
    /// The type as the API names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Database(_) => "sql-database",
            Self::Kubernetes(_) => "kubernetes",
        }
    }
}

/// What is wanted of a provider.
pub(crate) struct Order<'a> {
    /// When the lease ends.
    pub expires: Timestamp,
    pub now: Timestamp,
    /// What the client sent.
    pub config: &'a Value,
}

/// Credentials.
pub(crate) struct Made {
    /// The provider's own name for them.
    pub entity: String,
    /// For the client, once.
    pub data: Value,
}

/// Makes credentials.
pub(crate) async fn create(shared: &Shared, provider: &Provider, order: Order<'_>) -> Result<Made, ApiError> {
    match provider {
        Provider::Database(database) => database.create(&mut shared.state.write()),
        Provider::Kubernetes(inputs) => {
            let failed = |error: String| ApiError::bad_request(format!("Failed to create lease from provider: {error}"));
            kubernetes::create(inputs, shared.cluster.as_ref(), &order).await.map_err(failed)
        }
    }
}

/// Takes credentials back.
pub(crate) async fn revoke(shared: &Shared, provider: &Provider, entity: &str, config: &Value) -> Result<(), ApiError> {
    match provider {
        Provider::Database(_) => Database::revoke(&mut shared.state.write(), entity),
        Provider::Kubernetes(inputs) => {
            let failed = |error: String| ApiError::bad_request(format!("Failed to revoke lease from provider: {error}"));
            kubernetes::revoke(inputs, shared.cluster.as_ref(), entity, config).await.map_err(failed)
        }
    }
}
