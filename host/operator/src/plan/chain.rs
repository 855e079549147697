//! The login that an InfisicalAuth describes, at the server that its InfisicalConnection describes.
//!
//! A fault is worded by the object that has it, so that whoever reads it at the end of the chain knows where to look.
use super::{Login, Server, Settings, field::fault, login, server};
use crate::{
    dereference::References,
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::field,
    reason,
};
use api::{
    dialect::{self, Block, INFISICAL_AUTH},
    text::Text,
    v1beta1::{InfisicalAuth, InfisicalConnection, ObjectReference},
};

/// The name in a reference to an object, by default of the namespace of the resource that refers to it.
///
/// # Errors
/// It is missing, or a part of it can't be a name.
pub fn reference(object: &ObjectRef, field: &str, written: Option<&ObjectReference>) -> Result<Name, Fault> {
    let (namespace, name) = written.map_or((None, None), |written| (written.namespace.text(), written.name.text()));
    let namespace = namespace.or(Some(&object.namespace));
    field::name(object, reason::INVALID_SPEC, (namespace, &format!("{field}.namespace")), (name, &format!("{field}.name")))
}

/// The connection of an InfisicalAuth; None: the global server.
///
/// # Errors
/// A reference that is half filled in or can't be a name.
pub fn connection(auth: &InfisicalAuth) -> Result<Option<Name>, Fault> {
    let written = auth.spec.infisical_connection_ref.as_ref();
    let written = written.filter(|written| written.name.text().is_some() || written.namespace.text().is_some());
    written.map(|written| reference(&ObjectRef::of(auth), "spec.infisicalConnectionRef", Some(written))).transpose()
}

/// The login block of an InfisicalAuth.
///
/// # Errors
/// A method that is none.
pub fn block(auth: &InfisicalAuth) -> Result<Block, Fault> {
    dialect::auth_block(&auth.spec).ok_or_else(|| {
        let known = INFISICAL_AUTH.map(|method| method.strategy).join(", ");
        let found: String = auth.spec.method.text().unwrap_or_default().chars().take(64).collect();
        fault(&ObjectRef::of(auth), reason::NO_METHOD, format!("spec.method is {found:?}; use one of {known}"))
    })
}

/// The server of a connection, or the global one. `user` is who asks for the global one.
///
/// # Errors
/// An address that is none; a CA that is not there.
pub fn server_of(
    user: &ObjectRef,
    connection: Option<&InfisicalConnection>,
    found: &References,
    settings: &Settings,
) -> Result<Server, Fault> {
    match connection {
        Some(connection) => {
            let object = ObjectRef::of(connection);
            server::server(&server::Wanted::by_connection(&object, &connection.spec), found, settings)
        }
        None => server::server(&server::Wanted::global(user), found, settings),
    }
}

/// The login of an InfisicalAuth.
///
/// # Errors
/// The first thing in the chain that a user has to mend.
pub fn auth(
    auth: &InfisicalAuth,
    connection: Option<&InfisicalConnection>,
    found: &References,
    settings: &Settings,
) -> Result<Login, Fault> {
    let object = ObjectRef::of(auth);
    let block = block(auth)?;
    let server = server_of(&object, connection, found, settings)?;
    login::login(&object, &block, server, found, settings)
}
