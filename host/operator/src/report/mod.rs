//! What users see of an outcome: conditions, an Event, a metric, a line in the log, and when the next try is.
//!
//! Promised: every path ends here; the status is written only when it differs, and holds nothing that changes from pass to
//! pass, so that a quiet minute writes nothing. Where the role does not allow Events or the status of a kind, that is said once in
//! the log, and they are tried again only now and then.
mod conditions;
mod event;
mod retry;
pub mod said;

pub use conditions::{READY, SUSPENDED, Said, blind_to, conditions, count, ready, suspended, synced};
pub use event::{Note, note};
pub use retry::{Backoff, next_pass, status_again};

use crate::{
    cluster::{REFUSED_PAUSE, Requests, collection, compare_versions},
    effect::{self, Effect},
    metrics::Metrics,
    object::ObjectRef,
    outcome::{Fault, Outcome},
    rights::WATCH,
};
use api::{status::Conditions, well_known::annotation::SUSPEND};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{
    Resource,
    core::object::HasStatus,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::{
    cmp::Ordering as Order,
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// As for all other requests to the API server.
const EVENT_WITHIN: Duration = Duration::from_secs(30);

const EVENTS: &str = "events.events.k8s.io";
const EVENT_VERBS: &str = "create,patch";

/// Where the role does not allow Events, they are tried again after so long: a person grants rights.
const EVENTS_AGAIN: Duration = Duration::from_secs(60 * 60);

/// Whether Events may be written.
#[derive(Default)]
struct Allowed {
    /// When they were last refused.
    refused: Option<Instant>,
}

/// Writes statuses and Events.
pub struct Reports {
    requests: Requests,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    events: Mutex<Allowed>,
    /// Statuses of ours that the watch may not have shown yet.
    written: Mutex<HashMap<ObjectRef, Written>>,
    /// When the status of a kind was last refused in a namespace.
    refused: Mutex<HashMap<(&'static str, String), Instant>>,
}

/// What was written, and the version that this made: while a watch shows an older one, it lags behind.
struct Written {
    made: Option<String>,
    conditions: Vec<Condition>,
}

impl Written {
    /// Whether an object of that version is from before this was written.
    fn is_ahead_of(&self, version: Option<&str>) -> bool {
        let (Some(made), Some(version)) = (self.made.as_deref(), version) else { return false };
        compare_versions(version, made) == Some(Order::Less)
    }
}

/// What became of a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusWrite {
    /// It says so already, or nobody is left to read it.
    NotNeeded,
    /// Written; the version of the object that this made.
    Made(Option<String>),
    /// The role does not allow it.
    Refused,
    /// It should be tried again.
    Failed,
}

impl StatusWrite {
    #[must_use]
    pub fn is_written(&self) -> bool {
        matches!(self, Self::NotNeeded | Self::Made(_))
    }
}

/// A kind whose status has conditions.
pub trait Reported: Resource<DynamicType = ()> + HasStatus<Status: Conditions> + Clone + DeserializeOwned + Debug {
    /// The conditions as they stand.
    fn conditions(&self) -> &[Condition] {
        self.status().map_or(&[], Conditions::conditions)
    }

    /// What an outcome means for each condition; `before` are the conditions as they stand.
    fn said(&self, outcome: &Outcome, before: &[Condition], now: Timestamp) -> Vec<Said>;
}

impl Reports {
    #[must_use]
    pub fn new(requests: &Requests, metrics: Arc<Metrics>, instance: Option<String>) -> Self {
        let reporter = Reporter { controller: "infisical-operator".into(), instance };
        Self {
            recorder: Recorder::new(requests.client().clone(), reporter),
            requests: requests.clone(),
            metrics,
            events: Mutex::default(),
            written: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The role shows a kind, or does not; `place` tells its watches apart.
    pub fn watched<K: Resource<DynamicType = ()>>(&self, place: &str, refused: bool) {
        self.metrics.right(WATCH, &K::plural(&()), place, refused);
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
            Some(last) if last.is_ahead_of(object.meta().resource_version.as_deref()) => last.conditions.clone(),
            Some(_) => {
                written.remove(reference);
                object.conditions().to_vec()
            }
            None => object.conditions().to_vec(),
        }
    }

    /// Reports one outcome.
    pub async fn report<K: Reported>(&self, object: &K, reference: &ObjectRef, outcome: &Outcome, took: Duration) -> StatusWrite {
        let said = |before: &[Condition], now| object.said(outcome, before, now);
        self.report_more(object, reference, outcome, took, said, Map::new()).await
    }

    /// Reports one outcome in these words, and writes these members of the status with them, as a merge patch.
    pub async fn report_more<K: Reported>(
        &self,
        object: &K,
        reference: &ObjectRef,
        outcome: &Outcome,
        took: Duration,
        said: impl FnOnce(&[Condition], Timestamp) -> Vec<Said>,
        more: Map<String, Value>,
    ) -> StatusWrite {
        self.metrics.reconciled(reference.kind, outcome.label(), took);
        self.log(reference, outcome, took);
        let before = self.before(object, reference);
        let now = Timestamp::now();
        let after = conditions(said(&before, now), object.meta().generation, &before, now);
        let written = match after == before && more.is_empty() {
            true => StatusWrite::NotNeeded,
            false => self.write_status::<K>(reference, &after, more).await,
        };
        if let Some(note) = note(&before, &after, outcome) {
            self.publish(object, note).await;
        }
        written
    }

    /// Reports that nothing is done for the resource, once; what its last pass said stays.
    pub async fn suspended<K: Reported>(&self, object: &K, reference: &ObjectRef) -> StatusWrite {
        let before = self.before(object, reference);
        let after = suspended(object.meta().generation, &before, Timestamp::now());
        if after == before {
            return StatusWrite::NotNeeded;
        }
        let written = self.write_status::<K>(reference, &after, Map::new()).await;
        if written.is_written() && !before.iter().any(|condition| condition.type_ == SUSPENDED) {
            let (kind, namespace, name) = (reference.kind, reference.namespace.as_str(), reference.name.as_str());
            tracing::info!(kind, namespace, name, "suspended by annotation");
            let text = format!("Suspended by the annotation {SUSPEND}");
            self.publish(object, Note { warning: false, reason: "Suspended", text }).await;
        }
        written
    }

    /// Says, in an Event and in the log, what a resource leaves behind and no condition will tell of.
    pub async fn warn<K: Reported>(&self, object: &K, fault: &Fault) {
        tracing::warn!(object = %ObjectRef::of(object), reason = fault.reason, fault.message, "a resource leaves something behind");
        self.publish(object, Note::warning(fault)).await;
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

    async fn write_status<K: Reported>(&self, reference: &ObjectRef, conditions: &[Condition], more: Map<String, Value>) -> StatusWrite {
        let place = (reference.kind, reference.namespace.clone());
        if self.refused().get(&place).is_some_and(|refused| refused.elapsed() < REFUSED_PAUSE) {
            return StatusWrite::Refused;
        }
        let mut status = more;
        status.insert("conditions".into(), serde_json::json!(conditions));
        let patch = serde_json::json!({ "status": status });
        match self.requests.merge_status::<K>(Effect::WriteStatus, collection::<K>(&reference.namespace), &reference.name, &patch).await {
            Ok(made) => {
                if self.refused().remove(&place).is_some() {
                    self.metrics.right("patch", &format!("{}/status", K::plural(&())), &reference.namespace, false);
                }
                let made = made.meta().resource_version.clone();
                self.written().insert(reference.clone(), Written { made: made.clone(), conditions: conditions.to_vec() });
                StatusWrite::Made(made)
            }
            // Deleted meanwhile.
            Err(error) if error.code() == 404 => StatusWrite::NotNeeded,
            Err(error) if error.code() == 403 => {
                if self.refused().insert(place, Instant::now()).is_none() {
                    let (resource, namespace) = (K::plural(&()), &reference.namespace);
                    self.metrics.right("patch", &format!("{resource}/status"), namespace, true);
                    let message = "the role does not allow to patch the status of a kind: its conditions are not written";
                    tracing::warn!(namespace, "{message} (grant patch of {resource}/status)");
                }
                StatusWrite::Refused
            }
            Err(error) => {
                let fault = error.fault("write the status", std::iter::empty());
                tracing::warn!(object = %reference, reason = fault.reason, fault.message, "the status could not be written");
                StatusWrite::Failed
            }
        }
    }

    fn refused(&self) -> MutexGuard<'_, HashMap<(&'static str, String), Instant>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, Allowed> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish<K: Reported>(&self, object: &K, note: Note) {
        if self.events().refused.is_some_and(|refused| refused.elapsed() < EVENTS_AGAIN) {
            return;
        }
        let event = Event {
            type_: if note.warning { EventType::Warning } else { EventType::Normal },
            reason: note.reason.into(),
            note: Some(note.text),
            action: "Reconcile".into(),
            secondary: None,
        };
        let about = object.object_ref(&());
        let publish = effect::make(Effect::PublishEvent, self.recorder.publish(&event, &about));
        let published = tokio::time::timeout(EVENT_WITHIN, publish).await;
        match published {
            Ok(Ok(())) => {
                *self.events() = Allowed::default();
                self.metrics.right(EVENT_VERBS, EVENTS, "", false);
            }
            Err(_) => tracing::warn!("an Event could not be written: the API server gave no answer in time"),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                if self.events().refused.replace(Instant::now()).is_none() {
                    self.metrics.right(EVENT_VERBS, EVENTS, "", true);
                    tracing::warn!("the role does not allow to create Events (events.k8s.io): conditions and metrics are all there is");
                }
            }
            Ok(Err(error)) => tracing::warn!(error = %brief(&error), "an Event could not be written"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Class, Done, Stage};
    use api::v1alpha1::InfisicalSecret;
    use kube::{Api, ResourceExt, api::PostParams};
    use support::ControlPlane;

    /// An outcome of before the last, reported of an object that the watch shows late, is written all the same.
    #[tokio::test]
    async fn a_status_is_right_however_far_the_watch_lags_behind() {
        let control_plane = ControlPlane::shared().await.unwrap();
        control_plane.cluster().establish(api::crds::crds()).await.unwrap();
        let namespace = control_plane.cluster().namespace().await.unwrap();
        let api: Api<InfisicalSecret> = namespace.api();
        let made = serde_json::from_value(serde_json::json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": "a"}, "spec": {},
        }));
        api.create(&PostParams::default(), &made.unwrap()).await.unwrap();

        let reports = Reports::new(&Requests::new(namespace.cluster().client().clone()), Arc::default(), None);
        let reference = ObjectRef { kind: "InfisicalSecret", namespace: namespace.name().into(), name: "a".into() };
        let good = || Outcome::Unchanged(Done::default());
        let bad = || Outcome::Failed { stage: Stage::Read, fault: Fault::new("X", Class::Transient, "down"), method: None };
        let ready = async || {
            let object = api.get("a").await.unwrap();
            let ready = object.conditions().iter().find(|condition| condition.type_ == "Ready").unwrap();
            (ready.status.clone(), object.resource_version())
        };
        let report = async |object: &InfisicalSecret, outcome| {
            assert!(reports.report(object, &reference, &outcome, Duration::ZERO).await.is_written());
        };
        let unreported = api.get("a").await.unwrap();
        report(&unreported, good()).await;
        let after_first = api.get("a").await.unwrap();
        report(&unreported, bad()).await;
        report(&after_first, good()).await;
        let (status, version) = ready().await;
        assert_eq!(status, "True");
        // And nothing is written twice.
        report(&after_first, good()).await;
        report(&api.get("a").await.unwrap(), good()).await;
        assert_eq!(ready().await, (status, version));
    }
}
