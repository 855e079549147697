//! Rollouts of Argo restart as Deployments do, wherever and whenever their definition is there.
use integration::{Scene, until};
use k8s_openapi::{api::apps::v1::Deployment, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

const DEFINITION: &str = include_str!("../data/rollouts.yaml");
const NAME: &str = "rollouts.argoproj.io";
const MARK: &str = "secrets.infisical.com/managed-secret.a";

/// The definition is the cluster's: one test at a time makes it and takes it away.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

fn definitions(scene: &Scene) -> Api<CustomResourceDefinition> {
    Api::all(scene.plane.client().clone())
}

async fn install(scene: &Scene) {
    let definition: CustomResourceDefinition = serde_yaml::from_str(DEFINITION).unwrap();
    scene.plane.cluster().establish([definition]).await.unwrap();
    // Established is said a moment before it is served.
    until("Rollouts to be served", async || rollouts(scene).list(&Default::default()).await).await;
}

async fn uninstall(scene: &Scene) {
    let api = definitions(scene);
    drop(api.delete(NAME, &DeleteParams::default()).await);
    until("the definition to be gone", async || match api.get_opt(NAME).await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    until("Rollouts to be served no longer", async || match served(scene.plane.client()).await {
        false => Ok(()),
        true => Err("they are"),
    })
    .await;
}

async fn served(client: &Client) -> bool {
    client.list_api_group_resources("argoproj.io/v1alpha1").await.is_ok_and(|list| !list.resources.is_empty())
}

fn rollouts(scene: &Scene) -> Api<DynamicObject> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout"));
    Api::namespaced_with(scene.plane.client().clone(), scene.namespace.name(), &kind)
}

fn pods(secret: &str) -> Value {
    let container = json!({"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": secret}}]});
    json!({"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [container]}})
}

fn object(api_version: &str, kind: &str, name: &str, opted_in: bool, spec: Value) -> Value {
    let annotations = if opted_in { json!({"secrets.infisical.com/auto-reload": "true"}) } else { json!({}) };
    let base = json!({"replicas": 0, "selector": {"matchLabels": {"app": "w"}}});
    let spec = integration::merged(base, &spec);
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": spec})
}

async fn rollout(scene: &Scene, name: &str, opted_in: bool, spec: Value) {
    scene.apply(&object("argoproj.io/v1alpha1", "Rollout", name, opted_in, spec)).await;
}

async fn deployment(scene: &Scene, name: &str, opted_in: bool, secret: &str) {
    scene.apply(&object("apps/v1", "Deployment", name, opted_in, json!({"template": pods(secret)}))).await;
}

/// Waits until an object is noted to run with what Secret `a` holds now. Gives its generation.
async fn noted(what: &str, scene: &Scene, look: impl AsyncFn() -> Value, place: &str) -> i64 {
    until(format_args!("{what} to be noted"), async || {
        let version = scene.secret("a").await.annotations()["secrets.infisical.com/version"].clone();
        let found = look().await;
        let mark = &found.pointer(place).unwrap_or(&Value::Null)[MARK];
        if *mark == json!(version) {
            Ok(found["metadata"]["generation"].as_i64().unwrap())
        } else {
            Err(format!("{mark} instead of {version}"))
        }
    })
    .await
}

const OWN: &str = "/metadata/annotations";
const PODS: &str = "/spec/template/metadata/annotations";

async fn rollout_noted(scene: &Scene, name: &str, place: &str) -> i64 {
    noted(name, scene, async || serde_json::to_value(rollouts(scene).get(name).await.unwrap()).unwrap(), place).await
}

async fn deployment_noted(scene: &Scene, name: &str, place: &str) -> i64 {
    let api: Api<Deployment> = scene.namespace.api();
    noted(name, scene, async || serde_json::to_value(api.get(name).await.unwrap()).unwrap(), place).await
}

async fn generation(scene: &Scene, name: &str) -> i64 {
    rollouts(scene).get(name).await.unwrap().metadata.generation.unwrap()
}

async fn change(scene: &Scene, value: &str) {
    scene.set("A", value);
    scene.resync("a").await;
    scene.holds("a", &[("A", value), ("B", "two")]).await;
}

#[tokio::test]
async fn a_definition_that_comes_and_goes_is_noticed_and_disturbs_nobody() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let scene = Scene::new().await;
    uninstall(&scene).await;
    let operator = scene.child(&[]).await;
    scene.infisical_secret("a", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.synced("a").await;
    deployment(&scene, "d", true, "a").await;
    deployment_noted(&scene, "d", OWN).await;

    // The definition comes: what is in it already is noted, though nothing else wakes the resource.
    install(&scene).await;
    let revision = json!({"template": pods("a"), "strategy": {"canary": {"steps": [{"setWeight": 20}]}}});
    rollout(&scene, "in", true, revision.clone()).await;
    rollout(&scene, "out", false, revision.clone()).await;
    rollout(&scene, "elsewhere", true, json!({"template": pods("b")})).await;
    let before = rollout_noted(&scene, "in", OWN).await;
    let out = (generation(&scene, "out").await, generation(&scene, "elsewhere").await);
    change(&scene, "first").await;
    assert_eq!(rollout_noted(&scene, "in", PODS).await, before + 1, "one change, one restart");
    deployment_noted(&scene, "d", PODS).await;
    change(&scene, "second").await;
    assert_eq!(rollout_noted(&scene, "in", PODS).await, before + 2);
    assert_eq!((generation(&scene, "out").await, generation(&scene, "elsewhere").await), out);
    let strategy = rollouts(&scene).get("in").await.unwrap().data["spec"]["strategy"].clone();
    assert_eq!(strategy, revision["strategy"], "the rest of it stays as it was");

    // It goes: Deployments restart as before, and nobody is told anything.
    uninstall(&scene).await;
    change(&scene, "third").await;
    deployment_noted(&scene, "d", PODS).await;
    scene.synced("a").await;
    // Long enough for it to have been noticed: it comes again.
    install(&scene).await;
    rollout(&scene, "again", true, revision).await;
    rollout_noted(&scene, "again", OWN).await;
    change(&scene, "fourth").await;
    rollout_noted(&scene, "again", PODS).await;
    let log = operator.log().unwrap();
    let complaints: Vec<_> =
        log.lines().filter(|line| line.contains("rollouts") && (line.contains("WARN") || line.contains("ERROR"))).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    operator.stop().await;
    uninstall(&scene).await;
}

#[tokio::test]
async fn a_rollout_restarts_with_the_pods_of_the_deployment_that_it_refers_to() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let scene = Scene::new().await;
    install(&scene).await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.synced("a").await;
    // The wish is the Rollout's: the Deployment says nothing of its own.
    deployment(&scene, "pods", false, "a").await;
    rollout(&scene, "r", true, json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "pods"}})).await;
    rollout_noted(&scene, "r", OWN).await;
    let api: Api<Deployment> = scene.namespace.api();
    let before = (api.get("pods").await.unwrap().metadata.generation.unwrap(), generation(&scene, "r").await);
    change(&scene, "edited").await;
    assert_eq!(deployment_noted(&scene, "pods", PODS).await, before.0 + 1, "one change, one restart");
    rollout_noted(&scene, "r", OWN).await;
    let spec = rollouts(&scene).get("r").await.unwrap();
    assert_eq!((spec.metadata.generation.unwrap(), spec.data["spec"]["template"].is_null()), (before.1, true));

    // What its pods read is followed when the Deployment is changed.
    scene.infisical_secret("b", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.synced("b").await;
    deployment(&scene, "pods", false, "b").await;
    until("the Rollout to be noted for its new Secret", async || {
        let found = rollouts(&scene).get("r").await.unwrap();
        if found.annotations().contains_key("secrets.infisical.com/managed-secret.b") {
            Ok(())
        } else {
            Err(format!("{:?}", found.annotations()))
        }
    })
    .await;
    let ready: Vec<_> = scene.resource("a").await.status.unwrap().conditions;
    assert!(ready.iter().all(|condition| condition.status == "True"), "{ready:?}");
    uninstall(&scene).await;
}
