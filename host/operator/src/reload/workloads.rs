//! The workloads that opted in, and what they read. Pure: no client.
//!
//! Kept only for those that bear the annotation: uid, generation, resourceVersion and their notes. What they read follows
//! from their spec, so it is read again only when their generation changes, and not for the many changes of their status. Where
//! the pods of a workload follow from another object, uid and generation of that object count too.
use super::{Followed, Kind, Known, Reads, consumes::Consumed, is_note, readers::Readers};
use crate::{clock, cluster::compare_versions, object::Name, outcome::Fault};
use api::well_known::annotation::AUTO_RELOAD;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex as Gate;

/// A workload that could not be looked at is looked at again so soon; no watch tells when a right was granted. Doubles.
const AGAIN: Duration = Duration::from_secs(5);

/// At most.
const AGAIN_LONGEST: Duration = Duration::from_secs(5 * 60);

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
    /// Looks in a row that failed.
    failures: u32,
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
    readers: Readers,
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
        users.iter().for_each(|user| self.look_anew(user));
        users
    }

    /// What it reads is to be found out anew; a look that is under way does not count.
    fn look_anew(&mut self, workload: &Workload) {
        let Some(entry) = self.entries.get_mut(workload) else { return };
        self.readers.unknown(workload, &entry.read_before.consumed);
        entry.known = Known::Nothing;
        entry.ticket = 0;
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
            self.readers.unknown(workload, &BTreeSet::new());
            self.entries.insert(workload.clone(), Entry::new(seen, epoch));
            return true;
        };
        entry.epoch = epoch;
        if entry.writing {
            entry.held_back = Some(seen);
            return false;
        }
        self.take(workload, seen)
    }

    /// True as for [`Self::observe`].
    fn take(&mut self, workload: &Workload, seen: Seen) -> bool {
        let changed = self.entries.get_mut(workload).is_some_and(|entry| entry.take(seen));
        if changed {
            self.look_anew(workload);
        }
        changed
    }

    /// It was deleted, or opted out.
    pub fn remove(&mut self, workload: &Workload) {
        self.unrefer(workload);
        if let Some(entry) = self.entries.remove(workload) {
            self.readers.remove(workload, &entry.read_before.consumed);
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

    /// Those that read one of these, and those in the same namespaces of which that is not known.
    pub fn to_visit(&self, followed: &[Followed<'_>]) -> BTreeSet<Workload> {
        let of = |followed: &Followed<'_>| self.readers.of(&followed.name.namespace, &followed.consumed()).cloned().collect::<Vec<_>>();
        followed.iter().flat_map(of).collect()
    }

    /// Whether it read one of these when that was last known, or bears a note of one.
    pub fn is_known_to_read(&self, workload: &Workload, followed: &[Followed<'_>]) -> bool {
        let Some(entry) = self.entries.get(workload) else { return false };
        let reads = &entry.read_before.consumed;
        let mut here = followed.iter().filter(|followed| followed.name.namespace == workload.name.namespace);
        here.any(|followed| reads.contains(&followed.consumed()) || followed.noted(&entry.seen.notes, reads).is_some())
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

    /// A look succeeded. Returns those whose resources are to be woken: the workload did not read them before, or could not be
    /// looked at.
    pub fn land(&mut self, workload: &Workload, ticket: u64, reads: Arc<Reads>) -> Vec<Consumed> {
        let Some(entry) = self.entries.get_mut(workload).filter(|entry| entry.ticket == ticket) else { return Vec::new() };
        let wakes = std::mem::take(&mut entry.wakes);
        let failed = std::mem::take(&mut entry.failures) > 0;
        let is_new = |consumed: &&Consumed| wakes && (failed || !entry.read_before.consumed.contains(*consumed));
        let new = reads.consumed.iter().filter(is_new).cloned().collect();
        let refers = reads.template_of.is_some();
        self.readers.known(workload, &entry.read_before.consumed, &reads.consumed);
        entry.read_before = Arc::clone(&reads);
        entry.known = Known::Reads(reads);
        if !refers {
            self.unrefer(workload);
        }
        new
    }

    /// A look failed: the fault counts until its spec changes or the next look, which is due after the time returned. `fraction`
    /// spreads it.
    pub fn fail(&mut self, workload: &Workload, ticket: u64, fault: Fault, now: Instant, fraction: f64) -> Option<Duration> {
        let entry = self.entries.get_mut(workload).filter(|entry| entry.ticket == ticket)?;
        entry.failures = entry.failures.saturating_add(1);
        let pause = clock::backoff(AGAIN, AGAIN_LONGEST, entry.failures, fraction);
        entry.known = Known::Failed { fault, again: now + pause };
        entry.wakes = true;
        Some(pause)
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
        let held_back = entry.held_back.take();
        held_back.is_some_and(|seen| self.take(workload, seen))
    }
}

impl Entry {
    fn new(seen: Seen, epoch: u64) -> Self {
        Self {
            seen,
            known: Known::Nothing,
            read_before: Arc::default(),
            failures: 0,
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

    /// Whether its spec changed.
    fn take(&mut self, seen: Seen) -> bool {
        if seen.is_older(&self.seen) {
            return false;
        }
        let same = seen.same_spec(&self.seen);
        self.seen = seen;
        !same
    }
}

fn is_opted_in(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().and_then(|annotations| annotations.get(AUTO_RELOAD)).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests;
