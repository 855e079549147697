//! Of several operators one works, and Infisical's own is one of them: its Lease is taken over, and never from under it.
use integration::{Running, Scene, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use operator::options::LeaderOptions;
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};
use support::wait_for;

const LEASE: &str = "cf2b8c44.infisical.com";
/// client-go's, which Infisical's operator has.
const LEASE_SECONDS: u64 = 15;

/// An operator that stands for election; ready whether or not it leads.
async fn candidate(scene: &Scene, identity: &str) -> Running {
    let leader = LeaderOptions { namespace: scene.namespace.name().into(), identity: identity.into() };
    scene.start_with(|options| options.leader = Some(leader)).await
}

async fn lease(scene: &Scene) -> Option<Value> {
    let api: Api<Lease> = scene.namespace.api();
    api.get_opt(LEASE).await.unwrap().map(|lease| serde_json::to_value(lease.spec.unwrap()).unwrap())
}

async fn held_by(scene: &Scene, identity: &str) {
    until(format_args!("{identity} to hold the Lease"), async || {
        let lease = lease(scene).await.unwrap_or_default();
        if lease["holderIdentity"] == identity { Ok(()) } else { Err(lease.to_string()) }
    })
    .await;
}

fn micro(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let time = k8s_openapi::jiff::Timestamp::from_microsecond(i64::try_from(since.as_micros()).unwrap()).unwrap();
    format!("{time:.6}")
}

/// A Lease as client-go leaves it, last renewed at `renewed`.
async fn of_client_go(scene: &Scene, renewed: SystemTime) {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE},
        "spec": {
            "holderIdentity": "infisical-operator-controller-manager-5d5f7c-x8x2p_0d6f3a0e-58d8-4c3c-9d70-5f1c1a2b3c4d",
            "leaseDurationSeconds": LEASE_SECONDS,
            "acquireTime": micro(renewed - Duration::from_secs(600)),
            "renewTime": micro(renewed),
            "leaseTransitions": 3,
        },
    });
    let api: Api<Lease> = scene.namespace.api();
    let by = PostParams { field_manager: Some("manager".into()), ..PostParams::default() };
    match api.get_opt(LEASE).await.unwrap() {
        None => api.create(&by, &serde_json::from_value(lease).unwrap()).await.unwrap(),
        Some(live) => {
            let mut object: Lease = serde_json::from_value(lease).unwrap();
            object.metadata.resource_version = live.metadata.resource_version;
            api.replace(LEASE, &by, &object).await.unwrap()
        }
    };
}

#[tokio::test]
async fn one_of_two_leads_and_the_other_follows_when_it_ends() {
    let scene = Scene::new().await;
    let first = candidate(&scene, "first").await;
    held_by(&scene, "first").await;
    let second = candidate(&scene, "second").await;
    scene.infisical_secret("a", json!({})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert_eq!(second.metrics().await.sum("infisical_operator_reconciles_total", &[]), 0.0, "it works without the lead");
    assert_eq!(scene.infisical.logins(), 1);

    // Given back at the end, so the next one need not wait until it runs out.
    let began = Instant::now();
    first.stop().await;
    held_by(&scene, "second").await;
    assert!(began.elapsed() < Duration::from_secs(LEASE_SECONDS), "{:?}", began.elapsed());
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
}

#[tokio::test]
async fn a_lease_that_client_go_left_behind_is_taken_over() {
    let scene = Scene::new().await;
    of_client_go(&scene, SystemTime::now() - Duration::from_secs(60)).await;
    let _operator = candidate(&scene, "ours").await;
    held_by(&scene, "ours").await;
    let spec = lease(&scene).await.unwrap();
    assert_eq!(spec["leaseTransitions"], 4, "{spec}");
    scene.infisical_secret("a", json!({})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_left_alone() {
    let scene = Scene::new().await;
    of_client_go(&scene, SystemTime::now()).await;
    let operator = candidate(&scene, "ours").await;
    scene.infisical_secret("a", json!({})).await;
    // Renewed as client-go does it, for longer than one duration.
    let began = Instant::now();
    let patient = Duration::from_secs(60);
    wait_for("one and a half durations of renewals", patient, async || {
        of_client_go(&scene, SystemTime::now()).await;
        if began.elapsed() > Duration::from_secs(LEASE_SECONDS * 3 / 2) { Ok(()) } else { Err("renewing") }
    })
    .await
    .unwrap();
    let spec = lease(&scene).await.unwrap();
    assert!(spec["holderIdentity"].as_str().unwrap().starts_with("infisical-operator-controller-manager"), "{spec}");
    assert_eq!(operator.metrics().await.sum("infisical_operator_reconciles_total", &[]), 0.0);
    assert_eq!(scene.infisical.calls().total(), 0);
    // No longer renewed, it is taken.
    held_by(&scene, "ours").await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn whoever_loses_the_lead_stops() {
    let scene = Scene::new().await;
    let operator = candidate(&scene, "ours").await;
    held_by(&scene, "ours").await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let api: Api<Lease> = scene.namespace.api();
    // Somebody else wrote itself into it, whatever made it think that it may.
    let taken = json!({"spec": {"holderIdentity": "usurper", "renewTime": micro(SystemTime::now()), "leaseDurationSeconds": 3600}});
    api.patch(LEASE, &PatchParams::default(), &Patch::Merge(taken)).await.unwrap();
    let ended = operator.ended(Duration::from_secs(60)).await;
    assert!(ended.unwrap_err().to_string().contains("lead was lost"));
}
