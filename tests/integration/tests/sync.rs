//! An InfisicalSecret becomes Secrets and ConfigMaps, and these follow the server.
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::{Operation, Place, Tls};
use integration::{Scene, until};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn data_labels_and_annotations_are_those_of_the_go_operator() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene
        .infisical_secret(
            "a",
            json!({"metadata": {
                "labels": {"team": "payments", "app.kubernetes.io/part-of": "shop"},
                "annotations": {
                    "example.com/note": "copied",
                    "helm.sh/chart": "not copied",
                    "argocd.argoproj.io/tracking-id": "shop:secrets.infisical.com/InfisicalSecret:n/a",
                },
            }}),
        )
        .await;
    scene.synced("a").await;
    let secret = scene.secret("a").await;
    assert_eq!(secret.type_.as_deref(), Some("Opaque"));
    assert_eq!(secret.labels(), &pairs(&[("app.kubernetes.io/part-of", "shop"), ("team", "payments")]));
    assert_eq!(
        secret.annotations(),
        &pairs(&[
            ("example.com/note", "copied"),
            ("secrets.infisical.com/managed-annotations", "example.com/note"),
            ("secrets.infisical.com/managed-labels", "app.kubernetes.io/part-of,team"),
            ("secrets.infisical.com/version", "W/\"secrets-12-E94303F5\""),
        ])
    );
    assert!(secret.owner_references().is_empty(), "the default policy is Orphan");
    assert_eq!(integration::text(secret), pairs(&[("A", "one"), ("B", "two")]));

    for (kind, reason) in [
        ("Ready", "Synced"),
        ("secrets.infisical.com/LoadedInfisicalToken", "OK"),
        ("secrets.infisical.com/ReadyToSyncSecrets", "OK"),
        ("secrets.infisical.com/AutoRedeployReady", "OK"),
    ] {
        let condition = scene.condition("a", kind).await;
        assert_eq!((condition.status.as_str(), condition.reason.as_str(), condition.observed_generation), ("True", reason, Some(1)));
    }
    let loaded = scene.condition("a", "secrets.infisical.com/LoadedInfisicalToken").await;
    assert!(loaded.message.contains("UNIVERSAL_MACHINE_IDENTITY"), "{}", loaded.message);

    // A label of the resource reaches the target though neither generation nor source has changed, and goes from it again.
    let api: Api<InfisicalSecret> = scene.namespace.api();
    let relabel = json!({"metadata": {"labels": {"team": null, "tier": "gold"}}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(relabel)).await.unwrap();
    let wanted = pairs(&[("app.kubernetes.io/part-of", "shop"), ("tier", "gold")]);
    until("the target to be relabelled", async || {
        let labels = scene.secret("a").await.labels().clone();
        if labels == wanted { Ok(()) } else { Err(format!("{labels:?}")) }
    })
    .await;
}

#[tokio::test]
async fn an_edit_at_the_server_follows_within_the_interval() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.set("A", "edited");
    scene.set("NEW", "new");
    scene.holds("a", &[("A", "edited"), ("B", "two"), ("NEW", "new")]).await;
    scene.infisical.state().delete_secret(&scene.dev("/"), "B").unwrap();
    scene.holds("a", &[("A", "edited"), ("NEW", "new")]).await;

    // A quiet interval: the server is asked, nothing is written.
    let before = (scene.identity::<Secret>("a").await, scene.identity::<InfisicalSecret>("a").await);
    scene.calls(Operation::ListSecrets, 2).await;
    assert_eq!((scene.identity::<Secret>("a").await, scene.identity::<InfisicalSecret>("a").await), before);
    assert!(scene.infisical.calls().read(|log| log.with_status(Operation::ListSecrets, 304)) > 0);
    assert!(scene.events("a").await.is_empty(), "a sync is no Event");
}

#[tokio::test]
async fn a_resync_is_forced_by_annotation() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.set("A", "edited");
    scene.resync("a").await;
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
}

#[tokio::test]
async fn secrets_are_read_by_tag() {
    let scene = Scene::with(|config| {
        let project = &mut config.seed.projects[0];
        project.tags = vec!["shared".into()];
        let tagged = json!({"value": "tagged", "tags": ["shared"]});
        let folder = project.environments[0].folders.get_mut("/").unwrap();
        folder.secrets.insert("TAGGED".into(), serde_json::from_value(tagged).unwrap());
    })
    .await;
    let _operator = scene.start().await;
    let by = |scope: serde_json::Value| json!({"spec": {"authentication": {"universalAuth": {"secretsScope": scope}}}});
    scene.infisical_secret("tagged", by(json!({"tagSlugs": ["shared", "other"]}))).await;
    scene.infisical_secret("all", json!({})).await;
    scene.holds("tagged", &[("TAGGED", "tagged")]).await;
    scene.holds("all", &[("A", "one"), ("B", "two"), ("TAGGED", "tagged")]).await;
    scene.infisical_secret("both", by(json!({"tagSlugs": ["shared"], "secretName": "A"}))).await;
    let message = scene.failed("both", "InvalidScope").await;
    assert!(message.contains("tagSlugs") && message.contains("secretName"), "{message}");
}

#[tokio::test]
async fn one_read_makes_several_targets_with_and_without_templates() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let entry = |all: bool| json!({"includeAllSecrets": all, "data": {"A": "<{{ .A.Value }}>", "PATH": "{{ .B.SecretPath }}"}});
    scene
        .infisical_secret(
            "a",
            json!({"metadata": {"labels": {"team": "payments"}}, "spec": {
                "managedKubeSecretReferences": [
                    {"secretName": "plain", "secretNamespace": namespace},
                    {"secretName": "rendered", "secretNamespace": namespace, "creationPolicy": "Owner", "template": entry(false)},
                    {"secretName": "both", "secretNamespace": namespace, "secretType": "example.com/kind", "template": entry(true)},
                    {"secretName": "described", "secretNamespace": namespace,
                        "template": {"includeAllSecrets": true, "metadata": {"labels": {"from": "template"}, "annotations": {"example.com/t": "1"}}}},
                ],
                "managedKubeConfigMapReferences": [
                    {"configMapName": "settings", "configMapNamespace": namespace},
                    {"configMapName": "file", "configMapNamespace": namespace, "creationPolicy": "Owner",
                        "template": {"data": {"app.conf": "a = {{ .A.Value | upper }}\n"}}},
                ],
            }}),
        )
        .await;
    scene.synced("a").await;
    assert_eq!(scene.data("plain").await, pairs(&[("A", "one"), ("B", "two")]));
    assert_eq!(scene.data("rendered").await, pairs(&[("A", "<one>"), ("PATH", "/")]));
    assert_eq!(scene.data("both").await, pairs(&[("A", "<one>"), ("B", "two"), ("PATH", "/")]));
    assert_eq!(scene.secret("both").await.type_.as_deref(), Some("example.com/kind"));
    let described = scene.secret("described").await;
    assert_eq!(described.labels(), &pairs(&[("from", "template")]));
    assert_eq!(described.annotations(), &pairs(&[("example.com/t", "1"), ("secrets.infisical.com/version", "W/\"secrets-12-E94303F5\"")]));
    let owners = scene.secret("rendered").await.owner_references().to_vec();
    assert_eq!((owners.len(), owners[0].kind.as_str(), owners[0].controller), (1, "InfisicalSecret", Some(true)));

    let maps: Api<ConfigMap> = scene.namespace.api();
    let settings = maps.get("settings").await.unwrap();
    assert_eq!(settings.data.clone().unwrap(), pairs(&[("A", "one"), ("B", "two")]));
    assert_eq!(settings.annotations()["secrets.infisical.com/version"], "W/\"secrets-12-E94303F5\"");
    assert_eq!(maps.get("file").await.unwrap().data.unwrap(), pairs(&[("app.conf", "a = ONE\n")]));
    assert_eq!(scene.infisical.calls().count(Operation::ListSecrets), 1);

    // The resource goes: what it owns goes with it, the rest stays.
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let secrets: Api<Secret> = scene.namespace.api();
    until("the owned targets to go", async || match (secrets.get_opt("rendered").await, maps.get_opt("file").await) {
        (Ok(None), Ok(None)) => Ok(()),
        _ => Err("they are there"),
    })
    .await;
    assert_eq!(scene.data("plain").await, pairs(&[("A", "one"), ("B", "two")]));
    assert!(maps.get("settings").await.is_ok());
}

#[tokio::test]
async fn each_scope_reads_what_it_says() {
    let scene = Scene::new().await;
    let server = scene.infisical.state();
    server.set_secret(&scene.dev("/"), "URL", "${A}@${prod.A}").unwrap();
    server.create_folder(&scene.dev("/importing")).unwrap();
    server.set_secret(&scene.dev("/importing"), "OWN", "own").unwrap();
    server.set_imports(&scene.dev("/importing"), &[("dev", "/app")]).unwrap();
    let _operator = scene.start().await;
    let cases = [
        ("by-slug", json!({"secretsPath": "/app"}), vec![("C", "three")]),
        (
            "by-id",
            json!({"secretsPath": "app/", "projectSlug": null, "projectId": "33333333-4444-4555-8666-777777777777"}),
            vec![("C", "three")],
        ),
        ("recursive", json!({"recursive": true}), vec![("A", "one"), ("B", "two"), ("C", "three"), ("OWN", "own"), ("URL", "one@uno")]),
        ("single", json!({"secretName": "B"}), vec![("B", "two")]),
        ("imports", json!({"secretsPath": "/importing"}), vec![("C", "three"), ("OWN", "own")]),
        ("prod", json!({"envSlug": "prod"}), vec![("A", "uno")]),
    ];
    for (name, scope, _) in &cases {
        scene.infisical_secret(name, json!({"spec": {"authentication": {"universalAuth": {"secretsScope": scope}}}})).await;
    }
    for (name, _, wanted) in &cases {
        scene.holds(name, wanted).await;
    }
    // A single secret follows too.
    scene.set("B", "edited");
    scene.holds("single", &[("B", "edited")]).await;
    assert_eq!(scene.infisical.logins(), 1);
}

#[tokio::test]
async fn a_server_without_v4_and_one_of_an_older_generation_are_read_too() {
    let scene = Scene::with(|config| {
        config.v4 = false;
        config.generation = infisical_dev_server::Generation::Mid;
    })
    .await;
    scene.infisical.state().set_secret(&scene.dev("/"), "URL", "${A}!").unwrap();
    scene.infisical.state().set_imports(&scene.dev("/"), &[("dev", "/app")]).unwrap();
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    scene.holds("a", &[("A", "one"), ("B", "two"), ("C", "three"), ("URL", "one!")]).await;
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two"), ("C", "three"), ("URL", "edited!")]).await;
    // The missing route is asked for once, not at each read.
    let missing = scene.infisical.calls().read(|log| log.with_status(Operation::ListSecrets, 404));
    assert_eq!(missing, 1);
}

#[tokio::test]
async fn older_forms_are_served_with_a_warning() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    scene
        .infisical_secret(
            "old",
            json!({"spec": {
                "hostAPI": format!("{}/api/", scene.infisical.url()),
                "syncConfig": null,
                "resyncInterval": 5,
                "managedKubeSecretReferences": null,
                "managedSecretReference": {"secretName": "old", "secretNamespace": namespace, "creationPolicy": "Orphan", "secretType": "Opaque"},
            }}),
        )
        .await;
    scene.holds("old", &[("A", "one"), ("B", "two")]).await;
    let ready = scene.synced("old").await;
    assert!(ready.message.contains("spec.resyncInterval"), "{}", ready.message);
    assert!(scene.event("old", "DeprecatedField").await.contains("spec.syncConfig.resyncInterval"));
    scene.set("A", "edited");
    scene.holds("old", &[("A", "edited"), ("B", "two")]).await;

    let odd = json!([{"secretName": "odd", "secretNamespace": namespace, "creationPolicy": "Whatever"}]);
    scene.infisical_secret("odd", json!({"spec": {"managedKubeSecretReferences": odd}})).await;
    assert!(scene.event("odd", "UnknownValue").await.contains("treated as Orphan"));
    assert!(scene.secret("odd").await.owner_references().is_empty());
}

#[tokio::test]
async fn the_global_config_map_says_where_the_server_is_and_is_followed() {
    let scene = Scene::new().await;
    let other = scene.another_server(|_| {}).await;
    other.state().set_secret(&Place::new("shop", "dev", "/"), "A", "other").unwrap();
    scene.config(&[("hostAPI", &scene.infisical.url())]).await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({"spec": {"hostAPI": null}})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    scene.config(&[("hostAPI", &format!("{}/api", other.url()))]).await;
    scene.holds("a", &[("A", "other"), ("B", "two")]).await;
    // No token of the first server was ever shown to the second.
    assert!(other.calls().all().iter().all(|call| call.status.is_none_or(|status| status < 400)), "{:?}", other.calls().all());
}

#[tokio::test]
async fn a_private_ca_is_used_for_every_call_and_its_rotation_is_followed() {
    let scene = Scene::with(|config| config.tls = Some(Tls::default())).await;
    let namespace = scene.namespace.name();
    let _operator = scene.start().await;
    let ca = json!({"spec": {"tls": {"caRef": {"secretName": "ca", "secretNamespace": namespace, "key": "ca.crt"}}}});
    scene.infisical_secret("a", ca).await;
    assert!(scene.failed("a", "SecretNotFound").await.contains("spec.tls.caRef"));
    let stranger = scene.another_server(|config| config.tls = Some(Tls::default())).await;
    scene.namespace.secret("ca", [("ca.crt", stranger.ca_pem().unwrap())]).await.unwrap();
    assert!(scene.failed("a", "Unreachable").await.contains("certificate"));
    scene.namespace.secret("ca", [("ca.crt", scene.infisical.ca_pem().unwrap())]).await.unwrap();
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert_eq!(scene.infisical.logins(), 1);
}

#[tokio::test]
async fn a_target_that_fails_holds_no_other_up() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    scene
        .infisical_secret(
            "a",
            json!({"spec": {"managedKubeSecretReferences": [
                {"secretName": "first", "secretNamespace": namespace},
                {"secretName": "middle", "secretNamespace": "no-such-namespace"},
                {"secretName": "last", "secretNamespace": namespace},
            ]}}),
        )
        .await;
    let message = scene.failed("a", "NamespaceNotFound").await;
    assert!(message.contains("1 of 3 targets") && message.contains("spec.managedKubeSecretReferences[1]"), "{message}");
    for name in ["first", "last"] {
        assert_eq!(scene.data(name).await, pairs(&[("A", "one"), ("B", "two")]));
    }
}

#[tokio::test]
async fn a_target_that_is_written_wrong_holds_no_other_up_and_nothing_goes_meanwhile() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let target = |name: &str, labels: Value| {
        let template = json!({"includeAllSecrets": true, "metadata": {"labels": labels, "annotations": {}}});
        json!({"secretName": name, "secretNamespace": scene.namespace.name(), "creationPolicy": "Owner", "template": template})
    };
    let good = |name: &str| target(name, json!({"team": "shop"}));
    let targets = |targets: Value| json!({"spec": {"managedKubeSecretReferences": targets}});
    scene.infisical_secret("a", targets(json!([good("first"), good("middle"), good("renamed")]))).await;
    scene.synced("a").await;
    let before = [scene.identity::<Secret>("middle").await, scene.identity::<Secret>("renamed").await];
    let wrong = target("middle", json!({"team": "the shop"}));
    scene.infisical_secret("a", targets(json!([good("first"), wrong, good("last")]))).await;
    let message = scene.failed("a", "InvalidTemplate").await;
    let place = "spec.managedKubeSecretReferences[1].template.metadata.labels[\"team\"]";
    assert!(message.contains("1 of 3 targets failed") && message.contains(place), "{message}");
    scene.holds("last", &[("A", "one"), ("B", "two")]).await;
    scene.set("A", "edited");
    for name in ["first", "last"] {
        scene.holds(name, &[("A", "edited"), ("B", "two")]).await;
    }
    assert_eq!([scene.identity::<Secret>("middle").await, scene.identity::<Secret>("renamed").await], before);
    // Nobody else may have what it names.
    scene.infisical_secret("middle", json!({})).await;
    scene.failed("middle", "TargetClaimed").await;
    scene.infisical_secret("a", targets(json!([good("first"), good("middle"), good("last")]))).await;
    scene.synced("a").await;
    scene.holds("middle", &[("A", "edited"), ("B", "two")]).await;
    let secrets: Api<Secret> = scene.namespace.api();
    until("the old target to go", async || match secrets.get_opt("renamed").await {
        Ok(None) => Ok(()),
        _ => Err("it is there"),
    })
    .await;
}

#[tokio::test]
async fn only_the_finalizer_of_old_versions_is_taken_away() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    let finalizers = json!({"metadata": {"finalizers": ["secrets.finalizers.infisical.com", "example.com/hold"]}});
    scene.infisical_secret("a", finalizers).await;
    scene.synced("a").await;
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    until("the old finalizer to go", async || {
        let left = scene.resource("a").await.finalizers().to_vec();
        if left == ["example.com/hold"] { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    operator.stop().await;
    let none = json!({"metadata": {"finalizers": null}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
}
