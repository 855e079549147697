//! Master Password's derivation of site passwords.
use go_template_engine::{Arg, Context, Error, Kind, Str, Type, Value};
use hmac::{Hmac, Mac};
use sha2::Sha256;

const SEED: &[u8] = b"com.lyndir.masterpassword";
/// Steps charged for one scrypt.
const STEPS: u64 = 1_000_000;

/// `uint32`; larger constants lose their upper bits, as in Go.
pub struct Counter(u32);

impl Arg<'_> for Counter {
    const TYPE: Type = Type::Basic(Kind::Uint32);

    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Uint(_, number) => u32::try_from(number & u64::from(u32::MAX)).ok().map(Self),
            _ => None,
        }
    }
}

fn templates(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The length of a text in four bytes, and the text.
fn counted(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), text].concat()
}

fn pick<T: Copy>(from: &[T], byte: u8) -> Option<T> {
    from.get(usize::from(byte).checked_rem(from.len())?).copied()
}

pub fn derive_password(
    context: &mut Context<'_>,
    counter: Counter,
    kind: &Str,
    password: &Str,
    user: &Str,
    site: &Str,
) -> Result<Vec<u8>, Error> {
    let Some(templates) = templates(kind) else {
        return Ok([b"cannot find password template ", &**kind].concat());
    };
    context.step(STEPS)?;
    let failed = || Error::new("failed to derive password");
    let parameters = scrypt::Params::new(15, 8, 2, 64).map_err(|_| failed())?;
    let mut key = [0; 64];
    scrypt::scrypt(password, &[SEED, &counted(user)].concat(), &parameters, &mut key).map_err(|_| failed())?;
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(&key).map_err(|_| failed())?;
    let message = [SEED, &counted(site), &counter.0.to_be_bytes()].concat();
    let seed = mac.chain_update(message).finalize().into_bytes();
    let (first, rest) = seed.split_first().ok_or_else(failed)?;
    let template = pick(templates, *first).ok_or_else(failed)?;
    template.bytes().zip(rest).map(|(class, byte)| pick(characters(class), *byte).ok_or_else(failed)).collect()
}
