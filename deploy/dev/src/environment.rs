//! Everything that runs: control plane, Infisical dev server, operator.
use crate::{demo::NAMESPACE, options::Options};
use anyhow::{Context, Result, bail};
use infisical_dev_server::{Config, KubernetesApi, Seed, Server};
use std::{
    fmt::Display,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Instant,
};
use support::{BundleFolder, Cluster, ControlPlane, Operator, Setup};
use tempfile::TempDir;

/// A running environment. Dropping it ends all of it, the hard way; [`Environment::stop`] lets the operator finish.
pub struct Environment {
    /// Where everything happens.
    pub cluster: Cluster,
    /// The Infisical dev server.
    pub server: Server,
    /// The plugins of the operator.
    pub bundle: BundleFolder,
    /// Names and versions in it, as built.
    pub plugins: Vec<bundle::Entry>,
    /// What the operator is started with.
    pub setup: Setup,
    program: Option<PathBuf>,
    operator: Option<Operator>,
    state: TempDir,
    keep: bool,
    // Last, so that it outlives the operator.
    _plane: Option<ControlPlane>,
}

impl Environment {
    /// Starts all of it and says so, line by line.
    ///
    /// # Errors
    /// The part that does not start, with the end of its log.
    pub async fn start(options: &Options) -> Result<Self> {
        let say = Progress(Instant::now());
        let state = tempfile::Builder::new().prefix("infisical-dev-").tempdir()?;

        let (plane, bundle, program) = tokio::join!(control_plane(options, &say), plugins(state.path(), &say), program(options));
        let (plane, cluster) = plane?;
        let (bundle, plugins) = bundle.context("the default bundle")?;

        let server = infisical(options, cluster.kubeconfig()).await?;
        say.line("Infisical", format_args!("{}/  (edit a secret there and watch the cluster follow)", server.url()));

        cluster.establish(api::crds::crds()).await.context("the custom resource definitions")?;
        let mut setup = Setup::new(cluster.kubeconfig(), bundle.path(), &state.path().join("operator"))?;
        setup.host_api = Some(server.url());
        if options.kubeconfig.is_some() {
            setup.namespaces = vec![NAMESPACE.into()];
        }
        let mut environment =
            Self { cluster, server, bundle, plugins, setup, program: program?, operator: None, state, keep: options.keep, _plane: plane };
        if environment.program.is_some() {
            environment.start_operator().await?;
            say.line("operator", environment.setup.log().display());
        } else {
            say.line("operator", "start it with the next line");
            println!("{}", by_hand(&environment.setup));
        }
        Ok(environment)
    }

    /// Starts the operator and waits until it is ready.
    ///
    /// # Errors
    /// It does not start, or `--no-operator` was given.
    pub async fn start_operator(&mut self) -> Result<()> {
        let Some(program) = &self.program else { bail!("this environment has no operator of its own") };
        let mut operator = Operator::start(program, &self.setup)?;
        operator.ready().await?;
        self.operator = Some(operator);
        Ok(())
    }

    /// The operator, if it runs.
    pub fn operator(&mut self) -> Result<&mut Operator> {
        self.operator.as_mut().context("the operator does not run")
    }

    /// Stops the operator as Kubernetes does.
    ///
    /// # Errors
    /// It does not end in time, or not well.
    pub async fn stop_operator(&mut self) -> Result<()> {
        if let Some(operator) = self.operator.take() {
            operator.stop().await?;
        }
        Ok(())
    }

    /// Stops the operator first, so that it can give its lead and its tokens back, then the rest.
    ///
    /// # Errors
    /// The operator does not end well.
    pub async fn stop(mut self) -> Result<()> {
        let stopped = self.stop_operator().await;
        if self.keep {
            println!("left behind: {}", self.state.path().display());
            self.state.disable_cleanup(true);
        }
        self.server.shutdown().await;
        stopped
    }
}

/// Says what has started, and when.
struct Progress(Instant);

impl Progress {
    fn line(&self, what: &str, where_to_look: impl Display) {
        println!("{:>6.1} s  {what:<14} {where_to_look}", self.0.elapsed().as_secs_f64());
    }
}

async fn control_plane(options: &Options, say: &Progress) -> Result<(Option<ControlPlane>, Cluster)> {
    let (plane, cluster) = match &options.kubeconfig {
        Some(kubeconfig) => {
            let cluster = Cluster::open(kubeconfig).await.with_context(|| kubeconfig.display().to_string())?;
            cluster.ready().await.with_context(|| format!("the cluster of {}", kubeconfig.display()))?;
            (None, cluster)
        }
        None => {
            let plane = ControlPlane::exclusive().await?;
            let cluster = plane.cluster().clone();
            (Some(plane), cluster)
        }
    };
    say.line("control plane", format_args!("kubectl --kubeconfig {} get infisicalsecrets -A", cluster.kubeconfig().display()));
    Ok((plane, cluster))
}

/// The folder of the operator's plugins, a copy of the default bundle, and what is in it.
async fn plugins(state: &Path, say: &Progress) -> Result<(BundleFolder, Vec<bundle::Entry>)> {
    let built = support::default_bundle().await?;
    let folder = BundleFolder::copy(&built, &state.join("plugins"))?;
    say.line("plugins", folder.path().display());
    Ok((folder, built.index.plugins))
}

async fn program(options: &Options) -> Result<Option<PathBuf>> {
    // Built also where it is started by hand: the printed command then starts at once.
    let program = Setup::program().await?;
    Ok((!options.no_operator).then_some(program))
}

async fn infisical(options: &Options, kubeconfig: &Path) -> Result<Server> {
    let config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, options.port)),
        kubernetes: Some(KubernetesApi::from_kubeconfig(kubeconfig)?),
        ..Config::new(Seed::demo()?)
    };
    Ok(Server::start(config).await?)
}

/// The command that does what [`Environment::start_operator`] does, for a shell.
fn by_hand(setup: &Setup) -> String {
    let mut words: Vec<String> = setup.environment().into_iter().map(|(name, value)| format!("{name}={}", quoted(&value))).collect();
    words.extend(["cargo run --bin infisical-operator --".to_owned()]);
    words.extend(setup.command_line().iter().map(|word| quoted(&word.to_string_lossy())));
    words.join(" ")
}

/// As a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_word_back() {
        for word in ["", "a b", "it's", "--flag=x:y", "$HOME", "a\"b`c`"] {
            let output = std::process::Command::new("sh").args(["-c", &format!("printf %s {}", quoted(word))]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }
}
