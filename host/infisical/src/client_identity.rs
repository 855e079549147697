//! A client certificate with its key, checked before a connection is tried with it.
//!
//! What a TLS library or a proxy says about a wrong pair is hard to act on, or is not said at all: a connection without TLS
//! shows no certificate, and the server then misses one. No error quotes any of the key.
use crate::{Address, Error};
use reqwest::Identity;
use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{Error as PemError, PemObject},
};
use secrecy::{ExposeSecret, SecretSlice};
use zeroize::Zeroizing;

/// What a client shows: certificates as PEM, its own first, and the private key of that as PEM.
///
/// # Errors
/// [`Error::Login`]: the address is without TLS; either PEM holds nothing or is malformed; the key is encrypted or is that
/// of another certificate.
pub(crate) fn read(address: &Address, chain: &SecretSlice<u8>, key: &SecretSlice<u8>) -> Result<Identity, Error> {
    let wrong = |text: &str| Error::Login(text.to_owned());
    if !address.is_https() {
        return Err(Error::Login(format!(
            "it shows a client certificate, which takes TLS, and {} is without; use an https:// address",
            address.origin()
        )));
    }
    let (chain, key) = (chain.expose_secret(), key.expose_secret());
    let certificates = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|_| wrong("the client certificate is not valid PEM"))?;
    if certificates.is_empty() {
        return Err(wrong("there is no certificate in the client certificate; it must be PEM (-----BEGIN CERTIFICATE-----)"));
    }
    let private = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        _ if is_encrypted(key) => {
            wrong("the private key of the client certificate is encrypted; give it decrypted (`openssl pkey -in KEY`)")
        }
        PemError::NoItemsFound => wrong("there is no private key of the client certificate; it must be PEM (-----BEGIN PRIVATE KEY-----)"),
        _ => wrong("the private key of the client certificate is not valid PEM"),
    })?;
    CertifiedKey::from_der(certificates, private, &aws_lc_rs::default_provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong("the private key does not belong to the client certificate, or another certificate stands before the client's own")
        }
        rustls::Error::InvalidCertificate(_) => wrong("the client certificate is malformed"),
        _ => wrong("the private key of the client certificate is damaged, or of a kind that is not known (RSA, ECDSA and Ed25519 are)"),
    })?;
    let mut pem = Zeroizing::new(Vec::with_capacity(chain.len() + key.len() + 1));
    for part in [chain, b"\n", key] {
        pem.extend_from_slice(part);
    }
    Identity::from_pem(&pem).map_err(|_| wrong("the client certificate or its private key can't be used"))
}

fn is_encrypted(key: &[u8]) -> bool {
    let text = String::from_utf8_lossy(key);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") || text.contains("Proc-Type: 4,ENCRYPTED")
}
