//! What a resource wrote, as its status keeps it from one process to the next.
//!
//! A definition of the peer's keeps [`Record::managed`] alone. Without the others a value that is there already counts as made
//! once, the folder as that of the spec, and a request for approval is made once more.
use api::v1alpha1::{GeneratedSecret, PendingApproval, PushSecretStatus, PushedTo, ReplacedSecret};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A folder at a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Address of the server, with its path.
    pub host: String,
    pub project_id: String,
    pub environment: String,
    pub path: String,
}

/// With what a value was made that is made once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Digest of all that it was made from, but for values.
    pub from: String,
    /// Value of the annotation that asks for another one.
    pub regenerate: Option<String>,
}

/// A value that is made once is about to be replaced by another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remaking {
    /// With what the other one is made.
    pub made: Made,
    /// Which version of the secret is at the server before that.
    pub version: u64,
}

/// What waits for an approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub requests: Vec<String>,
    /// `create`, `update` or `delete` by name.
    pub secrets: BTreeMap<String, String>,
    /// Tells what it was made from; see [`super::approval`].
    pub source: String,
}

/// What was written, and what was about to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Name by id. None: nothing was ever written.
    pub managed: Option<BTreeMap<String, String>>,
    pub made: BTreeMap<String, Made>,
    /// Of what is in `made`.
    pub remaking: BTreeMap<String, Remaking>,
    pub pushed_to: Option<Place>,
    pub pending: BTreeMap<String, Timestamp>,
    pub waiting: Option<Waiting>,
}

impl Record {
    /// What a status says. Half of an entry counts as none.
    #[must_use]
    pub fn of(status: Option<&PushSecretStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        let made = status.generated.iter().flatten().filter_map(|made| {
            let made_from = Made { from: made.settings.clone()?, regenerate: made.regenerate.clone() };
            Some((made.destination_secret_name.clone()?, made_from))
        });
        let remaking = status.generated.iter().flatten().filter_map(|made| {
            let ReplacedSecret { settings, regenerate, version } = made.replacing.clone()?;
            let remaking = Remaking { made: Made { from: settings?, regenerate }, version: u64::try_from(version?).ok()? };
            Some((made.destination_secret_name.clone()?, remaking))
        });
        let pending = status.pending.iter().flatten();
        Self {
            managed: status.managed_secrets.clone(),
            made: made.collect(),
            remaking: remaking.collect(),
            pushed_to: status.pushed_to.as_ref().and_then(place),
            // A time that can't be read says at least that the secret is about to be written.
            pending: pending.map(|(key, at)| (key.clone(), at.parse().unwrap_or(Timestamp::UNIX_EPOCH))).collect(),
            waiting: status.approval.as_ref().map(waiting),
        }
    }

    /// Whether the secret with this id is ours.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.managed.as_ref().is_some_and(|managed| managed.contains_key(id))
    }

    /// Whether something is, or may yet come to be, at the server that goes with the resource.
    #[must_use]
    pub fn is_to_be_undone(&self) -> bool {
        let created = |waiting: &Waiting| waiting.secrets.values().any(|change| change == super::approval::CREATE);
        !self.names().is_empty() || !self.pending.is_empty() || self.waiting.as_ref().is_some_and(created)
    }

    /// Names of what is ours, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.managed.iter().flat_map(BTreeMap::values).cloned().collect();
        names.sort();
        names
    }

    /// Notes a secret that is ours.
    pub fn note(&mut self, id: String, key: String) {
        self.managed.get_or_insert_default().insert(id, key);
    }

    /// The members of a status, as a merge patch of one that holds `before`. Empty: they are the same.
    #[must_use]
    pub fn patch(&self, before: &Self) -> Map<String, Value> {
        let mut patch = Map::new();
        let none: BTreeMap<String, String> = BTreeMap::new();
        if self.managed != before.managed {
            let (old, new) = (before.managed.as_ref().unwrap_or(&none), self.managed.as_ref().unwrap_or(&none));
            let gone = old.keys().filter(|id| !new.contains_key(*id)).map(|id| (id.clone(), Value::Null));
            patch.insert("managedSecrets".into(), gone.chain(new.iter().map(|(id, key)| (id.clone(), json!(key)))).collect());
        }
        if (&self.made, &self.remaking) != (&before.made, &before.remaking) {
            let made = self.made.iter().map(|(key, made)| GeneratedSecret {
                destination_secret_name: Some(key.clone()),
                settings: Some(made.from.clone()),
                regenerate: made.regenerate.clone(),
                replacing: self.remaking.get(key).map(|Remaking { made, version }| ReplacedSecret {
                    settings: Some(made.from.clone()),
                    regenerate: made.regenerate.clone(),
                    version: i64::try_from(*version).ok(),
                }),
            });
            patch.insert("generated".into(), if self.made.is_empty() { Value::Null } else { json!(made.collect::<Vec<_>>()) });
        }
        if self.pushed_to != before.pushed_to {
            let place = self.pushed_to.as_ref().map(|place| {
                json!({
                    "hostAPI": place.host,
                    "projectId": place.project_id,
                    "environmentSlug": place.environment,
                    "secretsPath": place.path,
                })
            });
            patch.insert("pushedTo".into(), place.into());
        }
        if self.pending != before.pending {
            let gone = before.pending.keys().filter(|key| !self.pending.contains_key(*key)).map(|key| (key.clone(), Value::Null));
            let pending = gone.chain(self.pending.iter().map(|(key, at)| (key.clone(), json!(at.to_string())))).collect();
            patch.insert("pending".into(), if self.pending.is_empty() { Value::Null } else { pending });
        }
        if self.waiting != before.waiting {
            patch.insert("approval".into(), self.waiting.as_ref().map(|waiting| approval(waiting, before.waiting.as_ref())).into());
        }
        patch
    }
}

fn place(written: &PushedTo) -> Option<Place> {
    Some(Place {
        host: written.host_api.clone()?,
        project_id: written.project_id.clone()?,
        environment: written.environment_slug.clone()?,
        path: written.secrets_path.clone()?,
    })
}

fn waiting(written: &PendingApproval) -> Waiting {
    Waiting {
        requests: written.requests.clone().unwrap_or_default(),
        secrets: written.secrets.clone().unwrap_or_default(),
        source: written.source.clone().unwrap_or_default(),
    }
}

fn approval(waiting: &Waiting, before: Option<&Waiting>) -> Value {
    let gone = before.into_iter().flat_map(|before| before.secrets.keys()).filter(|key| !waiting.secrets.contains_key(*key));
    let secrets: Value = gone
        .map(|key| (key.clone(), Value::Null))
        .chain(waiting.secrets.iter().map(|(key, change)| (key.clone(), json!(change))))
        .collect();
    json!({ "requests": waiting.requests, "secrets": secrets, "source": waiting.source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Record {
            managed: Some(pairs(&[("id-a", "A"), ("id-b", "B")])),
            made: [("G".to_owned(), Made { from: "digest".into(), regenerate: Some("1".into()) })].into(),
            remaking: [("G".to_owned(), Remaking { made: Made { from: "other".into(), regenerate: None }, version: 3 })].into(),
            pushed_to: Some(Place { host: "https://x/api".into(), project_id: "p".into(), environment: "dev".into(), path: "/".into() }),
            pending: [("C".to_owned(), Timestamp::from_second(7).unwrap())].into(),
            waiting: Some(Waiting { requests: vec!["r".into()], secrets: pairs(&[("D", "create"), ("E", "delete")]), source: "s".into() }),
        }
    }

    /// As the API server does with a merge patch.
    fn merge(into: &mut Value, patch: Value) {
        let Value::Object(patch) = patch else { return *into = patch };
        if !into.is_object() {
            *into = json!({});
        }
        for (key, value) in patch {
            let members = into.as_object_mut().unwrap();
            if value.is_null() {
                members.remove(&key);
            } else {
                merge(members.entry(key).or_insert(Value::Null), value);
            }
        }
    }

    fn stored(before: &Record, after: &Record) -> Record {
        let mut status = Value::Object(before.patch(&Record::default()));
        merge(&mut status, Value::Object(after.patch(before)));
        Record::of(Some(&serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn a_status_gives_back_what_was_put_into_it() {
        let other = Record {
            managed: Some([("id-b".to_owned(), "B".to_owned())].into()),
            waiting: Some(Waiting { secrets: [("D".to_owned(), "create".to_owned())].into(), ..record().waiting.unwrap() }),
            ..Record::default()
        };
        for before in [Record::default(), record(), other.clone()] {
            for after in [record(), other.clone(), Record { managed: Some(BTreeMap::new()), ..Record::default() }] {
                assert_eq!(stored(&before, &after), after, "after {before:?}");
            }
        }
        assert!(record().patch(&record()).is_empty());
    }

    #[test]
    fn what_is_there_or_may_yet_come_is_to_be_undone() {
        let waiting = |change: &str| Some(Waiting { secrets: [("A".to_owned(), change.to_owned())].into(), ..Waiting::default() });
        let empty = Record { managed: Some(BTreeMap::new()), ..Record::default() };
        assert!(!Record::default().is_to_be_undone() && !empty.is_to_be_undone());
        assert!(!Record { waiting: waiting("update"), ..empty.clone() }.is_to_be_undone());
        for some in [
            Record { managed: record().managed, ..empty.clone() },
            Record { pending: record().pending, ..empty.clone() },
            Record { waiting: waiting("create"), ..empty },
        ] {
            assert!(some.is_to_be_undone(), "{some:?}");
        }
    }

    #[test]
    fn what_the_peer_recorded_and_what_a_first_failure_must_say() {
        let peer = json!({"conditions": [], "managedSecrets": {"id-/push/shop-API_KEY": "API_KEY"}});
        let read = Record::of(Some(&serde_json::from_value(peer).unwrap()));
        assert!(read.has("id-/push/shop-API_KEY") && read.made.is_empty() && read.pushed_to.is_none());
        let mut first = Record::default();
        first.managed.get_or_insert_default();
        assert_eq!(Value::Object(first.patch(&Record::default())), json!({"managedSecrets": {}}));
        assert!(first.patch(&first).is_empty());
    }
}
