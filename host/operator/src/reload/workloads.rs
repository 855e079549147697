//! The workloads that opted in, and what they read. Pure: no client.
//!
//! Kept only for those that bear the annotation: uid, generation, resourceVersion and their notes. What they read follows
//! from their spec, so it is read again only when their generation changes, and not for the many changes of their status. Where
//! the pods of a workload follow from another object, uid and generation of that object count too.
use super::{Kind, Known, Reads, consumes::Consumed, is_note};
use crate::{cluster::compare_versions, object::Name};
use api::well_known::annotation::AUTO_RELOAD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};
use tokio::sync::Mutex as Gate;

/// A workload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Workload {
    pub kind: Kind,
    pub name: Name,
}

impl std::fmt::Display for Workload {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {}", self.kind, self.name)
    }
}

/// Tells the specs of a workload apart: its uid, since one that is made anew counts its generations from 1 again, and its
/// generation. Empty and 0 where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SpecVersion {
    uid: String,
    generation: i64,
}

impl SpecVersion {
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self { uid: metadata.uid.clone().unwrap_or_default(), generation: metadata.generation.unwrap_or_default() }
    }

    /// Of two objects there is no telling.
    fn is_older(&self, than: &Self) -> bool {
        self.uid == than.uid && self.generation < than.generation
    }
}

/// One version of a workload's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    uid: String,
    generation: i64,
    resource_version: String,
    notes: BTreeMap<String, String>,
}

impl Seen {
    fn of(metadata: ObjectMeta) -> Self {
        let notes = metadata.annotations.unwrap_or_default().into_iter().filter(|(name, _)| is_note(name));
        Self {
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            resource_version: metadata.resource_version.unwrap_or_default(),
            notes: notes.collect(),
        }
    }

    fn is_older(&self, than: &Self) -> bool {
        compare_versions(&self.resource_version, &than.resource_version) == Some(Ordering::Less)
    }

    fn same_spec(&self, other: &Self) -> bool {
        (&self.uid, self.generation) == (&other.uid, other.generation)
    }
}

struct Entry {
    seen: Seen,
    known: Known,
    /// What it read when that was last known, to tell whether a change of its spec matters.
    read_before: Arc<Reads>,
    /// Whose pod template it uses, if not its own.
    refers_to: Option<Workload>,
    /// What changed when it could not be restarted.
    owed: BTreeSet<Consumed>,
    /// A write of ours is in flight, and this came meanwhile.
    writing: bool,
    held_back: Option<Seen>,
    gate: Arc<Gate<()>>,
    /// Whoever has a target that it reads now and did not read before is to be woken once that is known.
    wakes: bool,
    ticket: u64,
    epoch: u64,
}

/// All workloads that opted in.
#[derive(Default)]
pub(crate) struct Workloads {
    entries: HashMap<Workload, Entry>,
    by_namespace: HashMap<String, BTreeSet<Workload>>,
    /// Those whose pod template another workload uses, opted in or not.
    referred: HashMap<Workload, Referred>,
    tickets: u64,
    epoch: u64,
}

#[derive(Default)]
struct Referred {
    /// Of the newest that was seen.
    spec: SpecVersion,
    by: BTreeSet<Workload>,
}

impl Workloads {
    /// An event. Gives the workloads of which is to be looked at what they read: they opted in, or their spec changed, or that of
    /// the object whose pod template they use.
    pub fn observe(&mut self, workload: &Workload, metadata: ObjectMeta, epoch: u64) -> Vec<Workload> {
        let mut look = self.referred_changed(workload, SpecVersion::of(&metadata));
        if self.observe_itself(workload, metadata, epoch) {
            look.push(workload.clone());
        }
        look
    }

    fn referred_changed(&mut self, workload: &Workload, spec: SpecVersion) -> Vec<Workload> {
        let Some(referred) = self.referred.get_mut(workload) else { return Vec::new() };
        if referred.spec == spec {
            return Vec::new();
        }
        referred.spec = spec;
        let users: Vec<_> = referred.by.iter().cloned().collect();
        for user in &users {
            if let Some(entry) = self.entries.get_mut(user) {
                entry.unknown();
            }
        }
        users
    }

    /// The pods of a workload follow from another one, which is about to be read.
    pub fn refer(&mut self, workload: &Workload, ticket: u64, to: &Workload) {
        if self.entries.get(workload).is_some_and(|entry| entry.ticket == ticket) {
            self.unrefer(workload);
            self.referred.entry(to.clone()).or_default().by.insert(workload.clone());
            if let Some(entry) = self.entries.get_mut(workload) {
                entry.refers_to = Some(to.clone());
            }
        }
    }

    /// It was read as of this.
    pub fn referred_in(&mut self, to: &Workload, spec: SpecVersion) {
        if let Some(referred) = self.referred.get_mut(to)
            && !spec.is_older(&referred.spec)
        {
            referred.spec = spec;
        }
    }

    fn unrefer(&mut self, workload: &Workload) {
        let Some(to) = self.entries.get_mut(workload).and_then(|entry| entry.refers_to.take()) else { return };
        if let Some(referred) = self.referred.get_mut(&to) {
            referred.by.remove(workload);
            if referred.by.is_empty() {
                self.referred.remove(&to);
            }
        }
    }

    fn observe_itself(&mut self, workload: &Workload, metadata: ObjectMeta, epoch: u64) -> bool {
        if !is_opted_in(&metadata) {
            self.remove(workload);
            return false;
        }
        let seen = Seen::of(metadata);
        let Some(entry) = self.entries.get_mut(workload) else {
            self.by_namespace.entry(workload.name.namespace.clone()).or_default().insert(workload.clone());
            self.entries.insert(workload.clone(), Entry::new(seen, epoch));
            return true;
        };
        entry.epoch = epoch;
        if entry.writing {
            entry.held_back = Some(seen);
            return false;
        }
        entry.take(seen)
    }

    /// It was deleted, or opted out.
    pub fn remove(&mut self, workload: &Workload) {
        self.unrefer(workload);
        self.entries.remove(workload);
        if let Some(others) = self.by_namespace.get_mut(&workload.name.namespace) {
            others.remove(workload);
            if others.is_empty() {
                self.by_namespace.remove(&workload.name.namespace);
            }
        }
    }

    pub fn relist(&mut self) -> u64 {
        self.epoch += 1;
        self.epoch
    }

    /// Removes what a list that ended did not have.
    pub fn sweep(&mut self, epoch: u64, in_scope: impl Fn(&Workload) -> bool) {
        let gone = self.entries.iter().filter(|(workload, entry)| entry.epoch < epoch && in_scope(workload));
        let gone: Vec<_> = gone.map(|(workload, _)| workload.clone()).collect();
        gone.iter().for_each(|workload| self.remove(workload));
    }

    pub fn in_namespace(&self, namespace: &str) -> Vec<Workload> {
        self.by_namespace.get(namespace).into_iter().flatten().cloned().collect()
    }

    /// What is known of what it reads. None: it is gone, or opted out.
    pub fn known(&self, workload: &Workload) -> Option<Known> {
        self.entries.get(workload).map(|entry| entry.known.clone())
    }

    /// Keeps a look that was begun; the ticket is to be handed to [`Self::land`].
    pub fn begin(&mut self, workload: &Workload, look: impl FnOnce(u64) -> Known) -> Option<Known> {
        self.tickets += 1;
        let ticket = self.tickets;
        let entry = self.entries.get_mut(workload)?;
        entry.ticket = ticket;
        entry.known = look(ticket);
        Some(entry.known.clone())
    }

    /// The next look at the workload is to wake others.
    pub fn wake_at_next_look(&mut self, workload: &Workload) {
        if let Some(entry) = self.entries.get_mut(workload) {
            entry.wakes = true;
        }
    }

    /// A look ended. None: it failed. Returns those whose resources are to be woken: the workload did not read them
    /// before.
    pub fn land(&mut self, workload: &Workload, ticket: u64, reads: Option<Arc<Reads>>) -> Vec<Consumed> {
        let Some(entry) = self.entries.get_mut(workload).filter(|entry| entry.ticket == ticket) else { return Vec::new() };
        let Some(reads) = reads else {
            entry.known = Known::Nothing;
            return Vec::new();
        };
        let wakes = std::mem::take(&mut entry.wakes);
        let new = reads.consumed.difference(&entry.read_before.consumed).filter(|_| wakes).cloned().collect();
        let refers = reads.template_of.is_some();
        entry.read_before = Arc::clone(&reads);
        entry.known = Known::Reads(reads);
        if !refers {
            self.unrefer(workload);
        }
        new
    }

    /// The notes that the workload bears, and what it is owed.
    pub fn notes(&self, workload: &Workload) -> Option<(BTreeMap<String, String>, BTreeSet<Consumed>)> {
        self.entries.get(workload).map(|entry| (entry.seen.notes.clone(), entry.owed.clone()))
    }

    /// Notes that the workload is to be restarted for these, should it read them.
    pub fn owe(&mut self, workload: &Workload, secrets: impl Iterator<Item = Consumed>) {
        if let Some(entry) = self.entries.get_mut(workload) {
            entry.owed.extend(secrets);
        }
    }

    /// To be held while notes are looked at and written: several resources may have targets that one workload reads.
    pub fn gate(&self, workload: &Workload) -> Option<Arc<Gate<()>>> {
        self.entries.get(workload).map(|entry| Arc::clone(&entry.gate))
    }

    /// A write of ours begins: events of that workload are held back.
    pub fn begin_write(&mut self, workload: &Workload) {
        if let Some(entry) = self.entries.get_mut(workload) {
            entry.writing = true;
        }
    }

    /// It ended, with the metadata it made where it succeeded, which settles what was owed for these. True as for
    /// [`Self::observe`].
    pub fn end_write(&mut self, workload: &Workload, made: Option<ObjectMeta>, settled: impl Iterator<Item = Consumed>) -> bool {
        let Some(entry) = self.entries.get_mut(workload) else { return false };
        entry.writing = false;
        if let Some(metadata) = made {
            let seen = Seen::of(metadata);
            for secret in settled {
                entry.owed.remove(&secret);
            }
            // Annotations are all that we write, so what it reads is as before.
            if !seen.is_older(&entry.seen) {
                entry.seen = seen;
            }
        }
        entry.held_back.take().is_some_and(|seen| entry.take(seen))
    }
}

impl Entry {
    fn new(seen: Seen, epoch: u64) -> Self {
        Self {
            seen,
            known: Known::Nothing,
            read_before: Arc::default(),
            refers_to: None,
            owed: BTreeSet::new(),
            writing: false,
            held_back: None,
            gate: Arc::default(),
            wakes: false,
            ticket: 0,
            epoch,
        }
    }

    fn take(&mut self, seen: Seen) -> bool {
        if seen.is_older(&self.seen) {
            return false;
        }
        let same = seen.same_spec(&self.seen);
        self.seen = seen;
        if !same {
            self.unknown();
        }
        !same
    }

    /// What it reads is to be found out anew; a look that is under way does not count.
    fn unknown(&mut self) {
        self.known = Known::Nothing;
        self.ticket = 0;
    }
}

fn is_opted_in(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().and_then(|annotations| annotations.get(AUTO_RELOAD)).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TargetKind;
    use api::well_known::annotation::MANAGED_SECRET_PREFIX;

    fn workload(name: &str) -> Workload {
        Workload { kind: Kind::Deployment, name: Name::new("n", name) }
    }

    fn consumed(secret: &str) -> Consumed {
        Consumed { kind: TargetKind::Secret, name: secret.into() }
    }

    fn metadata(opted_in: bool, generation: i64, version: &str, notes: &[(&str, &str)]) -> ObjectMeta {
        let mut annotations: BTreeMap<_, _> =
            notes.iter().map(|(name, value)| (format!("{MANAGED_SECRET_PREFIX}{name}"), (*value).to_owned())).collect();
        if opted_in {
            annotations.insert(AUTO_RELOAD.into(), "true".into());
        }
        ObjectMeta {
            uid: Some("u".into()),
            generation: Some(generation),
            resource_version: Some(version.into()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    fn looked_at(workloads: &mut Workloads, name: &str, reads: &[&str]) -> Vec<String> {
        let mut ticket = 0;
        workloads.wake_at_next_look(&workload(name));
        workloads.begin(&workload(name), |number| {
            ticket = number;
            Known::Nothing
        });
        let consumed = reads.iter().map(|name| consumed(name)).collect();
        let new = workloads.land(&workload(name), ticket, Some(Arc::new(Reads { consumed, template_of: None })));
        new.into_iter().map(|consumed| consumed.name).collect()
    }

    fn is_known(workloads: &Workloads, name: &str) -> bool {
        matches!(workloads.known(&workload(name)), Some(Known::Reads(_)))
    }

    #[test]
    fn only_those_that_opted_in_are_kept() {
        let mut workloads = Workloads::default();
        assert!(workloads.observe(&workload("out"), metadata(false, 1, "1", &[]), 0).is_empty());
        assert_eq!(workloads.observe(&workload("in"), metadata(true, 1, "2", &[]), 0).len(), 1);
        assert_eq!(workloads.in_namespace("n"), [workload("in")]);
        assert!(workloads.observe(&workload("in"), metadata(false, 1, "3", &[]), 0).is_empty());
        assert!(workloads.entries.is_empty() && workloads.by_namespace.is_empty());
    }

    #[test]
    fn a_change_of_the_spec_is_looked_at_and_one_of_the_status_is_not() {
        let mut workloads = Workloads::default();
        workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
        assert_eq!(looked_at(&mut workloads, "w", &["a"]), ["a"]);
        assert!(workloads.observe(&workload("w"), metadata(true, 1, "2", &[]), 0).is_empty());
        assert!(is_known(&workloads, "w"));
        assert_eq!(workloads.observe(&workload("w"), metadata(true, 2, "3", &[]), 0).len(), 1);
        assert!(!is_known(&workloads, "w"));
        // Only what it did not read before is worth a wake.
        assert_eq!(looked_at(&mut workloads, "w", &["a", "b"]), ["b"]);
    }

    #[test]
    fn a_write_of_ours_is_no_change_of_the_spec_in_either_order() {
        let mut workloads = Workloads::default();
        workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
        looked_at(&mut workloads, "w", &["a"]);
        workloads.begin_write(&workload("w"));
        assert!(workloads.observe(&workload("w"), metadata(true, 2, "2", &[("a", "v")]), 0).is_empty());
        assert!(!workloads.end_write(&workload("w"), Some(metadata(true, 2, "2", &[("a", "v")])), [consumed("a")].into_iter()));
        assert!(is_known(&workloads, "w"));
        workloads.begin_write(&workload("w"));
        assert!(!workloads.end_write(&workload("w"), Some(metadata(true, 3, "3", &[("a", "w")])), [consumed("a")].into_iter()));
        assert!(workloads.observe(&workload("w"), metadata(true, 3, "3", &[("a", "w")]), 0).is_empty());
        // An event from before that write.
        assert!(workloads.observe(&workload("w"), metadata(true, 2, "2", &[("a", "v")]), 0).is_empty());
        let (notes, _) = workloads.notes(&workload("w")).unwrap();
        assert_eq!(notes.values().collect::<Vec<_>>(), ["w"]);
    }

    #[test]
    fn what_is_owed_is_kept_until_a_write_succeeds() {
        let mut workloads = Workloads::default();
        workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
        workloads.owe(&workload("w"), [consumed("a")].into_iter());
        workloads.begin_write(&workload("w"));
        workloads.end_write(&workload("w"), None, [consumed("a")].into_iter());
        assert_eq!(workloads.notes(&workload("w")).unwrap().1.len(), 1);
        workloads.begin_write(&workload("w"));
        workloads.end_write(&workload("w"), Some(metadata(true, 2, "2", &[("a", "v")])), [consumed("a")].into_iter());
        assert!(workloads.notes(&workload("w")).unwrap().1.is_empty());
    }

    #[test]
    fn a_list_removes_what_it_does_not_have() {
        let mut workloads = Workloads::default();
        for name in ["kept", "gone"] {
            workloads.observe(&workload(name), metadata(true, 1, "1", &[]), 0);
        }
        let epoch = workloads.relist();
        workloads.observe(&workload("kept"), metadata(true, 1, "1", &[]), epoch);
        workloads.sweep(epoch, |_| true);
        assert_eq!(workloads.in_namespace("n"), [workload("kept")]);
    }

    #[test]
    fn a_look_at_an_older_spec_is_not_kept() {
        let mut workloads = Workloads::default();
        workloads.observe(&workload("w"), metadata(true, 1, "1", &[]), 0);
        let mut ticket = 0;
        workloads.begin(&workload("w"), |number| {
            ticket = number;
            Known::Nothing
        });
        workloads.observe(&workload("w"), metadata(true, 2, "2", &[]), 0);
        assert!(workloads.land(&workload("w"), ticket, Some(Arc::default())).is_empty());
        assert!(!is_known(&workloads, "w"));
    }

    #[test]
    fn a_workload_that_uses_the_pods_of_another_follows_that_one_too() {
        let mut workloads = Workloads::default();
        let rollout = Workload { kind: Kind::Rollout, name: Name::new("n", "r") };
        let looked = |workloads: &mut Workloads| {
            let mut ticket = 0;
            workloads.begin(&rollout, |number| {
                ticket = number;
                Known::Nothing
            });
            workloads.refer(&rollout, ticket, &workload("d"));
            ticket
        };
        let land = |workloads: &mut Workloads, ticket| {
            let reads = Reads { consumed: [consumed("a")].into(), template_of: Some("d".into()) };
            workloads.referred_in(&workload("d"), SpecVersion::of(&metadata(false, 2, "2", &[])));
            workloads.land(&rollout, ticket, Some(Arc::new(reads)));
            matches!(workloads.known(&rollout), Some(Known::Reads(_)))
        };
        assert_eq!(workloads.observe(&rollout, metadata(true, 1, "1", &[]), 0), std::slice::from_ref(&rollout));
        // The other one did not opt in, and changes while it is read.
        let ticket = looked(&mut workloads);
        assert_eq!(workloads.observe(&workload("d"), metadata(false, 1, "2", &[]), 0), std::slice::from_ref(&rollout));
        assert!(!land(&mut workloads, ticket));
        let ticket = looked(&mut workloads);
        assert!(land(&mut workloads, ticket));
        // A change of its status, then one of its spec.
        assert!(workloads.observe(&workload("d"), metadata(false, 2, "3", &[]), 0).is_empty());
        assert_eq!(workloads.observe(&workload("d"), metadata(false, 3, "4", &[]), 0), std::slice::from_ref(&rollout));
        // Deleted and made anew.
        let ticket = looked(&mut workloads);
        assert!(land(&mut workloads, ticket));
        let mut anew = metadata(false, 3, "9", &[]);
        anew.uid = Some("another".into());
        assert_eq!(workloads.observe(&workload("d"), anew, 0), std::slice::from_ref(&rollout));
        workloads.remove(&rollout);
        assert!(workloads.referred.is_empty());
    }
}
