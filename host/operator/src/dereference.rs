//! All that a resource refers to in the cluster, read once and before anything is decided.
//!
//! What is missing is no failure here: the plan says what it means. Read are the global ConfigMap, the Secrets of the login
//! methods in their order up to the one that will be used, and the Secret of the CA.
use crate::{
    chain::Chain,
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::{
        self, Settings,
        login::{self, LogsIn},
        server,
    },
    reason,
};
use api::v1beta1::{InfisicalAuth, InfisicalConnection};
use runtime::SecretBytes;
use std::{collections::BTreeMap, future::Future, sync::Arc};

/// The data of a Secret that a resource refers to.
pub struct SecretData {
    pub name: Name,
    /// Tells it from what it was before, and from another one of that name.
    pub version: String,
    pub data: BTreeMap<String, Arc<SecretBytes>>,
}

/// Reads objects for a resource. An object that was looked up is watched as long as the resource lives or until it looks up
/// others: a change wakes it with [`crate::trigger::Cause::Reference`]. None: the object is not there.
pub trait Lookup: Send + Sync {
    fn secret(&self, user: &ObjectRef, name: &Name) -> impl Future<Output = Result<Option<Arc<SecretData>>, Fault>> + Send;

    fn config_map(
        &self,
        user: &ObjectRef,
        name: &Name,
    ) -> impl Future<Output = Result<Option<Arc<BTreeMap<String, String>>>, Fault>> + Send;

    /// Names of the Secrets that a ServiceAccount lists, in its order. Not watched.
    fn service_account_secrets(&self, name: &Name) -> impl Future<Output = Result<Option<Vec<String>>, Fault>> + Send;
}

/// What was found.
#[derive(Default)]
pub struct References {
    /// The data of the global ConfigMap.
    pub config: Option<Arc<BTreeMap<String, String>>>,
    /// Secrets that were looked up.
    pub secrets: BTreeMap<Name, Option<Arc<SecretData>>>,
    /// The Secrets that ServiceAccounts list, of accounts that were looked up.
    pub accounts: BTreeMap<Name, Option<Vec<String>>>,
}

impl References {
    /// A Secret that is there.
    #[must_use]
    pub fn secret(&self, name: &Name) -> Option<&SecretData> {
        self.secrets.get(name)?.as_deref()
    }

    /// Reads a Secret, once.
    ///
    /// # Errors
    /// The API server can't be asked, or does not let us read.
    pub async fn read_secret(&mut self, lookup: &impl Lookup, user: &ObjectRef, name: &Name) -> Result<(), Fault> {
        if !self.secrets.contains_key(name) {
            let secret = lookup.secret(user, name).await?;
            self.secrets.insert(name.clone(), secret);
        }
        Ok(())
    }
}

/// Reads what a resource refers to that says itself how and where it logs in.
///
/// # Errors
/// The API server can't be asked, or does not let us read; a reference that can't be a name.
pub async fn resource<K: LogsIn>(lookup: &impl Lookup, resource: &K, settings: &Settings) -> Result<References, Fault> {
    let user = ObjectRef::of(resource);
    let mut found = References { config: config(lookup, &user, settings).await?, ..References::default() };
    for block in resource.blocks() {
        let names = match login::secrets(&user, &block) {
            // Another block may serve; if none does, the plan says what is wrong with this one.
            Err(_) if block.method.yields => Vec::new(),
            names => names?,
        };
        for name in names {
            found.read_secret(lookup, &user, &name).await?;
        }
        if let Some(account) = login::legacy_account(&user, &block)? {
            let listed = lookup.service_account_secrets(&account).await?;
            let token = listed.as_ref().and_then(|names| login::legacy_secret(&account, names));
            found.accounts.insert(account, listed);
            if let Some(token) = token {
                found.read_secret(lookup, &user, &token).await?;
            }
        }
        if login::applies(&user, &block, &found) {
            break;
        }
    }
    if let Some(ca) = server::ca_key(&resource.server(&user), found.config.as_deref(), settings)? {
        found.read_secret(lookup, &user, &ca.secret).await?;
    }
    Ok(found)
}

/// What an InfisicalAuth leads to.
pub struct Chained {
    /// None: the global server.
    pub connection: Option<Arc<InfisicalConnection>>,
    pub references: References,
}

/// Reads what an InfisicalConnection refers to, or, without one, what the global server is made of. The global settings also say
/// whether a server that is named is trusted.
///
/// # Errors
/// As [`resource`].
pub async fn connection(
    lookup: &impl Lookup,
    user: &ObjectRef,
    connection: Option<&InfisicalConnection>,
    settings: &Settings,
) -> Result<References, Fault> {
    let mut found = References::default();
    let object = connection.map_or_else(|| user.clone(), ObjectRef::of);
    let wanted = match connection {
        Some(connection) => server::Wanted::by_connection(&object, &connection.spec),
        None => server::Wanted::global(&object),
    };
    if !wanted.is_settled(settings) {
        found.config = match config(lookup, user, settings).await {
            // It decides only whether ambient identities may go there: without a right to read it, they may not.
            Err(fault) if fault.class == Class::Denied && !wanted.asks_config(settings) => {
                tracing::debug!(config_map = %settings.config, cause = fault.message, "no server is trusted by global settings");
                None
            }
            read => read?,
        };
    }
    if let Some(ca) = server::ca_key(&wanted, found.config.as_deref(), settings)? {
        found.read_secret(lookup, user, &ca.secret).await?;
    }
    Ok(found)
}

/// Reads what an InfisicalAuth refers to. `user` is who is woken when any of it changes.
///
/// # Errors
/// As [`resource`]; its connection is not there.
pub async fn auth(
    lookup: &impl Lookup,
    chain: &impl Chain,
    user: &ObjectRef,
    auth: &InfisicalAuth,
    settings: &Settings,
) -> Result<Chained, Fault> {
    let object = ObjectRef::of(auth);
    let connected = match plan::chain::connection(auth)? {
        None => None,
        Some(name) => {
            let found = chain.connection(user, &name).await?;
            Some(found.ok_or_else(|| {
                let message = format!("{object}: spec.infisicalConnectionRef: there is no InfisicalConnection {name}; create it");
                Fault::new(reason::CONNECTION_NOT_FOUND, Class::UserFix, message)
            })?)
        }
    };
    let mut references = connection(lookup, user, connected.as_deref(), settings).await?;
    let block = plan::chain::block(auth)?;
    for name in login::secrets(&object, &block)? {
        references.read_secret(lookup, user, &name).await?;
    }
    Ok(Chained { connection: connected, references })
}

/// An operator that serves some namespaces only may have no right to read the ConfigMap; then it has no global settings. One
/// that serves all has lost a right that it had: going on without would send credentials to another server.
async fn config(lookup: &impl Lookup, user: &ObjectRef, settings: &Settings) -> Result<Option<Arc<BTreeMap<String, String>>>, Fault> {
    match lookup.config_map(user, &settings.config).await {
        Err(fault) if fault.class == Class::Denied && settings.scoped => {
            tracing::debug!(config_map = %settings.config, cause = fault.message, "global settings can't be read");
            Ok(None)
        }
        read => read,
    }
}
