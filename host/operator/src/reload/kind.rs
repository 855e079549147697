//! The kinds of workloads. Those of Kubernetes are always there; Argo's Rollout is where somebody installed it, which is found out
//! by asking, so that nothing here depends on it.
use crate::cluster::{RequestError, Requests, collection};
use k8s_openapi::{
    NamespaceResourceScope,
    api::apps::v1::{DaemonSet, Deployment, StatefulSet},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::Deserialize;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display)]
pub(crate) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
    /// Of Argo Rollouts.
    Rollout,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Rollout];

    pub const fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
            Self::Rollout => ROLLOUTS,
        }
    }

    pub fn collection(self, namespace: &str) -> String {
        match self {
            Self::Deployment => collection::<Deployment>(namespace),
            Self::StatefulSet => collection::<StatefulSet>(namespace),
            Self::DaemonSet => collection::<DaemonSet>(namespace),
            Self::Rollout => collection::<Rollout>(namespace),
        }
    }

    pub fn of(resource: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.resource() == resource).unwrap_or(Self::DaemonSet)
    }
}

const ROLLOUTS: &str = "rollouts";

/// A Rollout of Argo, of which only the metadata is watched.
pub(crate) struct Rollout {
    metadata: ObjectMeta,
}

impl k8s_openapi::Resource for Rollout {
    const API_VERSION: &'static str = "argoproj.io/v1alpha1";
    const GROUP: &'static str = "argoproj.io";
    const KIND: &'static str = "Rollout";
    const VERSION: &'static str = "v1alpha1";
    const URL_PATH_SEGMENT: &'static str = ROLLOUTS;
    type Scope = NamespaceResourceScope;
}

impl k8s_openapi::Metadata for Rollout {
    type Ty = ObjectMeta;

    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// What an API server says of a group.
#[derive(Deserialize)]
struct Served {
    #[serde(default)]
    resources: Vec<ServedResource>,
}

#[derive(Deserialize)]
struct ServedResource {
    name: String,
}

/// Whether the API server serves Rollouts. Everybody may ask.
pub(crate) async fn serves_rollouts(requests: &Requests) -> Result<bool, RequestError> {
    let group = format!("/apis/{}", <Rollout as k8s_openapi::Resource>::GROUP);
    let served: Option<Served> = requests.get(group, <Rollout as k8s_openapi::Resource>::VERSION).await?;
    Ok(served.is_some_and(|served| served.resources.iter().any(|resource| resource.name == ROLLOUTS)))
}
