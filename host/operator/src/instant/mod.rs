//! Instant updates: streams on which servers tell what changes, one for each identity and project.
//!
//! A stream serves all resources that want it. What it tells is read at once by the reads whose folder it concerns; other
//! reads of the project, which a reference may lead there, come within their usual interval. The longer interval of a
//! resource counts only while a stream of the whole project is up.
//!
//! What can go wrong: the plan or a permission lacks events, others have taken the streams that an identity may have, a
//! stream ends, breaks or falls silent, a token is revoked. What is promised: none of it makes a resource fail or slower than
//! without events; a stream is opened again with the session's token of then, which never reaches another host; each time
//! all is read once, since what happened between was not told, and where each stream is cut early that is within the usual
//! interval; users are told of a refusal, once. No lock is held while anything is awaited.
mod ladder;
mod lane;
mod matching;
mod refusal;
mod registry;
#[cfg(test)]
mod tests;

use crate::{
    clock::Clock,
    metrics::Metrics,
    object::ObjectRef,
    outcome::Fault,
    read::{ReadKey, Reads, Snapshot, Wake},
    session::{Session, SessionError},
};
use futures::future::BoxFuture;
use infisical::{Event, EventStream, SubscribeRequest};
use registry::{Followed, Registry, Steps};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// An open stream: the client's, or a script in tests.
pub trait Events: Send {
    /// As [`EventStream::next`].
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, infisical::Error>>;
}

impl Events for EventStream {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Event>, infisical::Error>> {
        Box::pin(Self::next(self))
    }
}

type Opened = Result<Box<dyn Events>, SessionError>;

/// Opens streams: sessions, or a script in tests.
pub trait Opens: Clone + Send + Sync + 'static {
    fn open(&self, request: SubscribeRequest) -> BoxFuture<'_, Opened>;

    /// Whether it is the very same; one of the same identity may be another, since the one before has ended.
    fn is(&self, other: &Self) -> bool;
}

impl Opens for Arc<Session> {
    fn open(&self, request: SubscribeRequest) -> BoxFuture<'_, Opened> {
        Box::pin(async move {
            let stream = self.subscribe(&request).await?;
            Ok(Box::new(stream) as Box<dyn Events>)
        })
    }

    fn is(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

/// What streams tell: the reads, or a script in tests.
pub trait Told: Send + Sync {
    /// As [`Reads::set_live`].
    fn set_live(&self, keys: &[ReadKey], live: bool);
    /// As [`Reads::demand`].
    fn demand(&self, keys: &[ReadKey]);
    /// As [`Reads::nudge`].
    fn nudge(&self, keys: &[ReadKey]);
    /// As [`Reads::catch_up`].
    fn catch_up(&self, keys: &[ReadKey], within: Duration);
}

impl Told for Reads {
    fn set_live(&self, keys: &[ReadKey], live: bool) {
        Self::set_live(self, keys, live);
    }

    fn demand(&self, keys: &[ReadKey]) {
        Self::demand(self, keys);
    }

    fn nudge(&self, keys: &[ReadKey]) {
        Self::nudge(self, keys);
    }

    fn catch_up(&self, keys: &[ReadKey], within: Duration) {
        Self::catch_up(self, keys, within);
    }
}

/// All streams. Cheap to clone.
pub struct InstantUpdates<S: Opens = Arc<Session>>(Arc<Inner<S>>);

impl<S: Opens> Clone for InstantUpdates<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<S> {
    registry: Mutex<Registry<S>>,
    told: Box<dyn Told>,
    /// A user's notice changed.
    wake: Box<Wake>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl InstantUpdates {
    /// Makes these reads of a user, just read, the ones that it follows. `asked`: the user just changed the resource, so that
    /// what was refused is tried again.
    pub async fn follow(&self, user: &ObjectRef, session: &Arc<Session>, reads: &[(ReadKey, Arc<Snapshot>)], asked: bool) {
        let mut followed = Vec::with_capacity(reads.len());
        for (key, snapshot) in reads {
            // Known from the read.
            match session.project_id(&key.request.project).await {
                Ok(project_id) => followed.push(Followed { key: key.clone(), project_id, imports: snapshot.imports.clone() }),
                Err(error) => return tracing::debug!(%user, %error, "no stream without the project's id; the next read tries again"),
            }
        }
        self.follow_all(user, session, followed, asked);
    }
}

impl<S: Opens> InstantUpdates<S> {
    #[must_use]
    pub fn new(told: Box<dyn Told>, wake: Box<Wake>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner { registry: Mutex::default(), told, wake, clock, metrics }))
    }

    fn follow_all(&self, user: &ObjectRef, session: &S, followed: Vec<Followed>, asked: bool) {
        let now = self.0.clock.now();
        self.0.change(|registry| {
            let mut steps = registry.follow(user, session, followed);
            if asked {
                steps.add(registry.ask_again(user, now));
            }
            steps
        });
    }

    /// The user is gone, or wants no events. Streams that nobody else needs end.
    pub fn leave(&self, user: &ObjectRef) {
        self.0.change(|registry| registry.leave(user));
    }

    /// Why a user has no instant updates, where the server refuses them.
    #[must_use]
    pub fn notice(&self, user: &ObjectRef) -> Option<Fault> {
        self.0.registry().notice(user)
    }

    /// Ends all streams, and opens none any more.
    pub fn close(&self) {
        self.0.registry().close();
    }
}

impl<S: Opens> Inner<S> {
    fn registry(&self) -> MutexGuard<'_, Registry<S>> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the registry, and does what that entails. Reads are told before anybody else changes it, so that none is taken
    /// for live longer than its stream.
    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Registry<S>) -> Steps<S>) {
        let mut registry = self.registry();
        let Steps { start, dead, live, demand, catch_up, wake } = change(&mut registry);
        if !dead.is_empty() {
            self.told.set_live(&dead, false);
        }
        if !live.is_empty() {
            self.told.set_live(&live, true);
        }
        if !demand.is_empty() {
            self.told.demand(&demand);
        }
        for (keys, within) in catch_up {
            self.told.catch_up(&keys, within);
        }
        for start in start {
            let (group, number) = (start.group.clone(), start.number);
            let task = tokio::spawn(lane::run(self.clone(), start));
            if !registry.started(&group, number, task.abort_handle()) {
                task.abort();
            }
        }
        drop(registry);
        wake.iter().for_each(|user| (self.wake)(user));
    }
}
