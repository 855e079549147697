//! What `migrate` looks at, wherever it comes from: a cluster or files.
//!
//! Resources and workloads are there as a whole; single Secrets, ConfigMaps and ServiceAccounts are fetched. From files, what is not
//! among them is unknown, which is not the same as missing: it is taken to be as the resource needs it, and said.
use super::report::Looked;
use crate::{
    chain::Chain,
    cluster::Key,
    dereference::{Lookup, SecretData},
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::TargetKind,
    reload::{Consumed, consumes},
    target::Object,
};
use api::{
    v1alpha1::{ClusterGenerator, InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret, Password, Uuid},
    v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret},
    well_known::annotation,
};
use k8s_openapi::{
    api::core::v1::{ConfigMap, PodTemplateSpec, Secret},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::ResourceExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

/// A look for one object.
#[derive(Clone, Debug)]
pub(crate) enum Seen<T> {
    /// Nobody can tell.
    Unknown,
    Absent,
    There(T),
}

impl<T> Seen<T> {
    pub fn there(self) -> Option<T> {
        match self {
            Self::There(object) => Some(object),
            Self::Unknown | Self::Absent => None,
        }
    }
}

/// Fetches single objects. What can't be fetched is unknown, and noted.
pub(crate) trait Fetch: Send + Sync {
    fn secret(&self, name: &Name) -> impl Future<Output = Seen<Secret>> + Send;
    fn config_map(&self, name: &Name) -> impl Future<Output = Seen<ConfigMap>> + Send;
    /// Names of the Secrets that a ServiceAccount lists.
    fn account(&self, name: &Name) -> impl Future<Output = Seen<Vec<String>>> + Send;
}

/// A workload that opted in.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub kind: &'static str,
    pub name: Name,
    pub annotations: BTreeMap<String, String>,
    pub reads: BTreeSet<Consumed>,
}

impl Workload {
    /// None: it did not opt in.
    pub fn of(kind: &'static str, metadata: &ObjectMeta, template: &PodTemplateSpec) -> Option<Self> {
        let annotations = metadata.annotations.clone().unwrap_or_default();
        if annotations.get(annotation::AUTO_RELOAD).map(String::as_str) != Some("true") {
            return None;
        }
        let name = Name::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        Some(Self { kind, name, annotations, reads: template.spec.as_ref().map(consumes).unwrap_or_default() })
    }
}

/// A Secret or ConfigMap with owner references.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    pub key: Key,
    pub owners: Vec<OwnerReference>,
    /// It bears our version annotation.
    pub versioned: bool,
}

impl Owned {
    /// None: nobody owns it.
    pub fn of(kind: TargetKind, metadata: &ObjectMeta) -> Option<Self> {
        let owners = metadata.owner_references.clone().filter(|owners| !owners.is_empty())?;
        let name = Name::new(metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        let versioned = metadata.annotations.as_ref().is_some_and(|all| all.contains_key(annotation::VERSION));
        Some(Self { key: Key { kind, name }, owners, versioned })
    }
}

/// A definition of a kind, by its name.
pub(crate) type Definitions = BTreeMap<String, BTreeMap<String, String>>;

/// Everything that is listed.
#[derive(Default)]
pub(crate) struct Objects {
    pub secrets: Vec<InfisicalSecret>,
    pub pushes: Vec<InfisicalPushSecret>,
    pub dynamics: Vec<InfisicalDynamicSecret>,
    pub statics: Vec<InfisicalStaticSecret>,
    pub auths: Vec<InfisicalAuth>,
    pub connections: Vec<InfisicalConnection>,
    /// None: they can't be listed.
    pub clusters: Option<Vec<ClusterGenerator>>,
    pub passwords: Vec<Password>,
    pub uuids: Vec<Uuid>,
    pub workloads: Vec<Workload>,
    pub owned: Vec<Owned>,
    /// Annotations of the definitions of this group; None: not looked at.
    pub definitions: Option<Definitions>,
}

/// All that rules may ask for.
pub(crate) struct World<F> {
    pub objects: Objects,
    pub fetch: F,
    /// Whether what is not listed is missing.
    pub complete: bool,
    /// Keys that any Secret may be asked for, of those that are unknown.
    pub keys: BTreeSet<String>,
    pub unseen: Unseen,
    /// Objects that can't be decoded.
    pub refused: Vec<Looked>,
}

/// What could not be looked at.
#[derive(Clone, Default)]
pub(crate) struct Unseen(Arc<Mutex<BTreeSet<String>>>);

impl Unseen {
    pub fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what.into());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl<F: Fetch> World<F> {
    /// A target as it lives.
    pub async fn target(&self, key: &Key) -> Seen<Object> {
        match key.kind {
            TargetKind::Secret => match self.fetch.secret(&key.name).await {
                Seen::There(secret) => Seen::There(secret.into()),
                Seen::Absent => Seen::Absent,
                Seen::Unknown => Seen::Unknown,
            },
            TargetKind::ConfigMap => match self.fetch.config_map(&key.name).await {
                Seen::There(map) => Seen::There(map.into()),
                Seen::Absent => Seen::Absent,
                Seen::Unknown => Seen::Unknown,
            },
        }
    }

    /// Has all that can be asked for. A service token is told by its beginning.
    fn assumed(&self) -> SecretData {
        let data = self.keys.iter().map(|key| (key.clone(), Arc::new(b"st.assumed".to_vec().into())));
        SecretData { name: Name::new("", ""), version: String::new(), data: data.collect() }
    }
}

impl<F: Fetch> Lookup for World<F> {
    async fn secret(&self, _: &ObjectRef, name: &Name) -> Result<Option<Arc<SecretData>>, Fault> {
        Ok(match self.fetch.secret(name).await {
            Seen::There(secret) => {
                let Object { metadata, data, .. } = Object::from(secret);
                let version = metadata.resource_version.unwrap_or_default();
                Some(Arc::new(SecretData { name: name.clone(), version, data }))
            }
            Seen::Absent => None,
            Seen::Unknown => Some(Arc::new(self.assumed())),
        })
    }

    async fn config_map(&self, _: &ObjectRef, name: &Name) -> Result<Option<Arc<BTreeMap<String, String>>>, Fault> {
        Ok(self.fetch.config_map(name).await.there().map(|map| Arc::new(map.data.unwrap_or_default())))
    }

    async fn service_account_secrets(&self, name: &Name) -> Result<Option<Vec<String>>, Fault> {
        Ok(match self.fetch.account(name).await {
            Seen::There(listed) => Some(listed),
            Seen::Absent => None,
            Seen::Unknown => Some(vec!["assumed".into()]),
        })
    }
}

impl<F: Fetch> Chain for World<F> {
    async fn auth(&self, _: &ObjectRef, name: &Name) -> Result<Option<Arc<InfisicalAuth>>, Fault> {
        Ok(self.objects.auths.iter().find(|auth| is(*auth, name)).cloned().map(Arc::new))
    }

    async fn connection(&self, _: &ObjectRef, name: &Name) -> Result<Option<Arc<InfisicalConnection>>, Fault> {
        Ok(self.objects.connections.iter().find(|connection| is(*connection, name)).cloned().map(Arc::new))
    }
}

fn is(object: &impl ResourceExt, name: &Name) -> bool {
    object.namespace().as_deref() == Some(&name.namespace) && object.name_any() == name.name
}
