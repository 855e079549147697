//! What stands behind the imports of a plugin, in plain Rust types.
//!
//! Each file is one import. None of them asks whether the plugin may: the caller checks the grant and charges the budget
//! before it comes here. What these functions do promise: nothing blocks the thread (files, key making and signing run on
//! the blocking pool), secrets are held in buffers that can't be formatted and are zeroed, and no error quotes a secret, a
//! query or a body. Every error turns into a [`Refusal`], which has one case for each answer that the contract knows.
pub(crate) mod content;
pub(crate) mod egress;
pub(crate) mod http;
pub(crate) mod keys;
pub(crate) mod mounts;
pub(crate) mod signing;

/// How an import answers that gives no result. Texts are for users, without secrets, and need no further cutting than
/// every text that comes from a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The plugin, or the settings it was given, asked for something that doesn't exist.
    #[error("{0}")]
    Settings(String),
    /// A credential is missing or malformed.
    #[error("{0}")]
    Credentials(String),
    /// Not granted: the capability as it would stand in a grant, and why where that says too little.
    #[error("{0}")]
    Denied(String),
    /// Something outside gave no answer, and why.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of the host.
    #[error("{0}")]
    Host(&'static str),
}

/// A task of the blocking pool ended without a result: it panicked, or the process is about to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a background task of the host ended early")]
pub(crate) struct Aborted;

/// Runs work that blocks or takes long where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Aborted> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Aborted)
}

impl From<Aborted> for Refusal {
    fn from(_: Aborted) -> Self {
        Self::Host("a background task ended early")
    }
}
