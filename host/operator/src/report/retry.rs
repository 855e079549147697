//! When to try again. Pure.
use super::StatusWrite;
use crate::{
    clock,
    cluster::REFUSED_PAUSE,
    outcome::{Class, Fault, Outcome},
    reason,
};
use std::time::Duration;

/// Of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    /// In a row.
    faults: u32,
    /// Statuses in a row that could not be written.
    unwritten: u32,
}

impl Backoff {
    /// Nothing is tried: the next fault is the first again.
    pub fn rest(&mut self) {
        self.faults = 0;
    }
}

/// The first retry; the Go operator's 5 ms hammers a server that is down.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait; the Go operator's 16 minutes keep a resource stale long after a recovery.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// What only a user can mend wakes the resource when it is mended; this is for what can't be watched.
const SLOW: Duration = Duration::from_secs(10 * 60);
/// Faults of ServiceAccounts, which are not watched. They are often made together with the resource that names them, so such a
/// one is looked at again soon; that asks nobody but the API server.
const UNWATCHED: [&str; 2] = [reason::SERVICE_ACCOUNT_NOT_FOUND, reason::SERVICE_ACCOUNT_TOKEN_MISSING];
/// The longest wait for one.
const UNWATCHED_LONGEST: Duration = Duration::from_secs(60);

/// A status that could not be written is written soon: the API server is back, or it is the only thing missing. Less and less soon
/// if it never is, since that takes a whole pass.
const STATUS_AGAIN: Duration = Duration::from_secs(5);

/// When the next pass is due, if by nothing else, for its outcome or for the status that did not say so.
pub fn next_pass(backoff: &mut Backoff, outcome: &Outcome, status: &StatusWrite, jitter: f64) -> Option<Duration> {
    let wait = next_try(backoff, outcome, jitter);
    wait.into_iter().chain(status_again(backoff, status, jitter)).min()
}

/// When a status should be written again, if it has to be. `jitter` as for [`next_try`].
pub fn status_again(backoff: &mut Backoff, status: &StatusWrite, jitter: f64) -> Option<Duration> {
    match status {
        StatusWrite::NotNeeded | StatusWrite::Made(_) => {
            backoff.unwritten = 0;
            None
        }
        StatusWrite::Refused => Some(REFUSED_PAUSE),
        StatusWrite::Failed => {
            backoff.unwritten = backoff.unwritten.saturating_add(1);
            Some(clock::backoff(STATUS_AGAIN, LONGEST, backoff.unwritten, jitter))
        }
    }
}

/// When the next try is due, if by nothing else: a success waits for the read's own clock. `jitter` is from 0 to 1 and
/// spreads the retries of many resources over a quarter of the wait.
fn next_try(backoff: &mut Backoff, outcome: &Outcome, jitter: f64) -> Option<Duration> {
    let fault = match outcome {
        Outcome::Synced(_) | Outcome::Unchanged(_) => {
            backoff.faults = 0;
            return None;
        }
        Outcome::Waiting(fault) | Outcome::Failed { fault, .. } => fault,
    };
    let wait = wait(backoff, fault);
    backoff.faults = backoff.faults.saturating_add(1);
    Some(wait.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0)))
}

fn wait(backoff: &Backoff, fault: &Fault) -> Duration {
    let doubled = |longest| clock::backoff(FIRST, longest, backoff.faults.saturating_add(1), 0.0);
    let wait = match fault.class {
        _ if UNWATCHED.contains(&fault.reason) => doubled(UNWATCHED_LONGEST),
        Class::Transient | Class::Plugin | Class::Bug => doubled(LONGEST),
        Class::UserFix | Class::Denied => SLOW,
    };
    fault.retry_after.map_or(wait, |asked| asked.max(wait.min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Done, Stage};

    fn failed(class: Class, retry_after: Option<Duration>) -> Outcome {
        Outcome::Failed { stage: Stage::Read, fault: Fault { reason: "X", class, message: String::new(), retry_after }, method: None }
    }

    #[test]
    fn retries_back_off_to_five_minutes_and_start_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> =
            (0..12).filter_map(|_| next_try(&mut backoff, &failed(Class::Transient, None), 0.0)).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        assert_eq!(next_try(&mut backoff, &Outcome::Synced(Done::default()), 0.0), None);
        assert_eq!(next_try(&mut backoff, &failed(Class::Transient, None), 1.0), Some(Duration::from_millis(1250)));
    }

    #[test]
    fn an_account_that_is_not_there_yet_is_looked_for_again_soon() {
        for reason in UNWATCHED {
            let outcome = Outcome::Failed { stage: Stage::Credentials, fault: Fault::new(reason, Class::UserFix, ""), method: None };
            let mut backoff = Backoff::default();
            let waits: Vec<_> = (0..9).filter_map(|_| next_try(&mut backoff, &outcome, 0.0)).map(|wait| wait.as_secs()).collect();
            assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        }
    }

    #[test]
    fn a_status_that_can_not_be_written_is_tried_less_and_less_often_and_spread() {
        let good = || Outcome::Unchanged(Done::default());
        let mut backoff = Backoff::default();
        let mut waits =
            |outcome: &Outcome, status, jitter| next_pass(&mut backoff, outcome, &status, jitter).map(|wait| wait.as_secs_f64());
        let failed_writes: Vec<_> = (0..8).map(|_| waits(&good(), StatusWrite::Failed, 0.0).unwrap()).collect();
        assert_eq!(failed_writes, [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
        assert_eq!(waits(&good(), StatusWrite::Failed, 1.0), Some(375.0));
        assert_eq!(waits(&good(), StatusWrite::Made(None), 0.0), None);
        assert_eq!(waits(&good(), StatusWrite::Failed, 1.0), Some(6.25));
        // A retry that is due before writes it too.
        assert_eq!(waits(&failed(Class::Transient, None), StatusWrite::Failed, 0.0), Some(1.0));
        assert_eq!(waits(&failed(Class::UserFix, None), StatusWrite::Failed, 0.0), Some(20.0));
        assert_eq!(waits(&good(), StatusWrite::Refused, 0.0), Some(REFUSED_PAUSE.as_secs_f64()));
    }

    #[test]
    fn a_servers_wish_is_kept_and_a_users_fault_is_not_hammered() {
        let wish = Duration::from_secs(700);
        assert_eq!(next_try(&mut Backoff::default(), &failed(Class::Transient, Some(wish)), 0.0), Some(wish));
        assert_eq!(next_try(&mut Backoff::default(), &failed(Class::UserFix, None), 0.0), Some(SLOW));
    }
}
