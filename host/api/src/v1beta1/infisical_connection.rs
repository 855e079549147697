//! InfisicalConnection: a server.
use super::SecretReference;
use crate::{lenient::absent_is_default, status::Status};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an Infisical server is, and how to know it.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "secrets.infisical.com",
    version = "v1beta1",
    kind = "InfisicalConnection",
    plural = "infisicalconnections",
    singular = "infisicalconnection",
    namespaced,
    status = "Status",
    derive = "Default",
    derive = "PartialEq",
    doc = "A server of Infisical: its address and its CA.",
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Address", type_ = "string", json_path = ".spec.address"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"secrets.infisical.com/IsReady\")].status"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].message", priority = 1)
)]
#[expect(clippy::duplicated_attributes, reason = "two columns may be of one type")]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct InfisicalConnectionSpec {
    /// Address of the server, with or without `/api`. By default that of `INFISICAL_HOST_API`, then the global one.
    pub address: Option<String>,
    /// How to know the server.
    pub tls: Option<ConnectionTls>,
}

absent_is_default!(InfisicalConnectionSpec);

/// How to know a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTls {
    /// The CA that signed the server's certificate, as PEM. Trusted beside the system's roots.
    pub ca_certificate: Option<SecretReference>,
}
