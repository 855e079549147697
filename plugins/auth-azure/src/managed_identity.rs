//! A managed identity, by the metadata service of the machine (IMDS).
//!
//! Version 2018-02-01 of its protocol, which every region has. IMDS says no with status 400 and a sentence; which sentence
//! decides what a user is told to do.
use crate::{Refusal, access_token, resource::Resource, retry_after};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plugin_sdk::{Error, http};
use std::time::Duration;

/// The right to ask.
pub const CAPABILITY: &str = "http:http://169.254.169.254";

const TOKEN: &str = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01";

/// IMDS answers at once from its cache, and within seconds where it asks Entra first. On other machines packets to this
/// address are lost, so this is how long such a mistake takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may stand in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// An access token for the resource.
pub fn token(resource: &Resource) -> Result<String, Error> {
    let mut url = format!("{TOKEN}&resource={}", utf8_percent_encode(&resource.audience, PLAIN));
    if let Some(id) = &resource.client_id {
        url.push_str(&format!("&client_id={}", utf8_percent_encode(id, PLAIN)));
    }
    let request = http::Request::new("GET", url).header("Metadata", "true").header("Accept", "application/json").timeout(PATIENCE);
    let response = request.send().map_err(|error| match error {
        Error::Unavailable(found) => Error::unavailable(format!(
            "Azure's metadata service (IMDS): {}; run the operator on Azure, let network policies pass this address, or use workload identity",
            found.text
        )),
        other => other,
    })?;
    if response.status == 200 {
        return access_token("Azure's metadata service (IMDS)", &response.body);
    }
    Err(refused(&response, resource))
}

fn refused(response: &http::Response, resource: &Resource) -> Error {
    let refusal = Refusal::of(&response.body);
    let (status, words) = (response.status, refusal.words());
    match status {
        400 if refusal.says("multiple user assigned identities") => Error::setting(
            "/client-id",
            "is missing: the machine that the operator runs on has several managed identities; write the client id of the one to use",
        ),
        400 if refusal.error == "invalid_resource" || matches!(refusal.code(), 500_011 | 50_001) => {
            Error::setting("/resource", format!("names {:?}, which the tenant does not know ({words})", resource.audience))
        }
        400 if refusal.says("identity not found") => Error::Credentials(match &resource.client_id {
            Some(id) => format!(
                "no managed identity with client id {id:?} is assigned to the machine that the operator runs on; assign it, or correct client-id (IMDS: {words})"
            ),
            None => format!(
                "no managed identity is assigned to the machine that the operator runs on; assign one, or use workload identity (IMDS: {words})"
            ),
        }),
        410 | 429 | 500.. => {
            let text = format!("Azure's metadata service (IMDS) is busy or being updated (status {status}: {words})");
            match retry_after(response) {
                Some(seconds) => Error::unavailable_for(seconds, text),
                None => Error::unavailable(text),
            }
        }
        400 | 401 | 403 => Error::Credentials(format!("Azure's metadata service (IMDS) refused with status {status}: {words}")),
        _ => Error::unavailable(format!(
            "Azure's metadata service (IMDS) answered status {status}; check that no proxy or other service answers in its place"
        )),
    }
}
