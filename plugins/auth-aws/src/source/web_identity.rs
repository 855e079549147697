//! Keys for the web identity token of this pod: IAM roles for service accounts.
//!
//! The token is sent to STS by handle; the plugin never sees it.
use super::environment::get;
use crate::{
    answer::{self, assumed, check_clock},
    keys::Keys,
    region::Region,
};
use form_urlencoded::byte_serialize;
use plugin_sdk::{
    Encoding, Error,
    http::{Content, Request},
    mounts,
};
use std::time::Duration;

/// STS answers in tens of milliseconds; the login must not take all of the call's time.
const PATIENCE: Duration = Duration::from_secs(6);

/// Whether the environment names a token.
pub(super) fn is_set_up() -> Result<bool, Error> {
    Ok(get("AWS_WEB_IDENTITY_TOKEN_FILE")?.is_some())
}

/// Assumes the role.
pub(super) fn keys(region: &Region, now: Duration) -> Result<Keys, Error> {
    let missing =
        |name: &str| Error::Credentials(format!("{name} is not set, but a web identity needs it; is the pod's service account annotated?"));
    let file = get("AWS_WEB_IDENTITY_TOKEN_FILE")?.ok_or_else(|| missing("AWS_WEB_IDENTITY_TOKEN_FILE"))?;
    let role = get("AWS_ROLE_ARN")?.ok_or_else(|| missing("AWS_ROLE_ARN"))?;
    let session = get("AWS_ROLE_SESSION_NAME")?.unwrap_or_else(|| "infisical-operator".into());
    let token = mounts::open("aws-web-identity", &file)?;

    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let body = format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName={}&WebIdentityToken=",
        form(&role),
        form(&session)
    );
    let who = region.sts();
    let response = Request::new("POST", format!("https://{who}/"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header("Accept", "application/json")
        .body(Content::text(body).credential(&token, Encoding::Form))
        .timeout(PATIENCE)
        .send()?;
    check_clock(&who, &response, now)?;
    match response.status {
        200 => assumed(&who, &response.body, now),
        status => Err(refused(&who, &role, status, &response.body)),
    }
}

fn refused(who: &str, role: &str, status: u16, body: &[u8]) -> Error {
    let (code, message) = answer::refusal(body);
    let role: String = role.chars().take(128).collect();
    match code.as_str() {
        // The kubelet writes another one in time.
        "ExpiredTokenException" => Error::unavailable(
            "the web identity token of this pod has expired (AWS_WEB_IDENTITY_TOKEN_FILE); is the mounted file still renewed, and does the mount follow it?",
        ),
        "InvalidIdentityToken" => Error::Credentials(format!("STS does not accept the web identity token of this pod: {message}")),
        "AccessDenied" => {
            Error::Credentials(format!("this pod may not assume {role}: its trust policy does not name the pod's service account"))
        }
        "IDPCommunicationError" => Error::unavailable("STS can't reach the issuer of the web identity token"),
        _ if status >= 500 || status == 429 || code == "Throttling" => Error::unavailable(format!("{who} answered {status} {code}")),
        "" => answer::garbage(who, "JSON or XML"),
        _ => Error::Credentials(format!("{who} refused the web identity of this pod: {code}: {message}")),
    }
}
