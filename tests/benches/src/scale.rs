//! Many resources over few folders with one identity, as `ARCHITECTURE.md` promises figures for.
//!
//! In one run: the floor (what the API server alone takes for the writes that can't be avoided), the first sync, a minute in
//! which nothing changes, and a change of every value. Calls are counted by the stub, reads and writes by the API server.
use crate::{duration, process, requests::Requests, stub::Stub};
use anyhow::{Context, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use support::{Cluster, ControlPlane, Namespace, Operator, Process, Setup};

#[derive(clap::Args, Debug)]
pub struct Options {
    /// Resources.
    #[arg(long, default_value_t = 1000)]
    n: usize,
    /// Folders that they share.
    #[arg(long, default_value_t = 20)]
    folders: usize,
    /// Of each call to the stub.
    #[arg(long, default_value = "20ms", value_parser = duration)]
    latency: Duration,
    /// In each folder.
    #[arg(long, default_value_t = 10)]
    keys: usize,
    /// How long nothing changes.
    #[arg(long, default_value = "60s", value_parser = duration)]
    quiet: Duration,
    /// Interval of the resources.
    #[arg(long, default_value = "60s")]
    interval: String,
}

/// What the peers' clients use at most, and enough to keep two cores busy.
const CONNECTIONS: usize = 16;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    println!("control plane, bundle and operator …");
    let plane = ControlPlane::exclusive().await?;
    let cluster = plane.cluster();
    cluster.establish(api::crds::crds()).await?;
    let bundle = support::default_bundle().await?.folder;
    let program = Setup::program().await?;

    println!("floor: {} creates of Secrets and as many status patches, {CONNECTIONS} connections …", options.n);
    let floor = floor(cluster, options).await?;

    let (stub, address) = Stub::start(options.latency, options.keys).await?;
    let namespace = cluster.namespace_named("bench").await?;
    namespace.secret("credentials", [("clientId", "bench"), ("clientSecret", "bench")]).await?;
    println!("{} resources over {} folders …", options.n, options.folders);
    create(&namespace, options, &address).await?;

    println!("first sync …");
    let state = tempfile::tempdir()?;
    let setup = Setup { arguments: vec!["--log-level=warn".into()], ..Setup::new(cluster.kubeconfig(), &bundle, state.path())? };
    // Once before, so that compiling the plugins is not measured: `benches plugins` does.
    let mut warm_up = Operator::start(&program, &Setup { namespaces: vec!["floor".into()], ..setup.clone() })?;
    warm_up.ready().await?;
    warm_up.stop().await?;
    let since = settled(cluster.client()).await?;
    let began = Instant::now();
    let mut running = Operator::start(&program, &setup)?;
    let operator = running.process();
    let first_sync = synced(&namespace, options.n, 1, operator).await? - began;
    ready(&namespace, options.n, operator).await?;
    let first = Figures::read(operator, cluster.client(), &stub).await?;
    let rss = process::resident_mib(operator.id())?;

    println!("nothing changes for {:?} …", options.quiet);
    tokio::time::sleep(options.quiet).await;
    let quiet = Figures::read(operator, cluster.client(), &stub).await?;

    println!("every value changes …");
    let changed = Instant::now();
    let version = stub.change_all();
    let change_all = synced(&namespace, options.n, version, operator).await? - changed;
    let last = Figures::read(operator, cluster.client(), &stub).await?;
    running.stop().await?;

    let row = |name: &str, value: String| println!("{name:<58}{value:>14}");
    println!();
    row("first sync of all", format!("{:.2} s", first_sync.as_secs_f64()));
    row("  floor (creates and status patches alone)", format!("{:.2} s", floor.as_secs_f64()));
    row("  ratio", format!("{:.2}", first_sync.as_secs_f64() / floor.as_secs_f64()));
    row("  calls to Infisical", first.calls.to_string());
    row("  logins", first.logins.to_string());
    row("  writes to the API server", first.requests.writes(&since).to_string());
    row("  reads from the API server", first.requests.reads(&since).to_string());
    row("  CPU", format!("{:.2} s", first.cpu));
    row("memory after it (VmRSS)", format!("{rss:.1} MiB"));
    row(&format!("calls in {:?} when nothing changes", options.quiet), (quiet.calls - first.calls).to_string());
    row("  writes to the API server", quiet.requests.writes(&first.requests).to_string());
    row("  CPU", format!("{:.2} s", quiet.cpu - first.cpu));
    row("a change reaches all", format!("{:.2} s", change_all.as_secs_f64()));
    println!("\nrequests to the API server, first sync: {}", requests(&first.requests, &since));
    println!("requests to the API server, quiet: {}", requests(&quiet.requests, &first.requests));
    println!("requests to the API server, change of all: {}\n", requests(&last.requests, &quiet.requests));
    println!(
        "{}",
        json!({
            "n": options.n,
            "first_sync_s": round(first_sync.as_secs_f64()),
            "calls": first.calls,
            "logins": first.logins,
            "api_writes": first.requests.writes(&since),
            "api_reads": first.requests.reads(&since),
            "cpu_s": round(first.cpu),
            "rss_mib": round(rss),
            "quiet_calls": quiet.calls - first.calls,
            "quiet_writes": quiet.requests.writes(&first.requests),
            "quiet_cpu_s": round(quiet.cpu - first.cpu),
            "change_all_s": round(change_all.as_secs_f64()),
            "floor_s": round(floor.as_secs_f64()),
        })
    );
    Ok(())
}

struct Figures {
    calls: u64,
    logins: u64,
    cpu: f64,
    requests: Requests,
}

impl Figures {
    async fn read(operator: &Process, client: &Client, stub: &Stub) -> anyhow::Result<Self> {
        Ok(Self {
            calls: stub.calls(),
            logins: stub.logins(),
            cpu: process::cpu_seconds(operator.id())?,
            requests: Requests::read(client).await?,
        })
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

fn requests(now: &Requests, since: &Requests) -> String {
    now.difference(since).into_iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}

/// The writes that no operator can avoid, and nothing else.
async fn floor(cluster: &Cluster, options: &Options) -> anyhow::Result<Duration> {
    let namespace = cluster.namespace_named("floor").await?;
    let (secrets, resources) = (namespace.api::<Secret>(), namespace.api::<api::v1alpha1::InfisicalSecret>());
    create(&namespace, options, "http://127.0.0.1:1").await?;
    let data: BTreeMap<String, String> = (0..options.keys).map(|key| (format!("KEY_{key}"), format!("value-{key}"))).collect();
    let began = Instant::now();
    let created = stream::iter(0..options.n).map(|number| {
        let (secrets, data) = (secrets.clone(), data.clone());
        async move {
            let secret = Secret { metadata: named(&target(number)), string_data: Some(data), ..Secret::default() };
            secrets.create(&PostParams::default(), &secret).await
        }
    });
    created.buffer_unordered(CONNECTIONS).try_for_each(|_| std::future::ready(Ok(()))).await?;
    let patched = stream::iter(0..options.n).map(|number| {
        let resources = resources.clone();
        async move {
            let condition = json!({ "type": "Ready", "status": "True", "reason": "Synced", "message": "Synced 10 secrets", "lastTransitionTime": "2026-01-01T00:00:00Z" });
            let patch = Patch::Merge(json!({ "status": { "conditions": [condition] } }));
            resources.patch_status(&resource(number), &PatchParams::default(), &patch).await
        }
    });
    patched.buffer_unordered(CONNECTIONS).try_for_each(|_| std::future::ready(Ok(()))).await?;
    let took = began.elapsed();
    resources.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    secrets.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
    Ok(took)
}

fn named(name: &str) -> kube::core::ObjectMeta {
    kube::core::ObjectMeta { name: Some(name.into()), ..Default::default() }
}

fn resource(number: usize) -> String {
    format!("resource-{number}")
}

fn target(number: usize) -> String {
    format!("target-{number}")
}

async fn create(namespace: &Namespace, options: &Options, address: &str) -> anyhow::Result<()> {
    let resources = namespace.api::<api::v1alpha1::InfisicalSecret>();
    let made = stream::iter(0..options.n).map(|number| {
        let resources = resources.clone();
        let object = serde_json::from_value(json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": { "name": resource(number) },
            "spec": {
                "hostAPI": address,
                "syncConfig": { "resyncInterval": options.interval },
                "authentication": { "universalAuth": {
                    "credentialsRef": { "secretName": "credentials", "secretNamespace": namespace.name() },
                    "secretsScope": { "projectSlug": "bench", "envSlug": "dev", "secretsPath": format!("/app{}", number % options.folders) },
                } },
                "managedKubeSecretReferences": [{ "secretName": target(number), "secretNamespace": namespace.name() }],
            },
        }));
        async move {
            let object: api::v1alpha1::InfisicalSecret = object?;
            resources.create(&PostParams::default(), &object).await?;
            anyhow::Ok(())
        }
    });
    made.buffer_unordered(CONNECTIONS).try_collect::<()>().await
}

/// The API server's counts once its own controllers have calmed down.
async fn settled(client: &Client) -> anyhow::Result<Requests> {
    let mut before = Requests::read(client).await?;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = Requests::read(client).await?;
        if now.writes(&before) + now.reads(&before) == 0.0 {
            return Ok(now);
        }
        before = now;
    }
}

/// When every target held the given version. A watch sees it; lists would be counted as the operator's.
async fn synced(namespace: &Namespace, n: usize, version: u64, operator: &mut Process) -> anyhow::Result<Instant> {
    let wanted = format!("-v{version}");
    let api: Api<Secret> = namespace.api();
    let mut done = std::collections::HashSet::new();
    let mut watch = kube::runtime::watcher::watcher(api, kube::runtime::watcher::Config::default().streaming_lists()).boxed();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(300);
    while done.len() < n {
        operator.check_alive()?;
        let event =
            tokio::time::timeout_at(deadline, watch.try_next()).await.with_context(|| format!("{} of {n} synced", done.len()))??;
        use kube::runtime::watcher::Event::{Apply, InitApply};
        if let Some(Apply(secret) | InitApply(secret)) = event {
            let values: Vec<_> =
                secret.data.iter().flatten().filter(|(key, _)| key.starts_with("KEY_")).map(|(_, value)| &value.0).collect();
            if !values.is_empty() && values.iter().all(|value| value.ends_with(wanted.as_bytes())) {
                done.insert(secret.metadata.name);
            }
        }
    }
    Ok(Instant::now())
}

/// Waits until every resource says so itself.
async fn ready(namespace: &Namespace, n: usize, operator: &mut Process) -> anyhow::Result<()> {
    let api: Api<api::v1alpha1::InfisicalSecret> = namespace.api();
    let mut done = std::collections::HashSet::new();
    let mut watch = kube::runtime::watcher::watcher(api, kube::runtime::watcher::Config::default().streaming_lists()).boxed();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while done.len() < n {
        operator.check_alive()?;
        let event = tokio::time::timeout_at(deadline, watch.try_next()).await.with_context(|| format!("{} of {n} ready", done.len()))??;
        use kube::runtime::watcher::Event::{Apply, InitApply};
        if let Some(Apply(object) | InitApply(object)) = event {
            let conditions = object.status.map(|status| status.conditions).unwrap_or_default();
            if conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
                done.insert(object.metadata.name);
            }
        }
    }
    ensure!(done.len() == n);
    Ok(())
}
