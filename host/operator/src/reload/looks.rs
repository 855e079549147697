//! What workloads read, found out by reading whole ones: once for each version of their spec, whoever asks.
//!
//! A look that failed is remembered, so that not every pass repeats it, and repeated by itself after a pause: no watch tells when a
//! right was granted.
use super::{
    Reloader,
    consumes::{Consumed, consumes},
    kind::Kind,
    workloads::{SpecVersion, Workload},
};
use crate::{
    cluster::{Key, RequestError},
    object::Name,
    outcome::Fault,
};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::FuturesUnordered,
};
use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// What a workload reads.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    pub consumed: BTreeSet<Consumed>,
    /// The Deployment beside it whose pod template says so, where it has none of its own.
    pub template_of: Option<String>,
}

type Look = Shared<BoxFuture<'static, Result<Arc<Reads>, Fault>>>;

/// What is known of what a workload reads.
#[derive(Clone)]
pub(crate) enum Known {
    Nothing,
    /// Being looked at. Whoever waits polls it.
    Looking(Look),
    /// It could not be looked at.
    Failed {
        fault: Fault,
        again: Instant,
    },
    Reads(Arc<Reads>),
}

/// A workload to be looked at.
pub(super) enum ToLook {
    Now(Workload),
    After(Workload, Duration),
}

impl Reloader {
    /// Looks at one after the other, for ever. A failure is reported by a pass.
    pub(super) async fn look_at_all(&self, mut to_look: mpsc::UnboundedReceiver<ToLook>) {
        let mut later = FuturesUnordered::new();
        loop {
            let workload = tokio::select! {
                next = to_look.recv() => match next {
                    None => return,
                    Some(ToLook::Now(workload)) => workload,
                    Some(ToLook::After(workload, pause)) => {
                        later.push(tokio::time::sleep(pause).map(|()| workload));
                        continue;
                    }
                },
                Some(workload) = later.next() => workload,
            };
            drop(self.reads(&workload).await);
        }
    }

    /// Has it looked at, and wakes whoever has a target that it did not read before.
    pub(super) fn look_at(&self, workload: Workload) {
        self.workloads().wake_at_next_look(&workload);
        // The receiver is gone only while the process ends.
        drop(self.inner.looks.send(ToLook::Now(workload)));
    }

    /// What a workload reads. None: it is gone, or opted out.
    pub(super) async fn reads(&self, workload: &Workload) -> Option<Result<Arc<Reads>, Fault>> {
        let look = {
            let mut workloads = self.workloads();
            match workloads.known(workload)? {
                Known::Reads(reads) => return Some(Ok(reads)),
                Known::Looking(look) => look,
                Known::Failed { fault, again } if Instant::now() < again => return Some(Err(fault)),
                Known::Nothing | Known::Failed { .. } => {
                    let start = |ticket| Known::Looking(self.clone().look(workload.clone(), ticket).boxed().shared());
                    match workloads.begin(workload, start)? {
                        Known::Looking(look) => look,
                        Known::Reads(_) | Known::Nothing | Known::Failed { .. } => return None,
                    }
                }
            }
        };
        Some(look.await)
    }

    async fn look(self, workload: Workload, ticket: u64) -> Result<Arc<Reads>, Fault> {
        let reads = match self.find_reads(&workload, ticket).await {
            Ok(reads) => Arc::new(reads),
            Err(error) => return Err(self.could_not_look(workload, ticket, &error)),
        };
        let new = self.workloads().land(&workload, ticket, Arc::clone(&reads));
        for Consumed { kind, name } in new {
            let key = Key { kind, name: Name::new(&workload.name.namespace, name) };
            self.inner.cluster.wake_target(&key);
        }
        Ok(reads)
    }

    fn could_not_look(&self, workload: Workload, ticket: u64, error: &RequestError) -> Fault {
        let fault = error.fault(&format!("get {workload}"), std::iter::empty());
        let failed = self.workloads().fail(&workload, ticket, fault.clone(), Instant::now(), rand::random());
        if let Some(pause) = failed {
            tracing::warn!(%workload, reason = fault.reason, fault.message, "could not look at a workload that opted in to restarts");
            // The receiver is gone only while the process ends.
            drop(self.inner.looks.send(ToLook::After(workload, pause)));
        }
        fault
    }

    async fn find_reads(&self, workload: &Workload, ticket: u64) -> Result<Reads, RequestError> {
        let Name { namespace, name } = &workload.name;
        let requests = self.inner.cluster.requests();
        let Some(whole) = requests.get::<Whole>(workload.kind.collection(namespace), name).await? else { return Ok(Reads::default()) };
        let Some(deployment) = whole.spec.deployment().filter(|_| workload.kind == Kind::Rollout) else {
            return Ok(Reads { consumed: whole.spec.consumes(), template_of: None });
        };
        let other = Workload { kind: Kind::Deployment, name: Name::new(namespace, deployment) };
        self.workloads().refer(workload, ticket, &other);
        let referred = requests.get::<Whole>(other.kind.collection(namespace), deployment).await?;
        let spec = referred.as_ref().map(|whole| SpecVersion::of(&whole.metadata)).unwrap_or_default();
        self.workloads().referred_in(&other, spec);
        let consumed = referred.map(|whole| whole.spec.consumes()).unwrap_or_default();
        Ok(Reads { consumed, template_of: Some(deployment.to_owned()) })
    }
}

/// What all kinds have in common.
#[derive(serde::Deserialize)]
struct Whole {
    #[serde(default)]
    metadata: ObjectMeta,
    spec: WholeSpec,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct WholeSpec {
    template: Option<PodTemplateSpec>,
    workload_ref: Option<WorkloadRef>,
}

/// Of a Rollout: the object whose pod template it uses.
#[derive(serde::Deserialize)]
struct WorkloadRef {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

impl WholeSpec {
    fn consumes(&self) -> BTreeSet<Consumed> {
        self.template.as_ref().and_then(|template| template.spec.as_ref()).map(consumes).unwrap_or_default()
    }

    fn deployment(&self) -> Option<&str> {
        let reference = self.workload_ref.as_ref()?;
        (reference.kind == "Deployment" && !reference.name.is_empty()).then_some(reference.name.as_str())
    }
}
