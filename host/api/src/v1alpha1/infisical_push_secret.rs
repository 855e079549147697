//! InfisicalPushSecret: keys of a Secret, and generated values, as secrets of Infisical.
use super::{IdentityAuthentication, SecretTemplate, TlsConfig};
use crate::{
    lenient::absent_is_default,
    status::{Conditions, null_is_empty},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to write to Infisical, as whom, and where.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "InfisicalPushSecret",
    plural = "infisicalpushsecrets",
    singular = "infisicalpushsecret",
    namespaced,
    status = "PushSecretStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "Writes keys of a Secret, and generated values, to a folder of Infisical.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalPushSecretSpec {
    /// The folder in Infisical.
    #[schemars(required)]
    pub destination: Option<PushDestination>,
    /// What to write.
    #[schemars(required)]
    pub push: Option<PushSource>,
    /// `Replace`: secrets that are in the folder already are overwritten. `None`, the default: they stay as they are, and only
    /// those that this resource made are kept.
    pub update_policy: Option<String>,
    /// `Delete`: what this resource wrote is deleted in Infisical when the resource is. `None`, the default: it stays.
    pub deletion_policy: Option<String>,
    /// Time between two looks at Infisical: a whole number and one of the units s, m, h, d, w, for example `1m`. At least `5s`.
    /// Without it only a change of the Secret or of this resource is a cause to look.
    pub resync_interval: Option<String>,
    /// How to log in. Fill one block; of several the first in the order of this list is used.
    pub authentication: Option<IdentityAuthentication>,
    /// Address of the Infisical server, with or without `/api`.
    #[serde(rename = "hostAPI")]
    pub host_api: Option<String>,
    /// How to know the server.
    pub tls: Option<TlsConfig>,
}

absent_is_default!(InfisicalPushSecretSpec);

/// A folder in Infisical.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushDestination {
    /// The folder, `/` for the root.
    #[schemars(required)]
    pub secrets_path: Option<String>,
    /// Slug of the environment, for example `prod`.
    #[schemars(required)]
    pub environment_slug: Option<String>,
    /// Id of the project. Either this or `projectSlug`.
    pub project_id: Option<String>,
    /// Slug of the project. Either this or `projectId`.
    pub project_slug: Option<String>,
}

/// What to write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSource {
    /// A Secret whose keys are written.
    pub secret: Option<PushSecretSource>,
    /// Values to be generated. A value is made once, and anew when its generator's settings change.
    pub generators: Option<Vec<PushGenerator>>,
}

/// A Secret whose keys are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretSource {
    /// Name of the Secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Namespace of the Secret.
    #[schemars(required)]
    pub secret_namespace: Option<String>,
    /// How the secrets are made from the keys. Without a template each key is a secret. Its `metadata` is not used.
    pub template: Option<SecretTemplate>,
}

/// A value to be generated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushGenerator {
    /// Name of the secret in Infisical.
    #[schemars(required)]
    pub destination_secret_name: Option<String>,
    /// What generates it.
    #[schemars(required)]
    pub generator_ref: Option<GeneratorReference>,
}

/// A generator: the ClusterGenerator of that name, or, where there is none, the Password or UUID of that name in the
/// resource's namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorReference {
    /// What it generates.
    #[schemars(required, extend("enum" = ["Password", "UUID"]))]
    pub kind: Option<String>,
    /// Name of the generator.
    #[schemars(required)]
    pub name: Option<String>,
}

/// How it went, and what it wrote.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSecretStatus {
    /// `Ready` says it all; the others are those of the peer.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The secrets in Infisical that this resource looks after: name by id. Missing before the first push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_secrets: Option<BTreeMap<String, String>>,
    /// With which settings values were generated. A definition of the peer's drops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<Vec<GeneratedSecret>>,
    /// The folder in which `managedSecrets` are. A definition of the peer's drops it; then they are in `spec.destination`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_to: Option<PushedTo>,
    /// Secrets that are about to be written and not in `managedSecrets` yet: the time by name. Noted before the write, so that
    /// one which is cut off in the middle leaves no secret behind that nobody looks after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<BTreeMap<String, String>>,
    /// Changes that wait for an approval in Infisical.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<PendingApproval>,
}

impl Conditions for PushSecretStatus {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

/// A value that was generated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratedSecret {
    /// Name of the secret in Infisical.
    #[schemars(required)]
    pub destination_secret_name: Option<String>,
    /// Digest of the settings of its generator, or of its template, with the version of the Secret; never of a value.
    #[schemars(required)]
    pub settings: Option<String>,
    /// Value of the annotation `secrets.infisical.com/regenerate` at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regenerate: Option<String>,
    /// Another value is about to take its place. Noted before it is written, so that a write which is cut off in the middle is known
    /// again and no third value is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacing: Option<ReplacedSecret>,
}

/// A generated value that is about to be replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplacedSecret {
    /// `settings` of the new value.
    pub settings: Option<String>,
    /// `regenerate` of the new value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regenerate: Option<String>,
    /// Which version of the secret Infisical holds before that. A later one tells that the new value was written.
    pub version: Option<i64>,
}

/// A folder that was written to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushedTo {
    /// Address of the server.
    #[serde(rename = "hostAPI")]
    pub host_api: Option<String>,
    /// Id of the project.
    pub project_id: Option<String>,
    /// Slug of the environment.
    pub environment_slug: Option<String>,
    /// The folder.
    pub secrets_path: Option<String>,
}

/// Changes that wait for an approval in Infisical. They are asked for again only when what is to be written changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingApproval {
    /// Ids of the requests.
    pub requests: Option<Vec<String>>,
    /// What was asked for: `create`, `update` or `delete` by name.
    pub secrets: Option<BTreeMap<String, String>>,
    /// Which version of a secret Infisical held when another value was asked for. A later one tells that it was approved, where
    /// the value that was asked for is not known any more.
    pub versions: Option<BTreeMap<String, i64>>,
    /// With which settings those values were made that are made once.
    pub generated: Option<Vec<GeneratedSecret>>,
    /// Tells the Secret and the spec from which it was made; holds nothing of a value.
    pub source: Option<String>,
}
