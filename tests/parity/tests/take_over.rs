//! Taking over from Infisical's operator: what it left stays as it is, and from then on follows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
use infisical_dev_server::{Operation, Place};
use integration::{Asked, Recorder, Running, Scene, until};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use parity::{Recorded, leased, seed};
use serde_json::json;

async fn start(scene: &Scene, recorder: &Recorder) -> Running {
    let kubeconfig = recorder.kubeconfig().to_owned();
    scene.start_with(|options| options.kubeconfig = Some(kubeconfig)).await
}

/// Each resource is `Ready` by our condition.
async fn ready(scene: &Scene, recorded: &Recorded) {
    for (kind, name) in recorded.resources() {
        until(format_args!("{kind} {name} to be ready"), async || {
            let status = recorded.get(scene, &kind, &name).await.data["status"].clone();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
            if ready { Ok(()) } else { Err(status.to_string()) }
        })
        .await;
    }
}

/// Writes that are neither a status of ours nor an Event.
fn beside_status(writes: Vec<Asked>) -> Vec<Asked> {
    let allowed = |path: &str| (path.contains("/secrets.infisical.com/") && path.ends_with("/status")) || path.contains("/events");
    writes.into_iter().filter(|asked| !allowed(&asked.path)).collect()
}

#[tokio::test]
async fn taking_over_writes_nothing_but_status() {
    let scene = Scene::with(|config| config.seed = seed()).await;
    let mut recorded = Recorded::lay(&scene).await;
    recorded.just_made(&scene, "owned-config").await;
    let first = scene.recorder().await;
    let operator = start(&scene, &first).await;
    ready(&scene, &recorded).await;
    // Several passes: four folders, every five seconds.
    scene.calls(Operation::ListSecrets, 12).await;
    recorded.untouched(&scene).await;
    assert_eq!(beside_status(first.writes()), []);
    operator.stop().await;

    // The next start has not even a status to write.
    let second = scene.recorder().await;
    let _operator = start(&scene, &second).await;
    scene.calls(Operation::ListSecrets, 12).await;
    recorded.untouched(&scene).await;
    assert_eq!(second.writes(), []);

    // And from here on they follow.
    scene.infisical.state().set_secret(&Place::new("bench", "dev", "/app1"), "KEY_0", "edited").unwrap();
    scene.resync("owned").await;
    until("the Secrets to follow", async || {
        let data = scene.data("owned-managed").await;
        if data["KEY_0"] == "edited" { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
    let deployments: Api<Deployment> = scene.namespace.api();
    until("the workload to follow", async || {
        let web = serde_json::to_value(deployments.get("web").await.unwrap()).unwrap();
        let mark = &web["spec"]["template"]["metadata"]["annotations"]["secrets.infisical.com/managed-secret.owned-managed"];
        if *mark != json!("W/\"secrets-69-DA990298\"") { Ok(()) } else { Err(mark.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_asked_of_infisical_but_logins_and_reads() {
    let scene = Scene::with(|config| config.seed = seed()).await;
    let recorded = Recorded::lay(&scene).await;
    let operator = scene.start().await;
    ready(&scene, &recorded).await;
    scene.calls(Operation::ListSecrets, 8).await;
    let asked = scene.infisical.calls().all();
    // Neither a lease nor a push.
    let beyond: Vec<_> = asked.iter().filter(|call| call.method != "GET" && call.operation != Operation::Login).collect();
    assert!(beyond.is_empty(), "{beyond:#?}");
    assert_eq!(scene.infisical.logins(), 1, "one identity, one login");
    let leases: Vec<_> = scene.infisical.state().leases(&leased(), "db").into_iter().map(|lease| lease.id).collect();
    assert_eq!(leases, ["lease-1"]);
    operator.stop().await;
}

/// What the operator itself finds to be as it is, its command says to be so.
#[tokio::test]
async fn migrate_finds_nothing_to_do() {
    let scene = Scene::with(|config| config.seed = seed()).await;
    let recorded = Recorded::lay(&scene).await;
    let recorder = scene.recorder().await;
    let kubeconfig = recorder.kubeconfig().to_str().unwrap();
    let mut command = tokio::process::Command::new(integration::program().await);
    let output = command.args(["migrate", "--kubeconfig", kubeconfig, "--namespaces", scene.namespace.name()]).output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.trim_end().ends_with(", 0 need attention"), "{text}");
    for differs in ["generated-once", "lease-replaced"] {
        assert!(text.contains(&format!(" {differs}: ")), "{text}");
    }
    assert_eq!(recorder.writes(), []);
    recorded.untouched(&scene).await;
}
