//! Who asks for what is at the server now gets that, whatever comes in between; nothing else would lead to a read for an hour.
use infisical_dev_server::{Fault, Operation};
use integration::{Running, Scene, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

/// An InfisicalSecret in step, which is read again in an hour.
async fn in_step(scene: &Scene) {
    scene.infisical_secret("a", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.synced("a").await;
}

/// Asks for a read, and waits until a pass that took the wish has ended: one may have been under way.
async fn resync_ends(scene: &Scene, operator: &Running) {
    let passes = async || operator.metrics().await.sum("infisical_operator_reconciles_total", &[("kind", "InfisicalSecret")]);
    let before = passes().await;
    scene.resync("a").await;
    until("two passes", async || match passes().await {
        now if now >= before + 2.0 => Ok(()),
        now => Err(now - before),
    })
    .await;
}

#[tokio::test]
async fn a_resync_while_an_older_read_is_under_way_is_answered_by_a_read_of_its_own() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    in_step(&scene).await;
    let lists = || scene.infisical.calls().count(Operation::ListSecrets);
    let before = lists();
    scene.infisical.faults().on(Operation::ListSecrets, Fault::Hang);
    for _ in 0..2 {
        resync_ends(&scene, &operator).await;
    }
    // The read that began with the first.
    scene.infisical.faults().clear();
    until("a read for each", async || if lists() >= before + 2 { Ok(()) } else { Err(lists() - before) }).await;
    scene.synced("a").await;
}

#[tokio::test]
async fn a_resync_during_a_pass_that_fails_is_met_by_the_next_one() {
    let scene = Scene::new().await;
    let recorder = scene.recorder().await;
    let kubeconfig = recorder.kubeconfig().to_owned();
    let operator = scene.start_with(|options| options.kubeconfig = Some(kubeconfig)).await;
    in_step(&scene).await;
    let credentials = format!("/api/v1/namespaces/{}/secrets/credentials", scene.namespace.name());
    // Other than a 503, which the client asks again for by itself.
    recorder.refuse(&credentials, Some(500));
    // So that they are to be read again.
    scene.annotate::<Secret>("credentials", "example.com/touched", Some("yes")).await;
    scene.failed("a", "ApiServerUnavailable").await;
    scene.set("A", "edited");
    resync_ends(&scene, &operator).await;
    assert_eq!(scene.data("a").await["A"], "one");
    recorder.refuse(&credentials, None);
    scene.synced("a").await;
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
}
