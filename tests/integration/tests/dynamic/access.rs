//! An identity that may do less than it should: nothing is made, nothing is forgotten, and what can't be found out is said.
use super::{annotate, apply, becomes, delete, failed, gone, ids, lease_of, lets_in, may_lease, only, ready, resource, scene, synced};
use infisical_dev_server::{Fault, Membership, Operation, Role};
use integration::{MovedClock, Scene};
use k8s_openapi::{api::core::v1::Secret, jiff::SignedDuration};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::sync::Arc;

fn may_only_read(scene: &Scene) {
    let viewer = Membership { role: Role::Viewer, rules: vec![] };
    scene.infisical.state().set_membership("shop", "app", Some(viewer)).unwrap();
}

#[tokio::test]
async fn a_viewer_makes_no_lease_and_none_is_waited_for() {
    let scene = scene().await;
    may_only_read(&scene);
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let message = failed(&scene, "a", "PermissionDenied").await;
    for part in ["spec.dynamicSecret", "not allowed to lease", "give the identity a role"] {
        assert!(message.contains(part), "{message}");
    }
    // The server's own word is enough: nothing is looked for later, and nothing holds a deletion.
    assert_eq!(resource(&scene, "a").await.status.unwrap().lease_requested_at, None);
    assert!(ids(&scene).is_empty());
    delete(&scene, "a").await;
    gone(&scene, "a").await;
    assert_eq!(scene.infisical.calls().count(Operation::ReadLease), 0);
}

#[tokio::test]
async fn a_lease_of_one_who_became_a_viewer_holds_the_resource_until_it_can_be_revoked() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    may_only_read(&scene);
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let message = failed(&scene, "a", "PermissionDenied").await;
    assert!(message.contains("are good until"), "{message}");
    assert_eq!((lease_of(&resource(&scene, "a").await), scene.data("a").await), (lease.clone(), data.clone()));
    delete(&scene, "a").await;
    let held = becomes(&scene, "a", "to say what holds it", |resource| {
        ready(resource).is_some_and(|ready| ready.message.contains("could not revoke lease"))
    })
    .await;
    assert!(ready(&held).unwrap().message.contains("not allowed to lease"), "{:?}", ready(&held));
    assert_eq!(held.finalizers(), ["dynamicsecret.secrets.infisical.com/finalizer"]);
    assert!(lets_in(&scene, &data) && ids(&scene) == [lease]);
    may_lease(&scene.infisical);
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    gone(&scene, "a").await;
    assert!(ids(&scene).is_empty());
}

/// A resource in step whose first lease was made without an answer, while the server lists no leases; gives the recorded one.
async fn with_a_lost_lease(scene: &Scene) -> String {
    scene.infisical.faults().on(Operation::ReadLease, Fault::Status(403));
    scene.infisical.faults().next(Operation::CreateLease, 1, Fault::Cut);
    apply(scene, "a", json!({})).await;
    let found = synced(scene, "a").await;
    let message = ready(&found).unwrap().message;
    for part in ["the server does not list the leases", "ends by its TTL", "let the identity lease dynamic secrets there"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(found.status.as_ref().unwrap().lease_requested_at.is_some(), "it is looked for");
    assert!(lets_in(scene, &scene.data("a").await));
    assert_eq!(ids(scene).len(), 2);
    lease_of(&found)
}

#[tokio::test]
async fn a_lost_lease_is_found_once_the_server_lists_leases_again() {
    let scene = scene().await;
    let _operator = scene.start().await;
    let lease = with_a_lost_lease(&scene).await;
    scene.infisical.faults().clear();
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    only(&scene, &[&lease]).await;
    becomes(&scene, "a", "to warn no more", |resource| {
        ready(resource).is_some_and(|ready| ready.status == "True" && !ready.message.contains("list the leases"))
    })
    .await;
}

#[tokio::test]
async fn a_lost_lease_that_is_not_listed_in_time_is_given_up_and_holds_nothing() {
    let scene = scene().await;
    let clock = Arc::new(MovedClock::default());
    let _operator = scene.start_by(&clock, |_| {}).await;
    let lease = with_a_lost_lease(&scene).await;
    let lost: Vec<_> = ids(&scene).into_iter().filter(|id| *id != lease).collect();
    clock.advance(SignedDuration::from_secs(121));
    // Someone wakes it who does not ask for a look at the lease.
    let secrets: Api<Secret> = scene.namespace.api();
    let edit = json!({"stringData": {"EXTRA": "x"}});
    secrets.patch("a", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    becomes(&scene, "a", "to look for it no more", |resource| {
        resource.status.as_ref().is_some_and(|status| status.lease_requested_at.is_none())
    })
    .await;
    delete(&scene, "a").await;
    gone(&scene, "a").await;
    // As was said: it ends by its TTL.
    assert_eq!(ids(&scene), lost);
}

#[tokio::test]
async fn a_deletion_waits_for_the_list_and_revokes_meanwhile_what_it_knows() {
    let scene = scene().await;
    let _operator = scene.start().await;
    let lease = with_a_lost_lease(&scene).await;
    delete(&scene, "a").await;
    let held = becomes(&scene, "a", "to say what holds it", |resource| {
        ready(resource).is_some_and(|ready| ready.message.contains("could not look for a lease whose making was cut off"))
    })
    .await;
    let message = ready(&held).unwrap().message;
    assert!(message.contains("until the server lists the leases, until 20") && message.contains("removed by hand"), "{message}");
    assert_eq!(ids(&scene).len(), 1);
    assert!(!ids(&scene).contains(&lease), "the one on record is revoked");
    scene.infisical.faults().clear();
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    gone(&scene, "a").await;
    assert!(ids(&scene).is_empty());
}
