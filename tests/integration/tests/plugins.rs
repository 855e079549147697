//! Plugins are swapped while the operator runs, and what is wrong with one is told on the resources that use it.
use bundle::Bundle;
use integration::{Scene, default_bundle, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use support::{BundleFolder, build_plugins};

async fn folder(scene: &Scene) -> BundleFolder {
    BundleFolder::copy(default_bundle().await, &scene.folder().join("bundle")).unwrap()
}

fn install(folder: &BundleFolder, from: &Bundle) {
    for entry in &from.index.plugins {
        let component = std::fs::read(from.folder.join(&entry.file)).unwrap();
        folder.install(entry, &component).unwrap();
    }
}

fn plugin(block: Value) -> Value {
    let scope = json!({"secretsScope": {"projectSlug": "shop", "envSlug": "dev"}});
    json!({"spec": {"authentication": {"universalAuth": null, "plugin": integration::merged(block, &scope)}}})
}

fn template(scene: &Scene, name: &str) -> Value {
    let target = json!({"secretName": name, "secretNamespace": scene.namespace.name(), "template": {"data": {"KEY": "{{ .A.Value }}"}}});
    json!({"spec": {"syncConfig": {"resyncInterval": "1h"}, "managedKubeSecretReferences": [target]}})
}

#[tokio::test]
async fn a_newer_version_takes_over_without_a_restart_and_a_broken_one_does_not() {
    let scene = Scene::new().await;
    let folder = folder(&scene).await;
    let operator = scene.start_with(|options| options.plugins.bundle = folder.path().into()).await;
    scene.infisical_secret("a", template(&scene, "a")).await;
    scene.holds("a", &[("KEY", "one")]).await;

    let newer = build_plugins(&["newer-template"]).await.unwrap();
    install(&folder, &newer);
    let version = &newer.index.plugins[0].version;
    let signed = format!("one# go-template {version}\n");
    until("the newer version to render", async || {
        let data = scene.data("a").await;
        if data["KEY"].contains(version.as_str()) { Ok(()) } else { Err(format!("{data:?}, not {signed:?}")) }
    })
    .await;
    let loaded =
        |metrics: support::Metrics| metrics.sum("infisical_operator_plugin_loaded", &[("plugin", "go-template"), ("version", version)]);
    assert_eq!(loaded(operator.metrics().await), 1.0);

    // A file that is no component, under the name of the one that serves.
    let secret = scene.identity::<Secret>("a").await;
    let mut broken = newer.index.plugins[0].clone();
    let garbage = b"this is no component";
    broken.version = "99.0.0".into();
    broken.size = garbage.len() as u64;
    broken.digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000".into();
    broken.file = "broken.wasm".into();
    folder.install(&broken, garbage).unwrap();
    until("the broken version to be refused", async || {
        let text = operator.metrics_text().await;
        let refused = text.lines().any(|line| line.contains("plugin_load") && line.contains("go-template") && line.contains("failed"));
        if refused { Ok(()) } else { Err(text.lines().filter(|line| line.contains("plugin_load")).collect::<Vec<_>>().join("\n")) }
    })
    .await;
    assert_eq!(loaded(operator.metrics().await), 1.0, "the one before serves");
    scene.set("A", "edited");
    scene.resync("a").await;
    until("the old version to go on", async || {
        let data = scene.data("a").await;
        if data["KEY"].starts_with("edited") && data["KEY"].contains(version.as_str()) { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
    assert_eq!(scene.identity::<Secret>("a").await.uid, secret.uid);
}

#[tokio::test]
async fn a_login_by_name_with_settings_and_inputs() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.trusted_hosts = vec![url]).await;
    scene.namespace.secret("login", [("id", "app-client"), ("secret", "app-secret\n")]).await.unwrap();
    let inputs = json!([
        {"name": "client-id", "secretKeyRef": {"secretName": "login", "key": "id"}},
        {"name": "client-secret", "secretKeyRef": {"secretName": "login", "secretNamespace": namespace, "key": "secret"}},
    ]);
    scene.infisical_secret("by-name", plugin(json!({"name": "universal", "inputs": inputs}))).await;
    scene.holds("by-name", &[("A", "one"), ("B", "two")]).await;
    let loaded = scene.condition("by-name", "secrets.infisical.com/LoadedInfisicalToken").await;
    assert!(loaded.message.contains("PLUGIN universal"), "{}", loaded.message);

    let account = json!({"name": "default", "namespace": namespace});
    let inputs = json!([{"name": "identity-id", "value": "99999999-aaaa-4bbb-8ccc-dddddddddddd"}]);
    let settings = json!({"source": "token-request"});
    scene
        .infisical_secret(
            "with-account",
            plugin(json!({"name": "kubernetes", "settings": settings, "inputs": inputs, "serviceAccountRef": account})),
        )
        .await;
    scene.holds("with-account", &[("A", "one"), ("B", "two")]).await;

    // What is needed and not given is named.
    scene.infisical_secret("without", plugin(json!({"name": "universal"}))).await;
    let message = scene.failed_somehow("without").await;
    assert!(message.contains("client-id") || message.contains("client-secret"), "{message}");
}

#[tokio::test]
async fn a_plugin_that_traps_is_reported_and_harms_nobody() {
    let scene = Scene::new().await;
    let folder = folder(&scene).await;
    install(&folder, &build_plugins(&["hostile-guest"]).await.unwrap());
    let operator = scene.start_with(|options| options.plugins.bundle = folder.path().into()).await;
    for name in ["a", "good"] {
        scene.infisical_secret(name, json!({})).await;
        scene.synced(name).await;
    }
    let before = scene.identity::<Secret>("a").await;
    for (deed, reason) in
        [("trap", "PluginTrapped"), ("loop", "PluginTimedOut"), ("allocate", "PluginOutOfMemory"), ("giant-result", "PluginBadResult")]
    {
        scene.infisical_secret("a", plugin(json!({"name": "hostile", "settings": {"do": deed}}))).await;
        let message = scene.failed_somehow("a").await;
        let found = scene.condition("a", "Ready").await.reason;
        println!("{deed}: {found} (expected {reason}): {message}");
        assert!(found.starts_with("Plugin"), "{deed}: {found}: {message}");
        assert_eq!(scene.event("a", &found).await, message);
        assert_eq!(scene.identity::<Secret>("a").await, before);
        scene.set("A", deed);
        scene.resync("good").await;
        scene.holds("good", &[("A", deed), ("B", "two")]).await;
    }
    let failed = operator.metrics().await.sum("infisical_operator_plugin_calls_total", &[("plugin", "hostile")]);
    assert!(failed >= 4.0, "{failed}");
}

#[tokio::test]
async fn a_grant_that_is_taken_back_is_denied_by_name() {
    let scene = Scene::new().await;
    let namespace = scene.namespace.name();
    let _operator = scene.start_with(|options| options.plugins.withheld = vec![("kubernetes".into(), "service-account".into())]).await;
    let account = json!({"name": "default", "namespace": namespace});
    let inputs = json!([{"name": "identity-id", "value": "99999999-aaaa-4bbb-8ccc-dddddddddddd"}]);
    scene.infisical_secret("a", plugin(json!({"name": "kubernetes", "inputs": inputs, "serviceAccountRef": account}))).await;
    let message = scene.failed("a", "CapabilityNotGranted").await;
    assert!(message.contains("service-account") && message.contains("kubernetes"), "{message}");
}
