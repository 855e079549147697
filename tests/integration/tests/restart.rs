//! An operator that ends at any moment, and the one that comes after it.
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::{Fault, Operation};
use integration::{Scene, until};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::{Api, api::DeleteParams};
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
async fn a_resource_that_is_deleted_in_mid_pass_leaves_nothing_behind() {
    let scene = Scene::new().await;
    scene.infisical.faults().on(Operation::ListSecrets, Fault::Hang);
    let _operator = scene.start().await;
    scene.infisical_secret("gone", json!({})).await;
    let calls = scene.infisical.calls();
    until("a call to hang", async || if calls.read(|log| log.in_flight()) > 0 { Ok(()) } else { Err("none") }).await;
    let resources: Api<InfisicalSecret> = scene.namespace.api();
    resources.delete("gone", &DeleteParams::default()).await.unwrap();
    // Its read is cut and its token given back, though the server never answered.
    until("the token to be given back", async || match calls.read(|log| log.with_status(Operation::Revoke, 200)) {
        1 => Ok(()),
        other => Err(other),
    })
    .await;
    assert_eq!(calls.read(|log| log.in_flight()), 0);
    scene.infisical.faults().clear();
    let before = calls.all().len();
    // Others are served meanwhile, and nobody asks for it any more.
    let folder = json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"secretsPath": "/app"}}}}});
    scene.infisical_secret("other", folder).await;
    scene.calls(Operation::ListSecrets, 3).await;
    let asked: Vec<_> = calls.all().into_iter().skip(before).filter(|call| call.operation == Operation::ListSecrets).collect();
    assert!(asked.iter().all(|call| call.query.contains("app")), "{asked:#?}");
    let secrets: Api<Secret> = scene.namespace.api();
    assert!(secrets.get_opt("gone").await.unwrap().is_none());
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
