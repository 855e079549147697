//! What comes out of a call, put together as the host does.
use crate::{Error, Violation};

/// How a call of a plugin ends badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The plugin answered an error.
    Plugin(Error),
    /// The plugin used what it was not granted, whatever it answered.
    Denied(Vec<String>),
    /// The host refused the settings before the plugin saw them.
    Settings(Vec<Violation>),
    /// A required input is missing.
    MissingInput(String),
    /// The result breaks the contract.
    BadResult(String),
}

/// A request as it would go out. Put together, so it may hold secrets: for a test to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// Method.
    pub method: String,
    /// Address.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// How long the plugin would wait; None for as long as the call has.
    pub timeout: Option<std::time::Duration>,
}

/// A proof as it would go out.
pub enum Login {
    /// Would be posted.
    Posted(Posted),
    /// Would be used.
    Token(Vec<u8>),
}

/// A login as it would be posted.
pub struct Posted {
    /// `/v1/auth/METHOD/login`.
    pub path: String,
    /// The JSON object.
    pub body: serde_json::Value,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Chain and key.
    pub client_identity: Option<(Vec<u8>, Vec<u8>)>,
    /// For the user.
    pub notices: Vec<String>,
}

impl Login {
    /// What would be posted; None for a token.
    #[must_use]
    pub fn posted(self) -> Option<Posted> {
        match self {
            Self::Posted(posted) => Some(posted),
            Self::Token(_) => None,
        }
    }
}
