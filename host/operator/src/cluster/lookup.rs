//! Looks at what resources refer to: one read for all who refer to the same object, until it changes.
use super::{
    Cluster, RequestError,
    index::{Identity, Key, State},
    request::collection,
};
use crate::{
    dereference::{Lookup, SecretData},
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::TargetKind,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::Resource;
use runtime::SecretBytes;
use serde::de::DeserializeOwned;
use std::{collections::BTreeMap, sync::Arc};

/// The data of a reference; None: the object is not there.
#[derive(Clone)]
pub(super) enum Content {
    Secret(Option<Arc<SecretData>>),
    ConfigMap(Option<Arc<BTreeMap<String, String>>>),
}

/// What is kept for a reference.
#[derive(Clone)]
pub(super) enum Cached {
    Content(Content),
    /// Being read. Whoever waits polls it, so no one is left behind when the first to ask goes away.
    Read(Shared<BoxFuture<'static, Result<Content, Fault>>>),
}

impl Lookup for Cluster {
    async fn secret(&self, user: &ObjectRef, name: &Name) -> Result<Option<Arc<SecretData>>, Fault> {
        match self.content(user, Key { kind: TargetKind::Secret, name: name.clone() }).await? {
            Content::Secret(data) => Ok(data),
            Content::ConfigMap(_) => Err(mixed_up(name)),
        }
    }

    async fn config_map(&self, user: &ObjectRef, name: &Name) -> Result<Option<Arc<BTreeMap<String, String>>>, Fault> {
        match self.content(user, Key { kind: TargetKind::ConfigMap, name: name.clone() }).await? {
            Content::ConfigMap(data) => Ok(data),
            Content::Secret(_) => Err(mixed_up(name)),
        }
    }

    async fn service_account_secrets(&self, name: &Name) -> Result<Option<Vec<String>>, Fault> {
        let account = self.read::<ServiceAccount>(name).await?;
        Ok(account.map(|account| account.secrets.into_iter().flatten().filter_map(|secret| secret.name).collect()))
    }
}

fn mixed_up(name: &Name) -> Fault {
    Fault::new("Bug", Class::Bug, format!("what is kept for {name} is of another kind"))
}

impl Cluster {
    async fn content(&self, user: &ObjectRef, key: Key) -> Result<Content, Fault> {
        let read = {
            let live = self.is_live(&key);
            let mut index = self.index();
            match index.refer(user, &key) {
                Some(Cached::Read(read)) => Some(read),
                // Without a watch nobody would say that it is stale.
                Some(Cached::Content(content)) if live => return Ok(content),
                _ => {
                    let start = |ticket| Cached::Read(self.clone().fetch(key.clone(), ticket).boxed().shared());
                    match index.cache(&key, start) {
                        Some(Cached::Read(read)) => Some(read),
                        _ => None,
                    }
                }
            }
        };
        match read {
            Some(read) => read.await,
            None => Err(mixed_up(&key.name)),
        }
    }

    async fn fetch(self, key: Key, ticket: u64) -> Result<Content, Fault> {
        let answer = match key.kind {
            TargetKind::Secret => self.read::<Secret>(&key.name).await.map(|secret| {
                let state = state_of(secret.as_ref());
                let data = secret.map(|secret| {
                    let Identity { uid, resource_version } = identity(&secret);
                    Arc::new(SecretData { name: key.name.clone(), version: format!("{uid}/{resource_version}"), data: values(secret) })
                });
                (state, Content::Secret(data))
            }),
            TargetKind::ConfigMap => self.read::<ConfigMap>(&key.name).await.map(|map| {
                let state = state_of(map.as_ref());
                (state, Content::ConfigMap(map.map(|map| Arc::new(map.data.unwrap_or_default()))))
            }),
        };
        let kept = answer.as_ref().ok().map(|(state, content)| (state.clone(), Cached::Content(content.clone())));
        self.index().land(&key, ticket, kept);
        answer.map(|(_, content)| content)
    }

    async fn read<K: Resource<DynamicType = ()> + DeserializeOwned>(&self, name: &Name) -> Result<Option<K>, Fault> {
        let answer = self.inner.requests.get::<K>(collection::<K>(&name.namespace), &name.name).await;
        answer.map_err(|error: RequestError| error.fault(&format!("get {} {name}", K::kind(&())), std::iter::empty()))
    }
}

fn state_of<K: Resource>(object: Option<&K>) -> State {
    match object {
        Some(object) => State::Present(identity(object)),
        None => State::Absent(None),
    }
}

pub(crate) fn identity<K: Resource>(object: &K) -> Identity {
    let metadata = object.meta();
    Identity { uid: metadata.uid.clone().unwrap_or_default(), resource_version: metadata.resource_version.clone().unwrap_or_default() }
}

fn values(secret: Secret) -> BTreeMap<String, Arc<SecretBytes>> {
    secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, Arc::new(value.0.into()))).collect()
}
