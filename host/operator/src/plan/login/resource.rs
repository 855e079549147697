//! Kinds that say themselves how and where they log in: in `spec.authentication`, `spec.hostAPI` and `spec.tls`.
use super::{choose, login};
use crate::{
    dereference::References,
    object::ObjectRef,
    outcome::Fault,
    plan::{Login, Settings, server},
};
use api::{
    dialect::{self, Block, INFISICAL_SECRET, Method},
    text::Text,
    v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret, InfisicalSecretSpec, KubeSecretReference},
};
use kube::Resource;

/// A resource that says itself how and where it logs in.
pub trait LogsIn: Resource<DynamicType = ()> + Send + Sync {
    /// The login blocks that are filled in, in the order in which they are tried.
    fn blocks(&self) -> Vec<Block>;

    /// The login methods that may be filled in.
    fn methods() -> Vec<&'static Method>;

    /// What it says about its server. `object` is its name, for messages.
    fn server<'a>(&'a self, object: &'a ObjectRef) -> server::Wanted<'a>;
}

/// The login of a resource, by the block that is used, at the server that it names.
///
/// # Errors
/// The first thing in the resource, or in what it refers to, that a user has to mend.
pub fn of<K: LogsIn>(resource: &K, found: &References, settings: &Settings, warnings: &mut Vec<Fault>) -> Result<Login, Fault> {
    let object = ObjectRef::of(resource);
    let block = choose(resource, found, warnings)?;
    let server = server::server(&resource.server(&object), found, settings)?;
    login(&object, &block, server, found, settings)
}

impl LogsIn for InfisicalSecret {
    fn blocks(&self) -> Vec<Block> {
        blocks(&self.spec)
    }

    fn methods() -> Vec<&'static Method> {
        INFISICAL_SECRET.iter().collect()
    }

    fn server<'a>(&'a self, object: &'a ObjectRef) -> server::Wanted<'a> {
        server::Wanted::by_fields(object, self.spec.host_api.text(), self.spec.tls.as_ref())
    }
}

/// For kinds whose login blocks have no scope.
macro_rules! logs_in_as_identity {
    ($($kind:ty),*) => {$(
        impl LogsIn for $kind {
            fn blocks(&self) -> Vec<Block> {
                self.spec.authentication.as_ref().map(dialect::identity_blocks).unwrap_or_default()
            }

            fn methods() -> Vec<&'static Method> {
                dialect::identity_methods().collect()
            }

            fn server<'a>(&'a self, object: &'a ObjectRef) -> server::Wanted<'a> {
                server::Wanted::by_fields(object, self.spec.host_api.text(), self.spec.tls.as_ref())
            }
        }
    )*};
}

logs_in_as_identity!(InfisicalPushSecret, InfisicalDynamicSecret);

/// The oldest place of a service token counts for its block.
fn blocks(spec: &InfisicalSecretSpec) -> Vec<Block> {
    let mut authentication = spec.authentication.clone().unwrap_or_default();
    if let Some(old) = &spec.token_secret_reference
        && (old.secret_name.text().is_some() || old.secret_namespace.text().is_some())
    {
        let reference = &mut authentication.service_token.get_or_insert_default().service_token_secret_reference;
        let new = reference.take().unwrap_or_default();
        let pick = |new: Option<String>, old: &Option<String>| if new.text().is_some() { new } else { old.clone() };
        *reference = Some(KubeSecretReference {
            secret_name: pick(new.secret_name, &old.secret_name),
            secret_namespace: pick(new.secret_namespace, &old.secret_namespace),
        });
    }
    dialect::blocks(&authentication)
}
