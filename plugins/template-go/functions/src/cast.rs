//! Anything as a number, as spf13/cast has it: release 1.7 in Infisical's operator, 1.10 in External Secrets Operator. They
//! differ in decimals (`3.99` is 0 in the one, 3 in the other) and in declared types.

use go_template_engine::{Kind, Value, strconv};

/// Which release of the library.
pub const V1_7: bool = false;
/// See [`V1_7`].
pub const V1_10: bool = true;

/// Go's `int64(float)` on amd64: what doesn't fit is the smallest number.
pub fn truncate(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[allow(clippy::cast_possible_truncation, reason = "within the bounds, and truncation is meant")]
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// `ToInt64`, and `ToInt`; 0 for what is no number.
pub fn integer<const RELEASE: bool>(value: &Value) -> i64 {
    match value {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => number.cast_signed(),
        Value::Float(number) => truncate(*number),
        Value::Float32(number) => truncate(f64::from(*number)),
        Value::Bool(truth) => i64::from(*truth),
        Value::String(text) => {
            let digits = if RELEASE == V1_10 { whole_part(text) } else { without_zeros(text).to_vec() };
            strconv::parse_int(&digits, 0, 64).unwrap_or(0)
        }
        // Months and weekdays are numbers to both; other declared types to the newer release alone.
        Value::Named(named) if RELEASE == V1_10 || named.value.kind() == Some(Kind::Int) => integer::<RELEASE>(&named.value),
        _ => 0,
    }
}

/// `ToFloat64`; 0 for what is no number.
pub fn float<const RELEASE: bool>(value: &Value) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "as Go converts")]
    match value {
        Value::Int(_, number) => *number as f64,
        Value::Uint(_, number) => *number as f64,
        Value::Float(number) => *number,
        Value::Float32(number) => f64::from(*number),
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::String(text) => strconv::parse_float(text).unwrap_or(0.0),
        Value::Named(named) if RELEASE == V1_10 || named.value.kind() == Some(Kind::Int) => float::<RELEASE>(&named.value),
        _ => 0.0,
    }
}

/// Release 1.7 cuts a decimal part of zeros off.
fn without_zeros(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|byte| **byte == b'0').count();
    match text.get(..text.len() - zeros) {
        Some([whole @ .., b'.']) if zeros > 0 => whole,
        _ => text,
    }
}

/// Release 1.10 cuts any decimal part off, where the rest is digits; no digits are 0.
fn whole_part(text: &[u8]) -> Vec<u8> {
    let Some(dot) = text.iter().position(|byte| *byte == b'.') else { return text.to_vec() };
    let (whole, places) = (text.get(..dot).unwrap_or_default(), text.get(dot + 1..).unwrap_or_default());
    let digits = match whole.split_first() {
        Some((b'-' | b'+', digits)) => digits,
        _ => whole,
    };
    if !digits.iter().chain(places).all(u8::is_ascii_digit) {
        return text.to_vec();
    }
    if digits.is_empty() { [whole, b"0"].concat() } else { whole.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_releases_differ_in_decimals() {
        for (text, old, new) in [
            ("3.99", 0, 3),
            ("3.00", 3, 3),
            ("3.", 0, 3),
            (".5", 0, 0),
            ("-.0", 0, 0),
            ("010", 8, 8),
            ("0x1A", 26, 26),
            ("1_000", 1000, 1000),
            ("1e3", 0, 0),
            ("", 0, 0),
            ("x.0", 0, 0),
            ("100", 100, 100),
        ] {
            assert_eq!(integer::<V1_7>(&Value::string(text)), old, "{text}");
            assert_eq!(integer::<V1_10>(&Value::string(text)), new, "{text}");
        }
    }
}
