//! From options to a running operator, and back to nothing.
//!
//! Order at the start: plugins, watches, then, if it has the lead, controllers. The resources are listed before the Secrets, so
//! that the list of these says which targets are absent, and none of them is looked for. At the end: no new reconciles, those that
//! have begun end, the Lease is given back, tokens are revoked; all within the ten seconds that the peer's chart leaves to a
//! pod. With the lead, all reconciles end at once.
use crate::{
    chain::Chains,
    clock::{Clock, SystemClock},
    cluster::{Cluster, Namespaces, Requests, Scope},
    controller::{
        self, Changes, Context, Follow, Unlisted,
        chained::{self, Keeper},
        infisical_dynamic_secret::{self, Leaser},
        infisical_push_secret::{self, Pusher},
        sync::{self, Follower},
    },
    generate::Generators,
    instant::InstantUpdates,
    leader::Leadership,
    metrics::Metrics,
    options::{Options, PluginOptions},
    plan::{Login, Settings},
    push::memory::Pushes,
    read::Reads,
    reload::Reloader,
    report::{Reported, Reports},
    rights,
    serve::{self, Readiness},
    session::{ClientSettings, Sessions, SessionsConfig},
    target::Targets,
    trigger::{Cause, Triggers},
};
use anyhow::{Context as _, bail};
use api::{
    v1alpha1::{ClusterGenerator, InfisicalSecret, Password, Uuid},
    v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret},
};
use futures::{
    FutureExt,
    future::{self, BoxFuture, Future, Shared},
};
use kube::{
    Api, Client, Config, Resource,
    config::{KubeConfigOptions, Kubeconfig},
    core::NamespaceResourceScope,
    runtime::controller::Action,
};
use runtime::{CompileLimits, Detours, Grants, Runtime, ShippedCache};
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Reconciles that have begun end within this, or are dropped: each is safe to be cut anywhere. Giving back the Lease and the
/// tokens may take two and five seconds more.
const DRAIN: Duration = Duration::from_secs(2);

/// How long the watches of targets wait for the first lists of resources. A replica that waits for the lead has none.
const LISTED_WITHIN: Duration = Duration::from_secs(2);

/// Runs an operator until `stop`.
///
/// # Errors
/// It can't start, or has lost the lead.
pub async fn run(options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    run_by(Arc::new(SystemClock), options, stop).await
}

/// As [`run`], by another clock than the machine's.
///
/// # Errors
/// As [`run`].
pub async fn run_by(clock: Arc<dyn Clock>, options: Options, stop: CancellationToken) -> anyhow::Result<()> {
    // Fails only where it was done before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let settings = Settings::new(&options)?;
    let client = client(&options).await?;
    let metrics = Arc::new(Metrics::default());
    let readiness = Readiness::default();
    readiness.set("plugins", false);
    readiness.set("caches", false);
    if let Some(address) = options.health {
        let bound = serve::probes(address, readiness.clone(), stop.clone()).await?;
        tracing::info!(%bound, "serving probes");
    }
    if let Some(wanted) = &options.metrics {
        let bound = serve::metrics(wanted, Arc::clone(&metrics), stop.clone()).await?;
        tracing::info!(%bound, tls = wanted.tls.is_some(), "serving metrics");
    }
    let runtime = plugins(&options.plugins, &metrics).await?;
    readiness.set("plugins", true);

    let scopes = scopes(&options);
    let scope = if options.namespaces.is_empty() { Scope::All } else { Scope::Namespaces(options.namespaces.clone()) };
    let triggers = Arc::<Triggers>::default();
    let cluster = Cluster::new(Requests::new(client.clone()), Arc::clone(&triggers), &scope);
    let reloader = Reloader::new(cluster.clone(), &scope);
    let namespaces = Namespaces::new(client.clone(), Arc::clone(&triggers), &scope);
    let (unlisted, mut listed) = mpsc::channel::<Infallible>(1);
    let watches = {
        let (cluster, reloader, namespaces) = (cluster.clone(), reloader.clone(), namespaces.clone());
        tokio::spawn(async move {
            let targets = async {
                // Late is right too: then each target is looked for.
                drop(tokio::time::timeout(LISTED_WITHIN, listed.recv()).await);
                cluster.run().await;
            };
            tokio::join!(targets, reloader.run(), namespaces.run())
        })
    };
    let watched = Watched { cluster, reloader, namespaces };
    let context = Arc::new(context(settings, metrics, runtime, watched, triggers, &options, clock));
    let synced = {
        let (context, readiness) = (Arc::clone(&context), readiness.clone());
        tokio::spawn(async move {
            tokio::join!(context.cluster.ready(), context.reloader.ready());
            readiness.set("caches", true);
        })
    };
    let swaps = tokio::spawn(swapped(Arc::clone(&context)));
    let refused = tokio::spawn(refused(Arc::clone(&context)));

    let mut leadership = options.leader.as_ref().map(|leader| Leadership::stand(client.clone(), leader));
    let leads = match &mut leadership {
        Some(leadership) => leadership.won(&stop).await,
        None => true,
    };
    let mut lost = !leads && !stop.is_cancelled();
    if leads {
        let namespaces = if options.namespaces.is_empty() { "all".to_owned() } else { options.namespaces.join(", ") };
        tracing::info!(namespaces, "reconciling");
        let ending = stop.child_token();
        let mut controllers = Box::pin(async {
            tokio::join!(controllers(&client, &scopes, &context, unlisted, &ending), context.reads.run(ending.clone()));
        });
        // The same token ends the controllers, so they may be seen to end first; they must not be polled again then.
        let mut running = true;
        lost = tokio::select! {
            () = stop.cancelled() => false,
            () = &mut controllers => {
                running = false;
                false
            }
            () = lead_lost(&mut leadership) => true,
        };
        ending.cancel();
        context.instant.close();
        if lost {
            // Another one may write from now on.
            drop(controllers);
        } else if running && tokio::time::timeout(DRAIN, controllers).await.is_err() {
            tracing::warn!("some reconciles did not end in time and were cut");
        }
    }
    if let Some(leadership) = leadership {
        leadership.release().await;
    }
    context.sessions.shutdown().await;
    for task in [watches.abort_handle(), synced.abort_handle(), swaps.abort_handle(), refused.abort_handle()] {
        task.abort();
    }
    if lost {
        bail!("the lead was lost; another replica has it, or the API server could not be reached");
    }
    tracing::info!("ended");
    Ok(())
}

/// The watched namespaces, or None for all.
fn scopes(options: &Options) -> Vec<Option<String>> {
    match options.namespaces.as_slice() {
        [] => vec![None],
        names => names.iter().cloned().map(Some).collect(),
    }
}

/// A client of the cluster that the options name.
///
/// # Errors
/// There is none, or its kubeconfig can't be read.
pub(crate) async fn client(options: &Options) -> anyhow::Result<Client> {
    let config = match &options.kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path).with_context(|| format!("--kubeconfig {}", path.display()))?;
            Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await.context("no cluster: pass --kubeconfig, or run in a pod with a service account")?,
    };
    Ok(Client::try_from(config)?)
}

/// The plugins of a bundle, loaded.
///
/// # Errors
/// The bundle can't be read, or an option can't be meant.
pub async fn plugins(plugins: &PluginOptions, metrics: &Arc<Metrics>) -> anyhow::Result<Runtime> {
    let mut withheld: BTreeMap<String, Grants> = BTreeMap::new();
    for (plugin, capability) in &plugins.withheld {
        let capability = capability.parse().with_context(|| format!("--withhold-grant {plugin}={capability}"))?;
        withheld.entry(plugin.clone()).or_default().0.insert(capability);
    }
    let mut detours = Detours::default();
    for (origin, address) in &plugins.dev_origins {
        detours.add(origin, address).with_context(|| format!("--dev-origin {origin}={address}"))?;
        tracing::warn!(origin, address, "for development only: plugins reach this origin elsewhere");
    }
    let config = runtime::Config {
        bundle: plugins.bundle.clone(),
        shipped_cache: plugins.shipped_cache.clone().map(|(folder, manifest)| ShippedCache { folder, manifest }),
        local_cache: plugins.cache.clone(),
        compiler: plugins.compiler.clone(),
        compile_limits: CompileLimits::default(),
        limits: BTreeMap::new(),
        mounts: plugins.mounts.clone(),
        environment: plugins.environment.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect(),
        private_egress: plugins.private_egress,
        detours,
        stage: None,
        withheld,
        observer: Arc::clone(metrics) as Arc<dyn runtime::Observer>,
    };
    Runtime::start(config).await.context("the plugins can't be started")
}

/// What has watches of its own.
struct Watched {
    cluster: Cluster,
    reloader: Reloader,
    namespaces: Namespaces,
}

fn context(
    settings: Settings,
    metrics: Arc<Metrics>,
    runtime: Runtime,
    Watched { cluster, reloader, namespaces }: Watched,
    triggers: Arc<Triggers>,
    options: &Options,
    clock: Arc<dyn Clock>,
) -> Context {
    let accounts = cluster.clone();
    let token_sources = Arc::new(move |login: &Login| {
        let account = login.service_account.clone()?;
        Some(accounts.token_source(account, login.server.trusted))
    });
    let observed = ClientSettings::new(env!("CARGO_PKG_VERSION"), Some(Arc::clone(&metrics) as Arc<dyn infisical::Observer>));
    let prover = Arc::new(runtime.clone());
    let sessions = Sessions::new(SessionsConfig::new(prover, token_sources, Arc::clone(&metrics), observed, Arc::clone(&clock)));
    let waking = Arc::clone(&triggers);
    let wake = Box::new(move |user: &crate::object::ObjectRef| waking.wake(user, Cause::Read));
    let reads = Reads::new(wake, Arc::clone(&clock), Arc::clone(&metrics));
    let waking = Arc::clone(&triggers);
    let wake = Box::new(move |user: &crate::object::ObjectRef| waking.wake(user, Cause::Read));
    let instant = InstantUpdates::new(Box::new(reads.clone()), wake, Arc::clone(&clock), Arc::clone(&metrics));
    let chains = Chains::new(cluster.requests(), &triggers, &scopes(options));
    let generators = Generators::new(cluster.requests(), &triggers, &scopes(options));
    let instance = options.leader.as_ref().map(|leader| leader.identity.clone());
    Context {
        settings,
        targets: Targets::new(cluster.clone()),
        reports: Reports::new(cluster.requests(), metrics, instance),
        cluster,
        namespaces,
        runtime,
        sessions,
        reads,
        instant,
        reloader,
        chains,
        generators,
        pushes: Pushes::default(),
        purse: crate::lease::Purse::default(),
        lease_hand_over: options.lease_hand_over,
        clock,
        triggers,
        known: std::sync::Mutex::default(),
    }
}

async fn controllers(client: &Client, scopes: &[Option<String>], context: &Arc<Context>, unlisted: Unlisted, ending: &CancellationToken) {
    // The index must know what is there before targets are compared.
    let indexed = {
        let context = Arc::clone(context);
        let ready = async move {
            tokio::join!(context.cluster.ready(), context.reloader.ready());
        };
        ready.boxed().shared()
    };
    let mut all = Vec::new();
    for scope in scopes {
        let queues = Queues { client, scope: scope.clone(), context, unlisted: &unlisted, indexed: &indexed, ending };
        let follower = || Follower(Arc::clone(context));
        let keeper = || Keeper { context: Arc::clone(context), scope: scope.clone() };
        all.extend([
            queues.run("InfisicalConnection", keeper(), chained::reconcile::<InfisicalConnection>),
            queues.run("InfisicalAuth", keeper(), chained::reconcile::<InfisicalAuth>),
            queues.run("InfisicalStaticSecret", follower(), sync::reconcile::<InfisicalStaticSecret>),
            queues.run("InfisicalSecret", follower(), sync::reconcile::<InfisicalSecret>),
            queues.run("InfisicalPushSecret", Pusher(Arc::clone(context)), infisical_push_secret::reconcile),
            queues.run("InfisicalDynamicSecret", Leaser(Arc::clone(context)), infisical_dynamic_secret::reconcile),
            queues.aside("Password", queues.api::<Password>(), keeper(), chained::reconcile::<Password>),
            queues.aside("UUID", queues.api::<Uuid>(), keeper(), chained::reconcile::<Uuid>),
        ]);
    }
    let everywhere = Queues { client, scope: None, context, unlisted: &unlisted, indexed: &indexed, ending };
    let keeper = Keeper { context: Arc::clone(context), scope: None };
    let clusters = Api::<ClusterGenerator>::all(client.clone());
    all.push(everywhere.aside("ClusterGenerator", clusters, keeper, chained::reconcile::<ClusterGenerator>));
    drop(unlisted);
    future::join_all(all).await;
}

/// What the queues of one scope share.
struct Queues<'a> {
    client: &'a Client,
    scope: Option<String>,
    context: &'a Arc<Context>,
    unlisted: &'a Unlisted,
    /// No reconcile begins before.
    indexed: &'a Shared<BoxFuture<'static, ()>>,
    ending: &'a CancellationToken,
}

impl Queues<'_> {
    fn run<K, F, R>(
        &self,
        kind: &'static str,
        follower: F,
        reconcile: impl Fn(Arc<K>, Arc<Context>) -> R + Copy + Send + Sync + 'static,
    ) -> BoxFuture<'static, ()>
    where
        K: Reported + Resource<Scope = NamespaceResourceScope> + Send + Sync + 'static,
        F: Follow<K> + 'static,
        R: Future<Output = Action> + Send + 'static,
    {
        let changes = Changes::new(kind, Arc::clone(&self.context.triggers), follower).announcing(self.unlisted.clone());
        self.queue(kind, self.api(), changes, reconcile)
    }

    /// A kind without targets, whose watch may be refused or whose definition may be missing: nothing waits for its list.
    fn aside<K, F, R>(
        &self,
        kind: &'static str,
        api: Api<K>,
        follower: F,
        reconcile: impl Fn(Arc<K>, Arc<Context>) -> R + Copy + Send + Sync + 'static,
    ) -> BoxFuture<'static, ()>
    where
        K: Reported + Send + Sync + 'static,
        F: Follow<K> + 'static,
        R: Future<Output = Action> + Send + 'static,
    {
        self.queue(kind, api, Changes::new(kind, Arc::clone(&self.context.triggers), follower), reconcile)
    }

    fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        match &self.scope {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    fn queue<K, F, R>(
        &self,
        kind: &'static str,
        api: Api<K>,
        changes: Changes<F>,
        reconcile: impl Fn(Arc<K>, Arc<Context>) -> R + Copy + Send + Sync + 'static,
    ) -> BoxFuture<'static, ()>
    where
        K: Reported + Send + Sync + 'static,
        F: Follow<K> + 'static,
        R: Future<Output = Action> + Send + 'static,
    {
        let indexed = self.indexed.clone();
        let reconcile = move |object, context| {
            let indexed = indexed.clone();
            async move {
                indexed.await;
                reconcile(object, context).await
            }
        };
        let woken = self.context.triggers.queue(kind, self.scope.clone());
        let (context, address) = (Arc::clone(self.context), api.resource_url().to_owned());
        let tell = move |refused| context.reports.watched::<K>(&address, refused);
        Box::pin(controller::run(api, changes, woken, Arc::clone(self.context), reconcile, tell, self.ending.clone()))
    }
}

async fn lead_lost(leadership: &mut Option<Leadership>) {
    match leadership {
        Some(leadership) => leadership.lost().await,
        None => std::future::pending().await,
    }
}

/// Shows which watches the role refuses.
async fn refused(context: Arc<Context>) {
    let watches = [context.cluster.health(), context.reloader.health(), context.namespaces.health()];
    future::join_all(watches.map(|health| rights::show(context.reports.metrics(), health))).await;
}

async fn swapped(context: Arc<Context>) {
    let mut changes = context.runtime.changes();
    while changes.changed().await.is_ok() {
        context.wake_all(Cause::Plugin);
    }
}
