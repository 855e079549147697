//! What makes a new lease before the old one ends, and what becomes of the old one.
use super::{
    annotate, another_lease, apply, becomes, database, follower, ids, lease_of, leases, lets_in, only, place, restarted_for, scene, synced,
};
use infisical_dev_server::Operation;
use kube::ResourceExt;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_wish_makes_a_new_lease_and_the_old_one_is_revoked() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    only(&scene, &[&second]).await;
    assert!(!lets_in(&scene, &data) && lets_in(&scene, &scene.data("a").await));
    // The same wish is granted once.
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    scene.calls(Operation::ReadLease, 1).await;
    assert_eq!(ids(&scene), [second]);
}

#[tokio::test]
async fn workloads_have_time_to_restart_before_the_old_lease_is_revoked() {
    let scene = scene().await;
    follower(&scene, "a").await;
    // Long enough to be seen on a machine that does something else.
    let _operator = scene.start_with(|options| options.lease_hand_over = Duration::from_secs(20)).await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    restarted_for(&scene, "a", &second).await;
    assert!(lets_in(&scene, &data), "pods that end may still use it");
    only(&scene, &[&second]).await;
    assert!(!lets_in(&scene, &data));
    becomes(&scene, "a", "to have settled", |resource| resource.status.as_ref().is_some_and(|status| status.superseded.is_none())).await;
}

#[tokio::test]
async fn another_dynamic_secret_makes_a_new_lease_and_another_ttl_does_not() {
    let scene = scene().await;
    scene.infisical.state().set_dynamic_secret(&place("prod"), "db", database("1h", None, false, &json!({}))).unwrap();
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    apply(&scene, "a", json!({"spec": {"leaseTTL": "2h"}})).await;
    assert_eq!(lease_of(&synced(&scene, "a").await), first);
    let data = scene.data("a").await;
    apply(&scene, "a", json!({"spec": {"dynamicSecret": {"environmentSlug": "prod"}}})).await;
    let second = another_lease(&scene, "a", &first).await;
    // The old one is revoked where it is from.
    only(&scene, &[]).await;
    assert!(!lets_in(&scene, &data) && lets_in(&scene, &scene.data("a").await));
    assert_eq!(scene.infisical.state().leases(&place("prod"), "db")[0].id, second);
    // Keys that the new lease does not have go.
    assert_eq!(scene.data("a").await.len(), 2);
}

#[tokio::test]
async fn under_the_policy_none_leases_run_out_by_themselves() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseRevocationPolicy": "None"}})).await;
    let found = synced(&scene, "a").await;
    assert!(found.finalizers().is_empty());
    let first = lease_of(&found);
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    synced(&scene, "a").await;
    assert_eq!(ids(&scene), [first, second]);
    assert_eq!(scene.infisical.calls().count(Operation::RevokeLease), 0);
}

#[tokio::test]
async fn a_lease_that_the_server_no_longer_has_is_replaced_on_demand() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    scene.infisical.state().end_lease(&first);
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    assert!(lets_in(&scene, &scene.data("a").await));
    assert_eq!(leases(&scene)[0].id, second);
}

#[tokio::test]
async fn a_refused_restart_is_made_up_for_and_the_old_lease_lives_until_then() {
    let scene = scene().await;
    follower(&scene, "a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    restarted_for(&scene, "a", &first).await;
    let data = scene.data("a").await;
    let refusal = scene.refuse_updates("web").await;
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    becomes(&scene, "a", "to say that the restart failed", |resource| {
        super::condition(resource, "secrets.infisical.com/AutoRedeployReady").is_some_and(|reload| reload.status == "False")
    })
    .await;
    assert!(lets_in(&scene, &data), "the workload still runs with it");
    refusal.lift().await;
    restarted_for(&scene, "a", &second).await;
    only(&scene, &[&second]).await;
}
