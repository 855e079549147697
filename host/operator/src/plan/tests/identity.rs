//! Logins of kinds whose blocks have no scope.
use super::*;
use crate::plan::login::{self, LogsIn};
use ::api::v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret};
use serde::de::DeserializeOwned;

fn of<K: LogsIn + DeserializeOwned>(cluster: &Cluster, spec: &str, settings: &Settings) -> Result<(Login, Vec<Fault>), Fault> {
    let spec: serde_json::Value = serde_yaml::from_str(spec).unwrap();
    let resource: K = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1alpha1", "kind": K::kind(&()),
        "metadata": {"name": "app", "namespace": "team"}, "spec": spec,
    }))
    .unwrap();
    let mut warnings = Vec::new();
    let found = futures::executor::block_on(dereference::resource(cluster, &resource, settings))?;
    Ok((login::of(&resource, &found, settings, &mut warnings)?, warnings))
}

/// The same of both kinds.
fn both(cluster: &Cluster, spec: &str, settings: &Settings) -> Result<(Login, Vec<Fault>), Fault> {
    let (push, dynamic) = (of::<InfisicalPushSecret>(cluster, spec, settings), of::<InfisicalDynamicSecret>(cluster, spec, settings));
    match (push, dynamic) {
        (Ok((push, warned)), Ok((dynamic, also_warned))) => {
            assert_eq!((&push.plugin, &push.method, &push.settings), (&dynamic.plugin, &dynamic.method, &dynamic.settings));
            assert_eq!(push.inputs.keys().collect::<Vec<_>>(), dynamic.inputs.keys().collect::<Vec<_>>());
            assert_eq!((push.server.clone(), warned.len()), (dynamic.server, also_warned.len()));
            assert!(push.place.starts_with("InfisicalPushSecret team/app: spec.authentication."), "{}", push.place);
            Ok((push, warned))
        }
        (Err(push), Err(dynamic)) => {
            assert_eq!(push.message.replace("InfisicalPushSecret", "InfisicalDynamicSecret"), dynamic.message);
            Err(push)
        }
        _ => panic!("the kinds differ"),
    }
}

fn says(login: Result<(Login, Vec<Fault>), Fault>, reason: &str, texts: &[&str]) {
    let fault = login.err().unwrap_or_else(|| panic!("{reason} expected"));
    assert_eq!(fault.reason, reason, "{}", fault.message);
    texts.iter().for_each(|text| assert!(fault.message.contains(text), "{text:?} is missing in: {}", fault.message));
    assert!(!fault.message.contains(CANARY), "{}", fault.message);
}

const UNIVERSAL: &str = "authentication: {universalAuth: {credentialsRef: {secretName: credentials, secretNamespace: team}}}";

#[test]
fn a_block_without_a_scope_logs_in_like_one_with_it() {
    let (login, warned) = both(&with_credentials(), UNIVERSAL, &Settings::default()).unwrap();
    assert_eq!((login.plugin.as_str(), login.method.as_str(), warned.len()), ("universal", "UNIVERSAL_MACHINE_IDENTITY", 0));
    assert_eq!(login.inputs["client-secret"].expose_secret(), CANARY.as_bytes());
    let ldap = Cluster::default().secret("ldap", &[("username", "u"), ("password", CANARY)]);
    for (block, plugin, settings) in [
        ("awsIamAuth: {identityId: i}", "aws", json!({})),
        ("azureAuth: {identityId: i, azureManagedIdentityClientId: c}", "azure", json!({"client-id": "c"})),
        ("gcpIdTokenAuth: {identityId: i}", "gcp-id-token", json!({})),
        ("gcpIamAuth: {identityId: i}", "gcp-iam", json!({})),
        (
            "kubernetesAuth: {identityId: i, serviceAccountRef: {name: a, namespace: team}, autoCreateServiceAccountToken: true}",
            "kubernetes",
            json!({}),
        ),
        ("ldapAuth: {identityId: i, credentialsRef: {secretName: ldap, secretNamespace: team}}", "ldap", json!({})),
        ("plugin: {name: oidc, settings: {a: b}, inputs: [{name: identity-id, value: i}]}", "oidc", json!({"a": "b"})),
    ] {
        let (login, _) = both(&ldap, &format!("authentication: {{{block}}}"), &Settings::default()).unwrap();
        assert_eq!((login.plugin.as_str(), &login.settings), (plugin, &settings));
        assert_eq!(login.inputs["identity-id"].expose_secret(), b"i");
    }
}

/// The peer stores every block, with empty strings.
#[test]
fn blocks_of_empty_strings_are_not_there() {
    let empty = "kubernetesAuth: {identityId: '', serviceAccountRef: {name: '', namespace: ''}}, awsIamAuth: {identityId: ''},
      azureAuth: {identityId: ''}, gcpIdTokenAuth: {identityId: ''}, gcpIamAuth: {identityId: '', serviceAccountKeyFilePath: ''},
      ldapAuth: {identityId: '', credentialsRef: {secretName: '', secretNamespace: ''}}}
tls: {caRef: {secretName: '', secretNamespace: '', key: ''}}";
    let filled =
        format!("authentication: {{universalAuth: {{credentialsRef: {{secretName: credentials, secretNamespace: team}}}}, {empty}");
    let (login, warned) = both(&with_credentials(), &filled, &Settings::default()).unwrap();
    assert_eq!((login.plugin.as_str(), warned.len(), login.server.ca), ("universal", 0, None));
    let none = format!("authentication: {{{empty}");
    says(both(&with_credentials(), &none, &Settings::default()), reason::NO_METHOD, &["spec.authentication", "universalAuth"]);
}

#[test]
fn what_is_wrong_is_said_where_it_is() {
    let settings = Settings::default();
    let cluster = Cluster::default();
    for spec in ["{}", "authentication: null", "authentication: {}"] {
        let login = both(&cluster, spec, &settings);
        assert!(login.as_ref().is_err_and(|fault| !fault.message.contains("serviceToken")), "{spec}");
        says(login, reason::NO_METHOD, &["names no login method", "ldapAuth", "plugin"]);
    }
    says(both(&cluster, UNIVERSAL, &settings), reason::SECRET_NOT_FOUND, &["universalAuth.credentialsRef", "no Secret team/credentials"]);
    let other = "authentication: {kubernetesAuth: {identityId: i, autoCreateServiceAccountToken: true,
      serviceAccountRef: {name: a, namespace: other}}}\nhostAPI: https://vault.example";
    says(both(&cluster, other, &settings), reason::AMBIENT_NOT_GRANTED, &["kubernetesAuth.serviceAccountRef", "other/a"]);
    let ca = format!("{UNIVERSAL}\ntls: {{caRef: {{secretName: ca, secretNamespace: team, key: ca.crt}}}}");
    says(both(&with_credentials(), &ca, &settings), reason::SECRET_NOT_FOUND, &["spec.tls.caRef.secretName", "no Secret team/ca"]);
    let host = format!("{UNIVERSAL}\nhostAPI: 'ftp://x'");
    says(both(&with_credentials(), &host, &settings), reason::INVALID_ADDRESS, &["spec.hostAPI"]);
}

#[test]
fn of_several_blocks_the_first_is_used_with_a_warning() {
    let spec = UNIVERSAL.replace("}}}", "}}, awsIamAuth: {identityId: i}}");
    let (login, warned) = both(&with_credentials(), &spec, &Settings::default()).unwrap();
    assert_eq!((login.plugin.as_str(), warned[0].reason), ("universal", reason::SEVERAL_METHODS));
    let (login, warned) = both(&Cluster::default(), &spec, &Settings::default()).unwrap();
    assert_eq!((login.plugin.as_str(), warned.len()), ("aws", 1));
}
