//! Conditions of an InfisicalSecret: those of the Go operator, and `Ready` for tools that know no others. Pure.
use crate::outcome::{Done, Fault, Outcome, Stage};
use api::well_known::condition::{AUTO_REDEPLOY as RELOAD, LOADED_TOKEN as TOKEN, READY_TO_SYNC as SYNC};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

pub(super) use api::well_known::condition::READY;

/// Longest message that the API server takes is 32,768 characters; one screen is enough.
const MESSAGE: usize = 2048;

/// The conditions after an outcome. Those that it says nothing of stay; the time of a transition changes with the status
/// alone. Equal outcomes give equal conditions.
#[must_use]
pub fn conditions(outcome: &Outcome, generation: Option<i64>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
    let mut all = before.to_vec();
    for (kind, status, reason, message) in said(outcome) {
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

type Said = (&'static str, &'static str, &'static str, String);

fn said(outcome: &Outcome) -> Vec<Said> {
    match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            let mut said = synced(done);
            said.push((READY, "True", "Synced", ready_message(done)));
            said
        }
        Outcome::Waiting(fault) => vec![(READY, "Unknown", fault.reason, fault.message.clone())],
        Outcome::Failed { stage, fault, method } => failed(*stage, fault, method.as_deref()),
    }
}

fn synced(done: &Done) -> Vec<Said> {
    vec![
        (TOKEN, "True", "OK", loaded(&done.method)),
        (SYNC, "True", "OK", format!("Syncing; the last pass gave {}", count(done.secrets, "secret"))),
        (RELOAD, "True", "OK", format!("Found {} to restart when secrets change", count(done.workloads, "workload"))),
    ]
}

fn failed(stage: Stage, fault: &Fault, method: Option<&str>) -> Vec<Said> {
    let mut said = vec![(READY, "False", fault.reason, fault.message.clone())];
    match (stage, method) {
        // The token was not looked for.
        (Stage::Plan, _) => {}
        (Stage::Dereference | Stage::BeforeLogin | Stage::Login, _) => {
            said.push((TOKEN, "False", "Error", format!("Could not log in: {}", fault.message)));
        }
        (_, Some(method)) => said.push((TOKEN, "True", "OK", loaded(method))),
        (_, None) => {}
    }
    if stage < Stage::Reload {
        said.push((SYNC, "False", "Error", format!("Failed to sync: {}", fault.message)));
        said.push((RELOAD, "False", "Stopped", format!("Stopped, since the sync failed: {}", fault.message)));
    } else {
        said.push((RELOAD, "False", "Error", format!("Failed to restart workloads: {}", fault.message)));
    }
    said
}

fn loaded(method: &str) -> String {
    format!("Logged in by {method}")
}

fn ready_message(done: &Done) -> String {
    let mut text = format!("Synced {}", count(done.secrets, "secret"));
    for warning in &done.warnings {
        text.push_str("; warning: ");
        text.push_str(&warning.message);
    }
    text
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Class;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn get<'a>(conditions: &'a [Condition], kind: &str) -> &'a Condition {
        conditions.iter().find(|condition| condition.type_ == kind).unwrap()
    }

    fn done() -> Done {
        Done { method: "UNIVERSAL_MACHINE_IDENTITY".into(), secrets: 3, workloads: 1, ..Done::default() }
    }

    #[test]
    fn a_pass_that_changed_nothing_changes_no_condition() {
        let first = conditions(&Outcome::Synced(done()), Some(1), &[], at(1));
        assert_eq!(conditions(&Outcome::Unchanged(done()), Some(1), &first, at(2)), first);
        assert_eq!(get(&first, READY).message, "Synced 3 secrets");
        assert_eq!(get(&first, READY).observed_generation, Some(1));
    }

    #[test]
    fn a_fault_says_what_stage_it_came_from() {
        let fault = || Fault::new("SecretPathNotFound", Class::UserFix, "no folder /x");
        let before = conditions(&Outcome::Synced(done()), Some(1), &[], at(1));
        let read = Outcome::Failed { stage: Stage::Read, fault: fault(), method: Some("X".into()) };
        let after = conditions(&read, Some(2), &before, at(5));
        assert_eq!(get(&after, TOKEN).status, "True");
        assert_eq!(get(&after, SYNC).status, "False");
        assert_eq!(get(&after, RELOAD).reason, "Stopped");
        assert_eq!((get(&after, READY).reason.as_str(), get(&after, READY).last_transition_time.0), ("SecretPathNotFound", at(5)));
        let login = Outcome::Failed { stage: Stage::Login, fault: fault(), method: None };
        assert_eq!(get(&conditions(&login, Some(2), &before, at(5)), TOKEN).status, "False");
        let reload = Outcome::Failed { stage: Stage::Reload, fault: fault(), method: Some("X".into()) };
        let after = conditions(&reload, Some(2), &before, at(5));
        assert_eq!((get(&after, SYNC).status.as_str(), get(&after, RELOAD).reason.as_str()), ("True", "Error"));
    }

    #[test]
    fn conditions_of_others_stay() {
        let other =
            Condition { type_: "example.com/Other".into(), ..get(&conditions(&Outcome::Synced(done()), None, &[], at(1)), READY).clone() };
        let after = conditions(&Outcome::Synced(done()), None, std::slice::from_ref(&other), at(2));
        assert_eq!(after.first(), Some(&other));
    }
}
