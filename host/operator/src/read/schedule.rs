//! When which key is read, and who is told: pure, driven by the times and fractions that it is given.
//!
//! A key exists as long as somebody subscribes to it. It is due after the shortest interval of its subscribers, and is read
//! by one flight at a time. The first interval is cut to a random length, so that what began together is spread; after that
//! each key keeps its own phase. A key is live while the server tells what changes: its users may then want a longer interval,
//! and what it tells is read at once, however many events told it.
use super::{
    ReadError, ReadKey, Snapshot,
    fetch::{Failure, Known},
};
use crate::{clock::backoff, object::ObjectRef, outcome::Class};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::AbortHandle};

/// Whatever a resource asks for.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);
/// Whoever writes more means never, and a clock can't count to every number.
const LONGEST_INTERVAL: Duration = Duration::from_secs(366 * 24 * 3600);
/// Part of an interval by which a read may come early. Never late: the interval bounds how stale a Secret may be.
const EARLY: f64 = 0.01;
/// Part of an interval that always passes before a first result is read again.
const SETTLED: f64 = 0.25;
/// Outages.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// A folder that is not there may be made any time, but nothing here will tell.
const RETRY_OF_REFUSED: Duration = Duration::from_secs(30);
const LONGEST_RETRY_OF_REFUSED: Duration = Duration::from_secs(300);
/// Events come in crowds: a read waits for the rest of one, and the next read of the same folder some more.
pub(super) const GATHERED: Duration = Duration::from_millis(50);
pub(super) const APART: Duration = Duration::from_secs(1);
/// A wish for a fresh read does not lead past a failure that is younger.
const FAILURE_HOLDS: Duration = Duration::from_secs(1);

/// How often a user wants a read, at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub interval: Duration,
    /// While the server tells what changes; None: that is not asked for.
    pub live: Option<Duration>,
}

impl Pace {
    fn clamped(self) -> Self {
        let clamp = |interval: Duration| interval.clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL);
        Self { interval: clamp(self.interval), live: self.live.map(clamp) }
    }

    fn now(self, live: bool) -> Duration {
        self.live.filter(|_| live).unwrap_or(self.interval)
    }
}

impl From<Duration> for Pace {
    fn from(interval: Duration) -> Self {
        Self { interval, live: None }
    }
}

struct Flight {
    number: u64,
    began: Instant,
    task: Option<AbortHandle>,
}

struct Failed {
    failure: Failure,
    began: Instant,
}

struct Entry<S> {
    session: S,
    subscribers: HashMap<ObjectRef, Pace>,
    /// The server tells what changes.
    live: bool,
    /// It told of a change after the flight had begun.
    overtaken: bool,
    /// It told of a change elsewhere after the flight had begun.
    nudged: bool,
    /// Who waits for the flight, and needs no waking.
    waiting: HashSet<ObjectRef>,
    /// Who waited in vain, and must be woken whatever the flight brings.
    owed: HashSet<ObjectRef>,
    known: Known,
    failed: Option<Failed>,
    failures: u32,
    flight: Option<Flight>,
    due: Instant,
    ended: watch::Sender<u64>,
}

/// What to do about a question.
pub(super) enum Answer<S> {
    Serve(Arc<Snapshot>),
    Failed(Failure),
    /// A flight that began then will tell.
    Wait {
        began: Instant,
        ended: watch::Receiver<u64>,
    },
    /// To be flown now.
    Start(Start<S>),
    NotSubscribed,
}

/// A flight to be made.
pub(super) struct Start<S> {
    pub key: Arc<ReadKey>,
    pub number: u64,
    pub session: S,
    pub known: Known,
}

/// All keys.
pub(super) struct Schedule<S> {
    entries: HashMap<Arc<ReadKey>, Entry<S>>,
    users: HashMap<ObjectRef, BTreeSet<Arc<ReadKey>>>,
    due: BTreeSet<(Instant, Arc<ReadKey>)>,
    flights: u64,
}

impl<S> Default for Schedule<S> {
    fn default() -> Self {
        Self { entries: HashMap::new(), users: HashMap::new(), due: BTreeSet::new(), flights: 0 }
    }
}

impl<S: Clone> Schedule<S> {
    /// Makes these the keys of a user, and no others.
    pub fn subscribe(&mut self, user: &ObjectRef, session: &S, keys: impl IntoIterator<Item = ReadKey>, pace: Pace, now: Instant) {
        let pace = pace.clamped();
        let mut wanted = BTreeSet::new();
        for key in keys {
            let key = self.entries.get_key_value(&key).map_or_else(|| Arc::new(key), |(key, _)| key.clone());
            let entry = self.entries.entry(key.clone()).or_insert_with(|| {
                // The user is about to ask; if it never does, the clock does.
                let due = now + pace.interval;
                self.due.insert((due, key.clone()));
                Entry::new(session.clone(), due)
            });
            entry.subscribers.insert(user.clone(), pace);
            let interval = pace.now(entry.live);
            if entry.failed.is_none()
                && let Some(snapshot) = &entry.known.snapshot
            {
                let due = entry.due.min(snapshot.read_at + interval);
                set_due(&mut self.due, &key, entry, due);
            }
            wanted.insert(key);
        }
        let before = self.users.insert(user.clone(), wanted.clone()).unwrap_or_default();
        before.difference(&wanted).for_each(|key| self.leave(user, key));
    }

    /// The user reads nothing any more. Values that nobody else needs are gone after this.
    pub fn unsubscribe(&mut self, user: &ObjectRef) {
        let keys = self.users.remove(user).unwrap_or_default();
        keys.iter().for_each(|key| self.leave(user, key));
    }

    fn leave(&mut self, user: &ObjectRef, key: &Arc<ReadKey>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.subscribers.remove(user);
        entry.waiting.remove(user);
        entry.owed.remove(user);
        if entry.subscribers.is_empty() {
            self.due.remove(&(entry.due, key.clone()));
            if let Some(task) = entry.flight.take().and_then(|flight| flight.task) {
                task.abort();
            }
            self.entries.remove(key);
        }
    }

    /// What a user may have now. With `not_before`, only what was read or tried after it.
    pub fn ask(&mut self, user: &ObjectRef, key: &ReadKey, not_before: Option<Instant>, now: Instant) -> Answer<S> {
        let Some(entry) = self.entries.get_mut(key) else { return Answer::NotSubscribed };
        let Some(pace) = entry.subscribers.get(user) else { return Answer::NotSubscribed };
        let interval = pace.now(entry.live);
        let late_enough = |began: Instant| not_before.is_none_or(|not_before| began >= not_before);
        match (&entry.failed, &entry.known.snapshot) {
            (Some(failed), _) => {
                let silenced = failed.failure.fault.retry_after.is_some() && now < entry.due;
                let young = now < failed.began + FAILURE_HOLDS;
                if silenced || young || (late_enough(failed.began) && now < entry.due) {
                    let mut failure = failed.failure.clone();
                    failure.fault.retry_after = Some(entry.due.saturating_duration_since(now));
                    return Answer::Failed(failure);
                }
            }
            (None, Some(snapshot)) if late_enough(snapshot.read_at) && now < snapshot.read_at + interval => {
                return Answer::Serve(snapshot.clone());
            }
            (None, _) => {}
        }
        if let Some(flight) = &entry.flight {
            entry.waiting.insert(user.clone());
            return Answer::Wait { began: flight.began, ended: entry.ended.subscribe() };
        }
        match self.start(key, now) {
            Some(start) => Answer::Start(start),
            None => Answer::NotSubscribed,
        }
    }

    /// The server told of a change: the key is read soon, and not for each event of a crowd. That may mend what was refused, as a
    /// folder that is made; an outage keeps its own time.
    pub fn demand(&mut self, key: &ReadKey, now: Instant) {
        let Some((key, _)) = self.entries.get_key_value(key) else { return };
        let key = key.clone();
        let Some(entry) = self.entries.get_mut(&key) else { return };
        if entry.flight.is_some() {
            entry.overtaken = true;
            return;
        }
        let last = match (&entry.failed, &entry.known.snapshot) {
            (None, Some(snapshot)) => snapshot.read_at,
            (Some(failed), _) if failed.failure.may_be_mended() => failed.began,
            _ => return,
        };
        let due = entry.due.min((now + GATHERED).max(last + APART));
        set_due(&mut self.due, &key, entry, due);
    }

    /// The server told of a change elsewhere, to which a reference or an import of an import may lead: the key is read as soon
    /// as it would be without any event.
    pub fn nudge(&mut self, key: &ReadKey, now: Instant, fraction: f64) {
        let Some((key, _)) = self.entries.get_key_value(key) else { return };
        let key = key.clone();
        if let Some(entry) = self.entries.get_mut(&key) {
            // When it is due after the flight, the end of the flight says.
            entry.nudged = entry.flight.is_some();
            let due = entry.due_without_events(now, fraction);
            set_due(&mut self.due, &key, entry, due);
        }
    }

    /// The server tells again what changes in a key, which it did many times within that time: that must not lead to more reads
    /// than there are without events, but for some.
    pub fn catch_up(&mut self, key: &ReadKey, within: Duration, now: Instant, fraction: f64) {
        match self.entries.get(key) {
            Some(entry) if within < entry.interval(false) => self.nudge(key, now, fraction),
            _ => self.demand(key, now),
        }
    }

    /// Whether the server tells what changes in a key.
    pub fn set_live(&mut self, key: &ReadKey, live: bool, now: Instant, fraction: f64) {
        let Some((key, _)) = self.entries.get_key_value(key) else { return };
        let key = key.clone();
        let Some(entry) = self.entries.get_mut(&key).filter(|entry| entry.live != live) else { return };
        entry.live = live;
        let interval = spread(entry.interval(live), fraction);
        let due = match (live, &entry.failed, &entry.known.snapshot) {
            (true, None, Some(snapshot)) => snapshot.read_at + interval,
            (true, ..) => entry.due,
            // What was not told of must not be noticed later than without events.
            (false, ..) => entry.due_without_events(now, fraction),
        };
        set_due(&mut self.due, &key, entry, due);
    }

    /// The user waits no longer, though the flight has not ended.
    pub fn stop_waiting(&mut self, user: &ObjectRef, key: &ReadKey) {
        if let Some(entry) = self.entries.get_mut(key)
            && entry.waiting.remove(user)
        {
            entry.owed.insert(user.clone());
        }
    }

    /// The flights that are due.
    pub fn start_due(&mut self, now: Instant) -> Vec<Start<S>> {
        let due: Vec<_> = self.due.iter().take_while(|(due, _)| *due <= now).map(|(_, key)| key.clone()).collect();
        due.iter().filter_map(|key| self.start(key, now)).collect()
    }

    /// When something is due next.
    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    fn start(&mut self, key: &ReadKey, now: Instant) -> Option<Start<S>> {
        let (key, _) = self.entries.get_key_value(key)?;
        let key = key.clone();
        let entry = self.entries.get_mut(&key)?;
        // While it flies it is not due.
        self.due.remove(&(entry.due, key.clone()));
        if entry.flight.is_some() {
            return None;
        }
        self.flights += 1;
        let number = self.flights;
        entry.flight = Some(Flight { number, began: now, task: None });
        Some(Start { key, number, session: entry.session.clone(), known: entry.known.clone() })
    }

    /// Hands over what ends a flight early. False: it is not wanted any more.
    pub fn started(&mut self, key: &ReadKey, number: u64, task: AbortHandle) -> bool {
        match self.entries.get_mut(key).and_then(|entry| entry.flight.as_mut()) {
            Some(flight) if flight.number == number => {
                flight.task = Some(task);
                true
            }
            _ => false,
        }
    }

    /// Takes the result of a flight. Gives who is to be woken: the subscribers that do not wait for it anyway. A failure that
    /// repeats itself wakes only those whom it was never told.
    pub fn end(&mut self, key: &ReadKey, number: u64, result: Result<Known, Failure>, now: Instant, fraction: f64) -> Vec<ObjectRef> {
        let Some((key, _)) = self.entries.get_key_value(key) else { return Vec::new() };
        let key = key.clone();
        let Some(entry) = self.entries.get_mut(&key) else { return Vec::new() };
        let Some(flight) = entry.flight.take_if(|flight| flight.number == number) else { return Vec::new() };
        let interval = entry.interval(entry.live);
        let (overtaken, nudged) = (std::mem::take(&mut entry.overtaken), std::mem::take(&mut entry.nudged));
        let mut news = true;
        let due = match result {
            Ok(known) => {
                let first = entry.known.snapshot.is_none();
                let recovered = entry.failed.is_some();
                entry.known = known;
                entry.failed = None;
                entry.failures = 0;
                let due = if overtaken {
                    (now + GATHERED).max(flight.began + APART)
                } else if first || recovered {
                    // What began or recovered together must not go on together.
                    flight.began + spread(interval, fraction)
                } else if entry.due > now {
                    // Read ahead of its time, on demand: its turn stays.
                    entry.due
                } else {
                    flight.began + interval.mul_f64(1.0 - EARLY * fraction)
                };
                if nudged { due.min(now + spread(entry.interval(false), fraction)) } else { due }
            }
            Err(failure) => {
                entry.failures = entry.failures.saturating_add(1);
                let wait = match failure.fault.class {
                    Class::Transient | Class::Plugin | Class::Bug => {
                        backoff(FIRST_RETRY, LONGEST_RETRY.min(interval.max(FIRST_RETRY)), entry.failures, fraction)
                    }
                    Class::UserFix | Class::Denied => retry_of_refused(interval),
                };
                // Not all at the very moment at which the server will be asked again.
                let asked = failure.fault.retry_after.map(|asked| asked + Duration::from_secs_f64(fraction));
                news = entry.failed.as_ref().is_none_or(|before| !before.failure.same(&failure));
                let due = now + wait.max(asked.unwrap_or_default());
                // What the server told of meanwhile may have mended it already.
                let sooner = match failure.may_be_mended() {
                    true if overtaken => Some((now + GATHERED).max(flight.began + APART)),
                    true if nudged => Some(flight.began + retry_of_refused(entry.interval(false))),
                    _ => None,
                };
                entry.failed = Some(Failed { failure, began: flight.began });
                sooner.map_or(due, |sooner| due.min(sooner))
            }
        };
        set_due(&mut self.due, &key, entry, due.max(now));
        let (waiting, owed) = (std::mem::take(&mut entry.waiting), std::mem::take(&mut entry.owed));
        entry.ended.send_replace(number);
        let untold = |user: &&ObjectRef| !waiting.contains(*user) && (news || owed.contains(*user));
        entry.subscribers.keys().filter(untold).cloned().collect()
    }

    pub fn session(&self, key: &ReadKey) -> Option<&S> {
        self.entries.get(key).map(|entry| &entry.session)
    }

    /// How the read that ended last failed, if it did.
    pub fn failure(&self, key: &ReadKey) -> Option<Failure> {
        Some(self.entries.get(key)?.failed.as_ref()?.failure.clone())
    }

    /// The last good result, however old.
    pub fn last(&self, key: &ReadKey) -> Option<Arc<Snapshot>> {
        self.entries.get(key)?.known.snapshot.clone()
    }

    #[cfg(test)]
    pub fn flying(&self) -> usize {
        self.entries.values().filter(|entry| entry.flight.is_some()).count()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<S> Entry<S> {
    fn new(session: S, due: Instant) -> Self {
        Self {
            session,
            subscribers: HashMap::new(),
            live: false,
            overtaken: false,
            nudged: false,
            waiting: HashSet::new(),
            owed: HashSet::new(),
            known: Known::default(),
            failed: None,
            failures: 0,
            flight: None,
            due,
            ended: watch::Sender::new(0),
        }
    }

    fn interval(&self, live: bool) -> Duration {
        self.subscribers.values().map(|pace| pace.now(live)).min().unwrap_or(SHORTEST_INTERVAL)
    }

    /// Not later than without events. An outage, and a server that asked for silence, keep their own time.
    fn due_without_events(&self, now: Instant, fraction: f64) -> Instant {
        let interval = self.interval(false);
        match &self.failed {
            None => self.due.min(now + spread(interval, fraction)),
            Some(failed) if failed.failure.may_be_mended() => self.due.min((failed.began + retry_of_refused(interval)).max(now)),
            Some(_) => self.due,
        }
    }
}

fn retry_of_refused(interval: Duration) -> Duration {
    interval.clamp(RETRY_OF_REFUSED, LONGEST_RETRY_OF_REFUSED)
}

fn spread(interval: Duration, fraction: f64) -> Duration {
    interval.mul_f64(SETTLED + (1.0 - SETTLED) * fraction)
}

fn set_due<S>(all: &mut BTreeSet<(Instant, Arc<ReadKey>)>, key: &Arc<ReadKey>, entry: &mut Entry<S>, due: Instant) {
    all.remove(&(entry.due, key.clone()));
    entry.due = due;
    if entry.flight.is_none() {
        all.insert((due, key.clone()));
    }
}

impl Failure {
    /// By a user's change at the server, and now.
    fn may_be_mended(&self) -> bool {
        matches!(self.fault.class, Class::UserFix | Class::Denied) && self.fault.retry_after.is_none()
    }

    /// Apart from when the next try is.
    fn same(&self, other: &Self) -> bool {
        (self.stage, self.fault.reason, &self.fault.message) == (other.stage, other.fault.reason, &other.fault.message)
    }
}

impl From<Failure> for ReadError {
    fn from(Failure { stage, fault }: Failure) -> Self {
        Self::Failed { stage, fault }
    }
}
