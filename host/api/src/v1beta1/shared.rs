//! Types that several kinds share.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// A namespaced object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Name of the object.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the object.
    #[schemars(required)]
    pub namespace: Option<String>,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the Secret.
    #[schemars(required)]
    pub namespace: Option<String>,
    /// Key in the Secret.
    #[schemars(required)]
    pub key: Option<String>,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `Ready` says it all; the others are those of the peer.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

fn null_is_empty<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Condition>, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}
