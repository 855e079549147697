//! The command line.
use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// A real control plane, an Infisical dev server, the operator and a demo, on this machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo dev")]
pub struct Options {
    /// Verify each claim of the demo, print a line for each, and end with 0 if all hold.
    #[arg(long)]
    pub check: bool,
    /// With --check: take the cause of a claim away, which must then fail.
    #[arg(long, value_enum, requires = "check")]
    pub withhold: Option<Cause>,
    /// Use the current context of this kubeconfig instead of a control plane of one's own. The operator then keeps to the
    /// namespace of the demo.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Start everything but the operator, and print the command that starts it.
    #[arg(long, conflicts_with = "check")]
    pub no_operator: bool,
    /// Port of the Infisical dev server on 127.0.0.1; a free one by default.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// Leave the folder with the operator's log, its cache and its plugins behind.
    #[arg(long)]
    pub keep: bool,
}

/// What `--withhold` takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Cause {
    /// The credentials are not applied.
    Sync,
    /// The resource does not ask to be told of changes.
    Instant,
    /// The Secret that is pushed is not edited.
    Push,
    /// The resource that holds the lease is not deleted.
    Lease,
    /// The operator is stopped before a Secret is deleted or edited.
    Repair,
    /// The workload does not ask to be restarted.
    Reload,
    /// The newer plugin is not dropped into the bundle folder.
    Swap,
    /// The trapping plugin is not installed.
    Trap,
    /// The operator is stopped during the outage, and the Secret is edited meanwhile.
    Outage,
}
