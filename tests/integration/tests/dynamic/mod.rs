//! InfisicalDynamicSecret: leases of dynamic secrets, against a database that exists only in the dev server, and against the
//! real API server by the Kubernetes provider.
mod access;
mod canary;
mod clock;
mod crash;
mod deletion;
mod faults;
mod kubernetes;
mod lifecycle;
mod moved;
mod outage;
mod replacing;
mod samples;
mod take_over;
mod target;
mod tenants;

use api::v1alpha1::InfisicalDynamicSecret;
use infisical_dev_server::{Config, Database, DynamicSecretSeed, Lease, Membership, Operation, Place, Provider, Role, Server};
use integration::{MovedClock, Scene, merged, until};
use k8s_openapi::{
    api::apps::v1::Deployment,
    apimachinery::pkg::apis::meta::v1::Condition,
    jiff::{SignedDuration, Timestamp},
};
use kube::Api;
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// With leases of seconds, as the operator's manual has them and today's servers do not.
fn short_leases(config: &mut Config) {
    config.shortest_lease = Duration::from_secs(5);
}

/// A dynamic secret of a database.
fn database(default: &str, longest: Option<&str>, refuses_renewal: bool, extra: &Value) -> DynamicSecretSeed {
    let extra = extra.as_object().cloned().unwrap_or_default();
    let provider = Provider::Database(Database { extra });
    DynamicSecretSeed { default_ttl: default.into(), max_ttl: longest.map(str::to_owned), refuses_renewal, provider }
}

fn may_lease(server: &Server) {
    server.state().set_membership("shop", "app", Some(Membership { role: Role::Member, rules: vec![] })).unwrap();
}

fn place(environment: &str) -> Place {
    Place::new("shop", environment, "/")
}

/// A scene whose identity `app` may lease `db` in `/` of `dev`: an hour by default, four at most.
async fn scene() -> Scene {
    let scene = Scene::with(short_leases).await;
    may_lease(&scene.infisical);
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", database("1h", Some("4h"), false, &json!({"PORT": 5432}))).unwrap();
    scene
}

/// An InfisicalDynamicSecret that keeps a lease of `db` for an hour in the Secret of its own name, under the policy Revoke.
fn manifest(scene: &Scene, name: &str, changes: &Value) -> Value {
    let namespace = scene.namespace.name();
    let base = json!({
        "apiVersion": "secrets.infisical.com/v1alpha1",
        "kind": "InfisicalDynamicSecret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "hostAPI": scene.infisical.url(),
            "authentication": {"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}}},
            "dynamicSecret": {"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/"},
            "leaseTTL": "1h",
            "leaseRevocationPolicy": "Revoke",
            "managedSecretReference": {"secretName": name, "secretNamespace": namespace, "creationPolicy": "Owner"},
        },
    });
    merged(base, changes)
}

async fn apply(scene: &Scene, name: &str, changes: Value) {
    scene.apply(&manifest(scene, name, &changes)).await;
}

fn api(scene: &Scene) -> Api<InfisicalDynamicSecret> {
    scene.namespace.api()
}

async fn resource(scene: &Scene, name: &str) -> InfisicalDynamicSecret {
    api(scene).get(name).await.unwrap()
}

/// The resource, once a look at it succeeds.
async fn becomes(scene: &Scene, name: &str, what: &str, look: impl Fn(&InfisicalDynamicSecret) -> bool) -> InfisicalDynamicSecret {
    until(format_args!("{name} {what}"), async || {
        let resource = api(scene).get(name).await.map_err(|error| error.to_string())?;
        if look(&resource) { Ok(resource) } else { Err(format!("{:?}", resource.status)) }
    })
    .await
}

fn condition(resource: &InfisicalDynamicSecret, kind: &str) -> Option<Condition> {
    resource.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind).cloned()
}

/// `Ready`, if it is of the present generation.
fn ready(resource: &InfisicalDynamicSecret) -> Option<Condition> {
    condition(resource, "Ready").filter(|ready| ready.observed_generation == resource.metadata.generation)
}

async fn synced(scene: &Scene, name: &str) -> InfisicalDynamicSecret {
    becomes(scene, name, "to be ready", |resource| ready(resource).is_some_and(|ready| ready.status == "True")).await
}

/// Waits for a failure for that reason; gives its message.
async fn failed(scene: &Scene, name: &str, reason: &str) -> String {
    let wanted = |resource: &InfisicalDynamicSecret| ready(resource).is_some_and(|ready| ready.status == "False" && ready.reason == reason);
    let found = becomes(scene, name, &format!("to fail for {reason}"), wanted).await;
    ready(&found).unwrap().message
}

fn lease_of(resource: &InfisicalDynamicSecret) -> String {
    resource.status.clone().and_then(|status| status.lease?.id).unwrap_or_default()
}

/// Waits until another lease than that is recorded.
async fn another_lease(scene: &Scene, name: &str, than: &str) -> String {
    let other =
        becomes(scene, name, "to have another lease", |resource| !lease_of(resource).is_empty() && lease_of(resource) != than).await;
    lease_of(&other)
}

fn leases(scene: &Scene) -> Vec<Lease> {
    scene.infisical.state().leases(&place("dev"), "db")
}

fn ids(scene: &Scene) -> Vec<String> {
    leases(scene).into_iter().map(|lease| lease.id).collect()
}

/// Waits until the server has exactly these leases.
async fn only(scene: &Scene, wanted: &[&str]) {
    until(format_args!("the leases {wanted:?} to be all"), async || {
        let found = ids(scene);
        if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Whether the database lets the bearer of these credentials in.
fn lets_in(scene: &Scene, data: &BTreeMap<String, String>) -> bool {
    scene.infisical.state().database_lets_in(&data["DB_USERNAME"], &data["DB_PASSWORD"])
}

/// A Deployment that reads a Secret and wants to be restarted when it changes.
async fn follower(scene: &Scene, secret: &str) {
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": secret}}]}]},
            },
        },
    });
    scene.apply(&deployment).await;
}

/// What the pods of the Deployment run with, by its pod template.
async fn runs_with(scene: &Scene, secret: &str) -> Option<String> {
    let deployment: Deployment = scene.namespace.api::<Deployment>().get("web").await.unwrap();
    let annotations = deployment.spec?.template.metadata?.annotations?;
    annotations.get(&format!("secrets.infisical.com/managed-secret.{secret}")).cloned()
}

/// Waits until the pods run with a lease.
async fn restarted_for(scene: &Scene, secret: &str, lease: &str) {
    let wanted = format!("{lease}-0");
    until(format_args!("the workload to run with {wanted}"), async || {
        let found = runs_with(scene, secret).await;
        if found.as_deref() == Some(&wanted) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

/// Annotates a resource.
async fn annotate(scene: &Scene, name: &str, annotation: &str, value: &str) {
    let patch = json!({"metadata": {"annotations": {annotation: value}}});
    api(scene).patch(name, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(patch)).await.unwrap();
}

/// Waits until a whole pass has looked at the lease of a resource that is in step.
async fn pass(scene: &Scene, name: &str) {
    // The second begins when the first has ended.
    for _ in 0..2 {
        let wish = Timestamp::now().as_nanosecond().to_string();
        let calls = || {
            let count = |operation| scene.infisical.calls().count(operation);
            count(Operation::ReadLease) + count(Operation::RenewLease) + count(Operation::CreateLease)
        };
        let before = calls();
        annotate(scene, name, "secrets.infisical.com/resync", &wish).await;
        until("a call about the lease", async || if calls() > before { Ok(()) } else { Err("none") }).await;
    }
}

/// Moves the time of day on, here and at the server.
fn later(scene: &Scene, clock: &MovedClock, by: SignedDuration) {
    clock.advance(by);
    scene.infisical.state().clock().advance(by.unsigned_abs());
}

/// How long the recorded lease lasts from then on, in seconds.
fn seconds_left(resource: &InfisicalDynamicSecret, now: Timestamp) -> i64 {
    let end = resource.status.as_ref().and_then(|status| status.lease.clone()?.expires_at).unwrap();
    end.0.duration_since(now).as_secs()
}

/// Deletes a resource, and does not wait.
async fn delete(scene: &Scene, name: &str) {
    api(scene).delete(name, &kube::api::DeleteParams::default()).await.unwrap();
}

/// Waits until it is gone.
async fn gone(scene: &Scene, name: &str) {
    until(format_args!("{name} to be gone"), async || match api(scene).get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(resource)) => Err(format!("{:?} {:?}", resource.metadata.finalizers, resource.status)),
        Err(error) => Err(error.to_string()),
    })
    .await;
}
