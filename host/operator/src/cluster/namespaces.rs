//! Namespaces by their labels, for targets that are to be in all that match a selector.
//!
//! Watched by metadata alone, once for all resources, and only from the moment that a resource has a selector: an operator that
//! needs no namespace needs no right to see any. Kept are names and labels. A resource is woken when a namespace comes to match
//! one of its selectors or no longer does. One that is being deleted matches nothing.
//!
//! What can go wrong: the operator has no right to list namespaces, or the API server can't be reached. Nothing is guessed then.
use super::{
    Scope,
    watch::{Health, follow_all},
};
use crate::{
    object::ObjectRef,
    outcome::{Class, Fault},
    reason,
    trigger::{Cause, Triggers},
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    core::{PartialObjectMeta, Selector, SelectorExt},
    runtime::watcher::Event,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, watch as signal};

const NAMESPACES: &str = "namespaces";

/// A first list takes milliseconds; a resource that waits longer is woken by its retry.
const LISTED_WITHIN: Duration = Duration::from_secs(5);

/// The namespaces that selectors may match. Clones share them.
#[derive(Clone)]
pub struct Namespaces {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    scope: Scope,
    triggers: Arc<Triggers>,
    known: Mutex<Known>,
    health: signal::Sender<Health>,
    wanted: Notify,
}

type Labels = BTreeMap<String, String>;

#[derive(Default)]
struct Known {
    /// None: it is being deleted.
    labels: HashMap<String, Option<Labels>>,
    users: HashMap<ObjectRef, Vec<Arc<Selector>>>,
}

impl Known {
    /// A namespace is now so. Gives whose selectors that concerns.
    fn set(&mut self, name: &str, labels: Option<Option<Labels>>) -> Vec<ObjectRef> {
        let matches = |selector: &Selector, labels: Option<&Option<Labels>>| {
            labels.and_then(Option::as_ref).is_some_and(|labels| selector.matches(labels))
        };
        let before = self.labels.remove(name);
        let concerns = |selector: &Arc<Selector>| matches(selector, before.as_ref()) != matches(selector, labels.as_ref());
        let users = self.users.iter().filter(|(_, selectors)| selectors.iter().any(concerns));
        let users = users.map(|(user, _)| user.clone()).collect();
        if let Some(labels) = labels {
            self.labels.insert(name.to_owned(), labels);
        }
        users
    }

    fn matching(&self, selector: &Selector) -> BTreeSet<String> {
        let alive = self.labels.iter().filter_map(|(name, labels)| Some((name, labels.as_ref()?)));
        alive.filter(|(_, labels)| selector.matches(labels)).map(|(name, _)| name.clone()).collect()
    }
}

impl Namespaces {
    /// Nothing is watched until [`Self::run`] is polled and somebody has a selector.
    #[must_use]
    pub fn new(client: Client, triggers: Arc<Triggers>, scope: &Scope) -> Self {
        let health = signal::Sender::new(Health::of(std::iter::once((NAMESPACES, None))));
        let (known, wanted) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { client, scope: scope.clone(), triggers, known, health, wanted }) }
    }

    /// Watches, once that is wanted. Ends only when it is dropped.
    pub async fn run(&self) {
        self.inner.wanted.notified().await;
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(self.inner.client.clone());
        let mut listed = BTreeSet::new();
        let mut take = |event: Event<PartialObjectMeta<Namespace>>| match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(object.name_any());
                self.seen(&object);
            }
            Event::Apply(object) => self.seen(&object),
            Event::Delete(object) => self.set(&object.name_any(), None),
            Event::InitDone => {
                let gone: Vec<_> = self.known().labels.keys().filter(|name| !listed.contains(*name)).cloned().collect();
                gone.iter().for_each(|name| self.set(name, None));
            }
        };
        follow_all(api, (NAMESPACES, None), &self.inner.health, &mut take).await;
    }

    fn seen(&self, object: &PartialObjectMeta<Namespace>) {
        let alive = object.metadata.deletion_timestamp.is_none();
        self.set(&object.name_any(), Some(alive.then(|| object.labels().clone())));
    }

    fn set(&self, name: &str, labels: Option<Option<Labels>>) {
        if !self.is_in_scope(name) {
            return;
        }
        let users = self.known().set(name, labels);
        users.iter().for_each(|user| self.inner.triggers.wake(user, Cause::Target));
    }

    fn is_in_scope(&self, name: &str) -> bool {
        match &self.inner.scope {
            Scope::All => true,
            Scope::Namespaces(names) => names.iter().any(|known| known == name),
        }
    }

    /// The selectors of a resource, instead of those before: it is woken when what they match changes.
    pub fn select(&self, user: &ObjectRef, selectors: Vec<Arc<Selector>>) {
        if selectors.is_empty() {
            self.forget(user);
        } else {
            self.known().users.insert(user.clone(), selectors);
            self.inner.wanted.notify_one();
        }
    }

    /// The resource is gone.
    pub fn forget(&self, user: &ObjectRef) {
        self.known().users.remove(user);
    }

    /// Those that match, as far as is known now.
    #[must_use]
    pub fn known_to_match(&self, selector: &Selector) -> BTreeSet<String> {
        self.known().matching(selector)
    }

    /// Those that match.
    ///
    /// # Errors
    /// They can't be listed.
    pub async fn matching(&self, selector: &Selector) -> Result<BTreeSet<String>, Fault> {
        let mut health = self.inner.health.subscribe();
        // The sender is at hand, so the channel is open.
        let settled = tokio::time::timeout(LISTED_WITHIN, health.wait_for(Health::is_settled)).await;
        let fault = settled.ok().map(|health| health.as_ref().ok().and_then(|health| health.faults().into_iter().next()));
        match fault {
            Some(None) => Ok(self.known_to_match(selector)),
            Some(Some(fault)) => Err(fault),
            None => Err(Fault::new(
                reason::API_SERVER_UNAVAILABLE,
                Class::Transient,
                "the namespaces could not be listed yet: it is tried again",
            )),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> ObjectRef {
        ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: name.into() }
    }

    fn labels(pairs: &[(&str, &str)]) -> Option<Option<Labels>> {
        Some(Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    #[test]
    fn only_those_are_woken_whose_selector_comes_to_match_or_no_longer_does() {
        let shop: Arc<Selector> = Arc::new([("team", "shop")].into_iter().collect());
        let all = Arc::new(Selector::default());
        let mut known = Known::default();
        known.users.insert(user("shop"), vec![Arc::clone(&shop)]);
        known.users.insert(user("all"), vec![all]);
        let woken = |mut users: Vec<ObjectRef>| {
            users.sort();
            users.into_iter().map(|user| user.name).collect::<Vec<_>>()
        };
        assert_eq!(woken(known.set("a", labels(&[]))), ["all"]);
        assert_eq!(woken(known.set("a", labels(&[("team", "shop")]))), ["shop"]);
        assert_eq!(woken(known.set("a", labels(&[("team", "shop"), ("more", "1")]))), Vec::<String>::new());
        assert_eq!(known.matching(&shop), BTreeSet::from(["a".to_owned()]));
        // Being deleted, then gone.
        assert_eq!(woken(known.set("a", Some(None))), ["all", "shop"]);
        assert!(known.matching(&shop).is_empty());
        assert_eq!(woken(known.set("a", None)), Vec::<String>::new());
        assert!(known.labels.is_empty());
    }
}
