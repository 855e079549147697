//! InfisicalSecrets become resources of v1beta1 that keep the same targets with the same bytes.
use super::{migrate, path};
use api::{v1alpha1::InfisicalSecret, v1beta1::InfisicalStaticSecret};
use integration::{Scene, until};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret},
};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NAMES: [&str; 4] = ["plain", "templated", "mixed", "pod"];

async fn resources(scene: &Scene) {
    let namespace = scene.namespace.name();
    let target = |name: &str, template: Value| json!([{"secretName": name, "secretNamespace": namespace, "template": template}]);
    let map = json!([{"configMapName": "plain-map", "configMapNamespace": namespace}]);
    scene.infisical_secret("plain", json!({"metadata": {"labels": {"team": "a"}}, "spec": {"managedKubeConfigMapReferences": map}})).await;
    let template = json!({
        "data": {"URL": "https://{{ .A.Value }}@{{ .B.SecretPath }}", "ALL": "{{ range $k, $v := . }}{{ $k }}={{ $v.Value }};{{ end }}"},
        "metadata": {"labels": {"from": "template"}},
    });
    scene.infisical_secret("templated", json!({"spec": {"managedKubeSecretReferences": target("templated", template)}})).await;
    let mixed = json!({"includeAllSecrets": true, "data": {
        "B": "100% \"{{ .B.Value | upper }}\"\n", "MORE": "{{- .A.Value | b64enc -}} x", "NONE": "x{{ .MISSING.Value }}y{{ .A.Value }}",
    }});
    scene.infisical_secret("mixed", json!({"spec": {"managedKubeSecretReferences": target("mixed", mixed)}})).await;
    let pod = json!({"kubernetesAuth": {
        "identityId": "88888888-aaaa-4bbb-8ccc-dddddddddddd", "autoCreateServiceAccountToken": true,
        "serviceAccountTokenAudiences": ["https://app.infisical.com"],
        "serviceAccountRef": {"name": "default", "namespace": namespace},
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/app"},
    }, "universalAuth": null});
    scene.infisical_secret("pod", json!({"spec": {"authentication": pod}})).await;
}

/// Uid and data of each target.
async fn targets(scene: &Scene) -> BTreeMap<String, (String, BTreeMap<String, String>)> {
    let mut all = BTreeMap::new();
    for name in NAMES {
        all.insert(name.to_owned(), (scene.identity::<Secret>(name).await.uid, scene.data(name).await));
    }
    let maps: Api<ConfigMap> = scene.namespace.api();
    let map = maps.get("plain-map").await.unwrap();
    all.insert("plain-map".into(), (map.metadata.uid.unwrap(), map.data.unwrap()));
    all
}

/// A workload that follows Secret `plain`.
async fn web(scene: &Scene) {
    let container = json!({"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "plain"}}]});
    scene
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
        }))
        .await;
}

/// Waits until it is noted to run with Secret `plain` of today; gives its generation, which counts its restarts.
async fn follows(scene: &Scene) -> i64 {
    let api: Api<Deployment> = scene.namespace.api();
    until("web to be noted with Secret plain of today", async || {
        let version = scene.secret("plain").await.metadata.annotations.unwrap()["secrets.infisical.com/version"].clone();
        let metadata = api.get("web").await.unwrap().metadata;
        let noted = metadata.annotations.unwrap().get("secrets.infisical.com/managed-secret.plain").cloned();
        if noted == Some(version) { Ok(metadata.generation.unwrap()) } else { Err(format!("{noted:?}")) }
    })
    .await
}

#[tokio::test]
async fn converted_resources_keep_the_same_targets_with_the_same_bytes() {
    let scene = Scene::new().await;
    // What YAML, JSON and printf each have a mind of their own about.
    scene.set("A", "a: \"b\" # <c> & %d\\n 'é' \u{1f600}\u{7f}\u{80}\u{feff}\u{b}");
    scene.set("B", "line one\n\n  line: two\t\n");
    let _operator = scene.start().await;
    web(&scene).await;
    resources(&scene).await;
    for name in NAMES {
        scene.synced(name).await;
    }
    let before = targets(&scene).await;
    let restarts = follows(&scene).await;

    let kubeconfig = scene.plane.kubeconfig().to_owned();
    let ran = migrate(&["--to", "v1beta1", "--kubeconfig", path(&kubeconfig), "--namespaces", scene.namespace.name()]).await;
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("kind: InfisicalConnection\n").count(), 1, "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("kind: InfisicalAuth\n").count(), 2, "{}", ran.stdout);
    scene.namespace.apply(&ran.stdout).await.unwrap();
    let old: Api<InfisicalSecret> = scene.namespace.api();
    for name in NAMES {
        old.delete(name, &DeleteParams::default()).await.unwrap();
    }
    let statics: Api<InfisicalStaticSecret> = scene.namespace.api();
    for name in NAMES {
        until(format_args!("InfisicalStaticSecret {name} to be ready"), async || {
            let conditions = statics.get(name).await.unwrap().status.unwrap_or_default().conditions;
            let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
            match ready {
                Some(ready) if ready.status == "True" => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }
    assert_eq!(targets(&scene).await, before);
    assert_eq!(follows(&scene).await, restarts + 1, "another hash, one restart");
    let kept = scene.secret("plain").await.metadata;
    assert_eq!(kept.labels.unwrap()["team"], "a");

    // They are the ones that keep the targets now.
    scene.set("A", "edited");
    until("the targets to follow", async || {
        let data = scene.data("templated").await;
        if data["ALL"].contains("A=edited;") { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
}
