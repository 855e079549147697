//! Digests as they are written in an index: `sha256:` and 64 hexadecimal digits.
use crate::aot::Sum;
use sha2::{Digest, Sha256};

pub(crate) fn of(bytes: &[u8]) -> Sum {
    Sha256::digest(bytes).into()
}

pub(crate) fn text(sum: &Sum) -> String {
    format!("sha256:{}", hex::encode(sum))
}

pub(crate) fn parse(text: &str) -> Option<Sum> {
    let mut sum = Sum::default();
    hex::decode_to_slice(text.strip_prefix("sha256:")?, &mut sum).ok()?;
    Some(sum)
}
