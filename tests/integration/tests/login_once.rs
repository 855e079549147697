//! One login for each identity, one read for each folder, whoever needs them.
use infisical_dev_server::{Operation, Seed, TokenBounds};
use integration::{Scene, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

fn path(path: &str) -> Value {
    json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"secretsPath": path}}}}})
}

#[tokio::test]
async fn thirty_resources_over_three_folders_share_a_login_and_three_reads() {
    const RESOURCES: usize = 30;
    const FOLDERS: u64 = 3;
    let scene = Scene::with(|config| config.seed = Seed::uniform(FOLDERS as usize, 2)).await;
    scene.namespace.secret("credentials", [("clientId", "bench"), ("clientSecret", "bench-secret")]).await.unwrap();
    for number in 0..RESOURCES {
        let folder = format!("/f{}", number % FOLDERS as usize);
        let scope = json!({"projectSlug": "bench", "secretsPath": folder});
        scene
            .infisical_secret(&format!("r{number}"), json!({"spec": {"authentication": {"universalAuth": {"secretsScope": scope}}}}))
            .await;
    }
    let operator = scene.start().await;
    for number in 0..RESOURCES {
        let folder = number % FOLDERS as usize;
        let (first, second) = (format!("value-{folder}-0"), format!("value-{folder}-1"));
        scene.holds(&format!("r{number}"), &[("KEY_0", &first), ("KEY_1", &second)]).await;
    }
    let calls = scene.infisical.calls();
    let counts = calls.read(|log| [Operation::Login, Operation::Project].map(|operation| log.count(operation)));
    assert_eq!(counts, [1, 1]);
    // The first interval may have passed on a slow machine, but then each folder was read once in it.
    let full = calls.read(|log| log.with_status(Operation::ListSecrets, 200));
    assert_eq!(full, FOLDERS);

    // From here on each interval costs one read for each folder.
    for number in 0..RESOURCES {
        scene.synced(&format!("r{number}")).await;
    }
    let secrets = Secrets::of(&scene, RESOURCES).await;
    let before = calls.count(Operation::ListSecrets);
    let began = std::time::Instant::now();
    scene.calls(Operation::ListSecrets, 2 * FOLDERS).await;
    let intervals = began.elapsed().as_secs_f64() / 5.0;
    let made = (calls.count(Operation::ListSecrets) - before) as f64;
    assert!(made <= (intervals * 1.02 + 1.0) * FOLDERS as f64, "{made} reads in {intervals} intervals");
    assert_eq!(calls.read(|log| log.with_status(Operation::ListSecrets, 200)), FOLDERS, "what did not change was sent again");
    assert_eq!(Secrets::of(&scene, RESOURCES).await, secrets, "a quiet interval wrote something");
    assert_eq!(scene.infisical.logins(), 1);
    let metrics = operator.metrics().await;
    assert_eq!(metrics.sum("infisical_operator_logins_total", &[("plugin", "universal"), ("outcome", "ok")]), 1.0);
}

/// Whether any of many Secrets was written.
#[derive(Debug, PartialEq)]
struct Secrets(Vec<integration::Identity>);

impl Secrets {
    async fn of(scene: &Scene, count: usize) -> Self {
        let mut all = Vec::new();
        for number in 0..count {
            all.push(scene.identity::<Secret>(&format!("r{number}")).await);
        }
        Self(all)
    }
}

#[tokio::test]
async fn a_rotated_credential_logs_in_anew_at_once_and_the_old_token_is_revoked() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    for name in ["a", "b"] {
        scene.infisical_secret(name, json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
        scene.synced(name).await;
    }
    scene.infisical.state().rotate_client_secret("app", "app-secret-2").unwrap();
    scene.namespace.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret-2")]).await.unwrap();
    let calls = scene.infisical.calls();
    until("a login with the new client secret", async || match scene.infisical.logins() {
        2 => Ok(()),
        logins => Err(format!("{logins} logins")),
    })
    .await;
    calls.wait_for_calls(Operation::Revoke, 1).await;
    for name in ["a", "b"] {
        scene.synced(name).await;
    }
    scene.set("A", "edited");
    scene.resync("a").await;
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    assert_eq!((scene.infisical.logins(), calls.count(Operation::Revoke)), (2, 1));
    assert!(calls.all().iter().all(|call| call.status.is_some_and(|status| status < 400)), "{:?}", calls.all());
}

#[tokio::test]
async fn a_token_that_the_server_refuses_costs_one_login_for_all() {
    let scene = Scene::with(|_| {}).await;
    scene.infisical.state().create_folder(&scene.dev("/x")).unwrap();
    scene.infisical.state().set_secret(&scene.dev("/x"), "X", "x").unwrap();
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.infisical_secret("b", path("/app")).await;
    scene.infisical_secret("c", path("/x")).await;
    for name in ["a", "b", "c"] {
        scene.synced(name).await;
    }
    let before = scene.identity::<Secret>("a").await;
    for (logins, expire) in [(2, true), (3, false)] {
        match expire {
            true => scene.infisical.state().expire_tokens(None).unwrap(),
            false => scene.infisical.state().revoke_tokens(None).unwrap(),
        }
        let calls = scene.infisical.calls();
        calls.reset();
        tokio::time::timeout(std::time::Duration::from_secs(60), calls.wait_for(|log| log.with_status(Operation::ListSecrets, 304) >= 6))
            .await
            .unwrap();
        assert_eq!(calls.count(Operation::Login), 1, "login {logins}: {:?}", calls.all());
    }
    assert_eq!(scene.identity::<Secret>("a").await, before);
    for name in ["a", "b", "c"] {
        assert_eq!(scene.synced(name).await.status, "True");
    }
    assert!(scene.events("a").await.is_empty(), "nobody needs to hear of a renewed login");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let scene = Scene::new().await;
    // As short as is renewed ahead.
    let bounds = TokenBounds { ttl: 31, max_ttl: 3600, ..TokenBounds::DEFAULT };
    scene.infisical.state().set_token_bounds("app", bounds).unwrap();
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let calls = scene.infisical.calls();
    let renewed = |log: &infisical_dev_server::CallLog| log.with_status(Operation::Renew, 200) == 1;
    tokio::time::timeout(std::time::Duration::from_secs(90), calls.wait_for(renewed)).await.unwrap();
    scene.calls(Operation::ListSecrets, 2).await;
    let refused: Vec<_> = calls.all().into_iter().filter(|call| call.status.is_none_or(|status| status >= 400)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(scene.infisical.logins(), 1);
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_until_the_server_locks_them() {
    let scene = Scene::new().await;
    scene.namespace.secret("credentials", [("clientId", "app-client"), ("clientSecret", "wrong")]).await.unwrap();
    let _operator = scene.start().await;
    for name in ["a", "b", "c", "d"] {
        scene.infisical_secret(name, json!({})).await;
    }
    for name in ["a", "b", "c", "d"] {
        let message = scene.failed(name, "LoginFailed").await;
        assert!(message.contains("Invalid credentials") && message.contains("check the credentials"), "{message}");
        let token = scene.condition(name, "secrets.infisical.com/LoadedInfisicalToken").await;
        assert_eq!((token.status.as_str(), token.reason.as_str()), ("False", "Error"));
    }
    assert_eq!(scene.infisical.calls().count(Operation::Login), 1);
    // Mended, it is tried at once and not locked out.
    scene.namespace.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    for name in ["a", "b", "c", "d"] {
        scene.holds(name, &[("A", "one"), ("B", "two")]).await;
    }
    assert_eq!(scene.infisical.calls().count(Operation::Login), 2);
}

fn kubernetes(namespace: &str, extra: &Value) -> Value {
    let login = json!({
        "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd",
        "serviceAccountRef": {"name": "app", "namespace": namespace},
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
    });
    json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": integration::merged(login, extra)}}})
}

#[tokio::test]
async fn a_service_account_is_proved_by_a_requested_token_with_its_audience() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    scene.infisical.state().change(|world| {
        let judge = world.identity_mut("pod").unwrap().kubernetes.as_mut().unwrap();
        judge.allowed_namespaces = namespace.into();
        judge.allowed_names = "app".into();
        judge.allowed_audience = "https://infisical.example.com".into();
    });
    let _operator = scene.start().await;
    scene.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}})).await;
    scene.infisical_secret("a", kubernetes(namespace, &json!({"autoCreateServiceAccountToken": true}))).await;
    // A token without an audience would open the API server too, and this server is nobody's whom the administrator trusts.
    scene.resync("a").await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("name audiences") && message.contains("--trusted-host"), "{message}");
    assert_eq!(scene.infisical.calls().total(), 0);
    let elsewhere = json!({"autoCreateServiceAccountToken": true, "serviceAccountTokenAudiences": ["https://elsewhere.example.com"]});
    scene.infisical_secret("a", kubernetes(namespace, &elsewhere)).await;
    assert!(scene.failed("a", "LoginFailed").await.contains("audience"));
    let audience = json!({"autoCreateServiceAccountToken": true, "serviceAccountTokenAudiences": ["https://infisical.example.com"]});
    scene.infisical_secret("a", kubernetes(namespace, &audience)).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    let loaded = scene.condition("a", "secrets.infisical.com/LoadedInfisicalToken").await;
    assert!(loaded.message.contains("KUBERNETES_AUTH_MACHINE_IDENTITY"), "{}", loaded.message);
}

#[tokio::test]
async fn a_service_account_is_proved_by_its_long_lived_token() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let _operator = scene.start().await;
    scene.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}})).await;
    scene.infisical_secret("a", kubernetes(namespace, &json!({}))).await;
    let message = scene.failed("a", "ServiceAccountTokenMissing").await;
    assert!(message.contains("autoCreateServiceAccountToken"), "{message}");
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "app-token", "annotations": {"kubernetes.io/service-account.name": "app"}},
    });
    scene.apply(&token).await;
    scene
        .apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "app-token"}]}))
        .await;
    until("the token to be there", async || {
        let there = scene.secret("app-token").await.data.is_some_and(|data| data.contains_key("token"));
        if there { Ok(()) } else { Err("it is not") }
    })
    .await;
    // Nothing tells that an account changed; it is looked at again all the same.
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
}

/// As in one `kubectl apply` of all that belongs together.
#[tokio::test]
async fn a_service_account_may_come_after_its_resource() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.trusted_hosts = vec![url]).await;
    scene.infisical_secret("requested", kubernetes(namespace, &json!({"autoCreateServiceAccountToken": true}))).await;
    scene.infisical_secret("long-lived", kubernetes(namespace, &json!({}))).await;
    let message = scene.failed("requested", "InvalidCredentials").await;
    assert!(message.contains(&format!("service account {namespace}/app is not there")), "{message}");
    scene.failed("long-lived", "ServiceAccountNotFound").await;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "app-token"}]});
    scene.apply(&account).await;
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "app-token", "annotations": {"kubernetes.io/service-account.name": "app"}},
    });
    scene.apply(&token).await;
    for name in ["requested", "long-lived"] {
        scene.holds(name, &[("A", "one"), ("B", "two")]).await;
    }
}
