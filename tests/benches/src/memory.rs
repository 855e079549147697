//! Memory against what the cluster holds beside: Secrets that no resource names must not matter.
//!
//! The same resources are synced twice by a new process each time: in a cluster with nothing else in it, and beside many
//! unrelated Secrets. The figure is the resident memory once everything is ready, and its peak.
use crate::{
    process,
    scale::{CONNECTIONS, Resources, seen},
    stub::Stub,
};
use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::PostParams;
use serde_json::json;
use std::time::Duration;
use support::{Cluster, ControlPlane, Namespace, Operator, Setup};

#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(flatten)]
    resources: Resources,
    /// Secrets that nobody names.
    #[arg(long, default_value_t = 10_000)]
    unrelated: usize,
    /// Bytes in each of them.
    #[arg(long, default_value_t = 10 * 1024)]
    size: usize,
}

/// Keys in each folder.
const KEYS: usize = 10;

pub async fn run(options: &Options) -> anyhow::Result<()> {
    println!("control plane, bundle and operator …");
    let plane = ControlPlane::exclusive().await?;
    let cluster = plane.cluster();
    cluster.establish(api::crds::crds()).await?;
    let (_stub, address) = Stub::start(Duration::ZERO, KEYS, options.resources.folders).await?;
    let namespace = cluster.namespace_named("bench").await?;
    options.resources.create(&namespace, &address).await?;
    // The first compiles the plugins.
    let state = tempfile::tempdir()?;
    used(cluster, &namespace, &options.resources, state.path()).await?;

    let alone = used(cluster, &namespace, &options.resources, state.path()).await?;
    println!("{} unrelated Secrets of {} bytes …", options.unrelated, options.size);
    fill(cluster, options).await?;
    let beside = used(cluster, &namespace, &options.resources, state.path()).await?;

    let row = |name: &str, used: Used| println!("{name:<40}{:>10.1} MiB, at most {:.1} MiB", used.resident, used.peak);
    println!();
    row("alone", alone);
    row("beside the unrelated Secrets", beside);
    println!("{:<40}{:>10.2}", "ratio", beside.resident / alone.resident);
    println!(
        "{}",
        json!({
            "n": options.resources.n, "unrelated": options.unrelated, "size": options.size,
            "alone_mib": alone.resident, "alone_peak_mib": alone.peak, "beside_mib": beside.resident, "beside_peak_mib": beside.peak,
        })
    );
    Ok(())
}

/// MiB.
#[derive(Clone, Copy)]
struct Used {
    resident: f64,
    peak: f64,
}

/// Of a new process that has everything ready.
async fn used(cluster: &Cluster, namespace: &Namespace, resources: &Resources, state: &std::path::Path) -> anyhow::Result<Used> {
    let bundle = support::default_bundle().await?.folder;
    let program = Setup::program().await?;
    let setup = Setup { arguments: vec!["--log-level=warn".into()], ..Setup::new(cluster.kubeconfig(), &bundle, state)? };
    let mut running = Operator::start(&program, &setup)?;
    running.ready().await?;
    let process = running.process();
    seen::synced(namespace, resources.n, 1, process).await?;
    seen::ready(namespace, resources, process).await?;
    let used = Used { resident: process::resident_mib(process.id())?, peak: process::peak_mib(process.id())? };
    running.stop().await?;
    Ok(used)
}

async fn fill(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let api = cluster.namespace_named("unrelated").await?.api::<Secret>();
    let made = stream::iter(0..options.unrelated).map(|number| {
        let api = api.clone();
        let secret = Secret {
            metadata: kube::core::ObjectMeta { name: Some(format!("unrelated-{number}")), ..Default::default() },
            data: Some([("value".to_owned(), ByteString(vec![b'x'; options.size]))].into()),
            ..Secret::default()
        };
        async move { api.create(&PostParams::default(), &secret).await.map(drop).context("an unrelated Secret") }
    });
    made.buffer_unordered(CONNECTIONS).try_collect().await
}
