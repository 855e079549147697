//! Many resources over few folders with one identity, as `ARCHITECTURE.md` promises figures for.
//!
//! In one run: the floor (what the API server alone takes for the writes that can't be avoided), the first sync, a minute in
//! which nothing changes, and a change of every value. Calls are counted by the stub, reads and writes by the API server.
mod floor;
mod resources;
pub mod seen;

pub use resources::{CONNECTIONS, Resources};

use crate::{duration, process, requests::Requests, stub::Stub};
use kube::Client;
use serde_json::json;
use std::time::{Duration, Instant};
use support::{ControlPlane, Operator, Process, Setup};

#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(flatten)]
    resources: Resources,
    /// Of each call to the stub.
    #[arg(long, default_value = "20ms", value_parser = duration)]
    latency: Duration,
    /// In each folder.
    #[arg(long, default_value_t = 10)]
    keys: usize,
    /// How long nothing changes.
    #[arg(long, default_value = "60s", value_parser = duration)]
    quiet: Duration,
}

pub async fn run(options: &Options) -> anyhow::Result<()> {
    println!("control plane, bundle and operator …");
    let plane = ControlPlane::exclusive().await?;
    let cluster = plane.cluster();
    cluster.establish(api::crds::crds()).await?;
    let bundle = support::default_bundle().await?.folder;
    let program = Setup::program().await?;

    let n = options.resources.n;
    println!("floor: {n} creates of Secrets and as many status patches, {} connections …", CONNECTIONS);
    let floor = floor::measure(cluster, &options.resources, options.keys).await?;

    let (stub, address) = Stub::start(options.latency, options.keys, options.resources.folders).await?;
    let namespace = cluster.namespace_named("bench").await?;
    println!("{n} resources over {} folders …", options.resources.folders);
    options.resources.create(&namespace, &address).await?;

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
    let first_sync = seen::synced(&namespace, n, 1, operator).await? - began;
    seen::ready(&namespace, &options.resources, operator).await?;
    let first = Figures::read(operator, cluster.client(), &stub).await?;
    let rss = process::resident_mib(operator.id())?;

    println!("nothing changes for {:?} …", options.quiet);
    tokio::time::sleep(options.quiet).await;
    let quiet = Figures::read(operator, cluster.client(), &stub).await?;

    println!("every value changes …");
    let changed = Instant::now();
    let version = stub.change_all();
    let change_all = seen::synced(&namespace, n, version, operator).await? - changed;
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
            "kind": options.resources.kind.plural(),
            "instant": options.resources.instant,
            "n": n,
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
