//! All that a resource refers to in the cluster, read before anything is decided.
use crate::{
    object::{Name, ObjectRef},
    outcome::Fault,
};
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
