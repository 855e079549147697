//! The rows of InfisicalAuth. Its `method` says which block is used; nothing is tried.
use super::{Block, MACHINE, Method, Plugin, Setting, Source};
use crate::{text::Text, v1beta1::InfisicalAuthSpec};

const IDENTITY: (&str, Source) = ("identity-id", Source::KeyReference("/identityIdRef"));

/// What most rows share. `strategy` is the value of `method`.
const LOGIN: Method = Method { identified_by: &[], inputs: &[IDENTITY], ..MACHINE };

/// The methods of InfisicalAuth.
pub const INFISICAL_AUTH: [Method; 9] = [
    Method {
        block: "universal",
        plugin: Plugin::Named("universal"),
        strategy: "universal",
        inputs: &[("client-id", Source::KeyReference("/clientIdRef")), ("client-secret", Source::KeyReference("/clientSecretRef"))],
        ..LOGIN
    },
    Method {
        block: "kubernetes",
        plugin: Plugin::Named("kubernetes"),
        strategy: "kubernetes",
        settings: &[("audiences", Setting::Field("/serviceAccountTokenAudiences"))],
        service_account: Some("/serviceAccountRef"),
        ..LOGIN
    },
    Method { block: "awsIam", plugin: Plugin::Named("aws"), strategy: "aws-iam", ..LOGIN },
    Method {
        block: "azure",
        plugin: Plugin::Named("azure"),
        strategy: "azure",
        settings: &[("resource", Setting::Field("/resource")), ("client-id", Setting::Field("/azureManagedIdentityClientId"))],
        ..LOGIN
    },
    Method { block: "gcpIdToken", plugin: Plugin::Named("gcp-id-token"), strategy: "gcp-id-token", ..LOGIN },
    Method {
        block: "gcpIam",
        plugin: Plugin::Named("gcp-iam"),
        strategy: "gcp-iam",
        settings: &[("key-file", Setting::Field("/serviceAccountKeyFilePath"))],
        ..LOGIN
    },
    Method {
        block: "ldap",
        plugin: Plugin::Named("ldap"),
        strategy: "ldap",
        inputs: &[IDENTITY, ("username", Source::KeyReference("/usernameRef")), ("password", Source::KeyReference("/passwordRef"))],
        ..LOGIN
    },
    Method {
        block: "jwt",
        plugin: Plugin::Named("jwt"),
        strategy: "jwt",
        inputs: &[IDENTITY, ("token", Source::KeyReference("/jwtRef"))],
        ..LOGIN
    },
    Method {
        block: "plugin",
        plugin: Plugin::OfBlock,
        strategy: "plugin",
        inputs: &[],
        service_account: Some("/serviceAccountRef"),
        ..LOGIN
    },
];

/// The block that `method` names, empty where it is not filled in; None where it names none.
#[must_use]
pub fn auth_block(spec: &InfisicalAuthSpec) -> Option<Block> {
    let wanted = spec.method.text()?;
    let method = INFISICAL_AUTH.iter().find(|method| method.strategy == wanted)?;
    let fields = serde_json::to_value(spec).ok()?.get_mut(method.block).map(serde_json::Value::take).unwrap_or_default();
    Some(Block { method, root: "spec", fields })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_method_chooses_the_block_and_the_others_are_not_looked_at() {
        let spec: InfisicalAuthSpec = serde_json::from_value(json!({
            "method": "aws-iam",
            "universal": {"clientIdRef": {"name": "", "namespace": "", "key": ""}},
            "awsIam": {"identityIdRef": {"name": "s", "namespace": "n", "key": "id"}},
        }))
        .unwrap();
        let block = auth_block(&spec).unwrap();
        assert_eq!((block.method.block, block.path("/identityIdRef/key")), ("awsIam", "spec.awsIam.identityIdRef.key".into()));
        assert_eq!(block.text("/identityIdRef/key"), Some("id"));
    }

    #[test]
    fn an_unknown_method_has_no_block_and_a_missing_block_is_empty() {
        let of = |method: &str| auth_block(&InfisicalAuthSpec { method: Some(method.into()), ..InfisicalAuthSpec::default() });
        assert!(of("awsIam").is_none());
        assert!(of("ldap").is_some_and(|block| block.text("/usernameRef/name").is_none()));
    }
}
