//! An operator for some namespaces needs no right beyond them.
use integration::{Running, Scene, until};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Secret};
use kube::Api;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the operator does in a namespace, and nothing else.
fn role() -> Value {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let rules = json!([
        rule("secrets.infisical.com", &["infisicalsecrets"], &["get", "list", "watch"]),
        rule("secrets.infisical.com", &["infisicalsecrets/status"], &["get", "patch", "update"]),
        rule("", &["secrets", "configmaps"], &["get", "list", "watch", "create", "update", "delete"]),
        rule("", &["serviceaccounts"], &["get"]),
        rule("", &["serviceaccounts/token"], &["create"]),
        rule("apps", &["deployments", "statefulsets", "daemonsets"], &["get", "list", "watch", "update"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]);
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "operator"}, "rules": rules})
}

/// The rights of a service account of the first namespace in all of them, and its kubeconfig.
pub async fn bound(scene: &Scene, namespaces: &[&str]) -> PathBuf {
    scene.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}})).await;
    for namespace in namespaces {
        let subject = json!([{"kind": "ServiceAccount", "name": "operator", "namespace": scene.namespace.name()}]);
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "operator"}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "operator"},
        });
        for object in [role(), binding] {
            scene.plane.cluster().apply(&object.to_string(), namespace).await.unwrap();
        }
    }
    let token = scene.namespace.service_account_token("operator", &[]).await.unwrap();
    let client = scene.plane.client_with_token(token.clone()).await.unwrap();
    for namespace in namespaces {
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        until("the role to be known", async || secrets.list(&Default::default()).await).await;
    }
    let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(scene.plane.kubeconfig()).unwrap()).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": token});
    let path = scene.folder().join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

pub async fn start(scene: &Scene, kubeconfig: PathBuf, namespaces: &[&str]) -> Running {
    let names: Vec<_> = namespaces.iter().map(ToString::to_string).collect();
    scene
        .start_with(|options| {
            options.kubeconfig = Some(kubeconfig);
            options.namespaces = names;
            // Beyond its reach.
            options.config_namespace = "infisical-operator-system".into();
        })
        .await
}

#[tokio::test]
async fn two_namespaces_are_served_with_the_rights_of_a_role_in_each() {
    let scene = Scene::new().await;
    let other = scene.plane.namespace().await.unwrap();
    let outside = scene.plane.namespace().await.unwrap();
    let namespaces = [scene.namespace.name(), other.name()];
    let kubeconfig = bound(&scene, &namespaces).await;
    let operator = start(&scene, kubeconfig, &namespaces).await;

    let target = json!([{"secretName": "a", "secretNamespace": other.name()}]);
    let there = scene.manifest("a", &json!({"metadata": {"namespace": other.name()}, "spec": {"managedKubeSecretReferences": target}}));
    scene.infisical_secret("a", json!({})).await;
    scene.apply(&there).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    let secrets: Api<Secret> = other.api();
    until("the Secret of the other namespace", async || secrets.get("a").await).await;

    // A deployment restarts without the right to patch it.
    let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "a"}}]}]});
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}},
    });
    scene.apply(&web).await;
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    let deployments: Api<Deployment> = scene.namespace.api();
    until("the deployment to restart", async || {
        let web = serde_json::to_value(deployments.get("web").await.unwrap()).unwrap();
        let mark = &web["spec"]["template"]["metadata"]["annotations"]["secrets.infisical.com/managed-secret.a"];
        if mark.is_string() { Ok(()) } else { Err("it has not") }
    })
    .await;

    // A target outside of its rights is told as such, and so is every other failure: Events are allowed.
    let far = json!([{"secretName": "a", "secretNamespace": outside.name()}]);
    scene.infisical_secret("far", json!({"spec": {"managedKubeSecretReferences": far}})).await;
    let message = scene.failed_somehow("far").await;
    assert!(message.contains(outside.name()), "{message}");
    scene.event("far", &scene.condition("far", "Ready").await.reason).await;
    operator.stop().await;
}
