//! TLS: the CA of the resource beside the system's roots, and a client certificate for one login.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use axum_server::tls_rustls::RustlsConfig;
use infisical::{Address, Class, Client, ClientConfig, Error, Fields, LoginRequest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::{net::SocketAddr, sync::Arc};
use support::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> Option<Arc<Vec<u8>>> {
        Some(Arc::new(self.0.pem().into_bytes()))
    }

    fn issue(&self, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

/// Serves TLS with a certificate of that authority; `insist`: only to clients that show one of it too.
async fn serve(authority: &Authority, insist: bool) -> (Address, Arc<std::sync::Mutex<Vec<Seen>>>) {
    let (certificate, key) = authority.issue(ExtendedKeyUsagePurpose::ServerAuth);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.0.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let config = match insist {
        true => config.with_client_cert_verifier(WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap()),
        false => config.with_no_client_auth(),
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).unwrap());
    let (router, seen) = router(|_| json(200, r#"{"accessToken":"t","expiresIn":60,"accessTokenMaxTTL":600}"#));
    let handle = axum_server::Handle::new();
    let server = axum_server::bind_rustls("127.0.0.1:0".parse().unwrap(), RustlsConfig::from_config(config));
    tokio::spawn(server.handle(handle.clone()).serve(router.into_make_service()));
    let address: SocketAddr = handle.listening().await.unwrap();
    (Address::parse(&format!("https://localhost:{}", address.port())).unwrap(), seen)
}

fn client(address: &Address, ca: Option<Arc<Vec<u8>>>) -> Result<Client, Error> {
    Client::new(ClientConfig { ca, ..ClientConfig::new(address.clone(), "0") })
}

fn login() -> LoginRequest {
    LoginRequest {
        path: "/v1/auth/tls-cert-auth/login".into(),
        fields: Fields::default(),
        headers: Vec::new(),
        client_identity: None,
        organisation: None,
    }
}

#[tokio::test]
async fn the_ca_of_the_resource_is_trusted_and_no_other() {
    let (ours, other) = (Authority::new(), Authority::new());
    let (address, seen) = serve(&ours, false).await;
    assert!(client(&address, ours.pem()).unwrap().login(&login()).await.is_ok());
    let error = failed(client(&address, other.pem()).unwrap().login(&login()).await);
    assert!(matches!(error, Error::Unreachable { .. }) && error.to_string().contains("certificate"), "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_client_certificate_is_shown_for_that_login_only() {
    let authority = Authority::new();
    let (address, seen) = serve(&authority, true).await;
    let client = client(&address, authority.pem()).unwrap();
    let (certificate, key) = authority.issue(ExtendedKeyUsagePurpose::ClientAuth);
    let identity = (certificate.pem().into_bytes().into(), key.serialize_pem().into_bytes().into());
    assert!(client.login(&LoginRequest { client_identity: Some(identity), ..login() }).await.is_ok());
    let error = failed(client.login(&login()).await);
    assert_eq!(error.class(), Class::Transient, "{error}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_pair_that_can_not_be_shown_is_refused_with_the_reason() {
    let authority = Authority::new();
    let (address, seen) = serve(&authority, true).await;
    let (certificate, key) = authority.issue(ExtendedKeyUsagePurpose::ClientAuth);
    let (certificate, key) = (certificate.pem(), key.serialize_pem());
    let other = KeyPair::generate().unwrap().serialize_pem();
    let (ca_first, cut) = (format!("{}{certificate}", authority.0.pem()), certificate.replace("MII", "canary!"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\ncanary==\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\ncanary==\n-----END RSA PRIVATE KEY-----\n";
    let short = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (chain, key, problem) in [
        (certificate.as_str(), other.as_str(), "does not belong to the client certificate"),
        (ca_first.as_str(), key.as_str(), "another certificate stands before"),
        ("canary", key.as_str(), "no certificate in the client certificate"),
        (key.as_str(), certificate.as_str(), "no certificate in the client certificate"),
        (cut.as_str(), key.as_str(), "not valid PEM"),
        (certificate.as_str(), "canary", "there is no private key"),
        (certificate.as_str(), certificate.as_str(), "there is no private key"),
        (certificate.as_str(), encrypted, "is encrypted"),
        (certificate.as_str(), old, "is encrypted"),
        (certificate.as_str(), short, "is damaged, or of a kind"),
    ] {
        let identity = Some((chain.as_bytes().to_vec().into(), key.as_bytes().to_vec().into()));
        let error = failed(client(&address, authority.pem()).unwrap().login(&LoginRequest { client_identity: identity, ..login() }).await);
        let text = error.to_string();
        assert!(matches!(error, Error::Login(_)) && text.contains(problem) && !text.contains("canary"), "{problem}: {text}");
    }
    let plain = Address::parse("http://127.0.0.1:1").unwrap();
    let identity = Some((certificate.into_bytes().into(), key.into_bytes().into()));
    let error = failed(client(&plain, None).unwrap().login(&LoginRequest { client_identity: identity, ..login() }).await);
    assert!(error.to_string().contains("use an https:// address"), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn a_ca_that_is_none_is_refused_with_the_reason() {
    let address = Address::parse("https://localhost").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (pem, problem) in [("", "no certificate"), ("secret canary", "no certificate"), (broken, "certificate")] {
        match client(&address, Some(Arc::new(pem.as_bytes().to_vec()))) {
            Err(error @ Error::CaBundle(_)) => {
                let text = error.to_string();
                assert!(text.contains(problem) && !text.contains("canary"), "{text}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("{pem:?} was taken"),
        }
    }
}
