//! What generates values: ClusterGenerator for all namespaces, Password and UUID for one.
use crate::{
    lenient::{absent_is_default, any_integer},
    status::Status,
};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to generate.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "ClusterGenerator",
    plural = "clustergenerators",
    singular = "clustergenerator",
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "Generates passwords or UUIDs for resources of all namespaces.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ClusterGeneratorSpec {
    /// What is generated.
    #[schemars(required, extend("enum" = ["Password", "UUID"]))]
    pub kind: Option<String>,
    /// How.
    pub generator: Option<GeneratorSpecs>,
}

absent_is_default!(ClusterGeneratorSpec);

/// How each kind of value is generated. Only that of `kind` is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorSpecs {
    /// How a password is generated.
    pub password_spec: Option<PasswordRules>,
    /// A random UUID, which has no settings.
    pub uuid_spec: Option<UuidRules>,
}

/// How a password is generated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordRules {
    /// Number of characters.
    #[serde(default, deserialize_with = "any_integer")]
    #[schemars(extend("default" = 24))]
    pub length: Option<i64>,
    /// How many of them are digits, a quarter by default.
    #[serde(default, deserialize_with = "any_integer")]
    pub digits: Option<i64>,
    /// How many of them are symbols, a quarter by default.
    #[serde(default, deserialize_with = "any_integer")]
    pub symbols: Option<i64>,
    /// The symbols to choose from, ``~!@#$%^&*()_+`-={}|[]\:"<>?,./`` by default.
    pub symbol_characters: Option<String>,
    /// No upper-case letters.
    #[schemars(extend("default" = false))]
    pub no_upper: Option<bool>,
    /// A character may come more than once. Without it there are at most 10 digits and 52 letters, or 26 with `noUpper`.
    #[schemars(extend("default" = false))]
    pub allow_repeat: Option<bool>,
}

/// Nothing: a random UUID has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UuidRules {}

/// How a password is generated.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "Password",
    plural = "passwords",
    singular = "password",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "Generates passwords for resources of its namespace.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct PasswordSpec {
    /// The rules.
    #[serde(flatten)]
    pub rules: PasswordRules,
}

absent_is_default!(PasswordSpec);

/// Nothing: a random UUID has no settings.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1alpha1",
    kind = "UUID",
    plural = "uuids",
    root = "Uuid",
    singular = "uuid",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "Generates random UUIDs for resources of its namespace.",
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct UuidSpec {}

absent_is_default!(UuidSpec);
