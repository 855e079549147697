//! Where the secrets go.
use super::*;

#[test]
fn no_target_both_forms_and_one_twice_are_refused() {
    let cluster = with_credentials();
    let none = UNIVERSAL.replace("managedKubeSecretReferences", "ignored");
    refused(plan(&cluster, &none), reason::NO_TARGET, &["spec.managedKubeSecretReferences"]);
    // As the peer stores it.
    let empty = format!("{none}managedSecretReference: {{secretName: '', secretNamespace: ''}}\n");
    refused(plan(&cluster, &empty), reason::NO_TARGET, &[]);
    let both = universal("managedSecretReference: {secretName: b, secretNamespace: team}\n");
    refused(plan(&cluster, &both), reason::AMBIGUOUS_TARGET, &["spec.managedSecretReference and spec.managedKubeSecretReferences"]);
    let single = format!("{none}managedSecretReference: {{secretName: b, secretNamespace: team}}\n");
    assert_eq!(plan(&cluster, &single).unwrap().targets[0].field, "spec.managedSecretReference");
    let twice = UNIVERSAL.replace("[{", "[{secretName: app, secretNamespace: team}, {");
    let fields = "spec.managedKubeSecretReferences[0] and spec.managedKubeSecretReferences[1] are both Secret team/app";
    refused(plan(&cluster, &twice), reason::AMBIGUOUS_TARGET, &[fields]);
    let beside = UNIVERSAL.replace("[{", "[{secretName: app, secretNamespace: team}, {secretName: other, secretNamespace: team}, {");
    let fields = "spec.managedKubeSecretReferences[0] and spec.managedKubeSecretReferences[2] are both Secret team/app";
    faulty(&plan(&cluster, &beside).unwrap(), &[(reason::AMBIGUOUS_TARGET, fields); 2], &["spec.managedKubeSecretReferences[1]"]);
    // Kubernetes keeps the names of the two kinds apart.
    let map = universal("managedKubeConfigMapReferences: [{configMapName: app, configMapNamespace: team}]\n");
    let plan = plan(&cluster, &map).unwrap();
    assert_eq!((plan.targets[1].kind, plan.targets[1].field.as_str()), (TargetKind::ConfigMap, "spec.managedKubeConfigMapReferences[0]"));
}

/// The plan keeps these targets alone, and says this of the others.
fn faulty(plan: &Plan, wrong: &[(&str, &str)], kept: &[&str]) {
    assert_eq!(plan.targets.iter().map(|target| target.field.as_str()).collect::<Vec<_>>(), kept);
    let faults: Vec<_> = plan.faulty.iter().map(|faulty| &faulty.fault).collect();
    assert_eq!(faults.len(), wrong.len(), "{faults:?}");
    for (fault, (reason, text)) in faults.iter().zip(wrong) {
        assert!(fault.reason == *reason && fault.message.starts_with("InfisicalSecret team/app: "), "{fault:?}");
        assert!(fault.message.contains(text), "{text:?} is missing in {fault:?}");
    }
}

#[test]
fn whatever_is_wrong_with_a_target_holds_up_no_other() {
    let cluster = with_credentials();
    let good = "{secretName: app, secretNamespace: team}";
    let with = |wrong: &str| UNIVERSAL.replace(good, &format!("{{secretName: wrong, secretNamespace: team{wrong}}}, {good}"));
    let place = "spec.managedKubeSecretReferences[0]";
    for (wrong, reason, says) in [
        (", template: {data: {'a b': x}}", reason::INVALID_TEMPLATE, ".template.data: \"a b\""),
        (", template: {data: {A: x}, metadata: {labels: {a: 'b c'}}}", reason::INVALID_TEMPLATE, ".template.metadata.labels[\"a\"]"),
        (", template: {data: {A: x}, missingKey: fail}", reason::INVALID_TEMPLATE, ".template.missingKey"),
        (", namespaceSelector: {}", reason::INVALID_TARGET, ".namespaceSelector are both filled in"),
    ] {
        let plan = plan(&cluster, &with(wrong)).unwrap();
        faulty(&plan, &[(reason, &format!("{place}{says}"))], &["spec.managedKubeSecretReferences[1]"]);
        let named = plan.faulty[0].named.as_ref().map(|key| key.name.to_string());
        // One with a selector names no single object.
        assert_eq!(named.as_deref(), (!wrong.contains("Selector")).then_some("team/wrong"), "{wrong}");
    }
    let unnamed = UNIVERSAL.replace(good, &format!("{{secretName: App, secretNamespace: team}}, {good}"));
    let plan = plan(&cluster, &unnamed).unwrap();
    faulty(&plan, &[(reason::INVALID_TARGET, ".secretName")], &["spec.managedKubeSecretReferences[1]"]);
    assert_eq!(plan.faulty[0].named, None);
}

#[test]
fn a_target_that_can_not_be_is_refused_before_anything_is_done() {
    let cluster = with_credentials();
    let target = |fields: &str| UNIVERSAL.replace("{secretName: app, secretNamespace: team}", &format!("{{{fields}}}"));
    let place = "spec.managedKubeSecretReferences[0]";
    // What is there decides, when it is written.
    let owner = plan(&cluster, &target("secretName: app, secretNamespace: other, creationPolicy: Owner")).unwrap();
    assert!(owner.targets[0].is_owned_in_vain("team"));
    refused(plan(&cluster, &target("secretName: App, secretNamespace: team")), reason::INVALID_TARGET, &[place, ".secretName", "\"App\""]);
    refused(plan(&cluster, &target("secretName: app, secretNamespace: ''")), reason::INVALID_TARGET, &[place, ".secretNamespace is empty"]);
    let own = plan(&cluster, &target("secretName: app, secretNamespace: team, creationPolicy: Owner, secretType: a/b")).unwrap();
    assert_eq!((own.targets[0].policy, own.targets[0].secret_type.as_str()), (CreationPolicy::Owner, "a/b"));
    let odd = plan(&cluster, &target("secretName: app, secretNamespace: other, creationPolicy: owner")).unwrap();
    assert_eq!((odd.targets[0].policy, warned(&odd)[0].0), (CreationPolicy::Orphan, reason::UNKNOWN_VALUE));
}

#[test]
fn a_template_becomes_entries_options_and_metadata() {
    let cluster = with_credentials();
    let target = |template: &str| {
        UNIVERSAL.replace(
            "{secretName: app, secretNamespace: team}",
            &format!("{{secretName: app, secretNamespace: team, template: {template}}}"),
        )
    };
    let full = plan(
        &cluster,
        &target("{includeAllSecrets: true, data: {A: '{{ .A.Value }}'}, metadata: {labels: {a: b}, annotations: {x/y: z}}}"),
    );
    let full = full.unwrap();
    let template = full.targets[0].template.as_ref().unwrap();
    assert_eq!((template.plugin.as_str(), template.dot, template.include_all), ("go-template", "infisical-secret", true));
    assert_eq!((&template.options, &template.entries["A"]), (&json!({"bulk": false}), &"{{ .A.Value }}".to_owned()));
    let metadata = full.targets[0].metadata.as_ref().unwrap();
    assert_eq!((metadata.labels["a"].as_str(), metadata.annotations["x/y"].as_str()), ("b", "z"));

    let other =
        plan(&cluster, &target("{data: {A: x}, metadata: {}, engine: jinja, engineSettings: {trim-blocks: true}, missingKey: error}"))
            .unwrap();
    let template = other.targets[0].template.as_ref().unwrap();
    assert_eq!(
        (template.plugin.as_str(), &template.options),
        ("jinja", &json!({"bulk": false, "missing-key": "error", "trim-blocks": true}))
    );
    assert_eq!((template.include_all, &other.targets[0].metadata), (false, &None));

    let empty = plan(&cluster, &target("{}")).unwrap();
    assert!(warned(&empty)[0].1.contains("includeAllSecrets"));
    for (template, says) in [
        ("{data: {'a b': x}}", ".template.data: \"a b\" can't be a key"),
        ("{data: {A: x}, metadata: {labels: {a: 'b c'}}}", ".template.metadata.labels[\"a\"]: \"b c\""),
        ("{data: {A: x}, metadata: {annotations: {'a b': c}}}", ".template.metadata.annotations: \"a b\""),
        ("{data: {A: x}, missingKey: fail}", ".template.missingKey is \"fail\""),
    ] {
        refused(plan(&cluster, &target(template)), reason::INVALID_TEMPLATE, &[says]);
    }
}
