//! Signatures with a key that stays in the host. Capability `signing`.
use crate::{Credential, Error, backend};

/// How to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSA, PKCS#1 v1.5, SHA-256. The key is PEM, PKCS#1 or PKCS#8.
    RsaPkcs1Sha256,
    /// HMAC with SHA-1. The key is the bytes of the credential.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
}

impl Algorithm {
    /// As the contract spells it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
        }
    }
}

/// What to sign with, to be completed as needed.
pub struct Signer<'a> {
    key: &'a Credential,
    passphrase: Option<&'a Credential>,
    algorithm: Algorithm,
    key_suffix: Option<&'a str>,
}

impl<'a> Signer<'a> {
    /// With this key.
    #[must_use]
    pub fn new(key: &'a Credential, algorithm: Algorithm) -> Self {
        Self { key, passphrase: None, algorithm, key_suffix: None }
    }

    /// Opens an encrypted key.
    #[must_use]
    pub fn passphrase(self, passphrase: Option<&'a Credential>) -> Self {
        Self { passphrase, ..self }
    }

    /// Text appended to an HMAC key before use.
    #[must_use]
    pub fn key_suffix(self, suffix: &'a str) -> Self {
        Self { key_suffix: Some(suffix), ..self }
    }

    /// The raw signature.
    ///
    /// # Errors
    /// [`Error::Denied`] without the grant, [`Error::Credentials`] where the key can't be read.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>, Error> {
        let extensions: Vec<_> = self.key_suffix.iter().map(|suffix| ("key-suffix".into(), (*suffix).into())).collect();
        backend::sign(&self.key.0, self.passphrase.map(|passphrase| &passphrase.0), self.algorithm.name(), data, &extensions)
    }
}
