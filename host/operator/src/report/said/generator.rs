//! ClusterGenerator, Password and UUID.
use crate::{
    outcome::Outcome,
    report::{Said, ready},
};

/// What an outcome means for a generator: `Ready` alone, for the peer's have no conditions.
#[must_use]
pub fn said(outcome: &Outcome) -> Vec<Said> {
    vec![ready(outcome, "OK", |_| "Values can be generated".to_owned())]
}
