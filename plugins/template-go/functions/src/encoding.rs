//! Base64 and base32. Where a text can't be decoded, the result is Go's error text, as in sprig.
use go_template_engine::{Context, Error, Function, Str, functions};

use crate::go::{base32, base64};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "b32dec" => b32dec, (&Str);
    "b32enc" => b32enc, (&Str);
    "b64dec" => b64dec, (&Str);
    "b64enc" => b64enc, (&Str);
};

type Bytes = Result<Vec<u8>, Error>;

fn b64enc(context: &mut Context<'_>, text: &Str) -> Bytes {
    context.allocate(text.len().saturating_mul(2))?;
    Ok(base64::encode(text))
}

fn b64dec(context: &mut Context<'_>, text: &Str) -> Bytes {
    context.allocate(text.len())?;
    Ok(base64::decode(text).unwrap_or_else(|place| format!("illegal base64 data at input byte {place}").into_bytes()))
}

fn b32enc(context: &mut Context<'_>, text: &Str) -> Bytes {
    context.allocate(text.len().saturating_mul(2))?;
    Ok(base32::encode(text))
}

fn b32dec(context: &mut Context<'_>, text: &Str) -> Bytes {
    context.allocate(text.len())?;
    Ok(base32::decode(text).unwrap_or_else(|place| format!("illegal base32 data at input byte {place}").into_bytes()))
}
