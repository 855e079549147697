//! JSON as Go's `encoding/json` writes and reads it.
use go_template_engine::{Context, Error, Function, Str, Value, functions};

use crate::go::error::GoError;

mod decode;
mod encode;

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "fromJson" => from_json, (&Str);
    "mustFromJson" => must_from_json, (&Str);
    "mustToJson" => must_to_json, (&Value);
    "mustToPrettyJson" => must_to_pretty_json, (&Value);
    "mustToRawJson" => to_raw_json, (&Value);
    "toJson" => to_json, (&Value);
    "toPrettyJson" => to_pretty_json, (&Value);
    "toRawJson" => to_raw_json, (&Value);
};

type Bytes = Result<Vec<u8>, Error>;

/// How to write.
#[derive(Clone, Copy)]
pub struct Style {
    /// Escapes `<`, `>` and `&`.
    html: bool,
    /// A line for each entry, indented by two spaces a level.
    pretty: bool,
}

const PLAIN: Style = Style { html: true, pretty: false };
const PRETTY: Style = Style { html: true, pretty: true };
const RAW: Style = Style { html: false, pretty: false };

fn encode(context: &mut Context<'_>, value: &Value, style: Style) -> Result<Result<Vec<u8>, GoError>, Error> {
    let left = context.limits.allocated;
    match encode::encode(value, style, left) {
        Ok(text) => {
            context.allocate(text.len())?;
            Ok(Ok(text))
        }
        Err(encode::Failure::Go(error)) => Ok(Err(error)),
        Err(encode::Failure::TooLarge) => {
            context.allocate(usize::MAX)?;
            Ok(Ok(Vec::new()))
        }
    }
}

fn to_json(context: &mut Context<'_>, value: &Value) -> Bytes {
    Ok(encode(context, value, PLAIN)?.unwrap_or_default())
}

/// `mustToJson`, which YAML by way of JSON builds on.
pub fn must_to_json(context: &mut Context<'_>, value: &Value) -> Bytes {
    encode(context, value, PLAIN)?.map_err(GoError::error)
}

fn to_pretty_json(context: &mut Context<'_>, value: &Value) -> Bytes {
    Ok(encode(context, value, PRETTY)?.unwrap_or_default())
}

fn must_to_pretty_json(context: &mut Context<'_>, value: &Value) -> Bytes {
    encode(context, value, PRETTY)?.map_err(GoError::error)
}

fn to_raw_json(context: &mut Context<'_>, value: &Value) -> Bytes {
    encode(context, value, RAW)?.map_err(GoError::error)
}

/// Where the text is no JSON, nil; where a number is too large, nil in its place.
fn from_json(context: &mut Context<'_>, text: &Str) -> Result<Value, Error> {
    context.allocate(text.len().saturating_mul(8))?;
    Ok(decode::decode(text).map_or(Value::Nil, |(value, _)| value))
}

fn must_from_json(context: &mut Context<'_>, text: &Str) -> Result<Value, Error> {
    context.allocate(text.len().saturating_mul(8))?;
    match decode::decode(text) {
        Ok((value, None)) => Ok(value),
        Ok((_, Some(error))) | Err(error) => Err(error.error()),
    }
}

#[cfg(test)]
mod tests;
