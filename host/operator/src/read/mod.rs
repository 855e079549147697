//! Reads: one list for each folder and session, shared by all resources that need it. The clock belongs to the read, not to
//! the resource.
use crate::session::SessionKey;
use infisical::ProjectRef;

/// What a resource wants to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadRequest {
    pub project: ProjectRef,
    pub environment: String,
    /// Folder.
    pub path: String,
    pub recursive: bool,
    pub expand_references: bool,
    pub include_imports: bool,
    pub tags: Vec<String>,
    /// Only this secret.
    pub secret: Option<String>,
}

/// Identity of a read: equal key, one call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadKey {
    pub session: SessionKey,
    pub request: ReadRequest,
}
