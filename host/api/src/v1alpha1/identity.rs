//! Logging in as a machine identity, for kinds that say elsewhere what they read or write: the blocks of an InfisicalSecret
//! without a scope.
use super::{KubeSecretReference, PluginInput, ServiceAccountRef, free_object};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The login methods, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IdentityAuthentication {
    /// A machine identity with client id and client secret.
    pub universal_auth: Option<UniversalIdentity>,
    /// A machine identity that a ServiceAccount proves.
    pub kubernetes_auth: Option<KubernetesIdentity>,
    /// A machine identity that an AWS principal proves.
    pub aws_iam_auth: Option<AwsIamIdentity>,
    /// A machine identity that an Azure managed identity proves.
    pub azure_auth: Option<AzureIdentity>,
    /// A machine identity that the instance's Google service account proves.
    pub gcp_id_token_auth: Option<GcpIdTokenIdentity>,
    /// A machine identity that the key of a Google service account proves.
    pub gcp_iam_auth: Option<GcpIamIdentity>,
    /// A machine identity that an LDAP user proves.
    pub ldap_auth: Option<LdapIdentity>,
    /// Any other login, by the name of its plugin.
    pub plugin: Option<PluginIdentity>,
}

/// Client id and client secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UniversalIdentity {
    /// A Secret with the keys `clientId` and `clientSecret`.
    #[schemars(required)]
    pub credentials_ref: Option<KubeSecretReference>,
    /// Not used: the client id says who logs in.
    pub identity_id: Option<String>,
}

/// A ServiceAccount's token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Whose token proves it.
    #[schemars(required)]
    pub service_account_ref: Option<ServiceAccountRef>,
    /// Request a short-lived token. Without it the ServiceAccount must list a Secret with a long-lived one, which clusters
    /// since 1.24 don't make by themselves.
    pub auto_create_service_account_token: Option<bool>,
    /// Audiences of the requested token.
    pub service_account_token_audiences: Option<Vec<String>>,
}

/// The operator's AWS principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIamIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
}

/// The operator's Azure managed identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Audience of the token, `https://management.azure.com/` by default. May end in `&client_id=ID`.
    pub resource: Option<String>,
    /// Client id of a user-assigned managed identity.
    pub azure_managed_identity_client_id: Option<String>,
}

/// The Google service account of the operator's instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIdTokenIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
}

/// The key of a Google service account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIamIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// Path of the key file in the operator's pod. The operator's environment or the instance's own account by default.
    pub service_account_key_file_path: Option<String>,
}

/// An LDAP user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LdapIdentity {
    /// Id of the machine identity.
    #[schemars(required)]
    pub identity_id: Option<String>,
    /// A Secret with the keys `username` and `password`.
    #[schemars(required)]
    pub credentials_ref: Option<KubeSecretReference>,
}

/// A login by plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginIdentity {
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
}
