//! Each resource leases at its own server and with its own credentials, whatever others do at the same time, and revokes there.
use super::{apply, database, delete, gone, lease_of, may_lease, place, scene, short_leases, synced};
use infisical_dev_server::Operation;
use kube::ResourceExt;
use serde_json::json;

#[tokio::test]
async fn leases_are_made_and_revoked_at_the_resources_own_server() {
    let scene = scene().await;
    let other = scene.another_server(short_leases).await;
    may_lease(&other);
    other.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, false, &json!({}))).unwrap();
    let _operator = scene.start().await;
    let names: Vec<_> = (0..6).map(|number| format!("a{number}")).collect();
    for (index, name) in names.iter().enumerate() {
        let host = if index % 2 == 0 { scene.infisical.url() } else { other.url() };
        apply(&scene, name, json!({"spec": {"hostAPI": host}})).await;
    }
    for (index, name) in names.iter().enumerate() {
        let lease = lease_of(&synced(&scene, name).await);
        let server = if index % 2 == 0 { &scene.infisical } else { &other };
        assert!(server.state().leases(&place("dev"), "db").iter().any(|found| found.id == lease), "{name}");
    }
    assert_eq!((scene.infisical.calls().count(Operation::CreateLease), other.calls().count(Operation::CreateLease)), (3, 3));
    for name in &names {
        delete(&scene, name).await;
    }
    for name in &names {
        gone(&scene, name).await;
    }
    assert!(scene.infisical.state().leases(&place("dev"), "db").is_empty() && other.state().leases(&place("dev"), "db").is_empty());
    assert_eq!((scene.infisical.calls().count(Operation::RevokeLease), other.calls().count(Operation::RevokeLease)), (3, 3));
}

#[tokio::test]
async fn a_hanging_server_stalls_no_other_resource() {
    let scene = scene().await;
    let other = scene.another_server(short_leases).await;
    may_lease(&other);
    other.state().set_dynamic_secret(&place("dev"), "db", database("1h", None, false, &json!({}))).unwrap();
    scene.infisical.faults().all(infisical_dev_server::Fault::Hang);
    let _operator = scene.start().await;
    apply(&scene, "hanging", json!({})).await;
    scene.infisical.calls().wait_for_calls(Operation::Login, 1).await;
    apply(&scene, "other", json!({"spec": {"hostAPI": other.url()}})).await;
    let found = synced(&scene, "other").await;
    assert!(found.uid().is_some());
    scene.infisical.faults().clear();
    synced(&scene, "hanging").await;
}
