//! While the server is away, credentials are kept until they end, and that is said.
use super::{another_lease, apply, becomes, ids, lease_of, lets_in, only, ready, scene, synced};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

#[tokio::test]
async fn credentials_are_kept_while_the_server_is_away_and_made_anew_when_they_have_ended() {
    let scene = scene().await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "8s"}})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let (before, data) = (scene.identity::<Secret>("a").await, scene.data("a").await);
    scene.infisical.faults().refuse_connections(true);
    let said = |part: &'static str| {
        move |resource: &_| ready(resource).is_some_and(|ready| ready.status == "False" && ready.message.contains(part))
    };
    let failing = becomes(&scene, "a", "to say until when", said("are good until")).await;
    assert!(ready(&failing).unwrap().message.contains("can't be reached"));
    assert!(lets_in(&scene, &data));
    becomes(&scene, "a", "to say that they have ended", said("ended 20")).await;
    assert_eq!(scene.identity::<Secret>("a").await, before);
    scene.infisical.faults().refuse_connections(false);
    let second = another_lease(&scene, "a", &first).await;
    synced(&scene, "a").await;
    assert!(ids(&scene).contains(&second));
    assert!(lets_in(&scene, &scene.data("a").await));
    // And it lives on.
    assert_ne!(second, first);
}

#[tokio::test]
async fn a_lease_whose_answer_was_lost_is_found_and_revoked() {
    let scene = scene().await;
    let _operator = scene.start().await;
    use infisical_dev_server::{Fault, Operation};
    scene.infisical.faults().next(Operation::CreateLease, 1, Fault::Cut);
    apply(&scene, "a", json!({})).await;
    let lease = lease_of(&synced(&scene, "a").await);
    assert_eq!(scene.infisical.calls().count(Operation::CreateLease), 2);
    only(&scene, &[&lease]).await;
    assert!(lets_in(&scene, &scene.data("a").await));
}
