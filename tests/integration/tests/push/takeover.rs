//! Taking over from the peer: what it pushed is neither pushed again nor deleted, and what it generated stays.
use super::*;

#[tokio::test]
async fn what_the_peer_recorded_is_ours_and_nothing_is_written() {
    let world = World::new().await;
    for (key, value) in [("API_KEY", "k"), ("TOKEN", "t"), ("GENERATED", "made-by-the-peer")] {
        world.set_remote(key, value);
    }
    world.source(&[("API_KEY", "k"), ("TOKEN", "t\n")]).await;
    world.set_remote("TOKEN", "t\n");
    let namespace = world.namespace.name();
    world
        .apply(&json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password",
            "metadata": {"name": "password-gen", "namespace": namespace}, "spec": {"length": 12},
        }))
        .await;
    // As it stores them: every block with empty strings.
    let empty = json!({
        "awsIamAuth": {"identityId": ""}, "azureAuth": {"identityId": ""},
        "gcpIamAuth": {"identityId": "", "serviceAccountKeyFilePath": ""}, "gcpIdTokenAuth": {"identityId": ""},
        "kubernetesAuth": {"autoCreateServiceAccountToken": false, "identityId": "", "serviceAccountRef": {"name": "", "namespace": ""}},
        "ldapAuth": {"credentialsRef": {"secretName": "", "secretNamespace": ""}, "identityId": ""},
    });
    let generators = json!([{"destinationSecretName": "GENERATED", "generatorRef": {"kind": "Password", "name": "password-gen"}}]);
    let changes = json!({
        "metadata": {"finalizers": ["pushsecret.secrets.infisical.com/finalizer"]},
        "spec": {
            "authentication": empty, "destination": {"projectId": ""}, "push": {"generators": generators}, "resyncInterval": "1h",
            "tls": {"caRef": {"key": "", "secretName": "", "secretNamespace": ""}},
        },
    });
    world.push("push", merged(replace_and_delete(), &changes)).await;
    let id = |key| world.infisical.state().secret_id(&world.place(), key).unwrap();
    let managed: BTreeMap<_, _> = ["API_KEY", "TOKEN", "GENERATED"].into_iter().map(|key| (id(key), key)).collect();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({"type": format!("secrets.infisical.com/{kind}"), "status": status, "reason": reason, "message": "Failed to create secrets: []",
               "lastTransitionTime": "2026-11-22T03:26:00Z"})
    };
    let conditions = [condition("FailedToCreateSecrets", "True", "Error"), condition("Reconcile", "False", "OK")];
    let status = json!({"status": {"conditions": conditions, "managedSecrets": managed}});
    world.resources().patch_status("push", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();

    let _operator = world.start().await;
    world.pushed("push").await;
    world.look_again("push").await;
    assert_eq!(world.writes(), 0);
    assert_eq!(world.managed("push").await, ["API_KEY", "GENERATED", "TOKEN"]);
    let mended = world.status("push").await.conditions;
    assert!(mended.iter().any(|condition| condition.type_.ends_with("FailedToCreateSecrets") && condition.status == "False"));
    world.delete("push").await;
    world.is_gone("push").await;
    world.remote_is(&[]).await;
}
