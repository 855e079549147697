//! An operator that ends at any moment, and the one that comes after it: this project's, or Infisical's own before it.
use api::{v1alpha1::InfisicalSecret, v1beta1::InfisicalStaticSecret};
use infisical_dev_server::{Fault, Operation, Place, Seed};
use integration::{Identity, Scene, until};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const MARK: &str = "secrets.infisical.com/managed-secret.a";

fn web() -> Value {
    let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "a"}}]}]});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}},
    })
}

/// Waits until Deployment `web` runs with what Secret `a` holds; gives its revision, which counts its pod templates.
async fn follows(scene: &Scene) -> i64 {
    let api: Api<Deployment> = scene.namespace.api();
    until("web to run with Secret a of today", async || {
        let version = scene.secret("a").await.metadata.annotations.unwrap()["secrets.infisical.com/version"].clone();
        let web = serde_json::to_value(api.get("web").await.unwrap()).unwrap();
        let mark = &web["spec"]["template"]["metadata"]["annotations"][MARK];
        let seen = web["status"]["observedGeneration"] == web["metadata"]["generation"];
        let revision = web["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().and_then(|text| text.parse().ok());
        revision.filter(|_| seen && *mark == json!(version)).ok_or_else(|| mark.to_string())
    })
    .await
}

#[tokio::test]
async fn a_restart_writes_nothing() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    scene.apply(&web()).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    follows(&scene).await;
    scene.synced("a").await;
    operator.stop().await;
    let all = async || {
        (scene.identity::<Secret>("a").await, scene.identity::<Deployment>("web").await, scene.identity::<InfisicalSecret>("a").await)
    };
    // The deployment controller has seen it too, and writes no more.
    follows(&scene).await;
    let before = all().await;
    for _ in 0..2 {
        let operator = scene.start().await;
        scene.calls(Operation::ListSecrets, 2).await;
        assert_eq!(all().await, before);
        operator.stop().await;
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_is_made_good_by_the_next_one() {
    let scene = Scene::new().await;
    let first = scene.child(&[]).await;
    scene.apply(&web()).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    scene.set("A", "change-0");
    scene.holds("a", &[("A", "change-0"), ("B", "two")]).await;
    let mut revision = follows(&scene).await;
    let mut running = Some(first);
    // From before the read up to after the restart, as the steps happen to fall.
    for round in 1..=4 {
        let mut child = running.take().unwrap();
        let value = format!("change-{round}");
        let calls = scene.infisical.calls();
        let lists = calls.read(|log| log.with_status(Operation::ListSecrets, 200));
        scene.set("A", &value);
        if round == 1 {
            scene.infisical.faults().on(Operation::ListSecrets, Fault::Hang);
        }
        scene.resync("a").await;
        match round {
            1 => calls.wait_for(|log| log.in_flight() > 0).await,
            2 => calls.wait_for(|log| log.with_status(Operation::ListSecrets, 200) > lists).await,
            3 => scene.holds("a", &[("A", &value), ("B", "two")]).await,
            _ => drop(follows(&scene).await),
        }
        child.process().kill().unwrap();
        drop(child);
        scene.infisical.faults().clear();
        running = Some(scene.child(&[]).await);
        scene.holds("a", &[("A", &value), ("B", "two")]).await;
        let now = follows(&scene).await;
        assert_eq!(now, revision + 1, "round {round}: one change, one restart");
        revision = now;
        scene.synced("a").await;
    }
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_login_or_a_read_leaves_no_trace() {
    let scene = Scene::new().await;
    for operation in [Operation::Login, Operation::ListSecrets] {
        let name = format!("{operation:?}").to_lowercase();
        scene.infisical.faults().on(operation, Fault::Hang);
        let operator = scene.start().await;
        scene.infisical_secret(&name, json!({})).await;
        let calls = scene.infisical.calls();
        until("a call to hang", async || if calls.read(|log| log.in_flight()) > 0 { Ok(()) } else { Err("none") }).await;
        // The end does not wait for the server.
        let began = std::time::Instant::now();
        operator.stop().await;
        assert!(began.elapsed() < std::time::Duration::from_secs(12), "{:?}", began.elapsed());
        let secrets: Api<Secret> = scene.namespace.api();
        assert!(secrets.get_opt(&name).await.unwrap().is_none());
        scene.infisical.faults().clear();
        let operator = scene.start().await;
        scene.holds(&name, &[("A", "one"), ("B", "two")]).await;
        operator.stop().await;
    }
}

#[tokio::test]
async fn an_end_gives_the_tokens_back() {
    let scene = Scene::new().await;
    let child = scene.child(&[]).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let began = std::time::Instant::now();
    child.stop().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "{:?}", began.elapsed());
    let calls = scene.infisical.calls();
    assert_eq!((scene.infisical.logins(), calls.read(|log| log.with_status(Operation::Revoke, 200))), (1, 1));
}

/// What Infisical's operator 0.11.5 left in a cluster, brought into the namespace of a test.
struct Peer {
    secrets: Vec<(String, Identity)>,
    maps: Vec<(String, Identity)>,
    web: Identity,
}

async fn peer(scene: &Scene) -> Peer {
    let text = include_str!("../data/infisical-operator-0.11.5.json").replace("\"shop\"", &format!("{:?}", scene.namespace.name()));
    let mut list: Value = serde_json::from_str(&text).unwrap();
    let mut uids = Vec::new();
    let items = list["items"].as_array_mut().unwrap();
    // Owners first, so that their new uids are known.
    let is_ours = |item: &Value| item["apiVersion"].as_str().unwrap().starts_with("secrets.infisical.com/");
    items.sort_by_key(|item| !is_ours(item));
    for item in items.iter_mut() {
        let metadata = item["metadata"].as_object_mut().unwrap();
        let uid = metadata.remove("uid").unwrap();
        for name in ["creationTimestamp", "resourceVersion", "generation", "managedFields"] {
            metadata.remove(name);
        }
        for (old, new) in &uids {
            for reference in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
                if reference["uid"] == *old {
                    reference["uid"] = json!(new);
                }
            }
        }
        match item["kind"].as_str() {
            Some("InfisicalSecret") => item["spec"]["hostAPI"] = json!(scene.infisical.url()),
            Some("InfisicalConnection") => item["spec"]["address"] = json!(scene.infisical.url()),
            // Nothing runs pods here, and what the deployment controller notes of them would be writes too.
            Some("Deployment") => item["spec"]["replicas"] = json!(0),
            _ => {}
        }
        let status = item.as_object_mut().unwrap().remove("status");
        let object: DynamicObject = serde_json::from_value(item.clone()).unwrap();
        let types = object.types.clone().unwrap();
        let (resource, _) =
            kube::discovery::pinned_kind(scene.plane.client(), &kube::core::GroupVersionKind::try_from(&types).unwrap()).await.unwrap();
        let api: Api<DynamicObject> = Api::namespaced_with(scene.plane.client().clone(), scene.namespace.name(), &resource);
        let name = object.metadata.name.clone().unwrap();
        let made = api.create(&PostParams { field_manager: Some("manager".into()), ..PostParams::default() }, &object).await.unwrap();
        if is_ours(item) {
            uids.push((uid, made.metadata.uid.unwrap()));
            api.patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap();
        }
    }
    // As the peer's restart left it, once the deployment controller has seen it.
    let deployments: Api<Deployment> = scene.namespace.api();
    until("the deployment controller to have seen it", async || {
        let web = deployments.get("web").await.unwrap();
        let status = web.status.unwrap_or_default();
        if status.observed_generation == web.metadata.generation && status.conditions.is_some_and(|all| all.len() > 1) {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
    let mut secrets = Vec::new();
    for name in ["plain-managed", "owned-managed", "owned-template", "static-managed", "static-template"] {
        secrets.push((name.to_owned(), scene.identity::<Secret>(name).await));
    }
    let mut maps = Vec::new();
    for name in ["owned-config", "static-config"] {
        maps.push((name.to_owned(), scene.identity::<ConfigMap>(name).await));
    }
    Peer { secrets, maps, web: scene.identity::<Deployment>("web").await }
}

/// Served as it was when the state was recorded.
const RECORDED: &str = r#"
identities:
  - {name: bench, universalAuth: {clientId: client-id, clientSecrets: [client-secret]}}
projects:
  - slug: bench
    members: {bench: {role: viewer}}
    environments:
      - slug: dev
        folders:
          /app0: {secrets: {KEY_0: value-/app0-0-v1, KEY_1: value-/app0-1-v1, KEY_2: value-/app0-2-v1}}
          /app1: {secrets: {KEY_0: value-/app1-0-v1, KEY_1: value-/app1-1-v1, KEY_2: value-/app1-2-v1}}
          /app2: {secrets: {KEY_0: value-/app2-0-v1, KEY_1: value-/app2-1-v1, KEY_2: value-/app2-2-v1}}
          /app3: {secrets: {KEY_0: value-/app3-0-v1, KEY_1: value-/app3-1-v1, KEY_2: value-/app3-2-v1}}
"#;

#[tokio::test]
async fn taking_over_from_infisicals_operator_writes_no_target_and_restarts_no_workload() {
    let scene = Scene::with(|config| config.seed = Seed::parse(RECORDED).unwrap()).await;
    let before = peer(&scene).await;
    let _operator = scene.start().await;
    for name in ["plain", "owned"] {
        scene.synced(name).await;
    }
    let statics: Api<InfisicalStaticSecret> = scene.namespace.api();
    until("the InfisicalStaticSecret to be ready", async || {
        let conditions = statics.get("static").await.unwrap().status.unwrap_or_default().conditions;
        let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready" && condition.status == "True");
        ready.map(drop).ok_or("not yet")
    })
    .await;
    scene.calls(Operation::ListSecrets, 4).await;
    for (name, identity) in &before.secrets {
        assert_eq!(&scene.identity::<Secret>(name).await, identity, "{name}");
    }
    for (name, identity) in &before.maps {
        assert_eq!(&scene.identity::<ConfigMap>(name).await, identity, "{name}");
    }
    assert_eq!(scene.identity::<Deployment>("web").await, before.web);
    // And from here on they follow.
    scene.infisical.state().set_secret(&Place::new("bench", "dev", "/app1"), "KEY_0", "edited").unwrap();
    scene.resync("owned").await;
    until("the Secrets to follow", async || {
        let data = scene.data("owned-managed").await;
        if data["KEY_0"] == "edited" { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
    let deployments: Api<Deployment> = scene.namespace.api();
    until("the workload to follow", async || {
        let web = serde_json::to_value(deployments.get("web").await.unwrap()).unwrap();
        let mark = &web["spec"]["template"]["metadata"]["annotations"]["secrets.infisical.com/managed-secret.owned-managed"];
        if *mark != json!("W/\"secrets-69-DA990298\"") { Ok(()) } else { Err(mark.to_string()) }
    })
    .await;
}
