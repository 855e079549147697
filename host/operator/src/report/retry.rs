//! When to try again. Pure.
use crate::{
    outcome::{Class, Fault, Outcome},
    reason,
};
use std::time::Duration;

/// Faults in a row of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    faults: u32,
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

/// When the next try is due, if by nothing else: a success waits for the read's own clock. `jitter` is from 0 to 1 and
/// spreads the retries of many resources over a quarter of the wait.
pub fn next_try(backoff: &mut Backoff, outcome: &Outcome, jitter: f64) -> Option<Duration> {
    let fault = match outcome {
        Outcome::Synced(_) | Outcome::Unchanged(_) => {
            *backoff = Backoff::default();
            return None;
        }
        Outcome::Waiting(fault) | Outcome::Failed { fault, .. } => fault,
    };
    let wait = wait(backoff, fault);
    backoff.faults = backoff.faults.saturating_add(1);
    Some(wait.mul_f64(1.0 + 0.25 * jitter.clamp(0.0, 1.0)))
}

fn wait(backoff: &Backoff, fault: &Fault) -> Duration {
    let doubled = FIRST.saturating_mul(1 << backoff.faults.min(16));
    let wait = match fault.class {
        _ if UNWATCHED.contains(&fault.reason) => doubled.min(UNWATCHED_LONGEST),
        Class::Transient | Class::Plugin | Class::Bug => doubled.min(LONGEST),
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
    fn a_servers_wish_is_kept_and_a_users_fault_is_not_hammered() {
        let wish = Duration::from_secs(700);
        assert_eq!(next_try(&mut Backoff::default(), &failed(Class::Transient, Some(wish)), 0.0), Some(wish));
        assert_eq!(next_try(&mut Backoff::default(), &failed(Class::UserFix, None), 0.0), Some(SLOW));
    }
}
