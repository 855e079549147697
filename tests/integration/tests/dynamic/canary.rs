//! Credentials of a lease are looked for in everything that the operator's program says, through successes and failures.
use super::{annotate, another_lease, apply, database, failed, lease_of, place, scene, synced};
use api::v1alpha1::InfisicalDynamicSecret;
use infisical_dev_server::{Fault, Operation};
use integration::until;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

const VALUE: &str = "canary-value-5d41402a";

#[tokio::test]
async fn no_credential_is_ever_printed() {
    let scene = scene().await;
    let extra = json!({"TEXT": VALUE, "LIST": [VALUE]});
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", Some("4h"), false, &extra)).unwrap();
    let mut child = scene.child(&["--log-level=trace"]).await;
    apply(&scene, "a", json!({})).await;
    let first = lease_of(&synced(&scene, "a").await);
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    another_lease(&scene, "a", &first).await;
    // An answer that breaks off, one that can't be read, and a Secret that the API server refuses with its data in hand.
    for (fault, reason) in [(Fault::Cut, "Unreachable"), (Fault::Html, "NotInfisical")] {
        scene.infisical.faults().on(Operation::CreateLease, fault);
        apply(&scene, "b", json!({})).await;
        failed(&scene, "b", reason).await;
        scene.infisical.faults().clear();
        synced(&scene, "b").await;
        super::delete(&scene, "b").await;
        super::gone(&scene, "b").await;
    }
    apply(&scene, "typed", json!({"spec": {"managedSecretReference": {"secretType": "kubernetes.io/tls"}}})).await;
    failed(&scene, "typed", "ApiServerInvalid").await;

    let data = scene.data("a").await;
    let canaries = [VALUE, data["DB_PASSWORD"].as_str(), data["DB_USERNAME"].as_str()];
    let must_not_hold = |place: &str, text: &str| {
        let found = canaries.iter().position(|canary| text.contains(canary));
        assert_eq!(found, None, "{place} holds a credential");
    };
    let events: Api<Event> = scene.namespace.api();
    must_not_hold("an Event", &serde_json::to_string(&events.list(&ListParams::default()).await.unwrap()).unwrap());
    let resources: Api<InfisicalDynamicSecret> = scene.namespace.api();
    must_not_hold("a status", &serde_json::to_string(&resources.list(&ListParams::default()).await.unwrap()).unwrap());
    must_not_hold("a metric", &child.metrics_text().await);
    child.process().terminate().unwrap();
    until("the operator to end", async || match child.process().ended() {
        Ok(Some(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let log = child.log().unwrap();
    assert!(log.contains("\"level\":\"TRACE\"") && log.contains(&first), "it did not say all");
    must_not_hold("the log", &log);
}
