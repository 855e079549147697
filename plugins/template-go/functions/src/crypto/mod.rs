//! Hashes, passwords, ciphers, keys and certificates, as sprig's page of that name has them.
//!
//! What is random marks its entry as volatile through the host, private keys come from the host. `genPrivateKey "dsa"` fails:
//! the host makes no such keys, and nothing that a template can do with one has been safe for a decade.
mod certificates;
mod derive;

use crate::pki::pem::decode_base64;
use aes::cipher::{BlockDecryptMut, BlockEncryptMut, KeyIvInit, block_padding::NoPadding, block_padding::Pkcs7};
use base64::{
    Engine,
    engine::general_purpose::{GeneralPurpose, NO_PAD, STANDARD},
};
use go_template_engine::{Arg, Context, Error, Function, Int, Kind, Named, Str, Type, Value, functions};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "adler32sum" => adler32sum, (&Str);
    "bcrypt" => bcrypt, (&Str);
    "buildCustomCert" => certificates::build, (&Str, &Str);
    "decryptAES" => decrypt_aes, (&Str, &Str);
    "derivePassword" => derive::derive_password, (derive::Counter, &Str, &Str, &Str, &Str);
    "encryptAES" => encrypt_aes, (&Str, &Str);
    "genCA" => certificates::ca, (&Str, Int);
    "genCAWithKey" => certificates::ca_with_key, (&Str, Int, &Str);
    "genPrivateKey" => certificates::private_key, (&Str);
    "genSelfSignedCert" => certificates::self_signed, (&Str, certificates::Texts<'_>, certificates::Texts<'_>, Int);
    "genSelfSignedCertWithKey" =>
        certificates::self_signed_with_key, (&Str, certificates::Texts<'_>, certificates::Texts<'_>, Int, &Str);
    "genSignedCert" =>
        certificates::signed, (&Str, certificates::Texts<'_>, certificates::Texts<'_>, Int, certificates::Certified);
    "genSignedCertWithKey" =>
        certificates::signed_with_key, (&Str, certificates::Texts<'_>, certificates::Texts<'_>, Int, certificates::Certified, &Str);
    "randBytes" => rand_bytes, (Int);
    "sha1sum" => sha1sum, (&Str);
    "sha256sum" => sha256sum, (&Str);
    "sha512sum" => sha512sum, (&Str);
};

/// Of Infisical's operator.
pub static INFISICAL: &[Function] = functions! { "htpasswd" => htpasswd, (&Str, &Str) };

/// Of External Secrets Operator, whose copy of sprig has a third argument.
pub static EXTERNAL: &[Function] = functions! { "htpasswd" => htpasswd_by, (&Str, &Str, HashAlgorithm<'_>) };

/// The cost that Go's library takes where none is given.
const BCRYPT_COST: u32 = 10;
/// Longer passwords would be cut, so Go refuses them.
const BCRYPT_LONGEST: usize = 72;
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::BCRYPT, NO_PAD);
/// Steps charged for one bcrypt: it works as long as some hundred thousand nodes of a template.
const BCRYPT_STEPS: u64 = 500_000;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha1sum(_: &mut Context<'_>, text: &Str) -> Result<String, Error> {
    Ok(hex(&Sha1::digest(text)))
}

fn sha256sum(_: &mut Context<'_>, text: &Str) -> Result<String, Error> {
    Ok(hex(&Sha256::digest(text)))
}

fn sha512sum(_: &mut Context<'_>, text: &Str) -> Result<String, Error> {
    Ok(hex(&Sha512::digest(text)))
}

fn adler32sum(_: &mut Context<'_>, text: &Str) -> Result<String, Error> {
    const PRIME: u32 = 65_521;
    let (low, high) = text.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % PRIME;
        (low, (high + low) % PRIME)
    });
    Ok((high << 16 | low).to_string())
}

fn rand_bytes(context: &mut Context<'_>, count: Int) -> Result<String, Error> {
    let count = usize::try_from(count.0).map_err(|_| Error::panic("runtime error: makeslice: len out of range"))?;
    context.allocate(count.saturating_mul(3))?;
    let mut bytes = vec![0; count];
    context.host.random(&mut bytes)?;
    Ok(STANDARD.encode(bytes))
}

fn bcrypt(context: &mut Context<'_>, password: &Str) -> Result<String, Error> {
    if password.len() > BCRYPT_LONGEST {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned());
    }
    context.step(BCRYPT_STEPS)?;
    let mut salt = [0; 16];
    context.host.random(&mut salt)?;
    // A zero ends the password; what is beyond the longest doesn't count.
    let key: Vec<u8> = password.iter().copied().chain([0]).take(BCRYPT_LONGEST).collect();
    let hash = ::bcrypt::bcrypt(BCRYPT_COST, salt, &key);
    // The last byte of the hash is not written.
    let hash = hash.get(..23).unwrap_or_default();
    Ok(format!("$2a${BCRYPT_COST}${}{}", BCRYPT_BASE64.encode(salt), BCRYPT_BASE64.encode(hash)))
}

fn htpasswd(context: &mut Context<'_>, user: &Str, password: &Str) -> Result<Vec<u8>, Error> {
    if user.contains(&b':') {
        return Ok([b"invalid username: ", &**user].concat());
    }
    Ok([user, b":".as_slice(), bcrypt(context, password)?.as_bytes()].concat())
}

fn htpasswd_by(context: &mut Context<'_>, user: &Str, password: &Str, algorithm: HashAlgorithm<'_>) -> Result<Vec<u8>, Error> {
    if &**algorithm.0 != b"sha" || user.contains(&b':') {
        return htpasswd(context, user, password);
    }
    Ok([user, b":{SHA}".as_slice(), STANDARD.encode(Sha1::digest(password)).as_bytes()].concat())
}

static HASH_ALGORITHM: Named = Named::new("sprig.HashAlgorithm", Kind::String);

/// `sprig.HashAlgorithm`: a constant string can stand for one, a value of type string can't.
pub struct HashAlgorithm<'a>(&'a Str);

impl<'a> Arg<'a> for HashAlgorithm<'a> {
    const TYPE: Type = Type::Named(&HASH_ALGORITHM);

    fn take(value: &'a Value) -> Option<Self> {
        match value.underlying() {
            Value::String(text) => Some(Self(text)),
            _ => None,
        }
    }
}

/// The first 32 bytes of a password, padded with zeros.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key.iter_mut().zip(password).for_each(|(to, from)| *to = *from);
    key
}

fn encrypt_aes(context: &mut Context<'_>, password: &Str, text: &Str) -> Result<String, Error> {
    if text.is_empty() {
        return Ok(String::new());
    }
    context.allocate(text.len().saturating_mul(3))?;
    let mut iv = [0; 16];
    context.host.random(&mut iv)?;
    let cipher = cbc::Encryptor::<aes::Aes256>::new(&aes_key(password).into(), &iv.into());
    Ok(STANDARD.encode([iv.as_slice(), &cipher.encrypt_padded_vec_mut::<Pkcs7>(text)].concat()))
}

fn decrypt_aes(_: &mut Context<'_>, password: &Str, text: &Str) -> Result<Vec<u8>, Error> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let data = decode_base64(text).ok_or_else(|| Error::new("illegal base64 data"))?;
    let (iv, text) = data.split_first_chunk::<16>().ok_or_else(|| Error::panic("runtime error: slice bounds out of range"))?;
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&aes_key(password).into(), iv.into());
    let mut plain = cipher.decrypt_padded_vec_mut::<NoPadding>(text).map_err(|_| Error::panic("crypto/cipher: input not full blocks"))?;
    let padding = plain.last().ok_or_else(|| Error::panic("runtime error: index out of range [-1]"))?;
    // The padding is believed, whatever it is.
    let length = plain.len().checked_sub(usize::from(*padding));
    plain.truncate(length.ok_or_else(|| Error::panic("runtime error: slice bounds out of range"))?);
    Ok(plain)
}

#[cfg(test)]
mod tests;
