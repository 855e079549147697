//! What a scalar means: by its tag, else by its look.
use crate::{Dialect, Error, Timestamp};

pub(crate) const LONG_PREFIX: &str = "tag:yaml.org,2002:";

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Time(Timestamp),
    /// The text as it stands.
    Text,
}

/// The short form of a tag, `!!str`.
pub(crate) fn short(tag: &[u8]) -> String {
    let tag = String::from_utf8_lossy(tag);
    match tag.strip_prefix(LONG_PREFIX) {
        Some(name) => format!("!!{name}"),
        None => tag.into_owned(),
    }
}

/// The tag and value of `text`, whose written tag is `tag` (short, or empty).
pub(crate) fn resolve(tag: &str, text: &str, dialect: Dialect) -> Result<(String, Resolved), Error> {
    if !matches!(tag, "" | "!!str" | "!!bool" | "!!int" | "!!float" | "!!null" | "!!timestamp") {
        return Ok((tag.to_owned(), Resolved::Text));
    }
    if tag == "!!str" {
        return Ok(("!!str".to_owned(), Resolved::Text));
    }
    let (found, value) = implied(tag, text, dialect);
    match (tag, value) {
        ("!!float", Resolved::Int(n)) => {
            #[expect(clippy::cast_precision_loss, reason = "Go rounds it too")]
            let f = n as f64;
            Ok((tag.to_owned(), Resolved::Float(f)))
        }
        (tag, value) if tag.is_empty() || tag == found => Ok((found.to_owned(), value)),
        _ => Err(Error::quoting(format!("cannot decode {found} `{text}` as a {tag}"), format!("cannot decode {found} as a {tag}"))),
    }
}

fn implied(tag: &str, text: &str, dialect: Dialect) -> (&'static str, Resolved) {
    let old = dialect == Dialect::V2;
    match text {
        "true" | "True" | "TRUE" => return ("!!bool", Resolved::Bool(true)),
        "false" | "False" | "FALSE" => return ("!!bool", Resolved::Bool(false)),
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" if old => return ("!!bool", Resolved::Bool(true)),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" if old => return ("!!bool", Resolved::Bool(false)),
        "" | "~" | "null" | "Null" | "NULL" => return ("!!null", Resolved::Null),
        ".nan" | ".NaN" | ".NAN" => return ("!!float", Resolved::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return ("!!float", Resolved::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return ("!!float", Resolved::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => {
            if let Some(f) = separated(text).as_deref().and_then(decimal) {
                return ("!!float", Resolved::Float(f));
            }
        }
        Some(b'0'..=b'9' | b'+' | b'-') => {
            if matches!(tag, "" | "!!timestamp")
                && let Some(time) = Timestamp::parse(text)
            {
                return ("!!timestamp", Resolved::Time(time));
            }
            if let Some(number) = number(&text.replace('_', ""), dialect) {
                return number;
            }
        }
        _ => {}
    }
    ("!!str", Resolved::Text)
}

fn number(text: &str, dialect: Dialect) -> Option<(&'static str, Resolved)> {
    let integer = |value| Some(("!!int", value));
    if let Some(n) = int(text, 0) {
        return integer(Resolved::Int(n));
    }
    if let Some(n) = uint(text, 0) {
        return integer(Resolved::Uint(n));
    }
    if let Some(f) = decimal(text) {
        return Some(("!!float", Resolved::Float(f)));
    }
    // Go reads what is behind the prefix once more, and there a sign may stand.
    let rest = |prefix: &str, base| {
        let unsigned = text.strip_prefix(prefix)?;
        int(unsigned, base).map(Resolved::Int).or_else(|| uint(unsigned, base).map(Resolved::Uint))
    };
    if let Some(value) = rest("0b", 2) {
        return integer(value);
    }
    if dialect == Dialect::V3
        && let Some(value) = rest("0o", 8)
    {
        return integer(value);
    }
    None
}

/// `strconv.ParseInt(text, base, 64)`; base 0 goes by the prefix. No underscores.
fn int(text: &str, base: u32) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = i128::from(uint(digits, base)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseUint(text, base, 64)`.
fn uint(text: &str, base: u32) -> Option<u64> {
    let (base, digits) = match (base, text.as_bytes()) {
        (0, [b'0', b'x' | b'X', ..]) => (16, text.get(2..)?),
        (0, [b'0', b'b' | b'B', ..]) => (2, text.get(2..)?),
        (0, [b'0', b'o' | b'O', ..]) => (8, text.get(2..)?),
        (0, [b'0', _, ..]) => (8, text.get(1..)?),
        (0, _) => (10, text),
        (base, _) => (base, text),
    };
    // Rust would take a sign.
    if !digits.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// `text` without its underscores, where each stands between two digits.
fn separated(text: &str) -> Option<String> {
    let parts: Vec<_> = text.split('_').collect();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let between = parts.iter().zip(parts.iter().skip(1)).all(|(a, b)| digit(a.chars().next_back()) && digit(b.chars().next()));
    between.then(|| parts.concat())
}

/// A decimal float within the range of `f64`.
fn decimal(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = !whole.is_empty() || !fraction.is_empty();
    if !some || !digits(whole) || !digits(fraction) || exponent.is_some_and(|e| e.is_empty() || !digits(e)) {
        return None;
    }
    text.parse::<f64>().ok().filter(|f| f.is_finite())
}
