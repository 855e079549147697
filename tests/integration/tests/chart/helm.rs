//! Helm with this project's chart, and a control plane whose cluster-wide objects these tests may change.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::Value;
use support::{ControlPlane, Helm, Target, chart};
use tokio::sync::OnceCell;

pub async fn helm() -> &'static Helm {
    static HELM: OnceCell<Helm> = OnceCell::const_new();
    HELM.get_or_init(|| async { tokio::task::spawn_blocking(|| Helm::obtain(&Target::of_this_program().unwrap()).unwrap()).await.unwrap() })
        .await
}

/// An audited control plane that knows Argo's Rollouts, one for all tests of the chart.
pub async fn plane() -> ControlPlane {
    static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
    let begin = async || {
        let plane = ControlPlane::audited().await.unwrap();
        let rollouts: CustomResourceDefinition = serde_yaml::from_str(include_str!("../../data/rollouts.yaml")).unwrap();
        plane.establish([rollouts]).await.unwrap();
        plane
    };
    PLANE.get_or_init(begin).await.again().await.unwrap()
}

/// The objects of a release `op` in namespace `infisical`, with values as `--set` has them.
pub async fn rendered(values: &[&str]) -> Vec<Value> {
    rendered_as("op", "infisical", values).await
}

pub async fn rendered_as(release: &str, namespace: &str, values: &[&str]) -> Vec<Value> {
    let values: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
    helm().await.objects(&chart::folder(), release, namespace, &values).unwrap()
}

/// The message with which the chart refuses values.
pub async fn refused(values: &[&str]) -> String {
    let values: Vec<_> = values.iter().flat_map(|value| ["--set", value]).collect();
    match helm().await.objects(&chart::folder(), "op", "infisical", &values) {
        Ok(objects) => panic!("{values:?} were taken: {} objects", objects.len()),
        Err(error) => format!("{error:#}"),
    }
}

pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| text(object, "/kind") == kind).collect()
}

pub fn the<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    match of_kind(objects, kind).as_slice() {
        [one] => one,
        all => panic!("{} objects of kind {kind}", all.len()),
    }
}

/// A variable of the operator's container.
pub fn variable(objects: &[Value], name: &str) -> Value {
    let all = the(objects, "Deployment").pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array).unwrap();
    all.iter().find(|entry| entry["name"] == name).cloned().unwrap_or_default()
}

/// The arguments of the operator.
pub fn arguments(objects: &[Value]) -> Vec<String> {
    let all = the(objects, "Deployment").pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array).unwrap();
    all.iter().map(|argument| argument.as_str().unwrap().to_owned()).collect()
}
