//! Names of objects, as keys of maps and in messages.
use kube::{Resource, ResourceExt};
use std::{borrow::Cow, fmt};

/// A resource of ours. Of a kind without namespaces, `namespace` is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
}

impl ObjectRef {
    /// The name of a resource.
    #[must_use]
    pub fn of<K: Resource<DynamicType = ()>>(resource: &K) -> Self {
        // The kinds of this project are constants.
        let kind = match K::kind(&()) {
            Cow::Borrowed(kind) => kind,
            Cow::Owned(_) => "Resource",
        };
        Self { kind, namespace: resource.namespace().unwrap_or_default(), name: resource.name_any() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(out, "{} {}", self.kind, self.name),
            namespace => write!(out, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

/// A name of another object. Of a kind without namespaces, `namespace` is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

impl Name {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => write!(out, "{}", self.name),
            namespace => write!(out, "{namespace}/{}", self.name),
        }
    }
}
