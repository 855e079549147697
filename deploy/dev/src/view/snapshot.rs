//! What the view shows, as it is at one moment.
use api::{
    status::Conditions,
    text::Text,
    v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret},
    v1beta1::InfisicalStaticSecret,
    well_known::condition::READY,
};
use k8s_openapi::{NamespaceResourceScope, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{Api, ResourceExt, api::ListParams, core::object::HasStatus};
use serde::de::DeserializeOwned;
use std::{fmt::Debug, time::Duration};
use support::{Cluster, Endpoints, Metrics};

/// One moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Why the operator is not at work; None: it is.
    pub operator: Option<String>,
    pub resources: Result<Vec<Resource>, String>,
    pub plugins: Vec<Plugin>,
}

/// A resource of the user's, of any kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// `kind namespace/name`.
    pub name: String,
    /// Status of the condition; `-` before the first.
    pub ready: String,
    pub reason: String,
    pub message: String,
    /// Since one of its Secrets was last written.
    pub synced: Option<Duration>,
}

/// One plugin, since the operator started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plugin {
    pub name: String,
    pub version: String,
    pub calls: u64,
    pub failed: u64,
    /// Seconds.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
}

/// Looks at everything. What can't be seen is part of the picture.
pub async fn take(cluster: &Cluster, namespaces: &[String], endpoints: &Endpoints) -> Snapshot {
    let operator = endpoints.ready().await.err().map(|error| error.to_string());
    let plugins = match endpoints.metrics().await {
        Ok(metrics) => plugins(&metrics),
        Err(_) => Vec::new(),
    };
    Snapshot { operator, resources: resources(cluster, namespaces).await.map_err(|error| error.to_string()), plugins }
}

/// A kind in the view.
trait Shown:
    kube::Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus<Status: Conditions> + Clone + Debug + DeserializeOwned
{
    /// Namespace and name of the Secrets that it writes.
    fn secrets(&self) -> Vec<(&str, &str)>;
}

impl Shown for InfisicalSecret {
    fn secrets(&self) -> Vec<(&str, &str)> {
        let targets = self.spec.managed_kube_secret_references.iter().flatten().chain(&self.spec.managed_secret_reference);
        targets.filter_map(|target| Some((target.secret_namespace.text()?, target.secret_name.text()?))).collect()
    }
}

impl Shown for InfisicalStaticSecret {
    fn secrets(&self) -> Vec<(&str, &str)> {
        let targets = self.spec.targets.iter().flatten().filter(|target| target.kind.text() == Some("Secret"));
        targets.filter_map(|target| Some((target.namespace.text()?, target.name.text()?))).collect()
    }
}

impl Shown for InfisicalDynamicSecret {
    fn secrets(&self) -> Vec<(&str, &str)> {
        let target = self.spec.managed_secret_reference.iter();
        target.filter_map(|target| Some((target.secret_namespace.text()?, target.secret_name.text()?))).collect()
    }
}

impl Shown for InfisicalPushSecret {
    fn secrets(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }
}

async fn resources(cluster: &Cluster, namespaces: &[String]) -> kube::Result<Vec<Resource>> {
    let mut all = of_kind::<InfisicalSecret>(cluster, namespaces).await?;
    all.extend(of_kind::<InfisicalStaticSecret>(cluster, namespaces).await?);
    all.extend(of_kind::<InfisicalPushSecret>(cluster, namespaces).await?);
    all.extend(of_kind::<InfisicalDynamicSecret>(cluster, namespaces).await?);
    Ok(all)
}

async fn of_kind<K: Shown>(cluster: &Cluster, namespaces: &[String]) -> kube::Result<Vec<Resource>> {
    let client = cluster.client();
    let mut apis: Vec<Api<K>> = namespaces.iter().map(|name| Api::namespaced(client.clone(), name)).collect();
    if apis.is_empty() {
        apis.push(Api::all(client.clone()));
    }
    let now = Timestamp::now();
    let mut resources = Vec::new();
    for api in apis {
        for object in api.list(&ListParams::default()).await? {
            let synced = written(cluster, &object).await?.map(|at| now.duration_since(at).unsigned_abs());
            let conditions: &[Condition] = object.status().map(Conditions::conditions).unwrap_or_default();
            let condition = conditions.iter().find(|condition| condition.type_ == READY);
            resources.push(Resource {
                name: format!("{} {}/{}", K::kind(&()), object.namespace().unwrap_or_default(), object.name_any()),
                ready: condition.map_or("-", |condition| &condition.status).into(),
                reason: condition.map(|condition| condition.reason.clone()).unwrap_or_default(),
                message: condition.map(|condition| condition.message.clone()).unwrap_or_default(),
                synced,
            });
        }
    }
    Ok(resources)
}

/// When one of the Secrets of a resource was last written, by whoever. Reads their metadata alone.
async fn written(cluster: &Cluster, object: &impl Shown) -> kube::Result<Option<Timestamp>> {
    let mut last = None;
    for (namespace, name) in object.secrets() {
        let secrets: Api<Secret> = Api::namespaced(cluster.client().clone(), namespace);
        if let Some(secret) = secrets.get_metadata_opt(name).await? {
            let times = secret.managed_fields().iter().filter_map(|field| field.time.as_ref().map(|time| time.0));
            last = last.max(times.max());
        }
    }
    Ok(last)
}

fn plugins(metrics: &Metrics) -> Vec<Plugin> {
    const CALLS: &str = "infisical_operator_plugin_calls_total";
    const TIME: &str = "infisical_operator_plugin_call_duration_seconds";
    let loaded = metrics.all("infisical_operator_plugin_loaded", &[]);
    let mut plugins: Vec<_> = loaded
        .filter_map(|sample| Some((sample.labels.get("plugin")?, sample.labels.get("version")?)))
        .map(|(name, version)| {
            let calls = metrics.sum(CALLS, &[("plugin", name)]);
            let good = metrics.sum(CALLS, &[("plugin", name), ("outcome", "ok")]);
            Plugin {
                name: name.clone(),
                version: version.clone(),
                calls: whole(calls),
                failed: whole(calls - good),
                p50: metrics.quantile(TIME, &[("plugin", name)], 0.5),
                p99: metrics.quantile(TIME, &[("plugin", name)], 0.99),
            }
        })
        .collect();
    plugins.sort_by(|left, right| left.name.cmp(&right.name));
    plugins
}

/// Counters are whole numbers that travel as floating point ones.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of calls")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_and_failures_are_counted_by_plugin() {
        let text = r#"infisical_operator_plugin_loaded{plugin="b",version="0.1.0",digest="x"} 1
infisical_operator_plugin_loaded{plugin="a",version="0.2.0",digest="y"} 1
infisical_operator_plugin_calls_total{plugin="b",world="template",outcome="ok"} 3
infisical_operator_plugin_calls_total{plugin="b",world="template",outcome="Trapped"} 2
infisical_operator_plugin_call_duration_seconds_bucket{plugin="b",le="0.5"} 5
infisical_operator_plugin_call_duration_seconds_bucket{plugin="b",le="+Inf"} 5
"#;
        let shown = plugins(&Metrics::parse(text));
        let rows: Vec<_> = shown.iter().map(|row| (row.name.as_str(), row.version.as_str(), row.calls, row.failed, row.p50)).collect();
        assert_eq!(rows, [("a", "0.2.0", 0, 0, None), ("b", "0.1.0", 5, 2, Some(0.25))]);
    }
}
