//! Numbers out of text.

/// Why text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not written as one.
    Syntax,
    /// Written as one, and too large for its type.
    Range,
}

/// `strconv.ParseUint`. Base 0 reads `0x`, `0b`, `0o`, `0` and `_` as Go's literals; `bits` is 8 to 64.
///
/// # Errors
/// [`NumberError`].
pub fn parse_uint(text: &[u8], base: u32, bits: u32) -> Result<u64, NumberError> {
    let (first, second) = (text.first().copied(), text.get(1).map(u8::to_ascii_lowercase));
    let (base, digits, prefixed) = match (base, first, second) {
        (_, None, _) => return Err(NumberError::Syntax),
        (0, Some(b'0'), Some(b'b')) if text.len() > 2 => (2, text.get(2..), true),
        (0, Some(b'0'), Some(b'o')) if text.len() > 2 => (8, text.get(2..), true),
        (0, Some(b'0'), Some(b'x')) if text.len() > 2 => (16, text.get(2..), true),
        (0, Some(b'0'), _) => (8, text.get(1..), true),
        (0, ..) => (10, Some(text), true),
        (base, ..) => (base, Some(text), false),
    };
    let mut number: u64 = 0;
    let mut underscores = false;
    for digit in digits.unwrap_or_default() {
        if *digit == b'_' && prefixed {
            underscores = true;
            continue;
        }
        let digit = char::from(*digit).to_digit(base).ok_or(NumberError::Syntax)?;
        let next = number.checked_mul(base.into()).and_then(|number| number.checked_add(digit.into()));
        number = next.filter(|number| bits >= 64 || number >> bits == 0).ok_or(NumberError::Range)?;
    }
    if underscores && !underscores_stand_well(text) {
        return Err(NumberError::Syntax);
    }
    Ok(number)
}

/// `strconv.ParseInt`: the same with a sign.
///
/// # Errors
/// [`NumberError`].
pub fn parse_int(text: &[u8], base: u32, bits: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let number = parse_uint(digits, base, 64)?;
    let limit = 1_u64 << bits.saturating_sub(1).min(63);
    match negative {
        true if number == limit => Ok(i64::MIN >> (64 - bits.clamp(1, 64))),
        true if number < limit => i64::try_from(number).map(|number| -number).map_err(|_| NumberError::Range),
        false if number < limit => i64::try_from(number).map_err(|_| NumberError::Range),
        _ => Err(NumberError::Range),
    }
}

/// `strconv.ParseFloat` for 64 bits: decimal, hexadecimal with `p`, `inf`, `infinity`, `nan`, and `_` between digits of a
/// number with a prefix.
///
/// # Errors
/// [`NumberError`].
pub fn parse_float(text: &[u8]) -> Result<f64, NumberError> {
    let text = std::str::from_utf8(text).map_err(|_| NumberError::Syntax)?;
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let sign = if negative { -1.0 } else { 1.0 };
    if ["inf", "infinity"].iter().any(|word| body.eq_ignore_ascii_case(word)) {
        return Ok(sign * f64::INFINITY);
    }
    // Go knows no sign of it.
    if text.eq_ignore_ascii_case("nan") {
        return Ok(f64::NAN);
    }
    if body.contains('_') && !underscores_stand_well(body.as_bytes()) {
        return Err(NumberError::Syntax);
    }
    let body = body.replace('_', "");
    let number = match body.get(..2).filter(|prefix| prefix.eq_ignore_ascii_case("0x")) {
        Some(_) => hexadecimal(body.get(2..).unwrap_or_default())?,
        None if body.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            body.parse::<f64>().map_err(|_| NumberError::Syntax)?
        }
        None => return Err(NumberError::Syntax),
    };
    if number.is_infinite() { Err(NumberError::Range) } else { Ok(sign * number) }
}

/// `1.8p+3`, rounded half to even.
fn hexadecimal(text: &str) -> Result<f64, NumberError> {
    let place = text.find(['p', 'P']).ok_or(NumberError::Syntax)?;
    let (digits, exponent) = text.split_at(place);
    let exponent = exponent.get(1..).unwrap_or_default();
    if !exponent.trim_start_matches(['+', '-']).bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    let (mut mantissa, mut shift, mut lost, mut point, mut any) = (0_u64, 0_i64, false, false, false);
    for digit in digits.chars() {
        if digit == '.' && !point {
            point = true;
            continue;
        }
        let digit = u64::from(digit.to_digit(16).ok_or(NumberError::Syntax)?);
        any = true;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            shift -= if point { 4 } else { 0 };
        } else {
            lost |= digit != 0;
            shift += if point { 0 } else { 4 };
        }
    }
    let negative = exponent.starts_with('-');
    let exponent = exponent.trim_start_matches(['+', '-']);
    if !any || exponent.is_empty() {
        return Err(NumberError::Syntax);
    }
    let exponent = exponent.parse::<i64>().unwrap_or(100_000).min(100_000);
    let power = shift + if negative { -exponent } else { exponent };
    Ok(scale(mantissa, power, lost))
}

/// mantissa × 2^power, rounded once.
fn scale(mantissa: u64, power: i64, lost: bool) -> f64 {
    if mantissa == 0 {
        return 0.0;
    }
    let zeros = i64::from(mantissa.leading_zeros());
    let mantissa = mantissa << zeros;
    // The number is mantissa × 2^power with the mantissa's top bit set: its exponent is power + 63.
    let power = power - zeros;
    let exponent = power + 63;
    if exponent > 1_023 {
        return f64::INFINITY;
    }
    let keep = if exponent >= -1_022 { 53 } else { 53 + exponent + 1_022 };
    if keep < 0 {
        return 0.0;
    }
    let drop = u32::try_from(64 - keep).unwrap_or(64);
    let (kept, rest, half) = if drop == 64 {
        (0, u128::from(mantissa), 1_u128 << 63)
    } else {
        (mantissa >> drop, u128::from(mantissa & ((1 << drop) - 1)), 1_u128 << (drop - 1))
    };
    let up = rest > half || rest == half && (lost || kept & 1 == 1);
    let kept = kept + u64::from(up);
    // Exact: at most 54 bits, scaled in two steps, neither of which leaves the range before the last.
    let scale = power + i64::from(drop);
    let step = |number: f64, power: i64| number * f64::from_bits(u64::try_from(power + 1_023).unwrap_or(0) << 52);
    let number = kept as f64;
    if scale < -1_000 { step(step(number, -1_000), scale + 1_000) } else { step(number, scale) }
}

/// Whether every `_` stands between digits, or between prefix and digit.
fn underscores_stand_well(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let prefix = text.first() == Some(&b'0') && text.get(1).is_some_and(|letter| matches!(letter.to_ascii_lowercase(), b'b' | b'o' | b'x'));
    let hex = prefix && text.get(1).is_some_and(|letter| letter.eq_ignore_ascii_case(&b'x'));
    let mut saw = if prefix { b'0' } else { b'^' };
    for byte in text.get(if prefix { 2 } else { 0 }..).unwrap_or_default() {
        if byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit() {
            saw = b'0';
        } else if *byte == b'_' {
            if saw != b'0' {
                return false;
            }
            saw = b'_';
        } else {
            if saw == b'_' {
                return false;
            }
            saw = b'!';
        }
    }
    saw != b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_go_reads_them() {
        for (text, wanted) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("0x1F", Ok(31)),
            ("0b101", Ok(5)),
            ("0o17", Ok(15)),
            ("017", Ok(15)),
            ("08", Err(NumberError::Syntax)),
            ("1_000", Ok(1000)),
            ("0x_ff", Ok(255)),
            ("1__0", Err(NumberError::Syntax)),
            ("1_", Err(NumberError::Syntax)),
            ("", Err(NumberError::Syntax)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(NumberError::Range)),
        ] {
            assert_eq!(parse_int(text.as_bytes(), 0, 64), wanted, "{text}");
        }
        assert_eq!(parse_int(b"-128", 10, 8), Ok(-128));
        assert_eq!(parse_int(b"128", 10, 8), Err(NumberError::Range));
        assert_eq!(parse_int(b"1_0", 10, 64), Err(NumberError::Syntax));
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, wanted) in [
            ("1.5", Ok(1.5)),
            (".5", Ok(0.5)),
            ("5.", Ok(5.0)),
            ("1e3", Ok(1000.0)),
            ("0x1p-2", Ok(0.25)),
            ("0x1.8p1", Ok(3.0)),
            ("0x1", Err(NumberError::Syntax)),
            ("0x.p1", Err(NumberError::Syntax)),
            ("0x1p-1074", Ok(5e-324)),
            ("0x1p-1075", Ok(0.0)),
            ("0x1.8p-1075", Ok(5e-324)),
            ("0x1.fffffffffffffp1023", Ok(f64::MAX)),
            ("0x1p1024", Err(NumberError::Range)),
            ("-Inf", Ok(f64::NEG_INFINITY)),
            ("1e999", Err(NumberError::Range)),
            ("1_000.5", Ok(1000.5)),
            ("1_.5", Err(NumberError::Syntax)),
            ("e5", Err(NumberError::Syntax)),
            (".", Err(NumberError::Syntax)),
            ("", Err(NumberError::Syntax)),
            ("+-1", Err(NumberError::Syntax)),
        ] {
            assert_eq!(parse_float(text.as_bytes()), wanted, "{text}");
        }
    }
}
