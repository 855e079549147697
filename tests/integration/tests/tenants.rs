//! The credentials of a tenant reach only that tenant's server, and an identity that is not the resource's own reaches only
//! servers that the administrator trusts.
use infisical_dev_server::{Config, Operation, Place, Server, Tls};
use integration::Scene;
use serde_json::{Value, json};

/// Every call was answered well: nobody came with a token or a credential of another server.
fn only_friends(server: &Server) {
    let strangers: Vec<_> = server.calls().all().into_iter().filter(|call| call.status.is_none_or(|status| status >= 400)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

fn tls(config: &mut Config) {
    config.tls = Some(Tls::default());
}

#[tokio::test]
async fn each_server_sees_its_own_tenant_only() {
    let scene = Scene::with(tls).await;
    let other = scene.another_server(tls).await;
    // One identity of the same name on both, with a client secret of its own on each.
    other.state().rotate_client_secret("app", "secret-of-the-other").unwrap();
    other.state().set_secret(&Place::new("shop", "dev", "/"), "A", "other").unwrap();
    let namespace = scene.namespace.name();
    scene.namespace.secret("others", [("clientId", "app-client"), ("clientSecret", "secret-of-the-other")]).await.unwrap();
    scene.namespace.secret("ca", [("ca.crt", scene.infisical.ca_pem().unwrap())]).await.unwrap();
    scene.namespace.secret("other-ca", [("ca.crt", other.ca_pem().unwrap())]).await.unwrap();
    let of = |server: &Server, ca: &str, credentials: &str| {
        json!({"spec": {
            "hostAPI": server.url(),
            "tls": {"caRef": {"secretName": ca, "secretNamespace": namespace, "key": "ca.crt"}},
            "authentication": {"universalAuth": {"credentialsRef": {"secretName": credentials}}},
        }})
    };
    let _operator = scene.start().await;
    for number in 0..5 {
        scene.infisical_secret(&format!("here-{number}"), of(&scene.infisical, "ca", "credentials")).await;
        scene.infisical_secret(&format!("there-{number}"), of(&other, "other-ca", "others")).await;
    }
    for number in 0..5 {
        scene.holds(&format!("here-{number}"), &[("A", "one"), ("B", "two")]).await;
        scene.holds(&format!("there-{number}"), &[("A", "other"), ("B", "two")]).await;
    }
    // A resource that moves takes nothing with it.
    scene.infisical_secret("here-0", of(&other, "other-ca", "others")).await;
    scene.holds("here-0", &[("A", "other"), ("B", "two")]).await;
    for server in [&scene.infisical, &other] {
        only_friends(server);
        assert_eq!(server.logins(), 1);
    }

    // One tenant's authority vouches for no other's server: the connection ends before a request.
    let calls = other.calls().total();
    scene.infisical_secret("crossed", of(&other, "ca", "credentials")).await;
    assert!(scene.failed("crossed", "Unreachable").await.contains("certificate"));
    assert!(!other.calls().all().iter().skip(calls as usize).any(|call| call.operation == Operation::Login));
    only_friends(&other);
}

fn kubernetes(account: Value, extra: &Value) -> Value {
    let login = json!({
        "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd",
        "serviceAccountRef": account,
        "autoCreateServiceAccountToken": true,
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
    });
    integration::merged(json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": login}}}), extra)
}

#[tokio::test]
async fn an_account_of_another_namespace_reaches_trusted_servers_only() {
    let scene = Scene::new().await;
    let elsewhere = scene.plane.namespace().await.unwrap();
    let account = json!({"name": "default", "namespace": elsewhere.name()});
    let operator = scene.start().await;
    scene.infisical_secret("a", kubernetes(account.clone(), &json!({}))).await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("--trusted-host") && message.contains(&scene.infisical.url()), "{message}");
    assert_eq!(scene.event("a", "AmbientNotGranted").await, message);
    assert_eq!(scene.infisical.calls().total(), 0, "something was sent all the same");
    operator.stop().await;

    let url = scene.infisical.url();
    let operator = scene.start_with(|options| options.trusted_hosts = vec![url.clone()]).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    operator.stop().await;

    // The configured server is trusted by that; the accounts of the system are not given away even then.
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    scene
        .infisical_secret("system", kubernetes(json!({"name": "default", "namespace": "kube-system"}), &json!({"spec": {"hostAPI": null}})))
        .await;
    assert!(scene.failed("system", "AmbientNotGranted").await.contains("--token-request-system-account"));
    scene.infisical_secret("configured", kubernetes(account, &json!({"spec": {"hostAPI": null}}))).await;
    scene.holds("configured", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn the_operators_own_token_reaches_trusted_servers_only() {
    let scene = Scene::new().await;
    let mount = scene.folder().join("service-account");
    std::fs::create_dir(&mount).unwrap();
    let token = scene.namespace.service_account_token("default", &[]).await.unwrap();
    std::fs::write(mount.join("token"), token).unwrap();
    let own = json!({"spec": {"authentication": {"universalAuth": null, "plugin": {
        "name": "kubernetes",
        "settings": {"source": "token-file"},
        "inputs": [{"name": "identity-id", "value": "99999999-aaaa-4bbb-8ccc-dddddddddddd"}],
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
    }}}});
    let url = scene.infisical.url();
    let mounts = [("service-account".to_owned(), mount)];
    let operator = scene.start_with(|options| options.plugins.mounts = mounts.clone().into()).await;
    scene.infisical_secret("a", own).await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("--trusted-host") && message.contains("service-account"), "{message}");
    assert_eq!(scene.infisical.calls().total(), 0);
    operator.stop().await;
    let _operator = scene
        .start_with(|options| {
            options.plugins.mounts = mounts.into();
            options.trusted_hosts = vec![url];
        })
        .await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn a_hanging_server_stalls_nobody_else() {
    let scene = Scene::new().await;
    let hanging = scene.another_server(|_| {}).await;
    hanging.faults().all(infisical_dev_server::Fault::Hang);
    let _operator = scene.start().await;
    for number in 0..40 {
        let stuck = json!({"spec": {"hostAPI": hanging.url(), "authentication": {"universalAuth": {"secretsScope": {"secretsPath": format!("/f{number}")}}}}});
        scene.infisical_secret(&format!("stuck-{number}"), stuck).await;
    }
    let began = std::time::Instant::now();
    scene.infisical_secret("free", json!({})).await;
    scene.holds("free", &[("A", "one"), ("B", "two")]).await;
    scene.set("A", "edited");
    scene.holds("free", &[("A", "edited"), ("B", "two")]).await;
    // Long before the first call to the hanging server gives up.
    assert!(began.elapsed() < std::time::Duration::from_secs(25), "{:?}", began.elapsed());
}
