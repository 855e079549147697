//! Reads: one list for each folder and session, shared by all resources that need it. The clock belongs to the read, not to
//! the resource.
//!
//! What can go wrong: the server is away, refuses, or answers with an emptiness that may be a mistake. What is promised: one
//! call serves all subscribers of a key; when a read ends, changed or not, they are woken and served from it; the last good
//! result is kept until a better one comes; an empty answer counts only if a second one confirms it; values are in memory only
//! as long as somebody subscribes; nobody waits long for a server that hangs.
mod fetch;
mod schedule;
mod snapshot;

pub use schedule::Pace;
pub use snapshot::Snapshot;

use crate::{
    clock::Clock,
    metrics::Metrics,
    object::ObjectRef,
    outcome::{Class, Fault, Stage},
    session::{Session, SessionKey},
};
use fetch::Failure;
use futures::FutureExt;
use infisical::ProjectRef;
use schedule::{Answer, Schedule, Start};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What a resource wants to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadRequest {
    pub project: ProjectRef,
    /// Empty: the one that the service token is for.
    pub environment: String,
    /// Folder.
    pub path: String,
    pub recursive: bool,
    pub expand_references: bool,
    pub include_imports: bool,
    pub tags: Vec<String>,
    /// Only this secret.
    pub secret: Option<String>,
}

/// Identity of a read: equal key, one call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadKey {
    pub session: SessionKey,
    pub request: ReadRequest,
}

/// How long a reconcile waits for a read, counted from when that began. A server usually answers within a tenth; the places of
/// reconciles are few, and who does not wait is woken when the read ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is no snapshot now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The server takes long, and the read before did not fail. The user is woken when the read ends.
    Pending(Fault),
    /// The login or the read failed. The next try is made without being asked; the user is woken when the picture changes.
    Failed { stage: Stage, fault: Fault },
}

/// Wakes a user since a read of its ended: `|user| triggers.wake(user, Cause::Read)`.
pub type Wake = dyn Fn(&ObjectRef) + Send + Sync;

/// All reads. Cheap to clone.
#[derive(Clone)]
pub struct Reads(Arc<Inner>);

struct Inner {
    schedule: Mutex<Schedule<Arc<Session>>>,
    /// Something may be due sooner than it was.
    rescheduled: Notify,
    wake: Box<Wake>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Reads {
    #[must_use]
    pub fn new(wake: Box<Wake>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner { schedule: Mutex::default(), rescheduled: Notify::new(), wake, clock, metrics }))
    }

    /// Makes these the reads of a user, each as often as its pace says, and gives their keys in the same order. The reads that
    /// it had before and does not name are dropped.
    pub fn subscribe(&self, user: &ObjectRef, session: &Arc<Session>, reads: &[ReadRequest], pace: impl Into<Pace>) -> Vec<ReadKey> {
        let keys: Vec<_> = reads.iter().map(|request| ReadKey { session: session.key(), request: request.clone() }).collect();
        self.0.schedule().subscribe(user, session, keys.iter().cloned(), pace.into(), self.0.clock.now());
        self.0.rescheduled.notify_one();
        keys
    }

    /// Whether the server tells what changes in these keys.
    pub fn set_live<'a>(&self, keys: impl IntoIterator<Item = &'a ReadKey>, live: bool) {
        self.adjust(keys, |schedule, key, clock| schedule.set_live(key, live, clock.now(), clock.fraction()));
    }

    /// The server told of a change in these keys, or may have told one unheard: they are read again now.
    pub fn demand<'a>(&self, keys: impl IntoIterator<Item = &'a ReadKey>) {
        self.adjust(keys, |schedule, key, clock| schedule.demand(key, clock.now()));
    }

    /// The server told of a change to which these keys may lead in a way that is not seen: they are read within the interval
    /// that they have without events.
    pub fn nudge<'a>(&self, keys: impl IntoIterator<Item = &'a ReadKey>) {
        self.adjust(keys, |schedule, key, clock| schedule.nudge(key, clock.now(), clock.fraction()));
    }

    /// Many times within that time the server ceased to tell what changes in these keys, and tells again: what was missed is read
    /// now, or within the interval that they have without events where that is longer.
    pub fn catch_up<'a>(&self, keys: impl IntoIterator<Item = &'a ReadKey>, within: Duration) {
        self.adjust(keys, |schedule, key, clock| schedule.catch_up(key, within, clock.now(), clock.fraction()));
    }

    fn adjust<'a>(&self, keys: impl IntoIterator<Item = &'a ReadKey>, adjust: impl Fn(&mut Schedule<Arc<Session>>, &ReadKey, &dyn Clock)) {
        let mut schedule = self.0.schedule();
        keys.into_iter().for_each(|key| adjust(&mut schedule, key, &*self.0.clock));
        drop(schedule);
        self.0.rescheduled.notify_one();
    }

    /// The user is gone. Values that nobody else needs are zeroed.
    pub fn unsubscribe(&self, user: &ObjectRef) {
        self.0.schedule().unsubscribe(user);
    }

    /// What a key holds: the last result, if it is younger than the user's interval and was read after `not_before`; else that of
    /// a read which is under way or begun now.
    ///
    /// # Errors
    /// See [`ReadError`]. A failure younger than `not_before` is reported without another call.
    pub async fn get(&self, user: &ObjectRef, key: &ReadKey, not_before: Option<Instant>) -> Result<Arc<Snapshot>, ReadError> {
        let inner = &self.0;
        let mut hit = true;
        let counted = |result, hit| {
            inner.metrics.cache("read", hit);
            result
        };
        loop {
            let now = inner.clock.now();
            let answer = inner.schedule().ask(user, key, not_before, now);
            let (began, mut ended) = match answer {
                Answer::Serve(snapshot) => return counted(Ok(snapshot), hit),
                Answer::Failed(failure) => return counted(Err(failure.into()), hit),
                Answer::NotSubscribed => return Err(not_subscribed()),
                Answer::Start(start) => {
                    hit = false;
                    inner.fly(start);
                    continue;
                }
                Answer::Wait { began, ended } => (began, ended),
            };
            let _waiting = Waiting { inner, user, key };
            if inner.schedule().session(key).is_some_and(|session| session.is_stuck(PATIENCE)) {
                return counted(Err(inner.pending(key)), hit);
            }
            tokio::select! {
                // The sender goes when the key does; the next question tells.
                _ = ended.changed() => {}
                () = inner.clock.sleep_until(began + PATIENCE) => return counted(Err(inner.pending(key)), hit),
            }
        }
    }

    /// The last good result, however old and whatever failed since: for the repair of a target while the server is away.
    #[must_use]
    pub fn last(&self, key: &ReadKey) -> Option<Arc<Snapshot>> {
        self.0.schedule().last(key)
    }

    /// Reads what is due, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let inner = &self.0;
        loop {
            let (due, next) = {
                let mut schedule = inner.schedule();
                (schedule.start_due(inner.clock.now()), schedule.next())
            };
            due.into_iter().for_each(|start| inner.fly(start));
            let next = async {
                match next {
                    Some(next) => inner.clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = next => {}
                () = inner.rescheduled.notified() => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// How many keys are read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.schedule().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Inner {
    fn schedule(&self) -> MutexGuard<'_, Schedule<Arc<Session>>> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is said of a read that takes long: that it failed, as long as it did when it last ended. A server that lets each
    /// call run into its time-out would else be news twice in each try.
    fn pending(&self, key: &ReadKey) -> ReadError {
        match self.schedule().failure(key) {
            Some(failure) => failure.into(),
            None => ReadError::Pending(Fault::new("Reading", Class::Transient, "the server has not answered yet")),
        }
    }

    /// In a task of its own: who asked may give up, the others still want it.
    fn fly(self: &Arc<Self>, Start { key, number, session, known }: Start<Arc<Session>>) {
        let (inner, flown) = (self.clone(), key.clone());
        let task = tokio::spawn(async move {
            let read = fetch::fetch(&session, &flown.request, known, &*inner.clock);
            let result = AssertUnwindSafe(read).catch_unwind().await.unwrap_or_else(|_| Err(panicked()));
            let woken = inner.schedule().end(&flown, number, result, inner.clock.now(), inner.clock.fraction());
            inner.rescheduled.notify_one();
            woken.iter().for_each(|user| (inner.wake)(user));
        });
        if !self.schedule().started(&key, number, task.abort_handle()) {
            task.abort();
        }
    }
}

/// A user that waits; however that ends, it is known.
struct Waiting<'a> {
    inner: &'a Inner,
    user: &'a ObjectRef,
    key: &'a ReadKey,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.inner.schedule().stop_waiting(self.user, self.key);
    }
}

fn not_subscribed() -> ReadError {
    let fault = Fault::new("NotSubscribed", Class::Bug, "a read was asked for without a subscription; report this");
    ReadError::Failed { stage: Stage::Read, fault }
}

fn panicked() -> Failure {
    Failure { stage: Stage::Read, fault: Fault::new("InternalError", Class::Bug, "reading panicked; report this") }
}

#[cfg(test)]
mod tests;
