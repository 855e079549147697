//! The ClusterRole of Infisical's own operator is enough: what it does not grant is done without, and said once.
use api::v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret};
use infisical_dev_server::Operation;
use integration::{Child, Scene, merged, until};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, ResourceExt, api::DeleteParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::PathBuf,
    time::Instant,
};
use support::{Metrics, Operator};

const ROLE: &str = include_str!("../data/infisical-operator-cluster-role.yaml");
const ROLLOUTS: &str = include_str!("../data/rollouts.yaml");
/// Seconds between two tries of what was refused.
const PAUSE: u64 = 60;

/// A kubeconfig with the rights of the role and no other.
async fn bound(scene: &Scene) -> PathBuf {
    let subject = json!([{"kind": "ServiceAccount", "name": "operator", "namespace": scene.namespace.name()}]);
    scene.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}})).await;
    scene.namespace.apply(ROLE).await.unwrap();
    scene
        .apply(&json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "operator"}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "infisical-operator-manager-role"},
        }))
        .await;
    let token = scene.namespace.service_account_token("operator", &[]).await.unwrap();
    let client = scene.plane.client_with_token(token.clone()).await.unwrap();
    let deployments: Api<Deployment> = Api::all(client);
    until("the role to be known", async || deployments.list(&Default::default()).await).await;
    let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(scene.plane.kubeconfig()).unwrap()).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": token});
    let path = scene.folder().join("kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    path
}

/// Requests of the operator that the API server denied so far, by verb and resource.
fn denied(scene: &Scene) -> BTreeMap<String, u64> {
    let user = format!("system:serviceaccount:{}:operator", scene.namespace.name());
    let log = std::fs::read_to_string(scene.plane.audit_log()).unwrap();
    let mut all = BTreeMap::new();
    // The last line may be half written.
    for event in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if event["user"]["username"] == json!(user) && event["annotations"]["authorization.k8s.io/decision"] != "allow" {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let object = &event["objectRef"];
            let resource = format!("{}.{} {}", text(&object["resource"]), text(&object["apiGroup"]), text(&object["subresource"]));
            *all.entry(format!("{} {}", text(&event["verb"]), resource.trim_end())).or_default() += 1;
        }
    }
    all
}

/// Deletes a resource and waits until its finalizer is off.
async fn goes<K: Clone + DeserializeOwned + Debug>(api: &Api<K>, name: &str) {
    api.delete(name, &DeleteParams::default()).await.unwrap();
    until(format_args!("{name} to go"), async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn every_kind_works_under_the_role_of_infisicals_operator_and_what_it_lacks_is_asked_for_once() {
    let scene = Scene::alone().await;
    scene.plane.cluster().establish([serde_yaml::from_str(ROLLOUTS).unwrap()]).await.unwrap();
    let kubeconfig = bound(&scene).await;
    let namespace = scene.namespace.name();
    let began = Instant::now();
    let mut setup = Child::setup(&scene, &[]).await;
    // For all namespaces, as the role is.
    (setup.kubeconfig, setup.namespaces) = (kubeconfig, Vec::new());
    let mut operator = Operator::start(integration::program().await, &setup).unwrap();
    operator.ready().await.unwrap();

    let here = |name: &str| json!({"name": name, "namespace": namespace});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
    let universal = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    let target = |kind: &str, name: &str| json!({"name": name, "namespace": namespace, "kind": kind, "creationPolicy": "Owner"});
    let pod = json!({"identityId": "88888888-aaaa-4bbb-8ccc-dddddddddddd", "autoCreateServiceAccountToken": true, "serviceAccountTokenAudiences": ["https://app.infisical.com"],
        "serviceAccountRef": {"name": "default", "namespace": namespace},
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/app"}});
    let mut objects = Vec::new();
    for manifest in [
        scene.manifest(
            "a",
            &json!({"spec": {
                "managedKubeSecretReferences": [{"secretName": "a", "secretNamespace": namespace, "creationPolicy": "Owner"}],
                "managedKubeConfigMapReferences": [{"configMapName": "a", "configMapNamespace": namespace}],
            }}),
        ),
        scene.manifest("pod", &json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": pod}}})),
        object("InfisicalConnection", "x", json!({"address": scene.infisical.url()})),
        object("InfisicalAuth", "x", json!({"infisicalConnectionRef": here("x"), "method": "universal", "universal": universal})),
        object(
            "InfisicalStaticSecret",
            "x",
            json!({
                "infisicalAuthRef": here("x"), "syncOptions": {"refreshInterval": "5s"},
                "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}],
                "targets": [target("Secret", "x"), target("ConfigMap", "x-map")],
            }),
        ),
    ] {
        objects.push(scene.apply(&manifest).await);
    }
    // What is written to Infisical is to go with its resource. The status of a ClusterGenerator may not be written.
    scene.may_write();
    scene.namespace.secret("source", [("PUSHED", "one")]).await.unwrap();
    let generator = json!({"kind": "Password", "generator": {"passwordSpec": {"length": 20}}});
    scene
        .apply(&json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "ClusterGenerator", "metadata": {"name": "random"}, "spec": generator,
        }))
        .await;
    let generated = json!([{"destinationSecretName": "GENERATED", "generatorRef": {"kind": "Password", "name": "random"}}]);
    let push = scene.push_manifest("push", &json!({"spec": {"push": {"generators": generated}}}));
    for manifest in [push, scene.lease_manifest("lease", &json!({}))] {
        objects.push(scene.apply(&manifest).await);
    }
    scene.all_ready(&objects).await;
    let state = scene.infisical.state();
    let value = |key: &str| state.value(&scene.dev("/push"), key);
    let leases = || state.leases(&scene.dev("/"), "db").len();
    assert_eq!((value("PUSHED").as_deref(), value("GENERATED").map(|value| value.len()), leases()), (Some("one"), Some(20), 1));

    // Workloads are restarted by an update of the whole, more than once.
    let reads = json!({"metadata": {"labels": {"app": "w"}}, "spec": {"containers": [
        {"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "a"}}, {"secretRef": {"name": "x"}}]},
    ]}});
    let spec = json!({"replicas": 0, "selector": {"matchLabels": {"app": "w"}}, "template": reads});
    let metadata = json!({"name": "w", "annotations": {"secrets.infisical.com/auto-reload": "true"}});
    for (version, kind) in [("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("argoproj.io/v1alpha1", "Rollout")] {
        let spec = if kind == "StatefulSet" { merged(spec.clone(), &json!({"serviceName": "w"})) } else { spec.clone() };
        scene.apply(&json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})).await;
    }
    for value in ["first", "second"] {
        scene.set("A", value);
        scene.holds("a", &[("A", value), ("B", "two")]).await;
        scene.holds("x", &[("A", value), ("B", "two")]).await;
        let deployments: Api<Deployment> = scene.namespace.api();
        until("the Deployment to restart", async || {
            let pods = deployments.get("w").await.unwrap().spec.unwrap().template.metadata.unwrap().annotations.unwrap_or_default();
            let version = scene.secret("a").await.annotations()["secrets.infisical.com/version"].clone();
            let mark = pods.get("secrets.infisical.com/managed-secret.a");
            if mark == Some(&version) { Ok(()) } else { Err(format!("{mark:?} instead of {version}")) }
        })
        .await;
    }
    // Failures are told without Events, more than once.
    for missing in ["soon", "later"] {
        let credentials = json!({"secretName": missing, "secretNamespace": scene.namespace.name()});
        scene.infisical_secret("bad", json!({"spec": {"authentication": {"universalAuth": {"credentialsRef": credentials}}}})).await;
        until("the failure to be told", async || {
            let message = scene.failed_somehow("bad").await;
            if message.contains(missing) { Ok(()) } else { Err(message) }
        })
        .await;
    }
    // The resource goes, with all that it owns.
    scene.calls(Operation::ListSecrets, 2).await;
    scene.all_ready(&objects).await;
    // What was written goes before its resource does.
    let (pushes, dynamic): (Api<InfisicalPushSecret>, Api<InfisicalDynamicSecret>) = (scene.namespace.api(), scene.namespace.api());
    assert_eq!(pushes.get("push").await.unwrap().finalizers().len(), 1);
    assert_eq!(dynamic.get("lease").await.unwrap().finalizers().len(), 1);
    goes(&pushes, "push").await;
    goes(&dynamic, "lease").await;
    assert_eq!((value("PUSHED"), value("GENERATED"), leases()), (None, None, 0));

    // What it lacks is shown, for who runs the operator and for who wrote a resource that works worse for it.
    let shown = reqwest::get(format!("http://127.0.0.1:{}/metrics", setup.metrics)).await.unwrap().text().await.unwrap();
    let shown = Metrics::parse(&shown);
    for (verbs, resource) in [
        ("list,watch", "rollouts"),
        ("list,watch", "passwords"),
        ("create,patch", "events.events.k8s.io"),
        ("patch", "clustergenerators/status"),
    ] {
        let missing = shown.sum("infisical_operator_rights_missing", &[("verbs", verbs), ("resource", resource)]);
        assert!(missing >= 1.0, "{verbs} {resource} is not shown as missing");
    }
    assert_eq!(shown.sum("infisical_operator_rights_missing", &[("resource", "secrets")]), 0.0);
    let found = scene.condition("a", "secrets.infisical.com/AutoRedeployReady").await;
    assert!(found.status == "True" && found.message.contains("may not list and watch rollouts"), "{found:?}");

    let denied = denied(&scene);
    println!("denied: {denied:?}");
    // Two resources may find out at once.
    let allowed = 2 + began.elapsed().as_secs() / PAUSE;
    assert!(denied.values().all(|count| *count <= allowed), "at most {allowed} of each: {denied:?}");
    for lacked in [
        "patch deployments.apps",
        "patch statefulsets.apps",
        "create events.events.k8s.io",
        "list rollouts.argoproj.io",
        "patch clustergenerators.secrets.infisical.com status",
    ] {
        assert!(denied.contains_key(lacked), "{lacked} was to be lacking: {denied:?}");
    }
    let log = operator.log().unwrap();
    let said: Vec<_> = log.lines().filter(|line| line.contains("does not allow") || line.contains("may not list")).collect();
    let without_time: BTreeSet<_> = said.iter().map(|line| line.split_once(' ').map_or(*line, |(_, rest)| rest)).collect();
    assert_eq!(without_time.len(), said.len(), "each is said once: {said:#?}");
    for lacked in ["Events", "deployments", "statefulsets", "rollouts", "clustergenerators/status"] {
        assert!(said.iter().any(|line| line.contains(lacked)), "{lacked}: {said:#?}");
    }
    operator.stop().await.unwrap();
}
