//! Google Cloud auth with an id token: the metadata server of the machine says which service account it runs as, in a token
//! for the machine identity, and the server verifies that by Google's public keys.
//!
//! Nothing is set but the identity: its id is the audience. The full format is asked for, since the server judges projects and
//! zones by it. What can go wrong is what [`gcp_metadata`] tells apart, and an answer that is no token.
#![forbid(unsafe_code)]
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
};

/// The plugin.
pub struct GcpIdToken;

/// What may stand in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

impl Plugin for GcpIdToken {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("gcp-id-token", env!("CARGO_PKG_VERSION"), "Logs in as the service account of a machine of Google Cloud.")
            .input(Input::required("identity-id", "Id of the machine identity; the audience of the token.").not_sensitive())
            .need(gcp_metadata::need("To ask the metadata server for an id token."))
    }
}

impl Authenticator for GcpIdToken {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let audience = utf8_percent_encode(identity, PLAIN);
        let token = gcp_metadata::service_account(&format!("identity?audience={audience}&format=full"))?;
        if !is_token(&token) {
            return Err(Error::unavailable("Google's metadata server answered with what is no id token"));
        }
        Ok(Exchange::to("gcp-auth").text("identityId", identity).text("jwt", token).into())
    }
}

/// Three parts of base64url.
fn is_token(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    let plain = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    parts.len() == 3 && parts.iter().all(plain)
}

plugin_sdk::export_authenticator!(GcpIdToken);

#[cfg(test)]
mod tests;
