//! What goes over the wire, in this crate's own words. Nothing that holds a value or a token can be formatted.
use crate::Error;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use zeroize::Zeroize;

/// The JSON members of a login's body. Zeroed when dropped, never printed.
#[derive(Default)]
pub struct Fields(serde_json::Map<String, serde_json::Value>);

impl Fields {
    /// Takes the members.
    #[must_use]
    pub fn new(members: serde_json::Map<String, serde_json::Value>) -> Self {
        Self(members)
    }

    pub(crate) fn members(&self) -> &serde_json::Map<String, serde_json::Value> {
        &self.0
    }
}

impl Drop for Fields {
    fn drop(&mut self) {
        fn wipe(value: &mut serde_json::Value) {
            match value {
                serde_json::Value::String(text) => text.zeroize(),
                serde_json::Value::Array(items) => items.iter_mut().for_each(wipe),
                serde_json::Value::Object(members) => members.values_mut().for_each(wipe),
                _ => {}
            }
        }
        self.0.values_mut().for_each(wipe);
    }
}

/// A login, put together from the proof of an authenticator plugin.
pub struct LoginRequest {
    /// `/v1/auth/NAME/login`.
    pub path: String,
    /// Members of the body; `organizationSlug` is added from `organisation`.
    pub fields: Fields,
    /// Extra headers, names in lower case with the prefix `x-identity-`.
    pub headers: Vec<(String, SecretString)>,
    /// Certificate chain and key as PEM, for mutual TLS on this one connection.
    pub client_identity: Option<(SecretSlice<u8>, SecretSlice<u8>)>,
    /// Slug of a sub-organisation.
    pub organisation: Option<String>,
}

/// A token with its life as the server told it.
pub struct AccessToken {
    /// The token.
    pub token: Token,
    /// Life from now: the sooner of `expiresIn` (0 counts as not given) and the token's own `exp`. None where neither is
    /// given.
    pub expires_in: Option<Duration>,
    /// From `accessTokenMaxTTL`: beyond it renewing is refused. None where the server gives no bound.
    pub max_ttl: Option<Duration>,
}

/// A bearer token. Clones share it.
#[derive(Clone)]
pub struct Token(Arc<SecretString>);

impl Token {
    /// Takes a token as it is.
    #[must_use]
    pub fn new(token: SecretString) -> Self {
        Self(Arc::new(token))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Which project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProjectRef {
    /// By id.
    Id(String),
    /// By slug.
    Slug(String),
    /// The one that a service token (`st.…`) belongs to: the token alone knows it, by `GET /v2/service-token`.
    OfToken,
}

/// A project, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Id.
    pub id: String,
    /// Slug.
    pub slug: String,
}

/// A list of the secrets of one folder. All flags are always sent: their defaults differ by server version.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListRequest {
    /// Id of the project.
    pub project_id: String,
    /// Slug of the environment; empty for the one place that a service token is for, whatever the path.
    pub environment: String,
    /// Folder, for example `/app`; empty counts as `/`.
    pub path: String,
    /// Folders below too.
    pub recursive: bool,
    /// Replace `${…}` references.
    pub expand_references: bool,
    /// Follow imports.
    pub include_imports: bool,
    /// Any of these tags; empty for all secrets.
    pub tags: Vec<String>,
}

/// One secret by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretRequest {
    /// Id of the project.
    pub project_id: String,
    /// Slug of the environment.
    pub environment: String,
    /// Folder.
    pub path: String,
    /// Key.
    pub name: String,
    /// Replace `${…}` references.
    pub expand_references: bool,
    /// Look into imports too.
    pub include_imports: bool,
}

/// An entity tag of a read, to be sent back as it came with the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Etag(pub(crate) String);

/// The answer to a read.
pub enum Listed {
    /// Nothing changed since the answer whose entity tag was sent.
    NotModified,
    /// The secrets.
    Modified(Listing),
}

/// The secrets of one folder, or one secret by name.
pub struct Listing {
    /// In the order of the answer. Keys may repeat when recursive.
    pub secrets: Vec<Secret>,
    /// In the order of the answer.
    pub imports: Vec<Import>,
    /// For the next read.
    pub etag: Option<Etag>,
}

/// A secret. Its value can't be formatted.
pub struct Secret {
    /// Id at the server.
    pub id: String,
    /// Name.
    pub key: String,
    /// Value.
    pub value: SecretSlice<u8>,
    /// Folder. Of an imported one what the server says, which may be nothing.
    pub path: String,
    /// Comment.
    pub comment: SecretString,
    /// Slugs of its tags.
    pub tags: Vec<String>,
    /// When it was made, where the server tells it.
    pub created: Option<jiff::Timestamp>,
    /// Which version of it this is, where the server tells it.
    pub version: Option<u64>,
}

/// A folder to write to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Folder {
    /// Id of the project.
    pub project_id: String,
    /// Slug of the environment.
    pub environment: String,
    /// Path, for example `/app`; empty counts as `/`.
    pub path: String,
}

/// A secret to be created or changed. Its value can't be formatted, and may be empty.
#[derive(Clone, Copy)]
pub struct NewSecret<'a> {
    /// Name.
    pub key: &'a str,
    /// Value, in the server's own form ([`crate::stored`]) or not.
    pub value: &'a str,
}

/// What the server did with a write.
#[derive(Clone, Debug)]
pub enum Written {
    /// It is done: id by key of the secrets concerned, as far as the server tells them.
    Done(BTreeMap<String, String>),
    /// A server without batches did some of it, then failed.
    Partly {
        /// Id by key of what is done; empty where the server does not tell it.
        done: BTreeMap<String, String>,
        /// How the next one failed. The rest was not tried.
        error: Error,
    },
    /// A policy of the folder asks for an approval: nothing is written before somebody has given it.
    Approval {
        /// Id of the request for approval, where the server tells it.
        id: Option<String>,
    },
}

/// The secrets of one import.
pub struct Import {
    /// Folder at the source.
    pub path: String,
    /// Environment at the source.
    pub environment: String,
    /// Its secrets.
    pub secrets: Vec<Secret>,
}

/// Where a dynamic secret is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeasePlace {
    /// Slug of the project; these calls take no id.
    pub project_slug: String,
    /// Slug of the environment.
    pub environment: String,
    /// Folder, for example `/app`.
    pub path: String,
}

/// A wish for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Where the dynamic secret is.
    pub place: LeasePlace,
    /// Its name.
    pub name: String,
    /// For example `1h`; the dynamic secret's own default where None.
    pub ttl: Option<String>,
    /// Of the Kubernetes provider, where it allows several.
    pub namespace: Option<String>,
    /// By which the lease can be found later ([`Lease::mark`]).
    pub mark: String,
}

/// A lease as the server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Id.
    pub id: String,
    /// When it was made, by the server's clock, where the server says so.
    pub created: Option<jiff::Timestamp>,
    /// When it ends, by the server's clock.
    pub expires: jiff::Timestamp,
    /// What it was marked with; older servers keep no mark.
    pub mark: Option<String>,
}

/// Credentials of a lease by key; what was no text is its JSON. Can't be formatted.
pub type LeaseData = std::collections::BTreeMap<String, SecretSlice<u8>>;

/// A new lease.
pub struct MadeLease {
    /// The lease.
    pub lease: Lease,
    /// The dynamic secret that it is of.
    pub dynamic_secret: DynamicSecret,
    /// Its credentials, which are given this once.
    pub data: LeaseData,
}

/// A dynamic secret, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicSecret {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Limit to the life of a lease, for example `24h`.
    pub max_ttl: Option<String>,
}

/// A lease that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLease {
    /// The lease.
    pub lease: Lease,
    /// The dynamic secret that it is of.
    pub dynamic_secret: DynamicSecret,
}
