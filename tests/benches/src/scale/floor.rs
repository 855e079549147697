//! The writes that no operator can avoid, and nothing else: what the API server alone takes for them.
use super::resources::{CONNECTIONS, Resources, resource, target};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use support::Cluster;

pub async fn measure(cluster: &Cluster, wanted: &Resources, keys: usize) -> anyhow::Result<Duration> {
    let namespace = cluster.namespace_named("floor").await?;
    let (secrets, resources) = (namespace.api::<Secret>(), wanted.api(&namespace));
    wanted.create(&namespace, "http://127.0.0.1:1").await?;
    let data: BTreeMap<String, String> = (0..keys).map(|key| (format!("KEY_{key}"), format!("value-{key}"))).collect();
    let began = Instant::now();
    let created = stream::iter(0..wanted.n).map(|number| {
        let (secrets, data) = (secrets.clone(), data.clone());
        async move {
            let metadata = kube::core::ObjectMeta { name: Some(target(number)), ..Default::default() };
            let secret = Secret { metadata, string_data: Some(data), ..Secret::default() };
            secrets.create(&PostParams::default(), &secret).await
        }
    });
    created.buffer_unordered(CONNECTIONS).try_for_each(|_| std::future::ready(Ok(()))).await?;
    let patched = stream::iter(0..wanted.n).map(|number| {
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
