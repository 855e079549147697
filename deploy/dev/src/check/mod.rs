//! `cargo dev -- --check`: the claims of the demo, each verified from outside, by what the API server, the Infisical server
//! and the operator's metrics say.
//!
//! Each claim waits for what it wants to see, with a limit, and never sleeps instead; only the outage lasts as long as it
//! says. A withheld cause must make its claim fail: that shows that the claim tests something.
mod instant;
mod lease;
mod outage;
mod plugins;
mod push;
mod reload;
mod secrets;

use crate::{demo, environment::Environment, options::Cause};
use anyhow::{Context, Result, ensure};
use api::{v1alpha1::InfisicalSecret, well_known::condition::READY};
use infisical_dev_server::{Place, Server};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Condition};
use kube::Api;
use std::{future::Future, time::Duration};
use support::{Cluster, wait_for};

/// For everything that should happen within seconds, on a machine that also compiles.
const PATIENCE: Duration = Duration::from_secs(60);

/// Verifies all claims. False: at least one does not hold.
///
/// # Errors
/// What lies outside of the claims, such as a demo that the API server refuses.
pub async fn run(environment: &mut Environment, withheld: Option<Cause>) -> Result<bool> {
    let mut report = Report::default();
    report.claim("control plane up", secrets::control_plane(&environment.cluster)).await;
    report.claim("bundle loaded", plugins::loaded(environment)).await;

    demo::apply(&environment.cluster, withheld != Some(Cause::Sync)).await?;
    if !report.claim("sync: secrets of Infisical are in the cluster", secrets::sync(environment)).await {
        println!("not tried: everything that needs a first sync");
        return Ok(report.end());
    }
    report.claim("edit: a change at the server is followed", secrets::edit(environment)).await;

    let told = instant::told(environment, withheld != Some(Cause::Instant));
    report.claim("instant: a change at the server is followed at once", told).await;
    let pushed = push::pushed(environment, withheld != Some(Cause::Push));
    report.claim("push: keys of a Secret, and a generated one, are in Infisical", pushed).await;
    let leased = lease::leased(environment, withheld != Some(Cause::Lease));
    report.claim("lease: credentials of a dynamic secret are good until the resource goes", leased).await;

    if withheld == Some(Cause::Repair) {
        environment.stop_operator().await?;
    }
    report.claim("repair: a deleted Secret is back", secrets::deleted(environment)).await;
    report.claim("repair: a Secret edited by hand is as it was", secrets::edited_by_hand(environment)).await;
    if withheld == Some(Cause::Repair) {
        environment.start_operator().await?;
    }

    if withheld == Some(Cause::Reload) {
        reload::opt_out(environment).await?;
    }
    report.claim("reload: a workload is restarted exactly once per change", reload::once(environment)).await;

    let newer = plugins::newer(environment, withheld != Some(Cause::Swap));
    report.claim("swap: a newer plugin takes over without a restart", newer).await;
    report.claim("swap: a broken plugin is refused, the one before serves", plugins::broken(environment)).await;
    let trap = plugins::trap(environment, withheld != Some(Cause::Trap));
    report.claim("trap: a trapping plugin is reported, the Secret unchanged", trap).await;

    let survived = outage::survived(environment, withheld == Some(Cause::Outage));
    report.claim("outage: ten seconds without Infisical change nothing", survived).await;
    Ok(report.end())
}

#[derive(Default)]
struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Prints a line for a claim; what it found where it holds, why not where it does not.
    async fn claim(&mut self, claim: &str, verified: impl Future<Output = Result<String>>) -> bool {
        match verified.await {
            Ok(found) => {
                self.passed += 1;
                println!("ok      {claim} ({found})");
                true
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED  {claim}: {error:#}");
                false
            }
        }
    }

    fn end(&self) -> bool {
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// The folder that most of the demo reads.
fn root() -> Place {
    Place::new("demo", "dev", "/")
}

/// Changes a secret of that folder to a value that it never had. Gives the value.
fn change(server: &Server, key: &str) -> Result<String> {
    let before = server.state().value(&root(), key).with_context(|| format!("the server has no {key}"))?;
    let after = format!("{before} again");
    server.state().set_secret(&root(), key, &after).map_err(|error| anyhow::anyhow!("the server refuses the edit: {error:?}"))?;
    Ok(after)
}

fn secrets_api(cluster: &Cluster) -> Api<Secret> {
    Api::namespaced(cluster.client().clone(), demo::NAMESPACE)
}

fn resources(cluster: &Cluster) -> Api<InfisicalSecret> {
    Api::namespaced(cluster.client().clone(), demo::NAMESPACE)
}

/// The text of one key. The errors of this and the following never hold a value.
fn text<'a>(secret: &'a Secret, key: &str) -> Result<&'a str> {
    let value = secret.data.as_ref().and_then(|data| data.get(key)).with_context(|| format!("it has no key {key}"))?;
    std::str::from_utf8(&value.0).with_context(|| format!("{key} is no text"))
}

/// Waits until a key of a Secret is as wanted.
async fn follows(cluster: &Cluster, name: &str, key: &str, wanted: impl Fn(&str) -> bool) -> Result<Secret> {
    let api = secrets_api(cluster);
    let found = wait_for(format!("{key} of Secret {name}"), PATIENCE, async || {
        let secret = api.get_opt(name).await?.context("it is not there")?;
        ensure!(wanted(text(&secret, key)?), "it has another value");
        anyhow::Ok(secret)
    });
    Ok(found.await?)
}

async fn condition(cluster: &Cluster, name: &str) -> Result<Condition> {
    let object = resources(cluster).get(name).await?;
    let conditions = object.status.map(|status| status.conditions).unwrap_or_default();
    conditions.into_iter().find(|condition| condition.type_ == READY).context("it has no condition Ready yet")
}

/// Waits until the condition Ready of a resource is as wanted.
async fn ready(cluster: &Cluster, name: &str, wanted: impl Fn(&Condition) -> bool) -> Result<Condition> {
    let found = wait_for(format!("the condition of {name}"), PATIENCE, async || {
        let condition = condition(cluster, name).await?;
        ensure!(wanted(&condition), "Ready is {} ({}): {}", condition.status, condition.reason, condition.message);
        anyhow::Ok(condition)
    });
    Ok(found.await?)
}
