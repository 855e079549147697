use super::world::{World, desired, value};
use anyhow::Result;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use operator::{
    outcome::Class,
    plan::{CreationPolicy, Desired, Target, TargetKind},
    target::{Applied, Change},
    trigger::Cause,
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use support::{ControlPlane, Metrics};

async fn requests(control_plane: &ControlPlane, resource: &str, verb: &str) -> Result<f64> {
    let text = control_plane.client().request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
    Ok(Metrics::parse(&text).sum("apiserver_request_total", &[("resource", resource), ("verb", verb)]))
}

#[tokio::test]
async fn a_new_target_costs_one_read_and_one_write_and_then_nothing() -> Result<()> {
    // Alone: the requests of the API server are counted.
    let world = World::on(ControlPlane::exclusive().await?).await?;
    let owner = world.owner("a").await?;
    let count = async |verb| requests(&world.control_plane, "secrets", verb).await;
    let before = (count("GET").await?, count("POST").await?, count("PUT").await?);
    let targets: Vec<_> = (0..20).map(|number| world.target(&format!("t-{number}"))).collect();
    world.targets.declare(&owner, &targets);
    let wanted = desired(&[("A", "1")]);
    for pass in 0..3 {
        let all: Vec<_> = targets.iter().map(|target| (target, &wanted)).collect();
        for applied in world.targets.apply_all(&owner, &all).await {
            let change = if pass == 0 { Change::Created } else { Change::Unchanged };
            assert_eq!(applied.unwrap().change, change);
        }
        world.targets.prune(&owner, &targets).await.unwrap();
        world.caught_up().await?;
    }
    let after = (count("GET").await?, count("POST").await?, count("PUT").await?);
    assert_eq!((after.0 - before.0, after.1 - before.1, after.2 - before.2), (20.0, 20.0, 0.0));
    assert_eq!(world.triggers.take(&owner.object), None, "its own writes woke it");
    Ok(())
}

#[tokio::test]
async fn a_target_that_the_first_list_lacks_is_created_without_a_look_and_never_over_another() -> Result<()> {
    // Alone: the requests of the API server are counted.
    let World { control_plane, namespace, .. } = World::on(ControlPlane::exclusive().await?).await?;
    let client = control_plane.client().clone();
    let world = World::with(control_plane, namespace, client.clone()).await;
    let owner = world.owner("a").await?;
    let targets: Vec<_> = (0..20).map(|number| world.target(&format!("t-{number}"))).collect();
    let World { control_plane, namespace, .. } = world;
    let mut world = World::declaring(control_plane, namespace, client, Some((&owner, &targets))).await;
    world.deafen().await;
    let foreign = json!({"metadata": {"name": "t-0"}, "stringData": {"THEIRS": "1"}});
    world.secrets().create(&PostParams::default(), &serde_json::from_value(foreign)?).await?;

    let before = requests(&world.control_plane, "secrets", "GET").await?;
    let wanted = desired(&[("A", "1")]);
    let all: Vec<_> = targets.iter().map(|target| (target, &wanted)).collect();
    let mut applied = world.targets.apply_all(&owner, &all).await.into_iter();
    assert_eq!(applied.next().unwrap().unwrap_err().reason, operator::reason::TARGET_EXISTS);
    assert!(applied.all(|applied| applied.unwrap().change == Change::Created));
    let after = requests(&world.control_plane, "secrets", "GET").await?;
    assert_eq!(after - before, 1.0, "only the one that refused to be created was looked at");
    assert_eq!(value(&world.secrets().get("t-0").await?, "THEIRS"), Some("1"));
    Ok(())
}

#[tokio::test]
async fn an_edited_and_a_deleted_target_wake_their_resource_and_are_repaired() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let (target, wanted) = (world.target("t"), desired(&[("A", "1"), ("B", "2")]));
    world.targets.declare(&owner, std::slice::from_ref(&target));
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Created);
    world.caught_up().await?;
    assert_eq!(world.triggers.take(&owner.object), None);

    world.edit("t", json!({"stringData": {"A": "edited", "C": "added"}})).await?;
    assert_eq!(world.woken(&owner.object).await?, Cause::Target);
    let applied = world.targets.apply(&owner, &target, &wanted).await.unwrap();
    assert!(applied.change == Change::Updated && applied.data_changed);
    let secret = world.secrets().get("t").await?;
    assert_eq!((value(&secret, "A"), value(&secret, "C")), (Some("1"), None));

    world.secrets().delete("t", &DeleteParams::default()).await?;
    assert_eq!(world.woken(&owner.object).await?, Cause::Target);
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Created);
    world.caught_up().await?;
    assert_eq!(world.triggers.take(&owner.object), None, "its own writes woke it");
    Ok(())
}

#[tokio::test]
async fn another_writer_loses_nothing_and_blocks_nothing() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let target = world.target("t");
    world.targets.apply(&owner, &target, &desired(&[("A", "0")])).await.unwrap();
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let other = tokio::spawn({
        let (secrets, stop, written) = (world.secrets(), Arc::clone(&stop), Arc::clone(&written));
        async move {
            while !stop.load(Ordering::Relaxed) {
                let number = written.fetch_add(1, Ordering::Relaxed).to_string();
                let patch = json!({"metadata": {"annotations": {"example.com/count": number}}});
                secrets.patch("t", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
            }
        }
    });
    let mut conflicts = 0;
    for number in 1..=20 {
        let wanted = desired(&[("A", &number.to_string())]);
        loop {
            match world.targets.apply(&owner, &target, &wanted).await {
                Ok(_) => break,
                Err(fault) => {
                    assert_eq!((fault.reason, fault.class), ("WriteConflict", Class::Transient));
                    conflicts += 1;
                    assert!(conflicts < 100, "it never gets through");
                }
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    other.await?;
    let secret = world.secrets().get("t").await?;
    let last = (written.load(Ordering::Relaxed) - 1).to_string();
    assert_eq!((value(&secret, "A"), secret.annotations().get("example.com/count")), (Some("20"), Some(&last)));
    Ok(())
}

#[tokio::test]
async fn a_secret_of_someone_else_is_left_alone_until_its_owner_allows_it() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    world.namespace.secret("t", [("THEIRS", "1")]).await?;
    let (target, wanted) = (world.target("t"), desired(&[("A", "canary")]));
    let fault = world.targets.apply(&owner, &target, &wanted).await.unwrap_err();
    assert_eq!((fault.reason, fault.class), ("TargetExists", Class::UserFix));
    assert!(fault.message.contains("THEIRS") && fault.message.contains("secrets.infisical.com/adopt"), "{}", fault.message);
    assert_eq!(value(&world.secrets().get("t").await?, "THEIRS"), Some("1"));

    world.edit("t", json!({"metadata": {"annotations": {"secrets.infisical.com/adopt": "true"}}})).await?;
    assert_eq!(world.woken(&owner.object).await?, Cause::Target);
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Updated);
    let secret = world.secrets().get("t").await?;
    assert_eq!((value(&secret, "A"), value(&secret, "THEIRS")), (Some("canary"), None));
    Ok(())
}

#[tokio::test]
async fn of_two_resources_with_one_target_the_older_keeps_it_until_it_lets_go() -> Result<()> {
    let world = World::new().await?;
    let (mut old, mut young) = (world.owner("old").await?, world.owner("young").await?);
    // Made within one second, as the API server counts: told apart here.
    (old.created, young.created) = ("2026-01-01T00:00:00Z".parse().ok(), "2026-01-02T00:00:00Z".parse().ok());
    let target = Target { policy: CreationPolicy::Orphan, ..world.target("t") };
    world.targets.declare(&young, std::slice::from_ref(&target));
    world.targets.apply(&young, &target, &desired(&[("A", "young")])).await.unwrap();
    world.targets.declare(&old, std::slice::from_ref(&target));
    assert_eq!(world.woken(&young.object).await?, Cause::Target);
    world.targets.apply(&old, &target, &desired(&[("A", "old")])).await.unwrap();
    let fault = world.targets.apply(&young, &target, &desired(&[("A", "young")])).await.unwrap_err();
    assert_eq!(fault.reason, "TargetClaimed");
    assert!(fault.message.contains(&old.object.to_string()), "{}", fault.message);
    assert_eq!(value(&world.secrets().get("t").await?, "A"), Some("old"));

    world.caught_up().await?;
    world.triggers.take(&young.object);
    world.targets.forget(&old.object);
    assert_eq!(world.woken(&young.object).await?, Cause::Target);
    assert_eq!(world.targets.apply(&young, &target, &desired(&[("A", "young")])).await.unwrap().change, Change::Updated);
    Ok(())
}

#[tokio::test]
async fn flipping_the_policy_keeps_the_object() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let (owned, wanted) = (world.target("t"), desired(&[("A", "1")]));
    let orphan = Target { policy: CreationPolicy::Orphan, ..owned.clone() };
    world.targets.apply(&owner, &owned, &wanted).await.unwrap();
    let before = world.secrets().get("t").await?;
    assert_eq!(before.owner_references()[0].uid, owner.uid);
    let applied = world.targets.apply(&owner, &orphan, &wanted).await.unwrap();
    assert!(applied.change == Change::Updated && !applied.data_changed);
    world.targets.prune(&owner, std::slice::from_ref(&orphan)).await.unwrap();
    let freed = world.secrets().get("t").await?;
    assert_eq!((freed.uid(), freed.owner_references().len()), (before.uid(), 0));
    world.targets.apply(&owner, &owned, &wanted).await.unwrap();
    let again = world.secrets().get("t").await?;
    assert_eq!((again.uid(), again.owner_references()), (before.uid(), before.owner_references()));
    Ok(())
}

#[tokio::test]
async fn a_target_that_is_no_longer_named_is_deleted_only_if_it_is_owned() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let wanted = desired(&[("A", "1")]);
    let config = Target { kind: TargetKind::ConfigMap, ..world.target("config") };
    let orphan = Target { policy: CreationPolicy::Orphan, ..world.target("orphan") };
    let all = [world.target("kept"), world.target("owned"), config, orphan, world.target("shared")];
    world.targets.declare(&owner, &all);
    for target in &all {
        world.targets.apply(&owner, target, &wanted).await.unwrap();
    }
    let other = world.owner("other").await?;
    let reference = |uid: &str, name: &str, controller: bool| json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "name": name, "uid": uid, "controller": controller});
    let references = json!([reference(&owner.uid, "a", true), reference(&other.uid, "other", false)]);
    world.edit("shared", json!({"metadata": {"ownerReferences": references}})).await?;
    world.namespace.secret("by-hand", [("THEIRS", "1")]).await?;
    world.edit("by-hand", json!({"metadata": {"ownerReferences": [reference(&owner.uid, "a", false)]}})).await?;
    world.caught_up().await?;
    let named = &all[..1];
    world.targets.declare(&owner, named);
    let configs: Api<ConfigMap> = world.namespace.api();
    // The watch of ConfigMaps is another one than the one that was waited for.
    world
        .namespace
        .eventually("what is owned to be deleted", async || {
            world.targets.prune(&owner, named).await.unwrap();
            let gone = configs.get_opt("config").await.unwrap().is_none() && world.secrets().get_opt("owned").await.unwrap().is_none();
            gone.then_some(()).ok_or("it is still there")
        })
        .await?;
    assert!(world.secrets().get_opt("orphan").await?.is_some());
    assert!(world.secrets().get_opt("by-hand").await?.is_some());
    assert!(world.secrets().get_opt("kept").await?.is_some());
    let shared = world.secrets().get("shared").await?;
    assert_eq!(shared.owner_references().iter().map(|reference| &reference.uid).collect::<Vec<_>>(), [&other.uid]);
    Ok(())
}

#[tokio::test]
async fn one_failing_target_holds_no_other_up() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    world.namespace.secret("taken", [("THEIRS", "1")]).await?;
    let mut elsewhere = Target { policy: CreationPolicy::Orphan, ..world.target("t") };
    elsewhere.name.namespace = "is-not-there".into();
    let (good, bad) = (desired(&[("A", "1")]), desired(&[("a b", "canary")]));
    let large = desired(&[("A", &"x".repeat(1024 * 1024 + 1))]);
    let targets: Vec<_> = ["first", "key", "large", "taken", "last"].iter().map(|name| world.target(name)).collect();
    let wanted =
        [(&targets[0], &good), (&targets[1], &bad), (&targets[2], &large), (&targets[3], &good), (&elsewhere, &good), (&targets[4], &good)];
    let results = world.targets.apply_all(&owner, &wanted).await;
    let reasons: Vec<_> = results.iter().map(|result| result.as_ref().map_or_else(|fault| fault.reason, |_| "ok")).collect();
    assert_eq!(reasons, ["ok", "InvalidKey", "TargetTooLarge", "TargetExists", "NamespaceNotFound", "ok"]);
    assert!(world.secrets().get_opt("last").await?.is_some() && world.secrets().get_opt("key").await?.is_none());
    Ok(())
}

#[tokio::test]
async fn what_the_api_server_refuses_is_said_without_a_value() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let typed = Target { secret_type: "kubernetes.io/dockerconfigjson".into(), ..world.target("t") };
    let fault = world.targets.apply(&owner, &typed, &desired(&[(".dockerconfigjson", "canary")])).await.unwrap_err();
    assert_eq!((fault.reason, fault.class), ("ApiServerInvalid", Class::UserFix));
    assert!(fault.message.contains(".dockerconfigjson") && !fault.message.contains("canary"), "{}", fault.message);
    Ok(())
}

#[tokio::test]
async fn types_and_immutability_are_told() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    world.targets.apply(&owner, &world.target("t"), &desired(&[("A", "1")])).await.unwrap();
    let typed = Target { secret_type: "example.com/other".into(), ..world.target("t") };
    for value in ["2", "2"] {
        let applied = world.targets.apply(&owner, &typed, &desired(&[("A", value)])).await.unwrap();
        assert_eq!(applied.warning.unwrap().reason, "SecretTypeImmutable");
    }
    assert_eq!(value(&world.secrets().get("t").await?, "A"), Some("2"));
    world.edit("t", json!({"immutable": true})).await?;
    let fault = world.targets.apply(&owner, &world.target("t"), &desired(&[("A", "3")])).await.unwrap_err();
    assert_eq!(fault.reason, "TargetImmutable");
    // As the message says.
    world.secrets().delete("t", &DeleteParams::default()).await?;
    assert_eq!(world.targets.apply(&owner, &typed, &desired(&[("A", "3")])).await.unwrap().change, Change::Created);
    assert_eq!(world.secrets().get("t").await?.type_.as_deref(), Some("example.com/other"));
    Ok(())
}

#[tokio::test]
async fn a_config_map_is_stable_after_its_creation_and_holds_bytes() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let target = Target { kind: TargetKind::ConfigMap, ..world.target("t") };
    let mut wanted = desired(&[("text", "1")]);
    wanted.data.insert("bytes".into(), Arc::new(vec![0xff, 0x00].into()));
    assert_eq!(world.targets.apply(&owner, &target, &wanted).await.unwrap().change, Change::Created);
    let configs: Api<ConfigMap> = world.namespace.api();
    let made = configs.get("t").await?;
    assert!(made.annotations().contains_key("secrets.infisical.com/version"));
    assert_eq!(made.binary_data.as_ref().and_then(|data| data.get("bytes")).map(|bytes| bytes.0.as_slice()), Some([0xff, 0x00].as_slice()));
    // An operator that just started remembers nothing, compares, and writes nothing.
    let world = world.restarted().await;
    let Applied { change, .. } = world.targets.apply(&owner, &target, &wanted).await.unwrap();
    assert_eq!((change, configs.get("t").await?.resource_version()), (Change::Unchanged, made.resource_version()));
    Ok(())
}

#[tokio::test]
async fn volatile_values_outlive_a_restart_of_the_operator() -> Result<()> {
    let world = World::new().await?;
    let owner = world.owner("a").await?;
    let target = world.target("t");
    let rolled = |random: &str, inputs: &str| Desired {
        volatile: ["R".to_owned()].into(),
        inputs: inputs.into(),
        ..desired(&[("A", "1"), ("R", random)])
    };
    world.targets.apply(&owner, &target, &rolled("first", "i")).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(world.targets.apply(&owner, &target, &rolled("second", "i")).await.unwrap().change, Change::Unchanged);
    assert_eq!(value(&world.secrets().get("t").await?, "R"), Some("first"));
    assert_eq!(world.targets.apply(&owner, &target, &rolled("third", "j")).await.unwrap().change, Change::Updated);
    assert_eq!(value(&world.secrets().get("t").await?, "R"), Some("third"));
    Ok(())
}

#[tokio::test]
async fn taking_over_from_the_peer_writes_nothing() -> Result<()> {
    let world = World::new().await?;
    let mut owner = world.owner("plain").await?;
    owner.labels = [("app.kubernetes.io/part-of".to_owned(), "shop".to_owned()), ("team".to_owned(), "payments".to_owned())].into();
    owner.annotations =
        [("example.com/note".to_owned(), "copied".to_owned()), ("helm.sh/chart".to_owned(), "not-copied".to_owned())].into();
    let left: Secret = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "data": {"KEY_0": "dmFsdWUtL2FwcDAtMC12MQ==", "KEY_1": "dmFsdWUtL2FwcDAtMS12MQ==", "KEY_2": "dmFsdWUtL2FwcDAtMi12MQ=="},
        "metadata": {
            "name": "plain-managed",
            "labels": {"app.kubernetes.io/part-of": "shop", "team": "payments"},
            "annotations": {
                "example.com/note": "copied",
                "secrets.infisical.com/managed-annotations": "example.com/note",
                "secrets.infisical.com/managed-labels": "app.kubernetes.io/part-of,team",
                "secrets.infisical.com/version": "W/\"secrets-69-3E565A65\"",
            },
        },
    }))?;
    let left = world.secrets().create(&PostParams::default(), &left).await?;
    let target = Target { policy: CreationPolicy::Orphan, ..world.target("plain-managed") };
    let wanted = desired(&[("KEY_0", "value-/app0-0-v1"), ("KEY_1", "value-/app0-1-v1"), ("KEY_2", "value-/app0-2-v1")]);
    let applied = world.targets.apply(&owner, &target, &wanted).await.unwrap();
    assert_eq!((applied.change, applied.version.as_str()), (Change::Unchanged, "W/\"secrets-69-3E565A65\""));
    assert_eq!(world.secrets().get("plain-managed").await?.resource_version(), left.resource_version());
    Ok(())
}
