//! Workloads that opted in restart once for each change of a Secret that they read, and for nothing else.
use crate::static_secret;
use integration::{Scene, until};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

/// A pod that reads Secret `a` in one way of several.
fn reads(way: &str) -> Value {
    let container = |more: Value| integration::merged(json!({"name": "c", "image": "nowhere.invalid/c"}), &more);
    let plain = container(json!({}));
    match way {
        "environment" => json!({"containers": [container(json!({"envFrom": [{"secretRef": {"name": "a"}}]}))]}),
        "variable" => {
            let variable = json!([{"name": "V", "valueFrom": {"secretKeyRef": {"name": "a", "key": "A"}}}]);
            json!({"containers": [container(json!({"env": variable}))]})
        }
        "volume" => json!({"containers": [plain], "volumes": [{"name": "v", "secret": {"secretName": "a"}}]}),
        "projected" => {
            let sources = json!([{"secret": {"name": "a"}}]);
            json!({"containers": [plain], "volumes": [{"name": "v", "projected": {"sources": sources}}]})
        }
        "init" => {
            let mut init = container(json!({"envFrom": [{"secretRef": {"name": "a"}}]}));
            init["name"] = json!("i");
            json!({"containers": [plain], "initContainers": [init]})
        }
        _ => json!({"containers": [plain]}),
    }
}

fn workload(kind: &str, name: &str, opted_in: bool, way: &str) -> Value {
    let annotations = if opted_in { json!({"secrets.infisical.com/auto-reload": "true"}) } else { json!({}) };
    let mut spec = json!({
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": reads(way)},
    });
    if kind != "DaemonSet" {
        spec["replicas"] = json!(0);
    }
    if kind == "StatefulSet" {
        spec["serviceName"] = json!(name);
    }
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "annotations": annotations}, "spec": spec})
}

/// What a restart changes.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    /// How many pod templates there were so far: each change of the template is one restart.
    templates: i64,
    annotations: Value,
}

async fn run(scene: &Scene, kind: &str, name: &str) -> Run {
    until(format_args!("{kind} {name} to be seen by its controller"), async || {
        let value = match kind {
            "Deployment" => serde_json::to_value(scene.namespace.api::<Deployment>().get(name).await.unwrap()),
            "StatefulSet" => serde_json::to_value(scene.namespace.api::<StatefulSet>().get(name).await.unwrap()),
            _ => serde_json::to_value(scene.namespace.api::<DaemonSet>().get(name).await.unwrap()),
        };
        let value = value.unwrap();
        let metadata = &value["metadata"];
        if value["status"]["observedGeneration"] != metadata["generation"] {
            return Err(value["status"].to_string());
        }
        let templates = match kind {
            // Its generation grows with annotations too; its revision with the template only.
            "Deployment" => metadata["annotations"]["deployment.kubernetes.io/revision"].as_str().and_then(|text| text.parse().ok()),
            _ => metadata["generation"].as_i64(),
        };
        let annotations = value["spec"]["template"]["metadata"]["annotations"].clone();
        Ok(Run { templates: templates.ok_or("no revision")?, annotations })
    })
    .await
}

const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];
const MARK: &str = "secrets.infisical.com/managed-secret.a";

/// Waits until a workload runs with what Secret `a` holds.
async fn follows(scene: &Scene, kind: &str, name: &str) -> Run {
    until(format_args!("{kind} {name} to run with Secret a of today"), async || {
        let version = scene.secret("a").await.metadata.annotations.unwrap()["secrets.infisical.com/version"].clone();
        let run = run(scene, kind, name).await;
        if run.annotations[MARK] == json!(version) { Ok(run) } else { Err(format!("{run:?} instead of {version}")) }
    })
    .await
}

/// Changes a value and waits until it has arrived in the Secret.
async fn change(scene: &Scene, value: &str) {
    scene.set("A", value);
    scene.resync("a").await;
    scene.holds("a", &[("A", value), ("B", "two")]).await;
}

/// Lets the operator go through two more passes of `a`.
async fn two_passes(scene: &Scene) {
    scene.calls(infisical_dev_server::Operation::ListSecrets, 2).await;
}

#[tokio::test]
async fn each_kind_restarts_exactly_once_per_change_and_only_if_it_opted_in() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    for kind in KINDS {
        scene.apply(&workload(kind, "in", true, "environment")).await;
        scene.apply(&workload(kind, "out", false, "environment")).await;
        scene.apply(&workload(kind, "elsewhere", true, "nothing")).await;
    }
    let mut before = Vec::new();
    for kind in KINDS {
        for name in ["in", "out", "elsewhere"] {
            before.push((kind, name, run(&scene, kind, name).await));
        }
    }
    for number in 1..=2 {
        change(&scene, &format!("change-{number}")).await;
        for kind in KINDS {
            follows(&scene, kind, "in").await;
        }
        two_passes(&scene).await;
        for (kind, name, before) in &before {
            let restarts = run(&scene, kind, name).await.templates - before.templates;
            assert_eq!(restarts, if *name == "in" { number } else { 0 }, "{kind} {name} after change {number}");
        }
    }
    let condition = scene.condition("a", "secrets.infisical.com/AutoRedeployReady").await;
    assert!(condition.message.contains('3'), "{}", condition.message);
    assert!(scene.event("a", "Restarted").await.contains('3'));
}

#[tokio::test]
async fn every_way_to_read_a_secret_counts() {
    const WAYS: [&str; 5] = ["environment", "variable", "volume", "projected", "init"];
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    for way in WAYS {
        scene.apply(&workload("Deployment", way, true, way)).await;
    }
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    change(&scene, "edited").await;
    for way in WAYS {
        follows(&scene, "Deployment", way).await;
    }
}

#[tokio::test]
async fn opting_in_is_no_reason_to_restart() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    scene.apply(&workload("Deployment", "web", false, "environment")).await;
    let before = run(&scene, "Deployment", "web").await;
    scene.apply(&workload("Deployment", "web", true, "environment")).await;
    let api: Api<Deployment> = scene.namespace.api();
    until("the workload to be noted", async || {
        let annotations = api.get("web").await.unwrap().metadata.annotations.unwrap_or_default();
        annotations.get(MARK).cloned().ok_or(format!("{annotations:?}"))
    })
    .await;
    two_passes(&scene).await;
    assert_eq!(run(&scene, "Deployment", "web").await, before);
    // From here on it follows.
    change(&scene, "edited").await;
    follows(&scene, "Deployment", "web").await;
}

#[tokio::test]
async fn a_change_while_the_operator_was_away_is_made_up_for() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    scene.apply(&workload("Deployment", "web", true, "environment")).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    change(&scene, "first").await;
    let before = follows(&scene, "Deployment", "web").await;
    operator.stop().await;
    // As if it had ended between the Secret and the workload: the Secret is of today, the workload is not.
    let api: Api<Deployment> = scene.namespace.api();
    let stale = json!({"metadata": {"annotations": {MARK: "W/\"secrets-1-00000000\""}}, "spec": {"template": {"metadata": {"annotations": {MARK: "W/\"secrets-1-00000000\""}}}}});
    api.patch("web", &PatchParams::default(), &Patch::Merge(stale)).await.unwrap();
    let secret = scene.identity::<Secret>("a").await;
    let _operator = scene.start().await;
    let after = follows(&scene, "Deployment", "web").await;
    assert_eq!(after.templates, before.templates + 2, "one by the test, one by the operator");
    assert_eq!(scene.identity::<Secret>("a").await, secret);
    two_passes(&scene).await;
    assert_eq!(run(&scene, "Deployment", "web").await, after);
}

#[tokio::test]
async fn a_refused_restart_is_reported_and_made_up_for() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.apply(&workload("Deployment", "web", true, "environment")).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    change(&scene, "first").await;
    let before = follows(&scene, "Deployment", "web").await;
    // Nobody may write this Deployment.
    let refusal = scene.refuse_updates("web").await;
    change(&scene, "second").await;
    until("the failure to be reported", async || {
        let condition = scene.condition("a", "secrets.infisical.com/AutoRedeployReady").await;
        if condition.status == "False" && condition.reason == "Error" { Ok(()) } else { Err(format!("{condition:?}")) }
    })
    .await;
    // The Secret itself is in sync, and says so.
    let sync = scene.condition("a", "secrets.infisical.com/ReadyToSyncSecrets").await;
    assert_eq!(sync.status, "True", "{sync:?}");
    refusal.lift().await;
    let after = follows(&scene, "Deployment", "web").await;
    assert_eq!(after.templates, before.templates + 1);
    scene.synced("a").await;
}

#[tokio::test]
async fn a_first_sync_is_said_though_its_workload_may_not_be_written() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.apply(&workload("Deployment", "web", true, "environment")).await;
    let refusal = scene.refuse_updates("web").await;
    scene.infisical_secret("a", json!({})).await;
    scene.failed_somehow("a").await;
    let sync = scene.condition("a", "secrets.infisical.com/ReadyToSyncSecrets").await;
    assert_eq!((sync.status.as_str(), sync.reason.as_str()), ("True", "OK"), "{sync:?}");
    assert_eq!(scene.condition("a", "secrets.infisical.com/AutoRedeployReady").await.status, "False");
    refusal.lift().await;
    scene.synced("a").await;
}

#[tokio::test]
async fn a_writer_who_never_rests_does_not_prevent_a_restart() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.apply(&workload("Deployment", "web", true, "environment")).await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let before = run(&scene, "Deployment", "web").await;
    let api: Api<Deployment> = scene.namespace.api();
    let writer = api.clone();
    let writing = tokio::spawn(async move {
        for count in 0_u64.. {
            let note = json!({"metadata": {"annotations": {"example.com/count": count.to_string()}}});
            writer.patch("web", &PatchParams::default(), &Patch::Merge(note)).await.unwrap();
        }
    });
    change(&scene, "edited").await;
    let version = scene.secret("a").await.metadata.annotations.unwrap()["secrets.infisical.com/version"].clone();
    // Its controller does not keep up with the writer.
    until("the workload to be noted", async || {
        let noted = api.get("web").await.unwrap().metadata.annotations.unwrap_or_default().get(MARK).cloned();
        if noted.as_ref() == Some(&version) { Ok(()) } else { Err(format!("{noted:?}")) }
    })
    .await;
    writing.abort();
    let after = follows(&scene, "Deployment", "web").await;
    assert_eq!(after.templates, before.templates + 1);
}

/// Infisical's operator notes a ConfigMap by the same annotation as a Secret; this one once had another for it.
#[tokio::test]
async fn a_config_map_restarts_its_readers_from_whatever_note_they_have_and_leaves_one() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    static_secret::connection(&scene, json!({"address": scene.infisical.url()})).await;
    static_secret::auth(&scene).await;
    let spec = json!({
        "infisicalAuthRef": {"name": "login", "namespace": scene.namespace.name()}, "syncOptions": {"refreshInterval": "5s"},
        "sources": [static_secret::source("/")], "targets": [static_secret::target(&scene, "ConfigMap", "a")],
    });
    scene.apply(&static_secret::named(&scene, "InfisicalStaticSecret", "all", &spec)).await;
    let maps: Api<ConfigMap> = scene.namespace.api();
    let version = async |value: &str| {
        until(format_args!("ConfigMap a to hold {value}"), async || match maps.get_opt("a").await.unwrap() {
            Some(map) if map.data.as_ref().is_some_and(|data| data["A"] == value) => {
                Ok(map.metadata.annotations.unwrap()["secrets.infisical.com/version"].clone())
            }
            other => Err(format!("{other:?}")),
        })
        .await
    };
    let today = version("one").await;
    const EARLIER: &str = "secrets.infisical.com/managed-configmap.a";
    for (name, note) in [("peers", MARK), ("earlier", EARLIER)] {
        let note = json!({"annotations": {note: today}});
        let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"configMapRef": {"name": "a"}}]}]});
        let noted = json!({"metadata": note, "spec": {"template": {"metadata": note, "spec": pod}}});
        scene.apply(&integration::merged(workload("Deployment", name, true, "nothing"), &noted)).await;
    }
    let deployments: Api<Deployment> = scene.namespace.api();
    let mut before = Vec::new();
    for name in ["peers", "earlier"] {
        before.push((run(&scene, "Deployment", name).await, deployments.get(name).await.unwrap().metadata.annotations));
    }
    two_passes(&scene).await;
    for (name, (run_before, noted)) in ["peers", "earlier"].into_iter().zip(&before) {
        assert_eq!(&run(&scene, "Deployment", name).await, run_before, "{name} was restarted");
        assert_eq!(&deployments.get(name).await.unwrap().metadata.annotations, noted, "{name} was written");
    }
    scene.set("A", "edited");
    let changed = version("edited").await;
    for (name, (run_before, _)) in ["peers", "earlier"].into_iter().zip(&before) {
        let after = until(format_args!("{name} to restart"), async || {
            let run = run(&scene, "Deployment", name).await;
            if run.annotations[MARK] == json!(changed) { Ok(run) } else { Err(format!("{run:?}")) }
        })
        .await;
        assert_eq!(after, Run { templates: run_before.templates + 1, annotations: json!({MARK: changed}) }, "{name}");
        let noted = deployments.get(name).await.unwrap().metadata.annotations.unwrap();
        assert!(noted.get(MARK) == Some(&changed) && !noted.contains_key(EARLIER), "{name}: {noted:?}");
    }
    two_passes(&scene).await;
    for (name, (run_before, _)) in ["peers", "earlier"].into_iter().zip(&before) {
        assert_eq!(run(&scene, "Deployment", name).await.templates, run_before.templates + 1, "{name} was restarted again");
    }
}

#[tokio::test]
async fn several_secrets_that_change_together_cost_one_restart() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let mut web = workload("Deployment", "web", true, "environment");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "a"}}, {"secretRef": {"name": "b"}}]);
    scene.apply(&web).await;
    let targets = json!([{"secretName": "a", "secretNamespace": namespace}, {"secretName": "b", "secretNamespace": namespace}]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": targets}})).await;
    scene.synced("a").await;
    let before = run(&scene, "Deployment", "web").await;
    change(&scene, "edited").await;
    let after = follows(&scene, "Deployment", "web").await;
    assert_eq!(after.annotations["secrets.infisical.com/managed-secret.b"], after.annotations[MARK]);
    two_passes(&scene).await;
    assert_eq!(run(&scene, "Deployment", "web").await.templates, before.templates + 1);
}

#[tokio::test]
async fn a_secret_with_a_long_name_restarts_too() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let long = format!("long-{}", "x".repeat(100));
    let mut web = workload("Deployment", "web", true, "environment");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": long}}]);
    scene.apply(&web).await;
    let target = json!([{"secretName": long, "secretNamespace": scene.namespace.name()}]);
    scene.infisical_secret("a", json!({"spec": {"managedKubeSecretReferences": target}})).await;
    scene.synced("a").await;
    let before = run(&scene, "Deployment", "web").await;
    scene.set("A", "edited");
    until("the workload to restart", async || match run(&scene, "Deployment", "web").await.templates {
        templates if templates == before.templates + 1 => Ok(()),
        templates => Err(format!("{templates} templates")),
    })
    .await;
    scene.synced("a").await;
}

#[tokio::test]
async fn a_workload_that_is_made_anew_is_followed() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.synced("a").await;
    let api: Api<Deployment> = scene.namespace.api();
    for _ in 0..2 {
        let object: Deployment = serde_json::from_value(workload("Deployment", "web", true, "volume")).unwrap();
        until("the workload to be made", async || api.create(&PostParams::default(), &object).await).await;
        change(&scene, &format!("{:?}", std::time::Instant::now())).await;
        follows(&scene, "Deployment", "web").await;
        api.delete("web", &DeleteParams::background()).await.unwrap();
    }
}
