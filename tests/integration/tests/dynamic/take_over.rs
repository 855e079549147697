//! A lease that the Go operator made and recorded is kept: nothing is written but our own conditions, until it is due.
use super::{api, apply, becomes, condition, ids, lease_of, manifest, ready, scene};
use infisical_dev_server::Operation;
use k8s_openapi::{api::core::v1::Secret, jiff::Timestamp};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// What the Go operator leaves: a resource with every block, its finalizer and status, and the Secret that it wrote.
async fn left_by_the_peer(scene: &integration::Scene, ttl: &str) -> String {
    let namespace = scene.namespace.name();
    let body = json!({
        "dynamicSecretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "path": "/", "ttl": ttl, "config": null,
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(format!("{}/api/v1/dynamic-secrets/leases", scene.infisical.url())).bearer_auth(scene.access_token().await);
    let answer = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
    let made: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let id = made["lease"]["id"].as_str().unwrap().to_owned();
    let empty = json!({
        "metadata": {"finalizers": ["dynamicsecret.secrets.infisical.com/finalizer"]},
        "spec": {
            "authentication": {
                "awsIamAuth": {"identityId": ""}, "azureAuth": {"identityId": ""},
                "gcpIamAuth": {"identityId": "", "serviceAccountKeyFilePath": ""}, "gcpIdTokenAuth": {"identityId": ""},
                "kubernetesAuth": {"autoCreateServiceAccountToken": false, "identityId": "", "serviceAccountRef": {"name": "", "namespace": ""}},
                "ldapAuth": {"credentialsRef": {"secretName": "", "secretNamespace": ""}, "identityId": ""},
            },
            "dynamicSecret": {"projectId": ""},
            "leaseTTL": ttl,
            "managedSecretReference": {"secretType": "Opaque"},
            "tls": {"caRef": {"key": "", "secretName": "", "secretNamespace": ""}},
        },
    });
    let created = scene.apply(&manifest(scene, "a", &empty)).await;
    let status = json!({"status": {
        "conditions": [{
            "type": "secrets.infisical.com/Reconcile", "status": "True", "reason": "OK", "lastTransitionTime": "2026-11-22T03:26:00Z",
            "message": "Infisical has successfully reconciled the InfisicalDynamicSecret",
        }],
        "dynamicSecretId": made["dynamicSecret"]["id"], "maxTTL": "4h",
        "lease": {
            "id": id, "version": 0, "creationTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "expiresAt": made["lease"]["expireAt"],
        },
    }});
    api(scene).patch_status("a", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    let data = made["data"].as_object().unwrap().iter().filter(|(_, value)| value.is_string());
    let data: serde_json::Map<_, _> = data.map(|(key, value)| (key.clone(), value.clone())).collect();
    let secret = json!({
        "metadata": {
            "name": "a", "namespace": namespace,
            "annotations": {"secrets.infisical.com/version": format!("{id}-0")},
            "ownerReferences": [{
                "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalDynamicSecret", "name": "a",
                "uid": created.uid().unwrap(), "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "stringData": data,
        "type": "Opaque",
    });
    let secrets: Api<Secret> = scene.namespace.api();
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    id
}

#[tokio::test]
async fn a_lease_of_the_peer_is_kept_and_its_secret_not_written() {
    let scene = scene().await;
    let id = left_by_the_peer(&scene, "1h").await;
    let before = scene.identity::<Secret>("a").await;
    let made = scene.infisical.calls().count(Operation::CreateLease);
    let operator = scene.start().await;
    let found = becomes(&scene, "a", "to be ready", |resource| ready(resource).is_some_and(|ready| ready.status == "True")).await;
    assert_eq!(lease_of(&found), id);
    assert_eq!(condition(&found, "secrets.infisical.com/Reconcile").unwrap().status, "True");
    // And a second pass writes nothing either.
    super::annotate(&scene, "a", "secrets.infisical.com/resync", "1").await;
    scene.calls(Operation::ReadLease, 1).await;
    assert_eq!(scene.identity::<Secret>("a").await, before);
    assert_eq!((scene.infisical.calls().count(Operation::CreateLease), ids(&scene)), (made, vec![id]));
    operator.stop().await;
    let quiet = super::resource(&scene, "a").await.resource_version();
    let _operator = scene.start().await;
    super::annotate(&scene, "a", "secrets.infisical.com/resync", "2").await;
    scene.calls(Operation::ReadLease, 1).await;
    assert_eq!(scene.identity::<Secret>("a").await, before);
    assert!(quiet.is_some());
}

#[tokio::test]
async fn a_lease_of_the_peer_is_renewed_by_our_rules() {
    let scene = scene().await;
    let id = left_by_the_peer(&scene, "6s").await;
    let before = scene.identity::<Secret>("a").await;
    let _operator = scene.start().await;
    scene.calls(Operation::RenewLease, 2).await;
    let found = becomes(&scene, "a", "to record a renewal", |resource| {
        resource.status.as_ref().and_then(|status| status.lease.clone()?.ttl).is_some()
    })
    .await;
    assert_eq!((lease_of(&found), scene.identity::<Secret>("a").await, ids(&scene)), (id.clone(), before, vec![id]));
    apply(&scene, "a", json!({"spec": {"leaseTTL": "1h"}})).await;
}
