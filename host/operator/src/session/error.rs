//! Why a session gives no token, or a call none of its results.
use super::remedy;
use crate::{
    outcome::{Class, Fault, Stage},
    plan::Ambient,
};
use std::{sync::Arc, time::Duration};

/// The failure of a session. Its text stays the same from try to try; when the next one is stands in the fault.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// The plugin gave no proof.
    #[error("{0}")]
    Proof(runtime::Failure),
    /// The plugin used what this login may not.
    #[error("{0}")]
    Withheld(runtime::Failure, Ambient),
    /// The server did not take the proof, or could not be asked.
    #[error("{0}")]
    Login(infisical::Error),
    /// Logged in, but the call failed.
    #[error("{0}")]
    Call(infisical::Error),
    /// Not tried: the last failure is too young, or the server asked to be left alone.
    #[error("{cause}")]
    Remembered { cause: Arc<SessionError>, remaining: Duration },
    /// All places for sessions are taken.
    #[error("there are {0} sessions already; let resources share an identity, or raise the limit")]
    TooMany(usize),
    /// The last user is gone, or the operator shuts down.
    #[error("the session has ended")]
    Ended,
}

impl SessionError {
    /// Whether it is the login that failed, or what came after it.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Proof(_) | Self::Withheld(..) | Self::Login(_) | Self::TooMany(_) | Self::Ended => Stage::Login,
            Self::Call(_) => Stage::Read,
            Self::Remembered { cause, .. } => cause.stage(),
        }
    }

    /// How long the server asked to be left alone.
    #[must_use]
    pub fn asked(&self) -> Option<Duration> {
        match self {
            Self::Login(error) | Self::Call(error) => error.retry_after(),
            Self::Remembered { remaining, .. } => Some(*remaining),
            _ => None,
        }
    }

    pub(super) fn of_proof(failure: runtime::Failure, ambient: Ambient) -> Self {
        match failure {
            runtime::Failure::NotGranted { ambient: true, .. } => Self::Withheld(failure, ambient),
            other => Self::Proof(other),
        }
    }

    pub(super) fn remembered(self, remaining: Duration) -> Self {
        match self {
            Self::Remembered { cause, .. } => Self::Remembered { cause, remaining },
            cause => Self::Remembered { cause: Arc::new(cause), remaining },
        }
    }
}

impl From<SessionError> for Fault {
    fn from(error: SessionError) -> Self {
        use infisical::Class as Kind;
        match error {
            // Nothing was sent to Infisical, so nobody counts the tries; and what mends it (a ServiceAccount, a file, the clock) is
            // not watched.
            SessionError::Proof(failure @ runtime::Failure::Credentials(_)) => Self { class: Class::Transient, ..failure.into() },
            SessionError::Proof(failure) => failure.into(),
            SessionError::Withheld(failure, ambient) => Self { message: format!("{failure}; {}", ambient.remedy()), ..Self::from(failure) },
            SessionError::Login(error) => match error.class() {
                Kind::Unauthorized | Kind::Denied | Kind::UserFix if let infisical::Error::Refused { message, .. } = &error => {
                    let text = format!("the server refused the login ({error}); {}", remedy::of(message));
                    Self { retry_after: error.retry_after(), ..Self::new("LoginFailed", Class::UserFix, text) }
                }
                // Clouds, issuers and directories that Infisical asks: what they refuse is an internal error to it.
                _ if matches!(error, infisical::Error::Refused { status: 500, .. }) => {
                    let hint = "the server answers so as well where the service that it has check a login refuses it: if this stays, check \
                                the credentials and the clock";
                    let fault = Self::from(error);
                    Self { message: format!("{} ({hint})", fault.message), ..fault }
                }
                _ => error.into(),
            },
            SessionError::Call(error) => {
                let remedy = remedy::of_call(&error);
                let fault = Self::from(error);
                Self { message: remedy.map_or_else(|| fault.message.clone(), |remedy| format!("{}; {remedy}", fault.message)), ..fault }
            }
            SessionError::Remembered { cause, remaining } => {
                Self { retry_after: Some(remaining), ..Self::from(SessionError::clone(&cause)) }
            }
            error @ SessionError::TooMany(_) => Self::new("TooManySessions", Class::Transient, error.to_string()),
            error @ SessionError::Ended => Self::new("SessionEnded", Class::Transient, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> infisical::Error {
        let message = "Invalid credentials".into();
        infisical::Error::Refused { operation: "login", status, error: "X".into(), message, request_id: None, retry_after: None }
    }

    #[test]
    fn wrong_credentials_and_an_outage_are_told_apart() {
        let wrong = Fault::from(SessionError::Login(refused(401)));
        assert_eq!((wrong.reason, wrong.class), ("LoginFailed", Class::UserFix));
        assert!(wrong.message.contains("Invalid credentials") && wrong.message.contains("check the credentials"), "{}", wrong.message);
        let down = Fault::from(SessionError::Login(refused(503)));
        assert_eq!((down.reason, down.class), ("ServerError", Class::Transient));
        let relayed = Fault::from(SessionError::Login(refused(500)));
        assert_eq!((relayed.reason, relayed.class), ("ServerError", Class::Transient));
        assert!(relayed.message.contains("check the credentials and the clock"), "{}", relayed.message);
        assert!(!down.message.contains("check the credentials"), "{}", down.message);
        let away = infisical::Error::Unreachable { origin: "https://a".into(), cause: "refused".into() };
        assert_eq!(Fault::from(SessionError::Login(away)).reason, "Unreachable");
    }

    #[test]
    fn a_withheld_ambient_source_names_the_setting() {
        for (ambient, setting) in [(Ambient::UntrustedServer, "--trusted-host"), (Ambient::OtherNamespace, "--ambient-namespaces")] {
            let failure = runtime::Failure::NotGranted { plugin: "aws".into(), capability: "mounts:aws".into(), ambient: true };
            let fault = Fault::from(SessionError::of_proof(failure, ambient));
            assert_eq!((fault.reason, fault.class), ("AmbientNotGranted", Class::Denied));
            assert!(fault.message.contains("mounts:aws") && fault.message.contains(setting), "{}", fault.message);
        }
    }

    #[test]
    fn what_a_plugin_could_not_reach_is_said_and_tried_again() {
        let text = "the metadata service is disabled; give a region".to_owned();
        let fault = Fault::from(SessionError::Proof(runtime::Failure::Unavailable { after: Some(Duration::from_secs(7)), text }));
        assert_eq!((fault.reason, fault.class), ("PluginServiceUnavailable", Class::Transient));
        assert!(fault.message.contains("the metadata service is disabled; give a region"), "{}", fault.message);
        assert_eq!(fault.retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn what_is_remembered_reads_the_same_and_says_when() {
        let error = SessionError::Login(refused(401)).remembered(Duration::from_secs(9)).remembered(Duration::from_secs(5));
        let (fresh, remembered) = (Fault::from(SessionError::Login(refused(401))), Fault::from(error));
        assert_eq!((&remembered.message, remembered.reason), (&fresh.message, fresh.reason));
        assert_eq!(remembered.retry_after, Some(Duration::from_secs(5)));
    }
}
