//! Objects of YAML files: documents of any kind, and lists of them. What `migrate` has no use for is passed over.
use super::world::{Fetch, Objects, Owned, Seen, Unseen, Workload, World};
use crate::{object::Name, plan::TargetKind};
use anyhow::{Context, bail};
use api::dialect::{INFISICAL_SECRET, Source};
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
/// A file can't be read or is no YAML; an object of a known kind that can't be one.
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

fn flatten(value: Value, objects: &mut Vec<Value>) {
    match value {
        Value::Object(mut object) if object.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List")) => {
            if let Some(Value::Array(items)) = object.remove("items") {
                items.into_iter().for_each(|item| flatten(item, objects));
            }
        }
        Value::Object(object) => objects.push(Value::Object(object)),
        _ => {}
    }
}

/// Sorts the objects by kind. One without a namespace is in `default`, as `kubectl` has it.
pub(crate) fn world(documents: Vec<Value>) -> anyhow::Result<World<Files>> {
    let mut objects = Objects::default();
    let mut files = Files::default();
    let mut keys = usual_keys();
    for mut document in documents {
        named_keys(&document, &mut keys);
        let kind = text(&document, "/kind");
        if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.entry("namespace").or_insert_with(|| "default".into());
        }
        let name = Name::new(text(&document, "/metadata/namespace"), text(&document, "/metadata/name"));
        match (group(&document).as_str(), kind.as_str()) {
            ("secrets.infisical.com", _) if name.name.is_empty() => bail!("an object of kind {kind} has no name"),
            ("secrets.infisical.com", "InfisicalSecret") => objects.secrets.push(typed(document, &kind, &name)?),
            ("secrets.infisical.com", "InfisicalPushSecret") => objects.pushes.push(typed(document, &kind, &name)?),
            ("secrets.infisical.com", "InfisicalDynamicSecret") => objects.dynamics.push(typed(document, &kind, &name)?),
            ("secrets.infisical.com", "InfisicalStaticSecret") => objects.statics.push(typed(document, &kind, &name)?),
            ("secrets.infisical.com", "InfisicalAuth") => objects.auths.push(typed(document, &kind, &name)?),
            ("secrets.infisical.com", "InfisicalConnection") => objects.connections.push(typed(document, &kind, &name)?),
            ("", "Secret") => {
                let mut secret: Secret = typed(document, &kind, &name)?;
                let given = secret.string_data.take().unwrap_or_default().into_iter();
                let given = given.map(|(key, value)| (key, k8s_openapi::ByteString(value.into_bytes())));
                secret.data.get_or_insert_default().extend(given);
                objects.owned.extend(Owned::of(TargetKind::Secret, &secret.metadata));
                files.secrets.insert(name, secret);
            }
            ("", "ConfigMap") => {
                let map: ConfigMap = typed(document, &kind, &name)?;
                objects.owned.extend(Owned::of(TargetKind::ConfigMap, &map.metadata));
                files.maps.insert(name, map);
            }
            ("", "ServiceAccount") => {
                let account: ServiceAccount = typed(document, &kind, &name)?;
                let listed = account.secrets.into_iter().flatten().filter_map(|secret| secret.name).collect();
                files.accounts.insert(name, listed);
            }
            ("apps", "Deployment") => {
                let workload: Deployment = typed(document, &kind, &name)?;
                let spec = workload.spec.unwrap_or_default();
                objects.workloads.extend(Workload::of("Deployment", &workload.metadata, &spec.template));
            }
            ("apps", "StatefulSet") => {
                let workload: StatefulSet = typed(document, &kind, &name)?;
                let spec = workload.spec.unwrap_or_default();
                objects.workloads.extend(Workload::of("StatefulSet", &workload.metadata, &spec.template));
            }
            ("apps", "DaemonSet") => {
                let workload: DaemonSet = typed(document, &kind, &name)?;
                let spec = workload.spec.unwrap_or_default();
                objects.workloads.extend(Workload::of("DaemonSet", &workload.metadata, &spec.template));
            }
            _ => {}
        }
    }
    let unseen = files.unseen.clone();
    Ok(World { objects, fetch: files, complete: false, keys, unseen })
}

fn text(object: &Value, pointer: &str) -> String {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn group(object: &Value) -> String {
    text(object, "/apiVersion").split_once('/').map(|(group, _)| group.to_owned()).unwrap_or_default()
}

/// The error of a decoder may quote a value, so only the place is said.
fn typed<T: DeserializeOwned>(document: Value, kind: &str, name: &Name) -> anyhow::Result<T> {
    serde_json::from_value(document)
        .map_err(|_| anyhow::anyhow!("{kind} {name} has a field of a wrong type; `kubectl apply --dry-run=server` names it"))
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
        let error = world(wrong).err().unwrap().to_string();
        assert!(error.contains("Secret default/s") && !error.contains("canary"), "{error}");
    }
}
