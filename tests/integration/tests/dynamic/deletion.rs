//! Deleting an InfisicalDynamicSecret under the policy Revoke: leases are revoked, and only then our finalizer goes.
use super::{api, apply, becomes, delete, gone, ids, lease_of, lets_in, ready, resource, scene, synced};
use infisical_dev_server::Operation;
use integration::until;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

#[tokio::test]
async fn a_deleted_resource_revokes_its_lease_and_takes_only_our_finalizer() {
    let scene = scene().await;
    let _operator = scene.start().await;
    let spec = json!({"spec": {"managedSecretReference": {"creationPolicy": "Orphan"}}});
    apply(&scene, "a", spec).await;
    synced(&scene, "a").await;
    let data = scene.data("a").await;
    let theirs = json!({"metadata": {"finalizers": ["dynamicsecret.secrets.infisical.com/finalizer", "example.com/theirs"]}});
    api(&scene).patch("a", &PatchParams::default(), &Patch::Merge(theirs)).await.unwrap();
    delete(&scene, "a").await;
    becomes(&scene, "a", "to have lost our finalizer", |resource| resource.finalizers() == ["example.com/theirs"]).await;
    assert!(ids(&scene).is_empty() && !lets_in(&scene, &data));
    // The Secret stays, without credentials that are worth nothing.
    assert!(scene.data("a").await.is_empty());
    let none = json!({"metadata": {"finalizers": null}});
    api(&scene).patch("a", &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
    gone(&scene, "a").await;
}

#[tokio::test]
async fn a_server_that_is_away_holds_the_resource_and_it_says_so() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    synced(&scene, "a").await;
    let data = scene.data("a").await;
    scene.infisical.faults().refuse_connections(true);
    delete(&scene, "a").await;
    let held = becomes(&scene, "a", "to say what holds it", |resource| {
        ready(resource).is_some_and(|ready| ready.status == "False" && ready.message.contains("could not revoke lease"))
    })
    .await;
    assert!(ready(&held).unwrap().message.contains("until the finalizer"), "{:?}", ready(&held));
    assert_eq!(held.finalizers(), ["dynamicsecret.secrets.infisical.com/finalizer"]);
    assert!(lets_in(&scene, &data));
    scene.infisical.faults().refuse_connections(false);
    gone(&scene, "a").await;
    assert!(ids(&scene).is_empty() && !lets_in(&scene, &data));
}

#[tokio::test]
async fn a_lease_that_is_gone_or_has_ended_holds_nothing() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    scene.infisical.state().end_lease(&lease);
    delete(&scene, "a").await;
    gone(&scene, "a").await;

    apply(&scene, "b", json!({"spec": {"leaseTTL": "5s"}})).await;
    synced(&scene, "b").await;
    scene.infisical.faults().refuse_connections(true);
    delete(&scene, "b").await;
    // Though the server never comes back.
    gone(&scene, "b").await;
}

#[tokio::test]
async fn under_the_policy_none_nothing_is_revoked_and_nothing_is_held() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseRevocationPolicy": "", "managedSecretReference": {"creationPolicy": "Orphan"}}})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    // As the peer leaves it, whatever the policy.
    let finalizer = json!({"metadata": {"finalizers": ["dynamicsecret.secrets.infisical.com/finalizer"]}});
    api(&scene).patch("a", &PatchParams::default(), &Patch::Merge(finalizer)).await.unwrap();
    delete(&scene, "a").await;
    gone(&scene, "a").await;
    assert_eq!(ids(&scene), [lease]);
    assert!(lets_in(&scene, &data));
    assert_eq!((scene.data("a").await, scene.infisical.calls().count(Operation::RevokeLease)), (data, 0));
}

#[tokio::test]
async fn credentials_that_went_with_the_resource_are_no_obstacle() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    synced(&scene, "a").await;
    scene.delete_secret("credentials").await;
    until("the operator to see that", async || {
        let ready = ready(&resource(&scene, "a").await);
        if ready.as_ref().is_some_and(|ready| ready.reason == "SecretNotFound") { Ok(()) } else { Err(format!("{ready:?}")) }
    })
    .await;
    delete(&scene, "a").await;
    gone(&scene, "a").await;
    assert!(ids(&scene).is_empty());
}
