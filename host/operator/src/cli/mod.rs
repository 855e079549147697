//! The command line: this operator's own flags, and those that deployments of Infisical's operator pass today.
//!
//! Every flag has an environment variable with the prefix `INFISICAL_OPERATOR_`. Go's flag package takes `-flag` for
//! `--flag`, `--flag=false` and `--flag=F` for a switch, and of a flag that is given twice the last, so all of that is taken here.
mod logging;
mod migrate;
mod plugin;
mod run;
mod template;
mod template_data;

pub use logging::{LogFormat, Logging};
pub use migrate::MigrateArgs;
pub use plugin::PluginCommand;
pub use template::TemplateCommand;

use crate::options::{LeaderOptions, MetricsOptions, MetricsTls, Options, PluginOptions};
use anyhow::{Context, bail};
use clap::{ArgAction, Args, Parser, Subcommand};
use secrecy::SecretString;
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    net::SocketAddr,
    path::PathBuf,
};

#[derive(Debug, Parser)]
#[command(name = "infisical-operator", version, about = "Keeps Kubernetes Secrets and Infisical in step.")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the operator. The default where no command is named.
    Run(Box<RunArgs>),
    /// Prints the custom resource definitions as YAML.
    Crds,
    /// Compiles a component from stdin to stdout, under limits. For the operator's own use.
    #[command(hide = true)]
    Compile {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Says what will differ for whoever comes from Infisical's operator, or converts resources. Writes nothing.
    Migrate(Box<MigrateArgs>),
    /// Renders templates without a cluster.
    Template {
        #[command(subcommand)]
        command: TemplateCommand,
    },
    /// Looks at plugins.
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
}

#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub struct RunArgs {
    /// Namespaces to watch, separated by commas; empty for all.
    #[arg(long, env = "INFISICAL_OPERATOR_NAMESPACES", default_value = "", hide_default_value = true)]
    pub namespaces: String,
    /// Kubeconfig file.
    #[arg(long, env = "INFISICAL_OPERATOR_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Server of resources that name none.
    #[arg(long, env = "INFISICAL_HOST_API")]
    pub host_api: Option<String>,
    /// A server that ambient identities (the operator's own token, files, metadata services) may go to; repeatable.
    #[arg(long = "trusted-host", env = "INFISICAL_OPERATOR_TRUSTED_HOSTS", value_delimiter = ',')]
    pub trusted_hosts: Vec<String>,
    /// Slug of the organisation to log in to.
    #[arg(long, env = "INFISICAL_AUTH_ORGANIZATION_SLUG")]
    pub organization_slug: Option<String>,
    /// Namespace of the ConfigMap infisical-config.
    #[arg(long, env = "INFISICAL_OPERATOR_CONFIG_NAMESPACE", default_value = "infisical-operator-system")]
    pub config_namespace: String,
    /// A service account of kube-system (kube-system/NAME) whose token may be requested; repeatable.
    #[arg(long = "token-request-system-account", env = "INFISICAL_OPERATOR_TOKEN_REQUEST_SYSTEM_ACCOUNTS", value_delimiter = ',')]
    pub token_request_system_accounts: Vec<String>,
    /// Namespaces whose resources may log in with what the operator itself has (files, variables, metadata services),
    /// separated by commas; empty for none.
    #[arg(long, env = "INFISICAL_OPERATOR_AMBIENT_NAMESPACES", default_value = "*")]
    pub ambient_namespaces: String,
    /// A namespace that may use a plugin, as PLUGIN=NAMESPACE, or PLUGIN= for none; repeatable. A plugin that is never listed is for
    /// all.
    #[arg(long = "plugin-namespace", env = "INFISICAL_OPERATOR_PLUGIN_NAMESPACES", value_delimiter = ',', value_parser = pair_or_none)]
    pub plugin_namespaces: Vec<(String, String)>,
    /// Lets INFISICAL_UNIVERSAL_AUTH_CLIENT_ID and the other variables of Infisical's SDK stand for what a resource leaves empty.
    #[arg(long, env = "INFISICAL_OPERATOR_ENV_CREDENTIALS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, default_value_t = false, action = ArgAction::Set)]
    pub env_credentials: bool,
    /// How long a lease of an InfisicalDynamicSecret that was replaced lives on before it is revoked. The kubelet brings a changed
    /// Secret into a volume within a minute and a half; a rollout may take longer.
    #[arg(long, env = "INFISICAL_OPERATOR_LEASE_HAND_OVER", default_value = "2m", value_parser = api::interval::parse)]
    pub lease_hand_over: std::time::Duration,

    /// Folder of the plugins, with its index.json.
    #[arg(long, env = "INFISICAL_OPERATOR_BUNDLE_DIR", default_value = "/plugins")]
    pub bundle_dir: PathBuf,
    /// Folder of machine code that was built beside the bundle.
    #[arg(long, env = "INFISICAL_OPERATOR_SHIPPED_CACHE_DIR", requires = "shipped_cache_digest")]
    pub shipped_cache_dir: Option<PathBuf>,
    /// Digest of the manifest.json in it, as sha256:… or @FILE, which vouches for the rest.
    #[arg(long, env = "INFISICAL_OPERATOR_SHIPPED_CACHE_DIGEST", requires = "shipped_cache_dir")]
    pub shipped_cache_digest: Option<String>,
    /// Folder for machine code of the operator's own.
    #[arg(long, env = "INFISICAL_OPERATOR_CACHE_DIR", default_value = "/tmp/infisical-operator-cache")]
    pub cache_dir: PathBuf,
    /// A folder that plugins may be granted, as NAME=PATH; repeatable.
    #[arg(
        long = "mount",
        env = "INFISICAL_OPERATOR_MOUNTS",
        value_delimiter = ',',
        default_value = "service-account=/var/run/secrets/kubernetes.io/serviceaccount",
        value_parser = pair
    )]
    pub mounts: Vec<(String, String)>,
    /// A grant of the bundle to take back, as PLUGIN=CAPABILITY; repeatable.
    #[arg(long = "withhold-grant", env = "INFISICAL_OPERATOR_WITHHOLD_GRANTS", value_delimiter = ',', value_parser = pair)]
    pub withheld_grants: Vec<(String, String)>,
    /// Lets plugins reach private addresses by name.
    #[arg(long, env = "INFISICAL_OPERATOR_PLUGIN_PRIVATE_EGRESS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, default_value_t = false, action = ArgAction::Set)]
    pub plugin_private_egress: bool,

    /// Development only: where plugins reach an origin, as ORIGIN=http://127.0.0.1:PORT; repeatable.
    #[arg(long = "dev-origin", value_parser = pair, hide = true)]
    pub dev_origins: Vec<(String, String)>,

    /// Lets only one of several replicas work.
    #[arg(long, env = "INFISICAL_OPERATOR_LEADER_ELECT", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, default_value_t = false, action = ArgAction::Set)]
    pub leader_elect: bool,
    /// Namespace of the Lease; by default the pod's own.
    #[arg(long, env = "INFISICAL_OPERATOR_LEADER_ELECTION_NAMESPACE")]
    pub leader_election_namespace: Option<String>,

    /// Where /metrics is served, for example :8443; 0 serves none.
    #[arg(long, env = "INFISICAL_OPERATOR_METRICS_BIND_ADDRESS", default_value = "0")]
    pub metrics_bind_address: String,
    /// Serves /metrics over TLS.
    #[arg(long, env = "INFISICAL_OPERATOR_METRICS_SECURE", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, default_value_t = true, action = ArgAction::Set)]
    pub metrics_secure: bool,
    /// Folder of the certificate of /metrics; without it a self-signed one is made.
    #[arg(long, env = "INFISICAL_OPERATOR_METRICS_CERT_PATH", default_value = "", hide_default_value = true)]
    pub metrics_cert_path: String,
    /// File name of the certificate.
    #[arg(long, env = "INFISICAL_OPERATOR_METRICS_CERT_NAME", default_value = "tls.crt")]
    pub metrics_cert_name: String,
    /// File name of its key.
    #[arg(long, env = "INFISICAL_OPERATOR_METRICS_CERT_KEY", default_value = "tls.key")]
    pub metrics_cert_key: String,
    /// Where /livez, /healthz and /readyz are served; 0 serves none.
    #[arg(long, env = "INFISICAL_OPERATOR_HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081")]
    pub health_probe_bind_address: String,

    #[command(flatten)]
    pub logging: Logging,

    /// Warns that the chart's scopedNamespace is deprecated.
    #[arg(long, env = "INFISICAL_OPERATOR_DEPRECATED_SCOPED_NAMESPACE_WARNING", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, default_value_t = false, action = ArgAction::Set, hide = true)]
    pub deprecated_scoped_namespace_warning: bool,
    /// Has no effect: there are no webhooks.
    #[arg(long, hide = true)]
    pub webhook_cert_path: Option<String>,
    /// Has no effect: there are no webhooks.
    #[arg(long, hide = true)]
    pub webhook_cert_name: Option<String>,
    /// Has no effect: there are no webhooks.
    #[arg(long, hide = true)]
    pub webhook_cert_key: Option<String>,
    /// Has no effect.
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = truth, action = ArgAction::Set)]
    pub enable_http2: Option<bool>,
}

const COMMANDS: [&str; 6] = ["run", "crds", "compile", "migrate", "plugin", "template"];

/// Reads the arguments of a process. No command means `run`; `-flag` means `--flag`.
pub fn normalise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut normal: Vec<OsString> = arguments.next().into_iter().collect();
    let rest: Vec<OsString> = arguments
        .map(|argument| match argument.to_str() {
            Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => format!("-{text}").into(),
            _ => argument,
        })
        .collect();
    let first = rest.first().and_then(|argument| argument.to_str()).unwrap_or_default();
    if !COMMANDS.contains(&first) && !matches!(first, "help" | "--help" | "-h" | "--version" | "-V") {
        normal.push("run".into());
    }
    normal.extend(rest);
    normal
}

impl RunArgs {
    /// What the arguments come to.
    ///
    /// # Errors
    /// The first argument that can't be used, by its name.
    pub fn options(&self) -> anyhow::Result<Options> {
        // Each once: two queues for one namespace would reconcile each resource twice at a time.
        let namespaces: BTreeSet<&str> = list(&self.namespaces).collect();
        let tls = match (self.metrics_secure, self.metrics_cert_path.as_str()) {
            (false, _) => None,
            (true, "") => Some(MetricsTls::SelfSigned),
            (true, folder) => Some(MetricsTls::Files {
                certificate: PathBuf::from(folder).join(&self.metrics_cert_name),
                key: PathBuf::from(folder).join(&self.metrics_cert_key),
            }),
        };
        let leader = match self.leader_elect {
            true => Some(LeaderOptions { namespace: self.leader_namespace()?, identity: identity() }),
            false => None,
        };
        Ok(Options {
            namespaces: namespaces.into_iter().map(str::to_owned).collect(),
            kubeconfig: self.kubeconfig.clone(),
            host_api: self.host_api.clone().filter(|host| !host.trim().is_empty()),
            trusted_hosts: self.trusted_hosts.clone(),
            organisation: self.organization_slug.clone().filter(|slug| !slug.is_empty()),
            config_namespace: self.config_namespace.clone(),
            token_request_system_accounts: self.token_request_system_accounts.clone(),
            ambient_namespaces: match self.ambient_namespaces.trim() {
                "*" => None,
                names => Some(list(names).map(str::to_owned).collect()),
            },
            plugin_namespaces: self.plugin_namespaces.clone(),
            env_credentials: self.env_credentials,
            lease_hand_over: self.lease_hand_over,
            plugins: PluginOptions {
                bundle: self.bundle_dir.clone(),
                shipped_cache: self.shipped_cache_dir.clone().zip(self.shipped_cache_digest()?),
                cache: self.cache_dir.clone(),
                compiler: std::env::current_exe().context("the path of this program is not known")?,
                mounts: self.mounts.iter().map(|(name, path)| (name.clone(), path.into())).collect(),
                environment: environment(),
                private_egress: self.plugin_private_egress,
                dev_origins: self.dev_origins.clone(),
                withheld: self.withheld_grants.clone(),
            },
            leader,
            metrics: bind_address("--metrics-bind-address", &self.metrics_bind_address)?.map(|address| MetricsOptions { address, tls }),
            health: bind_address("--health-probe-bind-address", &self.health_probe_bind_address)?,
        })
    }

    /// One line for each argument that is taken but does nothing, or should no longer be passed.
    #[must_use]
    pub fn warnings(&self) -> Vec<&'static str> {
        let mut warnings = Vec::new();
        if self.webhook_cert_path.is_some() || self.webhook_cert_name.is_some() || self.webhook_cert_key.is_some() {
            warnings.push("--webhook-cert-path, -name and -key have no effect: this operator has no webhooks; remove them");
        }
        if self.enable_http2.is_some() {
            warnings.push("--enable-http2 has no effect; remove it");
        }
        if self.deprecated_scoped_namespace_warning {
            warnings.push("the chart's value scopedNamespace is deprecated; use the list scopedNamespaces");
        }
        warnings
    }

    fn shipped_cache_digest(&self) -> anyhow::Result<Option<String>> {
        let Some(digest) = &self.shipped_cache_digest else { return Ok(None) };
        let Some(file) = digest.strip_prefix('@') else { return Ok(Some(digest.clone())) };
        let text = std::fs::read_to_string(file).with_context(|| format!("--shipped-cache-digest {digest} can't be read"))?;
        Ok(Some(text.trim().to_owned()))
    }

    fn leader_namespace(&self) -> anyhow::Result<String> {
        if let Some(namespace) = &self.leader_election_namespace {
            return Ok(namespace.clone());
        }
        if let Ok(namespace) = std::env::var("POD_NAMESPACE")
            && !namespace.is_empty()
        {
            return Ok(namespace);
        }
        let file = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
        match std::fs::read_to_string(file) {
            Ok(namespace) => Ok(namespace.trim().to_owned()),
            Err(_) => bail!("--leader-elect needs a namespace for its Lease: pass --leader-election-namespace"),
        }
    }
}

/// What the process was started with. A variable that is no text is no reason not to start.
fn environment() -> BTreeMap<String, SecretString> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?.into()))).collect()
}

/// The pod's name, and a random part: a restarted container is another candidate.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "infisical-operator".into());
    format!("{host}_{:016x}", rand::random::<u64>())
}

/// `:8081`, `0`, an empty text, or `ADDRESS:PORT`, as Go deployments write it.
fn bind_address(flag: &str, text: &str) -> anyhow::Result<Option<SocketAddr>> {
    match text {
        "" | "0" => Ok(None),
        _ => {
            let full = if text.starts_with(':') { format!("[::]{text}") } else { text.replace("localhost:", "127.0.0.1:") };
            let address = full.parse().with_context(|| format!("{flag} {text:?} is not an address: write :8081, 127.0.0.1:8081 or 0"))?;
            Ok(Some(address))
        }
    }
}

fn list(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn pair(text: &str) -> Result<(String, String), String> {
    pair_or_none(text).ok().filter(|(_, value)| !value.is_empty()).ok_or_else(|| "write NAME=VALUE".into())
}

/// The second may be empty.
fn pair_or_none(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write NAME=VALUE, or NAME= for none".into()),
    }
}

/// A switch as Go's flag package reads it.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Settings;

    fn parse(arguments: &[&str]) -> RunArgs {
        let arguments = std::iter::once("infisical-operator").chain(arguments.iter().copied()).map(OsString::from);
        match Cli::try_parse_from(normalise(arguments)).unwrap().command {
            Command::Run(run) => *run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_peers_chart_passes_runs_the_operator() {
        let run = parse(&["--metrics-bind-address=:8443", "--leader-elect", "--health-probe-bind-address=:8081", "--namespaces=a, b,a,"]);
        assert!(run.leader_elect && run.metrics_secure);
        let options = RunArgs { leader_election_namespace: Some("n".into()), ..run }.options().unwrap();
        assert_eq!(options.namespaces, ["a", "b"]);
        assert_eq!(options.health, "[::]:8081".parse().ok());
        assert!(matches!(options.metrics, Some(MetricsOptions { tls: Some(MetricsTls::SelfSigned), .. })));
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let run = parse(&["-leader-elect=false", "-metrics-secure=false", "-zap-log-level=error", "-enable-http2", "--zap-devel=false"]);
        assert!(!run.leader_elect && !run.metrics_secure);
        assert_eq!(run.warnings().len(), 1);
        assert_eq!(parse(&["run", "--webhook-cert-path", "/x"]).warnings().len(), 1);
        assert!(parse(&[]).options().unwrap().metrics.is_none());
        for (text, value) in [("True", true), ("1", true), ("t", true), ("F", false), ("0", false), ("FALSE", false)] {
            assert_eq!(parse(&[&format!("--leader-elect={text}")]).leader_elect, value, "{text}");
        }
        let twice = parse(&[
            "--leader-elect",
            "--leader-elect=false",
            "--metrics-bind-address=:1",
            "--metrics-bind-address",
            "0",
            "-zap-devel=T",
            "-zap-devel=f",
        ]);
        assert_eq!((twice.leader_elect, twice.metrics_bind_address.as_str(), twice.logging.format()), (false, "0", LogFormat::Json));
        assert_eq!(parse(&["--trusted-host=https://a", "--trusted-host=https://b"]).trusted_hosts.len(), 2);
    }

    #[test]
    fn a_development_address_is_taken_as_it_is_and_printed_in_no_help() {
        let run = parse(&["--dev-origin", "https://sts.amazonaws.com=http://127.0.0.1:4711", "--dev-origin=http://a=http://[::1]:1"]);
        let options = run.options().unwrap();
        assert_eq!(options.plugins.dev_origins.first().unwrap().1, "http://127.0.0.1:4711");
        assert_eq!(options.plugins.dev_origins.len(), 2);
        let mut command = <Cli as clap::CommandFactory>::command();
        let help = command.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        assert!(help.contains("--withhold-grant") && !help.contains("--dev-origin"));
    }

    #[test]
    fn the_namespaces_of_ambient_identities_are_all_some_or_none() {
        let named = |arguments: &[&str]| parse(arguments).options().unwrap().ambient_namespaces;
        assert_eq!(named(&[]), None);
        assert_eq!(named(&["--ambient-namespaces=a, b"]), Some(vec!["a".into(), "b".into()]));
        assert_eq!(named(&["--ambient-namespaces="]), Some(vec![]));
        let options = parse(&["--plugin-namespace", "aws=a", "--plugin-namespace=aws=b", "--env-credentials"]).options().unwrap();
        assert!(options.env_credentials && options.plugin_namespaces.len() == 2);
        let settings = Settings::new(&parse(&["--plugin-namespace=aws="]).options().unwrap()).unwrap();
        assert_eq!(settings.plugin_namespaces, [("aws".to_owned(), BTreeSet::new())].into(), "for none");
    }

    #[test]
    fn the_digest_of_a_shipped_cache_is_a_text_or_is_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("digest");
        std::fs::write(&file, "sha256:abc\n").unwrap();
        let digest = |value: &str| {
            parse(&["--shipped-cache-dir=/c", "--shipped-cache-digest", value]).options().map(|options| options.plugins.shipped_cache)
        };
        let expected = Some((PathBuf::from("/c"), "sha256:abc".to_owned()));
        assert_eq!(digest("sha256:abc").unwrap(), expected);
        assert_eq!(digest(&format!("@{}", file.display())).unwrap(), expected);
        assert!(digest("@/nowhere").unwrap_err().to_string().contains("--shipped-cache-digest @/nowhere"));
    }

    #[test]
    fn a_bad_address_is_named_with_its_flag() {
        let error = parse(&["--health-probe-bind-address=here"]).options().unwrap_err().to_string();
        assert!(error.contains("--health-probe-bind-address \"here\""), "{error}");
    }
}
