//! InfisicalDynamicSecret.
use crate::{
    outcome::{Outcome, Stage},
    report::{Said, blind_to, count, ready},
};
use api::well_known::condition::{AUTO_REDEPLOY as RELOAD, RECONCILE};

/// What an outcome means for each condition. Which lease it is and when it expires stands in the status.
#[must_use]
pub fn said(outcome: &Outcome) -> Vec<Said> {
    let holding = || "The Secret holds the credentials of a lease that lives".to_owned();
    let mut said = vec![ready(outcome, "Synced", |_| holding())];
    match outcome {
        Outcome::Synced(done) | Outcome::Unchanged(done) => {
            said.push((RECONCILE, "True", "OK", holding()));
            let mut found = format!("Found {} to restart when the lease is made anew", count(done.workloads, "workload"));
            blind_to(&mut found, &done.blind.workloads);
            said.push((RELOAD, "True", "OK", found));
        }
        Outcome::Waiting(_) => {}
        Outcome::Failed { stage: Stage::Reload, fault, .. } => {
            said.push((RELOAD, "False", "Error", format!("Failed to restart workloads: {}", fault.message)));
        }
        Outcome::Failed { fault, .. } => said.push((RECONCILE, "False", "Error", format!("Failed: {}", fault.message))),
    }
    said
}
