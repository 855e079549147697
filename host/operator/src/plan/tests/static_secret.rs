//! Sources of an InfisicalStaticSecret.
use super::*;
use crate::plan::static_secret;
use ::api::v1beta1::InfisicalStaticSecret;

fn reads(sources: serde_json::Value) -> Result<Vec<crate::read::ReadRequest>, Fault> {
    let login = Arc::into_inner(plan(&with_credentials(), UNIVERSAL).unwrap().login).unwrap();
    let resource: InfisicalStaticSecret = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {
            "syncOptions": {"refreshInterval": "1m"}, "sources": sources,
            "targets": [{"name": "t", "namespace": "team", "kind": "Secret", "creationPolicy": "Orphan"}],
        },
    }))
    .unwrap();
    static_secret(&resource, login, &Settings::default()).map(|plan| plan.reads)
}

#[test]
fn whatever_is_wrong_with_a_target_holds_up_no_other() {
    let login = Arc::into_inner(plan(&with_credentials(), UNIVERSAL).unwrap().login).unwrap();
    let target = |name: &str, changes: serde_json::Value| {
        let mut target = json!({"name": name, "namespace": "team", "kind": "Secret", "creationPolicy": "Orphan"});
        target.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        target
    };
    let resource: InfisicalStaticSecret = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {
            "syncOptions": {"refreshInterval": "1m"},
            "sources": [{"projectId": "p1", "environmentSlug": "prod", "secretPath": "/"}],
            "targets": [
                target("a", json!({"kind": "Pod"})),
                target("b", json!({"kind": "ConfigMap", "secretType": "Opaque"})),
                target("c", json!({"template": {"engineVersion": "v2", "data": "x"}})),
                target("d", json!({"template": {"engineVersion": "v1"}})),
                target("e", json!({})),
                target("f", json!({"metadata": {"labels": {}, "annotations": {"a b": "c"}}})),
                target("g", json!({})),
                target("e", json!({})),
            ],
        },
    }))
    .unwrap();
    let plan = static_secret(&resource, login, &Settings::default()).unwrap();
    assert_eq!(plan.targets.iter().map(|target| target.field.as_str()).collect::<Vec<_>>(), ["spec.targets[6]"]);
    let says = [
        "[0].kind",
        "[1].secretType",
        "[2].template.engineVersion",
        "[3].template.data",
        "[4] and spec.targets[7]",
        "[5].metadata.annotations",
        "[4] and spec.targets[7]",
    ];
    assert_eq!(plan.faulty.len(), says.len());
    for (faulty, says) in plan.faulty.iter().zip(says) {
        assert!(faulty.fault.message.contains(&format!("InfisicalStaticSecret team/app: spec.targets{says}")), "{faulty:?}");
    }
    let named: Vec<_> = plan.faulty.iter().map(|faulty| faulty.named.as_ref().map(|key| key.name.name.as_str())).collect();
    assert_eq!(named, [None, Some("b"), Some("c"), Some("d"), Some("e"), Some("f"), Some("e")]);
}

#[test]
fn tags_are_part_of_what_is_read() {
    let source = json!({"projectSlug": "shop", "environmentSlug": "prod", "secretPath": "/app/", "tagSlugs": ["web", "", " db ", "web"]});
    let plain = json!({"projectId": "p1", "environmentSlug": "prod", "secretPath": "/"});
    let reads = reads(json!([source, plain])).unwrap();
    assert_eq!(reads[0].tags, ["db", "web"]);
    assert_eq!((reads[0].path.as_str(), reads[1].tags.len()), ("/app", 0));
}

#[test]
fn a_template_is_rendered_only_by_a_plugin_that_the_namespace_may_use() {
    let login = Arc::into_inner(plan(&with_credentials(), UNIVERSAL).unwrap().login).unwrap();
    let target = |name: &str| json!({"name": name, "namespace": "team", "kind": "Secret", "creationPolicy": "Orphan"});
    let mut templated = target("templated");
    templated["template"] = json!({"engineVersion": "v1", "data": {"A": "{{ .A.Value }}"}});
    let resource: InfisicalStaticSecret = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "app", "namespace": "team"},
        "spec": {
            "syncOptions": {"refreshInterval": "1m"},
            "sources": [{"projectId": "p1", "environmentSlug": "prod", "secretPath": "/"}],
            "targets": [target("plain"), templated],
        },
    }))
    .unwrap();
    let elsewhere = Settings {
        plugin_namespaces: [(crate::plan::settings::TEMPLATE.to_owned(), ["other".to_owned()].into())].into(),
        ..Settings::default()
    };
    let plan = static_secret(&resource, login, &elsewhere).unwrap();
    assert_eq!(plan.targets.iter().map(|target| target.field.as_str()).collect::<Vec<_>>(), ["spec.targets[0]"]);
    let [faulty] = plan.faulty.as_slice() else { panic!("{:?}", plan.faulty) };
    assert!(faulty.fault.message.contains("spec.targets[1].template.engineVersion"), "{faulty:?}");
}
