//! What the API server noted of one user's requests, held against the roles that he has.
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// A request as a role sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    pub group: String,
    /// With its subresource: `infisicalsecrets/status`.
    pub resource: String,
    pub verb: String,
}

impl std::fmt::Display for Right {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { group, resource, verb } = self;
        let dot = if group.is_empty() { "" } else { "." };
        write!(out, "{verb} {resource}{dot}{group}")
    }
}

#[derive(Debug, Default)]
pub struct Seen {
    pub used: BTreeSet<Right>,
    /// With the place, as `namespace/name`.
    pub denied: BTreeSet<(Right, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    user: User,
    verb: String,
    object_ref: Option<Object>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Object {
    resource: String,
    subresource: String,
    api_group: String,
    namespace: String,
    name: String,
}

/// All requests of a user for objects, so far.
pub fn of_user(log: &Path, user: &str) -> Seen {
    let mut seen = Seen::default();
    for line in fs::read_to_string(log).unwrap().lines() {
        // The last line may be half written.
        let Ok(event) = serde_json::from_str::<Event>(line) else { continue };
        let Some(object) = event.object_ref.filter(|_| event.user.username == user) else { continue };
        let dash = if object.subresource.is_empty() { "" } else { "/" };
        let resource = format!("{}{dash}{}", object.resource, object.subresource);
        let right = Right { group: object.api_group, resource, verb: event.verb };
        match event.annotations.get("authorization.k8s.io/decision").map(String::as_str) {
            Some("allow") => drop(seen.used.insert(right)),
            _ => drop(seen.denied.insert((right, format!("{}/{}", object.namespace, object.name)))),
        }
    }
    seen
}

/// What rendered roles grant.
pub fn granted(roles: &[&Value]) -> BTreeSet<Right> {
    let list = |rule: &Value, field: &str| -> Vec<String> {
        rule[field].as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let mut granted = BTreeSet::new();
    for rule in roles.iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                for verb in list(rule, "verbs") {
                    assert!(![&group, &resource, &verb].iter().any(|part| part.contains('*')), "a wildcard: {rule}");
                    granted.insert(Right { group: group.clone(), resource: resource.clone(), verb });
                }
            }
        }
    }
    granted
}
