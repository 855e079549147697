//! The control plane is a real one: authorisation, tokens and controllers work. It ends with its last user.
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        core::v1::{ConfigMap, Secret},
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, PostParams},
};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};
use support::{ControlPlane, TimedOut, wait_for};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nowhere.invalid/web}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: default}]
";

#[tokio::test]
async fn controllers_follow_up() {
    let plane = ControlPlane::shared().await.unwrap();
    let namespace = plane.namespace().await.unwrap();
    namespace.apply(DEPLOYMENT).await.unwrap();
    let sets: Api<ReplicaSet> = namespace.api();
    namespace
        .eventually("a ReplicaSet of the Deployment", async || {
            let found = sets.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            found.items.first().map(ResourceExt::name_any).ok_or_else(|| String::from("none"))
        })
        .await
        .unwrap();

    let deployments: Api<Deployment> = namespace.api();
    let owner = deployments.get("web").await.unwrap();
    let reference = OwnerReference {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: owner.name_any(),
        uid: owner.uid().unwrap(),
        ..OwnerReference::default()
    };
    let owned = ConfigMap {
        metadata: ObjectMeta { name: Some("owned".into()), owner_references: Some(vec![reference]), ..ObjectMeta::default() },
        ..ConfigMap::default()
    };
    let maps: Api<ConfigMap> = namespace.api();
    maps.create(&PostParams::default(), &owned).await.unwrap();
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    namespace
        .eventually("the owned ConfigMap to be collected", async || match maps.get_opt("owned").await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(String::from("it is there")),
            Err(error) => Err(error.to_string()),
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_service_account_may_do_what_it_is_granted_and_no_more() {
    let plane = ControlPlane::shared().await.unwrap();
    let namespace = plane.namespace().await.unwrap();
    namespace.apply(DEPLOYMENT).await.unwrap();
    namespace.secret("credentials", [("key", "value")]).await.unwrap();
    let token = namespace.service_account_token("default", &[]).await.unwrap();
    let client = plane.client_with_token(token).await.unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace.name());
    namespace.eventually("the role to be known", async || maps.list(&ListParams::default()).await).await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(client, namespace.name());
    let refused = secrets.get("credentials").await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.code == 403), "{refused}");
}

#[tokio::test]
async fn one_alone_ends_when_it_is_dropped() {
    let plane = ControlPlane::exclusive().await.unwrap();
    let folder = plane.folder().to_owned();
    plane.ready().await.unwrap();
    drop(plane);
    gone(&folder).await.unwrap();
}

/// Started by the test below in a process of its own; does nothing by itself.
#[tokio::test]
async fn user_to_be_killed() {
    if std::env::var_os(KILLED).is_none() {
        return;
    }
    let plane = ControlPlane::exclusive().await.unwrap();
    println!("folder {}", plane.folder().display());
    std::future::pending::<()>().await;
}

const KILLED: &str = "SUPPORT_TEST_USER_TO_BE_KILLED";

#[tokio::test]
async fn it_ends_when_its_user_is_killed() {
    let mut user = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "user_to_be_killed", "--nocapture"])
        .env(KILLED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(user.stdout.take().unwrap()).lines();
    let folder = lines.map_while(Result::ok).find_map(|line| line.split_once("folder ").map(|(_, folder)| PathBuf::from(folder)));
    user.kill().unwrap();
    user.wait().unwrap();
    let folder = folder.unwrap();
    assert!(folder.join("kubeconfig").exists());
    gone(&folder).await.unwrap();
}

async fn gone(folder: &std::path::Path) -> Result<(), TimedOut> {
    wait_for("the control plane to be gone", Duration::from_secs(30), async || if folder.exists() { Err("it is there") } else { Ok(()) })
        .await
}
