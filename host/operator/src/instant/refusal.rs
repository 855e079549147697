//! What a subscription that failed means: ask for less, wait, or leave it for long.
use crate::{
    outcome::{Class, Fault},
    reason,
    session::SessionError,
};
use infisical::Error;
use std::time::Duration;

/// What to do.
pub(super) enum Verdict {
    /// The identity may not have so much, or the server does not take the request in this form.
    Narrower(Fault),
    /// Nobody will be heard here: tried again after a long time, or when a user changes something.
    Refused(Fault),
    /// Tried again soon, and not before that time. Where users can do something about it, they are told.
    Later(Option<Duration>, Option<Fault>),
}

/// Judges a failure. Servers word the refusal of a plan in several ways, always with status 400 (or 402).
pub(super) fn judge(error: &SessionError) -> Verdict {
    let (cause, remaining) = match error {
        SessionError::Remembered { cause, remaining } => (&**cause, Some(*remaining)),
        other => (other, other.asked()),
    };
    let SessionError::Call(error) = cause else { return Verdict::Later(remaining, None) };
    let Error::Refused { status, message, error: name, request_id, .. } = error else { return Verdict::Later(remaining, None) };
    let said = format!("{status} {name}: {message}");
    match status {
        400 | 402 if speaks_of_a_plan(message) => Verdict::Refused(notice(&format!(
            "the server's plan has no events ({said}); upgrade it, or take instantUpdates away. It is asked again in an hour"
        ))),
        404 if request_id.is_none() => {
            Verdict::Refused(notice(&format!("the server knows no events ({said}); update it, or take instantUpdates away")))
        }
        403 if error.class() == infisical::Class::Denied => Verdict::Narrower(notice(&format!(
            "the identity may not listen to events ({said}); let its role subscribe to Secret Events: on created, updated, deleted and \
             import mutations"
        ))),
        400 | 422 => Verdict::Narrower(notice(&format!("the server does not take the subscription ({said})"))),
        429 if remaining.is_none() => Verdict::Later(
            None,
            Some(notice(&format!("others of this identity have taken all streams ({said}); give each of them an identity of its own"))),
        ),
        _ => Verdict::Later(remaining, None),
    }
}

fn speaks_of_a_plan(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["plan", "upgrade", "license", "licence", "enterprise"].iter().any(|word| message.contains(word))
}

fn notice(text: &str) -> Fault {
    Fault::new(reason::INSTANT_UPDATES, Class::UserFix, format!("no instant updates, so secrets are read at the interval: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn refused(status: u16, name: &str, message: &str) -> SessionError {
        SessionError::Call(Error::Refused {
            operation: "subscribe to events",
            status,
            error: name.into(),
            message: message.into(),
            request_id: Some("req-1".into()),
            retry_after: None,
        })
    }

    #[test]
    fn a_plan_is_told_by_every_wording_and_nothing_else_is_taken_for_one() {
        for message in [
            "Event subscriptions are not available on your current plan. Please upgrade to access this feature.",
            "Failed to use event subscriptions due to plan restriction. Upgrade your plan to enable event subscriptions.",
            "This feature needs an enterprise license",
        ] {
            let Verdict::Refused(fault) = judge(&refused(400, "BadRequest", message)) else { panic!("{message}") };
            assert!(fault.message.contains(message) && fault.message.contains("hour"), "{}", fault.message);
        }
        assert!(matches!(judge(&refused(400, "BadRequest", "environmentSlug is required")), Verdict::Narrower(_)));
        assert!(matches!(judge(&refused(500, "X", "plan")), Verdict::Later(None, None)));
        assert!(matches!(judge(&refused(404, "NotFound", "no such project")), Verdict::Later(..)));
    }

    #[test]
    fn permission_leads_down_and_number_is_said_and_waited_for() {
        let Verdict::Narrower(fault) = judge(&refused(403, "PermissionDenied", "no")) else { panic!() };
        assert!(fault.message.contains("Secret Events"), "{}", fault.message);
        assert!(matches!(judge(&refused(429, "RateLimitExceeded", "Too many active connections")), Verdict::Later(None, Some(_))));
        let limited =
            SessionError::Remembered { cause: Arc::new(refused(429, "RateLimitExceeded", "x")), remaining: Duration::from_secs(9) };
        assert!(matches!(judge(&limited), Verdict::Later(Some(after), None) if after.as_secs() == 9));
        assert!(matches!(judge(&SessionError::Ended), Verdict::Later(None, None)));
    }
}
