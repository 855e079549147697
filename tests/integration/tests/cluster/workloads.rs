use super::{
    rights,
    world::{World, desired},
};
use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::{
    Api, ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use operator::{
    plan::TargetKind,
    reload::{Followed, Reloaded},
    trigger::Cause,
};
use serde_json::{Value, json};

fn workload(kind: &str, name: &str, opted_in: bool, pod: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
        },
    });
    if opted_in {
        object["metadata"]["annotations"] = json!({"secrets.infisical.com/auto-reload": "true"});
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = name.into();
    }
    object
}

fn reading(secret: &str) -> Value {
    json!({"containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": secret}}]}]})
}

/// What has become of a Deployment.
#[derive(Debug, PartialEq)]
struct State {
    /// One for each pod template that it has had: restarts, and one.
    replica_sets: usize,
    /// On the workload and on its pod template.
    notes: (Option<String>, Option<String>),
}

async fn state(world: &World, name: &str, secret: &str) -> Result<State> {
    let deployments: Api<Deployment> = world.namespace.api();
    let observed = async || {
        let found = deployments.get(name).await.unwrap();
        let observed = found.status.as_ref().and_then(|status| status.observed_generation);
        if observed == found.metadata.generation { Ok(found) } else { Err("its controller has not yet seen it") }
    };
    let found = world.namespace.eventually(format!("{name} to be observed"), observed).await?;
    let sets: Api<ReplicaSet> = world.namespace.api();
    let replica_sets = sets.list(&ListParams::default().labels(&format!("app={name}"))).await?.items.len();
    let annotation = format!("secrets.infisical.com/managed-secret.{secret}");
    let template = found.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref()?.annotations.as_ref()?.get(&annotation).cloned());
    Ok(State { replica_sets, notes: (found.annotations().get(&annotation).cloned(), template) })
}

async fn pass(world: &World, secrets: &[(&str, &str, bool)]) -> Reloaded {
    let names: Vec<_> = secrets.iter().map(|(name, ..)| world.name(name)).collect();
    let followed = names.iter().zip(secrets).map(|(name, (_, version, data_changed))| Followed {
        kind: TargetKind::Secret,
        name,
        version,
        data_changed: *data_changed,
        noted_at_first_sight: true,
    });
    world.reloader.reload(&followed.collect::<Vec<_>>()).await
}

/// Passes until that many workloads follow: the watch tells of them a moment after they are made.
async fn followed_by(world: &World, secrets: &[(&str, &str, bool)], followers: usize) -> Result<Reloaded> {
    let look = async || {
        let reloaded = pass(world, secrets).await;
        if reloaded.followers == followers { Ok(reloaded) } else { Err(format!("{reloaded:?}")) }
    };
    Ok(world.namespace.eventually(format!("{followers} followers"), look).await?)
}

async fn apply(world: &World, objects: &[Value]) -> Result<()> {
    for object in objects {
        world.namespace.apply(&object.to_string()).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_workload_is_restarted_exactly_once_per_change() -> Result<()> {
    let world = World::new().await?;
    apply(&world, &[workload("Deployment", "w", true, &reading("s")), workload("Deployment", "out", false, &reading("s"))]).await?;
    followed_by(&world, &[("s", "v1", false)], 1).await?;
    // Just opted in: noted, not restarted.
    assert_eq!(state(&world, "w", "s").await?, State { replica_sets: 1, notes: (Some("v1".into()), None) });
    let changed = pass(&world, &[("s", "v2", true)]).await;
    assert_eq!(changed, Reloaded { followers: 1, restarted: 1, ..Reloaded::default() });
    for _ in 0..3 {
        assert_eq!(pass(&world, &[("s", "v2", false)]).await, Reloaded { followers: 1, restarted: 0, ..Reloaded::default() });
    }
    assert_eq!(state(&world, "w", "s").await?, State { replica_sets: 2, notes: (Some("v2".into()), Some("v2".into())) });
    assert_eq!(state(&world, "out", "s").await?, State { replica_sets: 1, notes: (None, None) });
    Ok(())
}

#[tokio::test]
async fn a_restart_that_a_crash_prevented_is_made_up_for() -> Result<()> {
    let world = World::new().await?;
    apply(&world, &[workload("Deployment", "w", true, &reading("s"))]).await?;
    followed_by(&world, &[("s", "v1", false)], 1).await?;
    assert_eq!(state(&world, "w", "s").await?.replica_sets, 1);
    // The Secret was written, and the operator ended before its workloads.
    let world = world.restarted().await;
    assert_eq!(pass(&world, &[("s", "v2", false)]).await, Reloaded { followers: 1, restarted: 1, ..Reloaded::default() });
    assert_eq!(state(&world, "w", "s").await?.replica_sets, 2);
    Ok(())
}

#[tokio::test]
async fn several_secrets_restart_a_workload_once() -> Result<()> {
    let world = World::new().await?;
    let pod = json!({
        "initContainers": [{"name": "i", "image": "i", "envFrom": [{"secretRef": {"name": "a"}}]}],
        "containers": [{"name": "c", "image": "i"}],
        "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "b"}}]}}],
    });
    apply(&world, &[workload("Deployment", "w", true, &pod)]).await?;
    followed_by(&world, &[("a", "v1", false), ("b", "v1", false)], 1).await?;
    assert_eq!(state(&world, "w", "a").await?.replica_sets, 1);
    assert_eq!(pass(&world, &[("a", "v2", true), ("b", "v2", true)]).await.restarted, 1);
    assert_eq!(state(&world, "w", "a").await?.replica_sets, 2);
    assert_eq!(state(&world, "w", "b").await?.notes, (Some("v2".into()), Some("v2".into())));
    Ok(())
}

#[tokio::test]
async fn stateful_sets_and_daemon_sets_follow_too_and_long_names_fit() -> Result<()> {
    let world = World::new().await?;
    let name = "long".repeat(20);
    apply(&world, &[workload("StatefulSet", "w", true, &reading(&name)), workload("DaemonSet", "w", true, &reading(&name))]).await?;
    followed_by(&world, &[(&name, "v1", false)], 2).await?;
    assert_eq!(pass(&world, &[(&name, "v2", true)]).await, Reloaded { followers: 2, restarted: 2, ..Reloaded::default() });
    assert_eq!(pass(&world, &[(&name, "v2", false)]).await.restarted, 0);
    Ok(())
}

#[tokio::test]
async fn under_the_peers_role_workloads_are_replaced_whole() -> Result<()> {
    let world = rights::with_the_peers_role().await?;
    apply(&world, &[workload("Deployment", "w", true, &reading("s"))]).await?;
    followed_by(&world, &[("s", "v1", false)], 1).await?;
    // Observed before the first change, else its controller may not have made a ReplicaSet for it.
    assert_eq!(state(&world, "w", "s").await?.replica_sets, 1);
    for (number, version) in [(2, "v2"), (3, "v3")] {
        assert_eq!(pass(&world, &[("s", version, true)]).await, Reloaded { followers: 1, restarted: 1, ..Reloaded::default() });
        let after = State { replica_sets: number, notes: (Some(version.into()), Some(version.into())) };
        assert_eq!(state(&world, "w", "s").await?, after);
    }
    Ok(())
}

#[tokio::test]
async fn a_workload_that_could_not_be_restarted_is_named_and_restarted_later() -> Result<()> {
    let world = World::new().await?;
    apply(&world, &[workload("Deployment", "w", true, &reading("s"))]).await?;
    assert_eq!(state(&world, "w", "s").await?.replica_sets, 1);
    let world = world.restarted().await;
    // A version that is no annotation value that the API server takes: larger than all annotations together may be.
    let large = "x".repeat(300 * 1024);
    let failed = pass(&world, &[("s", &large, true)]).await;
    assert_eq!((failed.restarted, failed.faults.len()), (0, 1));
    assert!(failed.faults[0].message.contains("Deployment") && failed.faults[0].message.contains("/w"), "{}", failed.faults[0].message);
    // It bore no note, so only memory tells that it is owed a restart.
    assert_eq!(pass(&world, &[("s", "v2", false)]).await, Reloaded { followers: 1, restarted: 1, ..Reloaded::default() });
    assert_eq!(state(&world, "w", "s").await?.replica_sets, 2);
    Ok(())
}

/// Watches workloads, and reads none but under the verb that is put in.
fn watching(get: &str) -> String {
    format!(
        r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: operator}}
rules:
- {{apiGroups: [""], resources: [configmaps, secrets], verbs: [get, list, watch]}}
- {{apiGroups: [apps], resources: [daemonsets, deployments, statefulsets], verbs: [list, watch, patch{get}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: operator}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}}
subjects: [{{kind: ServiceAccount, name: default}}]
"#
    )
}

#[tokio::test]
async fn a_workload_that_can_not_be_read_is_the_fault_of_those_alone_that_it_reads() -> Result<()> {
    let world = rights::with_role(&watching("")).await?;
    apply(&world, &[workload("Deployment", "w", true, &reading("s"))]).await?;
    let unknown = world
        .namespace
        .eventually("the workload to be looked at", async || {
            let reloaded = pass(&world, &[("s", "v1", true)]).await;
            if reloaded.warnings.len() == 1 { Ok(reloaded) } else { Err(format!("{reloaded:?}")) }
        })
        .await?;
    let message = &unknown.warnings[0].message;
    assert!(message.contains("Deployment") && message.contains("/w") && message.contains("not known what it reads"), "{message}");
    assert_eq!((unknown.followers, unknown.faults.len()), (0, 0));
    // Its note says what it reads, as far as anybody can tell.
    let deployments: Api<Deployment> = world.namespace.api();
    let note = json!({"metadata": {"annotations": {"secrets.infisical.com/managed-secret.s": "v1"}}});
    deployments.patch("w", &PatchParams::default(), &Patch::Merge(note)).await?;
    let known = async || {
        let reloaded = pass(&world, &[("s", "v2", true)]).await;
        if reloaded.faults.len() == 1 { Ok(reloaded) } else { Err(format!("{reloaded:?}")) }
    };
    assert_eq!(world.namespace.eventually("the note to be seen", known).await?.warnings, []);
    let other = pass(&world, &[("other", "v1", true)]).await;
    assert_eq!((other.warnings.len(), other.faults.len()), (1, 0));
    // It is looked at again by itself, and what it is owed is made up for.
    world.namespace.apply(&watching(", get")).await?;
    assert_eq!(followed_by(&world, &[("s", "v2", false)], 1).await?.restarted, 1);
    Ok(())
}

#[tokio::test]
async fn a_workload_that_begins_to_read_a_target_wakes_its_resource() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let target = world.target("s");
    world.targets.declare(&owner, std::slice::from_ref(&target));
    world.targets.apply(&owner, &target, &desired(&[("A", "1")])).await.unwrap();
    apply(&world, &[workload("Deployment", "w", false, &reading("s"))]).await?;
    world.caught_up().await?;
    assert_eq!(world.triggers.take(&owner.object), None);
    let deployments: Api<Deployment> = world.namespace.api();
    let patch = json!({"metadata": {"annotations": {"secrets.infisical.com/auto-reload": "true"}}});
    deployments.patch("w", &PatchParams::default(), &Patch::Merge(patch)).await?;
    assert_eq!(world.woken(&owner.object).await?, Cause::Target);
    assert_eq!(pass(&world, &[("s", "v1", false)]).await, Reloaded { followers: 1, restarted: 0, ..Reloaded::default() });
    Ok(())
}
