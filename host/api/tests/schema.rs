//! What users have, and what the samples show, against the schema that the API server will hold it to.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use api::v1alpha1::{ClusterGenerator, InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret, Password, Uuid};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};

/// The schema of InfisicalSecret.
fn schema() -> Value {
    schema_of("InfisicalSecret")
}

/// The schema of a kind as plain JSON Schema, where `nullable` is a type of its own.
fn schema_of(kind: &str) -> Value {
    let crd = api::crds::crds().into_iter().find(|crd| crd.spec.names.kind == kind).unwrap();
    let crd = serde_json::to_value(crd).unwrap();
    let mut schema = crd.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap().clone();
    nullable(&mut schema);
    schema
}

fn nullable(schema: &mut Value) {
    if let Value::Object(members) = schema {
        if members.remove("nullable") == Some(Value::Bool(true)) {
            let kind = members["type"].clone();
            members.insert("type".into(), json!([kind, "null"]));
        }
        members.values_mut().for_each(nullable);
    }
}

fn errors(object: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(&schema_of(object["kind"].as_str().unwrap())).unwrap();
    validator.iter_errors(object).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn secret(spec: &str) -> Value {
    object("InfisicalSecret", spec)
}

fn object(kind: &str, spec: &str) -> Value {
    let spec: Value = serde_yaml::from_str(spec).unwrap();
    json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "spec": spec})
}

/// Paths of all members that are set.
fn members(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| members(value, &format!("{path}.{name}"), into)),
        Value::Array(items) => items.iter().for_each(|item| members(item, &format!("{path}[]"), into)),
        Value::Null => {}
        _ => {
            into.insert(path.to_owned());
        }
    }
}

fn fields(value: &Value) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    members(value, "", &mut fields);
    fields
}

fn samples() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/samples");
    let inside = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let files = inside(&folder).into_iter().flat_map(|path| if path.is_dir() { inside(&path) } else { vec![path] });
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    yaml.flat_map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        documents(&fs::read_to_string(&path).unwrap()).into_iter().map(move |document| (name.clone(), document))
    })
    .collect()
}

#[test]
fn every_sample_is_valid_and_uses_known_fields_only() {
    let mut seen = 0;
    for (file, document) in samples() {
        assert!(document["kind"].is_string() && document["apiVersion"].is_string(), "{file}");
        if !document["apiVersion"].as_str().unwrap().starts_with("secrets.infisical.com/") {
            continue;
        }
        if document["kind"] != "InfisicalSecret" {
            assert_eq!(errors(&document), Vec::<String>::new(), "{file}");
            continue;
        }
        seen += 1;
        assert_eq!(errors(&document), Vec::<String>::new(), "{file}");
        let typed: InfisicalSecret = serde_json::from_value(document.clone()).unwrap();
        let kept = fields(&serde_json::to_value(&typed.spec).unwrap());
        let lost: Vec<_> = fields(&document["spec"]).difference(&kept).cloned().collect();
        assert!(lost.is_empty(), "{file}: {lost:?}");
    }
    assert!(seen >= 15, "{seen}");
}

#[test]
fn the_samples_use_every_field() {
    let mut used = BTreeSet::new();
    for (_, document) in samples().iter().filter(|(_, document)| document["kind"] == "InfisicalSecret") {
        members(&document["spec"], "", &mut used);
    }
    let crd = schema();
    let mut missing = Vec::new();
    unused(crd.pointer("/properties/spec").unwrap(), "", &used, &mut missing);
    // An account that Infisical no longer serves is not worth a sample.
    missing.retain(|field| !field.starts_with(".authentication.serviceAccount."));
    // Nor is a field that is only taken.
    missing.retain(|field| field != ".authentication.universalAuth.identityId");
    assert_eq!(missing, Vec::<String>::new());
}

/// A type that stands in many places has to be shown in one of them.
fn shared(path: &str) -> &str {
    [".template.", ".secretsScope.", ".namespaceSelector."].iter().find_map(|of| path.find(of)).map_or(path, |at| &path[at..])
}

fn unused(schema: &Value, path: &str, used: &BTreeSet<String>, missing: &mut Vec<String>) {
    let within = |used: &str, path: &str| used.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    let there = |path: &str| used.iter().any(|used| within(shared(used), shared(path)));
    if let Some(properties) = schema["properties"].as_object() {
        properties.iter().for_each(|(name, schema)| unused(schema, &format!("{path}.{name}"), used, missing));
    } else if schema["items"].is_object() {
        unused(&schema["items"], &format!("{path}[]"), used, missing);
    } else if !there(path) {
        missing.push(path.to_owned());
    }
}

#[test]
fn what_the_peers_schema_takes_is_taken() {
    for spec in [
        "{}",
        // A field that older samples show; the API server drops it.
        "authentication: {kubernetesAuth: {identityId: i, serviceAccountTokenPath: /token, serviceAccountRef: {name: a, namespace: b},
          secretsScope: {envSlug: e, secretsPath: /}}}",
        "authentication: {gcpIamAuth: {identityId: i, secretsScope: {projectSlug: p, envSlug: e, secretsPath: /, recursive: true}}}",
        "authentication: {awsIamAuth: {identityId: '', secretsScope: {envSlug: '', secretsPath: '', projectId: '', recursive: false}}}",
        "hostAPI: null\nauthentication: null\nsyncConfig: null\ntls: {caRef: null}\nmanagedKubeSecretReferences: null\nresyncInterval: null",
        "managedSecretReference: {secretName: a, secretNamespace: b, creationPolicy: Whatever, template: {data: {A: ''}, metadata: {labels: null}}}",
        "resyncInterval: 0\ninstantUpdates: false\nsyncConfig: {}",
    ] {
        let object = secret(spec);
        assert_eq!(errors(&object), Vec::<String>::new(), "{spec}");
        serde_json::from_value::<InfisicalSecret>(object).unwrap();
    }
}

#[test]
fn what_has_the_wrong_type_is_refused() {
    for spec in [
        "resyncInterval: 10s",
        "syncConfig: {resyncInterval: 10}",
        "authentication: {awsIamAuth: {secretsScope: {envSlug: e}}}",
        "authentication: {plugin: {name: token, settings: [], secretsScope: {envSlug: e}}}",
        "managedKubeSecretReferences: [{secretName: a}]",
    ] {
        assert!(!errors(&secret(spec)).is_empty(), "{spec}");
    }
}

#[test]
fn an_odd_object_of_one_user_decodes() {
    let bare = json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": "a"}});
    for spec in [None, Some(Value::Null), Some(json!({}))] {
        let mut object = bare.clone();
        if let Some(spec) = spec {
            object["spec"] = spec;
        }
        assert_eq!(serde_json::from_value::<InfisicalSecret>(object).unwrap().spec, Default::default());
    }
    let huge = serde_json::from_str::<InfisicalSecret>(
        r#"{"apiVersion":"secrets.infisical.com/v1alpha1","kind":"InfisicalSecret","metadata":{"name":"a"},
            "spec":{"resyncInterval":100000000000000000000},"status":{"conditions":null}}"#,
    );
    assert_eq!(huge.unwrap().spec.resync_interval, Some(i64::MAX));
}

#[test]
fn a_resource_writes_back_what_it_read() {
    let text =
        "hostAPI: h\nresyncInterval: 10\nauthentication: {plugin: {name: n, settings: {a: [1, {b: null}]}, secretsScope: {envSlug: e}}}";
    let object = secret(text);
    let typed: InfisicalSecret = serde_json::from_value(object.clone()).unwrap();
    let written = serde_json::to_value(&typed).unwrap();
    assert_eq!(fields(&written["spec"]), fields(&object["spec"]));
    assert_eq!(serde_json::from_value::<InfisicalSecret>(written).unwrap(), typed);
}

/// The peer requires `data` too, so every object that it stored has it.
#[test]
fn a_template_of_a_static_secret_says_what_to_render() {
    let with = |template: Value| {
        let target = json!({"name": "a", "namespace": "n", "kind": "Secret", "creationPolicy": "Orphan", "template": template});
        let spec = json!({
            "infisicalAuthRef": {"name": "a", "namespace": "n"}, "syncOptions": {"refreshInterval": "1m"},
            "sources": [{"projectSlug": "p", "environmentSlug": "e", "secretPath": "/"}], "targets": [target],
        });
        json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": {"name": "a"}, "spec": spec})
    };
    for good in [json!({"engineVersion": "v1", "data": {"K": "v"}}), json!({"engineVersion": "v1", "data": "K: v"}), Value::Null] {
        assert_eq!(errors(&with(good)), Vec::<String>::new());
    }
    for bad in [json!({"engineVersion": "v1"}), json!({"data": {}})] {
        assert_eq!(errors(&with(bad)).len(), 1);
    }
}

/// As the peer stores them when it adds its finalizer.
const EMPTY_BLOCKS: &str = "authentication: {universalAuth: {credentialsRef: {secretName: '', secretNamespace: ''}},
  kubernetesAuth: {identityId: '', autoCreateServiceAccountToken: false, serviceAccountRef: {name: '', namespace: ''}},
  awsIamAuth: {identityId: ''}, azureAuth: {identityId: ''}, gcpIdTokenAuth: {identityId: ''},
  gcpIamAuth: {identityId: '', serviceAccountKeyFilePath: ''},
  ldapAuth: {identityId: '', credentialsRef: {secretName: '', secretNamespace: ''}}}
tls: {caRef: {secretName: '', secretNamespace: '', key: ''}}
";

#[test]
fn what_the_peers_schema_of_the_other_kinds_takes_is_taken() {
    let push = "destination: {secretsPath: /, environmentSlug: dev, projectId: '', projectSlug: p}\n";
    let dynamic = "managedSecretReference: {secretName: a, secretNamespace: b, creationPolicy: Owner}\n\
                   dynamicSecret: {secretName: d, secretsPath: /, environmentSlug: dev, projectId: p}\n";
    for (kind, spec) in [
        ("InfisicalPushSecret", format!("{push}{EMPTY_BLOCKS}push: {{secret: {{secretName: a, secretNamespace: b}}}}")),
        ("InfisicalPushSecret", format!("{push}push: {{}}\nresyncInterval: null\nupdatePolicy: Other\ndeletionPolicy: ''")),
        (
            "InfisicalPushSecret",
            format!("{push}push: {{secret: null, generators: [{{destinationSecretName: A, generatorRef: {{kind: UUID, name: u}}}}]}}"),
        ),
        ("InfisicalDynamicSecret", format!("{dynamic}{EMPTY_BLOCKS}leaseTTL: ''\nleaseRevocationPolicy: ''")),
        ("InfisicalDynamicSecret", format!("{dynamic}authentication: {{azureAuth: {{identityId: i}}}}")),
        (
            "InfisicalDynamicSecret",
            format!("{dynamic}authentication: {{universalAuth: {{identityId: i, credentialsRef: {{secretName: a, secretNamespace: b}}}}}}"),
        ),
        (
            "ClusterGenerator",
            "kind: Password\ngenerator: {passwordSpec: {length: 8, symbolCharacters: '', noUpper: true}, uuidSpec: {}}".into(),
        ),
        ("ClusterGenerator", "kind: UUID\ngenerator: null".into()),
        ("Password", "{length: 8, digits: null, symbols: 0, allowRepeat: true}".into()),
        ("UUID", "{}".into()),
    ] {
        let object = object(kind, &spec);
        assert_eq!(errors(&object), Vec::<String>::new(), "{kind} {spec}");
        decodes(object);
    }
    for kind in ["InfisicalPushSecret", "InfisicalDynamicSecret", "ClusterGenerator", "Password", "UUID"] {
        let bare = json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": "a"}});
        assert_eq!(errors(&bare), Vec::<String>::new(), "{kind}");
        decodes(bare);
    }
    let status = json!({"conditions": null, "managedSecrets": null, "generated": null, "lease": null, "maxTTL": null});
    for kind in ["InfisicalPushSecret", "InfisicalDynamicSecret"] {
        decodes(json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": "a"}, "status": status}));
    }
}

fn decodes(object: Value) {
    fn read<K: serde::de::DeserializeOwned>(object: Value) {
        let text = object.to_string();
        assert!(serde_json::from_value::<K>(object).is_ok(), "{text}");
    }
    match object["kind"].as_str().unwrap() {
        "InfisicalPushSecret" => read::<InfisicalPushSecret>(object),
        "InfisicalDynamicSecret" => read::<InfisicalDynamicSecret>(object),
        "ClusterGenerator" => read::<ClusterGenerator>(object),
        "Password" => read::<Password>(object),
        "UUID" => read::<Uuid>(object),
        kind => panic!("{kind}"),
    }
}
