//! The cluster as far as resources need it: what changed, what they refer to, tokens of service accounts.
//!
//! One metadata watch of Secrets and one of ConfigMaps for each watched namespace (or for all) feeds an index of targets and
//! references; there is no store of objects. What a resource refers to is read once and kept until the watch tells of a
//! change, however many resources refer to it.
//!
//! What can go wrong: the watch is refused (then nothing is kept, each look is a read, and changes are seen at the next
//! interval: one log line, a metric and the conditions of the resources say so) or breaks (then nothing kept is trusted until it is back).
mod fault;
mod index;
mod lookup;
mod namespaces;
mod request;
mod sighting;
mod token;
mod watch;

pub use index::Key;
pub use namespaces::Namespaces;
pub use request::Requests;

pub(crate) use fault::RequestError;
pub(crate) use index::{Identity, State, compare_versions};
pub(crate) use request::collection;
pub(crate) use sighting::{Keep, Sighting, Watched};
pub(crate) use watch::{Health, REFUSED_PAUSE, absent, follow, is_refused, owner_uid, ready, refused_fault};

use crate::{
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::TargetKind,
    trigger::{Cause, Triggers},
};
use index::{Index, Wakes};
use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta},
};
use kube::{Resource, core::params::ListParams};
use lookup::Cached;
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::watch as signal, task::JoinSet};

/// Objects in one answer to a list, as the watches have it: one page in memory at a time.
const PAGE: u32 = 500;

/// Which namespaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    /// Each with a watch of its own, so that a Role in each is right enough.
    Namespaces(Vec<String>),
}

impl Scope {
    /// One entry for each watch; None stands for all namespaces.
    pub(crate) fn watches(&self) -> Vec<Option<String>> {
        match self {
            Self::All => vec![None],
            Self::Namespaces(names) => names.iter().cloned().map(Some).collect(),
        }
    }
}

/// The index with its watches. Clones share both.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    requests: Requests,
    triggers: Arc<Triggers>,
    index: Mutex<Index<Cached>>,
    health: signal::Sender<Health>,
}

impl Cluster {
    /// Nothing is watched until [`Self::run`] is polled.
    #[must_use]
    pub fn new(requests: Requests, triggers: Arc<Triggers>, scope: &Scope) -> Self {
        let watches = scope.watches().into_iter();
        let parts = watches.flat_map(|namespace| [("secrets", namespace.clone()), ("configmaps", namespace)]);
        let health = signal::Sender::new(Health::of(parts));
        Self { inner: Arc::new(Inner { requests, triggers, index: Mutex::default(), health }) }
    }

    /// Runs the watches. Ends only when it is dropped.
    pub async fn run(&self) {
        let parts = self.inner.health.borrow().parts();
        let mut tasks = JoinSet::new();
        for (resource, namespace) in parts {
            let cluster = self.clone();
            tasks.spawn(async move {
                match resource {
                    "secrets" => cluster.watch::<Secret>(TargetKind::Secret, resource, namespace).await,
                    _ => cluster.watch::<ConfigMap>(TargetKind::ConfigMap, resource, namespace).await,
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Waits until each watch has listed everything once, or was refused.
    pub async fn ready(&self) {
        watch::ready(&self.inner.health).await;
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.health.borrow().is_settled()
    }

    /// Which watches are refused, and what that costs.
    #[must_use]
    pub fn degraded(&self) -> Vec<Fault> {
        self.inner.health.borrow().faults()
    }

    /// How the watches fare, now and from now on.
    pub(crate) fn health(&self) -> signal::Receiver<Health> {
        self.inner.health.subscribe()
    }

    /// Why changes of these objects are not noticed, where the role refuses the watch that would tell.
    pub(crate) fn blind_to(&self, objects: impl Iterator<Item = Key>) -> Vec<Fault> {
        let health = self.inner.health.borrow();
        let watches: BTreeSet<_> = objects.map(|key| (resource(key.kind), key.name.namespace)).collect();
        let mut faults: Vec<_> = watches.iter().filter_map(|(resource, namespace)| health.fault_of(resource, namespace)).collect();
        faults.dedup();
        faults
    }

    /// A pass over the references of a resource begins: what is looked up from now on replaces what was before, at
    /// [`Self::end`].
    pub fn begin(&self, user: &ObjectRef) {
        self.index().begin(user);
    }

    /// The pass is over.
    pub fn end(&self, user: &ObjectRef) {
        self.index().end(user);
    }

    /// The resource is gone: nothing is watched for it any more.
    pub fn forget(&self, user: &ObjectRef) {
        self.index().forget(user);
    }

    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.inner.requests
    }

    pub(crate) fn set_targets(&self, user: &ObjectRef, targets: HashSet<Key>) {
        self.index().set_targets(user, targets);
    }

    pub(crate) fn add_target(&self, user: &ObjectRef, key: &Key) {
        self.index().add_target(user, key);
    }

    /// Objects with that owner, as far as the watches and our own writes told; see [`Self::sees_all`].
    pub(crate) fn owned_by(&self, uid: &str) -> Vec<Key> {
        self.index().owned_by(uid)
    }

    /// Whether [`Self::owned_by`] gives all: every Secret and ConfigMap is watched now.
    pub(crate) fn sees_all(&self) -> bool {
        self.inner.health.borrow().blind().is_empty()
    }

    /// All objects with that owner: what no watch tells of now is listed, by metadata alone.
    pub(crate) async fn find_owned_by(&self, uid: &str) -> Result<BTreeSet<Key>, Fault> {
        let mut found: BTreeSet<_> = self.owned_by(uid).into_iter().collect();
        let blind = self.inner.health.borrow().blind();
        for (resource, namespace) in blind {
            let namespace = namespace.unwrap_or_default();
            let listed = match resource {
                "secrets" => self.list_owned::<Secret>(TargetKind::Secret, &namespace, uid).await,
                _ => self.list_owned::<ConfigMap>(TargetKind::ConfigMap, &namespace, uid).await,
            };
            let place = if namespace.is_empty() { "all namespaces".to_owned() } else { format!("namespace {namespace}") };
            found.extend(listed.map_err(|error| error.fault(&format!("list {resource} in {place}"), std::iter::empty()))?);
        }
        Ok(found)
    }

    async fn list_owned<K: Watched + Resource<DynamicType = ()>>(
        &self,
        kind: TargetKind,
        namespace: &str,
        uid: &str,
    ) -> Result<Vec<Key>, RequestError> {
        let mut owned = Vec::new();
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let listed: Page<Sighting<K, watch::Owned>> = self.inner.requests.list_metadata(collection::<K>(namespace), &page).await?;
            let items = listed.items.into_iter().filter(|item| watch::owners(&item.metadata).iter().any(|owner| owner == uid));
            owned.extend(items.filter_map(|item| {
                let (namespace, name) = (item.metadata.namespace?, item.metadata.name?);
                Some(Key { kind, name: Name { namespace, name } })
            }));
            match listed.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => page = page.continue_token(&next),
                None => return Ok(owned),
            }
        }
    }

    pub(crate) fn owners_of(&self, key: &Key) -> Vec<String> {
        self.index().owners_of(key).to_vec()
    }

    /// The version annotation of a target that needs no look, since nothing happened to it since it was verified.
    pub(crate) fn verified(&self, key: &Key, digest: &[u8; 32]) -> Option<String> {
        if !self.is_live(key) {
            return None;
        }
        self.index().verified(key, digest)
    }

    /// Whether a target is absent, as far as the watch knows: creating it needs no look before.
    pub(crate) fn is_absent(&self, key: &Key) -> bool {
        self.is_live(key) && self.index().is_absent(key)
    }

    pub(crate) fn verify(&self, key: &Key, at: Identity, digest: [u8; 32], version: String) {
        self.index().verify(key, at, digest, version);
    }

    /// A read of a target ended.
    pub(crate) fn answered(&self, key: &Key, state: State) {
        self.index().answered(key, state);
    }

    /// A target was written with this metadata, or may have been: no answer came.
    pub(crate) fn wrote_owners(&self, key: &Key, written: &ObjectMeta) {
        self.index().wrote_owners(key, watch::owners(written));
    }

    /// To be dropped after the write; events of that object are held back until then.
    pub(crate) fn writing(&self, key: &Key) -> Writing<'_> {
        self.index().begin_write(key);
        Writing { cluster: self, key: key.clone(), made: None }
    }

    /// Wakes all who have that object as a target.
    pub(crate) fn wake_target(&self, key: &Key) {
        let users = self.index().users_of_target(key);
        users.iter().for_each(|user| self.wake(user, Cause::Target));
    }

    pub(crate) fn wake(&self, user: &ObjectRef, cause: Cause) {
        self.inner.triggers.wake(user, cause);
    }

    /// Whether the watch would tell of a change of that object.
    fn is_live(&self, key: &Key) -> bool {
        self.inner.health.borrow().is_live(resource(key.kind), &key.name.namespace)
    }

    async fn watch<K: Watched>(&self, kind: TargetKind, resource: &'static str, namespace: Option<String>) {
        let mut feed = watch::Feed { cluster: self, kind, namespace: namespace.as_deref(), epoch: 0 };
        follow::<K, watch::Owned>(self.inner.requests.client(), resource, namespace.as_deref(), &self.inner.health, &mut |event| {
            feed.take(event);
        })
        .await;
    }

    fn wake_all(&self, wakes: Wakes) {
        for (user, cause) in wakes {
            self.inner.triggers.wake(&user, cause);
        }
    }

    fn index(&self) -> MutexGuard<'_, Index<Cached>> {
        self.inner.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(serde::Deserialize)]
struct Page<T> {
    metadata: ListMeta,
    items: Vec<T>,
}

const fn resource(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Secret => "secrets",
        TargetKind::ConfigMap => "configmaps",
    }
}

/// A write of ours in flight.
pub(crate) struct Writing<'a> {
    cluster: &'a Cluster,
    key: Key,
    made: Option<State>,
}

impl Writing<'_> {
    /// It succeeded, and made this.
    pub(crate) fn made(mut self, state: State) {
        self.made = Some(state);
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let wakes = self.cluster.index().end_write(&self.key, self.made.take());
        self.cluster.wake_all(wakes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Json, Router, extract::Query, http::StatusCode, routing::get};
    use kube::{Client, Config};
    use serde_json::{Value, json};
    use std::collections::HashMap;

    /// Of an API server with these answers, before any watch of it has begun.
    async fn cluster(server: Router) -> Cluster {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, server).await });
        let client = Client::try_from(Config::new(format!("http://{address}").parse().unwrap())).unwrap();
        Cluster::new(Requests::new(client), Arc::default(), &Scope::All)
    }

    fn page(next: &str, names: &[(&str, &str)]) -> Json<Value> {
        let item = |(name, uid): &(&str, &str)| {
            let note = format!("InfisicalSecret/n/a/{uid}");
            json!({"metadata": {"namespace": "m", "name": name, "annotations": {api::well_known::annotation::OWNER: note}}})
        };
        Json(json!({"metadata": {"continue": next}, "items": names.iter().map(item).collect::<Vec<_>>()}))
    }

    async fn secrets(Query(query): Query<HashMap<String, String>>) -> Json<Value> {
        match query.get("continue") {
            None => page("more", &[("first", "uid"), ("another's", "other")]),
            Some(_) => page("", &[("last", "uid")]),
        }
    }

    #[tokio::test]
    async fn what_no_watch_tells_of_is_listed() {
        let maps = get(async || page("", &[("map", "uid")]));
        let cluster = cluster(Router::new().route("/api/v1/secrets", get(secrets)).route("/api/v1/configmaps", maps)).await;
        let found = cluster.find_owned_by("uid").await.unwrap();
        assert_eq!(
            found.iter().map(|key| (key.kind, &*key.name.name)).collect::<HashSet<_>>(),
            HashSet::from([(TargetKind::Secret, "first"), (TargetKind::Secret, "last"), (TargetKind::ConfigMap, "map"),])
        );
    }

    #[tokio::test]
    async fn what_can_not_be_listed_is_not_taken_for_nothing() {
        let status =
            json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "no"});
        let refused = get(async || (StatusCode::FORBIDDEN, Json(status)));
        let cluster = cluster(Router::new().route("/api/v1/secrets", get(secrets)).route("/api/v1/configmaps", refused)).await;
        let fault = cluster.find_owned_by("uid").await.unwrap_err();
        assert!(fault.message.contains("list configmaps in all namespaces"), "{}", fault.message);
    }
}
