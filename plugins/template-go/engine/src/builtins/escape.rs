//! `html`, `js`, `urlquery`.
use crate::{
    context::Context,
    error::Error,
    fmt,
    strconv::{decode_rune, is_print},
    text::Str,
    value::Value,
};

/// What is escaped: the arguments as `print` shows them, but nil as `<no value>` and no pointer as one.
fn shown(context: &mut Context<'_>, args: &[Value]) -> Result<Str, Error> {
    if let [Value::String(text)] = args {
        return Ok(text.clone());
    }
    let args: Vec<Value> = args.iter().map(printable).collect();
    Ok(fmt::sprint(context, &args)?.into())
}

/// What is handed to the printer for a value.
pub fn printable(value: &Value) -> Value {
    match value {
        Value::Missing | Value::Nil => Value::string("<no value>"),
        Value::Pointer(structure) if structure.named().text.is_none() && structure.named().pointer_text.is_none() => {
            Value::Struct(structure.clone())
        }
        other => other.clone(),
    }
}

/// Puts what `replace` gives in place of each byte that it gives something for.
fn replaced(context: &mut Context<'_>, args: &[Value], replace: impl Fn(u8) -> Option<&'static str>) -> Result<Str, Error> {
    let text = shown(context, args)?;
    if !text.iter().any(|byte| replace(*byte).is_some()) {
        return Ok(text);
    }
    context.allocate(text.len())?;
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for byte in text.iter() {
        match replace(*byte) {
            Some(replacement) => out.extend_from_slice(replacement.as_bytes()),
            None => out.push(*byte),
        }
    }
    Ok(out.into())
}

pub fn html(context: &mut Context<'_>, args: &[Value]) -> Result<Str, Error> {
    replaced(context, args, |byte| match byte {
        0 => Some("\u{fffd}"),
        b'"' => Some("&#34;"),
        b'\'' => Some("&#39;"),
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        _ => None,
    })
}

pub fn js(context: &mut Context<'_>, args: &[Value]) -> Result<Str, Error> {
    let text = shown(context, args)?;
    context.allocate(text.len())?;
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    let mut rest: &[u8] = &text;
    while let Some(byte) = rest.first() {
        let mut length = 1;
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'<' | b'>' | b'&' | b'=' | 0..b' ' => out.extend_from_slice(format!("\\u{byte:04X}").as_bytes()),
            byte if byte.is_ascii() => out.push(*byte),
            _ => {
                let (character, bytes) = decode_rune(rest);
                length = bytes;
                if is_print(character) {
                    out.extend_from_slice(rest.get(..bytes).unwrap_or_default());
                } else {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(character)).as_bytes());
                }
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(out.into())
}

pub fn urlquery(context: &mut Context<'_>, args: &[Value]) -> Result<Str, Error> {
    let text = shown(context, args)?;
    context.allocate(text.len())?;
    let mut out = Vec::with_capacity(text.len() + text.len() / 4);
    for byte in text.iter() {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            byte if byte.is_ascii_alphanumeric() => out.push(*byte),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Ok(out.into())
}
