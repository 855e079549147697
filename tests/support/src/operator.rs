//! The operator as users run it: its program, as a child process.
use crate::{metrics::Metrics, ports::free_ports, process::Process, target::Target, wait::wait_for};
use anyhow::{Context, Result, anyhow, ensure};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Compiling the whole bundle in children, on two cores that compile other things too, was seen to take a minute.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// The operator gives itself 5 s to release its Lease and to revoke its tokens.
const ENDED_WITHIN: Duration = Duration::from_secs(20);

/// What an operator is started with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The cluster to work in.
    pub kubeconfig: PathBuf,
    /// Folder of the plugins.
    pub bundle: PathBuf,
    /// Folder for its log and its cache; the next operator finds the cache there.
    pub state: PathBuf,
    /// Only these; empty for all.
    pub namespaces: Vec<String>,
    /// Server of resources that name none.
    pub host_api: Option<String>,
    /// Folders that plugins may be granted, by name.
    pub mounts: Vec<(String, PathBuf)>,
    /// Origins that plugins reach at another address: the origin, and `http://127.0.0.1:PORT`.
    pub dev_origins: Vec<(String, String)>,
    /// Environment variables, which plugins may be granted.
    pub variables: Vec<(String, String)>,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Port of 127.0.0.1 where it serves its metrics, without TLS.
    pub metrics: u16,
    /// Port of 127.0.0.1 for the probes.
    pub probes: u16,
}

impl Setup {
    /// Of an operator for all namespaces, with free ports.
    ///
    /// # Errors
    /// No port is free.
    pub fn new(kubeconfig: &Path, bundle: &Path, state: &Path) -> Result<Self> {
        let [metrics, probes] = free_ports()?;
        Ok(Self {
            kubeconfig: kubeconfig.into(),
            bundle: bundle.into(),
            state: state.into(),
            namespaces: Vec::new(),
            host_api: None,
            mounts: Vec::new(),
            dev_origins: Vec::new(),
            variables: Vec::new(),
            arguments: Vec::new(),
            metrics,
            probes,
        })
    }

    /// The program, built if it is not up to date.
    ///
    /// # Errors
    /// It does not build.
    pub async fn program() -> Result<PathBuf> {
        tokio::task::spawn_blocking(|| Target::of_this_program()?.build("infisical-operator")).await?
    }

    /// The command line after the program's name.
    #[must_use]
    pub fn command_line(&self) -> Vec<OsString> {
        let mut line: Vec<OsString> = vec!["run".into()];
        let mut add = |flag: &str, value: OsString| line.extend([flag.into(), value]);
        add("--kubeconfig", self.kubeconfig.clone().into());
        add("--bundle-dir", self.bundle.clone().into());
        add("--cache-dir", self.state.join("cache").into());
        add("--metrics-bind-address", format!("127.0.0.1:{}", self.metrics).into());
        add("--health-probe-bind-address", format!("127.0.0.1:{}", self.probes).into());
        if !self.namespaces.is_empty() {
            add("--namespaces", self.namespaces.join(",").into());
        }
        for (name, folder) in &self.mounts {
            line.extend(["--mount".into(), format!("{name}={}", folder.display()).into()]);
        }
        for (origin, address) in &self.dev_origins {
            line.extend(["--dev-origin".into(), format!("{origin}={address}").into()]);
        }
        line.push("--metrics-secure=false".into());
        line.extend(self.arguments.iter().map(OsString::from));
        line
    }

    /// The variables that it reads.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let host = self.host_api.iter().map(|host| ("INFISICAL_HOST_API".to_owned(), host.clone()));
        host.chain(self.variables.iter().cloned()).collect()
    }

    /// Where it writes its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.state.join("operator.log")
    }
}

/// What an operator says of itself over HTTP, whoever started it.
#[derive(Clone)]
pub struct Endpoints {
    metrics: String,
    readiness: String,
    client: reqwest::Client,
}

impl Endpoints {
    /// Of an operator that was started with this.
    ///
    /// # Errors
    /// No client can be made.
    pub fn of(setup: &Setup) -> Result<Self> {
        Ok(Self {
            metrics: format!("http://127.0.0.1:{}/metrics", setup.metrics),
            readiness: format!("http://127.0.0.1:{}/readyz", setup.probes),
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?,
        })
    }

    /// Its metrics now.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<Metrics> {
        let answer = self.client.get(&self.metrics).send().await?.error_for_status()?;
        Ok(Metrics::parse(&answer.text().await?))
    }

    /// Whether its caches are synced and its plugins are loaded.
    ///
    /// # Errors
    /// They are not, or it does not answer.
    pub async fn ready(&self) -> Result<()> {
        let answer = self.client.get(&self.readiness).send().await.context("the operator does not answer")?;
        let status = answer.status();
        ensure!(status.is_success(), "{status}: {}", answer.text().await?);
        Ok(())
    }
}

/// A running operator. Dropping it kills it.
pub struct Operator {
    process: Process,
    endpoints: Endpoints,
}

impl Operator {
    /// Starts the program; [`Self::ready`] waits until it works.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(program: &Path, setup: &Setup) -> Result<Self> {
        std::fs::create_dir_all(&setup.state)?;
        let mut command = Command::new(program);
        command.args(setup.command_line()).envs(setup.environment());
        Ok(Self { process: Process::start("the operator", &mut command, &setup.log())?, endpoints: Endpoints::of(setup)? })
    }

    /// Waits until its caches are synced and its plugins are loaded.
    ///
    /// # Errors
    /// It ended, with the end of its log; or it is not ready in time, with what is missing.
    pub async fn ready(&mut self) -> Result<()> {
        let Self { process, endpoints } = self;
        tokio::select! {
            ready = wait_for("the operator to be ready", READY_WITHIN, async || endpoints.ready().await) => Ok(ready?),
            ended = died(process) => ended,
        }
    }

    /// The child process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it says of itself.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Its metrics now.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn metrics(&self) -> Result<Metrics> {
        self.endpoints.metrics().await
    }

    /// All that it has logged so far, and those before it with the same state folder.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn log(&self) -> Result<String> {
        self.process.output().context("the operator's log can't be read")
    }

    /// Asks it to end, as Kubernetes does, and waits until it has.
    ///
    /// # Errors
    /// It takes too long and is killed, or does not end well; with the end of its log.
    pub async fn stop(mut self) -> Result<()> {
        self.process.terminate()?;
        let process = &mut self.process;
        let ended = wait_for("the operator to end", ENDED_WITHIN, async || match process.ended() {
            Ok(Some(status)) => Ok(status),
            Ok(None) => Err(String::from("it still runs")),
            Err(error) => Err(error.to_string()),
        });
        let ended = ended.await.map_err(|error| error.to_string()).and_then(|status| match status.success() {
            true => Ok(()),
            false => Err(format!("the operator ended with {status}")),
        });
        ended.map_err(|error| anyhow!("{error}; its log ends with\n{}", self.process.tail()))
    }
}

/// Ends with an error when the process does.
async fn died(process: &mut Process) -> Result<()> {
    loop {
        process.check_alive()?;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
