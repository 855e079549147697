//! Which outcomes are worth an Event. Pure. A first sync and a quiet pass are not: a thousand of either would be a thousand
//! writes.
use super::READY;
use crate::outcome::{Fault, Outcome};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// An Event to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    pub reason: &'static str,
    pub text: String,
}

/// The API server takes 1,024 characters.
const TEXT: usize = 1000;

impl Note {
    /// Warns of a fault.
    #[must_use]
    pub fn warning(fault: &Fault) -> Self {
        Self { warning: true, reason: fault.reason, text: fault.message.chars().take(TEXT).collect() }
    }
}

/// The Event of an outcome, by the conditions before and after it.
#[must_use]
pub fn note(before: &[Condition], after: &[Condition], outcome: &Outcome) -> Option<Note> {
    let ready = |all: &[Condition]| all.iter().find(|condition| condition.type_ == READY).cloned();
    let (was, is) = (ready(before), ready(after));
    let same = was.as_ref().map(|condition| (&condition.status, &condition.message))
        == is.as_ref().map(|condition| (&condition.status, &condition.message));
    match outcome {
        Outcome::Failed { fault, .. } if !same => Some(Note::warning(fault)),
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            let recovered = was.is_some_and(|condition| condition.status == "False");
            match done.warnings.first() {
                Some(warning) if !same => Some(Note::warning(warning)),
                _ if done.restarted > 0 => Some(Note {
                    warning: false,
                    reason: "Restarted",
                    text: format!("Restarted {} of {} workload(s)", done.restarted, done.workloads),
                }),
                _ if recovered => Some(Note { warning: false, reason: "Recovered", text: "Syncing again".into() }),
                _ => None,
            }
        }
        Outcome::Failed { .. } | Outcome::Waiting(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::{Class, Done, Stage},
        report::{conditions, ready, synced},
    };
    use k8s_openapi::jiff::Timestamp;

    fn after(outcome: &Outcome, before: &[Condition]) -> Vec<Condition> {
        conditions(vec![ready(outcome, "Synced", synced)], Some(1), before, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_first_sync_is_silent_a_failure_speaks_once_and_so_does_recovery() {
        let good = Outcome::Synced(Done::default());
        let bad = Outcome::Failed { stage: Stage::Read, fault: Fault::new("Unreachable", Class::Transient, "down"), method: None };
        let first = after(&good, &[]);
        assert_eq!(note(&[], &first, &good), None);
        let failing = after(&bad, &first);
        assert_eq!(note(&first, &failing, &bad).map(|note| (note.warning, note.reason)), Some((true, "Unreachable")));
        assert_eq!(note(&failing, &after(&bad, &failing), &bad), None);
        let again = after(&good, &failing);
        assert_eq!(note(&failing, &again, &good).map(|note| note.reason), Some("Recovered"));
    }

    #[test]
    fn a_restart_and_a_new_warning_speak() {
        let restarted = Outcome::Synced(Done { restarted: 1, workloads: 2, ..Done::default() });
        let first = after(&restarted, &[]);
        assert_eq!(note(&first, &first, &restarted).map(|note| note.reason), Some("Restarted"));
        let warned = Outcome::Unchanged(Done { warnings: vec![Fault::new("SeveralMethods", Class::UserFix, "two")], ..Done::default() });
        let all = after(&warned, &first);
        assert_eq!(note(&first, &all, &warned).map(|note| note.reason), Some("SeveralMethods"));
        assert_eq!(note(&all, &after(&warned, &all), &warned), None);
    }
}
