//! A change at the server reaches a resource that would look only once an hour.
use super::{PATIENCE, follows};
use crate::{demo::NAMESPACE, environment::Environment};
use anyhow::{Context, Result};
use api::v1beta1::InfisicalStaticSecret;
use infisical_dev_server::Place;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::json;
use std::time::Instant;

const KEY: &str = "SESSION_KEY";

/// Unless it is `asked` for, the server tells nothing.
pub async fn told(environment: &Environment, asked: bool) -> Result<String> {
    let cluster = &environment.cluster;
    if !asked {
        let api: Api<InfisicalStaticSecret> = Api::namespaced(cluster.client().clone(), NAMESPACE);
        let patch = json!({"spec": {"syncOptions": {"instantUpdates": false}}});
        api.patch("static", &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    let (server, place) = (environment.server.state(), Place::new("demo", "dev", "/app/web"));
    let before = server.value(&place, KEY).with_context(|| format!("the server has no {KEY}"))?;
    follows(cluster, "static", KEY, |found| found == before).await?;
    let streams = environment.server.streams();
    let open = tokio::time::timeout(PATIENCE, streams.wait_for_open(usize::from(asked))).await;
    open.ok().with_context(|| format!("{} streams are open", streams.open()))?;
    let after = format!("{before} again");
    server.set_secret(&place, KEY, &after).map_err(|error| anyhow::anyhow!("the server refuses the edit: {error:?}"))?;
    let began = Instant::now();
    follows(cluster, "static", KEY, |found| found == after).await?;
    Ok(format!("after {} ms, with an interval of an hour", began.elapsed().as_millis()))
}
