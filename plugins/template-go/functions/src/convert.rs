//! Conversions between kinds. What can't be converted is 0.
use go_template_engine::{Context, Error, Function, Int, List, Str, Type, Value, fmt, functions, strconv};

use crate::{
    cast::{V1_7, V1_10, float, integer},
    values,
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "atoi" => atoi, (&Str);
    "toDecimal" => to_decimal, (&Value);
    "toString" => to_string, (&Value);
    "toStrings" => to_strings, (&Value);
};

/// Those that make numbers of anything, by the library's release.
macro_rules! released {
    ($name:ident, $release:ident, $doc:literal) => {
        #[doc = $doc]
        pub static $name: &[Function] = functions! {
            "float64" => to_float::<$release>, (&Value);
            "int" => to_int::<$release>, (&Value);
            "int64" => to_int64::<$release>, (&Value);
        };
    };
}

released!(FUNCTIONS_1_7, V1_7, "As Infisical's operator converts.");
released!(FUNCTIONS_1_10, V1_10, "As External Secrets Operator converts.");

fn to_float<const R: bool>(_: &mut Context<'_>, value: &Value) -> Result<f64, Error> {
    Ok(float::<R>(value))
}

fn to_int<const R: bool>(_: &mut Context<'_>, value: &Value) -> Result<Int, Error> {
    Ok(Int(integer::<R>(value)))
}

fn to_int64<const R: bool>(_: &mut Context<'_>, value: &Value) -> Result<i64, Error> {
    Ok(integer::<R>(value))
}

/// A number that is too large becomes the largest, as Go's function gives it beside its error.
pub fn clamped(text: &[u8]) -> i64 {
    match strconv::parse_int(text, 10, 64) {
        Ok(number) => number,
        Err(strconv::NumberError::Range) if text.starts_with(b"-") => i64::MIN,
        Err(strconv::NumberError::Range) => i64::MAX,
        Err(strconv::NumberError::Syntax) => 0,
    }
}

fn atoi(_: &mut Context<'_>, text: &Str) -> Result<Int, Error> {
    Ok(Int(clamped(text)))
}

/// Reads octal.
fn to_decimal(context: &mut Context<'_>, value: &Value) -> Result<i64, Error> {
    Ok(strconv::parse_int(&fmt::display(context, value)?, 8, 64).unwrap_or(0))
}

fn to_string(context: &mut Context<'_>, value: &Value) -> Result<Str, Error> {
    values::text(context, value)
}

fn to_strings(context: &mut Context<'_>, value: &Value) -> Result<Value, Error> {
    if let Value::List(list) = value
        && *list.elem() == Type::STRING
    {
        return Ok(Value::List(list.clone()));
    }
    let texts = values::texts(context, value)?;
    Ok(Value::List(List::new(&Type::STRING, texts.into_iter().map(Value::String).collect())))
}
