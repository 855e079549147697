//! TLS certificate auth: mutual TLS towards the server, on a connection of its own.
//!
//! The certificate and its key are placed by handle, as the pair that the connection shows; the body names the identity
//! alone. The header in which a proxy hands the certificate on to Infisical is the proxy's: nothing is sent in it here.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Error, Input, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
};

/// The plugin.
pub struct TlsCert;

impl Plugin for TlsCert {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("tls-cert", env!("CARGO_PKG_VERSION"), "Logs in with a client certificate, by mutual TLS.")
            .input(Input::required("identity-id", "Id of the machine identity.").not_sensitive())
            .input(Input::required("certificate", "Certificate chain as PEM, the client's own certificate first (`tls.crt`)."))
            .input(Input::required("private-key", "Private key of the certificate as PEM, not encrypted (`tls.key`)."))
    }
}

impl Authenticator for TlsCert {
    fn authenticate(request: Request<NoSettings>) -> Result<Proved, Error> {
        let identity = request.required_text("identity-id")?;
        let (chain, key) = (request.credential("certificate")?, request.credential("private-key")?);
        Ok(Exchange::to("tls-cert-auth").text("identityId", identity).client_identity(chain, key).into())
    }
}

plugin_sdk::export_authenticator!(TlsCert);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{Failure, Host};
    use serde_json::json;

    fn host() -> Host {
        Host::new().input("identity-id", " id-1\n").input("certificate", "the chain\n").input("private-key", "the key\n")
    }

    #[test]
    fn shows_the_certificate_on_the_connection_and_nowhere_else() {
        let posted = host().authenticate::<TlsCert>("{}").unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/tls-cert-auth/login");
        assert_eq!(posted.body, json!({"identityId": "id-1"}));
        assert_eq!(posted.headers, []);
        assert_eq!(posted.client_identity, Some((b"the chain\n".to_vec(), b"the key\n".to_vec())));
    }

    #[test]
    fn names_what_is_missing() {
        for missing in ["identity-id", "certificate", "private-key"] {
            let failure = host().input(missing, "").authenticate::<TlsCert>("{}").err();
            assert_eq!(failure, Some(Failure::MissingInput(missing.into())));
        }
    }

    #[test]
    fn has_no_settings() {
        assert!(matches!(host().authenticate::<TlsCert>(r#"{"header": "x"}"#).err(), Some(Failure::Settings(_))));
    }
}
