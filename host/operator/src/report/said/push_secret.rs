//! InfisicalPushSecret. `Reconcile` is `True` where the last pass failed, as with the peer, since tooling goes by it; two other
//! conditions that are always `True` there say here what their names say.
use crate::{
    outcome::{Fault, Outcome, Stage},
    push::write::Failed,
    report::{Said, count, ready},
};
use api::well_known::condition::{AUTHENTICATED, FAILED_TO_CREATE, FAILED_TO_DELETE, FAILED_TO_REPLACE, FAILED_TO_UPDATE, RECONCILE};

/// Names in one message; more would hide what else it says.
const NAMES: usize = 10;

/// What an outcome means for each condition. `failed` are the names that could not be written, None where the pass did not
/// come so far.
#[must_use]
pub fn said(outcome: &Outcome, failed: Option<&Failed>) -> Vec<Said> {
    let mut said = Vec::new();
    match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            said.push(authenticated(&done.method));
            said.push((RECONCILE, "False", "OK", "The last pass succeeded; the secrets are in Infisical".into()));
        }
        Outcome::Waiting(_) => {}
        Outcome::Failed { stage, fault, method } => {
            said.extend(login(*stage, fault, method.as_deref()));
            said.push((RECONCILE, "True", "Error", format!("The last pass failed: {}", fault.message)));
        }
    }
    let lists = failed.map(|failed| {
        [
            (FAILED_TO_CREATE, &failed.create, "created"),
            (FAILED_TO_UPDATE, &failed.update, "updated"),
            (FAILED_TO_REPLACE, &failed.replace, "replaced"),
            (FAILED_TO_DELETE, &failed.delete, "deleted"),
        ]
    });
    said.extend(lists.into_iter().flatten().map(|(condition, names, done)| match names.len() {
        0 => (condition, "False", "OK", format!("No secret failed to be {done}")),
        _ => (condition, "True", "Error", format!("Could not be {done}: {}", listed(names))),
    }));
    said.push(ready(outcome, "Synced", |done| format!("Pushed {}", count(done.secrets, "secret"))));
    said
}

fn login(stage: Stage, fault: &Fault, method: Option<&str>) -> Option<Said> {
    match (stage, method) {
        // No login was tried.
        (Stage::Dereference | Stage::Plan, _) => None,
        (Stage::Credentials | Stage::BeforeLogin | Stage::Login, _) => {
            Some((AUTHENTICATED, "False", "Error", format!("Could not log in: {}", fault.message)))
        }
        (_, method) => method.map(authenticated),
    }
}

fn authenticated(method: &str) -> Said {
    (AUTHENTICATED, "True", "OK", format!("Logged in by {method}"))
}

/// The first names, and how many more there are.
#[must_use]
pub fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let mut text = names.iter().take(NAMES).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES {
        text.push_str(&format!(" and {} more", names.len() - NAMES));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Done};

    fn status(said: &[Said], kind: &str) -> Option<(&'static str, &'static str)> {
        said.iter().find(|said| said.0 == kind).map(|said| (said.1, said.2))
    }

    #[test]
    fn a_success_has_the_peers_polarity_and_no_failure_in_any_condition() {
        let done = Done { method: "UNIVERSAL_MACHINE_IDENTITY".into(), secrets: 2, ..Done::default() };
        let said = said(&Outcome::Unchanged(done), Some(&Failed::default()));
        assert_eq!(status(&said, RECONCILE), Some(("False", "OK")));
        assert_eq!(status(&said, AUTHENTICATED), Some(("True", "OK")));
        for kind in [FAILED_TO_CREATE, FAILED_TO_UPDATE, FAILED_TO_REPLACE, FAILED_TO_DELETE] {
            assert_eq!(status(&said, kind), Some(("False", "OK")), "{kind}");
        }
        assert_eq!(status(&said, "Ready"), Some(("True", "Synced")));
    }

    #[test]
    fn what_failed_is_named_where_it_failed() {
        let fault = Fault::new("PermissionDenied", Class::Denied, "no");
        let failed = Failed { create: (0..12).map(|index| format!("K{index}")).collect(), ..Failed::default() };
        let outcome = Outcome::Failed { stage: Stage::Apply, fault, method: Some("X".into()) };
        let said = said(&outcome, Some(&failed));
        assert_eq!((status(&said, RECONCILE), status(&said, AUTHENTICATED)), (Some(("True", "Error")), Some(("True", "OK"))));
        assert_eq!((status(&said, FAILED_TO_CREATE), status(&said, FAILED_TO_DELETE)), (Some(("True", "Error")), Some(("False", "OK"))));
        assert!(said.iter().any(|said| said.3.contains("K9 and 2 more")));
    }

    #[test]
    fn a_login_that_fails_says_nothing_of_secrets() {
        let fault = Fault::new("LoginFailed", Class::UserFix, "wrong");
        let said = said(&Outcome::Failed { stage: Stage::Login, fault, method: None }, None);
        assert_eq!((status(&said, AUTHENTICATED), status(&said, FAILED_TO_CREATE)), (Some(("False", "Error")), None));
    }

    #[test]
    fn credentials_that_are_missing_are_told_apart_from_a_source_that_is() {
        let said_at = |stage| {
            let fault = Fault::new("SecretNotFound", Class::UserFix, "no Secret");
            status(&said(&Outcome::Failed { stage, fault, method: None }, None), AUTHENTICATED)
        };
        assert_eq!((said_at(Stage::Credentials), said_at(Stage::Dereference)), (Some(("False", "Error")), None));
    }
}
