//! Changes that wait for a person's approval: they are asked for once, and again only when what is to be written changes. Pure.
//!
//! What was asked for is known value for value as long as the process lives; from one process to the next only by name, by the
//! Secret's version and by the spec, since a status must tell nothing of a value. Of a value that is made once nobody could
//! make the same again: that its update was approved shows in the value, after a restart in the version at the server.
use super::{
    Folder, Wish, Wishes,
    decide::{Change, Decision, New, same},
    record::{Made, Record, Waiting},
    seen::{Compared, Seen},
};
use runtime::SecretBytes;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

pub const CREATE: &str = "create";
pub const UPDATE: &str = "update";
pub const DELETE: &str = "delete";

/// What was asked for.
#[derive(Clone)]
pub enum Asked {
    Value(&'static str, Arc<SecretBytes>),
    /// Its value is not known after a restart.
    Once(&'static str, Made, Option<Arc<SecretBytes>>),
    Deletion,
}

/// By name.
pub type AllAsked = HashMap<String, Asked>;

impl Asked {
    /// What a change asks for, before a value is made for it.
    fn of(kind: &'static str, change: &Change) -> Self {
        match &change.value {
            New::Value(value) => Self::Value(kind, Arc::clone(value)),
            New::Once(_, made) => Self::Once(kind, made.clone(), None),
        }
    }

    /// From what it was made, if it is made once.
    #[must_use]
    pub fn made_from(&self) -> Option<&str> {
        if let Self::Once(_, made, _) = self { Some(&made.from) } else { None }
    }

    fn is(&self, other: &Self, seen: &Seen) -> bool {
        match (self, other) {
            (Self::Value(kind, value), Self::Value(also, other)) => kind == also && same(value, other),
            (Self::Once(kind, made, _), Self::Once(also, other, _)) => {
                let from = seen.compare(&made.from, &other.from);
                kind == also && made.regenerate == other.regenerate && matches!(from, Compared::Same | Compared::SameData)
            }
            (Self::Deletion, Self::Deletion) => true,
            _ => false,
        }
    }
}

/// Tells what a request was made from: the spec of what is pushed, and the version of the Secret.
#[must_use]
pub fn source(spec: &impl serde::Serialize, secret: Option<&str>) -> String {
    let spec = serde_json::to_string(spec).unwrap_or_default();
    hex::encode(Sha256::digest(format!("{} {spec} {}", spec.len(), secret.unwrap_or_default())))
}

/// Notes of values that are made once which were approved: what is there is what was asked for.
pub fn settle(record: &mut Record, wishes: &Wishes, there: &Folder, regenerate: Option<&str>, asked: &mut AllAsked) {
    let Some(waiting) = &mut record.waiting else { return };
    let mut approved = Vec::new();
    for (key, kind) in &waiting.secrets {
        let Some(remote) = there.get(key) else { continue };
        let moved = waiting.versions.get(key).is_some_and(|before| remote.version.is_some_and(|now| now != *before));
        let made = match (asked.get(key), wishes.get(key)) {
            (Some(Asked::Once(_, made, Some(value))), _) if same(value, &remote.value) => made.clone(),
            (Some(Asked::Once(_, made, None)), _) if moved => made.clone(),
            (None, Some(Wish::Once { made_from, .. })) if moved => {
                Made { from: made_from.clone(), regenerate: regenerate.map(str::to_owned) }
            }
            _ => continue,
        };
        approved.push((key.clone(), kind == CREATE, remote.id.clone(), made));
    }
    for (key, created, id, made) in approved {
        if let Some(waiting) = &mut record.waiting {
            waiting.secrets.remove(&key);
            waiting.versions.remove(&key);
        }
        asked.remove(&key);
        if created {
            record.note(id, key.clone());
        }
        record.made.insert(key, made);
    }
}

/// Takes out of a decision what was asked for already: kind of change by name. What nobody waits for any more is forgotten.
pub fn hold_back(decision: &mut Decision, asked: &mut AllAsked, seen: &Seen, source: &str) -> BTreeMap<String, &'static str> {
    let recorded = decision.record.waiting.take();
    // What somebody else would have made once is not asked for with another value only because the Secret's version moved.
    let recorded_kind = |key: &str, wanted: &Asked| {
        let waiting = recorded.as_ref().filter(|waiting| waiting.source == source || wanted.made_from().is_some());
        waiting.and_then(|waiting| waiting.secrets.get(key).cloned())
    };
    let mut held = BTreeMap::new();
    let mut is_known = |key: &str, kind: &'static str, wanted: Asked| {
        let known = match asked.get(key) {
            Some(asked) => asked.is(&wanted, seen),
            None => recorded_kind(key, &wanted).is_some_and(|recorded| recorded == kind),
        };
        if known {
            asked.entry(key.to_owned()).or_insert(wanted);
            held.insert(key.to_owned(), kind);
        }
        known
    };
    decision.create.retain(|change| !is_known(&change.key, CREATE, Asked::of(CREATE, change)));
    decision.update.retain(|change| !is_known(&change.key, UPDATE, Asked::of(UPDATE, change)));
    decision.delete.retain(|key| !is_known(key, DELETE, Asked::Deletion));
    asked.retain(|key, _| held.contains_key(key));
    decision.record.waiting = recorded.filter(|_| !held.is_empty()).map(|waiting| Waiting {
        requests: waiting.requests,
        versions: waiting.versions.into_iter().filter(|(key, _)| held.contains_key(key)).collect(),
        secrets: held.iter().map(|(key, kind)| (key.clone(), (*kind).to_owned())).collect(),
        source: source.to_owned(),
    });
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::{
        Once, Remote,
        decide::{Rules, decide},
    };

    fn create(key: &str, value: &str) -> Change {
        Change { key: key.into(), value: New::Value(Arc::new(SecretBytes::from(value.as_bytes().to_vec()))), ours: false }
    }

    fn decision(value: &str, waiting: Option<Waiting>) -> Decision {
        let record = Record { waiting, ..Record::default() };
        Decision { create: vec![create("A", value)], delete: vec!["D".into()], record, ..Decision::default() }
    }

    fn waiting(source: &str) -> Option<Waiting> {
        let secrets = [("A", CREATE), ("D", DELETE), ("GONE", CREATE)].map(|(key, kind)| (key.to_owned(), kind.to_owned()));
        Some(Waiting { requests: vec!["r1".into()], secrets: secrets.into(), source: source.into(), ..Waiting::default() })
    }

    fn hold_back(decision: &mut Decision, asked: &mut AllAsked, source: &str) -> BTreeMap<String, &'static str> {
        super::hold_back(decision, asked, &Seen::default(), source)
    }

    fn bytes(text: &str) -> Arc<SecretBytes> {
        Arc::new(SecretBytes::from(text.as_bytes().to_vec()))
    }

    fn made(from: &str) -> Made {
        Made { from: from.into(), regenerate: None }
    }

    /// A record in which an update of the generated G waits, asked for at version 3.
    fn update_waits() -> Record {
        let secrets = [("G".to_owned(), UPDATE.to_owned())].into();
        let waiting = Waiting { requests: vec!["r".into()], secrets, versions: [("G".to_owned(), 3)].into(), source: "s".into() };
        Record { waiting: Some(waiting), made: [("G".to_owned(), made("old"))].into(), ..Record::default() }
    }

    /// Settles and decides with `version` of `value` at the server: how many updates are decided, and the record.
    fn next(record: Record, asked: &mut AllAsked, version: u64, value: &str, source: &str) -> (usize, Record) {
        let wishes: Wishes = [("G".to_owned(), Wish::Once { made_from: "new".into(), value: Once::Generator(0) })].into();
        let remote = Remote { id: "id".into(), value: bytes(value), created: None, version: Some(version) };
        let there = [("G".to_owned(), remote)].into();
        let mut record = record;
        settle(&mut record, &wishes, &there, None, asked);
        let rules = Rules { replace: true, ..Rules::default() };
        let mut decision = decide(&wishes, &there, &record, rules, &std::collections::BTreeSet::new());
        hold_back(&mut decision, asked, source);
        (decision.update.len(), decision.record)
    }

    #[test]
    fn an_approved_update_of_a_value_that_is_made_once_is_known_by_the_value() {
        let mut asked: AllAsked = [("G".to_owned(), Asked::Once(UPDATE, made("new"), Some(bytes("asked"))))].into();
        // Somebody's edit is not what was asked for.
        let (updates, record) = next(update_waits(), &mut asked, 4, "edited", "s");
        assert!(updates == 0 && record.waiting.is_some() && record.made["G"] == made("old"));
        let (updates, record) = next(record, &mut asked, 5, "asked", "s");
        assert!(updates == 0 && record.waiting.is_none() && record.made["G"] == made("new") && asked.is_empty());
        // Whatever changes next.
        assert_eq!(next(record, &mut asked, 5, "asked", "other").0, 0);
    }

    #[test]
    fn after_a_restart_an_approved_update_is_known_by_the_version_at_the_server() {
        let mut asked = AllAsked::new();
        // Whatever the source is now: the value can't be made again.
        let (updates, record) = next(update_waits(), &mut asked, 3, "before", "other");
        assert!(updates == 0 && record.waiting.is_some());
        let (updates, record) = next(record, &mut asked, 4, "asked", "other");
        assert!(updates == 0 && record.waiting.is_none() && record.made["G"] == made("new"));
        // Approved while no process ran.
        let (updates, record) = next(update_waits(), &mut AllAsked::new(), 4, "asked", "s");
        assert!(updates == 0 && record.waiting.is_none() && record.made["G"] == made("new"));
    }

    #[test]
    fn what_was_asked_for_is_not_asked_for_again_until_its_value_changes() {
        let mut asked = AllAsked::new();
        asked.insert("A".into(), Asked::of(CREATE, &create("A", "1")));
        asked.insert("D".into(), Asked::Deletion);
        // Whatever happened to the Secret, the value is the same.
        let mut same = decision("1", waiting("before"));
        assert_eq!(hold_back(&mut same, &mut asked, "now").len(), 2);
        assert!(same.writes_nothing());
        let mut other = decision("2", same.record.waiting.clone());
        assert_eq!(hold_back(&mut other, &mut asked, "now").into_keys().collect::<Vec<_>>(), ["D"]);
        assert_eq!(other.create.len(), 1);
    }

    #[test]
    fn after_a_restart_the_versions_of_the_secret_and_the_spec_tell() {
        let mut same = decision("1", waiting("s"));
        assert_eq!(hold_back(&mut same, &mut AllAsked::new(), "s").len(), 2);
        let still = same.record.waiting.unwrap();
        assert_eq!((still.requests.len(), still.secrets.len()), (1, 2), "GONE is forgotten");
        let mut other = decision("1", waiting("s"));
        assert_eq!(hold_back(&mut other, &mut AllAsked::new(), "other").len(), 0);
        assert!(other.record.waiting.is_none() && other.create.len() == 1 && other.delete.len() == 1);
    }

    #[test]
    fn a_source_tells_spec_and_version_apart() {
        let all = [source(&"a", Some("1")), source(&"a", Some("2")), source(&"b", Some("1")), source(&"a", None)];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
