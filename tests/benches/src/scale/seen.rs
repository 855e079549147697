//! What a run waits for, by watches: lists would be counted as the operator's.
use super::Resources;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Resource, ResourceExt,
    runtime::watcher::{
        self,
        Event::{Apply, InitApply},
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::HashSet,
    fmt::Debug,
    time::{Duration, Instant},
};
use support::{Namespace, Process};

/// When every target held the given version.
pub async fn synced(namespace: &Namespace, n: usize, version: u64, operator: &mut Process) -> anyhow::Result<Instant> {
    let wanted = format!("-v{version}");
    let holds = |secret: &Secret| {
        let values: Vec<_> = secret.data.iter().flatten().filter(|(key, _)| key.starts_with("KEY_")).map(|(_, value)| &value.0).collect();
        !values.is_empty() && values.iter().all(|value| value.ends_with(wanted.as_bytes()))
    };
    all(namespace.api(), n, operator, "synced", holds).await
}

/// When every resource said so itself.
pub async fn ready(namespace: &Namespace, resources: &Resources, operator: &mut Process) -> anyhow::Result<Instant> {
    let is_ready = |object: &kube::api::DynamicObject| {
        let conditions = object.data.pointer("/status/conditions").and_then(|conditions| conditions.as_array());
        conditions.into_iter().flatten().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    };
    all(resources.api(namespace), resources.n, operator, "ready", is_ready).await
}

async fn all<K>(api: Api<K>, n: usize, operator: &mut Process, what: &str, is_done: impl Fn(&K) -> bool) -> anyhow::Result<Instant>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut done = HashSet::new();
    let mut watch = watcher::watcher(api, watcher::Config::default().streaming_lists()).boxed();
    // The slowest peer takes two minutes for a thousand.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(300).max(Duration::from_millis(300) * n as u32);
    while done.len() < n {
        operator.check_alive()?;
        let event =
            tokio::time::timeout_at(deadline, watch.try_next()).await.with_context(|| format!("{} of {n} {what}", done.len()))??;
        if let Some(Apply(object) | InitApply(object)) = event
            && is_done(&object)
        {
            done.insert(object.name_any());
        }
    }
    Ok(Instant::now())
}
