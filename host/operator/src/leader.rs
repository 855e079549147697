//! Leader election on the Lease of Infisical's Go operator, so that the two never lead together.
use crate::options::LeaderOptions;
use anyhow::Context;
use kube_lease_manager::LeaseManagerBuilder;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The Go operator's name for it.
pub const LEASE: &str = "cf2b8c44.infisical.com";

/// As controller-runtime has it: a leader that is gone is replaced within 15 s.
const DURATION_SECONDS: u64 = 15;
/// Renewed 5 s before it ends, which is also the difference between clocks that is survived.
const GRACE_SECONDS: u64 = 5;

/// A lead that is held until it is lost or given back.
pub struct Leadership {
    leads: watch::Receiver<bool>,
    task: tokio::task::JoinHandle<kube_lease_manager::Result<kube_lease_manager::LeaseManager>>,
}

impl Leadership {
    /// Begins to stand for election.
    ///
    /// # Errors
    /// The Lease can't be read or made.
    pub async fn stand(client: kube::Client, options: &LeaderOptions) -> anyhow::Result<Self> {
        let manager = LeaseManagerBuilder::new(client, LEASE)
            .with_namespace(&options.namespace)
            .with_identity(&options.identity)
            .with_field_manager("infisical-operator")
            .with_duration(DURATION_SECONDS)
            .with_grace(GRACE_SECONDS)
            .build()
            .await
            .with_context(|| format!("the Lease {}/{LEASE} can't be used", options.namespace))?;
        let (leads, task) = manager.watch().await;
        Ok(Self { leads, task })
    }

    /// Waits until it leads. False: stopped before.
    pub async fn won(&mut self, stop: &CancellationToken) -> bool {
        tokio::select! {
            won = self.leads.wait_for(|leads| *leads) => won.is_ok(),
            () = stop.cancelled() => false,
        }
    }

    /// Waits until the lead is lost.
    pub async fn lost(&mut self) {
        // An error means that the task ended, which is a loss too.
        let _ = self.leads.wait_for(|leads| !*leads).await;
    }

    /// Gives the lead back, so that the next one need not wait for the Lease to end.
    pub async fn release(self) {
        drop(self.leads);
        match self.task.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the Lease could not be given back"),
            Err(_) => tracing::error!("leader election ended by a panic"),
        }
    }
}
