//! How a call ends badly, by the shapes of the server's answers.
use std::time::Duration;

/// What a caller should do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumIter)]
pub enum Class {
    /// Retry later: outage, time-out, 5xx, 429.
    Transient,
    /// The request can't succeed until a user changes something: 400, 404, 422, bad address, bad CA.
    UserFix,
    /// The token is not accepted (401, or 403 `TokenError`): drop it and log in again.
    Unauthorized,
    /// The identity may not do this: 403 for a missing permission. A new token would not help.
    Denied,
    /// The answer can't be Infisical's.
    NotInfisical,
}

/// A call's failure. Holds no header, no body and no value; `message` is the server's own text, cut to 512 characters
/// and freed of control characters.
#[derive(Clone, Debug, thiserror::Error, strum::IntoStaticStr)]
pub enum Error {
    /// No connection, or it broke before an answer was complete.
    #[error("{origin} can't be reached: {cause}")]
    Unreachable {
        /// `scheme://host[:port]`.
        origin: String,
        /// Bounded text: DNS, connection refused, TLS, body cut.
        cause: String,
    },
    /// No complete answer in time.
    #[error("{origin} did not answer within {after:?}")]
    TimedOut {
        /// `scheme://host[:port]`.
        origin: String,
        /// The limit.
        after: Duration,
    },
    /// The server answered with an error of its own.
    #[error("failed to {operation}: {status} {error}: {message}")]
    Refused {
        /// For example `list secrets`.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// The `error` member: `NotFound`, `TokenError`, `PermissionDenied` …
        error: String,
        /// The `message` member; for 422 the first issues with their paths.
        message: String,
        /// The `reqId` member.
        request_id: Option<String>,
        /// From `Retry-After`, for 429 and 503.
        retry_after: Option<Duration>,
    },
    /// The answer is not what Infisical would say: HTML, other JSON, an empty body.
    #[error("failed to {operation}: the answer of {origin} is not Infisical's ({found}); is the address right?")]
    NotInfisical {
        /// For example `list secrets`.
        operation: &'static str,
        /// `scheme://host[:port]`.
        origin: String,
        /// Status and content type or size, nothing of the body.
        found: String,
    },
    /// The identity may see that secrets exist, but not their values.
    #[error("{count} secret(s) in {path} are hidden from this identity, the first is {first:?}; grant it the permission to read values")]
    Hidden {
        /// How many.
        count: usize,
        /// Key of the first, by name.
        first: String,
        /// Folder.
        path: String,
    },
    /// The CA bundle holds no usable certificate.
    #[error("the CA bundle can't be used: {0}")]
    CaBundle(String),
    /// The proof of a login, or a token, can't be sent.
    #[error("the login can't be sent: {0}")]
    Login(String),
    /// What was asked for can't be written as a request.
    #[error("the request can't be sent: {0}")]
    Request(String),
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => Class::Transient,
            Self::NotInfisical { .. } => Class::NotInfisical,
            Self::Hidden { .. } => Class::Denied,
            Self::CaBundle(_) | Self::Login(_) | Self::Request(_) => Class::UserFix,
            Self::Refused { status, error, .. } => match status {
                401 => Class::Unauthorized,
                403 if error == "TokenError" => Class::Unauthorized,
                403 => Class::Denied,
                429 | 500..=599 => Class::Transient,
                _ => Class::UserFix,
            },
        }
    }

    /// Bounded name of the failure, for conditions and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.into()
    }

    /// Whether the server does not know the path at all, as an older version would answer: a 404 of its router, which has no
    /// request id.
    pub(crate) fn is_missing_route(&self) -> bool {
        matches!(self, Self::Refused { status: 404, request_id: None, .. })
    }

    /// Label of metrics: the HTTP status where the server refused, else the reason.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Refused { status, .. } => status.to_string(),
            _ => self.reason().into(),
        }
    }

    /// How long the server asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
