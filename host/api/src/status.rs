//! The status of kinds that keep nothing in it but conditions, and what the status of every kind has.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// How it went.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `Ready` says it all; the others are those of the peer.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A status with conditions.
pub trait Conditions {
    /// Its conditions.
    fn conditions(&self) -> &[Condition];
}

impl Conditions for Status {
    fn conditions(&self) -> &[Condition] {
        &self.conditions
    }
}

/// Reads a list that may be null.
pub(crate) fn null_is_empty<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Condition>, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}
