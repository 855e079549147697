//! Makes private keys.
//!
//! By aws-lc, which makes them in constant time from the operating system's random numbers; P-224, which it does not
//! offer, by `p224`, likewise constant in time. An RSA key of 4,096 bits takes up to seconds: all of it runs on the
//! blocking pool. The result is PKCS#8 in PEM and secret.
use super::{Aborted, Refusal, blocking, content::secret};
use crate::SecretBytes;
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair,
    },
};
use pkcs8::{EncodePrivateKey, LineEnding, PrivateKeyInfo, der::EncodePem};
use zeroize::Zeroizing;

/// The kinds of key that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Kind {
    /// RSA, 2,048 bits.
    Rsa2048,
    /// RSA, 3,072 bits.
    Rsa3072,
    /// RSA, 4,096 bits.
    Rsa4096,
    /// NIST P-224.
    P224,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// Ed25519.
    Ed25519,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// No kind has that name.
    #[error("the key kind {0:?} is not known; known are rsa2048, rsa3072, rsa4096, p224, p256, p384, p521 and ed25519")]
    Kind(String),
    /// The library failed, which it does only where the system has no random numbers.
    #[error("the key could not be made")]
    Library,
    /// The work was given up.
    #[error(transparent)]
    Aborted(#[from] Aborted),
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Kind(_) => Self::Settings(error.to_string()),
            KeyError::Library => Self::Host("a key could not be made"),
            KeyError::Aborted(aborted) => aborted.into(),
        }
    }
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Library
    }
}

impl From<pkcs8::Error> for KeyError {
    fn from(_: pkcs8::Error) -> Self {
        Self::Library
    }
}

/// A fresh private key of this kind: PKCS#8 as PEM, ending in a newline.
///
/// # Errors
/// Any [`KeyError`].
pub(crate) async fn generate(kind: &str) -> Result<SecretBytes, KeyError> {
    let kind = kind.parse().map_err(|_| KeyError::Kind(kind.chars().take(64).collect()))?;
    let pem = blocking(move || make(kind)).await??;
    Ok(secret(pem.as_bytes()))
}

fn make(kind: Kind) -> Result<Zeroizing<String>, KeyError> {
    match kind {
        Kind::Rsa2048 => rsa(KeySize::Rsa2048),
        Kind::Rsa3072 => rsa(KeySize::Rsa3072),
        Kind::Rsa4096 => rsa(KeySize::Rsa4096),
        Kind::P224 => p224(),
        Kind::P256 => ecdsa(&ECDSA_P256_SHA256_ASN1_SIGNING),
        Kind::P384 => ecdsa(&ECDSA_P384_SHA384_ASN1_SIGNING),
        Kind::P521 => ecdsa(&ECDSA_P521_SHA512_ASN1_SIGNING),
        // Version 1 leaves the public key out: older OpenSSL and Go read no other.
        Kind::Ed25519 => pem(Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref()),
    }
}

fn rsa(size: KeySize) -> Result<Zeroizing<String>, KeyError> {
    pem(AsDer::<Pkcs8V1Der<'_>>::as_der(&KeyPair::generate(size)?)?.as_ref())
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm) -> Result<Zeroizing<String>, KeyError> {
    pem(EcdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref())
}

/// A number of the right size is a valid key unless it is zero or not below the order of the curve, which happens once in
/// 2^112 draws: a second draw is never seen, and a third means that the random numbers are none.
fn p224() -> Result<Zeroizing<String>, KeyError> {
    for _ in 0..3 {
        let mut scalar = Zeroizing::new([0; 28]);
        aws_lc_rs::rand::SecureRandom::fill(&SystemRandom::new(), scalar.as_mut())?;
        if let Ok(key) = p224::SecretKey::from_slice(scalar.as_ref()) {
            return Ok(key.to_pkcs8_pem(LineEnding::LF)?);
        }
    }
    Err(KeyError::Library)
}

fn pem(der: &[u8]) -> Result<Zeroizing<String>, KeyError> {
    let info = PrivateKeyInfo::try_from(der)?;
    Ok(Zeroizing::new(info.to_pem(LineEnding::LF).map_err(pkcs8::Error::from)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pkcs8::{AssociatedOid, ObjectIdentifier};
    use secrecy::ExposeSecret;
    use strum::IntoEnumIterator;

    const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
    const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
    const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
    const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

    /// Algorithm, curve and bytes of the private part, as an ASN.1 reader that shares nothing with the maker sees them.
    async fn read_back(kind: Kind) -> (ObjectIdentifier, Option<ObjectIdentifier>, Vec<u8>) {
        let made = generate(kind.into()).await.unwrap();
        let text = std::str::from_utf8(made.expose_secret()).unwrap();
        assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n") && text.ends_with("-----END PRIVATE KEY-----\n"), "{kind:?}");
        let (label, der) = pkcs8::SecretDocument::from_pem(text).unwrap();
        assert_eq!(label, "PRIVATE KEY");
        let info: PrivateKeyInfo<'_> = der.decode_msg().unwrap();
        (info.algorithm.oid, info.algorithm.parameters_oid().ok(), info.private_key.to_vec())
    }

    #[tokio::test]
    async fn every_kind_is_what_it_says() {
        for kind in Kind::iter() {
            let (algorithm, curve, private) = read_back(kind).await;
            let (expected, expected_curve, size) = match kind {
                // version, modulus, exponent, d, p, q, dp, dq, qinv: 4.5 times the modulus and some lengths.
                Kind::Rsa2048 => (RSA, None, 1180..1200),
                Kind::Rsa3072 => (RSA, None, 1760..1780),
                Kind::Rsa4096 => (RSA, None, 2340..2360),
                Kind::P224 => (EC, Some(p224::NistP224::OID), 80..120),
                Kind::P256 => (EC, Some(P256), 100..130),
                Kind::P384 => (EC, Some(P384), 140..180),
                Kind::P521 => (EC, Some(P521), 200..240),
                Kind::Ed25519 => (ED25519, None, 34..35),
            };
            assert_eq!((algorithm, curve), (expected, expected_curve), "{kind:?}");
            assert!(size.contains(&private.len()), "{kind:?}: {}", private.len());
        }
    }

    #[tokio::test]
    async fn a_second_key_is_another() {
        for kind in [Kind::P224, Kind::P256, Kind::Ed25519] {
            assert_ne!(read_back(kind).await.2, read_back(kind).await.2, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn an_unknown_kind_is_refused_with_the_known_ones() {
        for kind in ["rsa1024", "RSA2048", "", "secp256k1"] {
            let error = generate(kind).await.err().unwrap();
            assert!(error.to_string().contains("p224"), "{error}");
            assert!(matches!(Refusal::from(error), Refusal::Settings(_)));
        }
    }
}
