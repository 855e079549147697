use super::*;
use crate::cli::migrate::files;

fn converted(yaml: &str) -> Converted {
    let world = files::world(files::parse(yaml).unwrap()).unwrap();
    futures::executor::block_on(convert(&world, &Settings::default()))
}

fn documents(converted: &Converted) -> Vec<(String, String)> {
    let of = |document: &Value, field: &str| document.pointer(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    converted.documents.iter().map(|document| (of(&document.object, "/kind"), of(&document.object, "/metadata/name"))).collect()
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
        let auth = all.documents.iter().map(|document| &document.object).find(|document| document["kind"] == "InfisicalAuth").unwrap();
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

fn comments(converted: &Converted, kind: &str) -> Vec<String> {
    converted.documents.iter().filter(|one| one.object["kind"] == kind).flat_map(|one| one.comments.clone()).collect()
}

/// The one object of a kind.
fn the<'a>(converted: &'a Converted, kind: &str) -> &'a Value {
    let all: Vec<_> = converted.documents.iter().filter(|one| one.object["kind"] == kind).collect();
    assert_eq!(all.len(), 1, "{kind}");
    &all[0].object
}

const CONFIG: &str = "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: infisical-config, namespace: infisical-operator-system}, \
                      data: {hostAPI: 'https://global.example/api', tls.caRef.secretName: ca, tls.caRef.secretNamespace: shop, tls.caRef.key: pem}}\n";

#[test]
fn what_the_global_settings_say_is_written_out() {
    let ca = json!({"caCertificate": {"name": "ca", "namespace": "shop", "key": "pem"}});
    for (host, address) in [("", "https://global.example"), ("  hostAPI: https://own.example\n", "https://own.example")] {
        let all = converted(&[CONFIG.to_owned(), universal("a", host)].concat());
        assert_eq!(the(&all, "InfisicalConnection")["spec"], json!({"address": address, "tls": ca}));
        assert!(!all.text().contains("not looked at"), "{}", all.text());
    }
    let own = universal("a", "  tls: {caRef: {secretName: own, secretNamespace: shop, key: k}}\n");
    let all = converted(&[CONFIG.to_owned(), own].concat());
    assert_eq!(the(&all, "InfisicalConnection")["spec"]["tls"]["caCertificate"]["name"], "own");
    // What is not among the files is not known.
    assert!(converted(&universal("a", "")).text().contains("\n# not looked at: ConfigMap infisical-operator-system/infisical-config: "));
}

#[test]
fn what_a_resource_is_told_by_annotation_goes_on_and_what_a_tool_noted_does_not() {
    let metadata = "metadata: {name: a, namespace: shop, labels: {team: x, app.kubernetes.io/instance: argo}, annotations: \
                    {secrets.infisical.com/suspend: 'true', secrets.infisical.com/resync: '7', helm.sh/hook: pre-install, \
                    meta.helm.sh/release-name: r, argocd.argoproj.io/tracking-id: t, note: kept, \
                    kubectl.kubernetes.io/last-applied-configuration: '{}'}}";
    let with = |metadata: &str| converted(&universal("a", "").replace("metadata: {name: a, namespace: shop}", metadata));
    let all = with(metadata);
    let made = the(&all, "InfisicalStaticSecret");
    assert_eq!(made["metadata"]["labels"], json!({"team": "x"}));
    assert_eq!(made["metadata"]["annotations"], json!({"secrets.infisical.com/suspend": "true", "note": "kept"}));
    let said = comments(&all, "InfisicalStaticSecret").concat();
    assert!(
        ["app.kubernetes.io/instance", "helm.sh/hook", "meta.helm.sh/release-name", "tracking-id", "Suspended"]
            .iter()
            .all(|text| said.contains(text)),
        "{said}"
    );
    assert!(!all.needs_attention() && !said.contains("kubectl"), "{said}");
    // Where they were copied, the targets lose them.
    let copied = with(&metadata.replace("secrets.infisical.com/suspend", "secrets.infisical.com/copy-tracking-keys"));
    assert!(copied.needs_attention());
    assert_eq!(the(&copied, "InfisicalStaticSecret")["metadata"]["annotations"]["secrets.infisical.com/copy-tracking-keys"], "true");
    let going = with("metadata: {name: a, namespace: shop, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [x]}");
    assert!(going.documents.is_empty() && going.text().contains("# not converted: shop/a: it is being deleted"), "{}", going.text());
}

#[test]
fn audiences_are_kept_and_what_would_be_refused_is_said() {
    let account = "serviceAccountRef: {name: sa, namespace: shop}";
    let login = |more: &str| format!("{{kubernetesAuth: {{identityId: i, {account}, {more} {SCOPE}}}}}");
    let all = converted(&secret("a", &login("serviceAccountTokenAudiences: [x],"), ""));
    assert_eq!(the(&all, "InfisicalAuth")["spec"]["kubernetes"]["serviceAccountTokenAudiences"], json!(["x"]));
    assert!(all.needs_attention() && all.text().contains("with serviceAccountTokenAudiences, which"), "{}", all.text());
    // Such a token goes to nobody who is not trusted, where the one of the Secret went before.
    let all = converted(&secret("a", &login(""), "  hostAPI: https://own.example\n"));
    let said = comments(&all, "InfisicalAuth").concat();
    assert!(said.contains("attention: untrusted-host: ") && said.contains("--trusted-host https://own.example"), "{said}");
    assert!(!comments(&all, "InfisicalStaticSecret").concat().contains("untrusted-host"), "once is enough");
    assert!(converted(&secret("a", &login("autoCreateServiceAccountToken: true,"), "")).documents.len() == 3);
}

#[test]
fn instant_updates_without_an_interval_keep_the_calls_few() {
    let all = converted(&universal("a", "  syncConfig: {instantUpdates: true}\n"));
    assert_eq!(the(&all, "InfisicalStaticSecret")["spec"]["syncOptions"], json!({"refreshInterval": "1h", "instantUpdates": true}));
    assert!(all.needs_attention() && comments(&all, "InfisicalStaticSecret").concat().contains("refreshInterval is 1h"));
    let named = converted(&universal("a", "  syncConfig: {instantUpdates: true, resyncInterval: 5m}\n"));
    assert!(!named.needs_attention());
}

#[test]
fn what_is_not_converted_is_named_and_json_can_be_applied_as_it_is() {
    let push =
        "---\n{apiVersion: secrets.infisical.com/v1alpha1, kind: InfisicalPushSecret, metadata: {name: p, namespace: shop}, spec: {}}\n";
    let lease = push.replace("InfisicalPushSecret", "InfisicalDynamicSecret");
    let broken =
        "---\n{apiVersion: secrets.infisical.com/v1alpha1, kind: InfisicalSecret, metadata: {name: b, namespace: shop}, spec: {tls: 7}}\n";
    let all = converted(&[push, &lease, broken, &universal("a", "")].concat());
    let text = all.text();
    assert!(text.starts_with("# 1 of 2 InfisicalSecrets converted"), "{text}");
    for line in
        ["InfisicalPushSecret shop/p", "InfisicalDynamicSecret shop/p", "not converted: shop/b: spec.tls has a value of a wrong type"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let list = all.list();
    assert_eq!((&list["kind"], list["items"].as_array().unwrap().len()), (&json!("List"), 2));
    assert!(all.comments().contains("# InfisicalAuth shop/universal-creds: The login of a.\n"), "{}", all.comments());
}

#[test]
fn a_second_run_gives_the_same_as_the_first() {
    let aws = secret("b", &format!("{{awsIamAuth: {{identityId: 1b3c5d7e, {SCOPE}}}}}"), "  hostAPI: https://eu.infisical.com\n");
    let given = [universal("a", ""), aws].concat();
    let first = converted(&given);
    let applied: String = first.documents.iter().map(|one| format!("---\n{}", serde_yaml::to_string(&one.object).unwrap())).collect();
    // The way to switch has set the policy in between, and the API server has noted what it always notes.
    let orphan = given.replace("secretNamespace: shop}]", "secretNamespace: shop, creationPolicy: Orphan}]");
    let second = converted(&[applied.clone(), orphan].concat());
    assert_eq!(documents(&second), documents(&first));
    assert!(!second.needs_attention(), "{}", second.text());
    // Another one that keeps the target is not put beside it.
    let changed = converted(&[applied.replace("/web", "/other"), given.clone()].concat());
    assert!(
        changed.text().contains("# not converted: shop/a: InfisicalStaticSecret shop/a has Secret shop/a as its target already"),
        "{}",
        changed.text()
    );
    // A Secret of that name with something else in it is not overwritten.
    let taken = "---\n{apiVersion: v1, kind: Secret, metadata: {name: aws-iam-1b3c5d7e-identity, namespace: shop}, stringData: {identityId: other}}\n";
    let beside = converted(&[taken.to_owned(), given].concat());
    assert!(documents(&beside).contains(&("InfisicalAuth".into(), "aws-iam-1b3c5d7e-2".into())), "{:?}", documents(&beside));
}
