//! Objects as the resources that refer to them see them: InfisicalAuths and InfisicalConnections, and by the same store
//! generators ([`crate::generate`]).
//!
//! The watch of each kind feeds a store of its own; who looks an object up is woken when it changes. What can go wrong: the
//! watch is not complete yet, is refused, or does not cover the namespace: then each look is a read.
use crate::{
    cluster::{Requests, collection},
    object::{Name, ObjectRef},
    outcome::Fault,
    trigger::{Cause, Triggers},
};
use api::v1beta1::{InfisicalAuth, InfisicalConnection};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// How long the first looks wait for the first list, which spares a read for each. A watch that is refused must not hold up for
/// long what can be read.
const LISTED_WITHIN: Duration = Duration::from_secs(5);

/// Finds the objects that a login leads through. None: the object is not there.
pub trait Chain: Send + Sync {
    fn auth(&self, user: &ObjectRef, name: &Name) -> impl Future<Output = Result<Option<Arc<InfisicalAuth>>, Fault>> + Send;

    fn connection(&self, user: &ObjectRef, name: &Name) -> impl Future<Output = Result<Option<Arc<InfisicalConnection>>, Fault>> + Send;
}

/// All that is known of both kinds.
pub struct Chains {
    pub auths: Kept<InfisicalAuth>,
    pub connections: Kept<InfisicalConnection>,
}

impl Chains {
    /// `scopes` are the watched namespaces, or None for all.
    #[must_use]
    pub fn new(requests: &Requests, triggers: &Arc<Triggers>, scopes: &[Option<String>]) -> Self {
        Self { auths: Kept::new(requests, triggers, scopes), connections: Kept::new(requests, triggers, scopes) }
    }

    /// The resource is gone.
    pub fn forget(&self, user: &ObjectRef) {
        self.auths.forget(user);
        self.connections.forget(user);
    }
}

impl Chain for Chains {
    fn auth(&self, user: &ObjectRef, name: &Name) -> impl Future<Output = Result<Option<Arc<InfisicalAuth>>, Fault>> + Send {
        self.auths.find(user, name)
    }

    fn connection(&self, user: &ObjectRef, name: &Name) -> impl Future<Output = Result<Option<Arc<InfisicalConnection>>, Fault>> + Send {
        self.connections.find(user, name)
    }
}

/// The objects of one kind, and who looked them up.
pub struct Kept<K> {
    requests: Requests,
    triggers: Arc<Triggers>,
    inner: Mutex<Inner<K>>,
    began: Instant,
    /// Scopes of which no list is complete yet.
    unlisted: watch::Sender<HashSet<Option<String>>>,
    scopes: Vec<Option<String>>,
}

struct Inner<K> {
    objects: HashMap<Name, Arc<K>>,
    /// What each resource looked up last.
    users: HashMap<ObjectRef, BTreeSet<Name>>,
}

impl<K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Send + Sync> Kept<K> {
    /// `scopes` are the watched namespaces, or None for all, and for a kind without namespaces.
    pub(crate) fn new(requests: &Requests, triggers: &Arc<Triggers>, scopes: &[Option<String>]) -> Self {
        Self {
            requests: requests.clone(),
            triggers: Arc::clone(triggers),
            inner: Mutex::new(Inner { objects: HashMap::new(), users: HashMap::new() }),
            began: Instant::now(),
            unlisted: watch::Sender::new(scopes.iter().cloned().collect()),
            scopes: scopes.to_vec(),
        }
    }

    /// The watch shows an object as a user made or changed it.
    pub fn seen(&self, object: &K) {
        let name = name_of(object);
        self.inner().objects.insert(name.clone(), Arc::new(object.clone()));
        self.wake(&name);
    }

    /// The watch no longer shows it.
    pub fn gone(&self, name: &Name) {
        self.inner().objects.remove(name);
        self.wake(name);
    }

    /// The watch of a scope has shown everything.
    pub fn listed(&self, scope: &Option<String>) {
        self.unlisted.send_if_modified(|unlisted| unlisted.remove(scope));
    }

    /// Looks up one object, the only one of this kind that the resource refers to.
    async fn find(&self, user: &ObjectRef, name: &Name) -> Result<Option<Arc<K>>, Fault> {
        self.refer(user, BTreeSet::from([name.clone()]));
        self.get(name).await
    }

    /// The resource refers to these, and to none that it referred to before: it is woken when one of them changes.
    pub(crate) fn refer(&self, user: &ObjectRef, names: BTreeSet<Name>) {
        match names.is_empty() {
            true => self.inner().users.remove(user),
            false => self.inner().users.insert(user.clone(), names),
        };
    }

    /// The resource is gone.
    pub(crate) fn forget(&self, user: &ObjectRef) {
        self.refer(user, BTreeSet::new());
    }

    /// Who refers to an object.
    #[must_use]
    pub fn users(&self, name: &Name) -> Vec<ObjectRef> {
        self.inner().users.iter().filter(|(_, used)| used.contains(name)).map(|(user, _)| user.clone()).collect()
    }

    /// An object. None: it is not there.
    ///
    /// # Errors
    /// It is not watched, and the API server can't be asked, or does not let us read.
    pub(crate) async fn get(&self, name: &Name) -> Result<Option<Arc<K>>, Fault> {
        let scope = self.scopes.iter().find(|scope| scope.as_ref().is_none_or(|namespace| *namespace == name.namespace));
        if let Some(scope) = scope {
            let mut unlisted = self.unlisted.subscribe();
            let listed = unlisted.wait_for(|unlisted| !unlisted.contains(scope));
            // The sender is never dropped before the receiver.
            let listed = tokio::time::timeout_at(self.began + LISTED_WITHIN, listed).await.is_ok();
            if listed {
                return Ok(self.inner().objects.get(name).cloned());
            }
        }
        let read = self.requests.get::<K>(collection::<K>(&name.namespace), &name.name).await;
        read.map(|object| object.map(Arc::new)).map_err(|error| error.fault(&format!("get {} {name}", K::kind(&())), std::iter::empty()))
    }

    fn wake(&self, name: &Name) {
        self.users(name).iter().for_each(|user| self.triggers.wake(user, Cause::Reference));
    }
}

impl<K> Kept<K> {
    fn inner(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of<K: Resource>(object: &K) -> Name {
    Name { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}
