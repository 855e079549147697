//! The programs of the control plane: from `KUBEBUILDER_ASSETS` or `PATH` where all three are there; else released ones,
//! where they can be downloaded; else built once from their published Go modules (`deploy/dev/control-plane`). What is
//! downloaded or built stays in `<target>/tools/control-plane`.
//!
//! What can go wrong: no network and no Go compiler, or modules that can't be fetched; the message then says what to
//! install.
mod built;
mod release;

use crate::target::{Target, announce};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::runtime::Handle;

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// Where the three programs are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Assets {
    /// Each for itself, in a folder of its own choice.
    Separate {
        /// Path of etcd.
        etcd: PathBuf,
        /// Path of kube-apiserver.
        kube_apiserver: PathBuf,
        /// Path of kube-controller-manager.
        kube_controller_manager: PathBuf,
    },
    /// One program with a sub-command for each.
    Combined(PathBuf),
}

impl Assets {
    /// Finds or makes them; blocks for minutes at worst, and says so on the terminal. Called within a tokio runtime, where
    /// blocking is allowed.
    ///
    /// # Errors
    /// They are not there and can't be made.
    pub fn obtain(target: &Target) -> Result<Self> {
        if let Some(found) = Self::installed() {
            return Ok(found);
        }
        if let Some(built) = built::existing(target)? {
            return Ok(Self::Combined(built));
        }
        match Handle::current().block_on(release::obtain(target)) {
            Ok(folder) => return Ok(Self::in_folder(&folder)),
            Err(error) => announce(format_args!("No released control plane: {error:#}.")),
        }
        let built = built::obtain(target).with_context(|| {
            format!("set KUBEBUILDER_ASSETS to a folder with {ETCD}, {API_SERVER} and {CONTROLLER_MANAGER}, or install Go to build them")
        })?;
        Ok(Self::Combined(built))
    }

    /// Those in `KUBEBUILDER_ASSETS` or on the `PATH`. The archives of `setup-envtest` lack kube-controller-manager, so a
    /// folder of theirs needs that one from the `PATH`.
    fn installed() -> Option<Self> {
        let mut folders: Vec<PathBuf> = env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from).into_iter().collect();
        folders.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
        let find = |name: &str| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
        Some(Self::Separate { etcd: find(ETCD)?, kube_apiserver: find(API_SERVER)?, kube_controller_manager: find(CONTROLLER_MANAGER)? })
    }

    fn in_folder(folder: &Path) -> Self {
        Self::Separate {
            etcd: folder.join(ETCD),
            kube_apiserver: folder.join(API_SERVER),
            kube_controller_manager: folder.join(CONTROLLER_MANAGER),
        }
    }

    /// etcd with its data in `folder`, without waiting for the disk.
    #[must_use]
    pub fn etcd(&self, folder: &Path, client_url: &str, peer_url: &str) -> Command {
        match self {
            Self::Separate { etcd, .. } => {
                let mut command = Command::new(etcd);
                command.arg("--data-dir").arg(folder).args(["--unsafe-no-fsync", "--log-level=error"]);
                command.args(["--listen-client-urls", client_url, "--advertise-client-urls", client_url]);
                command.args(["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url]);
                command.arg(format!("--initial-cluster=default={peer_url}"));
                command
            }
            Self::Combined(program) => {
                let mut command = Command::new(program);
                command.arg(ETCD).arg(folder).args([client_url, peer_url]);
                command
            }
        }
    }

    /// kube-apiserver without flags.
    #[must_use]
    pub fn kube_apiserver(&self) -> Command {
        match self {
            Self::Separate { kube_apiserver, .. } => Command::new(kube_apiserver),
            Self::Combined(program) => sub_command(program, API_SERVER),
        }
    }

    /// kube-controller-manager without flags.
    #[must_use]
    pub fn kube_controller_manager(&self) -> Command {
        match self {
            Self::Separate { kube_controller_manager, .. } => Command::new(kube_controller_manager),
            Self::Combined(program) => sub_command(program, CONTROLLER_MANAGER),
        }
    }
}

fn sub_command(program: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(name);
    command
}
