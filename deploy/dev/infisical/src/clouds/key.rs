//! A key that a cloud signs tokens with, and the certificate by which others verify them.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, DnType, KeyPair};
use serde_json::Value;
use uuid::Uuid;

use super::CloudError;

/// RSA of 2048 bits. Can't be formatted.
#[derive(Clone)]
pub(crate) struct SigningKey {
    /// Hexadecimal digits, as clouds name their keys.
    pub(crate) id: String,
    /// PKCS#8 in PEM.
    pub(crate) private_pem: String,
    /// X.509 in DER.
    certificate: Vec<u8>,
    signing: EncodingKey,
}

impl SigningKey {
    /// A fresh key, with a certificate in this name.
    pub(crate) fn new(name: &str) -> Result<Self, CloudError> {
        let pair = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters.self_signed(&pair)?.der().to_vec();
        let private_pem = pair.serialize_pem();
        let signing = EncodingKey::from_rsa_pem(private_pem.as_bytes())?;
        Ok(Self { id: Uuid::new_v4().simple().to_string(), private_pem, certificate, signing })
    }

    /// A token with these claims, which names the key.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, CloudError> {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) };
        Ok(jsonwebtoken::encode(&header, claims, &self.signing)?)
    }

    /// The certificate as the inner part of PEM, without line breaks.
    pub(crate) fn certificate(&self) -> String {
        STANDARD.encode(&self.certificate)
    }

    /// The certificate as PEM.
    pub(crate) fn certificate_pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", self.certificate())
    }
}
