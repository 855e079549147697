//! Argo's Rollouts come and go with their definition, while the operator runs.
//!
//! Whether they are served is asked every [`AGAIN`]; they are watched while they are. Where they are not, nothing is said and
//! nobody waits for them.
use super::{
    Reloader, is_in_scope,
    kind::{Kind, Rollout, serves_rollouts},
};
use crate::cluster::absent;
use std::time::Duration;

/// A Rollout that is made right after its definition is followed so much later at most. One small request, which every account
/// may make.
const AGAIN: Duration = Duration::from_secs(15);

impl Reloader {
    /// Asks for ever.
    pub(super) async fn look_for_rollouts(&self) {
        loop {
            match serves_rollouts(self.inner.cluster.requests()).await {
                Ok(served) => {
                    let changed = self.inner.rollouts.send_if_modified(|known| known.replace(served) != Some(served));
                    if changed && served {
                        tracing::info!("Argo Rollouts are served here: those that opted in are restarted when a Secret changes");
                    }
                }
                Err(error) => {
                    tracing::debug!(code = error.code(), "could not ask for Argo Rollouts");
                    // The start waits for no answer.
                    self.inner.rollouts.send_if_modified(|known| known.is_none() && known.replace(false).is_none());
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Watches Rollouts for ever, whenever they are served.
    pub(super) async fn watch_rollouts(&self, namespace: Option<String>) {
        let mut served = self.inner.rollouts.subscribe();
        let part = (Kind::Rollout.resource(), namespace.clone());
        let mut late = false;
        // The sender is at hand, so the channel is open.
        loop {
            if served.wait_for(Option::is_some).await.is_ok_and(|served| *served == Some(false)) {
                late = true;
                absent(&self.inner.health, &part);
            }
            drop(served.wait_for(|served| *served == Some(true)).await);
            tokio::select! {
                () = self.watch::<Rollout>(Kind::Rollout, namespace.clone(), late) => {}
                _ = served.wait_for(|served| *served == Some(false)) => {}
            }
            let mut workloads = self.workloads();
            let epoch = workloads.relist();
            workloads.sweep(epoch, |workload| is_in_scope(workload, Kind::Rollout, namespace.as_deref()));
        }
    }
}
