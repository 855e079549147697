//! InfisicalStaticSecret: secrets of several places as Secrets and ConfigMaps.
use super::ObjectReference;
use crate::{lenient::absent_is_default, status::Status, v1alpha1::free_object};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What to read from Infisical, as whom, and where to put it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1beta1",
    kind = "InfisicalStaticSecret",
    plural = "infisicalstaticsecrets",
    singular = "infisicalstaticsecret",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "Keeps Secrets and ConfigMaps in step with the secrets of Infisical projects.",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Auth Method",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/LastReconcileAuthMethod\")].message"
    ),
    printcolumn(
        name = "Synced",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/LastReconcileStatus\")].status"
    ),
    printcolumn(
        name = "Affected Deployments",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/LastReconcileAffectedDeployments\")].message"
    ),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalStaticSecretSpec {
    /// The InfisicalAuth to log in by.
    #[schemars(required)]
    pub infisical_auth_ref: Option<ObjectReference>,
    /// How often to read.
    #[schemars(required)]
    pub sync_options: Option<SyncOptions>,
    /// What to read. Of a key that is in several, the first source's counts; an imported secret counts after all others.
    #[schemars(required)]
    pub sources: Option<Vec<StaticSource>>,
    /// The objects to keep.
    #[schemars(required)]
    pub targets: Option<Vec<StaticTarget>>,
}

absent_is_default!(InfisicalStaticSecretSpec);

/// How often to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncOptions {
    /// Time between two reads: a whole number and one of the units s, m, h, d, w, for example `30s`. At least `5s`.
    #[schemars(required)]
    pub refresh_interval: Option<String>,
    /// Follow changes at the server as they happen.
    pub instant_updates: Option<bool>,
}

/// A folder to read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticSource {
    /// Id of the project. Either this or `projectSlug`.
    pub project_id: Option<String>,
    /// Slug of the project. Either this or `projectId`.
    pub project_slug: Option<String>,
    /// Slug of the environment, for example `prod`.
    #[schemars(required)]
    pub environment_slug: Option<String>,
    /// Folder in Infisical.
    #[schemars(required)]
    pub secret_path: Option<String>,
    /// Only secrets with one of these tags.
    pub tag_slugs: Option<Vec<String>>,
    /// Read the folders below too.
    pub recursive: Option<bool>,
}

/// An object to be kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticTarget {
    /// Name of the object.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the object, that of this resource by default. Not together with `namespaceSelector`.
    pub namespace: Option<String>,
    /// Keep an object of this name in each namespace with these labels. Either this or `namespace`.
    pub namespace_selector: Option<LabelSelector>,
    /// What it is.
    #[schemars(required, extend("enum" = ["Secret", "ConfigMap"]))]
    pub kind: Option<String>,
    /// Type of the Secret. Kubernetes does not let it change later. Not for a ConfigMap.
    pub secret_type: Option<String>,
    /// `Owner`: the object goes when this resource goes, and must be in its namespace, or selected. `Orphan`: it stays.
    #[schemars(required, extend("enum" = ["Owner", "Orphan"]))]
    pub creation_policy: Option<String>,
    /// How its data is made. Without a template it holds all secrets as they are.
    pub template: Option<StaticTemplate>,
    /// Labels and annotations of the object, in place of those that are copied from this resource.
    pub metadata: Option<StaticMetadata>,
}

/// How the data of a target is made from the secrets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["data", "engineVersion"]))]
pub struct StaticTemplate {
    /// Version of the template language.
    #[schemars(required, extend("enum" = ["v1"]))]
    pub engine_version: Option<String>,
    /// An object from key in the target to template; or one template that renders to such an object as YAML.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub data: Value,
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
pub struct StaticMetadata {
    /// Annotations.
    #[schemars(required)]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels.
    #[schemars(required)]
    pub labels: Option<BTreeMap<String, String>>,
}

/// A text or an object, which a structural schema can't say.
fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}
