//! Claims about plugins: loaded, swapped, refused, trapped.
use super::{PATIENCE, change, follows, ready, resources, secrets_api};
use crate::{demo::NAMESPACE, environment::Environment};
use anyhow::{Context, Result, ensure};
use bundle::{Bundle, Entry};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use support::{Metrics, build_plugins, wait_for};

const LOADED: &str = "infisical_operator_plugin_loaded";
const LOADS: &str = "infisical_operator_plugin_loads_total";
const TEMPLATE: &str = "go-template";

/// A resource whose login is changed to that of the trapping plugin.
const TRAP: &str = include_str!("../../check/trap.yaml");

/// Every plugin of the bundle serves, in the version that the bundle has.
pub async fn loaded(environment: &mut Environment) -> Result<String> {
    let metrics = environment.operator()?.metrics().await?;
    for plugin in &environment.plugins {
        let found = version(&metrics, &plugin.name).with_context(|| format!("{} is not loaded", plugin.name))?;
        ensure!(found == plugin.version, "{} is loaded in version {found} instead of {}", plugin.name, plugin.version);
    }
    let names: Vec<_> = environment.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    Ok(names.join(", "))
}

/// A newer version is dropped into the bundle folder. The same process renders with it, and what the older one rendered is
/// rendered again.
pub async fn newer(environment: &mut Environment, drop_it: bool) -> Result<String> {
    let newer = build_plugins(&["newer-template"]).await?;
    let (entry, component) = only(&newer)?;
    let process = environment.operator()?.process().id();
    if drop_it {
        environment.bundle.install(entry, &component)?;
    }
    serves(environment, &entry.version).await?;
    let mark = format!("# {TEMPLATE} {}", entry.version);
    follows(&environment.cluster, "template", "app.env", |found| found.contains(&mark)).await?;
    let operator = environment.operator()?.process();
    operator.check_alive()?;
    ensure!(operator.id() == process, "another process took over");
    Ok(format!("{TEMPLATE} {}, same process", entry.version))
}

/// A file that is no component, with the highest version, is refused; an edit at the server is still rendered by the
/// version before.
pub async fn broken(environment: &mut Environment) -> Result<String> {
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0 and then nothing that makes sense";
    let metrics = environment.operator()?.metrics().await?;
    let before = version(&metrics, TEMPLATE).context("no version is loaded")?;
    let failed = |metrics: &Metrics| metrics.sum(LOADS, &[("plugin", TEMPLATE), ("outcome", "failed")]);
    let failures = failed(&metrics);

    let good = environment.bundle.entry(TEMPLATE)?;
    let entry = Entry {
        version: "100.0.0".into(),
        digest: format!("sha256:{}", hex::encode(Sha256::digest(COMPONENT))),
        size: COMPONENT.len() as u64,
        ..good.clone()
    };
    environment.bundle.install(&entry, COMPONENT)?;
    let operator = environment.operator()?;
    wait_for("the broken plugin to be refused", PATIENCE, async || {
        ensure!(failed(&operator.metrics().await?) > failures, "no load has failed yet");
        anyhow::Ok(())
    })
    .await?;
    serves(environment, &before).await?;
    let value = change(&environment.server, "GREETING")?;
    follows(&environment.cluster, "template", "app.env", |found| found.contains(&value)).await?;
    // Its file is still there.
    environment.bundle.list(&good)?;
    Ok(format!("{TEMPLATE} {before} goes on"))
}

/// A resource that is in sync is given a login whose plugin traps. The resource says so; its Secret stays untouched.
pub async fn trap(environment: &mut Environment, install: bool) -> Result<String> {
    let hostile = build_plugins(&["hostile-guest"]).await?;
    let (entry, component) = only(&hostile)?;
    if install {
        environment.bundle.install(entry, &component)?;
        serves_plugin(environment, &entry.name, &entry.version).await?;
    }
    let cluster = &environment.cluster;
    cluster.apply(TRAP, NAMESPACE).await?;
    ready(cluster, "trap", |condition| condition.status == "True").await?;
    let before = secrets_api(cluster).get("trap").await?;
    let scope = json!({"projectSlug": "demo", "envSlug": "dev", "secretsPath": "/"});
    let plugin = json!({"name": entry.name, "settings": {"do": "trap"}, "secretsScope": scope});
    let patch = json!({"spec": {"authentication": {"universalAuth": null, "plugin": plugin}}});
    let edited = resources(cluster).patch("trap", &PatchParams::default(), &Patch::Merge(patch)).await?;
    let seen = |generation: Option<i64>| generation >= edited.metadata.generation;
    let condition = ready(cluster, "trap", |condition| condition.status == "False" && seen(condition.observed_generation)).await?;
    ensure!(condition.reason == "PluginTrapped", "the reason is {}: {}", condition.reason, condition.message);
    let after = secrets_api(cluster).get("trap").await?;
    ensure!(after.resource_version() == before.resource_version(), "the Secret was written");
    // Neither the plugin nor its resource is in the way of others.
    let value = change(&environment.server, "GREETING")?;
    follows(cluster, "universal", "GREETING", |found| found == value).await?;
    let after = secrets_api(cluster).get("trap").await?;
    ensure!(after.resource_version() == before.resource_version(), "the Secret was written");
    Ok(format!("{}, others go on", condition.reason))
}

fn version(metrics: &Metrics, plugin: &str) -> Option<String> {
    metrics.all(LOADED, &[("plugin", plugin)]).next().and_then(|sample| sample.labels.get("version").cloned())
}

async fn serves(environment: &mut Environment, wanted: &str) -> Result<()> {
    serves_plugin(environment, TEMPLATE, wanted).await
}

async fn serves_plugin(environment: &mut Environment, plugin: &str, wanted: &str) -> Result<()> {
    let operator = environment.operator()?;
    wait_for(format_args!("{plugin} {wanted} to serve"), PATIENCE, async || {
        let found = version(&operator.metrics().await?, plugin).context("none does")?;
        ensure!(found == wanted, "{found} does");
        anyhow::Ok(())
    })
    .await?;
    Ok(())
}

/// The one plugin of a bundle, and its component.
fn only(bundle: &Bundle) -> Result<(&Entry, Vec<u8>)> {
    let entry = bundle.index.plugins.first().context("nothing was built")?;
    Ok((entry, std::fs::read(bundle.folder.join(&entry.file))?))
}
