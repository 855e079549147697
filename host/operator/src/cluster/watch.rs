//! Watches that never end: restarted with back-off, with a state that others can wait for.
use super::{
    Cluster,
    index::{Identity, Key, State},
    sighting::{Keep, Sighting, Watched},
};
use crate::{
    object::Name,
    outcome::{Class, Fault},
    plan::TargetKind,
    reason,
};
use api::well_known::annotation::OWNER;
use futures::{Stream, StreamExt};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, Client, Resource,
    runtime::{
        utils::Backoff,
        watcher::{self, DefaultBackoff, Event},
    },
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, fmt, pin::pin, time::Duration};
use tokio::sync::watch as signal;

/// A missing right is granted by a person: asking more often would only fill the log of the API server.
pub(crate) const REFUSED_PAUSE: Duration = Duration::from_secs(60);

/// A watch that broke goes on where it was, and says nothing of that until something changes. Longer than a connection that can't
/// be made stays unanswered (30 s): whatever has raised no error for so long follows again.
const FOLLOWS_AGAIN: Duration = Duration::from_secs(40);

/// How a watch fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// Has not yet listed everything once.
    Starting,
    Live,
    /// Was live and broke; or could not start, so that nothing is known.
    Broken {
        listed: bool,
    },
    /// The operator has no right to list or watch.
    Refused,
    /// The API server does not know the kind.
    Absent,
}

impl Condition {
    /// After an error that says nothing about rights. What was refused or absent has listed nothing that still counts.
    fn broken(self) -> Self {
        Self::Broken { listed: matches!(self, Self::Live | Self::Broken { listed: true }) }
    }
}

/// How the watches fare, by resource (`secrets`) and namespace (None: all).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    watches: BTreeMap<(&'static str, Option<String>), Condition>,
}

impl Health {
    pub(crate) fn of(parts: impl Iterator<Item = (&'static str, Option<String>)>) -> Self {
        Self { watches: parts.map(|part| (part, Condition::Starting)).collect() }
    }

    pub(crate) fn parts(&self) -> Vec<(&'static str, Option<String>)> {
        self.watches.keys().cloned().collect()
    }

    /// Whether a change of an object of that resource in that namespace would be noticed.
    pub(crate) fn is_live(&self, resource: &'static str, namespace: &str) -> bool {
        let of = |namespace: Option<String>| self.watches.get(&(resource, namespace)) == Some(&Condition::Live);
        of(None) || of(Some(namespace.to_owned()))
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.watches.values().all(|condition| !matches!(condition, Condition::Starting | Condition::Broken { listed: false }))
    }

    /// The watches by which a change may be missed now.
    pub(crate) fn blind(&self) -> Vec<(&'static str, Option<String>)> {
        self.watches.iter().filter(|(_, condition)| **condition != Condition::Live).map(|(part, _)| part.clone()).collect()
    }

    /// The fault of the watch by which an object of that resource in that namespace would be noticed, if the role refuses it.
    pub(crate) fn fault_of(&self, resource: &'static str, namespace: &str) -> Option<Fault> {
        let of = [None, Some(namespace.to_owned())].into_iter().find(|of| self.watches.contains_key(&(resource, of.clone())))?;
        let refused = self.watches.get(&(resource, of.clone())) == Some(&Condition::Refused);
        refused.then(|| refused_fault(resource, of.as_deref()))
    }

    /// Whether the role refuses each watch.
    pub(crate) fn into_refused(self) -> impl Iterator<Item = ((&'static str, Option<String>), bool)> {
        self.watches.into_iter().map(|(part, condition)| (part, condition == Condition::Refused))
    }

    pub(crate) fn faults(&self) -> Vec<Fault> {
        let refused = self.watches.iter().filter(|(_, condition)| **condition == Condition::Refused);
        refused.map(|((resource, namespace), _)| refused_fault(resource, namespace.as_deref())).collect()
    }
}

pub(crate) fn refused_fault(resource: &str, namespace: Option<&str>) -> Fault {
    let place = namespace.map_or_else(|| "all namespaces".to_owned(), |name| format!("namespace {name}"));
    let cost = match resource {
        "secrets" | "configmaps" => "changes of them are seen only at the next interval",
        "namespaces" => "no target can be in the namespaces that a selector matches",
        "deployments" | "statefulsets" | "daemonsets" | "rollouts" => "none of them is restarted when a Secret changes",
        _ => "none of them is served",
    };
    let message =
        format!("the operator may not list and watch {resource} in {place}: {cost}; grant its service account the verbs list and watch");
    Fault::new(reason::WATCH_FORBIDDEN, Class::Denied, message)
}

pub(crate) async fn ready(health: &signal::Sender<Health>) {
    // The sender is at hand, so the channel is open.
    drop(health.subscribe().wait_for(Health::is_settled).await);
}

/// Watches the metadata of a resource for ever and hands each event on. `A` says which annotations are kept.
pub(crate) async fn follow<K, A>(
    client: &Client,
    resource: &'static str,
    namespace: Option<&str>,
    health: &signal::Sender<Health>,
    take: &mut (dyn FnMut(Event<Sighting<K, A>>) + Send),
) where
    K: Watched,
    A: Keep,
{
    let api: Api<Sighting<K, A>> = match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    };
    follow_all(api, (resource, namespace.map(str::to_owned)), health, take).await;
}

/// As [`follow`], by an API that says what is kept of an object.
pub(crate) async fn follow_all<T>(
    api: Api<T>,
    part: (&'static str, Option<String>),
    health: &signal::Sender<Health>,
    take: &mut (dyn FnMut(Event<T>) + Send),
) where
    T: Resource<DynamicType = ()> + Clone + DeserializeOwned + fmt::Debug + Send + 'static,
{
    // Pages of the default size, 500: one page in memory at a time.
    let events = watcher::watcher(api, watcher::Config::default());
    attend(events, part, health, take, FOLLOWS_AGAIN).await;
}

async fn attend<T: Send>(
    events: impl Stream<Item = watcher::Result<Event<T>>> + Send,
    part: (&'static str, Option<String>),
    health: &signal::Sender<Health>,
    take: &mut (dyn FnMut(Event<T>) + Send),
    follows_again: Duration,
) {
    let (resource, namespace) = (part.0, part.1.as_deref());
    let mut backoff = DefaultBackoff::default();
    let (mut listing, mut broken) = (true, false);
    let mut events = pin!(events);
    loop {
        let silent = if broken && !listing { follows_again } else { Duration::MAX };
        let Ok(next) = tokio::time::timeout(silent, events.next()).await else {
            broken = false;
            set(health, &part, |_| Condition::Live);
            continue;
        };
        let Some(event) = next else { return };
        broken = event.is_err();
        let pause = match event {
            Ok(event) => {
                match event {
                    Event::Init => listing = true,
                    Event::InitDone => listing = false,
                    _ => {}
                }
                // A list begins with an event that says nothing about the server.
                let answered = !matches!(event, Event::Init);
                take(event);
                if answered {
                    backoff.reset();
                }
                if !listing {
                    set(health, &part, |_| Condition::Live);
                }
                continue;
            }
            Err(error) if is_refused(&error) => {
                if set(health, &part, |_| Condition::Refused) {
                    let fault = refused_fault(resource, namespace);
                    tracing::error!(reason = fault.reason, "{}", fault.message);
                }
                REFUSED_PAUSE
            }
            // Whoever watches a kind that may be missing asks for it elsewhere.
            Err(error) if is_unknown(&error) => backoff.next().unwrap_or(REFUSED_PAUSE),
            Err(error) => {
                let again = set(health, &part, Condition::broken);
                if code(&error) == Some(410) {
                    tracing::debug!(resource, namespace, "a watch was too old and lists anew");
                } else if again {
                    tracing::warn!(resource, namespace, cause = kind_of(&error), "a watch broke and is restarted");
                }
                backoff.next().unwrap_or(REFUSED_PAUSE)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// True: the condition is another one than before.
fn set(health: &signal::Sender<Health>, part: &(&'static str, Option<String>), condition: impl FnOnce(Condition) -> Condition) -> bool {
    health.send_if_modified(|health| {
        let Some(slot) = health.watches.get_mut(part) else { return false };
        let after = condition(*slot);
        std::mem::replace(slot, after) != after
    })
}

/// The operator may not list or watch.
#[cfg(test)]
pub(super) fn refuse(health: &signal::Sender<Health>, part: &(&'static str, Option<String>)) {
    set(health, part, |_| Condition::Refused);
}

/// The server could not be asked.
#[cfg(test)]
pub(super) fn break_off(health: &signal::Sender<Health>, part: &(&'static str, Option<String>)) {
    set(health, part, Condition::broken);
}

/// The kind is not served: nobody waits for it.
pub(crate) fn absent(health: &signal::Sender<Health>, part: &(&'static str, Option<String>)) {
    set(health, part, |_| Condition::Absent);
}

pub(crate) fn is_refused(error: &watcher::Error) -> bool {
    code(error) == Some(403)
}

fn is_unknown(error: &watcher::Error) -> bool {
    code(error) == Some(404)
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// What happened, without the text of the server.
fn kind_of(error: &watcher::Error) -> &'static str {
    match error {
        watcher::Error::InitialListFailed(_) => "the list failed",
        watcher::Error::WatchStartFailed(_) => "the watch did not start",
        watcher::Error::WatchError(status) if status.code == 410 => "the version is too old; listed anew",
        watcher::Error::WatchError(_) => "the server ended the watch",
        watcher::Error::WatchFailed(_) => "the connection broke",
        watcher::Error::NoResourceVersion => "an answer without resourceVersion",
    }
}

/// Brings the events of one watch into the index.
pub(super) struct Feed<'a> {
    pub cluster: &'a Cluster,
    pub kind: TargetKind,
    pub namespace: Option<&'a str>,
    pub epoch: u64,
}

impl Feed<'_> {
    pub fn take<K, A>(&mut self, event: Event<Sighting<K, A>>) {
        let (metadata, deleted) = match event {
            Event::Init => {
                self.epoch = self.cluster.index().relist();
                return;
            }
            Event::InitDone => {
                let in_scope = |key: &Key| key.kind == self.kind && self.namespace.is_none_or(|namespace| namespace == key.name.namespace);
                let wakes = self.cluster.index().sweep(self.epoch, in_scope);
                self.cluster.wake_all(wakes);
                return;
            }
            Event::InitApply(object) | Event::Apply(object) => (object.metadata, false),
            Event::Delete(object) => (object.metadata, true),
        };
        let owners = owners(&metadata);
        let (Some(namespace), Some(name)) = (metadata.namespace, metadata.name) else { return };
        let key = Key { kind: self.kind, name: Name { namespace, name } };
        let identity = Identity { uid: metadata.uid.unwrap_or_default(), resource_version: metadata.resource_version.unwrap_or_default() };
        let state = if deleted { State::Absent(Some(identity)) } else { State::Present(identity) };
        let wakes = self.cluster.index().observe(&key, state, owners, self.epoch);
        self.cluster.wake_all(wakes);
    }
}

/// What a target notes of an owner in another namespace.
pub(crate) struct Owned;

impl Keep for Owned {
    fn keeps(annotation: &str) -> bool {
        annotation == OWNER
    }
}

/// Uids of the owners that are resources of ours, which is what the index keeps of an object: by reference, or by annotation where a reference can't reach.
pub(super) fn owners(metadata: &ObjectMeta) -> Vec<String> {
    let references = metadata.owner_references.iter().flatten();
    let by_reference = references.filter(|owner| is_ours(&owner.api_version)).map(|owner| owner.uid.clone());
    let noted = metadata.annotations.as_ref().and_then(|annotations| annotations.get(OWNER));
    by_reference.chain(noted.and_then(|noted| owner_uid(noted)).map(str::to_owned)).collect()
}

/// The uid in the annotation that notes an owner: kind, namespace, name and uid.
pub(crate) fn owner_uid(noted: &str) -> Option<&str> {
    let parts: Vec<_> = noted.split('/').collect();
    match parts.as_slice() {
        [_, _, _, uid] if !uid.is_empty() => Some(uid),
        _ => None,
    }
}

/// Whether an apiVersion is of a group that this operator serves.
pub(crate) fn is_ours(api_version: &str) -> bool {
    api_version.split_once('/').is_some_and(|(group, _)| group == api::well_known::GROUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_watch_counts_as_settled_but_not_as_live() {
        let parts = [("secrets", Some("a".to_owned())), ("secrets", Some("b".to_owned()))];
        let health = signal::Sender::new(Health::of(parts.clone().into_iter()));
        assert!(set(&health, &parts[0], |_| Condition::Live));
        assert!(!health.borrow().is_settled());
        assert!(set(&health, &parts[1], |_| Condition::Refused));
        assert!(!set(&health, &parts[1], |_| Condition::Refused));
        let health = health.borrow();
        assert!(health.is_settled() && health.is_live("secrets", "a") && !health.is_live("secrets", "b"));
        assert!(!health.is_live("secrets", "c") && !health.is_live("configmaps", "a"));
        let faults = health.faults();
        assert_eq!(faults.len(), 1);
        assert!(faults[0].message.contains("namespace b"));
        assert_eq!((health.fault_of("secrets", "b"), health.fault_of("secrets", "a")), (faults.first().cloned(), None));
        assert_eq!((health.fault_of("secrets", "c"), health.fault_of("configmaps", "b")), (None, None));
        let refused: Vec<_> = health.clone().into_refused().filter(|(_, refused)| *refused).map(|(part, _)| part).collect();
        assert_eq!(refused, [parts[1].clone()]);
    }

    #[tokio::test]
    async fn a_watch_that_goes_on_without_an_event_is_live_again() {
        let part = ("secrets", None);
        let health = signal::Sender::new(Health::of([part.clone()].into_iter()));
        let events = [Ok(Event::<()>::Init), Ok(Event::InitDone), Err(watcher::Error::NoResourceVersion)];
        let events = futures::stream::iter(events).chain(futures::stream::pending());
        let mut seen = health.subscribe();
        let attending = tokio::spawn({
            let health = health.clone();
            let part = part.clone();
            async move { attend(events, part, &health, &mut |_| {}, Duration::from_millis(20)).await }
        });
        seen.wait_for(|health| health.watches[&part] == Condition::Broken { listed: true }).await.unwrap();
        seen.wait_for(|health| health.is_live("secrets", "a")).await.unwrap();
        attending.abort();
    }

    #[test]
    fn a_watch_that_never_listed_is_not_settled_when_it_breaks() {
        let part = ("secrets", None);
        let health = signal::Sender::new(Health::of([part.clone()].into_iter()));
        set(&health, &part, Condition::broken);
        assert!(!health.borrow().is_settled());
        set(&health, &part, |_| Condition::Live);
        set(&health, &part, Condition::broken);
        set(&health, &part, Condition::broken);
        assert!(health.borrow().is_settled() && !health.borrow().is_live("secrets", "a"));
    }

    #[test]
    fn a_watch_that_was_refused_or_absent_and_then_breaks_has_listed_nothing() {
        let part = ("namespaces", None);
        let health = signal::Sender::new(Health::of([part.clone()].into_iter()));
        assert_eq!(health.borrow().blind(), std::slice::from_ref(&part));
        set(&health, &part, |_| Condition::Live);
        assert!(health.borrow().blind().is_empty());
        for before in [Condition::Refused, Condition::Absent] {
            set(&health, &part, |_| before);
            set(&health, &part, Condition::broken);
            assert!(!health.borrow().is_settled() && health.borrow().blind() == [part.clone()], "{before:?}");
        }
    }
}
