//! Which rights the role does not give, where people look beside the log: a gauge for who runs the operator, and for who wrote a
//! resource a sentence in its conditions if that resource works worse for it.
//!
//! What is shown follows from what was refused, so that it goes by itself once the right is granted; nothing is asked for it, and a
//! condition changes only when the rights do.
use crate::{cluster::Health, metrics::Metrics, outcome::Fault};
use std::sync::Arc;
use tokio::sync::watch as signal;

/// The verbs of a watch, as a rule of a role lists them.
pub const WATCH: &str = "list,watch";

/// What the role does not let the operator notice of one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blind {
    /// Changes of its targets.
    pub targets: Vec<Fault>,
    /// Workloads that may follow its targets.
    pub workloads: Vec<Fault>,
}

/// Shows which of some watches the role refuses, as long as they run.
pub(crate) async fn show(metrics: Arc<Metrics>, mut health: signal::Receiver<Health>) {
    loop {
        let refused = health.borrow_and_update().clone().into_refused();
        for ((resource, namespace), refused) in refused {
            metrics.right(WATCH, resource, &namespace.unwrap_or_default(), refused);
        }
        if health.changed().await.is_err() {
            return;
        }
    }
}
