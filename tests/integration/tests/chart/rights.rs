//! The program, started as a rendered Deployment says, with the token of the rendered service account, is denied nothing and has no
//! right that it does not use.
use super::{
    apply::apply,
    audit::{Right, granted, of_user},
    helm::{arguments, of_kind, plane, rendered_as, text, the},
};
use api::v1beta1::InfisicalStaticSecret;
use integration::{Scene, cache, default_bundle, merged, program, until};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    coordination::v1::Lease,
    core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, process::Command};
use support::{Process, free_ports};
use tokio::sync::Mutex;

/// Only one operator at a time may see all namespaces.
static TURN: Mutex<()> = Mutex::const_new(());

/// Rights that no request shows, by the end of what they are for, with the reason.
const UNSEEN: [(&str, &str); 1] =
    [("/finalizers.secrets.infisical.com", "asked by an admission plugin, which this API server runs: without them targets are refused")];

/// Kinds that nothing here uses so far: rights for them are granted on trust.
const NOT_YET: [&str; 5] = ["infisicaldynamicsecrets", "infisicalpushsecrets", "clustergenerators", "passwords", "uuids"];

struct Installed {
    scene: Scene,
    objects: Vec<Value>,
    process: Process,
    probes: String,
}

impl Installed {
    /// A release in the namespace of the scene.
    async fn new(scene: Scene, values: &[String]) -> Self {
        let namespace = scene.namespace.name();
        let [metrics, probes] = free_ports().unwrap();
        let common = [
            format!("hostAPI={}", scene.infisical.url()),
            format!(
                "controllerManager.manager.args={{--metrics-bind-address=127.0.0.1:{metrics},--leader-elect,--health-probe-bind-address=127.0.0.1:{probes}}}"
            ),
        ];
        let values: Vec<_> = common.iter().chain(values).map(String::as_str).collect();
        let objects = rendered_as("op", namespace, &values).await;
        for object in &objects {
            apply(scene.plane.cluster(), object).await;
        }
        let account = text(the(&objects, "ServiceAccount"), "/metadata/name");
        let token = scene.namespace.service_account_token(account, &[]).await.unwrap();
        let mut kubeconfig: Value = serde_json::from_str(&std::fs::read_to_string(scene.plane.kubeconfig()).unwrap()).unwrap();
        kubeconfig["users"][0]["user"] = json!({"token": token});
        let file = scene.folder().join("kubeconfig");
        std::fs::write(&file, kubeconfig.to_string()).unwrap();

        let mut command = Command::new(program().await);
        command.args(arguments(&objects)).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let variables = the(&objects, "Deployment").pointer("/spec/template/spec/containers/0/env").and_then(Value::as_array).unwrap();
        for variable in variables {
            // What is not a text is the pod's namespace.
            command.env(text(variable, "/name"), variable["value"].as_str().unwrap_or(namespace));
        }
        // In place of the image and of the pod.
        command.env("INFISICAL_OPERATOR_BUNDLE_DIR", &default_bundle().await.folder).env("INFISICAL_OPERATOR_CACHE_DIR", cache().await);
        command.env("KUBECONFIG", file).env("HOSTNAME", "pod");
        let process = Process::start("the operator", &mut command, &scene.folder().join("operator.log")).unwrap();
        let mut installed = Self { scene, objects, process, probes: format!("http://127.0.0.1:{probes}/readyz") };
        installed.ready().await;
        installed
    }

    async fn ready(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        until("the operator to be ready", async || {
            self.process.check_alive().map_err(|error| format!("{error:#}"))?;
            let answer = client.get(&self.probes).send().await.map_err(|error| error.to_string())?;
            if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
        })
        .await;
    }

    /// Ends it and holds its rights against what it did.
    async fn judge(mut self) {
        self.process.terminate().unwrap();
        until("the operator to end", async || match self.process.ended() {
            Ok(Some(status)) if status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        let lease: Lease = self.scene.namespace.api().get("cf2b8c44.infisical.com").await.unwrap();
        assert_eq!(lease.spec.unwrap().holder_identity.as_deref(), Some(""), "the Lease was not given back");

        let account = text(the(&self.objects, "ServiceAccount"), "/metadata/name");
        let user = format!("system:serviceaccount:{}:{account}", self.scene.namespace.name());
        let seen = of_user(&self.scene.plane.audit_log(), &user);
        let denied: Vec<_> = seen.denied.iter().map(|(right, place)| format!("{right} at {place}")).collect();
        assert!(denied.is_empty(), "denied: {denied:#?}");
        let roles = [of_kind(&self.objects, "Role"), of_kind(&self.objects, "ClusterRole")].concat();
        let excepted = |right: &Right| {
            let shown = right.to_string();
            let kind = right.resource.split('/').next().unwrap_or_default();
            UNSEEN.iter().any(|(end, _)| shown.ends_with(end)) || NOT_YET.contains(&kind)
        };
        let idle: Vec<_> = granted(&roles).difference(&seen.used).filter(|right| !excepted(right)).map(ToString::to_string).collect();
        assert!(idle.is_empty(), "granted and never used: {idle:#?}");
        // An exception that is none any more is to be taken off the list.
        let stale: BTreeSet<_> =
            seen.used.iter().filter(|right| excepted(right) && !matches!(right.verb.as_str(), "list" | "watch")).collect();
        assert!(stale.is_empty(), "used, though said not to be: {stale:?}");
    }
}

fn workload(kind: &str, namespace: &str) -> Value {
    let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "owned"}}]}]});
    let mut spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod}});
    match kind {
        "DaemonSet" => {}
        "StatefulSet" => spec = merged(spec, &json!({"replicas": 0, "serviceName": "web"})),
        _ => spec["replicas"] = json!(0),
    }
    let annotations = json!({"secrets.infisical.com/auto-reload": "true"});
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web", "namespace": namespace, "annotations": annotations}, "spec": spec})
}

async fn restarted<K>(scene: &Scene, namespace: &str)
where
    K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + serde::Serialize
        + std::fmt::Debug,
{
    let api: Api<K> = Api::namespaced(scene.plane.client().clone(), namespace);
    until(format_args!("{} to restart", K::kind(&())), async || {
        let object = serde_json::to_value(api.get("web").await.map_err(|error| error.to_string())?).unwrap();
        let annotations = &object["spec"]["template"]["metadata"]["annotations"];
        if annotations["secrets.infisical.com/managed-secret.owned"].is_string() { Ok(()) } else { Err(annotations.to_string()) }
    })
    .await;
}

/// Each thing that resources make the operator do, in a namespace that it watches.
async fn exercise(scene: &Scene, namespace: &str) {
    let cluster = scene.plane.cluster();
    let here = cluster.namespace_named(namespace).await.unwrap();
    here.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    let manifest = |name: &str, changes: Value| {
        let credentials = json!({"secretName": "credentials", "secretNamespace": namespace});
        let spec = json!({
            "hostAPI": null, "authentication": {"universalAuth": {"credentialsRef": credentials}},
            "managedKubeSecretReferences": [{"secretName": name, "secretNamespace": namespace, "creationPolicy": "Owner"}],
        });
        let base = scene.manifest(name, &json!({"metadata": {"namespace": namespace}, "spec": spec}));
        merged(base, &changes)
    };
    let put = async |object: &Value| drop(here.apply(&object.to_string()).await.unwrap());
    let secrets: Api<Secret> = here.api();
    let maps: Api<ConfigMap> = here.api();
    let holds = async |name: &str, value: &str| {
        until(format_args!("Secret {name} to hold {value}"), async || {
            let found = secrets.get(name).await.map(integration::text).map_err(|error| error.to_string())?;
            if found.get("A").map(String::as_str) == Some(value) { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    };

    // Secrets and ConfigMaps are made, changed and taken away; workloads restart.
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        put(&workload(kind, namespace)).await;
    }
    let map = json!([{"configMapName": "owned", "configMapNamespace": namespace, "creationPolicy": "Owner"}]);
    let two = json!([
        {"secretName": "owned", "secretNamespace": namespace, "creationPolicy": "Owner"},
        {"secretName": "spare", "secretNamespace": namespace, "creationPolicy": "Owner"},
    ]);
    put(&manifest("owned", json!({"spec": {"managedKubeSecretReferences": two, "managedKubeConfigMapReferences": map}}))).await;
    holds("owned", "one").await;
    holds("spare", "one").await;
    until("the ConfigMap", async || maps.get("owned").await).await;
    scene.set("A", "edited");
    holds("owned", "edited").await;
    until("the ConfigMap to follow", async || {
        let data = maps.get("owned").await.unwrap().data.unwrap_or_default();
        if data["A"] == "edited" { Ok(()) } else { Err(format!("{data:?}")) }
    })
    .await;
    restarted::<Deployment>(scene, namespace).await;
    restarted::<StatefulSet>(scene, namespace).await;
    restarted::<DaemonSet>(scene, namespace).await;
    put(&manifest("owned", json!({"spec": {"managedKubeConfigMapReferences": null}}))).await;
    until("targets that are not named any more to go", async || {
        match (secrets.get_opt("spare").await.unwrap(), maps.get_opt("owned").await.unwrap()) {
            (None, None) => Ok(()),
            (secret, map) => Err(format!("{}, {}", secret.is_some(), map.is_some())),
        }
    })
    .await;

    // Logins by the token of a service account, requested and kept in a Secret.
    put(&json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app"}, "secrets": [{"name": "app-token"}]})).await;
    let token = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-token", "annotations": {"kubernetes.io/service-account.name": "app"}},
        "type": "kubernetes.io/service-account-token",
    });
    put(&token).await;
    for (name, requested) in [("requested", true), ("kept", false)] {
        let login = json!({
            "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd", "serviceAccountRef": {"name": "app", "namespace": namespace},
            "autoCreateServiceAccountToken": requested, "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
        });
        put(&manifest(name, json!({"spec": {"authentication": {"universalAuth": null, "kubernetesAuth": login}}}))).await;
        holds(name, "edited").await;
    }

    // A failure is told in an Event, and told again after it was mended.
    let events = async |count: usize| {
        let api: Api<k8s_openapi::api::events::v1::Event> = here.api();
        let field = kube::api::ListParams::default().fields("regarding.name=failing,type=Warning");
        until(format_args!("{count} failures in an Event"), async || {
            let all = api.list(&field).await.map_err(|error| error.to_string())?;
            let seen: i32 = all.items.iter().map(|event| event.series.as_ref().map_or(1, |series| series.count)).sum();
            if usize::try_from(seen).unwrap() >= count { Ok(()) } else { Err(format!("{seen}")) }
        })
        .await;
    };
    let scope = |slug: &str| json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"projectSlug": slug}}}}});
    put(&manifest("failing", scope("nowhere"))).await;
    events(1).await;
    put(&manifest("failing", scope("shop"))).await;
    holds("failing", "edited").await;
    put(&manifest("failing", scope("nowhere"))).await;
    events(2).await;

    // The newer kinds.
    let named = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    put(&named("InfisicalConnection", "server", json!({"address": scene.infisical.url()}))).await;
    let universal = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    let connection = json!({"name": "server", "namespace": namespace});
    put(&named("InfisicalAuth", "login", json!({"infisicalConnectionRef": connection, "method": "universal", "universal": universal})))
        .await;
    let target = |kind: &str| json!({"name": "static", "namespace": namespace, "kind": kind, "creationPolicy": "Owner"});
    let all = json!({
        "infisicalAuthRef": {"name": "login", "namespace": namespace}, "syncOptions": {"refreshInterval": "5s"},
        "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}], "targets": [target("Secret"), target("ConfigMap")],
    });
    put(&named("InfisicalStaticSecret", "static", all)).await;
    holds("static", "edited").await;
    let api: Api<InfisicalStaticSecret> = here.api();
    until("the InfisicalStaticSecret to be ready", async || {
        let status = api.get("static").await.map_err(|error| error.to_string())?.status.unwrap_or_default();
        let ready = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
        if ready { Ok(()) } else { Err(format!("{:?}", status.conditions)) }
    })
    .await;
    scene.set("A", "one");
    holds("owned", "one").await;
}

/// Takes the resources away, so that the next operator for all namespaces has nothing to do with them.
async fn clear(scene: &Scene, namespace: &str) {
    let secrets: Api<api::v1alpha1::InfisicalSecret> = Api::namespaced(scene.plane.client().clone(), namespace);
    let statics: Api<InfisicalStaticSecret> = Api::namespaced(scene.plane.client().clone(), namespace);
    secrets.delete_collection(&DeleteParams::default(), &Default::default()).await.unwrap();
    statics.delete_collection(&DeleteParams::default(), &Default::default()).await.unwrap();
}

async fn config(scene: &Scene, namespace: &str) {
    scene.plane.namespace_named(namespace).await.unwrap();
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "infisical-config"}, "data": {"hostAPI": scene.infisical.url()}});
    scene.plane.apply(&config.to_string(), namespace).await.unwrap();
}

#[tokio::test]
async fn in_all_namespaces_it_is_denied_nothing_and_uses_each_right() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    config(&scene, "infisical-operator-system").await;
    let other = scene.plane.namespace().await.unwrap();
    let installed = Installed::new(scene, &[]).await;
    exercise(&installed.scene, other.name()).await;
    clear(&installed.scene, other.name()).await;
    installed.judge().await;
}

#[tokio::test]
async fn in_two_namespaces_it_is_denied_nothing_and_uses_each_right() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    // Settings are read from the release's own namespace, which is not among the watched ones.
    config(&scene, scene.namespace.name()).await;
    let [one, two] = [scene.plane.namespace().await.unwrap(), scene.plane.namespace().await.unwrap()];
    let values = [format!("scopedNamespaces={{{},{}}}", one.name(), two.name()), "scopedRBAC=true".into()];
    let installed = Installed::new(scene, &values).await;
    exercise(&installed.scene, one.name()).await;
    exercise(&installed.scene, two.name()).await;
    // What lies outside is not its own, and a resource there is not seen.
    let outside = installed.scene.manifest("outside", &json!({}));
    installed.scene.apply(&outside).await;
    installed.scene.resync("outside").await;
    clear(&installed.scene, one.name()).await;
    clear(&installed.scene, two.name()).await;
    let untouched = installed.scene.resource("outside").await;
    assert!(untouched.status.is_none(), "{:?}", untouched.status);
    installed.judge().await;
}

/// The other side of it: what is missing shows as denied.
#[tokio::test]
async fn a_right_that_is_taken_away_is_seen_to_be_missed() {
    let _turn = TURN.lock().await;
    let scene = Scene::on(plane().await, |_| {}).await;
    let values = [format!("scopedNamespaces={{{}}}", scene.namespace.name()), "scopedRBAC=true".into()];
    let installed = Installed::new(scene, &values).await;
    let role =
        of_kind(&installed.objects, "Role").into_iter().find(|role| text(role, "/metadata/name").ends_with("-manager-role")).unwrap();
    let api: Api<k8s_openapi::api::rbac::v1::Role> = installed.scene.namespace.api();
    let rules: Vec<_> =
        role["rules"].as_array().unwrap().iter().filter(|rule| rule["apiGroups"] != json!(["events.k8s.io"])).cloned().collect();
    api.patch(text(role, "/metadata/name"), &PatchParams::default(), &Patch::Merge(json!({"rules": rules}))).await.unwrap();
    let account = text(the(&installed.objects, "ServiceAccount"), "/metadata/name");
    let user = format!("system:serviceaccount:{}:{account}", installed.scene.namespace.name());
    let scope = json!({"spec": {"authentication": {"universalAuth": {"secretsScope": {"projectSlug": "nowhere"}}}}});
    installed.scene.infisical_secret("failing", scope).await;
    let wanted = Right { group: "events.k8s.io".into(), resource: "events".into(), verb: "create".into() };
    until("the denied Event", async || {
        let seen = of_user(&installed.scene.plane.audit_log(), &user);
        if seen.denied.iter().any(|(right, _)| *right == wanted) { Ok(()) } else { Err(format!("{:?}", seen.denied)) }
    })
    .await;
    clear(&installed.scene, installed.scene.namespace.name()).await;
}
