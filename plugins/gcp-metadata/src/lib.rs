//! Google Cloud's metadata server, as plugins ask it: that of a virtual machine, and that of GKE's Workload Identity.
//!
//! It is asked by its address, since no name may lead a plugin to a link-local one. What can go wrong: nothing answers within
//! seconds; something else answers, which lacks the header that the server puts on all it says; the machine has no service
//! account, or may not use it. Texts say which, and what to do.
#![forbid(unsafe_code)]
use plugin_sdk::{Error, Need, http};
use std::time::Duration;

/// The right to ask.
pub const CAPABILITY: &str = "http:http://169.254.169.254";

const BASE: &str = "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/";

/// The server answers at once from its cache, and within seconds where it asks Google first. On other machines packets to
/// this address are lost, so this is how long such a mistake takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a plugin that asks the server needs.
#[must_use]
pub fn need(reason: &str) -> Need {
    Need::optional(CAPABILITY, reason)
}

/// What the server says about the service account of the machine: `email`, `token`, `identity?audience=…`.
///
/// # Errors
/// [`Error::Unavailable`] where nothing, or something else, answers; [`Error::Credentials`] where there is no service account
/// or it may not be used; [`Error::Denied`] without the grant.
pub fn service_account(what: &str) -> Result<String, Error> {
    let request = http::Request::new("GET", format!("{BASE}{what}")).header("Metadata-Flavor", "Google").timeout(PATIENCE);
    let response = request.send().map_err(|error| match error {
        Error::Unavailable(found) => Error::unavailable(format!(
            "Google's metadata server: {}; run the operator on Google Cloud, let network policies pass this address, or use gcpIamAuth with a key file",
            found.text
        )),
        other => other,
    })?;
    if response.header("metadata-flavor") != Some(b"Google") {
        let text = format!(
            "what answers at 169.254.169.254 (status {}) is not Google's metadata server; run the operator on Google Cloud, or use gcpIamAuth with a key file",
            response.status
        );
        return Err(Error::unavailable(text));
    }
    let body = String::from_utf8(response.body);
    match (response.status, body) {
        (200, Ok(body)) => Ok(body.trim().to_owned()),
        (200, Err(_)) => Err(Error::unavailable("Google's metadata server answered with what is no text")),
        (404, _) => Err(Error::Credentials(
            "the machine has no Google service account (status 404 of the metadata server); attach one, or on GKE bind the operator's service account to one".into(),
        )),
        (401 | 403, body) => Err(Error::Credentials(format!(
            "the machine's Google service account may not be used; on GKE let the operator's service account act as it (roles/iam.workloadIdentityUser) ({})",
            words(&body.unwrap_or_default())
        ))),
        (status, body) => {
            Err(Error::unavailable(format!("Google's metadata server answered status {status}: {}", words(&body.unwrap_or_default()))))
        }
    }
}

/// The first line of what a service says, bounded.
#[must_use]
pub fn words(body: &str) -> String {
    let line = body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
    line.chars().take(120).collect()
}

#[cfg(test)]
mod tests;
