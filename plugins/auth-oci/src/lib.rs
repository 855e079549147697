//! OCI auth: a request to Oracle Cloud for a user of its, signed with the API key of that user and never sent from here.
//!
//! Infisical sends the signed request on, and believes what Oracle answers. It knows the hosts of the commercial realm
//! only, so a region of another realm is refused here, with the input named, rather than there. The signature is laid out
//! byte for byte as Oracle's own SDK for Python does it. The key stays in the host; the fingerprint can't be held against
//! it here, and Oracle answers one that doesn't belong to the key as it answers a wrong key.
#![forbid(unsafe_code)]
mod inputs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use inputs::User;
use plugin_sdk::{
    Descriptor, Encoding, Error, Input, Need, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Field, JsonField, Proved, Request},
    clock,
    signing::{Algorithm, Signer},
};
use serde_json::json;
use std::time::SystemTime;

/// The plugin.
pub struct Oci;

impl Plugin for Oci {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        let text = |name, summary| Input::required(name, summary).not_sensitive();
        Descriptor::new("oci", env!("CARGO_PKG_VERSION"), "Logs in as a user of Oracle Cloud Infrastructure, by the user's API key.")
            .input(text("identity-id", "Id of the machine identity."))
            .input(text("user-id", "OCID of the user, ocid1.user.oc1..…"))
            .input(text("tenancy-id", "OCID of the tenancy, ocid1.tenancy.oc1..…"))
            .input(text("fingerprint", "Fingerprint of the API key, 16 pairs of hexadecimal digits with colons."))
            .input(text("region", "Identifier of the region, for example us-ashburn-1."))
            .input(Input::required("private-key", "Private API key as PEM, RSA."))
            .input(Input::optional("private-key-passphrase", "Opens the private key, if it is encrypted."))
            .need(Need::required("signing", "To sign with the private key, which stays in the host."))
            .need(Need::required("clock", "The signature holds the time, and Oracle takes it for five minutes."))
    }
}

impl Authenticator for Oci {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let user = User::of(&request)?;
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + clock::now()?);
        let host = format!("identity.{}.oraclecloud.com", user.region);
        let signed = format!("date: {date}\n(request-target): get /20160918/users/{}\nhost: {host}", user.id);
        let signature = STANDARD.encode(sign(&request, signed.as_bytes())?);
        let authorization = format!(
            r#"Signature algorithm="rsa-sha256",headers="date (request-target) host",keyId="{}/{}/{}",signature="{signature}",version="1""#,
            user.tenancy, user.id, user.fingerprint
        );
        let headers = JsonField {
            document: json!({"authorization": authorization, "date": date, "host": host}),
            credentials: vec![],
            encoding: Encoding::Raw,
        };
        let exchange = Exchange::to("oci-auth").text("identityId", identity).text("userOcid", user.id);
        Ok(exchange.field("headers", Field::Json(headers)).into())
    }
}

/// What is wrong with a key is said of its input.
fn sign(request: &Request<NoSettings>, data: &[u8]) -> Result<Vec<u8>, Error> {
    let key = request.credential("private-key")?;
    let passphrase = request.optional_credential("private-key-passphrase")?;
    let signed = Signer::new(&key, Algorithm::RsaPkcs1Sha256).passphrase(passphrase.as_ref()).sign(data);
    signed.map_err(|error| match error {
        Error::Credentials(text) if passphrase.is_some() => {
            Error::Credentials(format!("input \"private-key\", with \"private-key-passphrase\": {text}"))
        }
        Error::Credentials(text) => Error::Credentials(format!("input \"private-key\", without \"private-key-passphrase\": {text}")),
        other => other,
    })
}

plugin_sdk::export_authenticator!(Oci);
