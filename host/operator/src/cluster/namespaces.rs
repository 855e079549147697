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
    /// All were listed once: until then, that none matches means nothing.
    listed: bool,
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

    /// None: they were never listed.
    fn matching(&self, selector: &Selector) -> Option<BTreeSet<String>> {
        let alive = self.labels.iter().filter_map(|(name, labels)| Some((name, labels.as_ref()?)));
        let matching = alive.filter(|(_, labels)| selector.matches(labels)).map(|(name, _)| name.clone());
        self.listed.then(|| matching.collect())
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
        follow_all(api, (NAMESPACES, None), &self.inner.health, &mut |event| self.take(event, &mut listed)).await;
    }

    /// `listed` are the names in the list that is under way.
    fn take(&self, event: Event<PartialObjectMeta<Namespace>>, listed: &mut BTreeSet<String>) {
        match event {
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
                self.known().listed = true;
            }
        }
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
    ///
    /// # Errors
    /// They were never listed.
    pub fn known_to_match(&self, selector: &Selector) -> Result<BTreeSet<String>, Fault> {
        self.known().matching(selector).ok_or_else(not_listed)
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
            Some(None) => self.known_to_match(selector),
            Some(Some(fault)) => Err(fault),
            None => Err(not_listed()),
        }
    }

    /// How the watch fares, now and from now on.
    pub(crate) fn health(&self) -> signal::Receiver<Health> {
        self.inner.health.subscribe()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.inner.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_listed() -> Fault {
    Fault::new(reason::API_SERVER_UNAVAILABLE, Class::Transient, "the namespaces could not be listed yet: it is tried again")
}

#[cfg(test)]
mod tests {
    use super::{
        super::watch::{break_off, refuse},
        *,
    };
    use futures::FutureExt;
    use kube::Config;

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
        let mut known = Known { listed: true, ..Known::default() };
        known.users.insert(user("shop"), vec![Arc::clone(&shop)]);
        known.users.insert(user("all"), vec![all]);
        let woken = |mut users: Vec<ObjectRef>| {
            users.sort();
            users.into_iter().map(|user| user.name).collect::<Vec<_>>()
        };
        assert_eq!(woken(known.set("a", labels(&[]))), ["all"]);
        assert_eq!(woken(known.set("a", labels(&[("team", "shop")]))), ["shop"]);
        assert_eq!(woken(known.set("a", labels(&[("team", "shop"), ("more", "1")]))), Vec::<String>::new());
        assert_eq!(known.matching(&shop), Some(BTreeSet::from(["a".to_owned()])));
        // Being deleted, then gone.
        assert_eq!(woken(known.set("a", Some(None))), ["all", "shop"]);
        assert_eq!(known.matching(&shop), Some(BTreeSet::new()));
        assert_eq!(woken(known.set("a", None)), Vec::<String>::new());
        assert!(known.labels.is_empty());
    }

    #[tokio::test]
    async fn none_is_said_to_match_before_all_were_listed_whatever_happened_to_the_watch() {
        let client = Client::try_from(Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
        let namespaces = Namespaces::new(client, Arc::default(), &Scope::All);
        let (health, part, all) = (&namespaces.inner.health, (NAMESPACES, None), Selector::default());
        // None: it waits for the list.
        let answer = || namespaces.matching(&all).now_or_never().map(|answer| answer.map_err(|fault| fault.reason));
        assert_eq!(answer(), None);
        refuse(health, &part);
        assert_eq!(answer(), Some(Err(reason::WATCH_FORBIDDEN)));
        break_off(health, &part);
        assert_eq!(answer(), None);
        let mut listed = BTreeSet::new();
        let mut a = PartialObjectMeta::<Namespace>::default();
        a.metadata.name = Some("a".into());
        namespaces.take(Event::Init, &mut listed);
        namespaces.take(Event::InitApply(a), &mut listed);
        assert!(namespaces.known_to_match(&all).is_err());
        namespaces.take(Event::InitDone, &mut listed);
        assert_eq!(namespaces.known_to_match(&all), Ok(BTreeSet::from(["a".to_owned()])));
    }
}
