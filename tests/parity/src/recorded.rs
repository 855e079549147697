//! The recorded objects, made anew.
use crate::server;
use integration::{Identity, Scene, until};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
    discovery::pinned_kind,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const STATE: &str = include_str!("../data/infisical-operator.json");

/// The recorded objects in the namespace of a scene, as they were once they lay there.
pub struct Recorded {
    /// By kind and name: whether it was written since.
    objects: BTreeMap<(String, String), Identity>,
    /// Finalizers of the resources by kind and name.
    finalizers: BTreeMap<(String, String), Vec<String>>,
}

impl Recorded {
    /// Makes all objects, with their status, of kinds that the cluster serves.
    pub async fn lay(scene: &Scene) -> Self {
        let mut recorded = Self { objects: BTreeMap::new(), finalizers: BTreeMap::new() };
        let mut uids = Vec::new();
        // The recorded one was a ClusterGenerator, which tests that run beside this one would see too.
        scene.apply(&json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password", "metadata": {"name": "password-gen"}, "spec": {}})).await;
        for item in items(scene) {
            let (kind, name) = (text(&item["kind"]), text(&item["metadata"]["name"]));
            if let Some(pair) = make(scene, item, &uids).await {
                uids.push(pair);
            }
            recorded.finalizers.insert((kind, name), Vec::new());
        }
        settled(scene).await;
        for (kind, name) in recorded.finalizers.keys() {
            recorded.objects.insert((kind.clone(), name.clone()), identity(scene, kind, name).await);
        }
        for (key, finalizers) in &mut recorded.finalizers {
            *finalizers = get(scene, &key.0, &key.1).await.metadata.finalizers.unwrap_or_default();
        }
        recorded
    }

    /// Leaves a ConfigMap as the peer does until its data changes for the first time: without a version.
    pub async fn just_made(&mut self, scene: &Scene, name: &str) {
        let api: Api<ConfigMap> = scene.namespace.api();
        let none = json!({"metadata": {"annotations": {"secrets.infisical.com/version": null}}});
        api.patch(name, &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
        self.objects.insert(("ConfigMap".into(), name.into()), identity(scene, "ConfigMap", name).await);
    }

    /// Kind and name of each recorded resource of ours.
    #[must_use]
    pub fn resources(&self) -> Vec<(String, String)> {
        self.objects.keys().filter(|(kind, _)| kind.starts_with("Infisical")).cloned().collect()
    }

    /// A recorded object as it is now.
    pub async fn get(&self, scene: &Scene, kind: &str, name: &str) -> DynamicObject {
        get(scene, kind, name).await
    }

    /// Fails if a Secret, a ConfigMap or a workload was written, or a finalizer of any object touched.
    pub async fn untouched(&self, scene: &Scene) {
        for ((kind, name), before) in &self.objects {
            if ["Secret", "ConfigMap", "Deployment", "StatefulSet"].contains(&kind.as_str()) {
                assert_eq!(&identity(scene, kind, name).await, before, "{kind} {name} was written");
            }
        }
        for ((kind, name), before) in &self.finalizers {
            let now = get(scene, kind, name).await.metadata.finalizers.unwrap_or_default();
            assert_eq!(&now, before, "finalizers of {kind} {name}");
        }
    }
}

/// The recorded objects as this cluster is to have them; owners first, so that their new uids are known.
fn items(scene: &Scene) -> Vec<Value> {
    let served: BTreeSet<String> = api::crds::crds().into_iter().map(|crd| crd.spec.names.kind).collect();
    let text = STATE.replace("\"shop\"", &format!("{:?}", scene.namespace.name()));
    let mut list: Value = serde_json::from_str(&text).unwrap();
    let mut items: Vec<Value> = list["items"].as_array_mut().unwrap().drain(..).collect();
    let is_served = |kind: &Value| served.contains(kind.as_str().unwrap());
    items.retain(|item| {
        let owners = item["metadata"]["ownerReferences"].as_array();
        (!is_ours(item) || is_served(&item["kind"])) && owners.into_iter().flatten().all(|owner| is_served(&owner["kind"]))
    });
    items.sort_by_key(|item| !is_ours(item));
    for item in &mut items {
        let metadata = item["metadata"].as_object_mut().unwrap();
        for name in ["creationTimestamp", "resourceVersion", "generation", "managedFields"] {
            metadata.remove(name);
        }
        let url = json!(scene.infisical.url());
        match item["kind"].as_str() {
            Some("InfisicalConnection") => item["spec"]["address"] = url,
            // Shorter than recorded, so that several passes take seconds.
            Some("InfisicalStaticSecret") => item["spec"]["syncOptions"]["refreshInterval"] = json!("5s"),
            Some("InfisicalSecret") => {
                item["spec"]["hostAPI"] = url;
                match item["spec"].get("syncConfig") {
                    Some(_) => item["spec"]["syncConfig"]["resyncInterval"] = json!("5s"),
                    None => item["spec"]["resyncInterval"] = json!(5),
                }
            }
            Some("InfisicalPushSecret" | "InfisicalDynamicSecret") => item["spec"]["hostAPI"] = url,
            // Nothing runs pods here, and what the controllers note of them would be writes too.
            Some("Deployment" | "StatefulSet") => item["spec"]["replicas"] = json!(0),
            _ => {}
        }
    }
    items
}

/// Makes one object with its status. Gives the old and the new uid of a resource.
async fn make(scene: &Scene, mut item: Value, uids: &[(Value, String)]) -> Option<(Value, String)> {
    let ours = is_ours(&item);
    let metadata = item["metadata"].as_object_mut().unwrap();
    let uid = metadata.remove("uid").unwrap();
    for reference in metadata.get_mut("ownerReferences").and_then(Value::as_array_mut).into_iter().flatten() {
        let (_, new) = uids.iter().find(|(old, _)| reference["uid"] == *old).expect("an owner of a kind that is not served");
        reference["uid"] = json!(new);
    }
    let status = item.as_object_mut().unwrap().remove("status");
    let status = status.map(|status| match item["kind"].as_str() {
        Some("InfisicalDynamicSecret") => server::lease(scene, status),
        Some("InfisicalPushSecret") => server::pushed(scene, status),
        _ => status,
    });
    let name = text(&item["metadata"]["name"]);
    let api = objects(scene, &text(&item["apiVersion"]), &text(&item["kind"])).await;
    let object: DynamicObject = serde_json::from_value(item).unwrap();
    let made = api.create(&PostParams { field_manager: Some("manager".into()), ..PostParams::default() }, &object).await.unwrap();
    if !ours {
        return None;
    }
    api.patch_status(&name, &PatchParams::default(), &Patch::Merge(json!({"status": status}))).await.unwrap();
    Some((uid, made.metadata.uid.unwrap()))
}

fn is_ours(item: &Value) -> bool {
    item["apiVersion"].as_str().unwrap().starts_with("secrets.infisical.com/")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn objects(scene: &Scene, api_version: &str, kind: &str) -> Api<DynamicObject> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let (resource, _) = pinned_kind(scene.plane.client(), &GroupVersionKind::gvk(group, version, kind)).await.unwrap();
    Api::namespaced_with(scene.plane.client().clone(), scene.namespace.name(), &resource)
}

async fn get(scene: &Scene, kind: &str, name: &str) -> DynamicObject {
    let version = match kind {
        "Secret" | "ConfigMap" => "v1",
        "Deployment" | "StatefulSet" => "apps/v1",
        "InfisicalConnection" | "InfisicalAuth" | "InfisicalStaticSecret" => "secrets.infisical.com/v1beta1",
        _ => "secrets.infisical.com/v1alpha1",
    };
    objects(scene, version, kind).await.get(name).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"))
}

async fn identity(scene: &Scene, kind: &str, name: &str) -> Identity {
    match kind {
        "Secret" => scene.identity::<Secret>(name).await,
        "ConfigMap" => scene.identity::<ConfigMap>(name).await,
        "Deployment" => scene.identity::<Deployment>(name).await,
        "StatefulSet" => scene.identity::<StatefulSet>(name).await,
        _ => {
            let metadata = get(scene, kind, name).await.metadata;
            Identity { uid: metadata.uid.unwrap(), resource_version: metadata.resource_version.unwrap() }
        }
    }
}

/// Waits until the cluster's own controllers have seen the workloads.
async fn settled(scene: &Scene) {
    let deployments: Api<Deployment> = scene.namespace.api();
    let sets: Api<StatefulSet> = scene.namespace.api();
    until("the workloads' controllers to have seen them", async || {
        let web = deployments.get("web").await.unwrap();
        let status = web.status.unwrap_or_default();
        let deployed = status.observed_generation == web.metadata.generation && status.conditions.is_some_and(|all| all.len() > 1);
        let set = sets.get("db").await.unwrap();
        let seen = set.status.and_then(|status| status.observed_generation) == set.metadata.generation;
        if deployed && seen { Ok(()) } else { Err("not yet") }
    })
    .await;
}
