//! The Secret with the credentials: whose it may be, and what becomes of it when others change it.
use super::{annotate, another_lease, apply, failed, follower, ids, lease_of, lets_in, only, restarted_for, runs_with, scene, synced};
use integration::until;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;

#[tokio::test]
async fn a_deleted_or_edited_secret_gets_the_same_credentials_again() {
    let scene = scene().await;
    follower(&scene, "a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    restarted_for(&scene, "a", &lease).await;
    let (data, run) = (scene.data("a").await, runs_with(&scene, "a").await);
    let holds: Vec<_> = data.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let before = scene.identity::<Secret>("a").await;
    scene.delete_secret("a").await;
    scene.holds("a", &holds).await;
    assert_ne!(scene.identity::<Secret>("a").await.uid, before.uid);
    let secrets: Api<Secret> = scene.namespace.api();
    let edit = json!({"stringData": {"DB_PASSWORD": "edited", "EXTRA": "x"}});
    secrets.patch("a", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    scene.holds("a", &holds).await;
    assert_eq!((ids(&scene), runs_with(&scene, "a").await), (vec![lease], run));
}

#[tokio::test]
async fn credentials_that_were_lost_while_nobody_looked_are_made_anew() {
    let scene = scene().await;
    let mut known = String::new();
    let secrets: Api<Secret> = scene.namespace.api();
    for round in ["made", "edited", "deleted"] {
        let operator = scene.start().await;
        if round == "made" {
            apply(&scene, "a", json!({})).await;
        }
        let lease = another_lease(&scene, "a", &known).await;
        synced(&scene, "a").await;
        // The one of before, whose credentials nobody has, is revoked.
        only(&scene, &[&lease]).await;
        assert!(lets_in(&scene, &scene.data("a").await));
        operator.stop().await;
        known = lease;
        if round == "made" {
            let edit = json!({"stringData": {"DB_PASSWORD": "edited"}});
            secrets.patch("a", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
        } else {
            scene.delete_secret("a").await;
        }
    }
}

#[tokio::test]
async fn a_restart_of_the_operator_changes_nothing() {
    let scene = scene().await;
    let operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let before = scene.identity::<Secret>("a").await;
    operator.stop().await;
    let _operator = scene.start().await;
    annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    scene.calls(infisical_dev_server::Operation::ReadLease, 1).await;
    assert_eq!((scene.identity::<Secret>("a").await, ids(&scene)), (before, vec![lease]));
}

#[tokio::test]
async fn a_secret_of_someone_else_is_left_and_no_lease_is_made_for_it() {
    let scene = scene().await;
    scene.namespace.secret("a", [("THEIRS", "precious")]).await.unwrap();
    let before = scene.identity::<Secret>("a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let message = failed(&scene, "a", "TargetExists").await;
    assert!(message.contains("THEIRS") && !message.contains("precious"), "{message}");
    assert_eq!((scene.identity::<Secret>("a").await, ids(&scene).len()), (before, 0));
    let secrets: Api<Secret> = scene.namespace.api();
    let adopt = json!({"metadata": {"annotations": {"secrets.infisical.com/adopt": "true"}}});
    secrets.patch("a", &PatchParams::default(), &Patch::Merge(adopt)).await.unwrap();
    synced(&scene, "a").await;
    assert!(lets_in(&scene, &scene.data("a").await));
    assert!(!scene.data("a").await.contains_key("THEIRS"));
    // A bare and empty one is taken.
    scene.namespace.secret("b", []).await.unwrap();
    apply(&scene, "b", json!({})).await;
    until("b to hold credentials", async || if scene.data("b").await.len() == 3 { Ok(()) } else { Err("not yet") }).await;
}

#[tokio::test]
async fn fields_that_are_not_served_warn() {
    let scene = scene().await;
    let _operator = scene.start().await;
    let spec = json!({
        "leaseRevocationPolicy": "revoke",
        "managedSecretReference": {"template": {"data": {"URL": "{{ .DB_USERNAME.Value }}"}}, "creationPolicy": "Orphan"},
    });
    apply(&scene, "a", json!({"spec": spec})).await;
    let message = super::ready(&synced(&scene, "a").await).unwrap().message;
    for part in ["spec.managedSecretReference.template is not used", "spec.leaseRevocationPolicy is \"revoke\" and treated as None"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!scene.data("a").await.contains_key("URL"));
}
