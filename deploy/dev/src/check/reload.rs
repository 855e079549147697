//! A workload that opted in is restarted once for each change of its Secret.
use super::{PATIENCE, change, follows, secrets_api};
use crate::{demo::NAMESPACE, environment::Environment};
use anyhow::{Context, Result, ensure};
use api::well_known::annotation::{AUTO_RELOAD, MANAGED_SECRET_PREFIX, VERSION};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::collections::BTreeMap;
use support::wait_for;

const WORKLOAD: &str = "web";
const SECRET: &str = "universal";

fn deployments(environment: &Environment) -> Api<Deployment> {
    Api::namespaced(environment.cluster.client().clone(), NAMESPACE)
}

/// Takes back the wish to be restarted.
pub async fn opt_out(environment: &Environment) -> Result<()> {
    let patch = json!({"metadata": {"annotations": {AUTO_RELOAD: null}}});
    deployments(environment).patch(WORKLOAD, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

/// Two changes, each followed by one restart and no more, although the operator passes again and again. The generation of
/// a Deployment counts the changes of its spec, and nobody else changes it here.
pub async fn once(environment: &mut Environment) -> Result<String> {
    // Whatever went before must be behind the workload first.
    restarted(environment).await?;
    for _ in 0..2 {
        let before = generation(environment).await?;
        restarted(environment).await?;
        passes(environment).await?;
        let restarts = generation(environment).await? - before;
        ensure!(restarts == 1, "one change made {restarts} restarts");
    }
    Ok("2 changes, 2 restarts".into())
}

async fn generation(environment: &Environment) -> Result<i64> {
    deployments(environment).get(WORKLOAD).await?.metadata.generation.context("it has no generation")
}

/// Changes the source and waits until the pods of the workload run with the new Secret.
async fn restarted(environment: &Environment) -> Result<()> {
    let value = change(&environment.server, "GREETING")?;
    follows(&environment.cluster, SECRET, "GREETING", |found| found == value).await?;
    let (secrets, deployments) = (secrets_api(&environment.cluster), deployments(environment));
    let noted = format!("{MANAGED_SECRET_PREFIX}{SECRET}");
    wait_for(format_args!("the restart of {WORKLOAD}"), PATIENCE, async || {
        let secret = secrets.get(SECRET).await?;
        let wanted = secret.annotations().get(VERSION).context("the Secret has no version")?;
        let template = deployments.get(WORKLOAD).await?.spec.map(|spec| spec.template.metadata.unwrap_or_default());
        let found: BTreeMap<_, _> = template.and_then(|template| template.annotations).unwrap_or_default();
        ensure!(found.get(&noted) == Some(wanted), "its pods do not run with the Secret's version");
        anyhow::Ok(())
    })
    .await?;
    Ok(())
}

/// Waits until the operator has passed over its resources twice more: one of the passes may have begun before.
async fn passes(environment: &mut Environment) -> Result<()> {
    const PASSES: &str = "infisical_operator_reconciles_total";
    let resources = 3.0;
    let operator = environment.operator()?;
    let wanted = operator.metrics().await?.sum(PASSES, &[]) + 2.0 * resources;
    wait_for("the operator to pass again", PATIENCE, async || {
        let now = operator.metrics().await?.sum(PASSES, &[]);
        ensure!(now >= wanted, "{} passes are missing", wanted - now);
        anyhow::Ok(())
    })
    .await?;
    Ok(())
}
