//! Changes that wait for a person's approval: they are asked for once, and again only when what is to be written changes. Pure.
//!
//! What was asked for is known value for value as long as the process lives; from one process to the next only by name, by the
//! Secret's version and by the spec, since a status must tell nothing of a value.
use super::{
    decide::{Change, Decision, New},
    record::{Made, Waiting},
};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
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
    Once(&'static str, Made),
    Deletion,
}

/// By name.
pub type AllAsked = HashMap<String, Asked>;

impl Asked {
    /// What a change asks for.
    #[must_use]
    pub fn of(kind: &'static str, change: &Change) -> Self {
        match &change.value {
            New::Value(value) => Self::Value(kind, Arc::clone(value)),
            New::Once(_, made) => Self::Once(kind, made.clone()),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(kind, value), Self::Value(also, other)) => kind == also && value.expose_secret() == other.expose_secret(),
            (Self::Once(kind, made), Self::Once(also, other)) => kind == also && made == other,
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

/// Takes out of a decision what was asked for already: kind of change by name. What nobody waits for any more is forgotten.
pub fn hold_back(decision: &mut Decision, asked: &mut AllAsked, source: &str) -> BTreeMap<String, &'static str> {
    let recorded = decision.record.waiting.take();
    let recorded_kind =
        |key: &str| recorded.as_ref().filter(|waiting| waiting.source == source).and_then(|waiting| waiting.secrets.get(key).cloned());
    let mut held = BTreeMap::new();
    let mut is_known = |key: &str, kind: &'static str, wanted: &Asked| {
        let known = match asked.get(key) {
            Some(asked) => asked.is(wanted),
            None => recorded_kind(key).is_some_and(|recorded| recorded == kind),
        };
        if known {
            held.insert(key.to_owned(), kind);
        }
        known
    };
    decision.create.retain(|change| !is_known(&change.key, CREATE, &Asked::of(CREATE, change)));
    decision.update.retain(|change| !is_known(&change.key, UPDATE, &Asked::of(UPDATE, change)));
    decision.delete.retain(|key| !is_known(key, DELETE, &Asked::Deletion));
    asked.retain(|key, _| held.contains_key(key));
    decision.record.waiting = recorded.filter(|_| !held.is_empty()).map(|waiting| Waiting {
        requests: waiting.requests,
        secrets: held.iter().map(|(key, kind)| (key.clone(), (*kind).to_owned())).collect(),
        source: source.to_owned(),
    });
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::record::Record;

    fn create(key: &str, value: &str) -> Change {
        Change { key: key.into(), value: New::Value(Arc::new(SecretBytes::from(value.as_bytes().to_vec()))), ours: false }
    }

    fn decision(value: &str, waiting: Option<Waiting>) -> Decision {
        let record = Record { waiting, ..Record::default() };
        Decision { create: vec![create("A", value)], delete: vec!["D".into()], record, ..Decision::default() }
    }

    fn waiting(source: &str) -> Option<Waiting> {
        let secrets = [("A", CREATE), ("D", DELETE), ("GONE", CREATE)].map(|(key, kind)| (key.to_owned(), kind.to_owned()));
        Some(Waiting { requests: vec!["r1".into()], secrets: secrets.into(), source: source.into() })
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
