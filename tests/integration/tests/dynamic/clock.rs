//! What is judged by the time of day: the life of a lease, also where the server's clock is another than the operator's, and the
//! time that a replaced lease lives on. Nobody waits for it: the clocks are moved.
use super::{
    annotate, another_lease, apply, becomes, database, failed, ids, later, lease_of, leases, lets_in, only, pass, place, ready, resource,
    scene, seconds_left, synced,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use infisical_dev_server::Operation;
use integration::{MovedClock, until};
use k8s_openapi::{
    api::core::v1::Secret,
    jiff::{SignedDuration, Timestamp},
};
use kube::api::{Patch, PatchParams};
use operator::clock::Clock;
use serde_json::json;
use std::{sync::Arc, time::Duration};

const HOURS: Duration = Duration::from_secs(2 * 3_600);

/// Moves the server's clock: forward, or back.
fn skew(scene: &integration::Scene, ahead: bool) {
    let state = scene.infisical.state();
    if ahead { state.clock().advance(HOURS) } else { state.clock().set_back(HOURS) }
}

async fn is_renewed_in_time(ahead: bool) {
    let scene = scene().await;
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, false, &json!({}))).unwrap();
    skew(&scene, ahead);
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "8s"}})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let before = scene.identity::<Secret>("a").await;
    scene.calls(Operation::RenewLease, 3).await;
    let renewed = becomes(&scene, "a", "to have been renewed", |resource| seconds_left(resource, Timestamp::now()) > 0).await;
    assert!(seconds_left(&renewed, Timestamp::now()) < 60, "by the operator's clock");
    assert_eq!((ids(&scene), scene.identity::<Secret>("a").await), (vec![lease], before));
    assert_eq!(scene.infisical.calls().count(Operation::CreateLease), 1);
    assert!(lets_in(&scene, &scene.data("a").await));
}

#[tokio::test]
async fn a_server_whose_clock_is_hours_ahead_ends_no_lease_before_its_renewal() {
    is_renewed_in_time(true).await;
}

#[tokio::test]
async fn a_server_whose_clock_is_hours_behind_has_its_leases_renewed_all_the_same() {
    is_renewed_in_time(false).await;
}

#[tokio::test]
async fn a_restart_keeps_a_lease_of_a_server_with_another_clock_recorded_or_not() {
    for ahead in [true, false] {
        let scene = scene().await;
        skew(&scene, ahead);
        let operator = scene.start().await;
        apply(&scene, "a", json!({})).await;
        let found = synced(&scene, "a").await;
        let (lease, before) = (lease_of(&found), scene.identity::<Secret>("a").await);
        let created = found.status.unwrap().lease.unwrap().creation_timestamp;
        operator.stop().await;
        let operator = scene.start().await;
        pass(&scene, "a").await;
        assert_eq!((ids(&scene), lease_of(&resource(&scene, "a").await)), (vec![lease.clone()], lease.clone()));
        operator.stop().await;
        // As an operator leaves it that ends before it has recorded the lease.
        let patch = json!({"status": {"lease": null, "dynamicSecretId": null, "maxTTL": null, "leaseRequestedAt": created}});
        super::api(&scene).patch_status("a", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let _operator = scene.start().await;
        let recorded = becomes(&scene, "a", "to record the lease", |resource| lease_of(resource) == lease).await;
        let left = seconds_left(&recorded, Timestamp::now());
        assert!((3_000..=3_600).contains(&left), "{left} s are left of an hour, ahead: {ahead}");
        assert_eq!((scene.identity::<Secret>("a").await, ids(&scene)), (before, vec![lease]));
    }
}

#[tokio::test]
async fn a_lease_whose_token_has_ended_says_so_and_is_not_tried_again_and_again() {
    let scene = scene().await;
    let token = |end: i64| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{end}}}")));
    let gives = |end: i64| {
        let extra = json!({"TOKEN": token(end)});
        scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, false, &extra)).unwrap();
    };
    gives(1_000_000_000);
    let clock = Arc::new(MovedClock::default());
    let _operator = scene.start_by(&clock, |_| {}).await;
    apply(&scene, "a", json!({})).await;
    let message = failed(&scene, "a", "LeaseOver").await;
    let lease = ids(&scene).remove(0);
    for part in ["spec.dynamicSecret", &lease, "holds a token that ends at 2001-09-09T01:46:40Z", "clock", "five minutes"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(scene.event("a", "LeaseOver").await, message);
    assert_eq!(scene.infisical.calls().count(Operation::CreateLease), 1);
    // Those of earlier tries are revoked, though they were never recorded.
    for wish in ["1", "2"] {
        later(&scene, &clock, SignedDuration::from_mins(5));
        annotate(&scene, "a", "secrets.infisical.com/resync", wish).await;
        scene.calls(Operation::CreateLease, 1).await;
    }
    until("the first to be revoked", async || match ids(&scene) {
        left if left.len() == 2 && !left.contains(&lease) => Ok(()),
        left => Err(format!("{left:?}")),
    })
    .await;
    gives(4_000_000_000);
    annotate(&scene, "a", "secrets.infisical.com/resync", "3").await;
    let lease = lease_of(&synced(&scene, "a").await);
    only(&scene, &[&lease]).await;
}

#[tokio::test]
async fn over_hours_a_lease_is_renewed_once_in_a_ttl_and_replaced_before_its_max_ttl() {
    const STEP: SignedDuration = SignedDuration::from_mins(6);
    let scene = scene().await;
    let clock = Arc::new(MovedClock::default());
    let _operator = scene.start_by(&clock, |_| {}).await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let (before, data) = (scene.identity::<Secret>("a").await, scene.data("a").await);
    let calls = scene.infisical.calls();
    // The max TTL is four hours: renewed for the second, the third and the fourth.
    let mut steps = 0;
    while calls.count(Operation::CreateLease) == 1 {
        assert!(lets_in(&scene, &data), "the lease ended after {steps} steps");
        later(&scene, &clock, STEP);
        pass(&scene, "a").await;
        steps += 1;
        assert!(steps < 40, "it is not replaced");
    }
    assert_eq!(calls.count(Operation::RenewLease), 3);
    assert!((37..40).contains(&steps), "replaced after {steps} steps");
    let second = another_lease(&scene, "a", &first).await;
    assert_ne!(scene.identity::<Secret>("a").await, before);
    assert!(lets_in(&scene, &data) && lets_in(&scene, &scene.data("a").await));
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_replaced_lease_is_revoked_after_two_minutes_and_not_before_though_nothing_follows_the_secret() {
    let scene = scene().await;
    let clock = Arc::new(MovedClock::default());
    let _operator = scene.start_by(&clock, |options| options.lease_hand_over = Duration::from_secs(120)).await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    let status = resource(&scene, "a").await.status.unwrap();
    let before = status.superseded.unwrap().remove(0);
    assert_eq!(before.id.as_deref(), Some(first.as_str()));
    let since = before.since.unwrap().0;
    // A machine that does something else may take its time for a pass.
    for (second_of_it, lives) in [(0, true), (30, true), (121, false)] {
        let at = since + SignedDuration::from_secs(second_of_it);
        clock.advance(at.duration_since(clock.date()).max(SignedDuration::ZERO));
        pass(&scene, "a").await;
        assert_eq!(lets_in(&scene, &data), lives, "{second_of_it} s after it was replaced");
    }
    only(&scene, &[&second]).await;
    let settled =
        becomes(&scene, "a", "to have settled", |resource| resource.status.as_ref().is_some_and(|status| status.superseded.is_none()));
    assert_eq!(ready(&settled.await).unwrap().status, "True");
    assert_eq!((leases(&scene).len(), lets_in(&scene, &scene.data("a").await)), (1, true));
}
