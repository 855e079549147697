//! Reads an RSA private key from PEM, opening it where it is encrypted.
//!
//! Read are PKCS#1 and PKCS#8, plain; PKCS#8 encrypted with PBES2 (AES or Triple-DES, PBKDF2 or scrypt); PKCS#1 encrypted by
//! OpenSSL's headers. Text around the key is passed over: consoles of clouds put a line of their own below it. What can go
//! wrong is told apart, since each case has another remedy; no error quotes any of the key.
use super::{SignError, legacy, text_of};
use crate::SecretBytes;
use aws_lc_rs::rsa::KeyPair;
use pem::Pem;
use pkcs8::{
    EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo, SecretDocument,
    pkcs5::{EncryptionScheme, pbes2},
};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

/// Rounds of PBKDF2. OWASP advises 600,000 today; this many take about a second.
pub(super) const MAX_ITERATIONS: u32 = 2_000_000;

/// Bytes of memory times lanes that scrypt may take. OpenSSL's default is 16 MiB and one lane.
const MAX_SCRYPT: u64 = 128 << 20;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The key of a PEM text.
///
/// # Errors
/// Any [`SignError`] that is about the key.
pub(super) fn read(text: &[u8], passphrase: Option<&SecretBytes>) -> Result<KeyPair, SignError> {
    let blocks = pem::parse_many(text).map_err(|_| SignError::NotPem)?;
    let mut blocks: Vec<_> = blocks.into_iter().map(Block::from).collect();
    // Parameters of a curve stand before its key, a certificate sometimes does.
    let private = blocks.iter().position(|block| block.label.ends_with("PRIVATE KEY")).unwrap_or(0);
    if blocks.is_empty() {
        return Err(SignError::NotPem);
    }
    let block = blocks.swap_remove(private);
    let passphrase = passphrase.map(|passphrase| text_of(passphrase.expose_secret())).ok_or(SignError::NoPassphrase);
    let opened = block.dek_info.as_deref().map(|header| legacy::open(header, &block.content, passphrase.clone()?));
    match (block.label.as_str(), opened) {
        ("RSA PRIVATE KEY", None) => KeyPair::from_der(&block.content).map_err(|_| SignError::BadRsa),
        // The padding of what a wrong passphrase opens is right by chance once in a while.
        ("RSA PRIVATE KEY", Some(opened)) => KeyPair::from_der(&opened?).map_err(|_| SignError::Passphrase),
        ("PRIVATE KEY", _) => pkcs8(&block.content),
        ("ENCRYPTED PRIVATE KEY", _) => pkcs8(open(&block.content, passphrase?)?.as_bytes()),
        ("EC PRIVATE KEY", _) => Err(SignError::NotRsa("an elliptic curve key")),
        ("DSA PRIVATE KEY", _) => Err(SignError::NotRsa("a DSA key")),
        ("OPENSSH PRIVATE KEY", _) => Err(SignError::OpenSsh),
        ("PUBLIC KEY" | "RSA PUBLIC KEY", _) => Err(SignError::NotPrivate("a public key")),
        ("CERTIFICATE", _) => Err(SignError::NotPrivate("a certificate")),
        _ => Err(SignError::NotPem),
    }
}

/// A PEM block whose content is wiped when dropped.
struct Block {
    label: String,
    dek_info: Option<String>,
    content: Zeroizing<Vec<u8>>,
}

impl From<Pem> for Block {
    fn from(pem: Pem) -> Self {
        let dek_info = pem.headers().get("DEK-Info").map(str::to_owned);
        Self { label: pem.tag().to_owned(), dek_info, content: Zeroizing::new(pem.into_contents()) }
    }
}

fn pkcs8(der: &[u8]) -> Result<KeyPair, SignError> {
    let info = PrivateKeyInfo::try_from(der).map_err(|_| SignError::BadRsa)?;
    match info.algorithm.oid {
        RSA => KeyPair::from_pkcs8(der).map_err(|_| SignError::BadRsa),
        EC => Err(SignError::NotRsa("an elliptic curve key")),
        ED25519 => Err(SignError::NotRsa("an Ed25519 key")),
        _ => Err(SignError::NotRsa("a key of another kind")),
    }
}

fn open(der: &[u8], passphrase: &[u8]) -> Result<SecretDocument, SignError> {
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| SignError::Encryption)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else { return Err(SignError::Encryption) };
    let affordable = match &parameters.kdf {
        pbes2::Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MAX_ITERATIONS,
        pbes2::Kdf::Scrypt(kdf) => {
            let memory = u64::from(kdf.block_size).saturating_mul(128).saturating_mul(kdf.cost_parameter);
            memory.saturating_mul(u64::from(kdf.parallelization)) <= MAX_SCRYPT
        }
        _ => return Err(SignError::Encryption),
    };
    if !affordable {
        return Err(SignError::TooCostly);
    }
    info.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => SignError::Encryption,
        _ => SignError::Passphrase,
    })
}
