//! InfisicalStaticSecret.
use crate::{
    outcome::Outcome,
    report::{Said, blind_to, count, ready, synced},
};
use api::well_known::condition::{LAST_AFFECTED, LAST_AUTH_METHOD, LAST_STATUS, LAST_SUCCESS};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};

/// What an outcome means for each condition. The time of the last success is that of the last pass that did something or
/// came after a failure, so that a quiet pass writes nothing.
#[must_use]
pub fn said(outcome: &Outcome, before: &[Condition], now: Timestamp) -> Vec<Said> {
    let mut said = Vec::new();
    match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            let was_good = before.iter().any(|condition| condition.type_ == LAST_STATUS && condition.status == "True");
            let did_something = matches!(outcome, Outcome::Synced(_));
            if did_something || !was_good {
                let affected = format!("{} restarted in the last sync that changed something", count(done.restarted, "workload"));
                said.push((LAST_SUCCESS, "True", "OK", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
                said.push((LAST_AFFECTED, "True", "OK", affected));
            }
            said.push((LAST_STATUS, "True", "OK", "The last reconcile was successful".into()));
            said.push((LAST_AUTH_METHOD, "True", "OK", done.method.clone()));
        }
        Outcome::Waiting(_) => {}
        Outcome::Failed { fault, method, .. } => {
            said.push((LAST_STATUS, "False", "Error", format!("The last reconcile failed: {}", fault.message)));
            said.extend(method.iter().map(|method| (LAST_AUTH_METHOD, "True", "OK", method.clone())));
        }
    }
    said.push(ready(outcome, "Synced", |done| {
        // No condition of its own is about workloads in a quiet pass.
        let mut text = synced(done);
        blind_to(&mut text, &done.blind.workloads);
        text
    }));
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::{Class, Done, Fault, Stage},
        report::conditions,
    };

    fn after(outcome: &Outcome, before: &[Condition], second: i64) -> Vec<Condition> {
        let now = Timestamp::from_second(second).unwrap();
        conditions(said(outcome, before, now), Some(1), before, now)
    }

    fn message(all: &[Condition], kind: &str) -> String {
        all.iter().find(|condition| condition.type_ == kind).unwrap().message.clone()
    }

    #[test]
    fn a_quiet_pass_changes_no_condition_and_a_change_tells_its_time() {
        let done = || Done { method: "universal".into(), secrets: 2, ..Done::default() };
        let first = after(&Outcome::Unchanged(done()), &[], 1);
        assert_eq!(message(&first, LAST_SUCCESS), "1970-01-01T00:00:01Z");
        assert_eq!(message(&first, LAST_AUTH_METHOD), "universal");
        assert_eq!(after(&Outcome::Unchanged(done()), &first, 9), first);
        let changed = after(&Outcome::Synced(Done { restarted: 2, ..done() }), &first, 9);
        assert_eq!(message(&changed, LAST_SUCCESS), "1970-01-01T00:00:09Z");
        assert!(message(&changed, LAST_AFFECTED).starts_with("2 workloads"));
    }

    #[test]
    fn a_failure_is_said_and_a_recovery_tells_its_time() {
        let good = || Outcome::Unchanged(Done::default());
        let fault = Fault::new("X", Class::Transient, "down");
        let first = after(&good(), &[], 1);
        let failed = after(&Outcome::Failed { stage: Stage::Read, fault, method: Some("ldap".into()) }, &first, 2);
        assert!(message(&failed, LAST_STATUS).contains("down"));
        assert_eq!(message(&failed, LAST_SUCCESS), "1970-01-01T00:00:01Z");
        assert_eq!(message(&after(&good(), &failed, 3), LAST_SUCCESS), "1970-01-01T00:00:03Z");
    }
}
