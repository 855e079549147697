//! The demo: what is applied to the cluster.
use anyhow::Result;
use support::Cluster;

/// Namespace of everything in the demo.
pub const NAMESPACE: &str = "demo";

const SPACE: &str = include_str!("../demo/namespace.yaml");
const CREDENTIALS: &str = include_str!("../demo/credentials.yaml");
const REST: [&str; 7] = [
    include_str!("../demo/universal.yaml"),
    include_str!("../demo/kubernetes.yaml"),
    include_str!("../demo/template.yaml"),
    include_str!("../demo/static.yaml"),
    include_str!("../demo/push.yaml"),
    include_str!("../demo/lease.yaml"),
    include_str!("../demo/workload.yaml"),
];

/// Applies the demo, with or without the Secret that the machine identity logs in with.
///
/// # Errors
/// What the API server says against it.
pub async fn apply(cluster: &Cluster, credentials: bool) -> Result<()> {
    cluster.apply(SPACE, NAMESPACE).await?;
    if credentials {
        cluster.apply(CREDENTIALS, NAMESPACE).await?;
    }
    for yaml in REST {
        cluster.apply(yaml, NAMESPACE).await?;
    }
    Ok(())
}
