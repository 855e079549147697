//! Types that several kinds share.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubeSecretReference {
    /// Name of the Secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Namespace of the Secret.
    #[schemars(required)]
    pub secret_namespace: Option<String>,
}

/// A key of a Secret that holds a CA bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaReference {
    /// Name of the Secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Namespace of the Secret.
    #[schemars(required)]
    pub secret_namespace: Option<String>,
    /// Key in the Secret whose value is one or more certificates as PEM.
    #[schemars(required)]
    pub key: Option<String>,
}

/// How to know the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TlsConfig {
    /// The CA that signed the server's certificate. Trusted beside the system's roots.
    pub ca_ref: Option<CaReference>,
}

/// A ServiceAccount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountRef {
    /// Name of the ServiceAccount.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the ServiceAccount.
    #[schemars(required)]
    pub namespace: Option<String>,
}

/// Which secrets a machine identity reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MachineIdentityScope {
    /// Folder in Infisical, `/` by default.
    pub secrets_path: Option<String>,
    /// Slug of the environment, for example `prod`.
    #[schemars(required)]
    pub env_slug: Option<String>,
    /// Read this one secret instead of the whole folder. Not together with `recursive`.
    pub secret_name: Option<String>,
    /// Slug of the project. Either this or `projectId`.
    pub project_slug: Option<String>,
    /// Id of the project. Either this or `projectSlug`.
    pub project_id: Option<String>,
    /// Read the folders below too.
    pub recursive: Option<bool>,
    /// Only secrets with one of these tags.
    pub tag_slugs: Option<Vec<String>>,
}

/// Which secrets a service token reads. The project is the token's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTokenScope {
    /// Folder in Infisical, `/` by default.
    pub secrets_path: Option<String>,
    /// Slug of the environment, for example `prod`.
    #[schemars(required)]
    pub env_slug: Option<String>,
    /// Read the folders below too.
    pub recursive: Option<bool>,
}

/// How the data of a target is made from the secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretTemplate {
    /// Take all secrets as they are, and let the entries of `data` override them. Without it only the entries of `data` are
    /// written.
    pub include_all_secrets: Option<bool>,
    /// Key in the target to template.
    pub data: Option<BTreeMap<String, String>>,
    /// Labels and annotations of the target, in place of those that are copied from this resource.
    pub metadata: Option<TemplateMetadata>,
    /// The template engine, a plugin by its name: `go-template` by default, `jinja`, or one of your own.
    pub engine: Option<String>,
    /// Options of the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "free_object")]
    pub engine_settings: Option<Map<String, Value>>,
    /// What a key that is not there does: `default` prints `<no value>` with a warning, `error` fails the target.
    #[schemars(extend("enum" = ["default", "error", null]))]
    pub missing_key: Option<String>,
}

/// Labels and annotations of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Labels.
    pub labels: Option<BTreeMap<String, String>>,
    /// Annotations.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// A Secret to be kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedKubeSecretConfig {
    /// Name of the Secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Namespace of the Secret. Either this or `namespaceSelector`.
    pub secret_namespace: Option<String>,
    /// Keep a Secret of this name in each namespace with these labels. Either this or `secretNamespace`.
    pub namespace_selector: Option<LabelSelector>,
    /// Type of the Secret. Kubernetes does not let it change later.
    #[schemars(extend("default" = "Opaque"))]
    pub secret_type: Option<String>,
    /// `Owner`: the Secret goes when this resource goes, and must be in its namespace, or selected. `Orphan`: it stays.
    #[schemars(extend("default" = "Orphan"))]
    pub creation_policy: Option<String>,
    /// How its data is made. Without a template it holds all secrets as they are.
    pub template: Option<SecretTemplate>,
}

/// A ConfigMap to be kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedKubeConfigMapConfig {
    /// Name of the ConfigMap.
    #[schemars(required)]
    pub config_map_name: Option<String>,
    /// Namespace of the ConfigMap. Either this or `namespaceSelector`.
    pub config_map_namespace: Option<String>,
    /// Keep a ConfigMap of this name in each namespace with these labels. Either this or `configMapNamespace`.
    pub namespace_selector: Option<LabelSelector>,
    /// `Owner`: the ConfigMap goes when this resource goes, and must be in its namespace, or selected. `Orphan`: it stays.
    #[schemars(extend("default" = "Orphan"))]
    pub creation_policy: Option<String>,
    /// How its data is made. Without a template it holds all secrets as they are.
    pub template: Option<SecretTemplate>,
}

/// One input of an authenticator plugin: a text, or a key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PluginInput {
    /// Name of the input, as the plugin declares it.
    #[schemars(required)]
    pub name: Option<String>,
    /// The input itself. Either this or `secretKeyRef`. Not for anything secret.
    pub value: Option<String>,
    /// Where the input is. Either this or `value`.
    pub secret_key_ref: Option<SecretKeyReference>,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(required)]
    pub secret_name: Option<String>,
    /// Namespace of the Secret, that of the resource by default.
    pub secret_namespace: Option<String>,
    /// Key in the Secret.
    #[schemars(required)]
    pub key: Option<String>,
    /// Leave the input out where the Secret or the key is missing.
    pub optional: Option<bool>,
}

/// An object whose members only the plugin knows.
pub(crate) fn free_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true })
}
