//! Objects of YAML files: documents of any kind, and lists of them. What `migrate` has no use for is passed over.
use super::{
    finding::{Finding, Rule},
    report::Looked,
    world::{Fetch, Objects, Owned, Seen, Unseen, Workload, World},
};
use crate::{object::Name, plan::TargetKind};
use anyhow::{Context, bail};
use api::{
    dialect::{INFISICAL_SECRET, Source},
    well_known::GROUP,
};
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment, StatefulSet},
    core::v1::{ConfigMap, Secret, ServiceAccount},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::Path,
};

/// Kinds of ours without a namespace.
const CLUSTER_WIDE: [&str; 1] = ["ClusterGenerator"];

/// What the files hold beside what is listed.
#[derive(Default)]
pub(crate) struct Files {
    secrets: BTreeMap<Name, Secret>,
    maps: BTreeMap<Name, ConfigMap>,
    accounts: BTreeMap<Name, Vec<String>>,
    unseen: Unseen,
}

/// The objects of these files; `-` is stdin.
///
/// # Errors
/// A file can't be read or is no YAML; an object of ours has no name.
pub(crate) fn read(paths: &[impl AsRef<Path>]) -> anyhow::Result<World<Files>> {
    let mut documents = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let shown = path.display();
        let mut text = String::new();
        if path.as_os_str() == "-" {
            std::io::stdin().read_to_string(&mut text).context("stdin")?;
        } else {
            text = std::fs::read_to_string(path).with_context(|| shown.to_string())?;
        }
        documents.extend(parse(&text).with_context(|| shown.to_string())?);
    }
    world(documents)
}

/// The objects of a YAML text.
pub(crate) fn parse(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        // The error of a YAML parser may quote a value.
        let value = Value::deserialize(document).map_err(|error| match error.location() {
            Some(place) => anyhow::anyhow!("line {}, column {}: no YAML", place.line(), place.column()),
            None => anyhow::anyhow!("no YAML"),
        })?;
        flatten(value, &mut objects);
    }
    Ok(objects)
}

/// Adds an object, or those of a list. In a list of one kind, as the API server gives it, the objects don't say theirs.
fn flatten(value: Value, objects: &mut Vec<Value>) {
    let Value::Object(mut object) = value else { return };
    let kind = object.get("kind").and_then(Value::as_str).and_then(|kind| kind.strip_suffix("List")).map(str::to_owned);
    let Some(kind) = kind else {
        objects.push(Value::Object(object));
        return;
    };
    let own = [("apiVersion", object.get("apiVersion").cloned()), ("kind", Some(Value::String(kind)))];
    let Some(Value::Array(items)) = object.remove("items") else { return };
    for mut item in items {
        if let Some(members) = item.as_object_mut() {
            for (name, value) in &own {
                members.entry(*name).or_insert_with(|| value.clone().unwrap_or_default());
            }
        }
        flatten(item, objects);
    }
}

/// Sorts the objects by kind. One without a namespace is in `default`, as `kubectl` has it. One that can't be decoded is left out,
/// and said.
pub(crate) fn world(documents: Vec<Value>) -> anyhow::Result<World<Files>> {
    let mut objects = Objects::default();
    let mut files = Files::default();
    let mut keys = usual_keys();
    let mut refused = Vec::new();
    for mut document in documents {
        named_keys(&document, &mut keys);
        let kind = text(&document, "/kind");
        let name = text(&document, "/metadata/name");
        let group = group(&document);
        if group == GROUP && name.is_empty() {
            bail!("an object of kind {kind} has no name");
        }
        if !CLUSTER_WIDE.contains(&kind.as_str())
            && let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut)
        {
            metadata.entry("namespace").or_insert_with(|| "default".into());
        }
        let name = Name::new(text(&document, "/metadata/namespace"), name);
        if let Err(place) = place(document, (&group, &kind), name.clone(), &mut objects, &mut files) {
            let finding = Finding::new(Rule::Refused, format!("{place} has a value of a wrong type; `kubectl explain` says what it takes"));
            refused.push(Looked { kind, namespace: name.namespace, name: name.name, findings: vec![finding] });
        }
    }
    let unseen = files.unseen.clone();
    Ok(World { objects, fetch: files, complete: false, keys, unseen, refused })
}

/// Puts an object where it belongs. Else the field that is wrong.
fn place(document: Value, kind: (&str, &str), name: Name, objects: &mut Objects, files: &mut Files) -> Result<(), String> {
    match kind {
        (GROUP, "InfisicalSecret") => objects.secrets.push(typed(document)?),
        (GROUP, "InfisicalPushSecret") => objects.pushes.push(typed(document)?),
        (GROUP, "InfisicalDynamicSecret") => objects.dynamics.push(typed(document)?),
        (GROUP, "InfisicalStaticSecret") => objects.statics.push(typed(document)?),
        (GROUP, "InfisicalAuth") => objects.auths.push(typed(document)?),
        (GROUP, "InfisicalConnection") => objects.connections.push(typed(document)?),
        (GROUP, "ClusterGenerator") => objects.clusters.get_or_insert_default().push(typed(document)?),
        (GROUP, "Password") => objects.passwords.push(typed(document)?),
        (GROUP, "UUID") => objects.uuids.push(typed(document)?),
        ("", "Secret") => {
            let mut secret: Secret = typed(document)?;
            let given = secret.string_data.take().unwrap_or_default().into_iter();
            let given = given.map(|(key, value)| (key, k8s_openapi::ByteString(value.into_bytes())));
            secret.data.get_or_insert_default().extend(given);
            objects.owned.extend(Owned::of(TargetKind::Secret, &secret.metadata));
            files.secrets.insert(name, secret);
        }
        ("", "ConfigMap") => {
            let map: ConfigMap = typed(document)?;
            objects.owned.extend(Owned::of(TargetKind::ConfigMap, &map.metadata));
            files.maps.insert(name, map);
        }
        ("", "ServiceAccount") => {
            let account: ServiceAccount = typed(document)?;
            let listed = account.secrets.into_iter().flatten().filter_map(|secret| secret.name).collect();
            files.accounts.insert(name, listed);
        }
        ("apps", "Deployment") => {
            let workload: Deployment = typed(document)?;
            let spec = workload.spec.unwrap_or_default();
            objects.workloads.extend(Workload::of("Deployment", &workload.metadata, &spec.template));
        }
        ("apps", "StatefulSet") => {
            let workload: StatefulSet = typed(document)?;
            let spec = workload.spec.unwrap_or_default();
            objects.workloads.extend(Workload::of("StatefulSet", &workload.metadata, &spec.template));
        }
        ("apps", "DaemonSet") => {
            let workload: DaemonSet = typed(document)?;
            let spec = workload.spec.unwrap_or_default();
            objects.workloads.extend(Workload::of("DaemonSet", &workload.metadata, &spec.template));
        }
        _ => {}
    }
    Ok(())
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn group(object: &Value) -> String {
    text(object, "/apiVersion").split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default()
}

/// The error of a decoder may quote a value, so only the place is said.
fn typed<T: DeserializeOwned>(document: Value) -> Result<T, String> {
    T::deserialize(&document).map_err(|_| misfit::<T>(&document))
}

/// A member of an object, or an item of a list.
#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Item(usize),
}

/// The smallest part without which an object can be decoded, or, where several are wrong, what holds them all.
fn misfit<T: DeserializeOwned>(document: &Value) -> String {
    let mut path: Vec<Step> = Vec::new();
    let mut part = document;
    loop {
        let steps: Vec<Step> = match part {
            Value::Object(members) => members.keys().cloned().map(Step::Member).collect(),
            Value::Array(items) => (0..items.len()).map(Step::Item).collect(),
            _ => break,
        };
        let decides = |step: &Step| {
            let mut rest = document.clone();
            without(&mut rest, &path, step);
            T::deserialize(&rest).is_ok()
        };
        let Some(step) = steps.into_iter().find(decides) else { break };
        let inner = match &step {
            Step::Member(name) => part.get(name),
            Step::Item(index) => part.get(*index),
        };
        path.push(step);
        match inner {
            Some(inner) => part = inner,
            None => break,
        }
    }
    let shown = path.iter().map(|step| match step {
        Step::Member(name) => format!(".{name}"),
        Step::Item(index) => format!("[{index}]"),
    });
    let shown: String = shown.collect();
    shown.strip_prefix('.').map_or_else(|| "it".to_owned(), str::to_owned)
}

fn inner<'a>(part: Option<&'a mut Value>, step: &Step) -> Option<&'a mut Value> {
    match (part?, step) {
        (Value::Object(members), Step::Member(name)) => members.get_mut(name),
        (Value::Array(items), Step::Item(index)) => items.get_mut(*index),
        _ => None,
    }
}

/// Takes a step of the part at a path away.
fn without(document: &mut Value, path: &[Step], last: &Step) {
    match (path.iter().fold(Some(document), inner), last) {
        (Some(Value::Object(members)), Step::Member(name)) => drop(members.remove(name)),
        (Some(Value::Array(items)), Step::Item(index)) if *index < items.len() => drop(items.remove(*index)),
        _ => {}
    }
}

fn usual_keys() -> BTreeSet<String> {
    let sources = INFISICAL_SECRET.iter().flat_map(|method| method.inputs);
    let keys = sources.filter_map(|(_, source)| match source {
        Source::SecretKey(_, key) | Source::OptionalSecretKey(_, key) | Source::TokenKey(_, key) => Some((*key).to_owned()),
        Source::LegacyServiceAccountToken(..) => Some("token".to_owned()),
        Source::Text(_) | Source::KeyReference(_) => None,
    });
    keys.collect()
}

/// Whatever a document calls `key` may be a key of a Secret.
fn named_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, member)| match member.as_str() {
            Some(text) if name == "key" || name == "tls.caRef.key" => drop(keys.insert(text.to_owned())),
            _ => named_keys(member, keys),
        }),
        Value::Array(items) => items.iter().for_each(|item| named_keys(item, keys)),
        _ => {}
    }
}

impl Files {
    fn find<T: Clone>(&self, kind: &str, name: &Name, known: &BTreeMap<Name, T>) -> Seen<T> {
        match known.get(name) {
            Some(object) => Seen::There(object.clone()),
            None => {
                self.unseen.note(format!("{kind} {name}: it is not among the files"));
                Seen::Unknown
            }
        }
    }
}

impl Fetch for Files {
    async fn secret(&self, name: &Name) -> Seen<Secret> {
        self.find("Secret", name, &self.secrets)
    }

    async fn config_map(&self, name: &Name) -> Seen<ConfigMap> {
        self.find("ConfigMap", name, &self.maps)
    }

    async fn account(&self, name: &Name) -> Seen<Vec<String>> {
        self.find("ServiceAccount", name, &self.accounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "
apiVersion: v1
kind: List
items:
- {apiVersion: secrets.infisical.com/v1alpha1, kind: InfisicalSecret, metadata: {name: a, namespace: n}, spec: null}
- {apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: {K: v}}
---
---
{apiVersion: example.com/v1, kind: InfisicalSecret, metadata: {name: other}}
";

    #[tokio::test]
    async fn lists_and_documents_are_read_and_others_passed_over() {
        let world = world(parse(LIST).unwrap()).unwrap();
        assert_eq!((world.objects.secrets.len(), world.fetch.secrets.len()), (1, 1));
        let secret = world.fetch.secret(&Name::new("default", "s")).await.there().unwrap();
        assert_eq!(secret.data.unwrap()["K"].0, b"v");
        assert!(matches!(world.fetch.secret(&Name::new("n", "s")).await, Seen::Unknown));
        assert_eq!(world.unseen.all(), ["Secret n/s: it is not among the files"]);
    }

    #[test]
    fn an_error_quotes_nothing() {
        let error = parse("a: [canary\nb: {").unwrap_err().to_string();
        assert!(error.contains("line") && !error.contains("canary"), "{error}");
        let wrong = parse("{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {K: canary-not-base64!}}").unwrap();
        let [refused] = world(wrong).unwrap().refused.try_into().unwrap();
        let message = &refused.findings[0].message;
        assert_eq!((refused.title().as_str(), message.contains("canary")), ("Secret default/s", false), "{message}");
    }

    #[test]
    fn a_list_of_one_kind_says_the_kind_of_its_objects() {
        let raw = "
apiVersion: secrets.infisical.com/v1alpha1
kind: InfisicalSecretList
items:
- {metadata: {name: a, namespace: n}, spec: {resyncInterval: 10}}
- {metadata: {name: b, namespace: n}, spec: {managedKubeSecretReferences: [{secretName: x}, {secretName: [canary]}]}}
";
        let world = world(parse(raw).unwrap()).unwrap();
        assert_eq!(world.objects.secrets.len(), 1);
        let [refused] = world.refused.as_slice() else { panic!("{:?}", world.refused) };
        assert_eq!(refused.title(), "InfisicalSecret n/b");
        let message = &refused.findings[0].message;
        assert!(message.starts_with("spec.managedKubeSecretReferences[1].secretName has ") && !message.contains("canary"), "{message}");
    }
}
