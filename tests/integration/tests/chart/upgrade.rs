//! Helm itself against a real API server: coming from Infisical's chart, and two releases beside each other.
//!
//! The commands are those of `docs/migration.md` and of the chart's README.
use super::helm::helm;
use api::v1alpha1::InfisicalSecret;
use integration::until;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{Secret, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use serde_json::json;
use std::{fs, path::Path};
use support::{ControlPlane, Namespace, chart};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// A chart as Infisical's is: definitions among its templates, names of 15 characters, its labels.
fn peer(folder: &Path) {
    let deployment = r#"{{- $name := printf "%s-%s" .Release.Name .Chart.Name }}
{{- if contains .Chart.Name .Release.Name }}{{- $name = .Release.Name }}{{- end }}
{{- $name = printf "%s-controller-manager" ($name | trunc 15 | trimSuffix "-") }}
apiVersion: v1
kind: ServiceAccount
metadata: {name: "{{ $name }}"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ $name }}", labels: {control-plane: controller-manager}}
spec:
  replicas: 1
  selector: &selector
    matchLabels:
      control-plane: controller-manager
      app.kubernetes.io/name: "{{ .Chart.Name }}"
      app.kubernetes.io/instance: "{{ .Release.Name }}"
  template:
    metadata:
      labels:
        control-plane: controller-manager
        app.kubernetes.io/name: "{{ .Chart.Name }}"
        app.kubernetes.io/instance: "{{ .Release.Name }}"
    spec:
      serviceAccountName: "{{ $name }}"
      containers:
        - name: manager
          image: infisical/kubernetes-operator:v0.11.5
          command: [/manager]
          args: [--leader-elect]
          env: [{name: KUBERNETES_CLUSTER_DOMAIN, value: cluster.local}]
"#;
    let templates = folder.join("templates");
    fs::create_dir_all(&templates).unwrap();
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: secrets-operator\nversion: v0.11.5\nappVersion: v0.11.5\n").unwrap();
    fs::write(folder.join("values.yaml"), include_str!("../../data/infisical-chart-0.11.5.yaml")).unwrap();
    fs::write(templates.join("deployment.yaml"), deployment.replace(": &selector", ":")).unwrap();
    for (name, text) in api::crds::files().unwrap() {
        let text = text.replace("{{", "{{ \"{{\" }}");
        fs::write(templates.join(name), format!("{{{{- if .Values.installCRDs }}}}\n{text}{{{{- end }}}}\n")).unwrap();
    }
}

/// A cluster without definitions and without releases, for one test at a time.
struct World {
    plane: ControlPlane,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl World {
    async fn new() -> Self {
        static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
        static TURN: Mutex<()> = Mutex::const_new(());
        let turn = TURN.lock().await;
        let plane = PLANE.get_or_init(|| async { ControlPlane::exclusive().await.unwrap() }).await.again().await.unwrap();
        let definitions: Api<CustomResourceDefinition> = Api::all(plane.client().clone());
        definitions.delete_collection(&DeleteParams::default(), &ListParams::default()).await.unwrap();
        until("the definitions to go", async || match definitions.list(&ListParams::default()).await {
            Ok(list) if list.items.is_empty() => Ok(()),
            other => Err(format!("{} left", other.map(|list| list.items.len()).unwrap_or_default())),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        peer(folder.path());
        Self { plane, folder, _turn: turn }
    }

    async fn helm(&self, namespace: &Namespace, arguments: &[&str]) -> Result<String, String> {
        let (peer, ours) = (self.folder.path().display().to_string(), chart::folder().display().to_string());
        let mut line: Vec<_> = arguments.iter().map(|word| word.replace("PEER", &peer).replace("deploy/chart", &ours)).collect();
        line.extend(["--kubeconfig".into(), self.plane.kubeconfig().display().to_string(), "--namespace".into(), namespace.name().into()]);
        let helm = helm().await;
        tokio::task::spawn_blocking(move || helm.run(line)).await.unwrap().map_err(|error| format!("{error:#}"))
    }

    async fn helms(&self, namespace: &Namespace, arguments: &[&str]) -> String {
        self.helm(namespace, arguments).await.unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    fn definitions(&self) -> Api<CustomResourceDefinition> {
        Api::all(self.plane.client().clone())
    }
}

/// A resource, and a Secret that it owns.
async fn used(namespace: &Namespace) -> (String, String) {
    let resource =
        json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": "web"}, "spec": {}});
    let applied = namespace
        .eventually("the kind to be served", async || namespace.apply(&resource.to_string()).await.map_err(|error| format!("{error:#}")))
        .await
        .unwrap();
    let uid = applied[0].uid().unwrap();
    let owner =
        json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "name": "web", "uid": uid, "controller": true});
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "ownerReferences": [owner]}, "stringData": {"A": "one"}});
    let secret = namespace.apply(&secret.to_string()).await.unwrap();
    (uid, secret[0].uid().unwrap())
}

/// The same resource, and the same Secret.
async fn are_there(namespace: &Namespace, uids: &(String, String)) {
    let resource: InfisicalSecret = namespace.api().get("web").await.unwrap();
    assert_eq!((resource.uid().as_ref(), resource.metadata.deletion_timestamp), (Some(&uids.0), None));
    let secret: Secret = namespace.api().get("web").await.unwrap();
    assert_eq!((secret.uid().as_ref(), secret.metadata.deletion_timestamp), (Some(&uids.1), None));
}

async fn deployments(namespace: &Namespace) -> Vec<Deployment> {
    namespace.api::<Deployment>().list(&ListParams::default()).await.unwrap().items
}

#[tokio::test]
async fn a_release_of_infisicals_chart_becomes_one_of_this_and_nothing_is_lost() {
    let world = World::new().await;
    let namespace = world.plane.namespace().await.unwrap();
    world.helms(&namespace, &["install", "infisical", "PEER"]).await;
    let uids = used(&namespace).await;
    let before = deployments(&namespace).await.remove(0);
    assert_eq!(before.name_any(), "infisical-secre-controller-manager");

    // `--reuse-values` brings the values of the chart before along, its image among them.
    let names = "fullnameOverride=infisical-secre";
    let said = world.helm(&namespace, &["upgrade", "infisical", "deploy/chart", "--reuse-values", "--set", names]).await.unwrap_err();
    assert!(said.contains("Infisical's own operator"), "{said}");
    are_there(&namespace, &uids).await;

    // Under its old names: the same Deployment, the same service account.
    let image = "controllerManager.manager.image.repository=registry.example.com/operator";
    world.helms(&namespace, &["upgrade", "infisical", "deploy/chart", "--reuse-values", "--set", names, "--set", image]).await;
    world.helms(&namespace, &["upgrade", "infisical", "deploy/chart", "--reset-values", "--set", names]).await;
    let after = deployments(&namespace).await;
    assert_eq!((after.len(), after[0].uid()), (1, before.uid()));
    let container = after[0].spec.as_ref().unwrap().template.spec.as_ref().unwrap().containers[0].clone();
    assert!(container.image.unwrap().starts_with("infisical-operator:") && container.command.is_none());
    namespace.api::<ServiceAccount>().get("infisical-secre-controller-manager").await.unwrap();
    are_there(&namespace, &uids).await;

    // Under new ones: another Deployment in its place.
    world.helms(&namespace, &["upgrade", "infisical", "deploy/chart", "--reset-values"]).await;
    let names: Vec<_> = deployments(&namespace).await.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["infisical-secrets-operator-controller-manager"]);
    are_there(&namespace, &uids).await;

    // Its end leaves definitions, resources and Secrets, and so does an upgrade without definitions.
    world.helms(&namespace, &["upgrade", "infisical", "deploy/chart", "--set", "installCRDs=false"]).await;
    are_there(&namespace, &uids).await;
    world.helms(&namespace, &["upgrade", "infisical", "deploy/chart", "--reset-values"]).await;
    world.helms(&namespace, &["uninstall", "infisical"]).await;
    assert!(deployments(&namespace).await.is_empty());
    assert_eq!(world.definitions().list(&ListParams::default()).await.unwrap().items.len(), api::crds::crds().len());
    are_there(&namespace, &uids).await;
    // And the release can come back to them.
    world.helms(&namespace, &["install", "infisical", "deploy/chart"]).await;
    are_there(&namespace, &uids).await;
}

#[tokio::test]
async fn another_release_follows_infisicals_chart_once_its_definitions_are_set_free() {
    let world = World::new().await;
    let namespace = world.plane.namespace().await.unwrap();
    let next = world.plane.namespace().await.unwrap();
    world.helms(&namespace, &["install", "infisical", "PEER"]).await;
    let uids = used(&namespace).await;

    // kubectl annotate crd … helm.sh/resource-policy=keep
    let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
    for definition in world.definitions().list(&ListParams::default()).await.unwrap() {
        world.definitions().patch(&definition.name_any(), &PatchParams::default(), &Patch::Merge(&keep)).await.unwrap();
    }
    // Helm reads what it is to delete from the release, so the definitions must leave that first.
    world.helms(&namespace, &["upgrade", "infisical", "PEER", "--reuse-values", "--set", "installCRDs=false"]).await;
    are_there(&namespace, &uids).await;
    world.helms(&namespace, &["uninstall", "infisical"]).await;
    assert!(deployments(&namespace).await.is_empty());
    are_there(&namespace, &uids).await;

    let said = world.helm(&next, &["install", "next", "deploy/chart"]).await.unwrap_err();
    assert!(said.contains("invalid ownership metadata"), "{said}");
    world.helms(&next, &["install", "next", "deploy/chart", "--take-ownership"]).await;
    are_there(&namespace, &uids).await;
    world.helms(&next, &["uninstall", "next"]).await;
    are_there(&namespace, &uids).await;
}

/// Why the order matters: the annotation alone does not keep the definitions of a release that does not know of it.
#[tokio::test]
async fn an_annotation_in_the_cluster_alone_keeps_no_definition() {
    let world = World::new().await;
    let namespace = world.plane.namespace().await.unwrap();
    world.helms(&namespace, &["install", "infisical", "PEER"]).await;
    let keep = json!({"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}});
    let name = "infisicalsecrets.secrets.infisical.com";
    world.definitions().patch(name, &PatchParams::default(), &Patch::Merge(&keep)).await.unwrap();
    world.helms(&namespace, &["uninstall", "infisical"]).await;
    until("the definition to go", async || match world.definitions().get_opt(name).await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn two_releases_work_in_namespaces_of_their_own() {
    let world = World::new().await;
    let [first, second] = [world.plane.namespace().await.unwrap(), world.plane.namespace().await.unwrap()];
    let scoped = |namespace: &Namespace| format!("scopedNamespace={}", namespace.name());
    // As the manual of Infisical's chart has it.
    let line = ["install", "operator-namespace1", "deploy/chart", "--set", &scoped(&first), "--set", "scopedRBAC=true"];
    let notes = world.helms(&first, &line).await;
    assert!(notes.contains("nothing in the whole cluster") && notes.contains("scopedNamespace is deprecated"), "{notes}");
    let line = [
        "install",
        "operator-namespace2",
        "deploy/chart",
        "--set",
        &scoped(&second),
        "--set",
        "scopedRBAC=true",
        "--set",
        "installCRDs=false",
    ];
    world.helms(&second, &line).await;
    let uids = used(&second).await;
    world.helms(&first, &["uninstall", "operator-namespace1"]).await;
    are_there(&second, &uids).await;
    assert_eq!(deployments(&second).await.len(), 1);
}
