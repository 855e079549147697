//! It says what will differ, writes nothing, and prints no value.
use super::{migrate, path};
use integration::{Asked, Scene, until};
use k8s_openapi::{api::core::v1::Secret, jiff::Timestamp};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

const CANARY: &str = "canary-never-printed";

/// Resources of which each has something to be said about.
async fn troubled(scene: &Scene) {
    let operator = scene.start().await;
    scene.infisical_secret("edited", json!({})).await;
    scene.synced("edited").await;
    // Of two resources the older keeps a target, and the API server notes whole seconds.
    let older = scene.resource("edited").await.metadata.creation_timestamp.unwrap().0;
    let later = async || if Timestamp::now().as_second() > older.as_second() { Ok(()) } else { Err("not yet") };
    until("the next second", later).await;
    operator.stop().await;
    let secrets: Api<Secret> = scene.namespace.api();
    let edit = json!({"stringData": {"A": CANARY}});
    secrets.patch("edited", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    scene.namespace.secret("foreign", [("THEIRS", CANARY)]).await.unwrap();
    scene.infisical_secret("foreign", json!({"spec": {"syncConfig": null}})).await;
    let same = json!([{"secretName": "edited", "secretNamespace": scene.namespace.name()}]);
    scene.infisical_secret("second", json!({"spec": {"managedKubeSecretReferences": same}})).await;
    let pod = json!({"kubernetesAuth": {
        "identityId": "99999999-aaaa-4bbb-8ccc-dddddddddddd", "autoCreateServiceAccountToken": true,
        "serviceAccountRef": {"name": "default", "namespace": scene.namespace.name()},
        "secretsScope": {"projectSlug": "shop", "envSlug": "dev"},
    }, "universalAuth": null});
    scene.infisical_secret("pod", json!({"spec": {"authentication": pod}})).await;
    let container = json!({"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "edited"}}]});
    let annotations = json!({"secrets.infisical.com/auto-reload": "true", "secrets.infisical.com/managed-secret.edited": "older"});
    scene
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": annotations},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
        }))
        .await;
}

#[tokio::test]
async fn what_will_differ_is_said_object_by_object() {
    let scene = Scene::new().await;
    troubled(&scene).await;
    let recorder = scene.recorder().await;
    let namespace = scene.namespace.name();
    let common = ["--kubeconfig", path(recorder.kubeconfig()), "--namespaces", namespace];
    let ran = migrate(&common).await;
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    for (name, rules) in [
        ("edited", &["drift", "missed-restart"][..]),
        ("foreign", &["target-exists", "default-interval"]),
        ("second", &["target-claimed"]),
        ("pod", &["untrusted-host", "target-missing"]),
    ] {
        let title = format!("InfisicalSecret {namespace}/{name}\n");
        let (_, from) = ran.stdout.split_once(&title).unwrap_or_else(|| panic!("{title} is missing in {}", ran.stdout));
        let block = from.split_once("\n\n").map_or(from, |(block, _)| block);
        rules.iter().for_each(|rule| assert!(block.contains(&format!(" {rule}: ")), "{name}: {rule}: {block}"));
    }
    let last = ran.stdout.trim_end().lines().last().unwrap();
    assert!(last.contains("objects: ") && last.ends_with("4 need attention"), "{last}");

    let machine = migrate(&[&common[..], &["--output", "json"]].concat()).await;
    let report: Value = serde_json::from_str(&machine.stdout).unwrap();
    assert_eq!((machine.code, &report["needAttention"]), (1, &json!(4)));
    assert!(report["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "drift" && finding["level"] == "act"));

    // A file with the same resource tells the same, as far as it can.
    let file = scene.folder().join("resources.yaml");
    std::fs::write(&file, scene.manifest("pod", &json!({"spec": {"tls": {"caRef": {"secretName": "ca"}}}})).to_string()).unwrap();
    let files = migrate(&["-f", path(&file)]).await;
    assert!(files.code == 1 && files.stdout.contains("refused: ") && files.stdout.contains("spec.tls.caRef"), "{}", files.stdout);

    for ran in [ran, machine, files] {
        assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "a value was printed");
    }
    assert_eq!(recorder.writes(), [], "something was written");
    assert!(!recorder.all().is_empty());
}

#[tokio::test]
async fn rights_are_asked_for_and_nothing_is_written() {
    let scene = Scene::new().await;
    let recorder = scene.recorder().await;
    let account = format!("{}/default", scene.namespace.name());
    let common = ["--kubeconfig", path(recorder.kubeconfig()), "--namespaces", scene.namespace.name()];
    let ran = migrate(&[&common[..], &["--service-account", &account]].concat()).await;
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(&format!("ServiceAccount {account}\n")), "{}", ran.stdout);
    assert!(ran.stdout.contains("right-missing: in namespace") && ran.stdout.contains("right-optional: "), "{}", ran.stdout);
    let others: Vec<Asked> = recorder.writes().into_iter().filter(|asked| !asked.path.ends_with("/subjectaccessreviews")).collect();
    assert_eq!(others, []);
    let wrong = migrate(&[&common[..], &["--service-account", "default"]].concat()).await;
    assert!(wrong.code == 2 && wrong.stderr.contains("NAMESPACE/NAME"), "{}", wrong.stderr);
    let none = migrate(&["-f", "/nowhere.yaml"]).await;
    assert!(none.code == 2 && none.stderr.contains("/nowhere.yaml"), "{}", none.stderr);
}
