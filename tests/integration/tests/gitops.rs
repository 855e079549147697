//! What a GitOps tool marks a resource with stays on the resource: on a target, the tool would take it for one of its own, and
//! prune it.
use api::{status::Status, v1alpha1::InfisicalSecret, v1beta1::InfisicalStaticSecret};
use integration::{Scene, until};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt,
    core::{NamespaceResourceScope, object::HasStatus},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fmt::Debug};

const ASK: &str = "secrets.infisical.com/copy-tracking-keys";

/// Labels and annotations that Argo CD, Flux, Helm, kapp, Fleet and kubectl put on what they manage, and two of a user.
fn marked() -> Value {
    json!({
        "labels": {
            "app.kubernetes.io/instance": "shop",
            "argocd.argoproj.io/instance": "shop",
            "kustomize.toolkit.fluxcd.io/name": "shop",
            "helm.toolkit.fluxcd.io/name": "shop",
            "kapp.k14s.io/app": "1",
            "applyset.kubernetes.io/part-of": "applyset-1",
            "team": "payments",
        },
        "annotations": {
            "argocd.argoproj.io/tracking-id": "shop:secrets.infisical.com/InfisicalSecret:n/a",
            "argocd.argoproj.io/sync-options": "Prune=false",
            "meta.helm.sh/release-name": "shop",
            "helm.sh/hook": "pre-install",
            "objectset.rio.cattle.io/id": "1",
            "example.com/note": "copied",
        },
    })
}

async fn marks<K>(scene: &Scene, name: &str) -> BTreeSet<String>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = scene.namespace.api();
    let object = api.get_metadata(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let own = |name: &&String| !name.starts_with("secrets.infisical.com/");
    object.labels().keys().chain(object.annotations().keys().filter(own)).cloned().collect()
}

async fn settles<K>(scene: &Scene, name: &str, wanted: impl Fn(&BTreeSet<String>) -> bool)
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    until(format_args!("the labels and annotations of {name}"), async || {
        let found = marks::<K>(scene, name).await;
        if wanted(&found) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

async fn follows<K>(scene: &Scene, name: &str)
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + HasStatus<Status = Status> + Clone + DeserializeOwned + Debug,
{
    let (secret, map) = (format!("{name}-secret"), format!("{name}-map"));
    until(format_args!("the targets of {name}"), async || {
        let there = scene.namespace.api::<Secret>().get_opt(&secret).await.unwrap().is_some();
        if there && scene.namespace.api::<ConfigMap>().get_opt(&map).await.unwrap().is_some() { Ok(()) } else { Err("they are not there") }
    })
    .await;
    let users = BTreeSet::from(["team".to_owned(), "example.com/note".to_owned()]);
    let clean = |found: &BTreeSet<String>| *found == users;
    assert_eq!((marks::<Secret>(scene, &secret).await, marks::<ConfigMap>(scene, &map).await), (users.clone(), users.clone()));

    // Who wants them all the same says so, and may change his mind.
    let all = |found: &BTreeSet<String>| found.contains("app.kubernetes.io/instance") && found.contains("argocd.argoproj.io/tracking-id");
    scene.annotate::<K>(name, ASK, Some("true")).await;
    settles::<Secret>(scene, &secret, all).await;
    settles::<ConfigMap>(scene, &map, all).await;
    assert!(!marks::<Secret>(scene, &secret).await.contains("helm.sh/hook"), "what is the system's is never copied");
    scene.annotate::<K>(name, ASK, None).await;
    // The next write takes them away, as from a target that Infisical's operator left.
    scene.set("A", name);
    scene.annotate::<K>(name, "secrets.infisical.com/resync", Some(name)).await;
    settles::<Secret>(scene, &secret, clean).await;
    settles::<ConfigMap>(scene, &map, clean).await;
}

#[tokio::test]
async fn keys_of_gitops_tools_are_not_copied_to_secrets_and_config_maps_unless_asked() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let spec = json!({
        "managedKubeSecretReferences": [{"secretName": "a-secret", "secretNamespace": namespace}],
        "managedKubeConfigMapReferences": [{"configMapName": "a-map", "configMapNamespace": namespace, "creationPolicy": "Owner"}],
    });
    scene.infisical_secret("a", json!({"metadata": marked(), "spec": spec})).await;
    follows::<InfisicalSecret>(&scene, "a").await;

    let object = |kind: &str, name: &str, metadata: Value, spec: Value| {
        let mut metadata = metadata;
        metadata["name"] = json!(name);
        json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": metadata, "spec": spec})
    };
    let here = |name: &str| json!({"name": name, "namespace": namespace});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    let login = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    let auth = json!({"infisicalConnectionRef": here("x"), "method": "universal", "universal": login});
    let target = |kind: &str, name: &str| json!({"name": name, "namespace": namespace, "kind": kind, "creationPolicy": "Owner"});
    let all = json!({
        "infisicalAuthRef": here("x"), "syncOptions": {"refreshInterval": "1h"},
        "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}],
        "targets": [target("Secret", "b-secret"), target("ConfigMap", "b-map")],
    });
    scene.apply(&object("InfisicalConnection", "x", json!({}), json!({"address": scene.infisical.url()}))).await;
    scene.apply(&object("InfisicalAuth", "x", json!({}), auth)).await;
    scene.apply(&object("InfisicalStaticSecret", "b", marked(), all)).await;
    follows::<InfisicalStaticSecret>(&scene, "b").await;
}

#[tokio::test]
async fn a_target_to_which_infisicals_operator_copied_them_is_not_rewritten_for_it() {
    let scene = Scene::new().await;
    let tracking = "shop:secrets.infisical.com/InfisicalSecret:n/a";
    // As the Go operator 0.11.5 writes it for the resource below.
    scene
        .apply(&json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "stringData": {"A": "one", "B": "two"},
            "metadata": {"name": "a", "labels": {"app.kubernetes.io/instance": "shop", "team": "payments"}, "annotations": {
                "argocd.argoproj.io/tracking-id": tracking,
                "secrets.infisical.com/managed-annotations": "argocd.argoproj.io/tracking-id",
                "secrets.infisical.com/managed-labels": "app.kubernetes.io/instance,team",
                "secrets.infisical.com/version": "W/\"secrets-12-E94303F5\"",
            }},
        }))
        .await;
    let before = scene.identity::<Secret>("a").await;
    let metadata = json!({
        "labels": {"app.kubernetes.io/instance": "shop", "team": "payments"},
        "annotations": {"argocd.argoproj.io/tracking-id": tracking},
    });
    scene.infisical_secret("a", json!({"metadata": metadata})).await;
    let _operator = scene.start().await;
    scene.synced("a").await;
    assert_eq!(scene.identity::<Secret>("a").await, before, "taking over wrote the Secret");
    // The next write that is due takes them away.
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    assert_eq!(marks::<Secret>(&scene, "a").await, BTreeSet::from(["team".to_owned()]));
}
