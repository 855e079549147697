//! What a pass knows of the passes before it: the record as it was written last, which a watch may show late; from when on a
//! read must be to be decided upon; what was asked for; and which resource looks after which secret.
//!
//! Of two resources that want the same secret the one has it that has it in its record, else the older one, the same after every
//! restart. The other says so, and writes when the first lets go.
use super::{
    approval::Values,
    batches::Refused,
    record::{Place, Record},
    seen::Seen,
};
use crate::{cluster::compare_versions, object::ObjectRef, plan::Owner, target::claims::Claims};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// A secret at a server.
pub type Spot = (Place, String);

/// All resources that push.
#[derive(Default)]
pub struct Pushes(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    kept: HashMap<ObjectRef, Kept>,
    claims: Claims<Spot>,
    /// Uids of the resources that have a secret in their records.
    records: HashMap<Spot, BTreeSet<String>>,
    recorded: HashMap<ObjectRef, (String, HashSet<Spot>)>,
}

/// What is known of one resource.
#[derive(Clone, Default)]
pub struct Kept {
    uid: String,
    pub record: Record,
    /// What its status holds, as far as is known.
    pub stored: Record,
    /// The version of the resource that the last write of ours made.
    made: Option<String>,
    /// Only what was read since then shows what we wrote.
    pub not_before: Option<Instant>,
    /// What was asked for, where that waits for an approval.
    pub asked: Values,
    pub seen: Seen,
    pub refused: Refused,
}

impl Kept {
    /// The record in the status is this now.
    pub fn stored(&mut self, made: Option<String>) {
        self.stored = self.record.clone();
        self.made = made;
    }

    /// Whether the watch may still show the resource as it was before.
    fn is_ahead_of(&self, version: Option<&str>) -> bool {
        let (Some(made), Some(version)) = (self.made.as_deref(), version) else { return false };
        compare_versions(version, made) == Some(Ordering::Less)
    }
}

impl Pushes {
    /// What is known of a resource, which shows this record at this version.
    #[must_use]
    pub fn take(&self, object: &ObjectRef, uid: &str, shown: Record, version: Option<&str>) -> Kept {
        match self.inner().kept.get(object).filter(|kept| kept.uid == uid) {
            Some(kept) if kept.record != kept.stored || kept.is_ahead_of(version) => kept.clone(),
            Some(kept) => Kept { record: shown.clone(), stored: shown, ..kept.clone() },
            None => Kept { uid: uid.to_owned(), record: shown.clone(), stored: shown, ..Kept::default() },
        }
    }

    /// Keeps what is known.
    pub fn keep(&self, object: &ObjectRef, kept: Kept) {
        self.inner().kept.insert(object.clone(), kept);
    }

    /// The resource is gone. Returns the others that wanted what it had.
    pub fn forget(&self, object: &ObjectRef) -> HashSet<ObjectRef> {
        let mut inner = self.inner();
        inner.kept.remove(object);
        inner.unrecord(object);
        inner.claims.forget(object)
    }

    /// A resource was seen that has this record: what it wrote is its own, before anything else is decided.
    pub fn seen(&self, owner: &Owner, record: &Record) {
        let mut inner = self.inner();
        if inner.claims.knows(&owner.object) {
            return;
        }
        let Some(place) = &record.pushed_to else { return };
        let keys = record.managed.iter().flat_map(BTreeMap::values);
        let spots: HashSet<_> = keys.map(|key| (place.clone(), key.clone())).collect();
        inner.record(owner, spots.clone());
        inner.claims.declare(owner, &spots);
    }

    /// Says what a resource wants and what it has. Returns the names that others look after, and the resources that gain or lose
    /// one by this.
    pub fn claim<'a>(
        &self,
        owner: &Owner,
        place: &Place,
        wanted: impl Iterator<Item = &'a String>,
        record: &Record,
    ) -> (BTreeMap<String, ObjectRef>, HashSet<ObjectRef>) {
        let spot = |key: &String| (place.clone(), key.clone());
        let wanted: HashSet<Spot> = wanted.map(spot).collect();
        let mut inner = self.inner();
        inner.record(owner, record.managed.iter().flat_map(BTreeMap::values).map(spot).collect());
        let concerned = inner.claims.declare(owner, &wanted);
        (inner.others(owner, wanted.into_iter()), concerned)
    }

    /// Of some names those that another resource looks after.
    #[must_use]
    pub fn held_by_others<'a>(&self, owner: &Owner, place: &Place, keys: impl Iterator<Item = &'a String>) -> BTreeMap<String, ObjectRef> {
        self.inner().others(owner, keys.map(|key| (place.clone(), key.clone())))
    }

    /// Whether another resource wants a secret at all.
    #[must_use]
    pub fn wanted_by_another(&self, owner: &Owner, place: &Place, key: &str) -> bool {
        self.inner().claims.is_named_by_another(&(place.clone(), key.to_owned()), &owner.object)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn others(&self, owner: &Owner, spots: impl Iterator<Item = Spot>) -> BTreeMap<String, ObjectRef> {
        let none = BTreeSet::new();
        let holder = |spot: Spot| {
            let having: Vec<_> = self.records.get(&spot).unwrap_or(&none).iter().cloned().collect();
            let holder = self.claims.holder(&spot, owner, &having)?;
            Some((spot.1, holder.clone()))
        };
        spots.filter_map(holder).collect()
    }

    fn record(&mut self, owner: &Owner, spots: HashSet<Spot>) {
        if self.recorded.get(&owner.object).is_some_and(|(uid, before)| *uid == owner.uid && *before == spots) {
            return;
        }
        self.unrecord(&owner.object);
        for spot in &spots {
            self.records.entry(spot.clone()).or_default().insert(owner.uid.clone());
        }
        self.recorded.insert(owner.object.clone(), (owner.uid.clone(), spots));
    }

    fn unrecord(&mut self, object: &ObjectRef) {
        let Some((uid, before)) = self.recorded.remove(object) else { return };
        for spot in before {
            if let Some(uids) = self.records.get_mut(&spot) {
                uids.remove(&uid);
                if uids.is_empty() {
                    self.records.remove(&spot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::owner;

    fn place() -> Place {
        Place { host: "https://x/api".into(), project_id: "p".into(), environment: "dev".into(), path: "/".into() }
    }

    fn resource(name: &str, created: i64) -> Owner {
        let mut owner = owner();
        owner.object.name = name.into();
        owner.uid = format!("uid-{name}");
        owner.created = jiff::Timestamp::from_second(created).ok();
        owner
    }

    fn record(keys: &[&str]) -> Record {
        let managed = keys.iter().map(|key| (format!("id-{key}"), (*key).to_owned())).collect();
        Record { managed: Some(managed), pushed_to: Some(place()), ..Record::default() }
    }

    fn loses(pushes: &Pushes, owner: &Owner, record: &Record) -> bool {
        let (held, _) = pushes.claim(owner, &place(), ["K".to_owned()].iter(), record);
        held.contains_key("K")
    }

    #[test]
    fn who_has_it_in_its_record_keeps_a_secret_then_the_older() {
        let (old, young) = (resource("z", 1), resource("a", 2));
        let pushes = Pushes::default();
        assert!(!loses(&pushes, &young, &record(&[])));
        assert!(!loses(&pushes, &old, &record(&[])));
        assert!(loses(&pushes, &young, &record(&[])));
        assert!(!loses(&pushes, &young, &record(&["K"])));
        assert!(loses(&pushes, &old, &record(&[])));
        // As the peer leaves two that wrote over each other.
        assert!(!loses(&pushes, &old, &record(&["K"])) && loses(&pushes, &young, &record(&["K"])));
        assert_eq!(pushes.forget(&old.object), [young.object.clone()].into());
        assert!(!loses(&pushes, &young, &record(&["K"])));
    }

    #[test]
    fn after_a_start_what_is_recorded_is_taken_before_anybody_is_reconciled() {
        let (old, young) = (resource("z", 1), resource("a", 2));
        let pushes = Pushes::default();
        pushes.seen(&young, &record(&["K"]));
        assert!(loses(&pushes, &old, &record(&[])));
        assert!(pushes.wanted_by_another(&young, &place(), "K") && !pushes.wanted_by_another(&young, &place(), "OTHER"));
    }

    #[test]
    fn a_record_is_right_however_far_the_watch_lags_behind() {
        let object = resource("a", 1).object;
        let pushes = Pushes::default();
        let mut kept = pushes.take(&object, "u", record(&[]), Some("5"));
        kept.record = record(&["K"]);
        kept.stored(Some("7".into()));
        pushes.keep(&object, kept);
        let known = |uid: &str, shown: Record, version: &str| pushes.take(&object, uid, shown, Some(version)).record.has("id-K");
        assert!(known("u", record(&[]), "6"));
        assert!(!known("u", record(&[]), "7"), "somebody else wrote it");
        assert!(!known("other", record(&[]), "6"));
        // What could not be written counts until it is.
        let mut kept = pushes.take(&object, "u", record(&[]), Some("8"));
        kept.record = record(&["K"]);
        pushes.keep(&object, kept);
        assert!(known("u", record(&[]), "9"));
    }
}
