//! Durations: `1h15m30.918s`.

use std::fmt::Write;

use super::parse::quoted;
use crate::go::error::GoError;

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The largest count of nanoseconds of a negative duration.
const MOST: u64 = 1 << 63;

/// Go's `Duration.String`.
pub fn text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let rest = format!("{:0width$}", value % unit, width = unit.ilog10() as usize);
        let rest = rest.trim_end_matches('0');
        if rest.is_empty() || unit == 1 { (value / unit).to_string() } else { format!("{}.{rest}", value / unit) }
    };
    match size {
        0 => "0s".to_owned(),
        1..MICRO => format!("{sign}{size}ns"),
        MICRO..MILLI => format!("{sign}{}µs", fraction(size, MICRO)),
        MILLI..SECOND => format!("{sign}{}ms", fraction(size, MILLI)),
        _ => {
            let mut out = sign.to_owned();
            // Writing to a string can't fail.
            if size >= HOUR {
                let _ = write!(out, "{}h", size / HOUR);
            }
            if size >= MINUTE {
                let _ = write!(out, "{}m", size / MINUTE % 60);
            }
            out.push_str(&fraction(size % MINUTE, SECOND));
            out.push('s');
            out
        }
    }
}

/// Go's `Duration.Round`: to a multiple of `unit`, half away from zero.
pub fn round(nanos: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanos;
    }
    let rest = nanos % unit;
    let down = nanos - rest;
    let up = i128::from(rest.unsigned_abs()) * 2 >= i128::from(unit);
    match (up, nanos < 0) {
        (false, _) => down,
        (true, true) => down.checked_sub(unit).unwrap_or(i64::MIN),
        (true, false) => down.checked_add(unit).unwrap_or(i64::MAX),
    }
}

/// Digits at the front; `None` for more than fits.
pub(super) fn leading(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    for digit in digits {
        number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0')).filter(|number| *number <= MOST)?;
    }
    Some((number, rest))
}

/// Digits behind a point: number, scale, rest. Those beyond what fits are read over.
fn fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let (mut number, mut scale, mut full) = (0_u64, 1.0_f64, false);
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
    for digit in digits {
        if full || number > (MOST - 1) / 10 {
            full = true;
            continue;
        }
        let next = number * 10 + u64::from(digit - b'0');
        if next > MOST {
            full = true;
            continue;
        }
        number = next;
        scale *= 10.0;
    }
    (number, scale, rest)
}

/// Go's `ParseDuration`, in nanoseconds.
pub fn parse(text: &[u8]) -> Result<i64, GoError> {
    let invalid = || GoError::new("time: invalid duration ").quote(quoted(text));
    let (negative, mut rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if rest == b"0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut sum: u64 = 0;
    while let Some(first) = rest.first() {
        if *first != b'.' && !first.is_ascii_digit() {
            return Err(invalid());
        }
        let (whole, after) = leading(rest).ok_or_else(invalid)?;
        let mut digits = after.len() != rest.len();
        rest = after;
        let mut part = (0, 1.0);
        if let Some(after) = rest.strip_prefix(b".") {
            let (number, scale, tail) = fraction(after);
            digits |= tail.len() != after.len();
            part = (number, scale);
            rest = tail;
        }
        if !digits {
            return Err(invalid());
        }
        let length = rest.iter().take_while(|byte| **byte != b'.' && !byte.is_ascii_digit()).count();
        let (name, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        let unit = match name {
            b"" => return Err(GoError::new("time: missing unit in duration ").quote(quoted(text))),
            b"ns" => 1,
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => MICRO,
            b"ms" => MILLI,
            b"s" => SECOND,
            b"m" => MINUTE,
            b"h" => HOUR,
            _ => {
                return Err(GoError::new("time: unknown unit ").quote(quoted(name)).text(" in duration ").quote(quoted(text)));
            }
        };
        if whole > MOST / unit {
            return Err(invalid());
        }
        let mut value = whole * unit;
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as in Go")]
        if part.0 > 0 {
            value += (part.0 as f64 * (unit as f64 / part.1)) as u64;
        }
        sum = sum.checked_add(value).filter(|sum| *sum <= MOST && value <= MOST).ok_or_else(invalid)?;
    }
    if negative { Ok(0_i64.wrapping_sub_unsigned(sum)) } else { i64::try_from(sum).map_err(|_| invalid()) }
}
