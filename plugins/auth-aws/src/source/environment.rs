//! Keys that stand in the operator's environment.
use super::Found;
use crate::keys::Keys;
use aws_smithy_types::date_time::{DateTime, Format};
use plugin_sdk::{Error, environment};
use std::time::Duration;

/// A variable that is set and not blank.
///
/// # Errors
/// [`Error::Denied`].
pub fn get(name: &str) -> Result<Option<String>, Error> {
    Ok(environment::get(name)?.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()))
}

/// `AWS_ACCESS_KEY_ID` and what belongs to it.
pub(super) fn keys(now: Duration) -> Result<Found, Error> {
    let (id, secret) = (get("AWS_ACCESS_KEY_ID")?, get("AWS_SECRET_ACCESS_KEY")?);
    let (id, secret) = match (id, secret) {
        (Some(id), Some(secret)) => (id, secret),
        (None, None) => return Ok(Found::Nothing("no AWS_ACCESS_KEY_ID".into())),
        (None, Some(_)) => {
            return Err(Error::Credentials("AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not; set both or none".into()));
        }
        (Some(_), None) => {
            return Err(Error::Credentials("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both or none".into()));
        }
    };
    if let Some(end) = get("AWS_CREDENTIAL_EXPIRATION")?
        && let Ok(end) = DateTime::from_str(&end, Format::DateTime)
        && end.secs() <= i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
    {
        return Err(Error::Credentials("the keys in the environment have expired (AWS_CREDENTIAL_EXPIRATION)".into()));
    }
    Keys::new("the environment", &id, &secret, get("AWS_SESSION_TOKEN")?.as_deref()).map(Found::Keys)
}
