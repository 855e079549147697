//! The server fails in one of eight ways, under a resource of each kind that was in step and under one that is made meanwhile.
//!
//! What is in the cluster stays as it is, each resource says why, and once the fault is over all go on by themselves.
//! `failure_leaves_the_secret.rs` has more of InfisicalSecret.
use super::generators::{Generators, manifest, written};
use crate::static_secret::{auth, connection, key, target};
use infisical_dev_server::{Database, DynamicSecretSeed, Fault, Membership, Operation, Provider, Role};
use integration::{Identity, Running, Scene, event_of, text, until};
use k8s_openapi::api::{
    core::v1::{ConfigMap, Secret},
    events::v1::Event,
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// One resource.
#[derive(Clone, Copy, Debug)]
struct Subject {
    kind: &'static str,
    name: &'static str,
    /// Of what it asks the server.
    asks: Asks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    ForSecrets,
    ForALease,
    ForALogin,
    HowItIs,
}

/// In step before the fault.
const BEFORE: [Subject; 5] = [
    Subject { kind: "InfisicalSecret", name: "plain", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalStaticSecret", name: "static", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalPushSecret", name: "push", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalPushSecret", name: "generated", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalConnection", name: "server", asks: Asks::HowItIs },
];

/// Made while the server fails.
const MEANWHILE: [Subject; 7] = [
    Subject { kind: "InfisicalSecret", name: "new-plain", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalStaticSecret", name: "new-static", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalPushSecret", name: "new-push", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalPushSecret", name: "new-generated", asks: Asks::ForSecrets },
    Subject { kind: "InfisicalDynamicSecret", name: "new-lease", asks: Asks::ForALease },
    Subject { kind: "InfisicalConnection", name: "new-server", asks: Asks::HowItIs },
    Subject { kind: "InfisicalAuth", name: "new-login", asks: Asks::ForALogin },
];

/// What each kind says of one fault.
struct Says {
    secrets: (&'static str, &'static str),
    login: (&'static str, &'static str),
    probe: (&'static str, &'static str),
}

impl Says {
    /// The same, whatever was asked.
    const fn all(reason: &'static str, hint: &'static str) -> Self {
        Self { secrets: (reason, hint), login: (reason, hint), probe: (reason, hint) }
    }

    fn of(&self, subject: Subject) -> (&'static str, &'static str) {
        match subject.asks {
            // The folder is named as the destination that it is.
            Asks::ForSecrets if subject.kind == "InfisicalPushSecret" && self.secrets.0 == "NotFound" => ("FolderNotFound", self.secrets.1),
            Asks::ForSecrets | Asks::ForALease => self.secrets,
            Asks::ForALogin => self.login,
            Asks::HowItIs => self.probe,
        }
    }
}

/// Everything in step at one server.
struct Everything {
    scene: Scene,
    operator: Running,
    secrets: Vec<(&'static str, Identity)>,
    maps: Vec<(&'static str, Identity)>,
    generators: Generators,
    /// As the server holds it.
    generated: Option<String>,
}

impl Everything {
    async fn in_step() -> Self {
        let scene = Scene::new().await;
        let state = scene.infisical.state();
        state.set_membership("shop", "app", Some(Membership { role: Role::Member, rules: Vec::new() })).unwrap();
        for name in ["push", "new-push", "generated", "new-generated"] {
            state.create_folder(&scene.dev(name)).unwrap();
        }
        for name in ["push", "new-push"] {
            scene.namespace.secret(&format!("{name}-source"), [("PUSHED", "at first")]).await.unwrap();
        }
        let provider = Provider::Database(Database { extra: serde_json::Map::new() });
        let database = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: None, refuses_renewal: false, provider };
        state.set_dynamic_secret(&scene.dev("/"), "db", database).unwrap();
        let operator = scene.start().await;
        connection(&scene, json!({"address": scene.infisical.url()})).await;
        auth(&scene).await;
        scene.apply(&manifest("Password", "random", 24)).await;
        let generators = Generators::new(&scene, "before").await;
        for subject in BEFORE {
            apply(&scene, subject).await;
        }
        for subject in BEFORE {
            ready(&scene, subject, "True").await;
        }
        let mut secrets = Vec::new();
        for name in ["plain", "static"] {
            secrets.push((name, scene.identity::<Secret>(name).await));
        }
        let maps = vec![("static", scene.identity::<ConfigMap>("static").await)];
        let generated = scene.infisical.state().value(&scene.dev("generated"), "PUSHED");
        Self { scene, operator, secrets, maps, generators, generated }
    }

    /// The fault is there: everybody notices it, tells it, and touches nothing.
    async fn fails(&self, says: &Says) {
        let scene = &self.scene;
        let versions = self.generators.versions(scene).await;
        for subject in BEFORE {
            resync(scene, subject).await;
        }
        scene.namespace.secret("push-source", [("PUSHED", "edited")]).await.unwrap();
        for subject in MEANWHILE {
            apply(scene, subject).await;
        }
        for subject in BEFORE.into_iter().chain(MEANWHILE) {
            let Subject { kind, name, .. } = subject;
            let (reason, hint) = says.of(subject);
            let message = failed(scene, subject, reason).await;
            assert!(message.contains(hint) && !message.contains("<html") && !message.contains("app-secret"), "{kind} {name}: {message}");
            told(scene, subject, reason).await;
            let failures = [("kind", kind), ("reason", reason)];
            let counted = self.operator.metrics().await.sum("infisical_operator_reconcile_failures_total", &failures);
            assert!(counted >= 1.0, "{kind}: no metric {reason}");
        }
        // Generators ask the server for nothing.
        Generators::new(scene, "meanwhile").await.delete(scene).await;
        self.generators.are_ready(scene).await;
        assert_eq!(self.generators.versions(scene).await, versions, "a generator was written");
        self.untouched().await;
        let secrets: Api<Secret> = scene.namespace.api();
        for name in ["new-plain", "new-static", "new-lease"] {
            assert!(secrets.get_opt(name).await.unwrap().is_none(), "{name} was made of nothing");
        }
    }

    async fn untouched(&self) {
        assert_eq!(self.pushed("push").as_deref(), Some("at first"), "the pushed secret was written");
        assert_eq!(self.pushed("generated"), self.generated, "a value was made anew");
        assert_eq!((self.pushed("new-push"), self.pushed("new-generated")), (None, None), "a secret was pushed");
        for (name, identity) in &self.secrets {
            assert_eq!(&self.scene.identity::<Secret>(name).await, identity, "Secret {name} was written");
        }
        for (name, identity) in &self.maps {
            assert_eq!(&self.scene.identity::<ConfigMap>(name).await, identity, "ConfigMap {name} was written");
        }
    }

    fn pushed(&self, folder: &str) -> Option<String> {
        self.scene.infisical.state().value(&self.scene.dev(folder), "PUSHED")
    }

    /// The fault is gone: nobody does anything, and everything is in step with what changed meanwhile.
    async fn recovers(self) {
        let scene = &self.scene;
        let secrets: Api<Secret> = scene.namespace.api();
        scene.set("A", "recovered");
        scene.infisical.faults().clear();
        for name in ["plain", "static"] {
            for (name, a) in [(name, "recovered"), (&format!("new-{name}"), "uno")] {
                eventually(&format!("Secret {name} to follow"), async || match secrets.get_opt(name).await.unwrap().map(text) {
                    Some(data) if data["A"] == a => Ok(()),
                    found => Err(format!("{found:?}")),
                })
                .await;
            }
        }
        for subject in BEFORE.into_iter().chain(MEANWHILE) {
            ready(scene, subject, "True").await;
            told(scene, subject, "Recovered").await;
        }
        assert_eq!(self.pushed("push").as_deref(), Some("edited"));
        assert_eq!(self.pushed("new-push").as_deref(), Some("at first"));
        assert_eq!(self.pushed("generated"), self.generated, "a value was made anew");
        let values = ["generated", "new-generated"].map(|folder| written(scene, folder, "PUSHED"));
        assert_eq!(values, [Some(1), Some(1)], "the server has stored more than one value");
        self.generators.are_ready(scene).await;
        self.generators.delete(scene).await;
        // What was made by a call whose answer was cut is found and given back.
        eventually("one lease, and no other", async || match scene.infisical.state().leases(&scene.dev("/"), "db").len() {
            1 => Ok(()),
            found => Err(format!("{found} leases")),
        })
        .await;
        self.operator.stop().await;
        let calls = scene.infisical.calls();
        let revoked = calls.read(|log| log.with_status(Operation::Revoke, 200));
        assert!(revoked >= 2, "{revoked} tokens were given back");
    }
}

async fn apply(scene: &Scene, subject: Subject) {
    let Subject { kind, name, .. } = subject;
    let namespace = scene.namespace.name();
    let credentials = json!({"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}}});
    // What another resource has read already is there for a new one too.
    let environment = if name.starts_with("new-") { "prod" } else { "dev" };
    let targets = ["Secret", "ConfigMap"].map(|kind| target(scene, kind, name));
    let spec = match kind {
        "InfisicalSecret" => {
            let scope = json!({"secretsScope": {"envSlug": environment}});
            return scene.infisical_secret(name, json!({"spec": {"authentication": {"universalAuth": scope}}})).await;
        }
        "InfisicalConnection" => json!({"address": scene.infisical.url()}),
        "InfisicalPushSecret" => json!({
            "hostAPI": scene.infisical.url(), "authentication": credentials, "resyncInterval": "5s",
            "updatePolicy": "Replace", "deletionPolicy": "Delete",
            "destination": {"projectSlug": "shop", "environmentSlug": "dev", "secretsPath": format!("/{name}")},
            "push": if name.ends_with("generated") {
                json!({"generators": [{"destinationSecretName": "PUSHED", "generatorRef": {"kind": "Password", "name": "random"}}]})
            } else {
                json!({"secret": {"secretName": format!("{name}-source"), "secretNamespace": namespace}})
            },
        }),
        "InfisicalDynamicSecret" => json!({
            "hostAPI": scene.infisical.url(), "authentication": credentials,
            "dynamicSecret": {"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/"},
            "leaseTTL": "1h", "leaseRevocationPolicy": "Revoke",
            "managedSecretReference": {"secretName": name, "secretNamespace": namespace, "creationPolicy": "Owner"},
        }),
        "InfisicalAuth" => {
            scene.namespace.secret("other", [("clientId", "other-client"), ("clientSecret", "other-secret")]).await.unwrap();
            json!({
                "infisicalConnectionRef": {"name": "server", "namespace": namespace},
                "method": "universal",
                "universal": {"clientIdRef": key(scene, "other", "clientId"), "clientSecretRef": key(scene, "other", "clientSecret")},
            })
        }
        _ => json!({
            "infisicalAuthRef": {"name": "login", "namespace": namespace},
            "syncOptions": {"refreshInterval": "5s"},
            "sources": [{"projectSlug": "shop", "environmentSlug": environment, "secretPath": "/"}],
            "targets": targets,
        }),
    };
    let api_version = format!("secrets.infisical.com/{}", version(kind));
    let metadata = json!({"name": name, "namespace": namespace});
    scene.apply(&json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})).await;
}

fn version(kind: &str) -> &'static str {
    match kind {
        "InfisicalSecret" | "InfisicalPushSecret" | "InfisicalDynamicSecret" => "v1alpha1",
        _ => "v1beta1",
    }
}

fn api(scene: &Scene, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("secrets.infisical.com", version(kind), kind));
    Api::namespaced_with(scene.plane.client().clone(), scene.namespace.name(), &resource)
}

async fn resync(scene: &Scene, subject: Subject) {
    let patch = json!({"metadata": {"annotations": {"secrets.infisical.com/resync": "now"}}});
    api(scene, subject.kind).patch(subject.name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// Longer than the longest pause after a refusal, so that nothing needs to be asked for by hand.
const PATIENCE: Duration = Duration::from_secs(150);

/// Waits for a condition `Ready` that is as wanted; gives it.
async fn condition(scene: &Scene, subject: Subject, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let Subject { kind, name, .. } = subject;
    let api = api(scene, kind);
    let look = async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
        if wanted(&ready) { Ok(ready) } else { Err(ready.to_string()) }
    };
    eventually(&format!("{kind} {name} to be {what}"), look).await
}

async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    support::wait_for(what, PATIENCE, look).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn ready(scene: &Scene, subject: Subject, status: &str) {
    condition(scene, subject, status, |ready| ready["status"] == status).await;
}

async fn failed(scene: &Scene, subject: Subject, reason: &str) -> String {
    let ready = condition(scene, subject, reason, |ready| ready["status"] == "False" && ready["reason"] == reason).await;
    ready["message"].as_str().unwrap().to_owned()
}

/// Waits for an Event.
async fn told(scene: &Scene, subject: Subject, reason: &str) {
    let Subject { kind, name, .. } = subject;
    let events: Api<Event> = scene.namespace.api();
    until(format_args!("an Event {reason} of {kind} {name}"), async || {
        let of = ListParams::default().fields(&format!("regarding.kind={kind},regarding.name={name}"));
        let all: Vec<_> = events.list(&of).await.unwrap().items.into_iter().map(event_of).collect();
        if all.iter().any(|event| event.reason == reason) { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
}

/// Everything but a login and what belongs to it.
const ASKED: [Operation; 8] = [
    Operation::Status,
    Operation::ListSecrets,
    Operation::WriteSecret,
    Operation::Folder,
    Operation::CreateLease,
    Operation::RenewLease,
    Operation::RevokeLease,
    Operation::ReadLease,
];

/// Of all that is asked, and of a login.
async fn each_fails(fault: Fault, says: &Says) -> Everything {
    let test = Everything::in_step().await;
    let faults = test.scene.infisical.faults();
    for operation in ASKED {
        faults.on(operation, fault);
    }
    // Only of the identity that has no token yet; who has one needs none.
    faults.on(Operation::Login, fault);
    test.fails(says).await;
    test
}

#[tokio::test]
async fn down() {
    let test = Everything::in_step().await;
    test.scene.infisical.faults().refuse_connections(true);
    test.fails(&Says::all("Unreachable", "can't be reached")).await;
    test.recovers().await;
}

#[tokio::test]
async fn slow() {
    let test = each_fails(Fault::Hang, &Says::all("TimedOut", "did not answer within")).await;
    test.recovers().await;
}

#[tokio::test]
async fn unauthorized() {
    let says =
        Says { secrets: ("Unauthorized", "a token that it has just given"), login: ("LoginFailed", "check"), probe: ("Unauthorized", "") };
    let test = Everything::in_step().await;
    let logins = test.scene.infisical.calls().count(Operation::Login);
    let faults = test.scene.infisical.faults();
    for operation in ASKED {
        faults.on(operation, Fault::Status(401));
    }
    // The first login is the one that replaces the token.
    let token = async {
        test.scene.infisical.calls().wait_for_calls(Operation::Login, logins + 1).await;
        faults.on(Operation::Login, Fault::Status(401));
    };
    for subject in BEFORE {
        resync(&test.scene, subject).await;
    }
    token.await;
    test.fails(&says).await;
    let more = test.scene.infisical.calls().count(Operation::Login) - logins;
    assert!(more <= 4, "{more} logins for two identities");
    test.recovers().await;
}

#[tokio::test]
async fn forbidden() {
    let says = Says {
        secrets: ("PermissionDenied", "give the identity a role"),
        login: ("LoginFailed", "check"),
        probe: ("PermissionDenied", ""),
    };
    let test = each_fails(Fault::Status(403), &says).await;
    assert_eq!(test.scene.infisical.logins(), 1, "a missing permission is not cured by a login");
    test.recovers().await;
}

#[tokio::test]
async fn not_found() {
    let says = Says { secrets: ("NotFound", "check the names"), login: ("LoginFailed", "check"), probe: ("NotFound", "") };
    each_fails(Fault::Status(404), &says).await.recovers().await;
}

#[tokio::test]
async fn too_many_requests() {
    const ASKED: Duration = Duration::from_secs(8);
    let test = Everything::in_step().await;
    let calls = test.scene.infisical.calls().clone();
    calls.reset();
    test.scene.infisical.faults().all(Fault::RateLimited { retry_after: 8 });
    let refused = async {
        calls.wait_for(|log| log.with_status(Operation::ListSecrets, 429) > 0).await;
        let at = Instant::now();
        // Whoever shares the session holds still, however many they are and whatever they read.
        let lists = |log: &infisical_dev_server::CallLog| log.count(Operation::ListSecrets);
        let before = calls.read(lists);
        calls.wait_for(|log| lists(log) > before).await;
        at.elapsed()
    };
    let says = Says::all("RateLimited", "");
    let (waited, ()) = tokio::join!(refused, test.fails(&says));
    assert!(waited >= ASKED, "asked again after {waited:?}");
    test.recovers().await;
}

#[tokio::test]
async fn broken_inside() {
    each_fails(Fault::Status(500), &Says::all("ServerError", "")).await.recovers().await;
}

#[tokio::test]
async fn unavailable() {
    each_fails(Fault::Unavailable { retry_after: None }, &Says::all("ServerError", "")).await.recovers().await;
}

#[tokio::test]
async fn cut_off() {
    each_fails(Fault::Cut, &Says::all("Unreachable", "")).await.recovers().await;
}
