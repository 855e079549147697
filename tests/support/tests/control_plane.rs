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
use std::{fs::File, os::unix::fs::PermissionsExt, process::Command, time::Duration};
use support::{Assets, ControlPlane, TimedOut, wait_for};

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

#[test]
fn a_part_that_does_not_start_is_named_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("broken");
    std::fs::write(&program, "#!/bin/sh\necho no space left on device >&2\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let assets = Assets::Separate { etcd: program.clone(), kube_apiserver: program.clone(), kube_controller_manager: program };
    std::fs::write(folder.path().join("assets.json"), serde_json::to_vec(&assets).unwrap()).unwrap();
    let lease = File::create(folder.path().join("lease")).unwrap();
    lease.lock_shared().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_control-plane")).arg(folder.path()).arg("0").output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(errors.contains("etcd ended early (exit status: 3)") && errors.contains("no space left on device"), "{errors}");
}

async fn gone(folder: &std::path::Path) -> Result<(), TimedOut> {
    wait_for("the control plane to be gone", Duration::from_secs(30), async || if folder.exists() { Err("it is there") } else { Ok(()) })
        .await
}
