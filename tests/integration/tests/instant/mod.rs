//! Instant updates: a change at the server is in the cluster as soon as the server tells of it, whatever the interval; and
//! without events all is as if nobody had asked for them.
mod refused;
mod streams;

use infisical_dev_server::Operation;
use integration::{Scene, until};
use serde_json::{Value, json};
use std::time::Duration;

/// Whoever waits for as long as this waits for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// So long that no test sees the end of it.
fn hourly() -> Value {
    json!({"spec": {"syncConfig": {"instantUpdates": true, "resyncInterval": "1h"}}})
}

fn with_scope(mut changes: Value, scope: Value) -> Value {
    changes["spec"]["authentication"] = json!({"universalAuth": {"secretsScope": scope}});
    changes
}

/// An InfisicalStaticSecret, with all that it leads to, that reads hourly and by event into the Secret of its name.
async fn static_secret(scene: &Scene, name: &str, sources: Value) {
    let namespace = scene.namespace.name();
    let apply = async |kind: &str, name: &str, spec: Value| {
        let object = json!({
            "apiVersion": "secrets.infisical.com/v1beta1", "kind": kind,
            "metadata": {"name": name, "namespace": namespace}, "spec": spec,
        });
        scene.apply(&object).await;
    };
    let named = |name: &str| json!({"name": name, "namespace": namespace});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    apply("InfisicalConnection", "server", json!({"address": scene.infisical.url()})).await;
    let universal = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    apply("InfisicalAuth", "login", json!({"infisicalConnectionRef": named("server"), "method": "universal", "universal": universal}))
        .await;
    let target = json!({"name": name, "namespace": namespace, "kind": "Secret", "creationPolicy": "Owner"});
    let spec = json!({
        "infisicalAuthRef": named("login"), "syncOptions": {"refreshInterval": "1h", "instantUpdates": true},
        "sources": sources, "targets": [target],
    });
    apply("InfisicalStaticSecret", name, spec).await;
}

/// Waits until so many streams are open at the server.
async fn open(scene: &Scene, streams: usize) {
    let waited = tokio::time::timeout(PATIENCE, scene.infisical.streams().wait_for_open(streams)).await;
    assert!(waited.is_ok(), "{} streams are open instead of {streams}", scene.infisical.streams().open());
}

/// Waits until each of so many folders was read twice: first, and when the stream that tells of it was up. What is new after
/// this is known by event.
async fn caught_up(scene: &Scene, folders: u64) {
    let calls = scene.infisical.calls();
    let reads = calls.wait_for_calls(Operation::ListSecrets, 2 * folders);
    assert!(tokio::time::timeout(PATIENCE, reads).await.is_ok(), "{} reads", calls.count(Operation::ListSecrets));
}

/// Waits until the message of `Ready` is as wanted, while the resource is ready.
async fn ready_says(scene: &Scene, name: &str, wanted: impl Fn(&str) -> bool) -> String {
    until(format_args!("{name} to say it"), async || {
        let message = scene.synced(name).await.message;
        if wanted(&message) { Ok(message) } else { Err(message) }
    })
    .await
}
