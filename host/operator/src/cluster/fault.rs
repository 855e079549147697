//! Faults of the API server, as a user can act on them.
//!
//! Texts of the API server and of admission webhooks may quote what was sent, so a text is shown only after the values of the
//! object at hand were taken out of it, and an answer that can't be decoded is never shown at all.
use crate::{
    outcome::{Class, Fault},
    reason,
};
use kube::core::Status;
use std::time::Duration;

/// A text of this many characters is enough to know what an admission webhook wants.
const MESSAGE_LIMIT: usize = 1024;

/// A value shorter than this is likely to be found in any text.
const SHORTEST_VALUE: usize = 4;

/// Why a request to the API server did not succeed. The source is never formatted: it may hold the body.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// An answer with a status.
    Status(Box<Status>),
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The answer is not what was asked for.
    Undecodable,
}

impl From<kube::Error> for RequestError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::Status(status),
            kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => Self::Undecodable,
            _ => Self::Unreachable,
        }
    }
}

impl RequestError {
    /// As if the API server had said that there is no such object.
    pub(crate) fn gone() -> Self {
        Self::Status(Status::failure("there is no such object", "NotFound").with_code(404).boxed())
    }

    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Status(status) => status.code,
            _ => 0,
        }
    }

    /// `doing` names verb and object, for example `create Secret shop/db`; `secrets` are taken out of the text.
    pub(crate) fn fault<'a>(&self, doing: &str, secrets: impl Iterator<Item = &'a [u8]>) -> Fault {
        let status = match self {
            Self::Status(status) => status,
            Self::TimedOut => {
                return Fault::new(
                    reason::API_SERVER_TIMED_OUT,
                    Class::Transient,
                    format!("could not {doing}: the API server gave no answer in time"),
                );
            }
            Self::Unreachable => {
                return Fault::new(
                    reason::API_SERVER_UNREACHABLE,
                    Class::Transient,
                    format!("could not {doing}: the API server can't be reached"),
                );
            }
            Self::Undecodable => {
                return Fault::new(
                    reason::API_SERVER_ANSWER,
                    Class::Bug,
                    format!("could not {doing}: the answer of the API server can't be decoded"),
                );
            }
        };
        let text = scrub(&status.message, secrets);
        let terminating =
            status.details.iter().flat_map(|details| &details.causes).any(|cause| cause.reason == reason::NAMESPACE_TERMINATING);
        let (reason, class, advice) = match status.code {
            _ if terminating => (reason::NAMESPACE_TERMINATING, Class::Transient, "its namespace is being deleted"),
            401 => (reason::API_SERVER_UNAUTHORIZED, Class::Transient, "the API server does not accept the operator's credentials"),
            403 => (
                reason::API_SERVER_FORBIDDEN,
                Class::Denied,
                "grant the operator's service account that verb, or satisfy the policy that refused it",
            ),
            404 => (reason::NAMESPACE_NOT_FOUND, Class::UserFix, "create the namespace, or name another one"),
            409 => (reason::WRITE_CONFLICT, Class::Transient, "other writers keep changing it; it is tried again"),
            413 => (reason::TOO_LARGE, Class::UserFix, "the API server refuses its size"),
            400 | 422 => (reason::API_SERVER_INVALID, Class::UserFix, "the API server refuses it as it is"),
            _ => (reason::API_SERVER_UNAVAILABLE, Class::Transient, "it is tried again"),
        };
        let mut fault = Fault::new(reason, class, format!("could not {doing}: {advice}: {text}"));
        fault.retry_after = status
            .details
            .as_ref()
            .map(|details| details.retry_after_seconds)
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.into()));
        fault
    }
}

/// The text without any of the values, plain or as base64, and bounded.
fn scrub<'a>(text: &str, secrets: impl Iterator<Item = &'a [u8]>) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let mut text = text.to_owned();
    let mut values: Vec<String> = Vec::new();
    for value in secrets.filter(|value| value.len() >= SHORTEST_VALUE) {
        values.push(STANDARD.encode(value));
        if let Ok(plain) = std::str::from_utf8(value) {
            values.push(plain.to_owned());
            // As the API server quotes.
            values.push(plain.escape_debug().to_string());
        }
    }
    // The longest first, else what is left of a value that contains another one would show.
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        if text.contains(&value) {
            text = text.replace(&value, "[redacted]");
        }
    }
    text.chars().filter(|letter| !letter.is_control()).take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> RequestError {
        RequestError::Status(Status::failure(message, "").with_code(code).boxed())
    }

    #[test]
    fn a_text_that_quotes_a_value_shows_none() {
        let value = b"canary\"value".as_slice();
        let message = r#"refused: canary"value, Y2FuYXJ5InZhbHVl, "canary\"value""#;
        let fault = status(422, message).fault("create Secret n/a", std::iter::once(value));
        assert_eq!((fault.reason, fault.class), ("ApiServerInvalid", Class::UserFix));
        assert!(!fault.message.contains("canary"), "{}", fault.message);
        assert!(!fault.message.contains("Y2FuYXJ5"), "{}", fault.message);
        assert!(fault.message.contains("refused: [redacted]"), "{}", fault.message);
    }

    #[test]
    fn statuses_are_told_apart() {
        let reason = |code| status(code, "").fault("x", std::iter::empty()).reason;
        assert_eq!(reason(403), "ApiServerForbidden");
        assert_eq!(reason(404), "NamespaceNotFound");
        assert_eq!(reason(409), "WriteConflict");
        assert_eq!(reason(500), "ApiServerUnavailable");
        assert_eq!(reason(429), "ApiServerUnavailable");
        assert_eq!(RequestError::TimedOut.fault("x", std::iter::empty()).class, Class::Transient);
    }
}
