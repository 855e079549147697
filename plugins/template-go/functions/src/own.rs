//! What the two operators have beside sprig and in no group of its own.
use crate::{
    go::base64,
    pki::{key::PrivateKey, pem},
};
use go_template_engine::{Context, Error, Function, Str, Value, functions};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512, digest::DynDigest};

/// Of Infisical's operator.
pub static INFISICAL: &[Function] = functions! {
    "decodeBase64ToBytes" => decode_base64_to_bytes, (&Str);
    "encodeBase64" => encode_base64, (&Str);
};

/// Of its InfisicalStaticSecret alone.
pub static STATIC: &[Function] = functions! { "secretFrom" => secret_from, (&Str, &Str) };

/// Of External Secrets Operator.
pub static EXTERNAL: &[Function] = functions! {
    "hexdec" => hexdec, (&Str);
    "rsaDecrypt" => rsa_decrypt, (&Str, &Str, &Str, &Str);
};

/// Steps charged for one decryption by RSA.
const STEPS: u64 = 500_000;

fn decode_base64_to_bytes(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    base64::decode(text).map_err(|at| Error::new(format!("Error: illegal base64 data at input byte {at}")))
}

fn encode_base64(context: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    context.allocate(text.len().saturating_mul(2))?;
    Ok(base64::encode(text))
}

fn secret_from(context: &mut Context<'_>, path: &Str, key: &Str) -> Result<Value, Error> {
    context.host.secret_from(path, key)
}

/// Where the text is no hexadecimal, the fault is the result.
fn hexdec(_: &mut Context<'_>, text: &Str) -> Result<Vec<u8>, Error> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, odd) = text.as_chunks::<2>();
    let mut out = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => out.push(high << 4 | low),
            (None, _) => return Ok(invalid_byte(*high)),
            (_, None) => return Ok(invalid_byte(*low)),
        }
    }
    match odd {
        [] => Ok(out),
        [c] if digit(*c).is_none() => Ok(invalid_byte(*c)),
        _ => Ok(b"encoding/hex: odd length hex string".to_vec()),
    }
}

/// As `%#U` prints a byte: the character too, where it can be seen.
fn invalid_byte(byte: u8) -> Vec<u8> {
    let c = char::from(byte);
    match c {
        '\0'..='\x1f' | '\x7f'..='\u{a0}' | '\u{ad}' => format!("encoding/hex: invalid byte: U+{byte:04X}"),
        _ => format!("encoding/hex: invalid byte: U+{byte:04X} '{c}'"),
    }
    .into_bytes()
}

fn rsa_decrypt(context: &mut Context<'_>, scheme: &Str, hash: &Str, text: &Str, key: &Str) -> Result<Vec<u8>, Error> {
    match &**scheme {
        b"None" => return Ok(text.to_vec()),
        b"RSA-OAEP" => {}
        _ => {
            let text = format!("decryption scheme {} is not supported", scheme.lossy());
            return Err(Error::quoting(text, "the decryption scheme is not supported; use None or RSA-OAEP"));
        }
    }
    let block = pem::decode(key).0.ok_or_else(|| Error::new("failed to decode PEM block"))?;
    let key = PrivateKey::any(&block.bytes).map_err(|fault| Error::new(format!("could not parse private key: {}", fault.0)))?;
    let PrivateKey::Rsa(key) = key else { return Err(Error::new("the private key is no RSA key")) };
    let mut hash: Box<dyn DynDigest> = match &**hash {
        b"SHA1" => Box::new(Sha1::new()),
        b"SHA512" => Box::new(Sha512::new()),
        _ => Box::new(Sha256::new()),
    };
    context.step(STEPS)?;
    key.decrypt_oaep(hash.as_mut(), text).map_err(|fault| Error::new(format!("error decrypting data with RSA: {}", fault.0)))
}
