//! Infisical is down for a while: nothing in the cluster changes, the resource says so, and afterwards all is made up for.
use super::{change, condition, follows, ready, secrets_api};
use crate::environment::Environment;
use anyhow::{Result, ensure};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::time::{Duration, Instant};

/// Two intervals of the demo's resources.
const OUTAGE: Duration = Duration::from_secs(10);

/// With `sabotage`, the operator is stopped and the Secret edited meanwhile.
pub async fn survived(environment: &mut Environment, sabotage: bool) -> Result<String> {
    let begun = Instant::now();
    environment.server.faults().refuse_connections(true);
    let kept = during(environment, begun, sabotage).await;
    environment.server.faults().refuse_connections(false);
    let value = kept?;
    follows(&environment.cluster, "universal", "GREETING", |found| found == value).await?;
    ready(&environment.cluster, "universal", |condition| condition.status == "True").await?;
    Ok("the resource said so, the Secret stayed, a change made meanwhile arrived".into())
}

/// Gives the value that the source has after the outage.
async fn during(environment: &mut Environment, begun: Instant, sabotage: bool) -> Result<String> {
    let secrets = secrets_api(&environment.cluster);
    let before = secrets.get("universal").await?;
    let value = change(&environment.server, "GREETING")?;
    if sabotage {
        environment.stop_operator().await?;
        let edit = json!({"stringData": {"GREETING": "edited by hand"}});
        secrets.patch("universal", &PatchParams::default(), &Patch::Merge(edit)).await?;
    } else {
        ready(&environment.cluster, "universal", |condition| condition.status == "False").await?;
    }
    tokio::time::sleep(OUTAGE.saturating_sub(begun.elapsed())).await;
    let after = secrets.get("universal").await?;
    ensure!(after.resource_version() == before.resource_version(), "the Secret changed during the outage");
    let said = condition(&environment.cluster, "universal").await?;
    ensure!(said.status == "False", "the resource says that all is well");
    Ok(value)
}
