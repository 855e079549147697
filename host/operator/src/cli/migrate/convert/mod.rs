//! InfisicalSecrets as resources of version v1beta1: an InfisicalConnection for each server, an InfisicalAuth for each login, an
//! InfisicalStaticSecret for each InfisicalSecret.
//!
//! All are made in the namespace of the InfisicalSecret, so that who may use which credentials stays the same; servers and logins
//! that are equal within a namespace are made once. What can't be said in v1beta1 is left out with the reason as a comment:
//! an InfisicalSecret is converted whole or not at all. What comes out differently is a comment that begins with `attention:`.
mod auth;
mod connection;
mod names;
mod secret;
mod template;
mod whole;

use super::{
    Output, Version,
    finding::{Finding, Level, Rule},
    look,
    report::Looked,
    world::{Fetch, Objects, Seen, Unseen, World},
};
use crate::{
    cluster::Key,
    object::Name,
    plan::{self, Settings},
};
use api::v1alpha1::InfisicalSecret;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Resource, ResourceExt};
use names::Names;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
};

const HEAD: &str = "\
# To switch without a gap:
# 1. Set creationPolicy: Orphan on every target of the InfisicalSecrets, and wait until the targets bear no owner reference.
# 2. Apply this file. Each InfisicalStaticSecret waits with the reason TargetClaimed as long as the InfisicalSecret is there.
# 3. Delete the InfisicalSecrets. The targets stay, with the same data, and are kept by the InfisicalStaticSecrets.
# The hash in the annotation secrets.infisical.com/version is made in another way for v1beta1, so workloads with
# secrets.infisical.com/auto-reload: \"true\" restart once at step 3.
";

/// A comment that begins so says that something comes out differently.
const ATTENTION: &str = "attention:";

/// What is found of a resource by itself, whatever is in the cluster.
const OF_THE_SPEC: [Rule; 3] = [Rule::Refused, Rule::UntrustedHost, Rule::MethodGone];

/// Why a resource can't be converted.
pub(super) type Refusal = String;

/// An object with the comments that stand above it.
pub(super) struct Document {
    pub comments: Vec<String>,
    pub object: Value,
}

impl Document {
    fn kind(&self) -> &str {
        self.object.get("kind").and_then(Value::as_str).unwrap_or_default()
    }

    fn title(&self) -> String {
        let text = |pointer: &str| self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
    }
}

/// The documents for some InfisicalSecrets.
#[derive(Default)]
pub(crate) struct Converted {
    documents: Vec<Document>,
    /// Name and reason of what is not converted.
    refused: Vec<(String, Refusal)>,
    /// What is worth a line at the top.
    notes: Vec<String>,
    total: usize,
}

/// Prints what these resources come to in that version. True: someone has to look at it.
///
/// # Errors
/// What is printed can't be JSON.
pub(crate) async fn print<F: Fetch>(version: Version, world: &World<F>, settings: &Settings, output: Output) -> anyhow::Result<bool> {
    let Version::V1beta1 = version;
    let converted = convert(world, settings).await;
    match output {
        Output::Text => print!("{}", converted.text()),
        Output::Json => {
            eprint!("{}", converted.comments());
            println!("{}", serde_json::to_string_pretty(&converted.list())?);
        }
    }
    Ok(converted.needs_attention())
}

/// Converts all InfisicalSecrets.
pub(crate) async fn convert<F: Fetch>(world: &World<F>, settings: &Settings) -> Converted {
    let objects = &world.objects;
    let mut names = Names::default();
    objects.connections.iter().for_each(|one| names.take("InfisicalConnection", &namespace(one), &one.name_any(), said(&one.spec)));
    objects.auths.iter().for_each(|one| names.take("InfisicalAuth", &namespace(one), &one.name_any(), said(&one.spec)));
    objects.statics.iter().for_each(|one| names.take("InfisicalStaticSecret", &namespace(one), &one.name_any(), said(&one.spec)));
    let mut converted = Converted { total: objects.secrets.len(), notes: stays(objects), ..Converted::default() };
    let global = match world.fetch.config_map(&settings.config).await {
        Seen::There(map) => connection::Global::of(&map.data.unwrap_or_default()),
        Seen::Absent => connection::Global::default(),
        Seen::Unknown => {
            let config = &settings.config;
            let what = "what it names (hostAPI, tls.caRef) counts for InfisicalSecrets that name none, and would be written out here";
            converted.notes.push(format!("not looked at: ConfigMap {config}: {what}"));
            connection::Global::default()
        }
    };
    let mut making = Making {
        fetch: &world.fetch,
        global,
        names,
        keepers: keepers(objects),
        connections: Default::default(),
        auths: Default::default(),
    };
    let mut statics = Vec::new();
    for resource in &objects.secrets {
        match making.one(resource).await {
            Ok(document) => statics.push(document),
            Err(refusal) => converted.refused.push((format!("{}/{}", namespace(resource), resource.name_any()), refusal)),
        }
    }
    converted.refused.extend(world.refused.iter().filter(|one| one.kind == "InfisicalSecret").map(unread));
    converted.total = objects.secrets.len() + world.refused.iter().filter(|one| one.kind == "InfisicalSecret").count();
    converted.documents.extend(making.connections.documents());
    converted.documents.extend(making.auths.documents());
    converted.documents.extend(statics);
    converted.look(world, settings).await;
    converted
}

fn unread(looked: &Looked) -> (String, Refusal) {
    let why = looked.findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
    (format!("{}/{}", looked.namespace, looked.name), why)
}

/// Which object has which target.
fn keepers(objects: &Objects) -> HashMap<Key, Name> {
    let mut keepers = HashMap::new();
    for one in &objects.statics {
        let name = Name::new(namespace(one), one.name_any());
        let targets = plan::static_targets(one).unwrap_or_default().targets;
        keepers.extend(targets.iter().map(|target| (look::key(target), name.clone())));
    }
    keepers
}

/// What there is no newer kind for.
fn stays(objects: &Objects) -> Vec<String> {
    let line = |kind: &str, names: Vec<String>| {
        (!names.is_empty()).then(|| format!("stays v1alpha1, which is the only version of the kind: {kind} {}", names.join(", ")))
    };
    let pushes = objects.pushes.iter().map(|one| format!("{}/{}", namespace(one), one.name_any())).collect();
    let dynamics = objects.dynamics.iter().map(|one| format!("{}/{}", namespace(one), one.name_any())).collect();
    [line("InfisicalPushSecret", pushes), line("InfisicalDynamicSecret", dynamics)].into_iter().flatten().collect()
}

/// What is made so far.
struct Making<'a, F> {
    fetch: &'a F,
    global: connection::Global,
    names: Names,
    /// Of targets that an InfisicalStaticSecret names already.
    keepers: HashMap<Key, Name>,
    connections: connection::Connections,
    auths: auth::Auths,
}

impl<F: Fetch> Making<'_, F> {
    /// Nothing is kept of a resource that is refused.
    async fn one(&mut self, resource: &InfisicalSecret) -> Result<Document, Refusal> {
        if resource.meta().deletion_timestamp.is_some() {
            return Err("it is being deleted".into());
        }
        let login = auth::Login::of(resource)?;
        let mut body = secret::Body::of(resource, &login)?;
        let server = connection::Server::of(resource, &self.global)?;
        let (place, user) = (namespace(resource), resource.name_any());
        let there = self.there(resource, &body)?;
        let connection = server.map(|server| self.connections.name(&place, server, &user, &mut self.names));
        let auth = self.auths.name((&place, connection), &login, &user, &mut self.names, self.fetch).await;
        body.comments.extend(login.notes.iter().cloned());
        let object = match there {
            Some((name, spec)) => {
                body.comments.push("It is there already.".into());
                let mut object = body.document(resource, &name, &auth);
                if let Some(members) = object.as_object_mut() {
                    members.insert("spec".into(), spec);
                }
                object
            }
            None => {
                let spec = said(&body.spec(&place, &auth));
                let mut free = names::candidates(&user).filter(|name| self.names.may_have("InfisicalStaticSecret", &place, name, &spec));
                body.document(resource, &free.next().unwrap_or_default(), &auth)
            }
        };
        Ok(Document { comments: body.comments, object })
    }

    /// The InfisicalStaticSecret that was made of this resource by an earlier run: its name and spec.
    fn there(&self, resource: &InfisicalSecret, body: &secret::Body) -> Result<Option<(String, Value)>, Refusal> {
        let targets = plan::targets(resource).map_err(|fault| fault.message)?.targets;
        let keeper = targets.iter().find_map(|target| Some((target, self.keepers.get(&look::key(target))?)));
        let Some((target, Name { namespace: place, name })) = keeper else { return Ok(None) };
        let spec = self.names.spec("InfisicalStaticSecret", place, name).cloned().unwrap_or_default();
        if *place == namespace(resource) && secret::same_but_for_what_follows(&spec, &said(&body.spec(place, ""))) {
            return Ok(Some((name.clone(), spec)));
        }
        let key = look::key(target);
        Err(format!("InfisicalStaticSecret {place}/{name} has {key} as its target already, with another spec; keep one of the two"))
    }
}

/// The fetched world with the Secrets that are printed.
struct With<'a, F> {
    fetch: &'a F,
    secrets: BTreeMap<Name, Secret>,
}

impl<F: Fetch> Fetch for With<'_, F> {
    async fn secret(&self, name: &Name) -> Seen<Secret> {
        match self.secrets.get(name) {
            Some(secret) => Seen::There(secret.clone()),
            None => self.fetch.secret(name).await,
        }
    }

    async fn config_map(&self, name: &Name) -> Seen<ConfigMap> {
        self.fetch.config_map(name).await
    }

    async fn account(&self, name: &Name) -> Seen<Vec<String>> {
        self.fetch.account(name).await
    }
}

impl Converted {
    fn of_kind<K: Resource<DynamicType = ()> + DeserializeOwned>(&self) -> Vec<K> {
        let kind = K::kind(&());
        let objects = self.documents.iter().filter(|document| document.kind() == kind);
        objects.filter_map(|document| serde_json::from_value(document.object.clone()).ok()).collect()
    }

    /// Looks at what was made as at any resource: what must be acted on is a comment.
    async fn look<F: Fetch>(&mut self, world: &World<F>, settings: &Settings) {
        let objects = Objects { connections: self.of_kind(), auths: self.of_kind(), statics: self.of_kind(), ..Objects::default() };
        let secrets = self.documents.iter().filter(|document| document.kind() == "Secret").filter_map(|document| {
            let secret: Secret = serde_json::from_value(document.object.clone()).ok()?;
            let name = Name::new(namespace(&secret), secret.name_any());
            let data = secret.string_data.into_iter().flatten();
            let data = data.map(|(key, value)| (key, k8s_openapi::ByteString(value.into_bytes()))).collect();
            Some((name, Secret { string_data: None, data: Some(data), ..secret }))
        });
        let fetch = With { fetch: &world.fetch, secrets: secrets.collect() };
        let made =
            World { objects, fetch, complete: world.complete, keys: world.keys.clone(), unseen: Unseen::default(), refused: Vec::new() };
        let report = look::look(&made, settings).await;
        for document in &mut self.documents {
            let title = document.title();
            let findings = report.looked.iter().filter(|looked| looked.title() == title).flat_map(|looked| &looked.findings);
            let acts = findings.filter(|finding| finding.rule.level() == Level::Act && OF_THE_SPEC.contains(&finding.rule));
            // What is another's is said there.
            let acts =
                acts.filter(|finding| !["InfisicalAuth ", "InfisicalConnection "].iter().any(|kind| finding.message.starts_with(kind)));
            document.comments.extend(acts.map(|Finding { rule, message }| format!("{ATTENTION} {}: {message}", rule.name())));
        }
    }
}

/// What a resource says, without what is not set: what the peer writes whole may be full of empty texts.
pub(super) fn said(spec: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    without_nulls(&mut value);
    value
}

/// Whether two specs say the same.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        without_empty(&mut value);
        value
    };
    bare(one) == bare(other)
}

fn without_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(without_empty);
            let empty = |member: &Value| match member {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            };
            members.retain(|_, member| !empty(member));
        }
        Value::Array(items) => items.iter_mut().for_each(without_empty),
        _ => {}
    }
}

fn namespace(resource: &impl ResourceExt) -> String {
    resource.namespace().unwrap_or_else(|| "default".into())
}

/// A resource without what is not set.
pub(super) fn document(resource: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(resource).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    without_nulls(&mut value);
    value
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

impl Converted {
    /// Something is not converted, or comes out differently.
    pub fn needs_attention(&self) -> bool {
        let mut comments = self.documents.iter().flat_map(|document| &document.comments);
        !self.refused.is_empty() || comments.any(|comment| comment.starts_with(ATTENTION))
    }

    fn head(&self) -> String {
        let done = self.total - self.refused.len();
        let mut text = format!("# {done} of {} InfisicalSecrets converted to v1beta1.\n", self.total);
        for (name, refusal) in &self.refused {
            // Writing to a text does not fail.
            let _ = writeln!(text, "# not converted: {name}: {refusal}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "# {note}");
        }
        if done > 0 {
            text.push_str(HEAD);
        }
        text
    }

    /// YAML to be applied.
    pub fn text(&self) -> String {
        let mut text = self.head();
        for Document { comments, object } in &self.documents {
            text.push_str("---\n");
            for comment in comments {
                let _ = writeln!(text, "# {comment}");
            }
            text.push_str(&serde_yaml::to_string(object).unwrap_or_default());
        }
        text
    }

    /// The same to be applied as JSON, which has no comments.
    fn list(&self) -> Value {
        let items: Vec<_> = self.documents.iter().map(|document| &document.object).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    /// What stands beside it.
    fn comments(&self) -> String {
        let mut text = self.head();
        for document in &self.documents {
            for comment in &document.comments {
                let _ = writeln!(text, "# {}: {comment}", document.title());
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
