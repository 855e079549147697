//! What the API server refuses before it is stored, in words that a user can act on; and what it must go on to take.
use integration::Scene;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

const ALPHA: &str = "secrets.infisical.com/v1alpha1";
const BETA: &str = "secrets.infisical.com/v1beta1";

/// As the peer leaves its resources behind.
const RECORDED: &str = include_str!("../data/peer-resources.json");

fn resource(version: &str, kind: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap();
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn objects(scene: &Scene, version: &str, kind: &str) -> Api<DynamicObject> {
    let client = scene.namespace.cluster().client().clone();
    match kind {
        "ClusterGenerator" => Api::all_with(client, &resource(version, kind)),
        _ => Api::namespaced_with(client, scene.namespace.name(), &resource(version, kind)),
    }
}

fn object(version: &str, kind: &str, name: &str, spec: &Value) -> DynamicObject {
    serde_json::from_value(json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec})).unwrap()
}

async fn dry(scene: &Scene, version: &str, kind: &str, spec: &Value) -> Result<(), String> {
    let parameters = PostParams { dry_run: true, ..PostParams::default() };
    match objects(scene, version, kind).create(&parameters, &object(version, kind, "tried", spec)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => panic!("{error}"),
    }
}

/// A spec of each kind that is taken.
fn good(kind: &str) -> Value {
    match kind {
        "InfisicalSecret" => json!({
            "authentication": {"universalAuth": {
                "credentialsRef": {"secretName": "a", "secretNamespace": "b"}, "secretsScope": {"projectSlug": "p", "envSlug": "dev"},
            }},
            "managedKubeSecretReferences": [{"secretName": "a", "secretNamespace": "b"}],
        }),
        "InfisicalPushSecret" => json!({
            "destination": {"projectSlug": "p", "environmentSlug": "dev", "secretsPath": "/"},
            "push": {"secret": {"secretName": "a", "secretNamespace": "b"}},
        }),
        "InfisicalDynamicSecret" => json!({
            "authentication": {"awsIamAuth": {"identityId": "i"}},
            "dynamicSecret": {"secretName": "d", "projectId": "p", "environmentSlug": "dev", "secretsPath": "/"},
            "managedSecretReference": {"secretName": "a", "secretNamespace": "b"},
        }),
        "InfisicalStaticSecret" => json!({
            "infisicalAuthRef": {"name": "a", "namespace": "b"},
            "syncOptions": {"refreshInterval": "30s"},
            "sources": [{"projectSlug": "p", "environmentSlug": "dev", "secretPath": "/"}],
            "targets": [
                {"name": "a", "namespace": "b", "kind": "Secret", "creationPolicy": "Owner", "secretType": "Opaque"},
                {"name": "a", "namespace": "b", "kind": "ConfigMap", "creationPolicy": "Owner", "secretType": ""},
            ],
        }),
        "InfisicalAuth" => json!({"method": "aws-iam", "awsIam": {"identityIdRef": {"name": "a", "namespace": "b", "key": "c"}}}),
        "InfisicalConnection" => json!({"address": "https://infisical.example"}),
        "ClusterGenerator" => json!({"kind": "Password", "generator": {"passwordSpec": {"length": 8, "digits": 2, "symbols": 0}}}),
        "Password" => json!({"length": 44, "symbolCharacters": ""}),
        "UUID" => json!({}),
        _ => panic!("{kind}"),
    }
}

fn version(kind: &str) -> &'static str {
    match kind {
        "InfisicalStaticSecret" | "InfisicalAuth" | "InfisicalConnection" => BETA,
        _ => ALPHA,
    }
}

const KINDS: [&str; 9] = [
    "InfisicalSecret",
    "InfisicalPushSecret",
    "InfisicalDynamicSecret",
    "InfisicalStaticSecret",
    "InfisicalAuth",
    "InfisicalConnection",
    "ClusterGenerator",
    "Password",
    "UUID",
];

#[tokio::test]
async fn what_can_not_work_is_refused_with_its_place_and_what_to_write() {
    let scene = Scene::new().await;
    for kind in KINDS {
        assert_eq!(dry(&scene, version(kind), kind, &good(kind)).await, Ok(()), "{kind}");
    }
    let twice = json!({"secretName": "a", "secretNamespace": "b"});
    let generator = json!({"destinationSecretName": "A", "generatorRef": {"kind": "UUID", "name": "u"}});
    let target = |kind: &str, extra: Value| {
        integration::merged(json!({"name": "a", "namespace": "b", "kind": kind, "creationPolicy": "Orphan"}), &extra)
    };
    for (kind, changes, place, says) in [
        ("InfisicalSecret", json!({"managedSecretReference": twice}), "spec:", "managedSecretReference and managedKubeSecretReferences"),
        ("InfisicalSecret", json!({"syncConfig": {"resyncInterval": "1m30s"}}), "spec.syncConfig.resyncInterval", "30s or 5m"),
        ("InfisicalSecret", json!({"syncConfig": {"resyncInterval": "-1m"}}), "spec.syncConfig.resyncInterval", "30s or 5m"),
        (
            "InfisicalSecret",
            json!({"authentication": {"universalAuth": {"secretsScope": {"projectId": "i"}}}}),
            "spec.authentication.universalAuth.secretsScope",
            "keep one of them",
        ),
        (
            "InfisicalSecret",
            json!({"authentication": {"universalAuth": {"secretsScope": {"secretName": "K", "recursive": true}}}}),
            "spec.authentication.universalAuth.secretsScope",
            "one secret of one folder",
        ),
        ("InfisicalPushSecret", json!({"destination": {"projectId": "i"}}), "spec.destination", "only one of them"),
        ("InfisicalPushSecret", json!({"destination": {"projectSlug": ""}}), "spec.destination", "projectId or projectSlug"),
        ("InfisicalPushSecret", json!({"push": {"secret": null}}), "spec.push", "nothing to push"),
        ("InfisicalPushSecret", json!({"push": {"generators": [generator, generator]}}), "spec.push.generators[1]", "Duplicate"),
        ("InfisicalPushSecret", json!({"resyncInterval": "soon"}), "spec.resyncInterval", "30s or 5m"),
        (
            "InfisicalPushSecret",
            json!({"push": {"generators": [{"destinationSecretName": "A", "generatorRef": {"kind": "Other", "name": "u"}}]}}),
            "spec.push.generators[0].generatorRef.kind",
            "\"Password\", \"UUID\"",
        ),
        ("InfisicalDynamicSecret", json!({"dynamicSecret": {"projectSlug": "p"}}), "spec.dynamicSecret", "only one of them"),
        ("InfisicalStaticSecret", json!({"syncOptions": {"refreshInterval": "4s"}}), "spec.syncOptions.refreshInterval", "at least 5s"),
        ("InfisicalStaticSecret", json!({"syncOptions": {"refreshInterval": ""}}), "spec.syncOptions.refreshInterval", "30s or 5m"),
        ("InfisicalStaticSecret", json!({"sources": []}), "spec.sources", "at least one folder"),
        (
            "InfisicalStaticSecret",
            json!({"sources": [{"environmentSlug": "dev", "secretPath": "/"}]}),
            "spec.sources[0]",
            "projectId or projectSlug",
        ),
        (
            "InfisicalStaticSecret",
            json!({"sources": [{"projectId": "p", "environmentSlug": "", "secretPath": "/"}]}),
            "spec.sources[0].environmentSlug",
            "fill it in",
        ),
        ("InfisicalStaticSecret", json!({"targets": []}), "spec.targets", "at least one Secret or ConfigMap"),
        (
            "InfisicalStaticSecret",
            json!({"targets": [target("ConfigMap", json!({"secretType": "Opaque"}))]}),
            "spec.targets[0]",
            "secretType is for a Secret",
        ),
        ("InfisicalAuth", json!({"method": "ldap"}), "spec", "fill in the block ldap"),
        ("InfisicalAuth", json!({"method": "ldap", "ldap": null}), "spec", "fill in the block ldap"),
        ("ClusterGenerator", json!({"generator": {"passwordSpec": {"length": 0}}}), "spec.generator.passwordSpec", "from 1 to 65536"),
        ("Password", json!({"length": 8, "digits": 5, "symbols": 4}), "spec", "more than length"),
        ("Password", json!({"digits": -1}), "spec", "digits must not be below 0"),
    ] {
        let spec = integration::merged(good(kind), &changes);
        let refused = dry(&scene, version(kind), kind, &spec).await.expect_err(&format!("{kind} {changes}"));
        assert!(refused.contains(place) && refused.contains(says), "{kind} {changes}: {refused}");
    }
}

#[tokio::test]
async fn what_is_taken_is_not_refused_by_a_rule() {
    let scene = Scene::new().await;
    let mut taken = Vec::new();
    for interval in ["5s", "+90s", "005s", "10s", "1m", "2h", "1d", "2w", " 30s "] {
        taken.push(("InfisicalSecret", json!({"syncConfig": {"resyncInterval": interval}})));
        taken.push(("InfisicalPushSecret", json!({"resyncInterval": interval})));
    }
    // The peer takes its default for these.
    for interval in ["0s", "0m", "4s"] {
        taken.push(("InfisicalSecret", json!({"syncConfig": {"resyncInterval": interval}})));
    }
    for empty in [json!(""), Value::Null] {
        taken.push(("InfisicalSecret", json!({"syncConfig": {"resyncInterval": empty}})));
        taken.push(("InfisicalPushSecret", json!({"resyncInterval": empty, "updatePolicy": empty})));
        taken.push(("InfisicalDynamicSecret", json!({"leaseTTL": empty, "dynamicSecret": {"projectSlug": empty}})));
        taken.push((
            "InfisicalStaticSecret",
            json!({"targets": [
                {"name": "a", "namespace": "b", "kind": "ConfigMap", "creationPolicy": "Orphan", "secretType": empty},
            ]}),
        ));
        taken.push(("InfisicalPushSecret", json!({"destination": {"projectId": empty}})));
    }
    taken.extend([
        ("InfisicalSecret", json!({"managedSecretReference": {"secretName": "", "secretNamespace": ""}})),
        ("InfisicalSecret", json!({"managedSecretReference": null, "authentication": null, "syncConfig": null})),
        ("InfisicalPushSecret", json!({"updatePolicy": "Other", "push": {"generators": null}})),
        ("InfisicalDynamicSecret", json!({"leaseTTL": "1d"})),
        ("InfisicalDynamicSecret", json!({"leaseTTL": "86400s", "leaseRevocationPolicy": "Other"})),
        ("Password", json!({"length": null, "digits": null, "symbols": 3})),
        ("ClusterGenerator", json!({"kind": "UUID", "generator": {"passwordSpec": null, "uuidSpec": {}}})),
    ]);
    for (kind, changes) in taken {
        let mut spec = good(kind);
        put(&mut spec, &changes);
        assert_eq!(dry(&scene, version(kind), kind, &spec).await, Ok(()), "{kind} {changes}");
    }
}

/// As [`integration::merged`], but null is written as such.
fn put(into: &mut Value, changes: &Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            changes.iter().for_each(|(name, change)| put(into.entry(name.clone()).or_insert(Value::Null), change));
        }
        (into, change) => *into = change.clone(),
    }
}

/// Each resource that the peer wrote is taken as it is, when it is made, put back, and given a status.
#[tokio::test]
async fn resources_as_the_peer_leaves_them_are_taken() {
    let scene = Scene::new().await;
    let list: Value = serde_json::from_str(RECORDED).unwrap();
    let mut seen = 0;
    for item in list["items"].as_array().unwrap() {
        let (version, kind) = (item["apiVersion"].as_str().unwrap(), item["kind"].as_str().unwrap());
        if !version.starts_with("secrets.infisical.com/") {
            continue;
        }
        seen += 1;
        let api = objects(&scene, version, kind);
        let name = item["metadata"]["name"].as_str().unwrap();
        let made = object(version, kind, name, &item["spec"]);
        let made = api.create(&PostParams::default(), &made).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(made.data["spec"], item["spec"], "{kind}");
        api.replace(name, &PostParams::default(), &made).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        let status = Patch::Merge(json!({"status": item["status"]}));
        let after = api.patch_status(name, &PatchParams::default(), &status).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(after.data["status"], item["status"], "{kind}");
    }
    assert_eq!(seen, 7);
}

/// A definition of the same form in a group of its own, without any rule.
fn elsewhere(kind: &str, group: &str) -> (CustomResourceDefinition, CustomResourceDefinition) {
    let with = ::api::crds::crds().into_iter().find(|definition| definition.spec.names.kind == kind).unwrap();
    let mut with = serde_json::to_value(with).unwrap();
    with["spec"]["group"] = group.into();
    with["metadata"]["name"] = format!("{}.{group}", with["spec"]["names"]["plural"].as_str().unwrap()).into();
    let mut without = with.clone();
    strip(&mut without);
    (serde_json::from_value(with).unwrap(), serde_json::from_value(without).unwrap())
}

fn strip(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, _| {
                !["x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"].contains(&name.as_str())
            });
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// What was stored before there were rules, and breaks them, still gets its status and its edits: the user must be told, and
/// must be able to mend one thing after the other.
#[tokio::test]
async fn what_was_stored_before_the_rules_can_still_be_written() {
    let scene = Scene::new().await;
    let group = format!("{}.example.com", scene.namespace.name());
    let (with, without) = elsewhere("InfisicalPushSecret", &group);
    let cluster = scene.namespace.cluster();
    cluster.establish([without.clone()]).await.unwrap();
    let version = format!("{group}/v1alpha1");
    let api = objects(&scene, &version, "InfisicalPushSecret");
    let generator = json!({"destinationSecretName": "A", "generatorRef": {"kind": "UUID", "name": "u"}});
    let bad = json!({
        "destination": {"projectSlug": "p", "projectId": "i", "environmentSlug": "dev", "secretsPath": "/"},
        "push": {"generators": [generator, generator]}, "resyncInterval": "0m",
    });
    api.create(&PostParams::default(), &object(&version, "InfisicalPushSecret", "old", &bad)).await.unwrap();
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client().clone());
    let name = with.metadata.name.clone().unwrap();
    let patch = Patch::Merge(json!({"spec": {"versions": with.spec.versions}}));
    definitions.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    // The rules count a moment later.
    integration::until("the rules to count", async || {
        let parameters = PostParams { dry_run: true, ..PostParams::default() };
        match api.create(&parameters, &object(&version, "InfisicalPushSecret", "new", &bad)).await {
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let write = async |patch: Value| api.patch("old", &PatchParams::default(), &Patch::Merge(patch)).await;
    write(json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["example.com/theirs"]}})).await.unwrap();
    write(json!({"metadata": {"finalizers": null}})).await.unwrap();
    write(json!({"spec": {"updatePolicy": "Replace"}})).await.unwrap();
    write(json!({"spec": {"resyncInterval": "5m"}})).await.unwrap();
    let status = Patch::Merge(json!({"status": {"managedSecrets": {"id": "A"}}}));
    api.patch_status("old", &PatchParams::default(), &status).await.unwrap();
    // But not another wrong value.
    assert!(write(json!({"spec": {"resyncInterval": "1m30s"}})).await.is_err());
    definitions.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
}
