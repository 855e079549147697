//! What the administrator lets a namespace use: plugins, and what the operator itself is logged in with.
//!
//! Ambient are files, variables, metadata services and ServiceAccounts of other namespaces: nothing that the resource
//! brought. They prove who the *operator* is, so they go to trusted servers only, on behalf of namespaces that the
//! administrator named, if he named any. Decided here, before any session is looked up: the answer is part of a session's
//! key, so that a namespace never gets a token by a right that another one has.
use super::{Server, Settings};
use crate::{
    object::ObjectRef,
    outcome::{Class, Fault},
    reason,
};

/// Whether a login may use ambient sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ambient {
    Granted,
    /// The server is not one that the administrator trusts.
    UntrustedServer,
    /// The namespace is not one that he named.
    OtherNamespace,
}

impl Ambient {
    /// What to do about a refusal; empty where there is none.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Granted => "",
            Self::UntrustedServer => "the administrator lists the server with --trusted-host if the operator's own identity may go there",
            Self::OtherNamespace => "the administrator adds the namespace to --ambient-namespaces if it may log in as the operator itself",
        }
    }

    /// A refusal, where this is one.
    pub(super) fn refused(self, object: &ObjectRef, what: &str) -> Option<Fault> {
        let message = match self {
            Self::Granted => return None,
            Self::UntrustedServer => "does not go to a server that is not trusted",
            Self::OtherNamespace => "is not for this namespace",
        };
        let message = format!("{object}: {what} {message}; {}", self.remedy());
        Some(Fault::new(reason::AMBIENT_NOT_GRANTED, Class::Denied, message))
    }
}

impl Settings {
    /// Whether a resource of that namespace may use ambient sources towards that server.
    #[must_use]
    pub fn ambient(&self, namespace: &str, server: &Server) -> Ambient {
        if !server.trusted {
            Ambient::UntrustedServer
        } else if self.ambient_namespaces.as_ref().is_some_and(|named| !named.contains(namespace)) {
            Ambient::OtherNamespace
        } else {
            Ambient::Granted
        }
    }

    /// Refuses a plugin that is for other namespaces. `place` is the field that names it.
    ///
    /// # Errors
    /// `PluginNotGranted`.
    pub(crate) fn may_use(&self, object: &ObjectRef, place: &str, plugin: &str) -> Result<(), Fault> {
        match self.plugin_namespaces.get(plugin) {
            Some(named) if !named.contains(&object.namespace) => {
                let message = format!(
                    "{object}: {place}: plugin {plugin:?} is not for namespace {:?}; use another one, or have the administrator add \
                     --plugin-namespace {plugin}={}",
                    object.namespace, object.namespace
                );
                Err(Fault::new(reason::PLUGIN_NOT_GRANTED, Class::Denied, message))
            }
            _ => Ok(()),
        }
    }
}
