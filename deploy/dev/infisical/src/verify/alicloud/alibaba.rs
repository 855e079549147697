//! Alibaba Cloud's part: the RPC signature made anew from the secret, a nonce that is taken once, a time within fifteen
//! minutes.
use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use serde::Deserialize;
use sha1::Sha1;
use url::form_urlencoded;

use crate::hidden::Hidden;

/// Seconds that a request's time may be off, and for which its nonce is remembered.
const WINDOW: u64 = 900;

/// The access keys of Alibaba Cloud's users, and the nonces that were used.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AlibabaCloud {
    /// Access keys.
    pub access_keys: Vec<AlibabaKey>,
    #[serde(skip)]
    nonces: HashMap<String, Timestamp>,
}

/// An access key of a user.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlibabaKey {
    /// Id.
    pub id: String,
    /// Secret.
    pub secret: Hidden,
    /// Whose it is, `acs:ram::NUMBER:user/NAME`.
    pub arn: String,
}

impl AlibabaCloud {
    /// `sts:GetCallerIdentity`: the ARN of whoever signed. The error is Alibaba's code.
    pub(super) fn caller_identity(&mut self, parameters: &[(&str, String)], now: Timestamp) -> Result<String, &'static str> {
        let get = |name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str()).unwrap_or_default();
        if get("Version") != "2015-04-01" {
            return Err("InvalidVersion");
        }
        let at: Timestamp = get("Timestamp").parse().map_err(|_| "InvalidTimeStamp.Format")?;
        if at.as_second().abs_diff(now.as_second()) > WINDOW {
            return Err("InvalidTimeStamp.Expired");
        }
        let key = self.access_keys.iter().find(|key| key.id == get("AccessKeyId")).ok_or("InvalidAccessKeyId.NotFound")?;
        let signature = STANDARD.decode(get("Signature")).map_err(|_| "SignatureDoesNotMatch")?;
        let secret = format!("{}&", key.secret.expose());
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(|_| "InternalError")?;
        mac.update(signed_text(parameters).as_bytes());
        mac.verify_slice(&signature).map_err(|_| "SignatureDoesNotMatch")?;
        // Both windows, since a time in the future is good for longer.
        self.nonces.retain(|_, used| used.as_second().abs_diff(now.as_second()) <= 2 * WINDOW);
        let nonce = format!("{}/{}", get("AccessKeyId"), get("SignatureNonce"));
        if self.nonces.insert(nonce, now).is_some() {
            return Err("SignatureNonceUsed");
        }
        Ok(key.arn.clone())
    }
}

/// Of a GET of `/` with all parameters but the signature, sorted.
fn signed_text(parameters: &[(&str, String)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().filter(|(name, _)| *name != "Signature").collect();
    sorted.sort_by_key(|(name, _)| *name);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(sorted.iter().map(|(name, value)| (name, value))).finish();
    let whole: String = form_urlencoded::byte_serialize(strict(&query).as_bytes()).collect();
    format!("GET&%2F&{}", strict(&whole))
}

/// What forms encode otherwise than Alibaba does.
fn strict(encoded: &str) -> String {
    encoded.replace('+', "%20").replace('*', "%2A").replace("%7E", "~")
}
