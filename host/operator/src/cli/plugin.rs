//! `infisical-operator plugin …`: looks at a component without a cluster.
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Prints what a component is: world, digest, imports, descriptor.
    Inspect {
        /// A component.
        file: PathBuf,
    },
    /// Loads a component as the operator would, and says whether it would serve.
    Check {
        /// A component.
        file: PathBuf,
    },
}
