//! The life of one stream: opened, listened to, and opened again, until nobody needs it.
use super::{
    Events, Inner, Opens,
    refusal::{Verdict, judge},
    registry::{GroupKey, Registry, Start, Steps},
};
use crate::{clock::backoff, metrics::StreamState, outcome::Fault};
use futures::FutureExt;
use infisical::{Event, SubscribeRequest};
use std::{
    collections::VecDeque,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// A stream that ended is opened again after a second: the server may have restarted, and others come back as well.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Streams that are opened one soon after the other, and are each followed by a read of all at once: some restarts, but not
/// something between here and the server that cuts each stream.
const READ_AT_ONCE: usize = 5;
/// Plans and versions change rarely, rights now and then.
const RETRY_OF_REFUSED: Duration = Duration::from_secs(3600);
const RETRY_OF_DENIED: Duration = Duration::from_secs(600);

/// Looks after one stream. Ends when another takes its place; is aborted when nobody needs it.
pub(super) async fn run<S: Opens>(inner: Arc<Inner<S>>, start: Start<S>) {
    let Start { group, number, session, request } = start;
    let lane = Lane { inner, group, number, session, request };
    while AssertUnwindSafe(lane.live()).catch_unwind().await.is_err() {
        tracing::error!(lane.number, "listening to events panicked");
        lane.down();
        lane.wait(LONGEST_RETRY).await;
    }
}

struct Lane<S> {
    inner: Arc<Inner<S>>,
    group: GroupKey,
    number: u64,
    session: S,
    request: SubscribeRequest,
}

impl<S: Opens> Lane<S> {
    async fn live(&self) {
        let (inner, id) = (&self.inner, &self.group);
        let mut state = inner.metrics.stream();
        let mut failures = 0;
        let mut openings = VecDeque::with_capacity(READ_AT_ONCE);
        loop {
            state.set(StreamState::Connecting);
            let wait = match self.session.open(self.request.clone()).await {
                Ok(mut events) => {
                    let opened = inner.clock.now();
                    let within = crowded(&mut openings, opened);
                    if !self.change(|registry| registry.opened(id, self.number, within)) {
                        return;
                    }
                    state.set(StreamState::Connected);
                    self.listen(&mut *events).await;
                    self.down();
                    let lived = inner.clock.now().saturating_duration_since(opened);
                    failures = if lived >= LONGEST_RETRY { 1 } else { failures + 1 };
                    self.backoff(failures)
                }
                Err(error) => {
                    tracing::debug!(session = ?id.0, project = id.1, %error, "no stream of events");
                    match judge(&error) {
                        Verdict::Later(after, notice) => {
                            failures += 1;
                            if let Some(notice) = notice {
                                inner.change(|registry| registry.note(id, Some(notice)));
                            }
                            self.backoff(failures).max(after.unwrap_or_default())
                        }
                        Verdict::Narrower(fault) => {
                            if self.change(|registry| registry.narrow(id, self.number)) {
                                return;
                            }
                            state.set(StreamState::Refused);
                            return self.rest(fault, RETRY_OF_DENIED).await;
                        }
                        Verdict::Refused(fault) => {
                            state.set(StreamState::Refused);
                            return self.rest(fault, RETRY_OF_REFUSED).await;
                        }
                    }
                }
            };
            state.set(StreamState::Waiting);
            self.wait(wait).await;
        }
    }

    /// Until the stream is over.
    async fn listen(&self, events: &mut dyn Events) {
        loop {
            match events.next().await {
                Ok(Some(Event::Heartbeat)) => {}
                Ok(Some(Event::Change(change))) => {
                    self.inner.metrics.event(change.kind.into());
                    let (concerned, others) = self.inner.registry().changed(&self.group, &change);
                    self.inner.told.demand(&concerned);
                    self.inner.told.nudge(&others);
                }
                Ok(Some(Event::Withdrawn)) => {
                    return tracing::debug!(session = ?self.group.0, "the server withdraws a stream of events");
                }
                Ok(None) => return,
                Err(error) => return tracing::debug!(session = ?self.group.0, %error, "a stream of events broke"),
            }
        }
    }

    fn down(&self) {
        self.inner.change(|registry| registry.closed(&self.group, self.number));
    }

    /// Says why there are no events, and after a long time asks for all again, by another stream.
    async fn rest(&self, fault: Fault, wait: Duration) {
        let (now, message) = (self.inner.clock.now(), fault.message.clone());
        if !self.change(|registry| registry.refuse(&self.group, self.number, fault, now)) {
            return;
        }
        tracing::warn!(session = ?self.group.0, project = self.group.1, fault.message = message, "instant updates are refused");
        self.wait(wait).await;
        self.inner.change(|registry| registry.widen(&self.group));
    }

    /// Whether the registry has this stream, and the change was made.
    fn change(&self, change: impl FnOnce(&mut Registry<S>) -> Option<Steps<S>>) -> bool {
        let mut changed = false;
        self.inner.change(|registry| {
            let steps = change(registry);
            changed = steps.is_some();
            steps.unwrap_or_default()
        });
        changed
    }

    fn backoff(&self, failures: u32) -> Duration {
        backoff(FIRST_RETRY, LONGEST_RETRY, failures, self.inner.clock.fraction())
    }

    async fn wait(&self, wait: Duration) {
        self.inner.clock.sleep_until(self.inner.clock.now() + wait).await;
    }
}

/// Takes note of an opening. The time within which it and [`READ_AT_ONCE`] before it were, if there were so many.
fn crowded(openings: &mut VecDeque<Instant>, now: Instant) -> Option<Duration> {
    let first = if openings.len() < READ_AT_ONCE { None } else { openings.pop_front() };
    openings.push_back(now);
    first.map(|first| now.saturating_duration_since(first))
}
