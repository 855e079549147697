//! Lets Google sign, as the service account of the machine: `signJwt` of the IAM Credentials API.
//!
//! The account needs the right to sign for itself, the project the API, and an old node pool the scope for it. Google tells
//! these apart by the reason in its refusal, and so do the messages.
use crate::{claims::claims, is_email};
use plugin_sdk::{
    Error,
    http::{self, Content},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The right to ask.
pub const CAPABILITY: &str = "http:https://iamcredentials.googleapis.com";

const BASE: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/";

/// A signature takes well below a second; a call has 15.
const PATIENCE: Duration = Duration::from_secs(5);

/// A token, signed by Google.
pub fn signed(identity: &str) -> Result<String, Error> {
    let account = gcp_metadata::service_account("email")?;
    if !is_email(&account) {
        return Err(Error::Credentials(format!(
            "the operator runs as {account:?}, which is no Google service account; on GKE bind its service account to one (iam.gke.io/gcp-service-account), or give a key file"
        )));
    }
    let access = gcp_metadata::service_account("token")?;
    let access: Value = serde_json::from_str(&access).unwrap_or_default();
    let Some(access) = access.get("access_token").and_then(Value::as_str) else {
        return Err(Error::unavailable("Google's metadata server answered with what is no JSON with access_token"));
    };
    let body = json!({"payload": claims(&account, identity)?}).to_string();
    let request = http::Request::new("POST", format!("{BASE}{}:signJwt", account.replace('@', "%40")))
        .header("Authorization", Content::text(format!("Bearer {access}")))
        .header("Content-Type", "application/json")
        .body(Content::text(body))
        .timeout(PATIENCE);
    let response = request.send().map_err(|error| match error {
        Error::Unavailable(found) => {
            Error::unavailable(format!("Google's IAM Credentials API: {}; let network policies pass it", found.text))
        }
        other => other,
    })?;
    if response.status != 200 {
        return Err(refused(&response, &account));
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        signed_jwt: String,
    }
    match serde_json::from_slice::<Answer>(&response.body) {
        Ok(answer) if !answer.signed_jwt.is_empty() => Ok(answer.signed_jwt),
        _ => Err(Error::unavailable("Google's IAM Credentials API answered 200 with what is no JSON with signedJwt")),
    }
}

fn refused(response: &http::Response, account: &str) -> Error {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let error = |name: &str| body.pointer(&format!("/error/{name}")).and_then(Value::as_str).unwrap_or_default();
    let reason = body.pointer("/error/details/0/reason").and_then(Value::as_str).unwrap_or_default();
    let words = gcp_metadata::words(error("message"));
    match (response.status, reason) {
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") => Error::Credentials(format!(
            "the machine's token lacks the scope cloud-platform, so Google does not sign; give the node pool that scope ({words})"
        )),
        (403, "SERVICE_DISABLED") => {
            Error::Credentials(format!("the project has the IAM Credentials API disabled; enable iamcredentials.googleapis.com ({words})"))
        }
        (403 | 404, _) => Error::Credentials(format!(
            "Google does not sign for {account}; grant it roles/iam.serviceAccountTokenCreator on itself ({words})"
        )),
        (400 | 401, _) => Error::Credentials(format!("Google refused to sign for {account} with status {}: {words}", response.status)),
        (status, _) => Error::unavailable(format!("Google's IAM Credentials API answered status {status}: {words}")),
    }
}
