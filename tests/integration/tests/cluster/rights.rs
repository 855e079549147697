use super::world::{World, desired};
use anyhow::Result;
use operator::{dereference::Lookup, object::ObjectRef, outcome::Class, target::Change};
use support::ControlPlane;

/// What the peer's chart grants: no patch anywhere.
const PEER: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [""], resources: [configmaps, secrets], verbs: [create, delete, get, list, update, watch]}
- {apiGroups: [""], resources: [serviceaccounts], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}
- {apiGroups: [apps], resources: [daemonsets, deployments, statefulsets], verbs: [get, list, update, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: default}]
"#;

/// Neither list nor watch.
const READ_AND_WRITE: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [create, get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: default}]
"#;

/// A world as the namespace's default service account sees it, with that role.
pub async fn with_role(role: &str) -> Result<World> {
    let control_plane = ControlPlane::shared().await?;
    control_plane.establish(api::crds::crds()).await?;
    let namespace = control_plane.namespace().await?;
    namespace.apply(role).await?;
    let client = control_plane.client_with_token(namespace.service_account_token("default", &[]).await?).await?;
    // The authoriser hears of a role a moment later.
    let secrets = kube::Api::<k8s_openapi::api::core::v1::Secret>::namespaced(client.clone(), namespace.name());
    namespace.eventually("the role to count", async || secrets.get_opt("none").await).await?;
    Ok(World::with(control_plane, namespace, client).await)
}

pub async fn with_the_peers_role() -> Result<World> {
    with_role(PEER).await
}

#[tokio::test]
async fn the_peers_role_is_enough_for_targets() -> Result<()> {
    let world = with_the_peers_role().await?;
    assert!(world.cluster.degraded().is_empty() && world.reloader.degraded().is_empty());
    let owner = world.owner("a").await?;
    let target = world.target("t");
    assert_eq!(world.targets.apply(&owner, &target, &desired(&[("A", "1")])).await.unwrap().change, Change::Created);
    assert_eq!(world.targets.apply(&owner, &target, &desired(&[("A", "2")])).await.unwrap().change, Change::Updated);
    Ok(())
}

#[tokio::test]
async fn without_the_right_to_watch_it_says_so_and_looks_each_time() -> Result<()> {
    let world = with_role(READ_AND_WRITE).await?;
    assert!(world.cluster.is_ready());
    let faults = world.cluster.degraded();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.reason == "WatchForbidden" && fault.class == Class::Denied));
    assert!(faults[1].message.contains("secrets in namespace") && faults[1].message.contains("list and watch"), "{}", faults[1].message);
    let owner = world.owner("a").await?;
    let (target, wanted) = (world.target("t"), desired(&[("A", "1")]));
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Created);
    world.edit("t", serde_json::json!({"stringData": {"A": "edited"}})).await?;
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Updated);
    let user = ObjectRef { kind: "InfisicalSecret", namespace: world.namespace.name().into(), name: "u".into() };
    let name = world.name("credentials");
    assert!(world.cluster.secret(&user, &name).await.unwrap().is_none());
    world.namespace.secret("credentials", [("k", "v")]).await?;
    assert!(world.cluster.secret(&user, &name).await.unwrap().is_some());
    Ok(())
}

#[tokio::test]
async fn a_missing_right_to_write_is_named() -> Result<()> {
    let role = READ_AND_WRITE.replace("[create, get, update]", "[get]");
    let world = with_role(&role).await?;
    let owner = world.owner("a").await?;
    let fault = world.targets.apply(&owner, &world.target("t"), &desired(&[("A", "canary")])).await.unwrap_err();
    assert_eq!((fault.reason, fault.class), ("ApiServerForbidden", Class::Denied));
    assert!(fault.message.contains("create Secret") && fault.message.contains("grant"), "{}", fault.message);
    assert!(!fault.message.contains("canary"));
    Ok(())
}
