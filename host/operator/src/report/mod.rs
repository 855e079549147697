//! What users see of an outcome: conditions, an Event, a metric, a line in the log, and when the next try is.
//!
//! Promised: every path ends here; the status is written only when it differs, and holds nothing that changes from pass to
//! pass, so that a quiet minute writes nothing. Where the role does not allow Events, that is said once in the log.
mod conditions;
mod event;
mod retry;

pub use conditions::conditions;
pub use event::{Note, note};
pub use retry::{Backoff, next_try};

use crate::{cluster::Requests, metrics::Metrics, object::ObjectRef, outcome::Outcome};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
    core::object::HasStatus,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde::de::DeserializeOwned;
use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// Writes statuses and Events.
pub struct Reports {
    client: kube::Client,
    /// Shared with the writes of targets.
    writes: Arc<Semaphore>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    events_refused: AtomicBool,
    /// Statuses of ours that the watch may not have shown yet.
    written: Mutex<HashMap<ObjectRef, Written>>,
}

/// What was written over which version: while a watch still shows that version, it lags behind.
struct Written {
    over: Option<String>,
    conditions: Vec<Condition>,
}

/// A kind whose status is a list of conditions.
pub trait Reported:
    Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + HasStatus + Clone + DeserializeOwned + Debug
{
    /// The conditions as they stand.
    fn conditions(&self) -> &[Condition];
}

impl Reports {
    #[must_use]
    pub fn new(requests: &Requests, metrics: Arc<Metrics>, instance: Option<String>) -> Self {
        let client = requests.client().clone();
        let reporter = Reporter { controller: "infisical-operator".into(), instance };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            writes: Arc::clone(requests.writes()),
            metrics,
            events_refused: AtomicBool::new(false),
            written: Mutex::default(),
        }
    }

    /// The resource is gone.
    pub fn forget(&self, object: &ObjectRef) {
        self.written().remove(object);
    }

    fn written(&self) -> MutexGuard<'_, HashMap<ObjectRef, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The conditions as they stand at the API server, as far as that is known.
    fn before<K: Reported>(&self, object: &K, reference: &ObjectRef) -> Vec<Condition> {
        let mut written = self.written();
        match written.get(reference) {
            Some(last) if last.over == object.meta().resource_version => last.conditions.clone(),
            Some(_) => {
                written.remove(reference);
                object.conditions().to_vec()
            }
            None => object.conditions().to_vec(),
        }
    }

    /// Reports one outcome. False: the status could not be written and should be tried again.
    pub async fn report<K: Reported>(&self, object: &K, reference: &ObjectRef, outcome: &Outcome, took: Duration) -> bool {
        self.metrics.reconciled(reference.kind, outcome.label(), took);
        self.log(reference, outcome, took);
        let before = self.before(object, reference);
        let after = conditions(outcome, object.meta().generation, &before, k8s_openapi::jiff::Timestamp::now());
        let written = after == before || self.write_status(object, reference, &after).await;
        if let Some(note) = note(&before, &after, outcome) {
            self.publish(object, note).await;
        }
        written
    }

    fn log(&self, reference: &ObjectRef, outcome: &Outcome, took: Duration) {
        let (kind, namespace, name) = (reference.kind, reference.namespace.as_str(), reference.name.as_str());
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        match outcome {
            Outcome::Synced(done) => {
                tracing::info!(kind, namespace, name, milliseconds, secrets = done.secrets, restarted = done.restarted, "synced");
            }
            Outcome::Unchanged(_) => tracing::debug!(kind, namespace, name, milliseconds, "unchanged"),
            Outcome::Waiting(fault) => tracing::info!(kind, namespace, name, reason = fault.reason, fault.message, "waiting"),
            Outcome::Failed { stage, fault, .. } => {
                let stage: &'static str = stage.into();
                self.metrics.failed(kind, stage, fault.reason);
                tracing::warn!(kind, namespace, name, stage, reason = fault.reason, fault.message, "failed");
            }
        }
    }

    async fn write_status<K: Reported>(&self, object: &K, reference: &ObjectRef, conditions: &[Condition]) -> bool {
        let api: Api<K> = Api::namespaced(self.client.clone(), &reference.namespace);
        let patch = Patch::Merge(serde_json::json!({ "status": { "conditions": conditions } }));
        // The semaphore is never closed.
        let _place = self.writes.acquire().await.ok();
        match api.patch_status(&object.meta().name.clone().unwrap_or_default(), &PatchParams::default(), &patch).await {
            Ok(_) => {
                let written = Written { over: object.meta().resource_version.clone(), conditions: conditions.to_vec() };
                self.written().insert(reference.clone(), written);
                true
            }
            // Deleted meanwhile.
            Err(kube::Error::Api(status)) if status.code == 404 => true,
            Err(error) => {
                tracing::warn!(object = %reference, error = %brief(&error), "the status could not be written");
                false
            }
        }
    }

    async fn publish<K: Reported>(&self, object: &K, note: Note) {
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.into(),
            note: Some(note.text),
            action: "Reconcile".into(),
            secondary: None,
        };
        match self.recorder.publish(&event, &object.object_ref(&())).await {
            Ok(()) => {}
            Err(kube::Error::Api(status)) if status.code == 403 => {
                if !self.events_refused.swap(true, Ordering::Relaxed) {
                    tracing::warn!("the role does not allow to create Events (events.k8s.io): conditions and metrics are all there is");
                }
            }
            Err(error) => tracing::warn!(error = %brief(&error), "an Event could not be written"),
        }
    }
}

/// Status and reason of an answer of the API server; of anything else its kind. A full error may hold what was sent.
#[must_use]
pub fn brief(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} {}: {}", status.code, status.reason, clean(&status.message)),
        kube::Error::Service(_) | kube::Error::HyperError(_) => "the API server can't be reached".into(),
        _ => "the API server's answer can't be used".into(),
    }
}

/// At most 512 characters, none of them a control character.
fn clean(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(512).collect()
}

/// What broke a watch, without what was sent or received.
#[must_use]
pub fn watch_error(error: &kube::runtime::watcher::Error) -> String {
    use kube::runtime::watcher::Error;
    match error {
        Error::InitialListFailed(error) | Error::WatchStartFailed(error) | Error::WatchFailed(error) => brief(error),
        Error::WatchError(status) => format!("{} {}", status.code, status.reason),
        Error::NoResourceVersion => "a list without a resource version".into(),
    }
}
