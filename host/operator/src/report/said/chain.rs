//! InfisicalConnection and InfisicalAuth.
use crate::{
    outcome::Outcome,
    report::{Said, ready},
};
use api::well_known::condition::{AUTH_METHOD, IS_READY};

/// What an outcome means for an InfisicalConnection.
#[must_use]
pub fn connection(outcome: &Outcome) -> Vec<Said> {
    said(outcome, "The server answers")
}

/// What an outcome means for an InfisicalAuth of that method.
#[must_use]
pub fn auth(outcome: &Outcome, method: &str) -> Vec<Said> {
    let mut all = said(outcome, "Logged in");
    let known = if method.is_empty() { "False" } else { "True" };
    all.push((AUTH_METHOD, known, "OK", method.to_owned()));
    all
}

fn said(outcome: &Outcome, good: &str) -> Vec<Said> {
    let mut all = vec![ready(outcome, "OK", |_| good.to_owned())];
    match outcome {
        Outcome::Synced(_) | Outcome::Unchanged(_) => all.push((IS_READY, "True", "OK", format!("Ready to be used: {good}"))),
        Outcome::Waiting(_) => {}
        Outcome::Failed { fault, .. } => all.push((IS_READY, "False", "Error", format!("Not ready: {}", fault.message))),
    }
    all
}
