//! Claims about Secrets: synced, followed, repaired.
use super::{PATIENCE, change, follows, ready, root, secrets_api, text};
use crate::environment::Environment;
use anyhow::{Context, Result, bail, ensure};
use infisical_dev_server::Place;
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use support::{Cluster, wait_for};

/// The API server answers; its controllers have made a service account, or there would be no control plane.
pub async fn control_plane(cluster: &Cluster) -> Result<String> {
    cluster.ready().await?;
    let version = cluster.client().apiserver_version().await?;
    Ok(format!("Kubernetes {}.{}", version.major, version.minor))
}

/// The three resources of the demo are ready, and their Secrets hold what the server holds.
pub async fn sync(environment: &Environment) -> Result<String> {
    let cluster = &environment.cluster;
    for name in ["universal", "kubernetes", "template"] {
        ready(cluster, name, |condition| condition.status == "True").await?;
    }
    let value = |place: Place, key: &str| environment.server.state().value(&place, key).with_context(|| format!("the server has no {key}"));
    let greeting = value(root(), "GREETING")?;
    let password = value(root(), "DATABASE_PASSWORD")?;
    let session = value(Place::new("demo", "dev", "/app/web"), "SESSION_KEY")?;
    let secret = follows(cluster, "universal", "GREETING", |found| found == greeting).await?;
    ensure!(text(&secret, "DATABASE_URL")?.contains(&password), "a reference is not expanded");
    text(&secret, "LOG_LEVEL").context("an import is missing")?;
    let keys = secret.data.map_or(0, |data| data.len());
    follows(cluster, "kubernetes", "SESSION_KEY", |found| found == session).await?;
    follows(cluster, "template", "app.env", |found| found.contains(&greeting) && found.contains(&password)).await?;
    Ok(format!("3 resources ready, {keys} keys in the first Secret"))
}

/// A value that is changed at the server arrives in two Secrets, as it is and rendered.
pub async fn edit(environment: &Environment) -> Result<String> {
    let value = change(&environment.server, "GREETING")?;
    follows(&environment.cluster, "universal", "GREETING", |found| found == value).await?;
    follows(&environment.cluster, "template", "app.env", |found| found.contains(&value)).await?;
    Ok("as it is and in a template".into())
}

/// A Secret is deleted; another one with the same data takes its place.
pub async fn deleted(environment: &Environment) -> Result<String> {
    let api = secrets_api(&environment.cluster);
    let before = api.get("universal").await?;
    api.delete("universal", &DeleteParams::default()).await?;
    wait_for("the Secret to be back", PATIENCE, async || {
        let Some(after) = api.get_opt("universal").await? else { bail!("it is not there") };
        ensure!(after.uid() != before.uid(), "it is still the old one");
        ensure!(after.data == before.data, "it has other data");
        Ok(())
    })
    .await?;
    Ok("with the same data".into())
}

/// A value is changed and a key added by hand; both are undone.
pub async fn edited_by_hand(environment: &Environment) -> Result<String> {
    let api = secrets_api(&environment.cluster);
    let Some(before) = api.get_opt("universal").await? else { bail!("it was not there to begin with") };
    let edit = json!({"stringData": {"GREETING": "edited by hand", "ADDED": "by hand"}});
    api.patch("universal", &PatchParams::default(), &Patch::Merge(edit)).await?;
    wait_for("the edit to be undone", PATIENCE, async || {
        let after = api.get("universal").await?;
        ensure!(after.data == before.data, "it is still edited");
        anyhow::Ok(())
    })
    .await?;
    Ok("an edited value and an added key are undone".into())
}
