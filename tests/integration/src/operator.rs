//! A running operator: in the test's process, or its program as a child.
use crate::Scene;
use ::operator::{
    clock::Clock,
    options::{MetricsOptions, Options},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};
use support::{Metrics, Operator, Setup, free_ports, wait_for};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The operator promises to have ended within seconds; a busy machine gets some more.
const ENDED_WITHIN: Duration = Duration::from_secs(20);
/// Plugins come from the cache; the rest is waiting for a processor.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// An operator in the process of the test. Dropping it asks it to end.
pub struct Running {
    stop: CancellationToken,
    task: Option<JoinHandle<anyhow::Result<()>>>,
    metrics: String,
    probes: String,
    client: reqwest::Client,
}

impl Running {
    pub(crate) async fn start(clock: Arc<dyn Clock>, options: Options) -> Self {
        // Another process may take a port that was free a moment ago.
        const TRIES: usize = 3;
        let mut last = None;
        for _ in 0..TRIES {
            match Self::try_start(Arc::clone(&clock), options.clone()).await {
                Ok(running) => return running,
                Err(error) if format!("{error:#}").contains("in use") => last = Some(error),
                Err(error) => panic!("the operator ended early: {error:#}"),
            }
        }
        panic!("{last:?}")
    }

    async fn try_start(clock: Arc<dyn Clock>, mut options: Options) -> anyhow::Result<Self> {
        let [metrics, probes] = free_ports().unwrap();
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        options.metrics = Some(MetricsOptions { address: local(metrics), tls: None });
        options.health = Some(local(probes));
        let stop = CancellationToken::new();
        let mut running = Self {
            task: Some(tokio::spawn(::operator::start::run_by(clock, options, stop.clone()))),
            stop,
            metrics: format!("http://127.0.0.1:{metrics}/metrics"),
            probes: format!("http://127.0.0.1:{probes}/readyz"),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
        };
        running.ready().await?;
        Ok(running)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let (client, probes) = (&self.client, &self.probes);
        let looks = wait_for("the operator to be ready", READY_WITHIN, async || {
            let answer = client.get(probes).send().await.map_err(|error| error.to_string())?;
            let status = answer.status();
            let body = answer.text().await.unwrap_or_default();
            if status.is_success() { Ok(()) } else { Err(format!("{status}: {body}")) }
        });
        tokio::select! {
            ready = looks => Ok(ready?),
            ended = self.task.as_mut().unwrap() => Err(ended?.err().unwrap_or_else(|| anyhow::anyhow!("without an error"))),
        }
    }

    /// Its metrics now.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.metrics_text().await)
    }

    /// All that `/metrics` shows.
    pub async fn metrics_text(&self) -> String {
        self.client.get(&self.metrics).send().await.unwrap().text().await.unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let task = self.task.take().unwrap();
        tokio::time::timeout(ENDED_WITHIN, task).await.expect("the operator did not end").unwrap().unwrap();
    }

    /// Waits until it ends by itself, and how.
    pub async fn ended(mut self, patience: Duration) -> anyhow::Result<()> {
        let task = self.task.take().unwrap();
        tokio::time::timeout(patience, task).await.expect("the operator did not end").unwrap()
    }

    /// Ends it without any order, as far as that can be done within a process: nothing of it runs any more.
    pub async fn abort(mut self) {
        let task = self.task.take().unwrap();
        task.abort();
        assert!(task.await.is_err(), "the operator had ended before");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The operator's program as a child. Dropping it kills it.
pub struct Child {
    operator: Operator,
    metrics: String,
    client: reqwest::Client,
}

impl Child {
    pub(crate) async fn start(scene: &Scene, arguments: &[&str]) -> Self {
        let setup = Self::setup(scene, arguments).await;
        let mut operator = Operator::start(crate::program().await, &setup).unwrap();
        operator.ready().await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { operator, metrics: format!("http://127.0.0.1:{}/metrics", setup.metrics), client }
    }

    /// What it is started with.
    pub async fn setup(scene: &Scene, arguments: &[&str]) -> Setup {
        let bundle = &crate::default_bundle().await.folder;
        let state = scene.folder().join("child");
        std::fs::create_dir_all(&state).unwrap();
        let cache = state.join("cache");
        if !cache.exists() {
            std::os::unix::fs::symlink(crate::shared::cache().await, cache).unwrap();
        }
        let mut setup = Setup::new(scene.plane.kubeconfig(), bundle, &state).unwrap();
        setup.namespaces = vec![scene.namespace.name().into()];
        setup.arguments = vec![format!("--config-namespace={}", scene.namespace.name()), "--lease-hand-over=5s".into()];
        setup.arguments.extend(arguments.iter().map(ToString::to_string));
        setup
    }

    /// All that `/metrics` shows.
    pub async fn metrics_text(&self) -> String {
        self.client.get(&self.metrics).send().await.unwrap().text().await.unwrap()
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(self) {
        self.operator.stop().await.unwrap();
    }
}

impl Deref for Child {
    type Target = Operator;

    fn deref(&self) -> &Operator {
        &self.operator
    }
}

impl DerefMut for Child {
    fn deref_mut(&mut self) -> &mut Operator {
        &mut self.operator
    }
}
