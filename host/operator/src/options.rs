//! Everything that an administrator decides, as values: what flags and environment come to.
use secrecy::SecretString;
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// How an operator runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only these; empty for all.
    pub namespaces: Vec<String>,
    /// Kubeconfig; None for `KUBECONFIG`, the home folder, or the pod's own service account, in this order.
    pub kubeconfig: Option<PathBuf>,
    /// Server of resources that name none, as `INFISICAL_HOST_API` gives it.
    pub host_api: Option<String>,
    /// Servers that ambient identities may go to, beside the configured one and Infisical's own.
    pub trusted_hosts: Vec<String>,
    /// Sub-organisation to log in to.
    pub organisation: Option<String>,
    /// Where the ConfigMap `infisical-config` is.
    pub config_namespace: String,
    /// `kube-system/NAME` accounts whose tokens may be requested all the same.
    pub token_request_system_accounts: Vec<String>,
    /// Namespaces whose resources may use ambient identities; None for all.
    pub ambient_namespaces: Option<Vec<String>>,
    /// `PLUGIN=NAMESPACE`: a plugin that is listed is for the namespaces that it is listed with, and no others; with an empty one for
    /// none.
    pub plugin_namespaces: Vec<(String, String)>,
    /// Whether variables such as `INFISICAL_UNIVERSAL_AUTH_CLIENT_ID` stand for what a resource leaves empty.
    pub env_credentials: bool,
    /// How long a lease that was replaced lives on before it is revoked.
    pub lease_hand_over: Duration,
    pub plugins: PluginOptions,
    pub leader: Option<LeaderOptions>,
    pub metrics: Option<MetricsOptions>,
    /// None serves no probes.
    pub health: Option<SocketAddr>,
}

#[derive(Clone, Debug, Default)]
pub struct PluginOptions {
    /// The bundle folder.
    pub bundle: PathBuf,
    /// Machine code that was built beside it, and the digest of its manifest.
    pub shipped_cache: Option<(PathBuf, String)>,
    /// Machine code of our own.
    pub cache: PathBuf,
    /// This program, which compiles as a child.
    pub compiler: PathBuf,
    /// Folders behind the mounts.
    pub mounts: BTreeMap<String, PathBuf>,
    /// Variables that an `environment` grant may reach.
    pub environment: BTreeMap<String, SecretString>,
    pub private_egress: bool,
    /// Development only: an origin, and the loopback address (`http://127.0.0.1:PORT`) where plugins reach it.
    pub dev_origins: Vec<(String, String)>,
    /// `PLUGIN=CAPABILITY`: what the bundle grants and the administrator takes back.
    pub withheld: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct LeaderOptions {
    pub namespace: String,
    pub identity: String,
}

#[derive(Clone, Debug)]
pub struct MetricsOptions {
    pub address: SocketAddr,
    pub tls: Option<MetricsTls>,
}

/// A certificate for `/metrics`.
#[derive(Clone, Debug)]
pub enum MetricsTls {
    /// Made at start.
    SelfSigned,
    Files {
        certificate: PathBuf,
        key: PathBuf,
    },
}
