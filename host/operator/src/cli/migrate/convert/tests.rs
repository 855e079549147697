use super::*;
use crate::cli::migrate::files;

fn converted(yaml: &str) -> Converted {
    convert(&files::world(files::parse(yaml).unwrap()).unwrap().objects)
}

fn documents(converted: &Converted) -> Vec<(String, String)> {
    let of = |document: &Value, field: &str| document.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    converted.documents.iter().map(|(_, document)| (of(document, "/kind"), of(document, "/metadata/name"))).collect()
}

fn secret(name: &str, authentication: &str, more: &str) -> String {
    format!(
        "---\napiVersion: secrets.infisical.com/v1alpha1\nkind: InfisicalSecret\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         authentication: {authentication}\n  managedKubeSecretReferences: [{{secretName: {name}, secretNamespace: shop}}]\n{more}"
    )
}

const SCOPE: &str = "secretsScope: {projectSlug: shop, envSlug: prod, secretsPath: /web}";

fn universal(name: &str, more: &str) -> String {
    secret(name, &format!("{{universalAuth: {{credentialsRef: {{secretName: creds, secretNamespace: shop}}, {SCOPE}}}}}"), more)
}

#[test]
fn servers_and_logins_that_are_equal_are_made_once() {
    let host = "  hostAPI: https://a.example/api\n";
    let other = "  hostAPI: https://b.example\n";
    let all = converted(&[universal("a", host), universal("b", host), universal("c", other), universal("d", "")].concat());
    assert!(!all.needs_attention());
    let wanted = [
        ("InfisicalConnection", "a.example"),
        ("InfisicalConnection", "b.example"),
        ("InfisicalAuth", "universal-creds"),
        ("InfisicalAuth", "universal-creds-2"),
        ("InfisicalAuth", "universal-creds-3"),
        ("InfisicalStaticSecret", "a"),
        ("InfisicalStaticSecret", "b"),
        ("InfisicalStaticSecret", "c"),
        ("InfisicalStaticSecret", "d"),
    ];
    assert_eq!(documents(&all), wanted.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    let text = all.text();
    assert!(text.starts_with("# 4 of 4 InfisicalSecrets converted to v1beta1.\n"), "{text}");
    assert!(text.contains("# The server of a, b.\n") && text.contains("address: https://a.example\n"), "{text}");
    assert!(!text.contains("null") && !text.contains("status"), "{text}");
}

#[test]
fn an_identity_id_gets_a_secret_of_its_own() {
    let aws = secret("a", &format!("{{awsIamAuth: {{identityId: 1b3c5d7e-aaaa-bbbb-cccc-ddddeeeeffff, {SCOPE}}}}}"), "");
    let text = converted(&aws).text();
    let secret = "kind: Secret\nmetadata:\n  name: aws-iam-1b3c5d7e-identity\n  namespace: shop\nstringData:\n  identityId: 1b3c5d7e-aaaa-bbbb-cccc-ddddeeeeffff\n";
    assert!(text.contains(secret), "{text}");
    assert!(text.contains("identityIdRef:\n      key: identityId\n      name: aws-iam-1b3c5d7e-identity\n"), "{text}");
}

#[test]
fn every_login_that_v1beta1_has_is_converted() {
    let account = "serviceAccountRef: {name: sa, namespace: shop}";
    let credentials = "credentialsRef: {secretName: creds, secretNamespace: shop}";
    for (block, method) in [
        (
            format!(
                "kubernetesAuth: {{identityId: i, {account}, autoCreateServiceAccountToken: true, serviceAccountTokenAudiences: [x], {SCOPE}}}"
            ),
            "kubernetes",
        ),
        (format!("azureAuth: {{identityId: i, resource: r, {SCOPE}}}"), "azure"),
        (format!("gcpIdTokenAuth: {{identityId: i, {SCOPE}}}"), "gcp-id-token"),
        (format!("gcpIamAuth: {{identityId: i, serviceAccountKeyFilePath: /k, {SCOPE}}}"), "gcp-iam"),
        (format!("ldapAuth: {{identityId: i, {credentials}, {SCOPE}}}"), "ldap"),
        (format!("plugin: {{name: jwt, inputs: [{{name: jwt, secretKeyRef: {{secretName: s, key: k}}}}], {SCOPE}}}"), "plugin"),
    ] {
        let all = converted(&secret("a", &format!("{{{block}}}"), ""));
        assert!(!all.needs_attention(), "{}", all.text());
        let auth = all.documents.iter().map(|(_, document)| document).find(|document| document["kind"] == "InfisicalAuth").unwrap();
        assert_eq!(auth["spec"]["method"], method);
        assert_eq!(auth["spec"].as_object().unwrap().len(), 2, "{auth}");
        let read: api::v1beta1::InfisicalAuth = serde_json::from_value(auth.clone()).unwrap();
        assert!(crate::plan::chain::block(&read).is_ok());
    }
}

#[test]
fn what_cannot_be_said_is_left_out_with_the_reason() {
    let credentials = "SecretReference: {secretName: s, secretNamespace: shop}";
    let cases = [
        (
            secret("token", &format!("{{serviceToken: {{serviceToken{credentials}, secretsScope: {{envSlug: e, secretsPath: /}}}}}}"), ""),
            "machine identity",
        ),
        (
            secret("gone", &format!("{{serviceAccount: {{serviceAccount{credentials}, projectId: p, environmentName: e}}}}"), ""),
            "no longer served",
        ),
        (secret("none", "{}", ""), "names no login"),
        (
            secret(
                "single",
                "{awsIamAuth: {identityId: i, secretsScope: {projectSlug: p, envSlug: e, secretsPath: /, secretName: ONE}}}",
                "",
            ),
            "whole folders",
        ),
        (universal("often", "  resyncInterval: 1\n"), "too short"),
    ];
    for (yaml, reason) in cases {
        let all = converted(&yaml);
        assert!(all.needs_attention() && all.documents.is_empty(), "{reason}");
        let text = all.text();
        assert!(text.contains("# not converted: shop/") && text.contains(reason), "{text}");
    }
}

#[test]
fn names_that_are_taken_are_not_used() {
    let taken = "---\n{apiVersion: secrets.infisical.com/v1beta1, kind: InfisicalAuth, metadata: {name: universal-creds, namespace: shop}, spec: {}}\n";
    let all = converted(&[taken.to_owned(), universal("a", "")].concat());
    assert_eq!(documents(&all)[0], ("InfisicalAuth".to_owned(), "universal-creds-2".to_owned()));
}
