//! Signs with a key that the plugin has by handle alone.
//!
//! RSA and HMAC by aws-lc, in constant time, on the blocking pool. An RSA key is PEM: PKCS#1, PKCS#8, or PKCS#8 encrypted
//! with PBES2. What can go wrong is the key: not PEM, of another kind, encrypted in a way that isn't read, or so that
//! opening it would cost more than [`MAX_ITERATIONS`] and [`MAX_SCRYPT`] allow (the numbers stand in the key, and whoever
//! made the key chose them). No error quotes any of it.
use super::{Aborted, Refusal, blocking};
use crate::SecretBytes;
use aws_lc_rs::{hmac, rand::SystemRandom, rsa, signature::RSA_PKCS1_SHA256};
use pkcs8::{
    EncryptedPrivateKeyInfo, SecretDocument,
    pkcs5::{EncryptionScheme, pbes2},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

/// Rounds of PBKDF2. OWASP advises 600,000 today; this many take about a second.
const MAX_ITERATIONS: u32 = 2_000_000;

/// Bytes of memory times lanes that scrypt may take. OpenSSL's default is 16 MiB and one lane.
const MAX_SCRYPT: u64 = 128 << 20;

/// The ways to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
enum Algorithm {
    #[strum(serialize = "rsa-pkcs1-sha256")]
    RsaPkcs1Sha256,
    #[strum(serialize = "hmac-sha1")]
    HmacSha1,
    #[strum(serialize = "hmac-sha256")]
    HmacSha256,
}

/// What to sign, and how.
pub(crate) struct SignRequest {
    /// PEM for RSA, the bytes of the key for HMAC.
    pub(crate) key: SecretBytes,
    /// Opens an encrypted key; not looked at where the key isn't.
    pub(crate) passphrase: Option<SecretBytes>,
    /// As it stands in the contract.
    pub(crate) algorithm: String,
    /// What is signed.
    pub(crate) data: Vec<u8>,
    /// The extension `key-suffix`: appended to an HMAC key.
    pub(crate) key_suffix: Option<String>,
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignError {
    /// No algorithm has that name.
    #[error("the algorithm {0:?} is not known; known are rsa-pkcs1-sha256, hmac-sha1 and hmac-sha256")]
    Algorithm(String),
    /// Only HMAC has one.
    #[error("key-suffix has no meaning for rsa-pkcs1-sha256; leave it out")]
    Suffix,
    /// Not PEM.
    #[error("the key is not a private key in PEM; it begins with -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----")]
    NotPem,
    /// PEM, but not RSA, or not of a size that can sign.
    #[error("the key is no RSA key of 2048 to 8192 bits")]
    NotRsa,
    /// An encrypted key and nothing to open it with.
    #[error("the key is encrypted and there is no passphrase")]
    NoPassphrase,
    /// It doesn't open.
    #[error("the key does not open with the passphrase")]
    Passphrase,
    /// Older ways to encrypt a key.
    #[error("the key is encrypted in a form that is not read; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`")]
    Legacy,
    /// Its maker asked for more work than we do.
    #[error("the key takes too much work to open; encrypt it with at most {MAX_ITERATIONS} rounds of PBKDF2")]
    TooCostly,
    /// The work was given up.
    #[error(transparent)]
    Aborted(#[from] Aborted),
}

impl From<SignError> for Refusal {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Algorithm(_) | SignError::Suffix => Self::Settings(error.to_string()),
            SignError::Aborted(aborted) => aborted.into(),
            _ => Self::Credentials(error.to_string()),
        }
    }
}

/// The raw signature.
///
/// # Errors
/// Any [`SignError`].
pub(crate) async fn sign(request: SignRequest) -> Result<Vec<u8>, SignError> {
    let algorithm =
        request.algorithm.parse::<Algorithm>().map_err(|_| SignError::Algorithm(request.algorithm.chars().take(64).collect()))?;
    if algorithm == Algorithm::RsaPkcs1Sha256 && request.key_suffix.is_some() {
        return Err(SignError::Suffix);
    }
    blocking(move || match algorithm {
        Algorithm::RsaPkcs1Sha256 => rsa(&request),
        Algorithm::HmacSha1 => Ok(mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &request)),
        Algorithm::HmacSha256 => Ok(mac(hmac::HMAC_SHA256, &request)),
    })
    .await?
}

fn mac(algorithm: hmac::Algorithm, request: &SignRequest) -> Vec<u8> {
    let key = request.key.expose_secret();
    let suffix = request.key_suffix.as_deref().unwrap_or_default().as_bytes();
    let mut whole = Zeroizing::new(Vec::with_capacity(key.len() + suffix.len()));
    whole.extend_from_slice(key);
    whole.extend_from_slice(suffix);
    hmac::sign(&hmac::Key::new(algorithm, &whole), &request.data).as_ref().to_vec()
}

fn rsa(request: &SignRequest) -> Result<Vec<u8>, SignError> {
    let key = rsa_key(request.key.expose_secret(), request.passphrase.as_ref())?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &request.data, &mut signature).map_err(|_| SignError::NotRsa)?;
    Ok(signature)
}

fn rsa_key(pem: &[u8], passphrase: Option<&SecretBytes>) -> Result<rsa::KeyPair, SignError> {
    let text = std::str::from_utf8(pem).map_err(|_| SignError::NotPem)?.trim();
    if text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(SignError::Legacy);
    }
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        let key = open(text, passphrase.ok_or(SignError::NoPassphrase)?)?;
        return rsa::KeyPair::from_pkcs8(key.as_bytes()).map_err(|_| SignError::NotRsa);
    }
    match PrivateKeyDer::from_pem_slice(pem).map_err(|_| SignError::NotPem)? {
        PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| SignError::NotRsa),
        PrivateKeyDer::Pkcs8(der) => rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| SignError::NotRsa),
        _ => Err(SignError::NotRsa),
    }
}

fn open(pem: &str, passphrase: &SecretBytes) -> Result<SecretDocument, SignError> {
    let (_, document) = SecretDocument::from_pem(pem).map_err(|_| SignError::NotPem)?;
    let info = document.decode_msg::<EncryptedPrivateKeyInfo<'_>>().map_err(|_| SignError::Legacy)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else { return Err(SignError::Legacy) };
    let affordable = match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MAX_ITERATIONS,
        pbes2::Kdf::Scrypt(kdf) => {
            let memory = u64::from(kdf.block_size).saturating_mul(128).saturating_mul(kdf.cost_parameter);
            memory.saturating_mul(u64::from(kdf.parallelization)) <= MAX_SCRYPT
        }
        _ => return Err(SignError::Legacy),
    };
    if !affordable {
        return Err(SignError::TooCostly);
    }
    info.decrypt(passphrase.expose_secret()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => SignError::Legacy,
        _ => SignError::Passphrase,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    const PKCS8: &str = include_str!("../../tests/fixtures/keys/pkcs8.pem");
    const PKCS1: &str = include_str!("../../tests/fixtures/keys/pkcs1.pem");
    const PBKDF2: &str = include_str!("../../tests/fixtures/keys/pbkdf2.pem");
    const SCRYPT: &str = include_str!("../../tests/fixtures/keys/scrypt.pem");
    const MANY_ROUNDS: &str = include_str!("../../tests/fixtures/keys/many-rounds.pem");
    const DEK_INFO: &str = include_str!("../../tests/fixtures/keys/dek-info.pem");
    const PBES1: &str = include_str!("../../tests/fixtures/keys/pbes1.pem");
    const P256: &str = include_str!("../../tests/fixtures/keys/p256.pem");
    const RSA1024: &str = include_str!("../../tests/fixtures/keys/rsa1024.pem");
    const SIGNATURE: &str = include_str!("../../tests/fixtures/keys/signature.base64");

    fn request(algorithm: &str, key: impl AsRef<[u8]>, data: &[u8]) -> SignRequest {
        SignRequest {
            key: key.as_ref().to_vec().into(),
            passphrase: None,
            algorithm: algorithm.into(),
            data: data.to_vec(),
            key_suffix: None,
        }
    }

    async fn rsa(key: &str, passphrase: Option<&str>) -> Result<String, SignError> {
        let passphrase = passphrase.map(|text| text.as_bytes().to_vec().into());
        let signature = sign(SignRequest { passphrase, ..request("rsa-pkcs1-sha256", key, b"what is signed") }).await?;
        Ok(STANDARD.encode(signature))
    }

    async fn refused(key: &str, passphrase: Option<&str>) -> SignError {
        let error = rsa(key, passphrase).await.unwrap_err();
        for line in key.lines().filter(|line| line.len() > 16 && !line.starts_with('-')) {
            assert!(!error.to_string().contains(line), "{error}");
        }
        assert!(matches!(Refusal::from(error.clone()), Refusal::Credentials(_)));
        error
    }

    #[tokio::test]
    async fn rsa_signs_as_openssl_does_whatever_form_the_key_has() {
        let windows = PKCS8.replace('\n', "\r\n");
        let padded = format!("\n\n  {PBKDF2}\n");
        for (key, passphrase) in [
            (PKCS8, None),
            (PKCS1, None),
            (windows.as_str(), None),
            (PKCS8, Some("not needed")),
            (PBKDF2, Some("open-sesame")),
            (padded.as_str(), Some("open-sesame")),
            (SCRYPT, Some("open-sesame")),
        ] {
            assert_eq!(rsa(key, passphrase).await.as_deref(), Ok(SIGNATURE));
        }
    }

    #[tokio::test]
    async fn an_encrypted_key_needs_its_passphrase() {
        assert_eq!(refused(PBKDF2, None).await, SignError::NoPassphrase);
        assert_eq!(refused(PBKDF2, Some("canary-4711")).await, SignError::Passphrase);
        assert_eq!(refused(SCRYPT, Some("")).await, SignError::Passphrase);
    }

    #[tokio::test]
    async fn older_encryption_is_refused_with_the_way_out() {
        for key in [DEK_INFO, PBES1] {
            let error = refused(key, Some("x")).await;
            assert_eq!(error, SignError::Legacy);
            assert!(error.to_string().contains("openssl pkcs8 -topk8"));
        }
    }

    #[tokio::test]
    async fn a_key_that_costs_too_much_to_open_is_not_opened() {
        assert_eq!(refused(MANY_ROUNDS, Some("open-sesame")).await, SignError::TooCostly);
        let parameters = pkcs8::pkcs5::scrypt::Params::new(18, 8, 1, 32).unwrap();
        let scheme = pbes2::Parameters::scrypt_aes256cbc(parameters, &[0; 16], &[0; 16]).unwrap();
        let info = EncryptedPrivateKeyInfo { encryption_algorithm: scheme.into(), encrypted_data: &[0; 64] };
        let pem = SecretDocument::try_from(info).unwrap().to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).unwrap();
        assert_eq!(refused(&pem, Some("open-sesame")).await, SignError::TooCostly);
    }

    #[tokio::test]
    async fn what_is_no_rsa_key_is_refused() {
        assert_eq!(refused(P256, None).await, SignError::NotRsa);
        assert_eq!(refused(RSA1024, None).await, SignError::NotRsa);
        for text in ["", "canary-4711", "-----BEGIN PRIVATE KEY-----\ncanary-4711\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(refused(text, None).await, SignError::NotPem);
        }
        let cut: String = PKCS8.lines().take(9).chain(["-----END PRIVATE KEY-----\n"]).collect::<Vec<_>>().join("\n");
        assert_eq!(refused(&cut, None).await, SignError::NotRsa);
    }

    #[tokio::test]
    async fn hmac_is_that_of_the_standards() {
        // RFC 2202 and RFC 4231, case 2 of each.
        for (algorithm, expected) in [
            ("hmac-sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            ("hmac-sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        ] {
            let data = b"what do ya want for nothing?";
            assert_eq!(hex::encode(sign(request(algorithm, "Jefe", data)).await.unwrap()), expected);
            let suffixed = SignRequest { key_suffix: Some("efe".into()), ..request(algorithm, "J", data) };
            assert_eq!(hex::encode(sign(suffixed).await.unwrap()), expected);
        }
    }

    #[tokio::test]
    async fn an_algorithm_that_is_not_known_is_named_with_those_that_are() {
        for algorithm in ["", "none", "RSA-PKCS1-SHA256", "hmac-md5"] {
            let error = sign(request(algorithm, PKCS8, b"")).await.unwrap_err();
            assert!(error.to_string().contains("rsa-pkcs1-sha256, hmac-sha1 and hmac-sha256"), "{error}");
            assert!(matches!(Refusal::from(error), Refusal::Settings(_)));
        }
        let suffixed = SignRequest { key_suffix: Some("&".into()), ..request("rsa-pkcs1-sha256", PKCS8, b"") };
        assert_eq!(sign(suffixed).await, Err(SignError::Suffix));
    }
}
