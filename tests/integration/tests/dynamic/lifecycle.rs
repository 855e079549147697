//! A lease is made, renewed as long as the server lets it, and replaced before it ends.
use super::{
    another_lease, apply, becomes, database, failed, follower, ids, lease_of, leases, lets_in, only, place, resource, restarted_for,
    runs_with, scene, synced,
};
use infisical_dev_server::Operation;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::json;

#[tokio::test]
async fn a_lease_becomes_a_secret_whose_credentials_work() {
    let scene = scene().await;
    let _operator = scene.start().await;
    let metadata = json!({
        "labels": {"team": "shop", "app.kubernetes.io/instance": "release"},
        "annotations": {"example.com/note": "n", "argocd.argoproj.io/tracking-id": "t"},
    });
    apply(&scene, "a", json!({"metadata": metadata})).await;
    let found = synced(&scene, "a").await;
    let data = scene.data("a").await;
    assert!(lets_in(&scene, &data));
    // What is no text is its JSON.
    assert_eq!((data["PORT"].as_str(), data.len()), ("5432", 3));

    let lease = leases(&scene).remove(0);
    let secret = scene.secret("a").await;
    assert_eq!(secret.annotations()["secrets.infisical.com/version"], format!("{}-0", lease.id));
    assert_eq!((secret.labels().len(), secret.labels()["team"].as_str()), (1, "shop"));
    assert_eq!(secret.annotations()["example.com/note"], "n");
    assert!(!secret.annotations().contains_key("argocd.argoproj.io/tracking-id"));
    assert!(!secret.annotations().contains_key("secrets.infisical.com/managed-labels"));
    assert_eq!(secret.owner_references()[0].uid, found.uid().unwrap());

    assert_eq!(found.finalizers(), ["dynamicsecret.secrets.infisical.com/finalizer"]);
    let status = found.status.unwrap();
    let recorded = status.lease.unwrap();
    assert_eq!((recorded.id.as_deref(), recorded.version), (Some(lease.id.as_str()), Some(0)));
    assert_eq!(recorded.expires_at.unwrap().0.as_second(), lease.expires.as_second());
    assert_eq!((status.max_ttl.as_deref(), status.lease_requested_at, status.superseded), (Some("4h"), None, None));
    assert!(status.dynamic_secret_id.is_some());
}

#[tokio::test]
async fn a_renewal_changes_neither_the_secret_nor_a_workload() {
    let scene = scene().await;
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, false, &json!({}))).unwrap();
    follower(&scene, "a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "5s"}})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    restarted_for(&scene, "a", &lease).await;
    let before = (scene.identity::<Secret>("a").await, runs_with(&scene, "a").await);
    let expires = leases(&scene)[0].expires;
    scene.calls(Operation::RenewLease, 3).await;
    let renewed = becomes(&scene, "a", "to record the renewals", |resource| {
        let recorded = resource.status.as_ref().and_then(|status| status.lease.clone()?.expires_at);
        recorded.is_some_and(|end| end.0.as_second() >= expires.as_second() + 15)
    })
    .await;
    assert_eq!(lease_of(&renewed), lease);
    assert_eq!((scene.identity::<Secret>("a").await, runs_with(&scene, "a").await), before);
    assert_eq!(ids(&scene), [lease]);
    assert!(lets_in(&scene, &scene.data("a").await));
}

#[tokio::test]
async fn near_its_max_ttl_another_lease_takes_its_place_and_workloads_restart() {
    let scene = scene().await;
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", Some("12s"), false, &json!({}))).unwrap();
    follower(&scene, "a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "5s"}})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let user = scene.data("a").await["DB_USERNAME"].clone();
    let second = another_lease(&scene, "a", &first).await;
    restarted_for(&scene, "a", &second).await;
    assert_ne!(scene.data("a").await["DB_USERNAME"], user);
    assert!(lets_in(&scene, &scene.data("a").await));
    let renewals = scene.infisical.calls().count(Operation::RenewLease);
    assert!((1..=2).contains(&renewals), "{renewals}");
}

#[tokio::test]
async fn a_refused_renewal_is_replaced() {
    let scene = scene().await;
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, true, &json!({}))).unwrap();
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "5s"}})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    let second = another_lease(&scene, "a", &first).await;
    // Revoked at once: nothing follows the Secret.
    only(&scene, &[&second]).await;
    assert!(!lets_in(&scene, &data) && lets_in(&scene, &scene.data("a").await));
}

#[tokio::test]
async fn a_ttl_is_from_five_seconds_to_a_day_and_below_the_max_ttl() {
    let scene = scene().await;
    let _operator = scene.start().await;
    for (ttl, text) in [("4s", "at least 5s"), ("25h", "at most 1d"), ("1h30m", "whole number")] {
        apply(&scene, "a", json!({"spec": {"leaseTTL": ttl}})).await;
        let message = failed(&scene, "a", "InvalidInterval").await;
        assert!(message.contains("spec.leaseTTL") && message.contains(text), "{message}");
    }
    apply(&scene, "a", json!({"spec": {"leaseTTL": "5h"}})).await;
    let message = failed(&scene, "a", "RequestRefused").await;
    assert!(message.contains("spec.leaseTTL") && message.contains("TTL cannot be larger than max TTL"), "{message}");
    assert!(leases(&scene).is_empty());
    // Without one the dynamic secret's own default counts.
    apply(&scene, "a", json!({"spec": {"leaseTTL": ""}})).await;
    synced(&scene, "a").await;
    let lease = leases(&scene).remove(0);
    assert_eq!(lease.expires.duration_since(lease.created).as_secs(), 3_600);
    assert!(resource(&scene, "a").await.status.unwrap().lease.unwrap().ttl.is_some());
}
