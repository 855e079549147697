//! What was asked of the server: counters for tests and for the page, and a way to wait for a call without sleeping.
//!
//! A call is recorded when its answer is ready to be sent, or when the client goes away before. Only `/api` is counted;
//! totals are exact, the log of single calls keeps the newest [`LOG_LIMIT`].
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::watch;

use crate::operation::Operation;

/// Enough for the largest test, small enough to be kept for ever.
pub const LOG_LIMIT: usize = 20_000;

/// One call. Path and query hold no secret: tokens travel in headers and bodies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// What it was for.
    pub operation: Operation,
    /// HTTP method.
    pub method: String,
    /// Path, with `/api`.
    pub path: String,
    /// Query as sent, without `?`.
    pub query: String,
    /// Status of the answer; `None` when the client left or the connection was broken before an answer.
    pub status: Option<u16>,
}

/// All calls so far.
#[derive(Debug, Default)]
pub struct CallLog {
    totals: BTreeMap<(Operation, Option<u16>), u64>,
    log: VecDeque<Call>,
    in_flight: usize,
    peak: usize,
}

impl CallLog {
    /// Finished calls of every kind.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.totals.values().sum()
    }

    /// Finished calls of one kind.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.totals.iter().filter(|((found, _), _)| *found == operation).map(|(_, count)| count).sum()
    }

    /// Finished calls of one kind that were answered with one status.
    #[must_use]
    pub fn with_status(&self, operation: Operation, status: u16) -> u64 {
        self.totals.get(&(operation, Some(status))).copied().unwrap_or(0)
    }

    /// Counts by operation and status.
    #[must_use]
    pub fn totals(&self) -> &BTreeMap<(Operation, Option<u16>), u64> {
        &self.totals
    }

    /// The newest calls, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.log.iter()
    }

    /// Calls that have arrived and are not answered yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The most calls that were in flight at one time.
    #[must_use]
    pub fn peak_in_flight(&self) -> usize {
        self.peak
    }
}

/// The server's call log; clones share it.
#[derive(Clone, Debug)]
pub struct Calls {
    log: Arc<Mutex<CallLog>>,
    changed: watch::Sender<u64>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { log: Arc::default(), changed: watch::Sender::new(0) }
    }
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, CallLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update<T>(&self, change: impl FnOnce(&mut CallLog) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Looks at the log.
    pub fn read<T>(&self, look: impl FnOnce(&CallLog) -> T) -> T {
        look(&self.lock())
    }

    /// The newest calls, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Call> {
        self.read(|log| log.iter().cloned().collect())
    }

    /// Finished calls of every kind.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.read(CallLog::total)
    }

    /// Finished calls of one kind.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.read(|log| log.count(operation))
    }

    /// Forgets the finished calls, and the peak.
    pub fn reset(&self) {
        self.update(|log| {
            log.totals.clear();
            log.log.clear();
            log.peak = log.in_flight;
        });
    }

    /// Waits until the log is as the caller wants it. No time limit: put a `timeout` around it.
    pub async fn wait_for(&self, wanted: impl Fn(&CallLog) -> bool) {
        let mut changed = self.changed.subscribe();
        while !self.read(&wanted) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until so many calls of one kind have finished since the start or the last reset.
    pub async fn wait_for_calls(&self, operation: Operation, count: u64) {
        self.wait_for(|log| log.count(operation) >= count).await;
    }

    /// Notes the arrival of a call; dropping the guard records how it ended.
    pub(crate) fn begin(&self, operation: Operation, method: &str, path: &str, query: &str) -> InFlight {
        self.update(|log| {
            log.in_flight += 1;
            log.peak = log.peak.max(log.in_flight);
        });
        let call = Call { operation, method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), status: None };
        InFlight { calls: self.clone(), call: Some(call) }
    }
}

/// A call that has arrived.
pub(crate) struct InFlight {
    calls: Calls,
    call: Option<Call>,
}

impl InFlight {
    /// The answer is ready.
    pub(crate) fn answered(mut self, status: u16) {
        if let Some(call) = &mut self.call {
            call.status = Some(status);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else { return };
        tracing::debug!(operation = ?call.operation, method = call.method, path = call.path, status = call.status, "call");
        self.calls.update(|log| {
            log.in_flight = log.in_flight.saturating_sub(1);
            *log.totals.entry((call.operation, call.status)).or_default() += 1;
            if log.log.len() == LOG_LIMIT {
                log.log.pop_front();
            }
            log.log.push_back(call);
        });
    }
}
