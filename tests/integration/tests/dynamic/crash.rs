//! What an operator finds that ended between two steps of the one before. That each step may be the last is tested by the fault
//! matrix; these are the states that it leaves, one by one.
use super::{api, apply, becomes, ids, lease_of, lets_in, only, resource, scene, synced};
use infisical_dev_server::Operation;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

async fn patch_status(scene: &integration::Scene, status: Value) {
    let patch = json!({"status": status});
    api(scene).patch_status("a", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_in_the_secret_and_not_in_the_status_is_recorded() {
    let scene = scene().await;
    let operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let before = scene.identity::<Secret>("a").await;
    operator.stop().await;
    patch_status(&scene, json!({"lease": null, "dynamicSecretId": null, "maxTTL": null, "leaseRequestedAt": "2026-01-01T00:00:00Z"})).await;
    let _operator = scene.start().await;
    let recorded = becomes(&scene, "a", "to record the lease", |resource| lease_of(resource) == lease).await;
    let status = recorded.status.unwrap();
    assert_eq!((status.max_ttl.as_deref(), status.dynamic_secret_id.is_some()), (Some("4h"), true));
    becomes(&scene, "a", "to have no intent", |resource| {
        resource.status.as_ref().is_some_and(|status| status.lease_requested_at.is_none())
    })
    .await;
    assert_eq!((scene.identity::<Secret>("a").await, ids(&scene)), (before, vec![lease]));
}

#[tokio::test]
async fn a_lease_that_was_made_and_stored_nowhere_is_revoked_and_those_of_others_are_not() {
    let scene = scene().await;
    let operator = scene.start().await;
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    operator.stop().await;
    // As an operator makes them that ends before it has stored anything, and as a person does.
    let uid = resource(&scene, "a").await.uid().unwrap();
    let make = async |config: Value| {
        let body = json!({"dynamicSecretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "path": "/", "config": config});
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request =
            client.post(format!("{}/api/v1/dynamic-secrets/leases", scene.infisical.url())).bearer_auth(scene.access_token().await);
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["lease"]["id"].as_str().unwrap().to_owned()
    };
    let ours = make(json!({"requestedBy": format!("infisical-operator/{uid}")})).await;
    let theirs = make(Value::Null).await;
    let another = make(json!({"requestedBy": "infisical-operator/another"})).await;
    assert_eq!(ids(&scene), [lease.as_str(), &ours, &theirs, &another]);
    patch_status(&scene, json!({"leaseRequestedAt": "2026-01-01T00:00:00Z"})).await;
    let _operator = scene.start().await;
    only(&scene, &[&lease, &theirs, &another]).await;
    becomes(&scene, "a", "to have no intent", |resource| {
        resource.status.as_ref().is_some_and(|status| status.lease_requested_at.is_none())
    })
    .await;
    assert!(lets_in(&scene, &scene.data("a").await));
}

#[tokio::test]
async fn a_secret_of_another_cluster_keeps_that_ones_lease_alive() {
    let scene = scene().await;
    let operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"managedSecretReference": {"creationPolicy": "Orphan"}, "leaseRevocationPolicy": "None"}})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let data = scene.data("a").await;
    operator.stop().await;
    // As a backup restores it: another uid, no status, and the Secret of before.
    super::delete(&scene, "a").await;
    super::gone(&scene, "a").await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"managedSecretReference": {"creationPolicy": "Orphan"}}})).await;
    let own = lease_of(&synced(&scene, "a").await);
    assert_ne!(own, lease);
    assert!(lets_in(&scene, &data) && lets_in(&scene, &scene.data("a").await));
    assert_eq!(scene.infisical.calls().count(Operation::RevokeLease), 0);
}
