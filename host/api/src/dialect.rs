//! The table of login methods: a block of a resource, the plugin that stands for it, and where its settings and inputs are.
//!
//! A row holds no logic of a login. Fields are JSON pointers into the block, so one table form serves typed blocks of every
//! kind; a test holds each pointer against the schema of the resource.
mod infisical_auth;

pub use infisical_auth::{INFISICAL_AUTH, auth_block};

use crate::v1alpha1::{Authentication, IdentityAuthentication};
use serde::Serialize;
use serde_json::{Map, Value};

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plugin {
    /// This plugin.
    Named(&'static str),
    /// The block itself names the plugin, its settings and its inputs.
    OfBlock,
    /// Infisical no longer serves it.
    Gone {
        /// What to use in its place.
        successor: &'static str,
    },
}

/// Where an input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The text of a field.
    Text(&'static str),
    /// A key of the Secret that the field names.
    SecretKey(&'static str, &'static str),
    /// The key of the Secret that the field names, which holds the key's name too.
    KeyReference(&'static str),
    /// As [`Self::SecretKey`]; left out where the key is missing.
    OptionalSecretKey(&'static str, &'static str),
    /// As [`Self::SecretKey`], without the white space in it: users paste tokens in lines.
    TokenKey(&'static str, &'static str),
    /// The long-lived token of the ServiceAccount that the first field names: the key `token` of the first Secret that it
    /// lists. Left out where the second field is true.
    LegacyServiceAccountToken(&'static str, &'static str),
}

/// Where a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The field, left out where it is not set.
    Field(&'static str),
    /// The first field, left out where it is not set or the second is not true.
    FieldIf(&'static str, &'static str),
    /// This text, left out where the field is true.
    TextUnless(&'static str, &'static str),
}

/// What a block says about the secrets to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `secretsScope`, with a project.
    Machine,
    /// `secretsScope`, without one: the token knows it.
    ServiceToken,
    /// None that can still be read.
    Gone,
}

/// One login method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Name of the block below `spec.authentication`.
    pub block: &'static str,
    /// Who logs in.
    pub plugin: Plugin,
    /// The peer's name for it, in conditions.
    pub strategy: &'static str,
    /// The block is there if one of these is not empty.
    pub identified_by: &'static [&'static str],
    /// The method is passed over where none of its Secret's keys is there, as long as another one is filled in.
    pub yields: bool,
    /// Settings: name and source.
    pub settings: &'static [(&'static str, Setting)],
    /// Inputs: name and source.
    pub inputs: &'static [(&'static str, Source)],
    /// The ServiceAccount whose tokens the plugin may ask for.
    pub service_account: Option<&'static str>,
    /// What to read.
    pub scope: Scope,
}

const IDENTITY: (&str, Source) = ("identity-id", Source::Text("/identityId"));

const REQUEST_TOKEN: &str = "/autoCreateServiceAccountToken";

/// What most rows share.
const MACHINE: Method = Method {
    block: "",
    plugin: Plugin::OfBlock,
    strategy: "",
    identified_by: &["/identityId"],
    yields: false,
    settings: &[],
    inputs: &[IDENTITY],
    service_account: None,
    scope: Scope::Machine,
};

/// The methods of InfisicalSecret and, but for those without a machine identity, of InfisicalPushSecret and
/// InfisicalDynamicSecret, in the order in which they are tried. The peer tries some of them in random order.
pub const INFISICAL_SECRET: [Method; 10] = [
    Method {
        block: "serviceToken",
        plugin: Plugin::Named("service-token"),
        strategy: "SERVICE_TOKEN",
        identified_by: &["/serviceTokenSecretReference/secretName", "/serviceTokenSecretReference/secretNamespace"],
        yields: true,
        inputs: &[("token", Source::TokenKey("/serviceTokenSecretReference", "infisicalToken"))],
        scope: Scope::ServiceToken,
        ..MACHINE
    },
    Method {
        block: "serviceAccount",
        plugin: Plugin::Gone { successor: "universalAuth" },
        strategy: "SERVICE_ACCOUNT",
        identified_by: &["/serviceAccountSecretReference/secretName", "/serviceAccountSecretReference/secretNamespace"],
        yields: true,
        inputs: &[
            ("access-key", Source::SecretKey("/serviceAccountSecretReference", "serviceAccountAccessKey")),
            ("public-key", Source::SecretKey("/serviceAccountSecretReference", "serviceAccountPublicKey")),
            ("private-key", Source::SecretKey("/serviceAccountSecretReference", "serviceAccountPrivateKey")),
        ],
        scope: Scope::Gone,
        ..MACHINE
    },
    Method {
        block: "universalAuth",
        plugin: Plugin::Named("universal"),
        strategy: "UNIVERSAL_MACHINE_IDENTITY",
        identified_by: &["/credentialsRef/secretName", "/credentialsRef/secretNamespace"],
        yields: true,
        inputs: &[
            ("client-id", Source::SecretKey("/credentialsRef", "clientId")),
            ("client-secret", Source::SecretKey("/credentialsRef", "clientSecret")),
        ],
        ..MACHINE
    },
    Method {
        block: "kubernetesAuth",
        plugin: Plugin::Named("kubernetes"),
        strategy: "KUBERNETES_AUTH_MACHINE_IDENTITY",
        settings: &[
            ("source", Setting::TextUnless("token-secret", REQUEST_TOKEN)),
            ("audiences", Setting::FieldIf("/serviceAccountTokenAudiences", REQUEST_TOKEN)),
        ],
        inputs: &[IDENTITY, ("token", Source::LegacyServiceAccountToken("/serviceAccountRef", REQUEST_TOKEN))],
        service_account: Some("/serviceAccountRef"),
        ..MACHINE
    },
    Method { block: "awsIamAuth", plugin: Plugin::Named("aws"), strategy: "AWS_IAM_MACHINE_IDENTITY", ..MACHINE },
    Method {
        block: "azureAuth",
        plugin: Plugin::Named("azure"),
        strategy: "AZURE_MACHINE_IDENTITY",
        settings: &[("resource", Setting::Field("/resource")), ("client-id", Setting::Field("/azureManagedIdentityClientId"))],
        ..MACHINE
    },
    Method { block: "gcpIdTokenAuth", plugin: Plugin::Named("gcp-id-token"), strategy: "GCP_ID_TOKEN_MACHINE_IDENTITY", ..MACHINE },
    Method {
        block: "gcpIamAuth",
        plugin: Plugin::Named("gcp-iam"),
        strategy: "GCP_IAM_MACHINE_IDENTITY",
        identified_by: &["/identityId", "/serviceAccountKeyFilePath"],
        settings: &[("key-file", Setting::Field("/serviceAccountKeyFilePath"))],
        ..MACHINE
    },
    Method {
        block: "ldapAuth",
        plugin: Plugin::Named("ldap"),
        strategy: "LDAP_MACHINE_IDENTITY",
        identified_by: &["/credentialsRef/secretName", "/credentialsRef/secretNamespace"],
        yields: true,
        inputs: &[
            IDENTITY,
            ("username", Source::SecretKey("/credentialsRef", "username")),
            ("password", Source::SecretKey("/credentialsRef", "password")),
        ],
        ..MACHINE
    },
    Method {
        block: "plugin",
        plugin: Plugin::OfBlock,
        strategy: "PLUGIN",
        identified_by: &["/name"],
        inputs: &[],
        service_account: Some("/serviceAccountRef"),
        ..MACHINE
    },
];

/// Variables of the operator that stand for what a resource leaves empty, as in the peer's SDK: plugin, input, variable. Read
/// only where the administrator says so.
pub const VARIABLES: [(&str, &str, &str); 8] = [
    ("universal", "client-id", "INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"),
    ("universal", "client-secret", "INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET"),
    ("kubernetes", "identity-id", "INFISICAL_KUBERNETES_IDENTITY_ID"),
    ("aws", "identity-id", "INFISICAL_AWS_IAM_AUTH_IDENTITY_ID"),
    ("azure", "identity-id", "INFISICAL_AZURE_AUTH_IDENTITY_ID"),
    ("gcp-id-token", "identity-id", "INFISICAL_GCP_AUTH_IDENTITY_ID"),
    ("gcp-iam", "identity-id", "INFISICAL_GCP_AUTH_IDENTITY_ID"),
    ("ldap", "identity-id", "INFISICAL_LDAP_AUTH_IDENTITY_ID"),
];

/// The same for settings.
pub const SETTING_VARIABLES: [(&str, &str, &str); 1] = [("azure", "client-id", "INFISICAL_AZURE_AUTH_CLIENT_ID")];

/// The variable that stands for an input of a plugin.
#[must_use]
pub fn variable(plugin: &str, input: &str) -> Option<&'static str> {
    VARIABLES.iter().find(|(of, name, _)| *of == plugin && *name == input).map(|(_, _, variable)| *variable)
}

/// A block that is filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its row.
    pub method: &'static Method,
    /// Where the block is in its resource, for example `spec.authentication`.
    pub root: &'static str,
    /// Its fields.
    pub fields: Value,
}

impl Block {
    /// The text of a field, without space around it; None where it is missing or blank.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        text(&self.fields, pointer)
    }

    /// A field that is set: not missing, null, blank, or an empty list or object.
    #[must_use]
    pub fn set(&self, pointer: &str) -> Option<&Value> {
        self.fields.pointer(pointer).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.trim().is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty(),
            Value::Bool(_) | Value::Number(_) => true,
        })
    }

    /// The settings that the table takes from the block.
    #[must_use]
    pub fn settings(&self) -> Map<String, Value> {
        let value = |setting| match setting {
            Setting::Field(field) => self.set(field).cloned(),
            Setting::FieldIf(field, flag) => self.set(field).filter(|_| self.is_true(flag)).cloned(),
            Setting::TextUnless(text, flag) => (!self.is_true(flag)).then(|| text.into()),
        };
        self.method.settings.iter().filter_map(|(name, setting)| Some(((*name).to_owned(), value(*setting)?))).collect()
    }

    /// Whether a field is true.
    #[must_use]
    pub fn is_true(&self, pointer: &str) -> bool {
        self.fields.pointer(pointer) == Some(&Value::Bool(true))
    }

    /// Where the resource says so, for example `spec.authentication.ldapAuth.identityId`.
    #[must_use]
    pub fn path(&self, pointer: &str) -> String {
        format!("{}.{}{}", self.root, self.method.block, pointer.replace('/', "."))
    }
}

/// The blocks that are filled in, in the order in which they are tried.
#[must_use]
pub fn blocks(authentication: &Authentication) -> Vec<Block> {
    of_table(authentication)
}

/// The same for kinds whose blocks have no scope.
#[must_use]
pub fn identity_blocks(authentication: &IdentityAuthentication) -> Vec<Block> {
    of_table(authentication)
}

/// The methods of such kinds: those of an InfisicalSecret that log in as a machine identity.
pub fn identity_methods() -> impl Iterator<Item = &'static Method> {
    INFISICAL_SECRET.iter().filter(|method| method.scope == Scope::Machine)
}

/// A block that a kind does not have is not there.
fn of_table(authentication: &impl Serialize) -> Vec<Block> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(authentication) else { return Vec::new() };
    INFISICAL_SECRET.iter().filter_map(|method| filled(method, &mut all)).collect()
}

fn filled(method: &'static Method, all: &mut Map<String, Value>) -> Option<Block> {
    let fields = all.remove(method.block)?;
    let there = method.identified_by.iter().any(|pointer| text(&fields, pointer).is_some());
    there.then_some(Block { method, root: "spec.authentication", fields })
}

fn text<'a>(fields: &'a Value, pointer: &str) -> Option<&'a str> {
    fields.pointer(pointer).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{crds::crds, v1alpha1::KubeSecretReference};
    use serde_json::json;

    fn schema(kind: &str) -> Value {
        let crd = crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
        let crd = serde_json::to_value(crd).unwrap();
        crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").unwrap().clone()
    }

    fn check(schema: &Value, table: &[Method]) {
        for method in table {
            let mut fields: Vec<String> = method.identified_by.iter().map(ToString::to_string).collect();
            for (_, setting) in method.settings {
                match setting {
                    Setting::Field(field) | Setting::TextUnless(_, field) => fields.push(field.to_string()),
                    Setting::FieldIf(field, flag) => fields.extend([field.to_string(), flag.to_string()]),
                }
            }
            fields.extend(method.service_account.iter().map(|field| format!("{field}/namespace")));
            for (_, source) in method.inputs {
                match source {
                    Source::Text(field) => fields.push(field.to_string()),
                    Source::SecretKey(field, _) | Source::OptionalSecretKey(field, _) | Source::TokenKey(field, _) => {
                        fields.extend([format!("{field}/secretName"), format!("{field}/secretNamespace")]);
                    }
                    Source::KeyReference(field) => fields.push(format!("{field}/key")),
                    Source::LegacyServiceAccountToken(account, unless) => fields.extend([format!("{account}/name"), unless.to_string()]),
                }
            }
            for field in fields {
                let pointer = format!("/properties/{}{}", method.block, field.replace('/', "/properties/"));
                assert!(schema.pointer(&pointer).is_some(), "{} {field}", method.block);
            }
        }
    }

    #[test]
    fn every_field_of_the_table_is_in_the_schema_and_every_block_in_the_table() {
        check(&schema("InfisicalAuth"), &INFISICAL_AUTH);
        let schema = schema("InfisicalSecret")["properties"]["authentication"].clone();
        check(&schema, &INFISICAL_SECRET);
        let blocks: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(blocks.len(), INFISICAL_SECRET.len());
        assert!(blocks.iter().all(|block| INFISICAL_SECRET.iter().any(|method| method.block == *block)), "{blocks:?}");
    }

    #[test]
    fn kinds_without_a_scope_have_the_methods_of_a_machine_identity() {
        let table: Vec<Method> = identity_methods().copied().collect();
        for kind in ["InfisicalPushSecret", "InfisicalDynamicSecret"] {
            let schema = schema(kind)["properties"]["authentication"].clone();
            check(&schema, &table);
            let blocks = schema["properties"].as_object().unwrap();
            assert_eq!(blocks.len(), table.len(), "{kind}");
            assert!(blocks.values().all(|block| block["properties"].get("secretsScope").is_none()), "{kind}");
        }
    }

    #[test]
    fn every_variable_stands_for_an_input_of_its_row() {
        for (plugin, input, _) in VARIABLES {
            let row = INFISICAL_SECRET.iter().find(|method| method.plugin == Plugin::Named(plugin)).unwrap();
            assert!(row.inputs.iter().any(|(name, _)| *name == input), "{plugin} {input}");
        }
        for (plugin, setting, _) in SETTING_VARIABLES {
            let row = INFISICAL_SECRET.iter().find(|method| method.plugin == Plugin::Named(plugin)).unwrap();
            assert!(row.settings.iter().any(|(name, _)| *name == setting), "{plugin} {setting}");
        }
    }

    #[test]
    fn a_block_of_empty_strings_is_not_there() {
        let empty = json!({
            "serviceToken": {"serviceTokenSecretReference": {"secretName": "", "secretNamespace": ""}, "secretsScope": {"envSlug": "", "secretsPath": ""}},
            "universalAuth": {"credentialsRef": {"secretName": "", "secretNamespace": " "}, "secretsScope": {"envSlug": ""}},
            "kubernetesAuth": {"identityId": "", "serviceAccountRef": {"name": "", "namespace": ""}},
            "awsIamAuth": {"identityId": ""}, "azureAuth": null, "gcpIamAuth": {"identityId": null}, "ldapAuth": {},
        });
        let mut authentication: Authentication = serde_json::from_value(empty.clone()).unwrap();
        assert_eq!(blocks(&authentication), []);
        let mut identity: IdentityAuthentication = serde_json::from_value(empty).unwrap();
        assert_eq!(identity_blocks(&identity), []);
        identity.ldap_auth.get_or_insert_default().credentials_ref =
            Some(KubeSecretReference { secret_name: Some("s".into()), ..KubeSecretReference::default() });
        assert_eq!(identity_blocks(&identity).len(), 1);
        authentication.aws_iam_auth.as_mut().unwrap().identity_id = Some("id".into());
        assert_eq!(blocks(&authentication).len(), 1);
    }

    #[test]
    fn blocks_come_in_one_order_whatever_the_order_of_the_yaml() {
        let all = json!({
            "plugin": {"name": "oidc"},
            "ldapAuth": {"identityId": "i", "credentialsRef": {"secretName": "s", "secretNamespace": "n"}},
            "gcpIamAuth": {"serviceAccountKeyFilePath": "/key.json"},
            "azureAuth": {"identityId": "i"}, "gcpIdTokenAuth": {"identityId": "i"}, "awsIamAuth": {"identityId": "i"},
            "kubernetesAuth": {"identityId": "i", "serviceAccountRef": {"name": "a", "namespace": "n"}},
            "universalAuth": {"credentialsRef": {"secretName": "s", "secretNamespace": "n"}},
            "serviceAccount": {"serviceAccountSecretReference": {"secretName": "s", "secretNamespace": "n"}},
            "serviceToken": {"serviceTokenSecretReference": {"secretName": "s", "secretNamespace": "n"}},
        });
        let names: Vec<_> = blocks(&serde_json::from_value(all).unwrap()).iter().map(|block| block.method.block).collect();
        let order = [
            "serviceToken",
            "serviceAccount",
            "universalAuth",
            "kubernetesAuth",
            "awsIamAuth",
            "azureAuth",
            "gcpIdTokenAuth",
            "gcpIamAuth",
            "ldapAuth",
            "plugin",
        ];
        assert_eq!(names, order);
    }
}
