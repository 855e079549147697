//! What a resource wrote, as its status keeps it from one process to the next.
//!
//! A definition of the peer's keeps [`Record::managed`] alone. Without the others a value that is there already counts as made
//! once, the folder as that of the spec, and a request for approval is made once more.
use super::Kind;
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
    /// Tells all that it was made from; see [`super::seen`].
    pub from: String,
    /// Value of the annotation that asks for another one.
    pub regenerate: Option<String>,
}

impl Made {
    /// Whether this asks for no other value by annotation; one that is taken away asks for nothing.
    #[must_use]
    pub fn asks_no_more_than(&self, before: &Self) -> bool {
        self.regenerate.is_none() || self.regenerate == before.regenerate
    }
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
    /// By name.
    pub secrets: BTreeMap<String, Asked>,
    /// Tells what it was made from; see [`super::approval`].
    pub source: String,
}

/// A change that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub kind: Kind,
    /// Which version was there then, where the server told it.
    pub version: Option<u64>,
    /// With what its value was made, if that is made once.
    pub made: Option<Made>,
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
        let remaking = status.generated.iter().flatten().filter_map(|made| {
            let ReplacedSecret { settings, regenerate, version } = made.replacing.clone()?;
            let remaking = Remaking { made: Made { from: settings?, regenerate }, version: u64::try_from(version?).ok()? };
            Some((made.destination_secret_name.clone()?, remaking))
        });
        let pending = status.pending.iter().flatten();
        Self {
            managed: status.managed_secrets.clone(),
            made: made(status.generated.as_deref()),
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
        !self.names().is_empty() || !self.pending.is_empty() || !self.awaited(Kind::Create).is_empty()
    }

    /// Names of what is done so as soon as somebody approves it, in their order.
    #[must_use]
    pub fn awaited(&self, kind: Kind) -> Vec<String> {
        let asked = self.waiting.iter().flat_map(|waiting| &waiting.secrets);
        asked.filter(|(_, asked)| asked.kind == kind).map(|(key, _)| key.clone()).collect()
    }

    /// Whether that waits for somebody to approve it.
    #[must_use]
    pub fn awaits(&self, key: &str, kind: Kind) -> bool {
        self.waiting.as_ref().and_then(|waiting| waiting.secrets.get(key)).is_some_and(|asked| asked.kind == kind)
    }

    /// All that is recorded of what something was made from; see [`super::seen`].
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let asked = self.waiting.iter().flat_map(|waiting| waiting.secrets.values()).filter_map(|asked| asked.made.as_ref());
        let remaking = self.remaking.values().map(|remaking| &remaking.made);
        let made = self.made.values().chain(remaking).chain(asked).map(|made| made.from.as_str());
        made.chain(self.waiting.iter().map(|waiting| waiting.source.as_str()))
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
            patch.insert("generated".into(), generated(self.made.iter(), Some(&self.remaking)));
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

fn made(written: Option<&[GeneratedSecret]>) -> BTreeMap<String, Made> {
    let made = |one: &GeneratedSecret| {
        let made = Made { from: one.settings.clone()?, regenerate: one.regenerate.clone() };
        Some((one.destination_secret_name.clone()?, made))
    };
    written.unwrap_or_default().iter().filter_map(made).collect()
}

/// The member that holds these, or null, which takes it away.
fn generated<'a>(made: impl Iterator<Item = (&'a String, &'a Made)>, remaking: Option<&BTreeMap<String, Remaking>>) -> Value {
    let replaced = |Remaking { made, version }: &Remaking| ReplacedSecret {
        settings: Some(made.from.clone()),
        regenerate: made.regenerate.clone(),
        version: i64::try_from(*version).ok(),
    };
    let written = |(key, made): (&String, &Made)| GeneratedSecret {
        destination_secret_name: Some(key.clone()),
        settings: Some(made.from.clone()),
        regenerate: made.regenerate.clone(),
        replacing: remaking.and_then(|remaking| remaking.get(key)).map(replaced),
    };
    let all: Vec<_> = made.map(written).collect();
    if all.is_empty() { Value::Null } else { json!(all) }
}

fn waiting(written: &PendingApproval) -> Waiting {
    let made = made(written.generated.as_deref());
    let asked = |(key, kind): (&String, &String)| {
        let version = written.versions.as_ref().and_then(|versions| u64::try_from(*versions.get(key)?).ok());
        let asked = Asked { kind: kind.parse().ok()?, version, made: made.get(key).cloned() };
        Some((key.clone(), asked))
    };
    Waiting {
        requests: written.requests.clone().unwrap_or_default(),
        secrets: written.secrets.iter().flatten().filter_map(asked).collect(),
        source: written.source.clone().unwrap_or_default(),
    }
}

fn approval(waiting: &Waiting, before: Option<&Waiting>) -> Value {
    let gone = before.into_iter().flat_map(|before| before.secrets.keys()).filter(|key| !waiting.secrets.contains_key(*key));
    let gone: Vec<_> = gone.map(|key| (key.clone(), Value::Null)).collect();
    let asked = || waiting.secrets.iter();
    let secrets: Value = gone.iter().cloned().chain(asked().map(|(key, asked)| (key.clone(), json!(asked.kind.to_string())))).collect();
    let had_version = |key| before.and_then(|before| before.secrets.get(key)).is_some_and(|asked| asked.version.is_some());
    let versions = asked().filter(|(key, asked)| asked.version.is_some() || had_version(*key));
    let versions: Value = gone.iter().cloned().chain(versions.map(|(key, asked)| (key.clone(), json!(asked.version)))).collect();
    let made = generated(asked().filter_map(|(key, asked)| Some((key, asked.made.as_ref()?))), None);
    json!({ "requests": waiting.requests, "secrets": secrets, "versions": versions, "generated": made, "source": waiting.source })
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
            waiting: Some(Waiting {
                requests: vec!["r".into()],
                secrets: [("D", asked(Kind::Create, None)), ("E", asked(Kind::Delete, Some(3))), ("F", made_once())]
                    .map(|(key, asked)| (key.to_owned(), asked))
                    .into(),
                source: "s".into(),
            }),
        }
    }

    fn asked(kind: Kind, version: Option<u64>) -> Asked {
        Asked { kind, version, made: None }
    }

    fn made_once() -> Asked {
        Asked { made: Some(Made { from: "digest/u/1".into(), regenerate: Some("2".into()) }), ..asked(Kind::Update, Some(7)) }
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
            waiting: Some(Waiting { secrets: [("D".to_owned(), asked(Kind::Create, Some(1)))].into(), ..record().waiting.unwrap() }),
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
        let waiting = |kind| Some(Waiting { secrets: [("A".to_owned(), asked(kind, None))].into(), ..Waiting::default() });
        let empty = Record { managed: Some(BTreeMap::new()), ..Record::default() };
        assert!(!Record::default().is_to_be_undone() && !empty.is_to_be_undone());
        assert!(!Record { waiting: waiting(Kind::Update), ..empty.clone() }.is_to_be_undone());
        for some in [
            Record { managed: record().managed, ..empty.clone() },
            Record { pending: record().pending, ..empty.clone() },
            Record { waiting: waiting(Kind::Create), ..empty },
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
