//! Types that several kinds share.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A namespaced object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectReference {
    /// Name of the object.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the object, that of this resource by default.
    pub namespace: Option<String>,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(required)]
    pub name: Option<String>,
    /// Namespace of the Secret, that of this resource by default.
    pub namespace: Option<String>,
    /// Key in the Secret.
    #[schemars(required)]
    pub key: Option<String>,
}
