//! InfisicalSecret.
use crate::{
    outcome::{Done, Fault, Outcome, Stage},
    report::{Said, blind_to, count, ready, synced},
};
use api::well_known::condition::{AUTO_REDEPLOY as RELOAD, LOADED_TOKEN as TOKEN, READY_TO_SYNC as SYNC};

/// What an outcome means for each condition.
#[must_use]
pub fn said(outcome: &Outcome) -> Vec<Said> {
    let mut said = match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => good(done),
        Outcome::Waiting(_) => Vec::new(),
        Outcome::Failed { stage, fault, method } => failed(*stage, fault, method.as_deref()),
    };
    said.push(ready(outcome, "Synced", synced));
    said
}

fn good(done: &Done) -> Vec<Said> {
    let mut found = format!("Found {} to restart when secrets change", count(done.workloads, "workload"));
    blind_to(&mut found, &done.blind.workloads);
    vec![
        (TOKEN, "True", "OK", loaded(&done.method)),
        (SYNC, "True", "OK", format!("Syncing; the last pass gave {}", count(done.secrets, "secret"))),
        (RELOAD, "True", "OK", found),
    ]
}

fn failed(stage: Stage, fault: &Fault, method: Option<&str>) -> Vec<Said> {
    let mut said = Vec::new();
    match (stage, method) {
        // The token was not looked for.
        (Stage::Dereference | Stage::Plan, _) => {}
        (Stage::Credentials | Stage::BeforeLogin | Stage::Login, _) => {
            said.push((TOKEN, "False", "Error", format!("Could not log in: {}", fault.message)));
        }
        (_, Some(method)) => said.push((TOKEN, "True", "OK", loaded(method))),
        (_, None) => {}
    }
    if stage < Stage::Reload {
        said.push((SYNC, "False", "Error", format!("Failed to sync: {}", fault.message)));
        said.push((RELOAD, "False", "Stopped", format!("Stopped, since the sync failed: {}", fault.message)));
    } else {
        said.push((SYNC, "True", "OK", "Syncing; the targets are up to date, only workloads could not be restarted".into()));
        said.push((RELOAD, "False", "Error", format!("Failed to restart workloads: {}", fault.message)));
    }
    said
}

fn loaded(method: &str) -> String {
    format!("Logged in by {method}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::conditions;
    use crate::{outcome::Class, report::READY, rights::Blind};
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn get<'a>(conditions: &'a [Condition], kind: &str) -> &'a Condition {
        conditions.iter().find(|condition| condition.type_ == kind).unwrap()
    }

    fn after(outcome: &Outcome, generation: Option<i64>, before: &[Condition], now: Timestamp) -> Vec<Condition> {
        conditions(said(outcome), generation, before, now)
    }

    fn done() -> Done {
        Done { method: "UNIVERSAL_MACHINE_IDENTITY".into(), secrets: 3, workloads: 1, ..Done::default() }
    }

    #[test]
    fn a_pass_that_changed_nothing_changes_no_condition() {
        let first = after(&Outcome::Synced(done()), Some(1), &[], at(1));
        assert_eq!(after(&Outcome::Unchanged(done()), Some(1), &first, at(2)), first);
        assert_eq!(get(&first, READY).message, "Synced 3 secrets");
        assert_eq!(get(&first, READY).observed_generation, Some(1));
    }

    #[test]
    fn what_the_role_does_not_show_is_said_where_it_is_missed_and_is_no_warning() {
        let blind = Blind {
            targets: vec![Fault::new("WatchForbidden", Class::Denied, "may not list secrets")],
            workloads: vec![Fault::new("WatchForbidden", Class::Denied, "may not list rollouts")],
        };
        let said = after(&Outcome::Synced(Done { blind, ..done() }), Some(1), &[], at(1));
        assert_eq!(get(&said, READY).message, "Synced 3 secrets; may not list secrets");
        assert_eq!(get(&said, RELOAD).message, "Found 1 workload to restart when secrets change; may not list rollouts");
        assert_eq!((get(&said, READY).status.as_str(), get(&said, RELOAD).status.as_str()), ("True", "True"));
    }

    #[test]
    fn a_fault_says_what_stage_it_came_from() {
        let fault = || Fault::new("SecretPathNotFound", Class::UserFix, "no folder /x");
        let before = after(&Outcome::Synced(done()), Some(1), &[], at(1));
        let read = Outcome::Failed { stage: Stage::Read, fault: fault(), method: Some("X".into()) };
        let after_it = after(&read, Some(2), &before, at(5));
        assert_eq!(get(&after_it, TOKEN).status, "True");
        assert_eq!(get(&after_it, SYNC).status, "False");
        assert_eq!(get(&after_it, RELOAD).reason, "Stopped");
        assert_eq!((get(&after_it, READY).reason.as_str(), get(&after_it, READY).last_transition_time.0), ("SecretPathNotFound", at(5)));
        let login = Outcome::Failed { stage: Stage::Login, fault: fault(), method: None };
        assert_eq!(get(&after(&login, Some(2), &before, at(5)), TOKEN).status, "False");
        let credentials = Outcome::Failed { stage: Stage::Credentials, fault: fault(), method: None };
        assert_eq!(get(&after(&credentials, Some(2), &before, at(5)), TOKEN).status, "False");
        let plan = Outcome::Failed { stage: Stage::Plan, fault: fault(), method: None };
        assert_eq!(get(&after(&plan, Some(2), &before, at(5)), TOKEN).status, "True", "the token was not looked for");
        let reload = Outcome::Failed { stage: Stage::Reload, fault: fault(), method: Some("X".into()) };
        let after_it = after(&reload, Some(2), &before, at(5));
        assert_eq!((get(&after_it, SYNC).status.as_str(), get(&after_it, RELOAD).reason.as_str()), ("True", "Error"));
        // Whatever was before.
        for before in [vec![], after(&read, Some(2), &[], at(5))] {
            assert_eq!(get(&after(&reload, Some(2), &before, at(6)), SYNC).status, "True");
        }
    }

    #[test]
    fn conditions_of_others_stay() {
        let other =
            Condition { type_: "example.com/Other".into(), ..get(&after(&Outcome::Synced(done()), None, &[], at(1)), READY).clone() };
        let after_it = after(&Outcome::Synced(done()), None, std::slice::from_ref(&other), at(2));
        assert_eq!(after_it.first(), Some(&other));
    }
}
