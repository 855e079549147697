//! Changes that wait for a person's approval: each is asked for once, and again only when what is to be written is another one.
//! Pure.
//!
//! Infisical tells who writes nothing of what became of a request: its requests are shown to users, not to identities. That one
//! was approved shows in the folder: it holds the value that was asked for. A rejection shows nowhere, so what was rejected goes
//! on to wait until something else is wanted.
//!
//! The value that was asked for is known as long as the process lives. From one process to the next the record tells of it without
//! the value: what it was made from (see [`seen`]), and which version of the secret was there. A value that is made once can't be
//! made the same again; that its update was approved then shows in a later version, and it is never asked for twice only because
//! nobody knows whether the Secret's data changed meanwhile. Any other value then is, since it may be another one.
use super::{
    Folder, Kind, Remote, Wish, Wishes,
    decide::{Decision, New, same},
    record::{Asked, Made, Record, Waiting},
    seen::{self, Compared, Seen},
};
use runtime::SecretBytes;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Values that were asked for, by name.
pub type Values = HashMap<String, Arc<SecretBytes>>;

/// Tells what a request was made from: the spec of what is pushed, and the version of the Secret.
#[must_use]
pub fn source(spec: &impl serde::Serialize, secret: Option<&str>) -> String {
    let spec = serde_json::to_string(spec).unwrap_or_default();
    seen::from(&hex::encode(Sha256::digest(spec)), secret.unwrap_or_default())
}

/// Takes note of what was approved: it is done, and ours. To be asked before anything is decided.
pub fn settle(record: &mut Record, wishes: &Wishes, there: &Folder, values: &mut Values) {
    let Some(mut waiting) = record.waiting.take() else { return };
    let is_done = |key: &String, asked: &Asked| match there.get(key) {
        None => asked.kind == Kind::Delete,
        Some(remote) => asked.kind != Kind::Delete && is_as_asked(asked, values.get(key), wishes.get(key), remote),
    };
    let done: Vec<_> = waiting.secrets.iter().filter(|(key, asked)| is_done(key, asked)).map(|(key, _)| key.clone()).collect();
    for key in done {
        values.remove(&key);
        let made = waiting.secrets.remove(&key).and_then(|asked| asked.made);
        if let Some(remote) = there.get(&key) {
            record.note(remote.id.clone(), key.clone());
            record.made.extend(made.map(|made| (key, made)));
        }
    }
    record.waiting = Some(waiting).filter(|waiting| !waiting.secrets.is_empty());
}

/// Whether a secret is as it was asked for. `value` is what was asked for, where that is known.
fn is_as_asked(asked: &Asked, value: Option<&Arc<SecretBytes>>, wish: Option<&Wish>, remote: &Remote) -> bool {
    match (value, &asked.made, wish) {
        (Some(value), _, _) => same(value, &remote.value),
        // It was not there when it was asked for.
        (None, Some(_), _) if asked.kind == Kind::Create => true,
        (None, Some(_), _) => asked.version.zip(remote.version).is_some_and(|(before, now)| now > before),
        (None, None, Some(Wish::Value(value))) => same(value, &remote.value),
        (None, None, _) => false,
    }
}

/// Takes out of a decision what was asked for already. What nobody waits for any more is forgotten.
pub fn hold_back(decision: &mut Decision, values: &mut Values, seen: &Seen, source: &str) {
    let Some(recorded) = decision.record.waiting.take() else { return values.clear() };
    let unchanged = matches!(seen.compare(&recorded.source, source), Compared::Same | Compared::SameData);
    let mut held = BTreeMap::new();
    let mut holds = |key: &str, kind: Kind, new: Option<&New>| {
        let Some(asked) = recorded.secrets.get(key).filter(|asked| asked.kind == kind) else { return false };
        let made = match (new, &asked.made) {
            (None, _) => None,
            (Some(New::Value(_)), Some(_)) | (Some(New::Once(..)), None) => return false,
            (Some(New::Value(value)), None) if values.get(key).map_or(unchanged, |asked| same(asked, value)) => None,
            (Some(New::Once(_, now)), Some(asked)) if is_same_making(asked, now, seen) => {
                Some(Made { from: now.from.clone(), regenerate: asked.regenerate.clone() })
            }
            _ => return false,
        };
        held.insert(key.to_owned(), Asked { made, ..asked.clone() });
        true
    };
    decision.create.retain(|change| !holds(&change.key, Kind::Create, Some(&change.value)));
    decision.update.retain(|change| !holds(&change.key, Kind::Update, Some(&change.value)));
    decision.delete.retain(|key| !holds(key, Kind::Delete, None));
    values.retain(|key, _| held.contains_key(key));
    if !held.is_empty() {
        decision.record.waiting = Some(Waiting { requests: recorded.requests, secrets: held, source: source.to_owned() });
    }
}

/// Whether a value that was made once would not be made anew now.
fn is_same_making(asked: &Made, now: &Made, seen: &Seen) -> bool {
    now.asks_no_more_than(asked) && seen.compare(&asked.from, &now.from) != Compared::Other
}

#[cfg(test)]
mod tests;
