//! InfisicalAuth: a login at a server.
use super::{ObjectReference, SecretReference};
use crate::{lenient::absent_is_default, status::Status, v1alpha1::PluginIdentity};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How to log in, and where.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1beta1",
    kind = "InfisicalAuth",
    plural = "infisicalauths",
    singular = "infisicalauth",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "A machine identity's login at a server of Infisical.",
    printcolumn(name = "Connection", type_ = "string", json_path = ".spec.infisicalConnectionRef.name"),
    printcolumn(name = "Method", type_ = "string", json_path = ".spec.method"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/IsReady\")].status"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalAuthSpec {
    /// The server. The global one by default.
    pub infisical_connection_ref: Option<ObjectReference>,
    /// Which block below is used; the others are not looked at.
    #[schemars(required, extend("enum" = ["universal", "kubernetes", "aws-iam", "azure", "gcp-id-token", "gcp-iam", "ldap", "jwt", "plugin"]))]
    pub method: Option<String>,
    /// Client id and client secret.
    pub universal: Option<Universal>,
    /// A ServiceAccount's token.
    pub kubernetes: Option<Kubernetes>,
    /// The operator's AWS principal.
    pub aws_iam: Option<AwsIam>,
    /// The operator's Azure managed identity.
    pub azure: Option<Azure>,
    /// The Google service account of the operator's instance.
    pub gcp_id_token: Option<GcpIdToken>,
    /// The key of a Google service account.
    pub gcp_iam: Option<GcpIam>,
    /// An LDAP user.
    pub ldap: Option<Ldap>,
    /// A JSON Web Token of any issuer.
    pub jwt: Option<Jwt>,
    /// Any other login, by the name of its plugin.
    pub plugin: Option<PluginIdentity>,
}

absent_is_default!(InfisicalAuthSpec);

/// Client id and client secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Universal {
    /// Where the client id is.
    #[schemars(required)]
    pub client_id_ref: Option<SecretReference>,
    /// Where the client secret is.
    #[schemars(required)]
    pub client_secret_ref: Option<SecretReference>,
}

/// A ServiceAccount's token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kubernetes {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
    /// Whose token proves it. A short-lived one is requested.
    #[schemars(required)]
    pub service_account_ref: Option<ObjectReference>,
    /// Audiences of the requested token.
    pub service_account_token_audiences: Option<Vec<String>>,
}

/// The operator's AWS principal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsIam {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
}

/// The operator's Azure managed identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Azure {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
    /// Audience of the token, `https://management.azure.com/` by default. May end in `&client_id=ID`.
    pub resource: Option<String>,
    /// Client id of a user-assigned managed identity.
    pub azure_managed_identity_client_id: Option<String>,
}

/// The Google service account of the operator's instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIdToken {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
}

/// The key of a Google service account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpIam {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
    /// Path of the key file in the operator's pod.
    pub service_account_key_file_path: Option<String>,
}

/// An LDAP user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ldap {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
    /// Where the user name is.
    #[schemars(required)]
    pub username_ref: Option<SecretReference>,
    /// Where the password is.
    #[schemars(required)]
    pub password_ref: Option<SecretReference>,
}

/// A JSON Web Token of any issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Jwt {
    /// Where the id of the machine identity is.
    #[schemars(required)]
    pub identity_id_ref: Option<SecretReference>,
    /// Where the token is.
    #[schemars(required)]
    pub jwt_ref: Option<SecretReference>,
}
