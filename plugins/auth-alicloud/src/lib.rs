//! Alibaba Cloud auth: a request of STS for the caller's identity, signed with an access key and never sent from here.
//!
//! Infisical sends the request on, with these parameters and no others, and believes what Alibaba answers. So a temporary
//! key can't be used, whose request would need a security token too. The secret stays in the host: it signs with the secret
//! and `&`, as Alibaba's RPC signature wants it.
#![forbid(unsafe_code)]
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plugin_sdk::{
    Descriptor, Error, Input, Need, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
    clock, random,
    signing::{Algorithm, Signer},
};

/// All but what RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The plugin.
pub struct AliCloud;

impl Plugin for AliCloud {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("alicloud", env!("CARGO_PKG_VERSION"), "Logs in as a user of Alibaba Cloud, by an access key.")
            .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
            .input(Input::required("access-key-id", "Id of the access key of a RAM user (LTAI…).").not_sensitive())
            .input(Input::required("access-key-secret", "Secret of the access key."))
            .need(Need::required("signing", "To sign with the secret, which stays in the host."))
            .need(Need::required("clock", "The signature holds the time, and Alibaba takes it for fifteen minutes."))
            .need(Need::required("random", "Alibaba takes each signature once, told apart by a random text in it."))
    }
}

impl Authenticator for AliCloud {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let mut nonce = [0; 16];
        random::fill(&mut nonce)?;
        // Sorted by name, as they are signed.
        let parameters = [
            ("AccessKeyId", access_key_id(&request)?.to_owned()),
            ("Action", "GetCallerIdentity".to_owned()),
            ("Format", "JSON".to_owned()),
            ("SignatureMethod", "HMAC-SHA1".to_owned()),
            ("SignatureNonce", hex::encode(nonce)),
            ("SignatureVersion", "1.0".to_owned()),
            ("Timestamp", timestamp()?),
            ("Version", "2015-04-01".to_owned()),
        ];
        let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let signed = format!("GET&%2F&{}", encode(&query.join("&")));
        let secret = request.credential("access-key-secret")?;
        let signature = Signer::new(&secret, Algorithm::HmacSha1).key_suffix("&").sign(signed.as_bytes())?;
        let exchange = Exchange::to("alicloud-auth").text("identityId", identity).text("Signature", STANDARD.encode(signature));
        Ok(parameters.into_iter().fold(exchange, |exchange, (name, value)| exchange.text(name, value)).into())
    }
}

fn access_key_id(request: &Request<NoSettings>) -> Result<&str, Error> {
    let id = request.required_text("access-key-id")?;
    if id.starts_with("STS.") {
        let problem = "is the id of a temporary key (STS.…), which Infisical can't verify; use an access key of a RAM user (LTAI…)";
        return Err(Error::Credentials(format!("input \"access-key-id\" {problem}")));
    }
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let problem = "holds other characters than letters and digits; copy the id of an access key (LTAI…), not its secret";
        return Err(Error::Credentials(format!("input \"access-key-id\" {problem}")));
    }
    Ok(id)
}

/// To the second, in UTC.
fn timestamp() -> Result<String, Error> {
    let since = clock::now()?.as_secs();
    let at = i64::try_from(since).ok().and_then(|seconds| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok());
    at.map(|at| at.to_string()).ok_or_else(|| Error::Internal("the clock is past the year 9999".into()))
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

plugin_sdk::export_authenticator!(AliCloud);
