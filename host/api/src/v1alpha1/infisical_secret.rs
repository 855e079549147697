//! InfisicalSecret: secrets of Infisical as Secrets and ConfigMaps.
use super::{
    KubeSecretReference, MachineIdentityScope, ManagedKubeConfigMapConfig, ManagedKubeSecretConfig, PluginInput, ServiceAccountRef,
    ServiceTokenScope, TlsConfig, shared::free_object,
};
use crate::{
    lenient::{absent_is_default, any_integer},
    status::Status,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What to read from Infisical, as whom, and where to put it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "InfisicalSecret",
    plural = "infisicalsecrets",
    singular = "infisicalsecret",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "Keeps Secrets and ConfigMaps in step with the secrets of an Infisical project.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(
        name = "Synced",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/ReadyToSyncSecrets\")].status"
    ),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalSecretSpec {
    /// Deprecated: where a service token is. Use `authentication.serviceToken.serviceTokenSecretReference`.
    pub token_secret_reference: Option<KubeSecretReference>,
    /// How to log in. Fill one block; of several the first in the order of this list is used.
    pub authentication: Option<Authentication>,
    /// The Secret to keep. Either this or `managedKubeSecretReferences`.
    pub managed_secret_reference: Option<ManagedKubeSecretConfig>,
    /// The Secrets to keep. Either these or `managedSecretReference`.
    pub managed_kube_secret_references: Option<Vec<ManagedKubeSecretConfig>>,
    /// The ConfigMaps to keep.
    pub managed_kube_config_map_references: Option<Vec<ManagedKubeConfigMapConfig>>,
    /// Deprecated: seconds between two reads. Use `syncConfig.resyncInterval`.
    #[serde(default, deserialize_with = "any_integer")]
    pub resync_interval: Option<i64>,
    /// Deprecated: use `syncConfig.instantUpdates`.
    pub instant_updates: Option<bool>,
    /// How often to read. Replaces `resyncInterval` and `instantUpdates` where it is present.
    pub sync_config: Option<SyncConfig>,
    /// Address of the Infisical server, with or without `/api`.
    #[serde(rename = "hostAPI")]
    pub host_api: Option<String>,
    /// How to know the server.
    pub tls: Option<TlsConfig>,
}

absent_is_default!(InfisicalSecretSpec);

/// How often to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncConfig {
    /// Follow changes at the server as they happen.
    pub instant_updates: Option<bool>,
    /// Time between two reads: a whole number and one of the units s, m, h, d, w, for example `30s`. At least `5s`, `60s` by
    /// default, as for `0s`.
    pub resync_interval: Option<String>,
}

/// The login methods, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// Deprecated by Infisical: a service token.
    pub service_token: Option<ServiceTokenAuth>,
    /// No longer served by Infisical: an account with end-to-end encryption. Use a machine identity.
    pub service_account: Option<ServiceAccountAuth>,
    /// A machine identity with client id and client secret.
    pub universal_auth: Option<UniversalAuth>,
    /// A machine identity that a ServiceAccount proves.
    pub kubernetes_auth: Option<KubernetesAuth>,
    /// A machine identity that an AWS principal proves.
    pub aws_iam_auth: Option<AwsIamAuth>,
    /// A machine identity that an Azure managed identity proves.
    pub azure_auth: Option<AzureAuth>,
    /// A machine identity that the instance's Google service account proves.
    pub gcp_id_token_auth: Option<GcpIdTokenAuth>,
    /// A machine identity that the key of a Google service account proves.
    pub gcp_iam_auth: Option<GcpIamAuth>,
    /// A machine identity that an LDAP user proves.
    pub ldap_auth: Option<LdapAuth>,
    /// Any other login, by the name of its plugin.
    pub plugin: Option<PluginAuth>,
}

/// A service token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTokenAuth {
    /// A Secret with the key `infisicalToken`.
    #[schemars(required)]
    pub service_token_secret_reference: Option<KubeSecretReference>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<ServiceTokenScope>,
}

/// A legacy account with end-to-end encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountAuth {
    /// A Secret with the keys `serviceAccountAccessKey`, `serviceAccountPublicKey`, `serviceAccountPrivateKey`.
    #[schemars(required)]
    pub service_account_secret_reference: Option<KubeSecretReference>,
    /// Id of the project.
    #[schemars(required)]
    pub project_id: Option<String>,
    /// Slug of the environment.
    #[schemars(required)]
    pub environment_name: Option<String>,
}

/// Client id and client secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UniversalAuth {
    /// A Secret with the keys `clientId` and `clientSecret`.
    #[schemars(required)]
    pub credentials_ref: Option<KubeSecretReference>,
    /// Not used: the client id says who logs in.
    pub identity_id: Option<String>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// A ServiceAccount's token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Whose token proves it.
    #[schemars(required)]
    pub service_account_ref: Option<ServiceAccountRef>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
    /// Request a short-lived token. Without it the ServiceAccount must list a Secret with a long-lived one, which clusters
    /// since 1.24 don't make by themselves.
    pub auto_create_service_account_token: Option<bool>,
    /// Audiences of the requested token.
    pub service_account_token_audiences: Option<Vec<String>>,
}

/// The operator's AWS principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIamAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// The operator's Azure managed identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Audience of the token, `https://management.azure.com/` by default. May end in `&client_id=ID`.
    pub resource: Option<String>,
    /// Client id of a user-assigned managed identity.
    pub azure_managed_identity_client_id: Option<String>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// The Google service account of the operator's instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIdTokenAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// The key of a Google service account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIamAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Path of the key file in the operator's pod. The operator's environment or the instance's own account by default.
    pub service_account_key_file_path: Option<String>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// An LDAP user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LdapAuth {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// A Secret with the keys `username` and `password`.
    #[schemars(required)]
    pub credentials_ref: Option<KubeSecretReference>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}

/// A login by plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginAuth {
    /// Name of the plugin.
    #[schemars(required)]
    pub name: Option<String>,
    /// Settings of the plugin, after the schema that it declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub settings: Option<Map<String, Value>>,
    /// Inputs of the plugin.
    pub inputs: Option<Vec<PluginInput>>,
    /// The ServiceAccount whose tokens the plugin may ask for.
    pub service_account_ref: Option<ServiceAccountRef>,
    /// What to read.
    #[schemars(required)]
    pub secrets_scope: Option<MachineIdentityScope>,
}
