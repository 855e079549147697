//! One resource keeps a target in every namespace that a selector matches.
use crate::scoped;
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::Operation;
use integration::{Running, Scene, text, until};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use operator::options::Options;
use serde_json::{Value, json};
use std::time::Duration;

const OWNER: &str = "secrets.infisical.com/owner";
const FINALIZER: &str = "secrets.infisical.com/targets";

/// Namespaces of one test: their names are known to its operator before they are made.
struct Places<'a>(&'a Scene);

impl Places<'_> {
    fn name(&self, short: &str) -> String {
        format!("{}-{short}", self.0.namespace.name())
    }

    fn api(&self) -> Api<Namespace> {
        Api::all(self.0.plane.client().clone())
    }

    async fn make(&self, short: &str, matches: bool) {
        self.0.plane.cluster().namespace_named(&self.name(short)).await.unwrap();
        if matches {
            self.label(short, Some("yes")).await;
        }
    }

    async fn label(&self, short: &str, value: Option<&str>) {
        let patch = json!({"metadata": {"labels": {self.key(): value}}});
        self.api().patch(&self.name(short), &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Its own, so that tests don't select each other's.
    fn key(&self) -> String {
        format!("shared-{}", self.0.namespace.name())
    }

    fn selector(&self) -> Value {
        json!({"matchLabels": {self.key(): "yes"}})
    }

    async fn start(&self, shorts: &[&str]) -> Running {
        self.start_with(shorts, |_| {}).await
    }

    async fn start_with(&self, shorts: &[&str], change: impl FnOnce(&mut Options)) -> Running {
        let names = shorts.iter().map(|short| self.name(short)).chain([self.0.namespace.name().to_owned()]).collect();
        self.0
            .start_with(|options| {
                options.namespaces = names;
                change(options);
            })
            .await
    }

    fn secrets(&self, short: &str) -> Api<Secret> {
        Api::namespaced(self.0.plane.client().clone(), &self.name(short))
    }

    async fn holds(&self, short: &str, wanted: &[(&str, &str)]) {
        let wanted = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let api = self.secrets(short);
        until(format_args!("Secret shared of {short}"), async || match api.get_opt("shared").await.unwrap().map(text) {
            Some(found) if found == wanted => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
    }

    async fn is_gone(&self, short: &str) {
        let api = self.secrets(short);
        until(format_args!("Secret shared of {short} to be gone"), async || match api.get_opt("shared").await.unwrap() {
            None => Ok(()),
            Some(secret) => Err(format!("{:?}", secret.metadata)),
        })
        .await;
    }

    async fn has_map(&self, short: &str) -> bool {
        let api: Api<ConfigMap> = Api::namespaced(self.0.plane.client().clone(), &self.name(short));
        api.get_opt("shared").await.unwrap().is_some()
    }
}

#[tokio::test]
async fn each_namespace_that_matches_gets_one_now_and_later_and_loses_it_when_it_no_longer_does() {
    let scene = Scene::new().await;
    let places = Places(&scene);
    let _operator = places.start(&["a", "b", "c", "later"]).await;
    places.make("a", true).await;
    places.make("b", false).await;
    let spec = json!({
        "syncConfig": {"resyncInterval": "1h"},
        "managedKubeSecretReferences": [
            {"secretName": "shared", "secretNamespace": null, "namespaceSelector": places.selector(), "creationPolicy": "Owner"},
        ],
        "managedKubeConfigMapReferences": [{"configMapName": "shared", "namespaceSelector": places.selector()}],
    });
    scene.infisical_secret("r", json!({"spec": spec})).await;
    places.holds("a", &[("A", "one"), ("B", "two")]).await;
    let ready = scene.synced("r").await;
    assert!(!ready.message.contains("warning"), "{}", ready.message);
    let secret = places.secrets("a").get("shared").await.unwrap();
    let uid = scene.resource("r").await.uid().unwrap();
    assert_eq!(secret.annotations()[OWNER], format!("InfisicalSecret/{}/r/{uid}", scene.namespace.name()));
    assert!(secret.owner_references().is_empty(), "a reference does not reach another namespace");
    assert!(places.secrets("b").get_opt("shared").await.unwrap().is_none());
    assert_eq!(scene.resource("r").await.finalizers(), [FINALIZER]);

    // A new namespace, and one that comes to match: without another read.
    let reads = scene.infisical.calls().count(Operation::ListSecrets);
    places.make("later", true).await;
    places.holds("later", &[("A", "one"), ("B", "two")]).await;
    places.label("b", Some("yes")).await;
    places.holds("b", &[("A", "one"), ("B", "two")]).await;
    places.secrets("a").delete("shared", &DeleteParams::default()).await.unwrap();
    places.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert_eq!(scene.infisical.calls().count(Operation::ListSecrets), reads);

    // One read serves them all, and one that can't be written holds up none.
    places.make("c", false).await;
    let foreign: Secret = serde_json::from_value(json!({"metadata": {"name": "shared"}, "stringData": {"THEIRS": "x"}})).unwrap();
    places.secrets("c").create(&Default::default(), &foreign).await.unwrap();
    places.label("c", Some("yes")).await;
    let message = scene.failed("r", "TargetExists").await;
    assert!(message.starts_with("1 of 8 targets failed") && message.contains(&places.name("c")), "{message}");
    scene.set("A", "edited");
    scene.resync("r").await;
    for short in ["a", "b", "later"] {
        places.holds(short, &[("A", "edited"), ("B", "two")]).await;
    }
    assert_eq!(scene.infisical.calls().count(Operation::ListSecrets), reads + 1);
    places.secrets("c").delete("shared", &DeleteParams::default()).await.unwrap();
    places.holds("c", &[("A", "edited"), ("B", "two")]).await;
    scene.synced("r").await;

    // What is owned goes with the label, what is not stays.
    places.label("b", None).await;
    places.is_gone("b").await;
    assert!(places.has_map("b").await);
    // A namespace that ends is no failure.
    places.api().delete(&places.name("later"), &DeleteParams::default()).await.unwrap();
    until("the namespace to be gone", async || match places.api().get_opt(&places.name("later")).await.unwrap() {
        None => Ok(()),
        Some(namespace) => Err(format!("{:?}", namespace.status)),
    })
    .await;
    scene.resync("r").await;
    scene.calls(Operation::ListSecrets, 1).await;
    scene.synced("r").await;

    // And with the resource.
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.delete("r", &DeleteParams::default()).await.unwrap();
    until("the resource to be gone", async || match api.get_opt("r").await.unwrap() {
        None => Ok(()),
        Some(resource) => Err(format!("{:?}", resource.metadata.finalizers)),
    })
    .await;
    for short in ["a", "c"] {
        places.is_gone(short).await;
        assert!(places.has_map(short).await, "{short}");
    }
}

#[tokio::test]
async fn a_static_secret_spreads_too_and_lets_go_of_what_it_no_longer_selects() {
    let scene = Scene::new().await;
    let places = Places(&scene);
    places.make("a", true).await;
    let operator = places.start(&["a"]).await;
    let namespace = scene.namespace.name();
    let here = |name: &str| json!({"name": name, "namespace": namespace});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    let object = |kind: &str, spec: Value| json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    let login = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    scene.apply(&object("InfisicalConnection", json!({"address": scene.infisical.url()}))).await;
    scene.apply(&object("InfisicalAuth", json!({"infisicalConnectionRef": here("x"), "method": "universal", "universal": login}))).await;
    let spec = |targets: Value| {
        json!({
            "infisicalAuthRef": here("x"), "syncOptions": {"refreshInterval": "1h"},
            "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}], "targets": targets,
        })
    };
    let own = json!({"name": "own", "namespace": namespace, "kind": "Secret", "creationPolicy": "Owner"});
    let shared = json!({"name": "shared", "namespaceSelector": places.selector(), "kind": "Secret", "creationPolicy": "Owner"});
    scene.apply(&object("InfisicalStaticSecret", spec(json!([own, shared])))).await;
    places.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.holds("own", &[("A", "one"), ("B", "two")]).await;
    operator.stop().await;
    // What changed while it was away is made up for.
    scene.apply(&object("InfisicalStaticSecret", spec(json!([own])))).await;
    let _operator = places.start(&["a"]).await;
    places.is_gone("a").await;
    let api: Api<api::v1beta1::InfisicalStaticSecret> = scene.namespace.api();
    until("the finalizer to be taken off", async || {
        let found = api.get("x").await.unwrap().finalizers().to_vec();
        if found.is_empty() { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    scene.holds("own", &[("A", "one"), ("B", "two")]).await;
}

#[tokio::test]
async fn of_two_that_select_the_same_the_older_keeps_it() {
    let scene = Scene::new().await;
    let places = Places(&scene);
    places.make("a", true).await;
    let _operator = places.start(&["a"]).await;
    let target =
        json!([{"secretName": "shared", "secretNamespace": null, "namespaceSelector": places.selector(), "creationPolicy": "Owner"}]);
    scene.infisical_secret("first", json!({"spec": {"managedKubeSecretReferences": target}})).await;
    scene.synced("first").await;
    scene.infisical_secret("second", json!({"spec": {"managedKubeSecretReferences": target}})).await;
    let message = scene.failed("second", "TargetClaimed").await;
    assert!(message.contains("first") && message.contains(&places.name("a")), "{message}");
    scene.namespace.api::<InfisicalSecret>().delete("first", &DeleteParams::default()).await.unwrap();
    scene.synced("second").await;
    let secret = places.secrets("a").get("shared").await.unwrap();
    assert!(secret.annotations()[OWNER].contains("/second/"), "{:?}", secret.annotations());
}

#[tokio::test]
async fn a_selector_that_can_not_be_served_says_what_is_missing_and_holds_up_no_other_target() {
    let scene = Scene::new().await;
    let places = Places(&scene);
    let namespaces = [scene.namespace.name()];
    let kubeconfig = scoped::bound(&scene, &namespaces).await;
    let _operator = scoped::start(&scene, kubeconfig, &namespaces).await;
    let targets = json!([
        {"secretName": "own", "secretNamespace": scene.namespace.name()},
        {"secretName": "shared", "secretNamespace": null, "namespaceSelector": places.selector()},
    ]);
    scene.infisical_secret("r", json!({"spec": {"managedKubeSecretReferences": targets}})).await;
    let message = scene.failed("r", "WatchForbidden").await;
    assert!(message.contains("managedKubeSecretReferences[1].namespaceSelector"), "{message}");
    assert!(message.contains("list and watch namespaces"), "{message}");
    scene.holds("own", &[("A", "one"), ("B", "two")]).await;
    // What can't be meant is said before anything is done.
    let both = json!([{"secretName": "own", "secretNamespace": scene.namespace.name(), "namespaceSelector": {}}]);
    scene.infisical_secret("both", json!({"spec": {"managedKubeSecretReferences": both}})).await;
    let message = scene.failed("both", "InvalidTarget").await;
    assert!(message.contains("are both filled in"), "{message}");
}

#[tokio::test]
async fn while_namespaces_can_not_be_listed_no_target_is_taken_away_and_it_comes_back_by_itself() {
    const NAMESPACES: &str = "/api/v1/namespaces";
    // What is refused is asked for again after a minute.
    const PATIENCE: Duration = Duration::from_secs(150);
    let scene = Scene::new().await;
    let places = Places(&scene);
    places.make("a", true).await;
    places.make("b", true).await;
    let targets = json!([
        {"secretName": "own", "secretNamespace": scene.namespace.name()},
        {"secretName": "shared", "secretNamespace": null, "namespaceSelector": places.selector(), "creationPolicy": "Owner"},
    ]);
    scene.infisical_secret("r", json!({"spec": {"managedKubeSecretReferences": targets}})).await;
    let operator = places.start(&["a", "b"]).await;
    for short in ["a", "b"] {
        places.holds(short, &[("A", "one"), ("B", "two")]).await;
    }
    scene.synced("r").await;
    operator.stop().await;
    let versions = async || {
        let mut versions = Vec::new();
        for short in ["a", "b"] {
            versions.push(places.secrets(short).get("shared").await.unwrap().resource_version());
        }
        versions
    };
    let before = versions().await;

    let recorder = scene.recorder().await;
    recorder.refuse(NAMESPACES, Some(403));
    let kubeconfig = recorder.kubeconfig().to_owned();
    let _operator = places.start_with(&["a", "b"], |options| options.kubeconfig = Some(kubeconfig)).await;
    let message = scene.failed("r", "WatchForbidden").await;
    assert!(message.contains("managedKubeSecretReferences[1].namespaceSelector"), "{message}");
    let asked = async |status: u16| {
        let times = || recorder.all().iter().filter(|asked| asked.path == NAMESPACES && asked.status == status).count();
        let had = times();
        support::wait_for(format_args!("another {status}"), PATIENCE, async || if times() > had { Ok(()) } else { Err(had) })
            .await
            .unwrap();
    };
    // Another target, and whole passes, while nobody knows which namespaces there are.
    let passes = async |value: &str| {
        scene.set("A", value);
        scene.holds("own", &[("A", value), ("B", "two")]).await;
        assert_eq!(versions().await, before, "a target was touched");
    };
    passes("refused").await;
    // Other than a 503, which the client asks again for by itself.
    recorder.refuse(NAMESPACES, Some(500));
    asked(500).await;
    passes("broken").await;
    let message = scene.failed("r", "ApiServerUnavailable").await;
    assert!(message.contains("managedKubeSecretReferences[1].namespaceSelector: the namespaces could not be listed"), "{message}");
    passes("still broken").await;
    assert!(!scene.resource("r").await.finalizers().is_empty());
    recorder.refuse(NAMESPACES, None);
    for short in ["a", "b"] {
        places.holds(short, &[("A", "still broken"), ("B", "two")]).await;
    }
    scene.synced("r").await;

    // What was known once stays known while the watch is broken, and what changed meanwhile is found afterwards.
    recorder.refuse(NAMESPACES, Some(500));
    asked(500).await;
    places.label("b", None).await;
    scene.set("A", "last");
    for short in ["a", "b"] {
        places.holds(short, &[("A", "last"), ("B", "two")]).await;
    }
    scene.synced("r").await;
    recorder.refuse(NAMESPACES, None);
    places.is_gone("b").await;
    places.holds("a", &[("A", "last"), ("B", "two")]).await;
}
