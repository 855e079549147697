//! What the API server was asked, from its own metrics.
use anyhow::Context;
use std::collections::BTreeMap;

/// Requests that reached the API server, by verb and resource.
#[derive(Clone, Debug, Default)]
pub struct Requests(BTreeMap<(String, String), f64>);

/// What an operator reads or writes. Leases are left out: the controllers renew theirs all the time.
const RESOURCES: [&str; 11] = [
    "secrets",
    "configmaps",
    "infisicalsecrets",
    "infisicalstaticsecrets",
    "infisicalauths",
    "infisicalconnections",
    "events",
    "serviceaccounts",
    "deployments",
    "statefulsets",
    "daemonsets",
];

impl Requests {
    /// Reads `/metrics` of the API server.
    pub async fn read(client: &kube::Client) -> anyhow::Result<Self> {
        let request = axum::http::Request::get("/metrics").body(Vec::new())?;
        let text = client.request_text(request).await.context("the API server's metrics")?;
        let mut requests = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with("apiserver_request_total{")) {
            let label = |name: &str| {
                let rest = line.split_once(&format!("{name}=\""))?.1;
                Some(rest.split_once('"')?.0.to_owned())
            };
            let count = line.rsplit_once(' ').and_then(|(_, count)| count.parse::<f64>().ok()).unwrap_or_default();
            if let (Some(verb), Some(resource)) = (label("verb"), label("resource")) {
                *requests.entry((verb, resource)).or_default() += count;
            }
        }
        Ok(Self(requests))
    }

    fn sum(&self, since: &Self, verbs: &[&str]) -> f64 {
        let wanted = |(verb, resource): &&(String, String)| verbs.contains(&verb.as_str()) && RESOURCES.contains(&resource.as_str());
        self.0.keys().filter(wanted).map(|key| self.0.get(key).unwrap_or(&0.0) - since.0.get(key).unwrap_or(&0.0)).sum()
    }

    pub fn writes(&self, since: &Self) -> f64 {
        self.sum(since, &["POST", "PUT", "PATCH", "APPLY", "DELETE"])
    }

    /// GET and LIST; a watch is one request however long it lasts.
    pub fn reads(&self, since: &Self) -> f64 {
        self.sum(since, &["GET", "LIST"])
    }

    /// For the table: what was asked, most first.
    pub fn difference(&self, since: &Self) -> Vec<(String, f64)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .filter(|((_, resource), _)| RESOURCES.contains(&resource.as_str()))
            .map(|(key, count)| (format!("{} {}", key.0, key.1), count - since.0.get(key).unwrap_or(&0.0)))
            .filter(|(_, count)| *count > 0.0)
            .collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}
