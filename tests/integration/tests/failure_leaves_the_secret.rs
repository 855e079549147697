//! Whatever goes wrong between here and the server, the Secret stays as it was, byte for byte, and the condition says why.
use infisical_dev_server::{Fault, Operation};
use integration::{Identity, Running, Scene, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A scene in which one resource is in sync, and what its Secret looks like then.
struct Withstands {
    scene: Scene,
    operator: Running,
    before: Identity,
}

impl Withstands {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let operator = scene.start().await;
        scene.infisical_secret("a", json!({})).await;
        scene.synced("a").await;
        let before = scene.identity::<Secret>("a").await;
        Self { scene, operator, before }
    }

    /// The resource fails for this reason, visibly everywhere, and its Secret is untouched. Gives the message.
    async fn fails(&self, reason: &str) -> String {
        let message = self.scene.failed("a", reason).await;
        assert_eq!(self.scene.identity::<Secret>("a").await, self.before, "the Secret was written");
        // Failures of one reason are one Event, which keeps its first text.
        self.scene.event("a", reason).await;
        let metrics = self.operator.metrics().await;
        let failures = metrics.sum("infisical_operator_reconcile_failures_total", &[("kind", "InfisicalSecret"), ("reason", reason)]);
        assert!(failures >= 1.0, "no metric");
        let sync = self.scene.condition("a", "secrets.infisical.com/ReadyToSyncSecrets").await;
        assert_eq!((sync.status.as_str(), sync.reason.as_str()), ("False", "Error"));
        let reload = self.scene.condition("a", "secrets.infisical.com/AutoRedeployReady").await;
        assert_eq!((reload.status.as_str(), reload.reason.as_str()), ("False", "Stopped"));
        message
    }

    /// The cause is gone, and what changed meanwhile arrives.
    async fn recovers(&self) {
        self.scene.infisical.faults().clear();
        self.scene.set("A", "recovered");
        self.scene.holds("a", &[("A", "recovered"), ("B", "two")]).await;
        self.scene.synced("a").await;
        self.scene.event("a", "Recovered").await;
    }
}

#[tokio::test]
async fn a_server_that_is_down() {
    let test = Withstands::new().await;
    test.scene.infisical.faults().refuse_connections(true);
    test.scene.resync("a").await;
    let message = test.fails("Unreachable").await;
    assert!(message.contains(&test.scene.infisical.url()), "{message}");
    test.recovers().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer() {
    let test = Withstands::new().await;
    test.scene.infisical.faults().on(Operation::ListSecrets, Fault::Hang);
    test.scene.resync("a").await;
    // At first nobody's fault; then the time-out.
    test.scene.ready("a", "Unknown", "Reading").await;
    assert_eq!(test.scene.identity::<Secret>("a").await, test.before);
    let message = test.fails("TimedOut").await;
    assert!(message.contains("did not answer within"), "{message}");
    test.recovers().await;
}

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone() {
    const ASKED: Duration = Duration::from_secs(6);
    let test = Withstands::new().await;
    let calls = test.scene.infisical.calls().clone();
    calls.reset();
    test.scene.infisical.faults().next(Operation::ListSecrets, 1, Fault::RateLimited { retry_after: 6 });
    test.scene.resync("a").await;
    calls.wait_for(|log| log.with_status(Operation::ListSecrets, 429) == 1).await;
    let refused = Instant::now();
    test.fails("RateLimited").await;
    // Asking again by hand does not make it forget.
    test.scene.resync("a").await;
    calls.wait_for(|log| log.count(Operation::ListSecrets) > log.with_status(Operation::ListSecrets, 429)).await;
    assert!(refused.elapsed() >= ASKED, "asked again after {:?}", refused.elapsed());
    test.recovers().await;
}

#[tokio::test]
async fn a_server_that_fails_inside() {
    let test = Withstands::new().await;
    for (fault, reason) in [
        (Fault::Status(500), "ServerError"),
        (Fault::Unavailable { retry_after: None }, "ServerError"),
        (Fault::Cut, "Unreachable"),
        (Fault::Html, "NotInfisical"),
    ] {
        test.scene.infisical.faults().on(Operation::ListSecrets, fault);
        test.scene.resync("a").await;
        let message = test.fails(reason).await;
        assert!(!message.contains("<html") && !message.contains("one"), "{message}");
        test.scene.infisical.faults().clear();
        test.scene.synced("a").await;
    }
    test.recovers().await;
}

#[tokio::test]
async fn a_place_that_is_not_there() {
    let test = Withstands::new().await;
    let scope = |scope: Value| json!({"spec": {"authentication": {"universalAuth": {"secretsScope": scope}}}});
    for (wrong, named) in [
        (scope(json!({"projectSlug": "nope"})), "nope"),
        (scope(json!({"envSlug": "nope"})), "nope"),
        (scope(json!({"secretsPath": "/nope"})), "/nope"),
        (scope(json!({"secretName": "NOPE"})), "NOPE"),
    ] {
        test.scene.infisical_secret("a", wrong.clone()).await;
        let message = test.fails("NotFound").await;
        assert!(message.contains(named), "{wrong}: {message}");
    }
    test.scene.infisical_secret("a", json!({})).await;
    test.recovers().await;
}

#[tokio::test]
async fn a_folder_that_is_deleted_and_made_anew() {
    let test = Withstands::new().await;
    let server = test.scene.infisical.state().clone();
    test.scene
        .infisical_secret("a", json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"secretsPath": "/app"}}}}}))
        .await;
    test.scene.holds("a", &[("C", "three")]).await;
    let before = test.scene.identity::<Secret>("a").await;
    server.delete_folder(&test.scene.dev("/app")).unwrap();
    test.scene.resync("a").await;
    test.scene.failed("a", "NotFound").await;
    assert_eq!(test.scene.identity::<Secret>("a").await, before);
    server.create_folder(&test.scene.dev("/app")).unwrap();
    server.set_secret(&test.scene.dev("/app"), "C", "again").unwrap();
    test.scene.resync("a").await;
    test.scene.holds("a", &[("C", "again")]).await;
}

#[tokio::test]
async fn values_that_the_identity_may_not_see() {
    let test = Withstands::new().await;
    test.scene.infisical.state().hide_values("shop", "app").unwrap();
    test.scene.resync("a").await;
    let message = test.fails("SecretValueHidden").await;
    assert!(message.contains("\"A\"") && message.contains("permission"), "{message}");
    let member = infisical_dev_server::Membership { role: infisical_dev_server::Role::Viewer, rules: Vec::new() };
    test.scene.infisical.state().set_membership("shop", "app", Some(member)).unwrap();
    test.scene.resync("a").await;
    test.recovers().await;
}

#[tokio::test]
async fn an_identity_that_may_no_longer_read() {
    let test = Withstands::new().await;
    test.scene.infisical.state().deny_reading("shop", "app").unwrap();
    test.scene.resync("a").await;
    test.fails("PermissionDenied").await;
    // A missing permission is no reason for another login.
    assert_eq!(test.scene.infisical.logins(), 1);
}

#[tokio::test]
async fn an_emptiness_that_does_not_last() {
    let test = Withstands::new().await;
    let server = test.scene.infisical.state().clone();
    let calls = test.scene.infisical.calls().clone();
    // Not for an instant may the first answer be anything but empty.
    test.scene.infisical.faults().on(Operation::ListSecrets, Fault::Hang);
    test.scene.resync("a").await;
    until("a read to be under way", async || if calls.read(|log| log.in_flight()) > 0 { Ok(()) } else { Err("none") }).await;
    for key in ["A", "B"] {
        server.delete_secret(&test.scene.dev("/"), key).unwrap();
    }
    let lists = calls.count(Operation::ListSecrets);
    test.scene.infisical.faults().clear();
    calls.wait_for_calls(Operation::ListSecrets, lists + 1).await;
    test.scene.set("A", "one");
    test.scene.set("B", "two");
    test.scene.synced("a").await;
    calls.wait_for_calls(Operation::ListSecrets, lists + 3).await;
    assert_eq!(test.scene.identity::<Secret>("a").await, test.before, "an emptiness was believed that nothing confirmed");
}

#[tokio::test]
async fn an_emptiness_that_is_confirmed_is_believed() {
    let test = Withstands::new().await;
    for key in ["A", "B"] {
        test.scene.infisical.state().delete_secret(&test.scene.dev("/"), key).unwrap();
    }
    test.scene.resync("a").await;
    let calls = test.scene.infisical.calls();
    let before = calls.count(Operation::ListSecrets);
    test.scene.holds("a", &[]).await;
    assert!(calls.count(Operation::ListSecrets) >= before + 2, "it was believed at once");
    assert_eq!(test.scene.identity::<Secret>("a").await.uid, test.before.uid);
    assert_eq!(test.scene.data("a").await.len(), 0);
}
