//! What is to be written to a folder: from what is wanted, what is there, and what was recorded. Pure.
//!
//! Ours is what is recorded under its id and name, or was about to be written when a process ended and is there now as it was
//! meant. What somebody renamed or made anew in its place is theirs.
use super::{
    Folder, Kind, Once, Remote, Wish, Wishes,
    record::{Made, Record, Remaking},
    seen::{Compared, Seen},
};
use jiff::{SignedDuration, Timestamp};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use std::{collections::BTreeSet, sync::Arc};

/// How far a server's clock may be off, and how long a write that was cut off may take to arrive.
pub const ABOUT_THAT_TIME: SignedDuration = SignedDuration::from_mins(5);

/// What the resource says beside its wishes, and what else is known.
#[derive(Clone, Copy, Default)]
pub struct Rules<'a> {
    /// Overwrite what differs.
    pub replace: bool,
    /// Delete what is ours and no longer wanted.
    pub delete: bool,
    /// Ask for fresh values, once for each text.
    pub regenerate: Option<&'a str>,
    /// The source is there but empty, which may be a mistake.
    pub doubtful: bool,
    /// Which data the Secret had. None: nobody knows.
    pub seen: Option<&'a Seen>,
    pub now: Timestamp,
}

/// One write. Its value can't be formatted.
#[derive(Clone)]
pub struct Change {
    pub key: String,
    pub value: New,
    /// It was ours before.
    pub ours: bool,
}

/// What is written.
#[derive(Clone)]
pub enum New {
    Value(Arc<SecretBytes>),
    /// A value that is made once, with what is noted of it.
    Once(Once, Made),
}

/// What is to be done, and the record as it stands before that.
#[derive(Default)]
pub struct Decision {
    pub create: Vec<Change>,
    pub update: Vec<Change>,
    pub delete: Vec<String>,
    /// There with another value, which the policy keeps.
    pub kept: Vec<String>,
    /// Not deleted, since the source is doubtful.
    pub withheld: Vec<String>,
    /// Made once from a Secret that was written to since, perhaps with the same data: they stay.
    pub adopted: Vec<String>,
    /// Wanted, but another resource looks after it.
    pub claimed: Vec<String>,
    pub record: Record,
}

impl Decision {
    #[must_use]
    pub fn writes_nothing(&self) -> bool {
        self.create.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }
}

/// Decides. `claimed` are the names that other resources look after.
#[must_use]
pub fn decide(wishes: &Wishes, there: &Folder, record: &Record, rules: Rules<'_>, claimed: &BTreeSet<String>) -> Decision {
    let mut decision = Decision { record: settled(wishes, there, record, rules.now), ..Decision::default() };
    for (key, wish) in wishes {
        if claimed.contains(key) {
            decision.claimed.push(key.clone());
            continue;
        }
        decision.weigh(key, wish, there.get(key), rules);
    }
    let unwanted: BTreeSet<_> = decision.record.managed.iter().flatten().map(|(_, key)| key.clone()).collect();
    for key in unwanted {
        if wishes.contains_key(&key) || claimed.contains(&key) || !rules.delete {
            continue;
        }
        if rules.doubtful { decision.withheld.push(key) } else { decision.delete.push(key) }
    }
    decision
}

impl Decision {
    fn weigh(&mut self, key: &str, wish: &Wish, there: Option<&Remote>, rules: Rules<'_>) {
        let ours = there.is_some_and(|remote| self.record.has(&remote.id));
        let change = |value| Change { key: key.to_owned(), value, ours };
        match (wish, there) {
            (Wish::Unwritable, _) => {}
            (Wish::Value(value), None) => self.create.push(change(New::Value(Arc::clone(value)))),
            (Wish::Value(value), Some(remote)) if same(value, &remote.value) => {}
            (Wish::Value(value), Some(_)) if rules.replace => self.update.push(change(New::Value(Arc::clone(value)))),
            (Wish::Value(_), Some(_)) => self.kept.push(key.to_owned()),
            (Wish::Once { made_from, value }, there) => {
                let now = Made { from: made_from.clone(), regenerate: rules.regenerate.map(str::to_owned) };
                match there {
                    None => self.create.push(change(New::Once(value.clone(), now))),
                    Some(_) if self.stays(key, &now, rules.seen.unwrap_or(&Seen::default())) => {}
                    Some(_) if rules.replace => self.update.push(change(New::Once(value.clone(), now))),
                    Some(_) => self.kept.push(key.to_owned()),
                }
            }
        }
    }

    /// Whether a value that is made once, and is there, is the one that is wanted `now`.
    fn stays(&mut self, key: &str, now: &Made, seen: &Seen) -> bool {
        // Another one was wanted before.
        let awaited = self.record.awaits(key, Kind::Update);
        let Some(made) = self.record.made.get_mut(key) else {
            // Taken over from the peer, or the status was lost: whatever is there is in use.
            self.record.made.insert(key.to_owned(), now.clone());
            return true;
        };
        if !now.asks_no_more_than(made) {
            return false;
        }
        match seen.compare(&made.from, &now.from) {
            Compared::Same => {}
            Compared::SameData => made.from.clone_from(&now.from),
            Compared::Unknown if awaited => return false,
            Compared::Unknown => {
                made.from.clone_from(&now.from);
                self.adopted.push(key.to_owned());
            }
            Compared::Other => return false,
        }
        true
    }
}

/// The record, by what is there. What was about to be written and is not there yet is looked for as long as it may arrive.
fn settled(wishes: &Wishes, there: &Folder, record: &Record, now: Timestamp) -> Record {
    let mut settled = record.clone();
    if let Some(managed) = &mut settled.managed {
        managed.retain(|id, key| there.get(key).is_some_and(|remote| remote.id == *id));
    }
    for (key, Remaking { made, version }) in std::mem::take(&mut settled.remaking) {
        // The write of before was made, though its answer was lost: that is the value now.
        if there.get(&key).is_some_and(|remote| remote.version.is_some_and(|now| now > version)) {
            settled.made.insert(key, made);
        }
    }
    for (key, at) in &record.pending {
        match there.get(key) {
            Some(remote) if is_as_meant(wishes.get(key), remote, *at) => {
                settled.note(remote.id.clone(), key.clone());
                settled.pending.remove(key);
            }
            _ if now.duration_since(*at).abs() <= ABOUT_THAT_TIME => {}
            _ => drop(settled.pending.remove(key)),
        }
    }
    settled.made.retain(|key, _| matches!(wishes.get(key), Some(Wish::Once { .. })) && there.contains_key(key));
    settled
}

/// Whether a secret that was about to be written is that one: it holds what it was to hold, or it was made at that time.
fn is_as_meant(wish: Option<&Wish>, remote: &Remote, at: Timestamp) -> bool {
    let then = remote.created.map(|created| created.duration_since(at).abs() <= ABOUT_THAT_TIME);
    match wish {
        Some(Wish::Value(value)) if same(value, &remote.value) => true,
        Some(Wish::Once { .. }) => then.unwrap_or(true),
        _ => then.unwrap_or(false),
    }
}

pub(super) fn same(one: &SecretBytes, other: &SecretBytes) -> bool {
    one.expose_secret() == other.expose_secret()
}

#[cfg(test)]
mod tests;
