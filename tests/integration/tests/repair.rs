//! A target is kept as it should be, whoever changes it and whatever the server has to say.
use api::v1alpha1::InfisicalSecret;
use futures::StreamExt;
use infisical_dev_server::Operation;
use integration::{Scene, text, until};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use std::{
    pin::pin,
    time::{Duration, Instant},
};

/// Seconds, on a machine that does other things too; the interval of these tests is an hour.
const SOON: Duration = Duration::from_secs(10);

async fn patch<K>(api: &Api<K>, name: &str, patch: Value)
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

#[tokio::test]
async fn a_deleted_or_edited_target_is_back_within_seconds_without_a_read() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    scene
        .infisical_secret(
            "a",
            json!({"spec": {
                "syncConfig": {"resyncInterval": "1h"},
                "managedKubeConfigMapReferences": [{"configMapName": "a", "configMapNamespace": namespace}],
            }}),
        )
        .await;
    scene.synced("a").await;
    let lists = scene.infisical.calls().count(Operation::ListSecrets);
    let secrets: Api<Secret> = scene.namespace.api();
    let maps: Api<ConfigMap> = scene.namespace.api();

    let (began, before) = (Instant::now(), scene.identity::<Secret>("a").await);
    scene.delete_secret("a").await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert_ne!(scene.identity::<Secret>("a").await.uid, before.uid);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());

    let began = Instant::now();
    let edit = json!({
        "metadata": {
            "labels": {"foreign": "kept"},
            "annotations": {"foreign.example.com/note": "kept", "secrets.infisical.com/version": "W/\"secrets-1-00000000\""},
        },
        "stringData": {"A": "edited by hand", "EXTRA": "put there by hand"},
    });
    patch(&secrets, "a", edit).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let secret = scene.secret("a").await;
    assert_eq!(secret.labels().get("foreign").map(String::as_str), Some("kept"));
    assert_eq!(secret.annotations().get("foreign.example.com/note").map(String::as_str), Some("kept"));
    assert_eq!(secret.annotations()["secrets.infisical.com/version"], "W/\"secrets-12-E94303F5\"");

    let began = Instant::now();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    until("the ConfigMap to be back", async || maps.get("a").await).await;
    patch(&maps, "a", json!({"data": {"A": "edited"}})).await;
    until("the ConfigMap to be repaired", async || {
        let data = maps.get("a").await.unwrap().data.unwrap();
        if data["A"] == "one" { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(scene.infisical.calls().count(Operation::ListSecrets), lists, "a repair needs no read");
}

#[tokio::test]
async fn a_target_is_repaired_while_the_server_says_that_nothing_changed() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    scene.infisical.calls().wait_for(|log| log.with_status(Operation::ListSecrets, 304) >= 1).await;
    scene.delete_secret("a").await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.calls(Operation::ListSecrets, 2).await;
    let answers = scene.infisical.calls().read(|log| log.with_status(Operation::ListSecrets, 200));
    assert_eq!(answers, 1, "the data came from the first read");
}

#[tokio::test]
async fn a_new_target_is_not_written_twice() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    scene
        .infisical_secret(
            "a",
            json!({"spec": {"managedKubeConfigMapReferences": [{"configMapName": "a", "configMapNamespace": namespace, "creationPolicy": "Owner"}]}}),
        )
        .await;
    scene.synced("a").await;
    let before = (scene.identity::<Secret>("a").await, scene.identity::<ConfigMap>("a").await);
    scene.calls(Operation::ListSecrets, 2).await;
    assert_eq!((scene.identity::<Secret>("a").await, scene.identity::<ConfigMap>("a").await), before);
}

#[tokio::test]
async fn a_flip_of_the_policy_keeps_the_object() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let policy = |policy: &str| {
        let target = json!({"secretName": "a", "secretNamespace": scene.namespace.name(), "creationPolicy": policy});
        json!({"spec": {"managedKubeSecretReferences": [target]}})
    };
    scene.infisical_secret("a", policy("Owner")).await;
    scene.synced("a").await;
    let before = scene.identity::<Secret>("a").await;
    assert_eq!(scene.secret("a").await.owner_references().len(), 1);
    scene.infisical_secret("a", policy("Orphan")).await;
    scene.synced("a").await;
    assert_eq!(scene.identity::<Secret>("a").await.uid, before.uid);
    assert!(scene.secret("a").await.owner_references().is_empty());
    scene.infisical_secret("a", policy("Owner")).await;
    scene.synced("a").await;
    assert_eq!(scene.identity::<Secret>("a").await.uid, before.uid);
    assert_eq!(scene.secret("a").await.owner_references().len(), 1);
}

#[tokio::test]
async fn targets_that_are_no_longer_named_go_if_they_are_owned() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let target = |name: &str, policy: &str| json!({"secretName": name, "secretNamespace": namespace, "creationPolicy": policy});
    let all = json!([target("kept", "Owner"), target("owned", "Owner"), target("orphan", "Orphan")]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": all}})).await;
    scene.synced("a").await;
    let before = scene.identity::<Secret>("orphan").await;
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": [target("kept", "Owner")]}})).await;
    let secrets: Api<Secret> = scene.namespace.api();
    until("the owned target to go", async || match secrets.get_opt("owned").await {
        Ok(None) => Ok(()),
        _ => Err("it is there"),
    })
    .await;
    assert_eq!(scene.identity::<Secret>("orphan").await, before);
    assert_eq!(scene.data("kept").await.len(), 2);
}

#[tokio::test]
async fn a_bare_and_empty_secret_is_taken_and_one_with_keys_by_permission() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    for name in ["empty", "full"] {
        scene.namespace.secret(name, []).await.unwrap();
    }
    scene.namespace.secret("full", [("THEIRS", "precious")]).await.unwrap();
    let before = scene.identity::<Secret>("full").await;
    scene.infisical_secret("empty", json!({})).await;
    scene.infisical_secret("full", json!({})).await;
    scene.holds("empty", &[("A", "one"), ("B", "two")]).await;
    let message = scene.failed("full", "TargetExists").await;
    assert!(message.contains("THEIRS") && message.contains("secrets.infisical.com/adopt") && !message.contains("precious"), "{message}");
    assert_eq!(scene.identity::<Secret>("full").await, before);
    let secrets: Api<Secret> = scene.namespace.api();
    patch(&secrets, "full", json!({"metadata": {"annotations": {"secrets.infisical.com/adopt": "true"}}})).await;
    scene.holds("full", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn what_kubernetes_does_not_let_change_is_said_and_nothing_is_lost() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let kind = |kind: &str| {
        let target = json!({"secretName": "a", "secretNamespace": scene.namespace.name(), "secretType": kind});
        json!({"spec": {"managedKubeSecretReferences": [target]}})
    };
    scene.infisical_secret("a", kind("Opaque")).await;
    scene.synced("a").await;
    scene.infisical_secret("a", kind("example.com/other")).await;
    let message = scene.event("a", "SecretTypeImmutable").await;
    assert!(message.contains("Opaque") && message.contains("example.com/other"), "{message}");
    assert_eq!(scene.secret("a").await.type_.as_deref(), Some("Opaque"));
    assert_eq!(scene.data("a").await.len(), 2);

    let secrets: Api<Secret> = scene.namespace.api();
    scene.infisical_secret("a", kind("Opaque")).await;
    scene.infisical_secret("fixed", json!({})).await;
    scene.synced("fixed").await;
    patch(&secrets, "fixed", json!({"immutable": true})).await;
    let before = scene.identity::<Secret>("fixed").await;
    scene.set("A", "edited");
    scene.resync("fixed").await;
    assert!(scene.failed("fixed", "TargetImmutable").await.contains("immutable"));
    assert_eq!(scene.identity::<Secret>("fixed").await, before);
}

#[tokio::test]
async fn of_two_resources_with_one_target_the_older_keeps_it() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let target = json!([{"secretName": "one", "secretNamespace": scene.namespace.name()}]);
    scene.infisical_secret("older", json!({"spec": {"managedKubeSecretReferences": target}})).await;
    scene.synced("older").await;
    // The API server notes whole seconds.
    let older = scene.resource("older").await.metadata.creation_timestamp.unwrap().0;
    until(
        "the next second",
        async || if k8s_openapi::jiff::Timestamp::now().as_second() > older.as_second() { Ok(()) } else { Err("not yet") },
    )
    .await;
    let prod = json!({"universalAuth": {"secretsScope": {"envSlug": "prod"}}});
    scene.infisical_secret("younger", json!({"spec": {"managedKubeSecretReferences": target, "authentication": prod}})).await;
    assert!(scene.failed("younger", "TargetClaimed").await.contains("older"));
    let before = scene.identity::<Secret>("one").await;
    scene.calls(Operation::ListSecrets, 2).await;
    assert_eq!(scene.identity::<Secret>("one").await, before);
    // It passes on when the first lets it go.
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.delete("older", &DeleteParams::default()).await.unwrap();
    scene.holds("one", &[("A", "uno")]).await;
    scene.synced("younger").await;
}

/// Puts its own value back as soon as somebody else changes it, as a second operator would.
async fn put_back(secrets: Api<Secret>) {
    let config = watcher::Config::default().fields("metadata.name=a");
    let mut seen = pin!(watcher::watcher(secrets.clone(), config).applied_objects());
    while let Some(seen) = seen.next().await {
        if seen.is_ok_and(|secret| text(secret).get("A").is_some_and(|value| value != "theirs")) {
            edit(&secrets, "theirs").await;
        }
    }
}

async fn edit(secrets: &Api<Secret>, value: &str) {
    let params = PatchParams { field_manager: Some("replicator".into()), ..PatchParams::default() };
    secrets.patch("a", &params, &Patch::Merge(json!({"stringData": {"A": value}}))).await.unwrap();
}

#[tokio::test]
async fn a_target_that_something_else_keeps_changing_is_written_less_and_less_often_and_said() {
    let scene = Scene::new().await;
    let recorder = scene.recorder().await;
    let kubeconfig = recorder.kubeconfig().to_owned();
    let _operator = scene.start_with(|options| options.kubeconfig = Some(kubeconfig)).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let written = || recorder.writes().iter().filter(|asked| asked.method == "PUT" && asked.path.contains("/secrets/a")).count();
    let secrets: Api<Secret> = scene.namespace.api();
    let fight = tokio::spawn(put_back(secrets.clone()));
    edit(&secrets, "theirs").await;
    let message = scene.failed("a", "TargetContested").await;
    let about = format!("Secret {}/a", scene.namespace.name());
    assert!(message.contains(&about) && message.contains("replicator"), "{message}");
    assert!(scene.event("a", "TargetContested").await.contains(&about));
    let before = written();
    assert!((5..=8).contains(&before), "{before} writes");
    let began = Instant::now();
    for number in 0..20 {
        secrets
            .patch("a", &PatchParams::default(), &Patch::Merge(json!({"metadata": {"labels": {"n": number.to_string()}}})))
            .await
            .unwrap();
    }
    // Twice the interval, in which a storm would have been hundreds.
    scene.calls(Operation::ListSecrets, 2).await;
    let (more, seconds) = (written() - before, began.elapsed().as_secs());
    assert!(more as u64 <= 2 + seconds / 5, "{more} writes in {seconds} s");
    // What is wanted otherwise is written at once.
    let before = written();
    scene.set("B", "edited");
    until("the change to be written", async || if written() > before { Ok(()) } else { Err("not yet") }).await;
    fight.abort();
    scene.holds("a", &[("A", "one"), ("B", "edited")]).await;
    scene.synced("a").await;
}

/// Infisical's operator looks at the policy only when it makes a target.
#[tokio::test]
async fn a_target_of_another_namespace_that_is_there_is_kept_up_though_it_can_not_be_owned() {
    let scene = Scene::new().await;
    let far = scene.plane.namespace().await.unwrap();
    let secrets: Api<Secret> = far.api();
    far.secret("target", [("A", "old")]).await.unwrap();
    let version = json!({"secrets.infisical.com/version": "W/\"secrets-1-00000000\""});
    patch(&secrets, "target", json!({"metadata": {"annotations": version}})).await;
    let _operator = scene.start().await;
    let targets = json!([
        {"secretName": "target", "secretNamespace": far.name(), "creationPolicy": "Owner"},
        {"secretName": "a", "secretNamespace": scene.namespace.name()},
    ]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": targets}})).await;
    let ready = scene.synced("a").await;
    let place = "spec.managedKubeSecretReferences[0].creationPolicy is Owner";
    assert!(ready.message.contains(place) && ready.message.contains("use Orphan"), "{}", ready.message);
    let data = async || text(secrets.get("target").await.unwrap());
    assert_eq!(data().await, scene.data("a").await);
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    until("the target elsewhere to follow", async || if data().await["A"] == "edited" { Ok(()) } else { Err("not yet") }).await;
    assert!(secrets.get("target").await.unwrap().owner_references().is_empty());
    // It is not made anew, and holds up no other.
    secrets.delete("target", &DeleteParams::default()).await.unwrap();
    scene.set("A", "again");
    assert!(scene.failed("a", "OwnerInOtherNamespace").await.contains(place));
    scene.holds("a", &[("A", "again"), ("B", "two")]).await;
    assert!(secrets.get_opt("target").await.unwrap().is_none());
}

#[tokio::test]
async fn what_a_namesake_in_another_namespace_controls_is_left_alone() {
    let scene = Scene::new().await;
    // Served by another operator, or by none.
    let far = scene.plane.namespace().await.unwrap();
    let theirs: Api<InfisicalSecret> = far.api();
    let manifest =
        json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": "a"}, "spec": {}});
    let namesake = theirs.create(&PostParams::default(), &serde_json::from_value(manifest).unwrap()).await.unwrap();
    far.secret("target", [("THEIRS", "precious")]).await.unwrap();
    let secrets: Api<Secret> = far.api();
    let owner = namesake.controller_owner_ref(&()).unwrap();
    let version = json!({"secrets.infisical.com/version": "W/\"secrets-1-00000000\""});
    patch(&secrets, "target", json!({"metadata": {"ownerReferences": [owner], "annotations": version}})).await;
    let before = secrets.get("target").await.unwrap();

    let _operator = scene.start().await;
    let target = json!([{"secretName": "target", "secretNamespace": far.name()}]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": target}})).await;
    let message = scene.failed("a", "TargetOwned").await;
    assert!(message.contains(&format!("controlled by InfisicalSecret {}/a", far.name())), "{message}");
    assert_eq!(secrets.get("target").await.unwrap(), before);
}
