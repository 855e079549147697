//! What is to be done for one resource, decided before anything is done: pure, from the resource and what it refers to.
//!
//! Whatever is wrong in any part of the resource, nothing of it is done, but for its targets: one that is wrong holds up no other
//! ([`Planned`]). [`field`] words what is wrong, [`crate::reason`] names it. The parts: [`login`], [`server`], [`scope`], [`target`].
pub mod chain;
mod dynamic_secret;
mod field;
mod grants;
mod infisical_secret;
pub mod login;
mod planned;
mod push_secret;
pub mod scope;
pub mod server;
mod settings;
pub mod spread;
mod static_secret;
pub mod target;
mod template;
#[cfg(test)]
mod tests;

pub use dynamic_secret::{DynamicPlan, dynamic_secret, dynamic_source, dynamic_target, lease_ttl, revokes_leases};
pub use grants::Ambient;
pub use infisical_secret::{infisical_secret, targets};
pub use planned::{Faulty, Planned};
pub use push_secret::{
    Generated, PushPlan, SOURCE as PUSH_SOURCE, Source as PushSource, deletes, name as push_name, push_secret, source_secret,
};
pub use settings::{Settings, SettingsError};
pub use static_secret::{static_secret, static_targets};

use crate::{
    object::{Name, ObjectRef},
    outcome::{Fault, Stage},
    read::ReadRequest,
};
use kube::{Resource, ResourceExt, core::Selector};
use runtime::SecretBytes;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The kind of a resource, as far as the core makes a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    InfisicalSecret,
    StaticSecret,
}

/// The plan for one resource.
pub struct Plan {
    pub dialect: Dialect,
    pub login: Arc<Login>,
    pub reads: Vec<ReadRequest>,
    /// At least one.
    pub targets: Vec<Target>,
    /// Those that can't be kept as they are written.
    pub faulty: Vec<Faulty>,
    /// Between two reads of the source.
    pub interval: Duration,
    /// Where events of the source are wanted: between two reads while they come.
    pub instant: Option<Duration>,
    /// Worth a warning, but no obstacle.
    pub warnings: Vec<Fault>,
}

/// The one server that the credentials of a resource may reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub address: infisical::Address,
    /// PEM. Replaces nothing: it is trusted beside the system's roots.
    pub ca: Option<Arc<Vec<u8>>>,
    /// Ambient identities may go there.
    pub trusted: bool,
}

/// How to log in. Holds the inputs themselves; [`crate::session::SessionKey`] holds their digests.
pub struct Login {
    pub server: Server,
    pub organisation: Option<String>,
    pub plugin: String,
    /// An object.
    pub settings: Value,
    pub inputs: BTreeMap<String, Arc<SecretBytes>>,
    pub service_account: Option<Name>,
    /// Whether files, variables and metadata services may be used.
    pub ambient: Ambient,
    /// Namespace of the resource that logs in.
    pub namespace: String,
    /// Where the login is written: the object and its block, for messages. Sessions are shared, so they don't know it.
    pub place: String,
    /// Strategy name for conditions, for example `UNIVERSAL_MACHINE_IDENTITY`.
    pub method: String,
}

impl Login {
    /// A fault of the login with the place where it is written; any other fault as it is.
    #[must_use]
    pub fn placed(&self, stage: Stage, fault: Fault) -> Fault {
        match stage {
            Stage::Login => Fault { message: format!("{}: {}", self.place, fault.message), ..fault },
            _ => fault,
        }
    }
}

/// What becomes of a target when its resource goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CreationPolicy {
    /// It stays.
    Orphan,
    /// It goes, by owner reference.
    Owner,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr, strum::Display)]
pub enum TargetKind {
    Secret,
    ConfigMap,
}

/// One object to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub kind: TargetKind,
    pub name: Name,
    /// It is to be in each namespace that this matches. Its name has no namespace until [`spread`] gives it one.
    pub selector: Option<Arc<Selector>>,
    /// Where the resource says so, for example `spec.managedKubeSecretReferences[1]`.
    pub field: String,
    /// Of a Secret; empty counts as `Opaque`.
    pub secret_type: String,
    pub policy: CreationPolicy,
    pub template: Option<Template>,
    /// Replaces the labels and annotations that are copied from the resource.
    pub metadata: Option<Metadata>,
    /// Labels and annotations of the resource are copied when the target is made, and left alone from then on.
    pub labelled_once: bool,
}

impl Target {
    /// Whether an owner reference says whose it is: `owner` is the namespace of the resource. What is owned elsewhere bears an
    /// annotation.
    #[must_use]
    pub fn is_owned_by_reference(&self, owner: &str) -> bool {
        self.policy == CreationPolicy::Owner && self.name.namespace == owner
    }

    /// Whether an annotation says whose it is: of one that a selector places elsewhere.
    #[must_use]
    pub fn is_owned_by_annotation(&self, owner: &str) -> bool {
        self.policy == CreationPolicy::Owner && self.name.namespace != owner && self.selector.is_some()
    }

    /// Whether it is to be owned and can't be: it names another namespace.
    #[must_use]
    pub fn is_owned_in_vain(&self, owner: &str) -> bool {
        self.policy == CreationPolicy::Owner && self.name.namespace != owner && self.selector.is_none()
    }
}

/// How the data of a target is rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub plugin: String,
    pub dot: &'static str,
    pub options: Value,
    /// All source secrets first; rendered entries override.
    pub include_all: bool,
    pub entries: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

/// The resource that owns targets, as far as targets need to know it.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    pub object: ObjectRef,
    /// `secrets.infisical.com/v1alpha1`.
    pub api_version: String,
    pub uid: String,
    /// Of two resources with one target, the older keeps it.
    pub created: Option<jiff::Timestamp>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
}

impl Owner {
    /// The resource as its targets know it.
    #[must_use]
    pub fn of<K: Resource<DynamicType = ()>>(resource: &K) -> Self {
        Self {
            object: ObjectRef::of(resource),
            api_version: K::api_version(&()).into_owned(),
            uid: resource.uid().unwrap_or_default(),
            created: resource.creation_timestamp().map(|time| time.0),
            labels: resource.labels().clone(),
            annotations: resource.annotations().clone(),
        }
    }
}

/// Values of a target by key.
pub type Data = BTreeMap<String, Arc<SecretBytes>>;

/// Value of the annotation `secrets.infisical.com/version`.
#[derive(Clone, Debug)]
pub enum Version {
    /// Follows from the data that is written in the end, of which volatile values may be those of the live object.
    Of(fn(&Data) -> String),
    /// Is given, for example that of a lease.
    Fixed(String),
}

impl Version {
    #[must_use]
    pub fn of(&self, data: &Data) -> String {
        match self {
            Self::Of(version) => version(data),
            Self::Fixed(version) => version.clone(),
        }
    }
}

/// The data that a target must have. Values can't be formatted.
pub struct Desired {
    pub data: Data,
    pub version: Version,
    /// Keys whose value used random numbers, time or fresh keys: kept from the live object while `inputs` is the same.
    pub volatile: std::collections::BTreeSet<String>,
    /// Digest of the templates and the source data, in hex. Noted on the target where there are volatile values, or where the
    /// version is given and says nothing of the data; where it is empty, nothing is noted.
    pub inputs: String,
    /// Of the template engine, for users.
    pub notices: Vec<Fault>,
}
