//! Whatever users get wrong: a condition and an Event that say what to do, a metric, the Secret untouched, and no hot retry.
use infisical_dev_server::Operation;
use integration::{Identity, Scene, until};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use serde_json::{Value, json};

/// One way of being wrong.
struct Case {
    name: &'static str,
    changes: Value,
    reason: &'static str,
    /// What the message must say: the field, what was found, what to do.
    says: Vec<&'static str>,
}

fn case(name: &'static str, changes: Value, reason: &'static str, says: &[&'static str]) -> Case {
    Case { name, changes, reason, says: says.to_vec() }
}

fn login(block: Value) -> Value {
    json!({"spec": {"authentication": block}})
}

fn universal(changes: Value) -> Value {
    login(json!({"universalAuth": changes}))
}

fn plugin(block: Value) -> Value {
    let scope = json!({"secretsScope": {"projectSlug": "shop", "envSlug": "dev"}});
    login(json!({"universalAuth": null, "plugin": integration::merged(block, &scope)}))
}

fn target(namespace: &str, name: &str, changes: &Value) -> Value {
    let target = integration::merged(json!({"secretName": name, "secretNamespace": namespace}), changes);
    json!({"spec": {"managedKubeSecretReferences": [target]}})
}

fn cases(namespace: &str, html: &str) -> Vec<Case> {
    let template = |name: &str, text: &str| target(namespace, name, &json!({"template": {"data": {"KEY": text}}}));
    vec![
        case("unknown-plugin", plugin(json!({"name": "no-such"})), "PluginNotFound", &["no-such", "universal"]),
        case(
            "wrong-settings",
            plugin(json!({"name": "kubernetes", "settings": {"audiences": [1]}, "inputs": [{"name": "identity-id", "value": "i"}]})),
            "InvalidSettings",
            &["/audiences/0"],
        ),
        case(
            "unknown-setting",
            plugin(json!({"name": "kubernetes", "settings": {"colour": "red"}, "inputs": [{"name": "identity-id", "value": "i"}]})),
            "InvalidSettings",
            &["colour"],
        ),
        case(
            "missing-secret",
            universal(json!({"credentialsRef": {"secretName": "nowhere"}})),
            "SecretNotFound",
            &["nowhere", "credentialsRef", "create it"],
        ),
        case(
            "missing-key",
            universal(json!({"credentialsRef": {"secretName": "half"}})),
            "SecretKeyNotFound",
            &["clientSecret", "half", "fill it in"],
        ),
        case(
            "no-method",
            login(json!({"universalAuth": null})),
            "AuthenticationMissing",
            &["spec.authentication", "universalAuth", "kubernetesAuth"],
        ),
        case(
            "half-reference",
            universal(json!({"credentialsRef": {"secretNamespace": ""}})),
            "InvalidSpec",
            &["credentialsRef.secretNamespace", "empty"],
        ),
        case(
            "gone-method",
            login(json!({"universalAuth": null, "serviceAccount": {
                "serviceAccountSecretReference": {"secretName": "credentials", "secretNamespace": namespace}, "projectId": "p", "environmentName": "dev",
            }})),
            "Unsupported",
            &["serviceAccount", "universalAuth"],
        ),
        case(
            "twice",
            json!({"spec": {"managedKubeSecretReferences": [
                {"secretName": "twice", "secretNamespace": namespace}, {"secretName": "twice", "secretNamespace": namespace},
            ]}}),
            "TargetAmbiguous",
            &["[0]", "[1]"],
        ),
        case("no-target", json!({"spec": {"managedKubeSecretReferences": null}}), "TargetMissing", &["managedKubeSecretReferences"]),
        case("bad-key", universal(json!({"secretsScope": {"secretsPath": "/bad-key"}})), "InvalidKey", &["\"bad key\"", "rename"]),
        case("unparsable", template("unparsable", "{{ .A.Value"), "TemplateFailed", &["KEY", "line 1"]),
        case(
            "missing-template-key",
            target(namespace, "missing-template-key", &json!({"template": {"data": {"KEY": "{{ .NOPE.Value }}"}, "missingKey": "error"}})),
            "TemplateFailed",
            &["KEY", "NOPE"],
        ),
        case(
            "unknown-template-plugin",
            target(namespace, "unknown-template-plugin", &json!({"template": {"data": {"K": "v"}, "engine": "no-such"}})),
            "PluginNotFound",
            &["no-such", "go-template"],
        ),
        case("owned-by-others", target(namespace, "controlled", &json!({})), "TargetOwned", &["controlled", "ConfigMap owner"]),
        case("foreign-keys", target(namespace, "foreign", &json!({})), "TargetExists", &["THEIRS", "secrets.infisical.com/adopt"]),
        case(
            "owner-elsewhere",
            target("default", "owner-elsewhere", &json!({"creationPolicy": "Owner"})),
            "OwnerInOtherNamespace",
            &["default", "Orphan"],
        ),
        case("too-large", universal(json!({"secretsScope": {"secretsPath": "/large"}})), "TargetTooLarge", &["bytes", "BIG", "1048576"]),
        case("unreachable", json!({"spec": {"hostAPI": "http://127.0.0.1:1"}}), "Unreachable", &["http://127.0.0.1:1"]),
        case("not-infisical", json!({"spec": {"hostAPI": html}}), "NotInfisical", &["address", "text/html"]),
        case(
            "password-in-address",
            json!({"spec": {"hostAPI": "https://admin:hunter2@infisical.example.com"}}),
            "InvalidAddress",
            &["\"https://infisical.example.com/\"", "password"],
        ),
        case("bad-address", json!({"spec": {"hostAPI": "ftp://infisical.example.com"}}), "InvalidAddress", &["spec.hostAPI", "http"]),
        case(
            "bad-ca",
            json!({"spec": {"tls": {"caRef": {"secretName": "no-ca", "secretNamespace": namespace, "key": "ca.crt"}}}}),
            "InvalidCaBundle",
            &["certificate"],
        ),
        case(
            "missing-ca-key",
            json!({"spec": {"tls": {"caRef": {"secretName": "no-ca", "secretNamespace": namespace, "key": "nope"}}}}),
            "SecretKeyNotFound",
            &["spec.tls.caRef", "nope"],
        ),
        case("no-environment", universal(json!({"secretsScope": {"envSlug": ""}})), "InvalidScope", &["envSlug"]),
    ]
}

async fn prepare(scene: &Scene) -> infisical_dev_server::Server {
    let server = scene.infisical.state();
    for (folder, key, value) in [("/bad-key", "bad key", "x".to_owned()), ("/large", "BIG", "x".repeat(1_100_000))] {
        server.create_folder(&scene.dev(folder)).unwrap();
        server.set_secret(&scene.dev(folder), key, &value).unwrap();
    }
    scene.namespace.secret("half", [("clientId", "app-client")]).await.unwrap();
    scene.namespace.secret("no-ca", [("ca.crt", "this is no certificate")]).await.unwrap();
    scene.namespace.secret("foreign", [("THEIRS", "precious")]).await.unwrap();
    let html = scene.another_server(|_| {}).await;
    html.faults().all(infisical_dev_server::Fault::Html);

    scene.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}})).await;
    let maps: Api<ConfigMap> = scene.namespace.api();
    let owner = maps.get("owner").await.unwrap().metadata.uid.unwrap();
    let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner, "controller": true}]);
    let controlled = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "controlled", "ownerReferences": reference}, "stringData": {"X": "1"}});
    scene.apply(&controlled).await;
    html
}

/// A Secret of an earlier time, with the mark by which it is known as ours.
async fn earlier(scene: &Scene, name: &str) -> Identity {
    let marked = json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": {"OLD": "value"},
        "metadata": {"name": name, "annotations": {"secrets.infisical.com/version": "W/\"secrets-10-00000000\""}},
    });
    scene.apply(&marked).await;
    scene.identity::<Secret>(name).await
}

#[tokio::test]
async fn each_mistake_is_told_where_the_user_looks_and_changes_nothing() {
    let scene = Scene::new().await;
    let html = prepare(&scene).await;
    let cases = cases(scene.namespace.name(), &html.url());
    let mut before = Vec::new();
    for case in &cases {
        before.push(earlier(&scene, case.name).await);
    }
    let others = [scene.identity::<Secret>("foreign").await, scene.identity::<Secret>("controlled").await];
    let operator = scene.start().await;
    for case in &cases {
        scene.infisical_secret(case.name, case.changes.clone()).await;
    }
    scene.infisical_secret("good", json!({})).await;
    for case in &cases {
        let message = scene.failed(case.name, case.reason).await;
        for part in &case.says {
            assert!(message.contains(part), "{}: {part:?} is not in {message:?}", case.name);
        }
        assert!(!message.contains("hunter2"), "{message}");
        assert!(scene.event(case.name, case.reason).await.starts_with(&message[..message.len().min(900)]), "{}", case.name);
        let failures = operator.metrics().await.sum("infisical_operator_reconcile_failures_total", &[("reason", case.reason)]);
        assert!(failures >= 1.0, "{}: no metric", case.name);
    }
    // While a good resource is read on, the others cost next to nothing.
    scene.synced("good").await;
    let reconciles = async || operator.metrics().await.sum("infisical_operator_reconciles_total", &[("outcome", "failed")]);
    let (failed, calls) = (reconciles().await, (scene.infisical.calls().total(), html.calls().total()));
    scene.calls(Operation::ListSecrets, 4).await;
    let made = scene.infisical.calls().total() - calls.0;
    let lists = scene.infisical.calls().count(Operation::ListSecrets);
    // Reads of `/`, `/bad-key` and `/large` go on at their interval; nothing else is asked.
    assert!(made <= 12, "{made} calls, {lists} lists");
    assert!(html.calls().total() - calls.1 <= 6, "a server that is none is asked again and again");
    let retried = reconciles().await - failed;
    assert!(retried <= 30.0, "{retried} failed reconciles in four reads of others");
    for (case, before) in cases.iter().zip(&before) {
        assert_eq!(&scene.identity::<Secret>(case.name).await, before, "{}: its Secret was written", case.name);
    }
    assert_eq!([scene.identity::<Secret>("foreign").await, scene.identity::<Secret>("controlled").await], others);
}

#[tokio::test]
async fn mending_the_mistake_is_enough() {
    let scene = Scene::new().await;
    scene.namespace.secret("half", [("clientId", "app-client")]).await.unwrap();
    let _operator = scene.start().await;
    scene.infisical_secret("by-secret", universal(json!({"credentialsRef": {"secretName": "later"}}))).await;
    scene.infisical_secret("by-key", universal(json!({"credentialsRef": {"secretName": "half"}}))).await;
    scene.infisical_secret("by-spec", json!({"spec": {"hostAPI": "ftp://infisical.example.com"}})).await;
    scene.failed("by-secret", "SecretNotFound").await;
    scene.failed("by-key", "SecretKeyNotFound").await;
    scene.failed("by-spec", "InvalidAddress").await;
    for name in ["later", "half"] {
        scene.namespace.secret(name, [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    }
    scene.infisical_secret("by-spec", json!({})).await;
    for name in ["by-secret", "by-key", "by-spec"] {
        scene.holds(name, &[("A", "one"), ("B", "two")]).await;
        scene.synced(name).await;
    }
}

/// What keeps from logging in is said of the token, whatever was said of it before.
#[tokio::test]
async fn a_login_without_its_credentials_is_said_of_the_token() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    scene.namespace.secret("half", [("clientId", "app-client")]).await.unwrap();
    scene.namespace.secret("no-service-token", [("infisicalToken", "an access token")]).await.unwrap();
    let _operator = scene.start().await;
    let token = async |name: &str| scene.condition(name, "secrets.infisical.com/LoadedInfisicalToken").await;
    scene.infisical_secret("gone", json!({})).await;
    scene.synced("gone").await;
    assert_eq!(token("gone").await.status, "True");
    scene.delete_secret("credentials").await;
    let by_token = json!({"secretName": "no-service-token", "secretNamespace": namespace});
    let service_token =
        json!({"universalAuth": null, "serviceToken": {"serviceTokenSecretReference": by_token, "secretsScope": {"envSlug": "dev"}}});
    let account = json!({"universalAuth": null, "kubernetesAuth": {
        "identityId": "i", "serviceAccountRef": {"name": "nobody", "namespace": namespace}, "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
    }});
    for (name, changes, reason) in [
        ("gone", json!({}), "SecretNotFound"),
        ("half-a-secret", universal(json!({"credentialsRef": {"secretName": "half"}})), "SecretKeyNotFound"),
        ("no-method", login(json!({"universalAuth": null})), "AuthenticationMissing"),
        ("no-service-token", login(service_token), "InvalidCredentials"),
        ("no-account", login(account), "ServiceAccountNotFound"),
    ] {
        scene.infisical_secret(name, changes).await;
        let message = scene.failed(name, reason).await;
        let token = token(name).await;
        assert_eq!((token.status.as_str(), token.reason.as_str()), ("False", "Error"), "{name}");
        assert!(token.message.contains(&message), "{name}: {}", token.message);
    }
    // Where it was not looked for, nothing is said of it.
    scene.infisical_secret("gone", json!({"spec": {"managedKubeSecretReferences": null}})).await;
    scene.failed("gone", "TargetMissing").await;
    assert_eq!(token("gone").await.status, "False");
}

#[tokio::test]
async fn of_several_methods_the_first_with_credentials_is_used_with_a_warning() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let _operator = scene.start().await;
    let scope = json!({"projectSlug": "shop", "envSlug": "dev"});
    let several = login(json!({
        "serviceToken": {"serviceTokenSecretReference": {"secretName": "nowhere", "secretNamespace": namespace}, "secretsScope": {"envSlug": "dev"}},
        "kubernetesAuth": {"identityId": "i", "serviceAccountRef": {"name": "default", "namespace": namespace}, "secretsScope": scope},
        "awsIamAuth": {"identityId": "i", "secretsScope": scope},
    }));
    scene.infisical_secret("a", several).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    let ready = scene.synced("a").await;
    assert!(ready.message.contains("universalAuth is used") && ready.message.contains("awsIamAuth"), "{}", ready.message);
    assert!(scene.event("a", "AuthenticationAmbiguous").await.contains("remove the others"));
}

#[tokio::test]
async fn a_half_filled_block_does_not_stand_in_the_way_of_another() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let _operator = scene.start().await;
    let scope = json!({"projectSlug": "shop", "envSlug": "dev"});
    let half = json!({"serviceTokenSecretReference": {"secretName": "old", "secretNamespace": ""}, "secretsScope": {"envSlug": "dev"}});
    let account = json!({"identityId": "i", "serviceAccountRef": {"name": "default", "namespace": namespace}, "secretsScope": scope});
    scene.infisical_secret("a", login(json!({"serviceToken": half, "kubernetesAuth": account}))).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    let ready = scene.synced("a").await;
    assert!(ready.message.contains("serviceTokenSecretReference.secretNamespace is empty"), "{}", ready.message);
}

#[tokio::test]
async fn a_broken_global_config_map_is_named_by_its_key() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.config(&[("hostAPI", "infisical")]).await;
    scene.infisical_secret("a", json!({"spec": {"hostAPI": null}})).await;
    let message = scene.failed("a", "InvalidGlobalConfig").await;
    assert!(message.contains("hostAPI of ConfigMap") && message.contains("infisical-config"), "{message}");
    scene.config(&[("hostAPI", &scene.infisical.url())]).await;
    until("the resource to sync", async || match scene.condition("a", "Ready").await {
        ready if ready.status == "True" => Ok(()),
        ready => Err(format!("{ready:?}")),
    })
    .await;
}
