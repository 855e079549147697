//! Which objects matter to whom, and what was last known of them. Pure: no client, no clock.
//!
//! An event of the watch is looked up by kind, namespace and name; what nobody is interested in is dropped. Kept for an
//! interesting object are uid and resourceVersion, so that memory grows with what is indexed and not with the cluster.
//!
//! What can go wrong, and is handled here: an event may be older than the answer of a later read; the event of a write of
//! ours may come before its answer (it is held back until then, and dropped when the answer names that version); after a
//! restart of the watch a deletion shows only by what the new list does not have.
use crate::{
    object::{Name, ObjectRef},
    plan::TargetKind,
    trigger::Cause,
};
use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap, HashSet},
};

/// An object of the cluster that may be a target or a reference.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub kind: TargetKind,
    pub name: Name,
}

/// One version of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub uid: String,
    pub resource_version: String,
}

/// What an event or an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The object as of that version.
    Present(Identity),
    /// Gone. The version is that of the deletion; None where an answer said so, which bears no version.
    Absent(Option<Identity>),
}

/// To be woken, with the cause.
pub(crate) type Wakes = Vec<(ObjectRef, Cause)>;

/// What a target was last verified to be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Verified {
    at: Identity,
    digest: [u8; 32],
    version: String,
}

struct Entry<V> {
    targets: BTreeSet<ObjectRef>,
    references: BTreeSet<ObjectRef>,
    seen: Option<State>,
    /// Writes of ours in flight, and the newest event that came meanwhile.
    writing: u32,
    held_back: Option<State>,
    /// Of the list in which the object was last seen.
    epoch: u64,
    verified: Option<Verified>,
    /// Data of a reference, or the read that will bring it. Dropped when the object changes.
    cached: Option<V>,
    /// Of `cached`: an answer lands only in the place from which its read was started.
    ticket: u64,
}

// Not derived: a derive would ask for `V: Default`.
impl<V> Default for Entry<V> {
    fn default() -> Self {
        Self {
            targets: BTreeSet::new(),
            references: BTreeSet::new(),
            seen: None,
            writing: 0,
            held_back: None,
            epoch: 0,
            verified: None,
            cached: None,
            ticket: 0,
        }
    }
}

struct Owned {
    uids: Vec<String>,
    epoch: u64,
}

#[derive(Default)]
struct User {
    targets: HashSet<Key>,
    /// With the pass that last asked for it.
    references: HashMap<Key, u64>,
    pass: u64,
}

/// The index. `V` is what is cached for a reference.
pub(crate) struct Index<V> {
    entries: HashMap<Key, Entry<V>>,
    users: HashMap<ObjectRef, User>,
    owners: HashMap<Key, Owned>,
    owned: HashMap<String, BTreeSet<Key>>,
    epoch: u64,
    tickets: u64,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), users: HashMap::new(), owners: HashMap::new(), owned: HashMap::new(), epoch: 0, tickets: 0 }
    }
}

impl<V: Clone> Index<V> {
    /// The targets of a user, instead of those before.
    pub fn set_targets(&mut self, user: &ObjectRef, targets: HashSet<Key>) {
        let before = std::mem::take(&mut self.users.entry(user.clone()).or_default().targets);
        for key in &targets {
            self.entries.entry(key.clone()).or_default().targets.insert(user.clone());
        }
        for key in before.difference(&targets) {
            self.release(key, |entry| entry.targets.remove(user));
        }
        self.users.entry(user.clone()).or_default().targets = targets;
    }

    pub fn add_target(&mut self, user: &ObjectRef, key: &Key) {
        self.users.entry(user.clone()).or_default().targets.insert(key.clone());
        self.entries.entry(key.clone()).or_default().targets.insert(user.clone());
    }

    /// A pass over the references of a user begins.
    pub fn begin(&mut self, user: &ObjectRef) {
        self.users.entry(user.clone()).or_default().pass += 1;
    }

    /// It ends: references that it did not ask for are dropped.
    pub fn end(&mut self, user: &ObjectRef) {
        let Some(known) = self.users.get_mut(user) else { return };
        let pass = known.pass;
        let dropped: Vec<_> = known.references.extract_if(|_, last| *last != pass).map(|(key, _)| key).collect();
        for key in dropped {
            self.release(&key, |entry| entry.references.remove(user));
        }
    }

    /// The user is gone.
    pub fn forget(&mut self, user: &ObjectRef) {
        let Some(known) = self.users.remove(user) else { return };
        for key in known.targets {
            self.release(&key, |entry| entry.targets.remove(user));
        }
        for key in known.references.into_keys() {
            self.release(&key, |entry| entry.references.remove(user));
        }
    }

    fn release(&mut self, key: &Key, remove: impl FnOnce(&mut Entry<V>) -> bool) {
        if let Some(entry) = self.entries.get_mut(key) {
            remove(entry);
            if entry.targets.is_empty() && entry.references.is_empty() && entry.writing == 0 {
                self.entries.remove(key);
            }
        }
    }

    /// Notes that a user refers to an object, and gives what is cached for it.
    pub fn refer(&mut self, user: &ObjectRef, key: &Key) -> Option<V> {
        let known = self.users.entry(user.clone()).or_default();
        known.references.insert(key.clone(), known.pass);
        let entry = self.entries.entry(key.clone()).or_default();
        entry.references.insert(user.clone());
        entry.cached.clone()
    }

    /// Caches what a read of a reference will bring; the ticket is to be handed to [`Self::land`].
    pub fn cache(&mut self, key: &Key, value: impl FnOnce(u64) -> V) -> Option<V> {
        self.tickets += 1;
        let ticket = self.tickets;
        let entry = self.entries.get_mut(key)?;
        let value = value(ticket);
        entry.ticket = ticket;
        entry.cached = Some(value.clone());
        Some(value)
    }

    /// A read of a reference ended. None as value: it failed, and nothing is kept.
    pub fn land(&mut self, key: &Key, ticket: u64, answer: Option<(State, V)>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.ticket != ticket || entry.cached.is_none() {
            return;
        }
        entry.cached = None;
        if let Some((state, value)) = answer
            && entry.accept(state)
        {
            entry.cached = Some(value);
        }
    }

    /// A read of a target ended. False: a newer version is known already.
    pub fn answered(&mut self, key: &Key, state: State) -> bool {
        self.entries.get_mut(key).is_none_or(|entry| entry.accept(state))
    }

    /// A write of ours begins: events of that object are held back.
    pub fn begin_write(&mut self, key: &Key) {
        self.entries.entry(key.clone()).or_default().writing += 1;
    }

    /// An object as we just wrote it has these owners: known before the watch tells.
    pub fn wrote_owners(&mut self, key: &Key, uids: Vec<String>) {
        // A list under way may have passed its place already, and must not count it as gone.
        self.set_owners(key, uids, self.epoch);
    }

    /// It ended, with the state it made where it succeeded.
    pub fn end_write(&mut self, key: &Key, made: Option<State>) -> Wakes {
        let Some(entry) = self.entries.get_mut(key) else { return Wakes::new() };
        entry.writing = entry.writing.saturating_sub(1);
        if let Some(state) = made {
            entry.cached = None;
            entry.accept(state);
        }
        let held_back = if entry.writing == 0 { entry.held_back.take() } else { None };
        let wakes = held_back.map(|state| entry.observe(state)).unwrap_or_default();
        self.release(key, |_| true);
        wakes
    }

    /// Says that a target, as it is, is what `digest` wants.
    pub fn verify(&mut self, key: &Key, at: Identity, digest: [u8; 32], version: String) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.verified = Some(Verified { at, digest, version });
        }
    }

    /// The version annotation of a target that is known to be as `digest` wants it.
    pub fn verified(&self, key: &Key, digest: &[u8; 32]) -> Option<String> {
        let entry = self.entries.get(key)?;
        let verified = entry.verified.as_ref()?;
        let Some(State::Present(seen)) = &entry.seen else { return None };
        (entry.writing == 0 && *seen == verified.at && verified.digest == *digest).then(|| verified.version.clone())
    }

    /// Whether a target was absent when it was last heard of.
    pub fn is_absent(&self, key: &Key) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.writing == 0 && matches!(entry.seen, Some(State::Absent(_))))
    }

    pub fn users_of_target(&self, key: &Key) -> Vec<ObjectRef> {
        self.entries.get(key).into_iter().flat_map(|entry| &entry.targets).cloned().collect()
    }

    /// Objects that carry an owner reference with this uid, as far as the watch has seen.
    pub fn owned_by(&self, uid: &str) -> Vec<Key> {
        self.owned.get(uid).into_iter().flatten().cloned().collect()
    }

    /// Uids of those resources of ours that own this object.
    pub fn owners_of(&self, key: &Key) -> &[String] {
        self.owners.get(key).map_or(&[], |owned| &owned.uids)
    }

    /// A list begins: everything that it has is to be marked by the epoch returned.
    pub fn relist(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// The list ended: what is in scope and was not in it, is gone.
    pub fn sweep(&mut self, epoch: u64, in_scope: impl Fn(&Key) -> bool) -> Wakes {
        let gone: Vec<_> =
            self.owners.iter().filter(|(key, owned)| owned.epoch < epoch && in_scope(key)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            self.set_owners(&key, Vec::new(), epoch);
        }
        let mut wakes = Wakes::new();
        for (_, entry) in self.entries.iter_mut().filter(|(key, entry)| entry.epoch < epoch && in_scope(key)) {
            // As far as anyone knows. One that was made after its page of the list refuses to be created, and is read then.
            if entry.seen.is_none() && entry.writing == 0 {
                entry.seen = Some(State::Absent(None));
            }
            // The object may have been made after the list: only a read can tell, which a wake leads to.
            if matches!(entry.seen, Some(State::Present(_))) && entry.writing == 0 {
                entry.seen = None;
                entry.cached = None;
                wakes.extend(entry.wakes());
            }
        }
        wakes
    }

    /// An event of the watch, or an object of a list.
    pub fn observe(&mut self, key: &Key, state: State, owners: Vec<String>, epoch: u64) -> Wakes {
        let seen = self.entries.get(key).and_then(|entry| entry.seen.as_ref());
        match self.owners.get_mut(key) {
            // From before a write of ours that succeeded: it says nothing of the owners that were written.
            Some(known) if seen.is_some_and(|seen| older(&state, seen)) => known.epoch = known.epoch.max(epoch),
            _ => self.set_owners(key, if matches!(state, State::Present(_)) { owners } else { Vec::new() }, epoch),
        }
        let Some(entry) = self.entries.get_mut(key) else { return Wakes::new() };
        entry.epoch = epoch;
        if entry.writing > 0 {
            let newest = entry.held_back.as_ref().is_none_or(|held| !older(&state, held));
            if newest {
                entry.held_back = Some(state);
            }
            return Wakes::new();
        }
        entry.observe(state)
    }

    fn set_owners(&mut self, key: &Key, uids: Vec<String>, epoch: u64) {
        if let Some(before) = self.owners.get_mut(key) {
            if before.uids == uids {
                before.epoch = epoch;
                return;
            }
            for uid in std::mem::take(&mut before.uids) {
                if let Some(keys) = self.owned.get_mut(&uid) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.owned.remove(&uid);
                    }
                }
            }
        }
        if uids.is_empty() {
            self.owners.remove(key);
            return;
        }
        for uid in &uids {
            self.owned.entry(uid.clone()).or_default().insert(key.clone());
        }
        self.owners.insert(key.clone(), Owned { uids, epoch });
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<V> Entry<V> {
    /// Takes over a state that is not older than the known one.
    fn accept(&mut self, state: State) -> bool {
        if self.seen.as_ref().is_some_and(|seen| older(&state, seen)) {
            return false;
        }
        self.seen = Some(state);
        true
    }

    fn observe(&mut self, state: State) -> Wakes {
        let news = match (&self.seen, &state) {
            (Some(seen), state) if seen == state => false,
            (Some(State::Absent(_)), State::Absent(_)) => false,
            (Some(seen), state) => !older(state, seen),
            (None, _) => true,
        };
        if !news {
            return Wakes::new();
        }
        self.seen = Some(state);
        self.cached = None;
        self.wakes()
    }

    fn wakes(&self) -> Wakes {
        let targets = self.targets.iter().map(|user| (user.clone(), Cause::Target));
        targets.chain(self.references.iter().map(|user| (user.clone(), Cause::Reference))).collect()
    }
}

/// Whether `a` is known to be older than `b`. What bears no version is not.
fn older(a: &State, b: &State) -> bool {
    fn version(state: &State) -> Option<&str> {
        match state {
            State::Present(identity) | State::Absent(Some(identity)) => Some(&identity.resource_version),
            State::Absent(None) => None,
        }
    }
    match (version(a), version(b)) {
        (Some(a), Some(b)) => compare_versions(a, b) == Some(Ordering::Less),
        _ => false,
    }
}

/// Kubernetes promises that versions of one kind of object are decimal numbers, of any length, that grow.
pub(crate) fn compare_versions(a: &str, b: &str) -> Option<Ordering> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(a) && number(b)).then(|| a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { kind: TargetKind::Secret, name: Name::new("n", name) }
    }

    fn user(name: &str) -> ObjectRef {
        ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: name.into() }
    }

    fn at(uid: &str, version: &str) -> Identity {
        Identity { uid: uid.into(), resource_version: version.into() }
    }

    fn present(version: &str) -> State {
        State::Present(at("u", version))
    }

    fn deleted(version: &str) -> State {
        State::Absent(Some(at("u", version)))
    }

    fn with_target() -> Index<u8> {
        let mut index = Index::default();
        index.add_target(&user("a"), &key("t"));
        index
    }

    #[test]
    fn what_nobody_is_interested_in_takes_no_room() {
        let mut index = Index::<u8>::default();
        for number in 0..1000 {
            assert!(index.observe(&key(&number.to_string()), present("1"), vec![], 1).is_empty());
        }
        assert_eq!((index.len(), index.owners.len()), (0, 0));
    }

    #[test]
    fn a_foreign_change_and_a_deletion_wake_and_an_old_event_does_not() {
        let mut index = with_target();
        assert!(index.answered(&key("t"), present("5")));
        assert!(index.observe(&key("t"), present("4"), vec![], 0).is_empty());
        assert!(index.observe(&key("t"), present("5"), vec![], 0).is_empty());
        assert_eq!(index.observe(&key("t"), present("10"), vec![], 0), vec![(user("a"), Cause::Target)]);
        assert_eq!(index.observe(&key("t"), deleted("11"), vec![], 0), vec![(user("a"), Cause::Target)]);
        assert!(index.observe(&key("t"), deleted("11"), vec![], 0).is_empty());
    }

    #[test]
    fn a_write_of_ours_wakes_nobody_in_either_order_of_event_and_answer() {
        let mut index = with_target();
        index.answered(&key("t"), State::Absent(None));
        index.begin_write(&key("t"));
        assert!(index.observe(&key("t"), present("7"), vec![], 0).is_empty());
        assert!(index.end_write(&key("t"), Some(present("7"))).is_empty());
        index.begin_write(&key("t"));
        assert!(index.end_write(&key("t"), Some(present("8"))).is_empty());
        assert!(index.observe(&key("t"), present("8"), vec![], 0).is_empty());
    }

    #[test]
    fn a_foreign_write_right_after_ours_wakes() {
        let mut index = with_target();
        index.begin_write(&key("t"));
        index.observe(&key("t"), present("7"), vec![], 0);
        index.observe(&key("t"), present("9"), vec![], 0);
        assert_eq!(index.end_write(&key("t"), Some(present("7"))), vec![(user("a"), Cause::Target)]);
        index.begin_write(&key("t"));
        index.observe(&key("t"), deleted("11"), vec![], 0);
        assert_eq!(index.end_write(&key("t"), None), vec![(user("a"), Cause::Target)]);
    }

    #[test]
    fn a_target_counts_as_verified_only_at_that_version_and_digest() {
        let mut index = with_target();
        index.answered(&key("t"), present("5"));
        index.verify(&key("t"), at("u", "5"), [1; 32], "v".into());
        assert_eq!(index.verified(&key("t"), &[1; 32]).as_deref(), Some("v"));
        assert_eq!(index.verified(&key("t"), &[2; 32]), None);
        index.observe(&key("t"), present("6"), vec![], 0);
        assert_eq!(index.verified(&key("t"), &[1; 32]), None);
    }

    #[test]
    fn a_list_shows_what_was_deleted_while_the_watch_was_down() {
        let mut index = with_target();
        index.add_target(&user("a"), &key("kept"));
        for name in ["t", "kept"] {
            index.observe(&key(name), present("5"), vec!["o".into()], 0);
        }
        let epoch = index.relist();
        index.observe(&key("kept"), present("5"), vec!["o".into()], epoch);
        assert_eq!(index.sweep(epoch, |_| true), vec![(user("a"), Cause::Target)]);
        assert_eq!(index.owned_by("o"), vec![key("kept")]);
        assert!(index.sweep(epoch, |_| true).is_empty());
    }

    #[test]
    fn what_a_list_lacks_is_absent_until_something_is_heard_of_it() {
        let mut index = with_target();
        assert!(!index.is_absent(&key("t")));
        let epoch = index.relist();
        assert!(index.sweep(epoch, |_| true).is_empty());
        assert!(index.is_absent(&key("t")));
        index.begin_write(&key("t"));
        assert!(!index.is_absent(&key("t")));
        assert!(index.end_write(&key("t"), None).is_empty());
        assert!(index.is_absent(&key("t")));
        assert_eq!(index.observe(&key("t"), present("1"), Vec::new(), epoch), vec![(user("a"), Cause::Target)]);
        assert!(!index.is_absent(&key("t")));
    }

    #[test]
    fn owners_follow_the_object() {
        let mut index = Index::<u8>::default();
        index.observe(&key("a"), present("1"), vec!["o".into(), "p".into()], 0);
        index.observe(&key("b"), present("2"), vec!["o".into()], 0);
        assert_eq!(index.owned_by("o"), vec![key("a"), key("b")]);
        index.observe(&key("a"), present("3"), vec!["p".into()], 0);
        assert_eq!((index.owned_by("o"), index.owned_by("p")), (vec![key("b")], vec![key("a")]));
        index.observe(&key("b"), deleted("4"), vec!["o".into()], 0);
        assert!(index.owned_by("o").is_empty() && index.owners_of(&key("b")).is_empty());
    }

    #[test]
    fn an_owner_that_we_wrote_is_known_at_once_and_outlives_what_is_older() {
        let mut index = with_target();
        let epoch = index.relist();
        index.begin_write(&key("t"));
        index.wrote_owners(&key("t"), vec!["o".into()]);
        assert!(index.end_write(&key("t"), Some(present("7"))).is_empty());
        assert_eq!((index.owned_by("o"), index.owners_of(&key("t"))), (vec![key("t")], &["o".to_owned()][..]));
        // The object before it was deleted, and the list that was under way.
        index.observe(&key("t"), deleted("6"), vec!["before".into()], epoch);
        index.sweep(epoch, |_| true);
        assert_eq!(index.owned_by("o"), vec![key("t")]);
        index.observe(&key("t"), deleted("8"), vec!["o".into()], epoch);
        assert!(index.owned_by("o").is_empty());
    }

    #[test]
    fn a_reference_is_cached_until_it_changes_or_nobody_refers_to_it() {
        let mut index = Index::<u8>::default();
        let mut ticket = 0;
        index.begin(&user("a"));
        assert_eq!(index.refer(&user("a"), &key("r")), None);
        index.cache(&key("r"), |number| {
            ticket = number;
            1
        });
        assert_eq!(index.refer(&user("b"), &key("r")), Some(1));
        index.land(&key("r"), ticket, Some((present("5"), 2)));
        assert_eq!(index.refer(&user("b"), &key("r")), Some(2));
        assert!(index.observe(&key("r"), present("5"), vec![], 0).is_empty());
        let wakes = index.observe(&key("r"), present("6"), vec![], 0);
        assert_eq!(wakes, vec![(user("a"), Cause::Reference), (user("b"), Cause::Reference)]);
        assert_eq!(index.refer(&user("b"), &key("r")), None);
        index.begin(&user("a"));
        index.end(&user("a"));
        assert_eq!(index.observe(&key("r"), present("7"), vec![], 0), vec![(user("b"), Cause::Reference)]);
        index.forget(&user("b"));
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn an_answer_older_than_an_event_is_not_cached() {
        let mut index = Index::<u8>::default();
        index.refer(&user("a"), &key("r"));
        let mut ticket = 0;
        index.cache(&key("r"), |number| {
            ticket = number;
            1
        });
        index.observe(&key("r"), present("6"), vec![], 0);
        index.land(&key("r"), ticket, Some((present("5"), 2)));
        assert_eq!(index.refer(&user("a"), &key("r")), None);
    }

    #[test]
    fn versions_are_numbers_of_any_length() {
        assert_eq!(compare_versions("9", "10"), Some(Ordering::Less));
        assert_eq!(compare_versions("99999999999999999999998", "99999999999999999999999"), Some(Ordering::Less));
        assert_eq!(compare_versions("a", "1"), None);
    }
}
