//! Signs with a key that the plugin has by handle alone.
//!
//! RSA and HMAC by aws-lc, in constant time, on the blocking pool. What can go wrong is the key: see [`private_key`]. An
//! encrypted one may be made so that opening it would cost more than is allowed: the numbers stand in the key, and whoever
//! made it chose them. No error quotes any of it.
mod legacy;
mod private_key;

use super::{Aborted, Refusal, blocking};
use crate::SecretBytes;
use aws_lc_rs::{hmac, rand::SystemRandom, signature::RSA_PKCS1_SHA256};
use private_key::MAX_ITERATIONS;
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

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
    #[error(
        "the key is not a private key in PEM; it begins with -----BEGIN PRIVATE KEY-----, -----BEGIN RSA PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----, and has line breaks"
    )]
    NotPem,
    /// PEM of something else.
    #[error("the key is {0}; give the private key that belongs to it")]
    NotPrivate(&'static str),
    /// Another program's form.
    #[error("the key is in OpenSSH's form; convert a copy of it with `ssh-keygen -p -m PEM -f COPY`")]
    OpenSsh,
    /// A private key of another kind.
    #[error("the key is {0}; an RSA key of 2048 to 8192 bits is needed")]
    NotRsa(&'static str),
    /// RSA, but damaged, or not of a size that can sign.
    #[error("the RSA key is damaged, or is not of 2048 to 8192 bits")]
    BadRsa,
    /// An encrypted key and nothing to open it with.
    #[error("the key is encrypted and there is no passphrase")]
    NoPassphrase,
    /// It doesn't open.
    #[error("the key does not open with the passphrase")]
    Passphrase,
    /// A way to encrypt a key that isn't read.
    #[error("the key is encrypted in a form that is not read; convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc`")]
    Encryption,
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

/// Files and Secrets often end in a line break that is not part of what is in them. Bytes that are no text are taken as they
/// are.
fn text_of(bytes: &[u8]) -> &[u8] {
    if std::str::from_utf8(bytes).is_err() {
        return bytes;
    }
    let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    line.unwrap_or(bytes)
}

fn mac(algorithm: hmac::Algorithm, request: &SignRequest) -> Vec<u8> {
    let key = text_of(request.key.expose_secret());
    let suffix = request.key_suffix.as_deref().unwrap_or_default().as_bytes();
    let mut whole = Zeroizing::new(Vec::with_capacity(key.len() + suffix.len()));
    whole.extend_from_slice(key);
    whole.extend_from_slice(suffix);
    hmac::sign(&hmac::Key::new(algorithm, &whole), &request.data).as_ref().to_vec()
}

fn rsa(request: &SignRequest) -> Result<Vec<u8>, SignError> {
    let key = private_key::read(request.key.expose_secret(), request.passphrase.as_ref())?;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &request.data, &mut signature).map_err(|_| SignError::BadRsa)?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument, pkcs5::pbes2};

    const PKCS8: &str = include_str!("../../tests/fixtures/keys/pkcs8.pem");
    const PKCS1: &str = include_str!("../../tests/fixtures/keys/pkcs1.pem");
    const PBKDF2: &str = include_str!("../../tests/fixtures/keys/pbkdf2.pem");
    const SCRYPT: &str = include_str!("../../tests/fixtures/keys/scrypt.pem");
    const MANY_ROUNDS: &str = include_str!("../../tests/fixtures/keys/many-rounds.pem");
    const OPENSSL_AES128: &str = include_str!("../../tests/fixtures/keys/openssl-aes128.pem");
    const OPENSSL_AES192: &str = include_str!("../../tests/fixtures/keys/openssl-aes192.pem");
    const OPENSSL_AES256: &str = include_str!("../../tests/fixtures/keys/openssl-aes256.pem");
    const OPENSSL_DES3: &str = include_str!("../../tests/fixtures/keys/openssl-des3.pem");
    const PBKDF2_DES3: &str = include_str!("../../tests/fixtures/keys/pbkdf2-des3.pem");
    const PBKDF2_SHA1: &str = include_str!("../../tests/fixtures/keys/pbkdf2-sha1.pem");
    const PBES1: &str = include_str!("../../tests/fixtures/keys/pbes1.pem");
    const P256: &str = include_str!("../../tests/fixtures/keys/p256.pem");
    const SEC1: &str = include_str!("../../tests/fixtures/keys/sec1.pem");
    const ED25519: &str = include_str!("../../tests/fixtures/keys/ed25519.pem");
    const OPENSSH: &str = include_str!("../../tests/fixtures/keys/openssh.pem");
    const PUBLIC: &str = include_str!("../../tests/fixtures/keys/public.pem");
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
        // As Oracle's console gives it.
        let downloaded = format!("{PKCS8}OCI_API_KEY");
        for (key, passphrase) in [
            (PKCS8, None),
            (PKCS1, None),
            (windows.as_str(), None),
            (PKCS8, Some("not needed")),
            (PBKDF2, Some("open-sesame")),
            (padded.as_str(), Some("open-sesame")),
            (SCRYPT, Some("open-sesame")),
            (PBKDF2_DES3, Some("open-sesame")),
            (PBKDF2_SHA1, Some("open-sesame")),
            (OPENSSL_AES128, Some("open-sesame")),
            (OPENSSL_AES192, Some("open-sesame")),
            (OPENSSL_AES256, Some("open-sesame")),
            (OPENSSL_DES3, Some("open-sesame")),
            (OPENSSL_DES3, Some("open-sesame\n")),
            (PBKDF2, Some("open-sesame\r\n")),
            (downloaded.as_str(), None),
        ] {
            assert_eq!(rsa(key, passphrase).await.as_deref(), Ok(SIGNATURE));
        }
    }

    #[tokio::test]
    async fn an_encrypted_key_needs_its_passphrase() {
        for key in [PBKDF2, SCRYPT, OPENSSL_AES128, OPENSSL_DES3] {
            assert_eq!(refused(key, None).await, SignError::NoPassphrase);
            for wrong in ["canary-4711", ""] {
                assert_eq!(refused(key, Some(wrong)).await, SignError::Passphrase);
            }
        }
    }

    /// The padding comes out right for one wrong passphrase in 256.
    #[tokio::test]
    async fn no_wrong_passphrase_is_mistaken_for_a_damaged_key() {
        for number in 0..600 {
            assert_eq!(refused(OPENSSL_AES128, Some(&number.to_string())).await, SignError::Passphrase);
        }
    }

    #[tokio::test]
    async fn encryption_that_is_not_read_is_refused_with_the_way_out() {
        let unknown = OPENSSL_AES128.replace("AES-128-CBC", "CAMELLIA-128-CBC");
        for key in [PBES1, &unknown] {
            let error = refused(key, Some("x")).await;
            assert_eq!(error, SignError::Encryption);
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
        assert_eq!(refused(P256, None).await, SignError::NotRsa("an elliptic curve key"));
        assert_eq!(refused(SEC1, None).await, SignError::NotRsa("an elliptic curve key"));
        assert_eq!(refused(ED25519, None).await, SignError::NotRsa("an Ed25519 key"));
        assert_eq!(refused(OPENSSH, None).await, SignError::OpenSsh);
        assert_eq!(refused(PUBLIC, None).await, SignError::NotPrivate("a public key"));
        assert_eq!(refused(RSA1024, None).await, SignError::BadRsa);
        for text in ["", "canary-4711", "-----BEGIN PRIVATE KEY-----\ncanary-4711\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(refused(text, None).await, SignError::NotPem);
        }
        let cut: String = PKCS8.lines().take(9).chain(["-----END PRIVATE KEY-----\n"]).collect::<Vec<_>>().join("\n");
        assert_eq!(refused(&cut, None).await, SignError::BadRsa);
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
            assert_eq!(hex::encode(sign(request(algorithm, "Jefe\r\n", data)).await.unwrap()), expected);
            let suffixed = SignRequest { key_suffix: Some("efe".into()), ..request(algorithm, "J", data) };
            assert_eq!(hex::encode(sign(suffixed).await.unwrap()), expected);
            let binary = [request(algorithm, b"\xff", data), request(algorithm, b"\xff\n", data)].map(sign);
            let [short, long] = binary;
            assert_ne!(short.await, long.await);
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
