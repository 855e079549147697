use super::*;
use crate::{
    object::{Name, ObjectRef},
    plan::{CreationPolicy, Metadata},
    target::testing::{data, desired, live, owner, target, version_of},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn replaced(compared: Compared) -> Object {
    match compared.step {
        Step::Replace(object) => object,
        Step::Nothing => panic!("nothing to write"),
        Step::Create(_) => panic!("to be created"),
    }
}

fn is_nothing(compared: &Compared) -> bool {
    matches!(compared.step, Step::Nothing)
}

/// As the API server would keep what is created.
fn stored(compared: Compared) -> Object {
    let Step::Create(mut object) = compared.step else { panic!("not created") };
    object.metadata.uid = Some("live".into());
    object.metadata.resource_version = Some("1".into());
    object.metadata.labels = object.metadata.labels.filter(|labels| !labels.is_empty());
    object.metadata.owner_references = object.metadata.owner_references.filter(|references| !references.is_empty());
    object
}

#[test]
fn what_is_created_needs_no_second_write() {
    for kind in [TargetKind::Secret, TargetKind::ConfigMap] {
        for policy in [CreationPolicy::Owner, CreationPolicy::Orphan] {
            let target = Target { kind, policy, ..target("t") };
            let desired = desired(&[("A", "1")]);
            let created = compare(None, &owner(), &target, &desired, None).unwrap();
            assert!(created.data_changed);
            assert_eq!(created.version, r#"W/"secrets-4-C4B1E7F6""#);
            let object = stored(created);
            assert_eq!(object.annotation(annotation::VERSION), Some(r#"W/"secrets-4-C4B1E7F6""#));
            assert!(is_nothing(&compare(Some(&object), &owner(), &target, &desired, None).unwrap()));
        }
    }
}

#[test]
fn edited_data_is_repaired_though_its_version_annotation_is_right() {
    let wanted = desired(&[("A", "1"), ("B", "2")]);
    for edited in [data(&[("A", "edited"), ("B", "2")]), data(&[("A", "1")]), data(&[("A", "1"), ("B", "2"), ("C", "added")])] {
        let mut object = stored(compare(None, &owner(), &target("t"), &wanted, None).unwrap());
        object.data = edited;
        let compared = compare(Some(&object), &owner(), &target("t"), &wanted, None).unwrap();
        assert!(compared.data_changed);
        let object = replaced(compared);
        assert!(same_data(&object.data, &wanted.data));
        assert_eq!(object.metadata.resource_version.as_deref(), Some("1"));
    }
}

#[test]
fn an_edited_version_annotation_is_repaired_without_a_restart() {
    let wanted = desired(&[("A", "1")]);
    let mut object = stored(compare(None, &owner(), &target("t"), &wanted, None).unwrap());
    object.metadata.annotations.get_or_insert_default().insert(annotation::VERSION.into(), "edited".into());
    let compared = compare(Some(&object), &owner(), &target("t"), &wanted, None).unwrap();
    assert!(!compared.data_changed);
    assert_eq!(replaced(compared).annotation(annotation::VERSION), Some(version_of(&wanted.data).as_str()));
}

#[test]
fn what_others_put_is_carried_over() {
    let mut object = stored(compare(None, &owner(), &target("t"), &desired(&[("A", "1")]), None).unwrap());
    object.metadata.labels = Some(BTreeMap::from([("theirs".into(), "l".into())]));
    object.metadata.annotations.get_or_insert_default().insert("theirs".into(), "a".into());
    object.metadata.finalizers = Some(vec!["theirs.example.com/hold".into()]);
    object.immutable = Some(false);
    let after = replaced(compare(Some(&object), &owner(), &target("t"), &desired(&[("A", "2")]), None).unwrap());
    assert_eq!(after.metadata.labels, object.metadata.labels);
    assert_eq!(after.annotation("theirs"), Some("a"));
    assert_eq!(after.metadata.finalizers, object.metadata.finalizers);
    assert_eq!(after.immutable, Some(false));
    assert_eq!(after.metadata.managed_fields, None);
}

#[test]
fn flipping_the_policy_keeps_the_object_and_changes_only_the_reference() {
    let wanted = desired(&[("A", "1")]);
    let owned = stored(compare(None, &owner(), &target("t"), &wanted, None).unwrap());
    let orphan = Target { policy: CreationPolicy::Orphan, ..target("t") };
    let compared = compare(Some(&owned), &owner(), &orphan, &wanted, None).unwrap();
    assert!(!compared.data_changed);
    let freed = replaced(compared);
    assert_eq!(freed.metadata.owner_references, Some(vec![]));
    assert!(same_data(&freed.data, &owned.data));
    let again = replaced(compare(Some(&freed), &owner(), &target("t"), &wanted, None).unwrap());
    assert_eq!(again.metadata.owner_references, owned.metadata.owner_references);
}

/// As the peer does, which looks at the policy only when it makes a target.
#[test]
fn a_target_that_would_be_owned_across_namespaces_is_not_made_but_kept_up() {
    let far = Target { name: Name::new("far", "t"), ..target("t") };
    let fault = compare(None, &owner(), &far, &desired(&[("A", "1")]), None).err().unwrap();
    assert_eq!(fault.reason, reason::OWNER_ELSEWHERE);
    assert!(fault.message.starts_with("spec.managedKubeSecretReferences[0].creationPolicy is Owner"), "{}", fault.message);
    let orphan = Target { policy: CreationPolicy::Orphan, ..far.clone() };
    let there = stored(compare(None, &owner(), &orphan, &desired(&[("A", "1")]), None).unwrap());
    let same = compare(Some(&there), &owner(), &far, &desired(&[("A", "1")]), None).unwrap();
    assert!(matches!(same.step, Step::Nothing) && same.warning.as_ref().is_some_and(|warning| warning.reason == reason::OWNER_ELSEWHERE));
    let changed = compare(Some(&there), &owner(), &far, &desired(&[("A", "2")]), None).unwrap();
    assert!(changed.warning.is_some_and(|warning| warning.message.contains("stays when InfisicalSecret n/a goes")));
    let Step::Replace(after) = changed.step else { panic!("it is kept up to date") };
    assert_eq!((after.metadata.owner_references, after.metadata.annotations.unwrap().get(annotation::OWNER)), (Some(vec![]), None));
    // What bears no note and holds something is nobody's to keep up.
    let foreign = live(&data(&[("THEIRS", "1")]));
    assert_eq!(compare(Some(&foreign), &owner(), &far, &desired(&[("A", "1")]), None).err().unwrap().reason, reason::TARGET_EXISTS);
}

#[test]
fn a_relabelled_resource_relabels_its_target() {
    let wanted = desired(&[("A", "1")]);
    let object = stored(compare(None, &owner(), &target("t"), &wanted, None).unwrap());
    let mut relabelled = owner();
    relabelled.labels.insert("team".into(), "x".into());
    let compared = compare(Some(&object), &relabelled, &target("t"), &wanted, None).unwrap();
    assert!(!compared.data_changed);
    assert_eq!(replaced(compared).metadata.labels, Some(BTreeMap::from([("team".into(), "x".into())])));
}

#[test]
fn an_edited_type_is_a_warning_and_the_data_stays_fresh() {
    let object = stored(compare(None, &owner(), &target("t"), &desired(&[("A", "1")]), None).unwrap());
    let tls = Target { secret_type: "kubernetes.io/tls".into(), ..target("t") };
    let compared = compare(Some(&object), &owner(), &tls, &desired(&[("A", "2")]), None).unwrap();
    let warning = compared.warning.clone().unwrap();
    assert_eq!(warning.reason, "SecretTypeImmutable");
    assert!(warning.message.contains("[0].secretType") && warning.message.contains("kubernetes.io/tls"), "{}", warning.message);
    assert_eq!(replaced(compared).secret_type.as_deref(), Some("Opaque"));
}

#[test]
fn an_immutable_object_is_refused_only_when_its_data_is_old() {
    let mut object = stored(compare(None, &owner(), &target("t"), &desired(&[("A", "1")]), None).unwrap());
    object.immutable = Some(true);
    assert!(is_nothing(&compare(Some(&object), &owner(), &target("t"), &desired(&[("A", "1")]), None).unwrap()));
    let fault = compare(Some(&object), &owner(), &target("t"), &desired(&[("A", "canary")]), None).err().unwrap();
    assert_eq!(fault.reason, "TargetImmutable");
    assert!(!fault.message.contains("canary"));
}

#[test]
fn an_adopted_empty_secret_is_filled() {
    let compared = compare(Some(&live(&data(&[]))), &owner(), &target("t"), &desired(&[("A", "1")]), None).unwrap();
    assert!(compared.data_changed);
    assert_eq!(replaced(compared).metadata.uid.as_deref(), Some("live"));
}

#[test]
fn volatile_values_are_noted_with_a_write_and_never_a_reason_for_one() {
    let volatile = |random: &str| Desired { volatile: ["R".to_owned()].into(), ..desired(&[("A", "1"), ("R", random)]) };
    let created = stored(compare(None, &owner(), &target("t"), &volatile("first"), None).unwrap());
    assert_eq!(created.annotation(annotation::INPUTS), Some("inputs"));
    assert!(is_nothing(&compare(Some(&created), &owner(), &target("t"), &volatile("second"), None).unwrap()));
    let mut peers = created.clone();
    peers.metadata.annotations.get_or_insert_default().remove(annotation::INPUTS);
    let taken = compare(Some(&peers), &owner(), &target("t"), &volatile("second"), None).unwrap();
    assert!(is_nothing(&taken));
    assert_eq!(taken.remember.as_deref(), Some("inputs"));
    // Written for another reason: noted now.
    let mut relabelled = owner();
    relabelled.labels.insert("team".into(), "x".into());
    let after = replaced(compare(Some(&peers), &relabelled, &target("t"), &volatile("third"), Some("inputs")).unwrap());
    assert_eq!(after.annotation(annotation::INPUTS), Some("inputs"));
    assert!(same_data(&after.data, &created.data));
    // No longer volatile: the note goes with the next write, and is no reason for one.
    let plain = desired(&[("A", "1"), ("R", "first")]);
    assert!(is_nothing(&compare(Some(&created), &owner(), &target("t"), &plain, None).unwrap()));
    let plain = desired(&[("A", "1"), ("R", "plain")]);
    let after = replaced(compare(Some(&created), &owner(), &target("t"), &plain, None).unwrap());
    assert_eq!(after.annotation(annotation::INPUTS), None);
}

/// What the peer left behind on a real API server for two resources (`plain`, `owned`), server-side fields shortened.
fn left_by_the_peer() -> Vec<(Owner, Target, Value)> {
    let resource = |name: &str, uid: &str, labels: Value, annotations: Value| Owner {
        object: ObjectRef { kind: "InfisicalSecret", namespace: "shop".into(), name: name.into() },
        uid: uid.into(),
        labels: serde_json::from_value(labels).unwrap(),
        annotations: serde_json::from_value(annotations).unwrap(),
        ..owner()
    };
    let plain = resource(
        "plain",
        "e10133c4-6e9b-4fbd-87ce-d650993233de",
        json!({"app.kubernetes.io/part-of": "shop", "team": "payments"}),
        json!({"example.com/note": "copied", "helm.sh/chart": "not-copied", "kubectl.kubernetes.io/last-applied-configuration": "{}"}),
    );
    let owned = resource("owned", "9d65cef3-84a3-4b4a-926a-71f4422f7074", json!({}), json!({}));
    let of = |kind, name: &str, policy, metadata| Target {
        kind,
        name: Name::new("shop", name),
        secret_type: "Opaque".into(),
        policy,
        metadata,
        ..target("t")
    };
    let reference = json!([{
        "apiVersion": "secrets.infisical.com/v1alpha1", "blockOwnerDeletion": true, "controller": true,
        "kind": "InfisicalSecret", "name": "owned", "uid": "9d65cef3-84a3-4b4a-926a-71f4422f7074",
    }]);
    let templated = Metadata {
        labels: BTreeMap::from([("from".into(), "template".into())]),
        annotations: BTreeMap::from([("example.com/t".into(), "1".into())]),
    };
    vec![
        (
            plain,
            of(TargetKind::Secret, "plain-managed", CreationPolicy::Orphan, None),
            json!({
                "kind": "Secret", "apiVersion": "v1", "type": "Opaque",
                "data": {"KEY_0": "dmFsdWUtL2FwcDAtMC12MQ==", "KEY_1": "dmFsdWUtL2FwcDAtMS12MQ==", "KEY_2": "dmFsdWUtL2FwcDAtMi12MQ=="},
                "metadata": {
                    "annotations": {
                        "example.com/note": "copied",
                        "secrets.infisical.com/managed-annotations": "example.com/note",
                        "secrets.infisical.com/managed-labels": "app.kubernetes.io/part-of,team",
                        "secrets.infisical.com/version": "W/\"secrets-69-3E565A65\"",
                    },
                    "labels": {"app.kubernetes.io/part-of": "shop", "team": "payments"},
                    "name": "plain-managed", "namespace": "shop", "resourceVersion": "48205", "uid": "c935e874-9e32-4418-b5a3-7d746639c9c7",
                },
            }),
        ),
        (
            owned.clone(),
            of(TargetKind::Secret, "owned-template", CreationPolicy::Owner, Some(templated)),
            json!({
                "kind": "Secret", "apiVersion": "v1", "type": "Opaque",
                "data": {
                    "KEY_0": "dmFsdWUtL2FwcDEtMC12MQ==", "KEY_1": "dmFsdWUtL2FwcDEtMS12MQ==", "KEY_2": "dmFsdWUtL2FwcDEtMi12MQ==",
                    "UPPER": "VmtGTVZVVXRMMEZRVURFdE1pMVdNUT09", "URL": "aHR0cHM6Ly92YWx1ZS0vYXBwMS0wLXYxQC9hcHAx",
                },
                "metadata": {
                    "annotations": {"example.com/t": "1", "secrets.infisical.com/version": "W/\"secrets-135-9262D3DC\""},
                    "labels": {"from": "template"}, "ownerReferences": reference,
                    "name": "owned-template", "namespace": "shop", "resourceVersion": "48178", "uid": "4f199f97-8ff2-4783-a771-5da983ce852f",
                },
            }),
        ),
        (
            owned,
            of(TargetKind::ConfigMap, "owned-config", CreationPolicy::Owner, None),
            json!({
                "kind": "ConfigMap", "apiVersion": "v1",
                "data": {"KEY_0": "value-/app1-0-v1", "KEY_1": "value-/app1-1-v1", "KEY_2": "value-/app1-2-v1"},
                "metadata": {
                    "annotations": {
                        "secrets.infisical.com/managed-annotations": "",
                        "secrets.infisical.com/managed-labels": "",
                        "secrets.infisical.com/version": "W/\"secrets-69-DA990298\"",
                    },
                    "ownerReferences": reference,
                    "name": "owned-config", "namespace": "shop", "resourceVersion": "48216", "uid": "238febbf-9698-4ebd-95ba-a8bb518ec432",
                },
            }),
        ),
    ]
}

fn decoded(kind: TargetKind, object: &Value) -> Object {
    match kind {
        TargetKind::Secret => serde_json::from_value::<Secret>(object.clone()).unwrap().into(),
        TargetKind::ConfigMap => serde_json::from_value::<ConfigMap>(object.clone()).unwrap().into(),
    }
}

#[test]
fn taking_over_from_the_peer_writes_nothing() {
    for (owner, target, object) in left_by_the_peer() {
        let live = decoded(target.kind, &object);
        let same = Desired { data: live.data.clone(), ..desired(&[]) };
        let compared = compare(Some(&live), &owner, &target, &same, None).unwrap();
        assert!(is_nothing(&compared), "{}", target.name);
        assert_eq!(Some(compared.version.as_str()), live.annotation(annotation::VERSION));
        // The control: it is not that nothing is ever written.
        let other = Desired { data: data(&[("KEY_0", "new")]), ..desired(&[]) };
        assert!(compare(Some(&live), &owner, &target, &other, None).unwrap().data_changed);
    }
}

#[test]
fn a_config_map_that_the_peer_has_just_made_has_no_version_and_is_ours_all_the_same() {
    let mut met = 0;
    for (owner, target, object) in left_by_the_peer().into_iter().filter(|(_, target, _)| target.kind == TargetKind::ConfigMap) {
        met += 1;
        let mut live = decoded(target.kind, &object);
        live.metadata.annotations.get_or_insert_default().remove(annotation::VERSION);
        // By the note of its labels alone, as where the policy is Orphan.
        let mut orphan = live.clone();
        orphan.metadata.owner_references = None;
        let kept = Target { policy: CreationPolicy::Orphan, ..target.clone() };
        let same = Desired { data: live.data.clone(), ..desired(&[]) };
        assert!(is_nothing(&compare(Some(&live), &owner, &target, &same, None).unwrap()));
        assert!(is_nothing(&compare(Some(&orphan), &owner, &kept, &same, None).unwrap()));
        let changed = replaced(compare(Some(&orphan), &owner, &kept, &desired(&[("A", "1")]), None).unwrap());
        assert!(changed.annotation(annotation::VERSION).is_some());
    }
    assert!(met > 0, "the recorded state has a ConfigMap");
}

#[test]
fn keys_of_gitops_tools_that_the_peer_copied_go_with_the_next_write_and_not_before() {
    let (mut owner, target, object) = left_by_the_peer().remove(0);
    owner.annotations.insert("argocd.argoproj.io/tracking-id".into(), "shop".into());
    owner.labels.insert("app.kubernetes.io/instance".into(), "shop".into());
    let mut live = decoded(target.kind, &object);
    let annotations = live.metadata.annotations.get_or_insert_default();
    annotations.insert("argocd.argoproj.io/tracking-id".into(), "shop".into());
    annotations.insert(annotation::MANAGED_ANNOTATIONS.into(), "argocd.argoproj.io/tracking-id,example.com/note".into());
    annotations.insert(annotation::MANAGED_LABELS.into(), "app.kubernetes.io/instance,app.kubernetes.io/part-of,team".into());
    live.metadata.labels.get_or_insert_default().insert("app.kubernetes.io/instance".into(), "shop".into());
    let same = Desired { data: live.data.clone(), ..desired(&[]) };
    assert!(is_nothing(&compare(Some(&live), &owner, &target, &same, None).unwrap()));
    let after = replaced(compare(Some(&live), &owner, &target, &desired(&[("A", "1")]), None).unwrap());
    assert_eq!(after.annotation("argocd.argoproj.io/tracking-id"), None);
    assert_eq!(after.annotation(annotation::MANAGED_ANNOTATIONS), Some("example.com/note"));
    assert!(!after.metadata.labels.unwrap().contains_key("app.kubernetes.io/instance"));
}
