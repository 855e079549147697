//! The versions of the plugin contract. Each module beside this file binds one major version of `infisical:plugin` and turns
//! its types into those below and into the crate's own; nothing above names a generated type.
//!
//! A second version gets a module of its own with the same [`Guest`], and this file chooses by what a component exports.
pub(crate) mod v0_1;

pub(crate) use v0_1::{Guest, imports};

use crate::{Diagnostic, Violation, context::Credential};
use wasmtime::component::Resource;

/// An error that a guest answered, in its own words: not yet cut, not yet believed.
pub(crate) enum Error {
    Settings(Vec<Violation>),
    Template(Vec<Diagnostic>),
    Credentials(String),
    Denied(String),
    /// What the user should read, and after how many seconds to try again.
    Unavailable {
        text: String,
        retry_after: Option<u32>,
    },
    Internal(String),
}

/// What a guest answered to a well-formed call.
pub(crate) type Answered<T> = wasmtime::Result<Result<T, Error>>;

/// What an authenticator answered, with its handles.
pub(crate) struct Proved {
    pub(crate) proof: Proof,
    pub(crate) notices: Vec<String>,
}

/// How it proves.
pub(crate) enum Proof {
    Exchange(Exchange),
    Token(Resource<Credential>),
}

/// A login that is not put together yet.
pub(crate) struct Exchange {
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, Field)>,
    pub(crate) headers: Vec<(String, Field)>,
    /// Chain and key.
    pub(crate) client_identity: Option<(Resource<Credential>, Resource<Credential>)>,
}

/// One field.
pub(crate) enum Field {
    Text(String),
    Json { document: String, credentials: Vec<(String, Resource<Credential>)>, encoding: String },
    Credential { handle: Resource<Credential>, encoding: String },
}
