//! Conditions from what a kind says of an outcome, and what all kinds say alike. Pure.
use crate::outcome::{Done, Fault, Outcome};
use api::well_known::annotation::SUSPEND;
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

pub use api::well_known::condition::{READY, SUSPENDED};

/// Longest message that the API server takes is 32,768 characters; one screen is enough.
const MESSAGE: usize = 2048;

/// Type, status, reason, message.
pub type Said = (&'static str, &'static str, &'static str, String);

/// The conditions after a pass that said this. Those that it says nothing of stay, but for that of a suspension, which a pass
/// ends; the time of a transition changes with the status alone. Equal words give equal conditions.
#[must_use]
pub fn conditions(said: Vec<Said>, generation: Option<i64>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    let mut all = after(said, generation, before, now);
    all.retain(|condition| condition.type_ != SUSPENDED);
    all
}

/// The conditions of a resource for which nothing is done: as its last pass left them, with one more that says so.
#[must_use]
pub fn suspended(generation: Option<i64>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    let message = format!("Nothing is done until the annotation {SUSPEND} is removed; the other conditions are those of the last pass");
    after(vec![(SUSPENDED, "True", "Suspended", message)], generation, before, now)
}

fn after(said: Vec<Said>, generation: Option<i64>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    let mut all = before.to_vec();
    for (kind, status, reason, message) in said {
        let message: String = message.chars().take(MESSAGE).collect();
        let new = Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message,
            observed_generation: generation,
            last_transition_time: Time(now),
        };
        match all.iter_mut().find(|condition| condition.type_ == kind) {
            Some(old) => {
                let last_transition_time = if old.status == new.status { old.last_transition_time.clone() } else { Time(now) };
                *old = Condition { last_transition_time, ..new };
            }
            None => all.push(new),
        }
    }
    all
}

/// `Ready`, which every kind has: `reason` and what `good` says for a success.
#[must_use]
pub fn ready(outcome: &Outcome, reason: &'static str, good: impl FnOnce(&Done) -> String) -> Said {
    match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            let mut text = good(done);
            for warning in &done.warnings {
                text.push_str("; warning: ");
                text.push_str(&warning.message);
            }
            blind_to(&mut text, &done.blind.targets);
            (READY, "True", reason, text)
        }
        Outcome::Waiting(fault) => (READY, "Unknown", fault.reason, fault.message.clone()),
        Outcome::Failed { fault, .. } => (READY, "False", fault.reason, fault.message.clone()),
    }
}

/// Adds what is not noticed for want of a right. No warning: whoever wrote the resource did nothing wrong.
pub fn blind_to(text: &mut String, faults: &[Fault]) {
    for fault in faults {
        text.push_str("; ");
        text.push_str(&fault.message);
    }
}

/// What a success of a kind with targets says.
#[must_use]
pub fn synced(done: &Done) -> String {
    format!("Synced {}", count(done.secrets, "secret"))
}

/// A number of things.
#[must_use]
pub fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspension_is_said_beside_what_was_and_ends_with_the_next_pass() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let good = || vec![ready(&Outcome::Unchanged(Done::default()), "Synced", synced)];
        let first = conditions(good(), Some(1), &[], at(1));
        let held = suspended(Some(1), &first, at(2));
        assert_eq!(held.split_last().map(|(last, rest)| (last.type_.as_str(), rest)), Some((SUSPENDED, first.as_slice())));
        assert_eq!(suspended(Some(1), &held, at(3)), held);
        assert_eq!(conditions(good(), Some(1), &held, at(4)), first);
    }
}
