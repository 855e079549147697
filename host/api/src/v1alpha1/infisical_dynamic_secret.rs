//! InfisicalDynamicSecret: a lease of a dynamic secret of Infisical as a Secret.
use super::{IdentityAuthentication, ManagedKubeSecretConfig, TlsConfig};
use crate::{
    lenient::absent_is_default,
    status::{Conditions, null_is_empty},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which dynamic secret to lease, as whom, for how long, and where to put its credentials.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "InfisicalDynamicSecret",
    plural = "infisicaldynamicsecrets",
    singular = "infisicaldynamicsecret",
    namespaced,
    status = "DynamicSecretStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Keeps a lease of a dynamic secret of Infisical, and its credentials as a Secret.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Lease", type_ = "string", json_path = ".status.lease.id", priority = 1),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.lease.expiresAt", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalDynamicSecretSpec {
    /// How to log in. Fill one block; of several the first in the order of this list is used.
    #[schemars(required)]
    pub authentication: Option<IdentityAuthentication>,
    /// The dynamic secret in Infisical.
    #[schemars(required)]
    pub dynamic_secret: Option<DynamicSecretDetails>,
    /// How long a lease lasts: a whole number and one of the units s, m, h, d, for example `1h`. At least `5s`, at most `1d`, and
    /// less than the dynamic secret's own maximum; what the dynamic secret says by default.
    #[serde(rename = "leaseTTL")]
    pub lease_ttl: Option<String>,
    /// `Revoke`: leases are revoked when this resource is deleted, and when another one takes their place. `None`, the default:
    /// they live until they expire.
    pub lease_revocation_policy: Option<String>,
    /// The Secret for the credentials. Its `template` is not used.
    #[schemars(required)]
    pub managed_secret_reference: Option<ManagedKubeSecretConfig>,
    /// Address of the Infisical server, with or without `/api`.
    #[serde(rename = "hostAPI")]
    pub host_api: Option<String>,
    /// How to know the server.
    pub tls: Option<TlsConfig>,
}

absent_is_default!(InfisicalDynamicSecretSpec);

/// A dynamic secret in Infisical.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynamicSecretDetails {
    /// Name of the dynamic secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Its folder, `/` for the root.
    #[schemars(required)]
    pub secrets_path: Option<String>,
    /// Slug of its environment, for example `prod`.
    #[schemars(required)]
    pub environment_slug: Option<String>,
    /// Id of its project. Either this or `projectSlug`.
    pub project_id: Option<String>,
    /// Slug of its project. Either this or `projectId`.
    pub project_slug: Option<String>,
    /// Of a dynamic secret of the Kubernetes provider that allows several namespaces: the one for this lease. The first of them by
    /// default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_namespace: Option<String>,
}

/// How it went, and the lease that is held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynamicSecretStatus {
    /// `Ready` says it all; the others are those of the peer.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The lease whose credentials are in the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseStatus>,
    /// Id of the dynamic secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_secret_id: Option<String>,
    /// The dynamic secret's own limit to the life of a lease.
    #[serde(rename = "maxTTL", skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<String>,
    /// Leases that another one took the place of and that are still to be revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded: Option<Vec<SupersededLease>>,
    /// Since when a lease is being made. What is made and not recorded because the operator ended is found again by this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_requested_at: Option<Time>,
}

impl Conditions for DynamicSecretStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

/// A lease.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseStatus {
    /// Its id.
    #[schemars(required)]
    pub id: Option<String>,
    /// Always 0, as the peer writes it.
    #[schemars(required)]
    pub version: Option<i64>,
    /// When it was made.
    #[schemars(required)]
    pub creation_timestamp: Option<Time>,
    /// When it expires.
    #[schemars(required)]
    pub expires_at: Option<Time>,
    /// How long it lasts after it was made, or by its last renewal, for example `3600s`. Not known of leases of the peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<String>,
    /// What it is a lease of; as the spec says where this is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<LeaseSource>,
    /// Value of the annotation `secrets.infisical.com/reroll` for which it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reroll: Option<String>,
}

/// The dynamic secret that a lease was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaseSource {
    /// Address of the server.
    pub server: Option<String>,
    /// Id of the project, where the spec said it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Slug of the project.
    pub project_slug: Option<String>,
    /// Slug of the environment.
    pub environment_slug: Option<String>,
    /// Folder.
    pub secrets_path: Option<String>,
    /// Name of the dynamic secret.
    pub secret_name: Option<String>,
    /// Namespace that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_namespace: Option<String>,
}

/// A lease that is to be revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SupersededLease {
    /// Its id.
    #[schemars(required)]
    pub id: Option<String>,
    /// When another one took its place.
    pub since: Option<Time>,
    /// When it expires by itself.
    pub expires_at: Option<Time>,
    /// What it is a lease of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<LeaseSource>,
}
