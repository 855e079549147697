//! Objects as tests compare them.
use k8s_openapi::{
    ByteString,
    api::{core::v1::Secret, events::v1::Event as EventObject},
};
use std::collections::BTreeMap;

/// Tells whether an object was written: its uid and resourceVersion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Changes when the object is deleted and made anew.
    pub uid: String,
    /// Changes with each write.
    pub resource_version: String,
}

impl Identity {
    pub(crate) fn of(metadata: &kube::api::ObjectMeta) -> Self {
        Self { uid: metadata.uid.clone().unwrap(), resource_version: metadata.resource_version.clone().unwrap() }
    }
}

/// A Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `Warning` or `Normal`.
    pub kind: String,
    /// As in the condition.
    pub reason: String,
    /// Its note.
    pub text: String,
}

/// What users see of an Event.
#[must_use]
pub fn event_of(event: EventObject) -> Event {
    Event { kind: event.type_.unwrap_or_default(), reason: event.reason.unwrap_or_default(), text: event.note.unwrap_or_default() }
}

/// The data of a Secret as text.
#[must_use]
pub fn text(secret: Secret) -> BTreeMap<String, String> {
    let text = |ByteString(bytes)| String::from_utf8(bytes).unwrap();
    secret.data.unwrap_or_default().into_iter().map(|(key, value)| (key, text(value))).collect()
}
