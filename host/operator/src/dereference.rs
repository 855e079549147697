//! All that a resource refers to in the cluster, read once and before anything is decided.
//!
//! What is missing is no failure here: the plan says what it means. Read are the global ConfigMap, the Secrets of the login
//! methods in their order up to the one that will be used, and the Secret of the CA.
use crate::{
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::{Settings, login, object_ref, server},
};
use api::v1alpha1::InfisicalSecret;
use runtime::SecretBytes;
use std::{collections::BTreeMap, future::Future, sync::Arc};

/// The data of a Secret that a resource refers to.
pub struct SecretData {
    pub name: Name,
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

    async fn read_secret(&mut self, lookup: &impl Lookup, user: &ObjectRef, name: &Name) -> Result<(), Fault> {
        if !self.secrets.contains_key(name) {
            let secret = lookup.secret(user, name).await?;
            self.secrets.insert(name.clone(), secret);
        }
        Ok(())
    }
}

/// Reads what an InfisicalSecret refers to.
///
/// # Errors
/// The API server can't be asked, or does not let us read; a reference that can't be a name.
pub async fn infisical_secret(lookup: &impl Lookup, resource: &InfisicalSecret, settings: &Settings) -> Result<References, Fault> {
    let user = object_ref(resource);
    let mut found = References { config: config(lookup, &user, settings).await?, ..References::default() };
    for block in login::blocks(&resource.spec) {
        for name in login::secrets(&user, &block)? {
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
        if login::applies(&user, &block, &found)? {
            break;
        }
    }
    if let Some(ca) = server::ca_key(&user, &resource.spec, found.config.as_deref(), settings)? {
        found.read_secret(lookup, &user, &ca.secret).await?;
    }
    Ok(found)
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
