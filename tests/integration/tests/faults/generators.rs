//! ClusterGenerator, Password and UUID while the server fails, and what is pushed from them.
//!
//! The kinds themselves ask the server for nothing, so that no fault of its reaches them: a test counts the calls. What a push
//! makes by one of them is another matter: a write may fail for sure, or be made though its answer is lost. Either way one value
//! is kept for each time that a value was asked for, and the server never stores another one.
use infisical_dev_server::{Fault, Operation};
use integration::{Running, Scene, merged, until};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::{Value, json};

const KINDS: [&str; 3] = ["ClusterGenerator", "Password", "UUID"];

/// One of each kind.
pub struct Generators(Vec<(&'static str, String)>);

impl Generators {
    /// Makes one of each, by a name that begins so.
    pub async fn new(scene: &Scene, name: &str) -> Self {
        // One of them has no namespace.
        let all = KINDS.map(|kind| (kind, format!("{}-{name}", scene.namespace.name())));
        for (kind, name) in &all {
            scene.apply(&manifest(kind, name, 24)).await;
        }
        let all = Self(all.into());
        all.are_ready(scene).await;
        all
    }

    pub async fn are_ready(&self, scene: &Scene) {
        for (kind, name) in &self.0 {
            says(scene, kind, name, "OK").await;
        }
    }

    /// Which versions of them there are: equal ones tell that none was written.
    pub async fn versions(&self, scene: &Scene) -> Vec<Option<String>> {
        let mut versions = Vec::new();
        for (kind, name) in &self.0 {
            versions.push(api(scene, kind).get(name).await.unwrap().resource_version());
        }
        versions
    }

    pub async fn delete(&self, scene: &Scene) {
        for (kind, name) in &self.0 {
            api(scene, kind).delete(name, &DeleteParams::default()).await.unwrap();
        }
    }
}

/// A generator; of a password of this length, where it makes passwords. More than 40 need more digits than there are.
pub fn manifest(kind: &str, name: &str, length: u32) -> Value {
    let spec = match kind {
        "ClusterGenerator" => json!({"kind": "Password", "generator": {"passwordSpec": {"length": length}}}),
        "Password" => json!({"length": length}),
        _ => json!({}),
    };
    json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn api(scene: &Scene, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("secrets.infisical.com", "v1alpha1", kind));
    let client = scene.plane.client().clone();
    match kind {
        "ClusterGenerator" => Api::all_with(client, &resource),
        _ => Api::namespaced_with(client, scene.namespace.name(), &resource),
    }
}

/// Waits until a generator is `Ready`, or not, for this reason in its present generation.
pub async fn says(scene: &Scene, kind: &str, name: &str, reason: &str) {
    let api = api(scene, kind);
    until(format_args!("{kind} {name} to say {reason}"), async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let conditions = object.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
        let current = ready["observedGeneration"].as_i64() == object.metadata.generation;
        if current && ready["reason"] == reason { Ok(()) } else { Err(ready.to_string()) }
    })
    .await;
}

/// How often a secret of a folder of `dev` was written.
pub fn written(scene: &Scene, folder: &str, key: &str) -> Option<u64> {
    let place = scene.dev(folder);
    scene.infisical.state().inspect(|world| {
        let project = world.projects.iter().find(|project| project.slug == place.project)?;
        Some(project.folder(&place.environment, &place.path)?.secrets.get(key)?.version)
    })
}

#[tokio::test]
async fn no_generator_asks_the_server_for_anything() {
    let scene = Scene::new().await;
    scene.infisical.faults().all(Fault::Status(500));
    let operator = scene.start().await;
    let all = Generators::new(&scene, "g").await;
    for (kind, name) in &all.0 {
        if *kind != "UUID" {
            scene.apply(&manifest(kind, name, 44)).await;
            says(&scene, kind, name, "InvalidSettings").await;
            scene.apply(&manifest(kind, name, 24)).await;
            says(&scene, kind, name, "OK").await;
        }
        let resync = json!({"metadata": {"annotations": {"secrets.infisical.com/resync": "now"}}});
        api(&scene, kind).patch(name, &PatchParams::default(), &Patch::Merge(resync)).await.unwrap();
    }
    all.delete(&scene).await;
    // What was asked for before is begun before.
    let last = Generators::new(&scene, "last").await;
    last.delete(&scene).await;
    operator.stop().await;
    assert_eq!(scene.infisical.calls().total(), 0);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tries {
    /// Another one follows while the server still fails.
    Many,
    /// That would take minutes.
    One,
}

/// A value that is pushed while all writes fail, then another one that is asked for while they do.
async fn a_value_for_each_wish(fault: Fault, reason: &str, tries: Tries) {
    let scene = Scene::new().await;
    scene.may_write();
    scene.apply(&manifest("Password", "p", 24)).await;
    let operator = scene.start().await;
    says(&scene, "Password", "p", "OK").await;
    let versions = api(&scene, "Password").get("p").await.unwrap().resource_version();
    let generated = json!([{"destinationSecretName": "G", "generatorRef": {"kind": "Password", "name": "p"}}]);
    let push = json!({"spec": {"resyncInterval": "5s", "push": {"secret": null, "generators": generated}}});
    let mut values: Vec<String> = Vec::new();
    let another = json!({"metadata": {"annotations": {"secrets.infisical.com/regenerate": "1"}}});
    for (wish, changes) in (1..).zip([json!({}), another]) {
        let writes = scene.infisical.calls().count(Operation::WriteSecret);
        let failures = told(&operator, reason).await;
        scene.infisical.faults().on(Operation::WriteSecret, fault);
        scene.apply(&scene.push_manifest("app", &merged(push.clone(), &changes))).await;
        until(format_args!("the failure {reason}"), async || match told(&operator, reason).await {
            more if more > failures => Ok(()),
            _ => Err(app(&scene).await.to_string()),
        })
        .await;
        if tries == Tries::Many {
            until("another try, or what was written to be known again", async || {
                let more = scene.infisical.calls().count(Operation::WriteSecret) - writes;
                let ready = app(&scene).await["ready"] == "True";
                if more > 1 || ready { Ok(()) } else { Err(format!("{more} tries")) }
            })
            .await;
        }
        scene.infisical.faults().clear();
        let status = until("the value to be pushed", async || {
            let status = app(&scene).await;
            let fulfilled = status["generated"][0]["regenerate"] == changes["metadata"]["annotations"]["secrets.infisical.com/regenerate"];
            if status["ready"] == "True" && fulfilled { Ok(status) } else { Err(status.to_string()) }
        })
        .await;
        assert_eq!(status["generated"][0]["replacing"], Value::Null, "{status}");
        let value = scene.infisical.state().value(&scene.dev("/push"), "G").unwrap();
        assert!(value.chars().count() == 24 && !values.contains(&value), "it is not another value");
        values.push(value);
        let stored = written(&scene, "/push", "G");
        assert_eq!(stored, Some(wish), "the server has stored more than one value for a wish");
    }
    // Nobody asks for one more.
    scene.calls(Operation::ListSecrets, 2).await;
    assert_eq!(scene.infisical.state().value(&scene.dev("/push"), "G").as_ref(), values.last());
    assert_eq!(api(&scene, "Password").get("p").await.unwrap().resource_version(), versions, "the generator was written");
    operator.stop().await;
}

/// How often a push has failed for this reason.
async fn told(operator: &Running, reason: &str) -> f64 {
    let failures = [("kind", "InfisicalPushSecret"), ("reason", reason)];
    operator.metrics().await.sum("infisical_operator_reconcile_failures_total", &failures)
}

/// The status of the push, with the status of its condition `Ready` for its present generation as `ready`.
async fn app(scene: &Scene) -> Value {
    let object = api(scene, "InfisicalPushSecret").get("app").await.unwrap();
    let mut status = object.data["status"].clone();
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default();
    let current = ready["observedGeneration"].as_i64() == object.metadata.generation;
    status["ready"] = if current { ready["status"].clone() } else { Value::Null };
    status
}

#[tokio::test]
async fn slow() {
    a_value_for_each_wish(Fault::Hang, "TimedOut", Tries::One).await;
}

#[tokio::test]
async fn unauthorized() {
    a_value_for_each_wish(Fault::Status(401), "Unauthorized", Tries::One).await;
}

#[tokio::test]
async fn forbidden() {
    a_value_for_each_wish(Fault::Status(403), "PermissionDenied", Tries::Many).await;
}

#[tokio::test]
async fn not_found() {
    a_value_for_each_wish(Fault::Status(404), "NotFound", Tries::Many).await;
}

#[tokio::test]
async fn too_many_requests() {
    a_value_for_each_wish(Fault::RateLimited { retry_after: 2 }, "RateLimited", Tries::Many).await;
}

#[tokio::test]
async fn broken_inside() {
    a_value_for_each_wish(Fault::Status(500), "ServerError", Tries::Many).await;
}

#[tokio::test]
async fn unavailable() {
    a_value_for_each_wish(Fault::Unavailable { retry_after: None }, "ServerError", Tries::Many).await;
}

/// The value is stored, and nobody hears of it.
#[tokio::test]
async fn cut_off() {
    a_value_for_each_wish(Fault::Cut, "Unreachable", Tries::Many).await;
}
