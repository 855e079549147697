//! `infisical-operator run`: the operator until a signal asks it to end.
use super::RunArgs;
use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

impl RunArgs {
    /// Runs the operator until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// An argument can't be used; else those of [`crate::start::run`].
    pub async fn run(&self) -> anyhow::Result<()> {
        self.logging.start();
        for warning in self.warnings() {
            tracing::warn!("{warning}");
        }
        let stop = CancellationToken::new();
        let signalled = stop.clone();
        let mut terminate = signal(SignalKind::terminate()).context("signals")?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            tracing::info!("asked to end");
            signalled.cancel();
        });
        crate::start::run(self.options()?, stop).await
    }
}
