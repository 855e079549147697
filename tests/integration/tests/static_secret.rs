//! An InfisicalStaticSecret becomes Secrets and ConfigMaps by the InfisicalAuth and the InfisicalConnection that it leads to.
use api::v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret};
use infisical_dev_server::{Operation, Tls};
use integration::{Scene, until};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    core::object::HasStatus,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

const GROUP: &str = "secrets.infisical.com/v1beta1";

pub fn named(scene: &Scene, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": name, "namespace": scene.namespace.name()}, "spec": spec})
}

fn here(scene: &Scene, name: &str) -> Value {
    json!({"name": name, "namespace": scene.namespace.name()})
}

pub fn key(scene: &Scene, secret: &str, key: &str) -> Value {
    json!({"name": secret, "namespace": scene.namespace.name(), "key": key})
}

pub async fn connection(scene: &Scene, spec: Value) {
    scene.apply(&named(scene, "InfisicalConnection", "server", &spec)).await;
}

pub async fn auth(scene: &Scene) {
    let spec = json!({
        "infisicalConnectionRef": here(scene, "server"),
        "method": "universal",
        "universal": {"clientIdRef": key(scene, "credentials", "clientId"), "clientSecretRef": key(scene, "credentials", "clientSecret")},
    });
    scene.apply(&named(scene, "InfisicalAuth", "login", &spec)).await;
}

pub fn source(path: &str) -> Value {
    json!({"projectSlug": "shop", "environmentSlug": "dev", "secretPath": path})
}

pub fn target(scene: &Scene, kind: &str, name: &str) -> Value {
    json!({"name": name, "namespace": scene.namespace.name(), "kind": kind, "creationPolicy": "Owner"})
}

async fn static_secret(scene: &Scene, sources: Value, targets: Value) {
    let spec = json!({
        "infisicalAuthRef": here(scene, "login"), "syncOptions": {"refreshInterval": "5s"}, "sources": sources, "targets": targets,
    });
    scene.apply(&named(scene, "InfisicalStaticSecret", "all", &spec)).await;
}

/// Waits until a condition of an object in its present generation is as wanted.
pub async fn condition<K>(scene: &Scene, name: &str, kind: &str, status: &str) -> Condition
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + HasStatus<Status = api::status::Status>,
    K: Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = scene.namespace.api();
    until(format_args!("{name} to have {kind}={status}"), async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let found = object.status().iter().flat_map(|status| &status.conditions).find(|condition| condition.type_ == kind).cloned();
        let found = found.ok_or_else(|| String::from("the condition is missing"))?;
        let current = found.observed_generation == object.meta().generation;
        if current && found.status == status { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await
}

async fn ready(scene: &Scene) {
    condition::<InfisicalStaticSecret>(scene, "all", "Ready", "True").await;
}

#[tokio::test]
async fn the_chain_is_ready_and_several_sources_fill_a_secret_and_a_config_map_of_one_name() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    connection(&scene, json!({"address": scene.infisical.url()})).await;
    auth(&scene).await;
    static_secret(&scene, json!([source("/app"), source("/")]), json!([target(&scene, "Secret", "x"), target(&scene, "ConfigMap", "x")]))
        .await;
    scene.holds("x", &[("A", "one"), ("B", "two"), ("C", "three")]).await;
    ready(&scene).await;
    let is_ready = condition::<InfisicalConnection>(&scene, "server", "secrets.infisical.com/IsReady", "True").await;
    assert_eq!(is_ready.reason, "OK");
    condition::<InfisicalAuth>(&scene, "login", "secrets.infisical.com/IsReady", "True").await;
    let method = condition::<InfisicalAuth>(&scene, "login", "secrets.infisical.com/AuthMethod", "True").await;
    assert_eq!(method.message, "universal");
    let method = condition::<InfisicalStaticSecret>(&scene, "all", "secrets.infisical.com/LastReconcileAuthMethod", "True").await;
    assert_eq!(method.message, "universal");
    condition::<InfisicalStaticSecret>(&scene, "all", "secrets.infisical.com/LastReconcileStatus", "True").await;

    let map: ConfigMap = scene.namespace.api().get("x").await.unwrap();
    assert_eq!(map.data.unwrap()["C"], "three");
    let secret = scene.secret("x").await;
    // As the Go operator writes it for {A: one, B: two, C: three} in v1beta1.
    let bytes: Vec<(&str, &[u8])> = vec![("A", b"one"), ("B", b"two"), ("C", b"three")];
    assert_eq!(secret.annotations()["secrets.infisical.com/version"], api::version::v1beta1(bytes));
    assert_eq!(secret.owner_references()[0].kind, "InfisicalStaticSecret");
    assert_eq!(scene.infisical.logins(), 1, "the InfisicalAuth and its user share a session");
}

#[tokio::test]
async fn a_target_that_is_removed_from_the_spec_goes_and_an_edited_one_is_mended() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    connection(&scene, json!({"address": scene.infisical.url()})).await;
    auth(&scene).await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x"), target(&scene, "Secret", "y")])).await;
    scene.holds("y", &[("A", "one"), ("B", "two")]).await;
    let secrets: Api<Secret> = scene.namespace.api();
    secrets.patch("x", &PatchParams::default(), &Patch::Merge(json!({"stringData": {"A": "edited"}}))).await.unwrap();
    scene.holds("x", &[("A", "one"), ("B", "two")]).await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x")])).await;
    until("y to go", async || match secrets.get_opt("y").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is there"),
    })
    .await;
}

#[tokio::test]
async fn a_change_in_the_chain_reaches_the_resource_at_once_and_a_fault_names_the_link() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x")])).await;
    let missing = condition::<InfisicalStaticSecret>(&scene, "all", "Ready", "False").await;
    assert_eq!(missing.reason, "AuthNotFound");
    auth(&scene).await;
    let fault = until("the missing connection to be named", async || {
        let ready = condition::<InfisicalStaticSecret>(&scene, "all", "Ready", "False").await;
        if ready.reason == "ConnectionNotFound" { Ok(ready.message) } else { Err(ready.message) }
    })
    .await;
    assert!(fault.contains("spec.infisicalAuthRef: InfisicalAuth") && fault.contains("spec.infisicalConnectionRef"), "{fault}");
    connection(&scene, json!({"address": scene.infisical.url()})).await;
    scene.holds("x", &[("A", "one"), ("B", "two")]).await;

    // A wrong client secret: the login says so, the Secret stays; mended, it heals without being asked.
    let secrets: Api<Secret> = scene.namespace.api();
    let give = async |value: &str| {
        let patch = json!({"stringData": {"clientSecret": value}});
        secrets.patch("credentials", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    give("wrong").await;
    let failed = condition::<InfisicalAuth>(&scene, "login", "secrets.infisical.com/IsReady", "False").await;
    assert!(failed.message.contains("refused the login"), "{}", failed.message);
    condition::<InfisicalStaticSecret>(&scene, "all", "secrets.infisical.com/LastReconcileStatus", "False").await;
    scene.holds("x", &[("A", "one"), ("B", "two")]).await;
    give("app-secret").await;
    condition::<InfisicalAuth>(&scene, "login", "secrets.infisical.com/IsReady", "True").await;
    ready(&scene).await;
}

#[tokio::test]
async fn the_ca_of_the_connection_counts_for_the_probe_the_login_and_the_lists() {
    let scene = Scene::with(|config| config.tls = Some(Tls::default())).await;
    let _operator = scene.start().await;
    connection(&scene, json!({"address": format!("{}/api", scene.infisical.url())})).await;
    auth(&scene).await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x")])).await;
    condition::<InfisicalConnection>(&scene, "server", "secrets.infisical.com/IsReady", "False").await;
    condition::<InfisicalStaticSecret>(&scene, "all", "Ready", "False").await;
    let ca = scene.infisical.ca_pem().unwrap().to_owned();
    scene.namespace.secret("ca", [("ca.crt", ca.as_str())]).await.unwrap();
    let tls = json!({"caCertificate": key(&scene, "ca", "ca.crt")});
    connection(&scene, json!({"address": format!("{}/api", scene.infisical.url()), "tls": tls})).await;
    condition::<InfisicalConnection>(&scene, "server", "secrets.infisical.com/IsReady", "True").await;
    scene.holds("x", &[("A", "one"), ("B", "two")]).await;
    ready(&scene).await;
}

#[tokio::test]
async fn an_unused_link_serves_the_global_server_and_a_quiet_interval_writes_nothing() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.config(&[("hostAPI", &format!("{}/api", scene.infisical.url()))]).await;
    let spec = json!({
        "method": "universal",
        "universal": {"clientIdRef": key(&scene, "credentials", "clientId"), "clientSecretRef": key(&scene, "credentials", "clientSecret")},
    });
    scene.apply(&named(&scene, "InfisicalAuth", "login", &spec)).await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x")])).await;
    ready(&scene).await;
    let before = (scene.identity::<Secret>("x").await, scene.identity::<InfisicalStaticSecret>("all").await);
    let reads = scene.infisical.calls().count(Operation::ListSecrets);
    until("two more reads", async || {
        let now = scene.infisical.calls().count(Operation::ListSecrets);
        if now >= reads + 2 { Ok(()) } else { Err(now) }
    })
    .await;
    let after = (scene.identity::<Secret>("x").await, scene.identity::<InfisicalStaticSecret>("all").await);
    assert_eq!(before, after);
}

/// A ConfigMap for the older kinds must not lead the newer ones to another server than before.
#[tokio::test]
async fn a_connection_without_an_address_is_the_operators_own_and_not_that_of_the_config_map() {
    let scene = Scene::new().await;
    let other = scene.another_server(|_| {}).await;
    scene.config(&[("hostAPI", &other.url())]).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    connection(&scene, json!({})).await;
    auth(&scene).await;
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "x")])).await;
    ready(&scene).await;
    assert_eq!((other.calls().total(), scene.infisical.logins()), (0, 1));
}

#[tokio::test]
async fn deleting_the_resource_leaves_owned_targets_to_the_garbage_collector() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    connection(&scene, json!({"address": scene.infisical.url()})).await;
    auth(&scene).await;
    let mut orphan = target(&scene, "Secret", "stays");
    orphan["creationPolicy"] = json!("Orphan");
    static_secret(&scene, json!([source("/")]), json!([target(&scene, "Secret", "goes"), orphan])).await;
    ready(&scene).await;
    let api: Api<InfisicalStaticSecret> = scene.namespace.api();
    api.delete("all", &DeleteParams::default()).await.unwrap();
    let secrets: Api<Secret> = scene.namespace.api();
    until("the owned Secret to go", async || match secrets.get_opt("goes").await.unwrap() {
        None => Ok(()),
        Some(_) => Err("it is there"),
    })
    .await;
    scene.holds("stays", &[("A", "one"), ("B", "two")]).await;
}
