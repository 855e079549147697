//! Runes as Go sees them: one byte that is no UTF-8 is U+FFFD of width one; case mappings are one rune to one rune;
//! classes are Unicode's general categories. All as of Unicode 15.0, which Go 1.26 has: what later versions added is unassigned.

use std::sync::OnceLock;

use regex_syntax::hir::ClassUnicode;

use super::unicode::{self, contains};

/// What Go puts in the place of bytes that are no UTF-8.
pub const ERROR: char = char::REPLACEMENT_CHARACTER;

/// The first rune and its width in bytes; `None` at the end of the text.
pub fn decode(text: &[u8]) -> Option<(char, usize)> {
    let first = *text.first()?;
    let width = match first {
        0..=0x7f => return Some((char::from(first), 1)),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((ERROR, 1)),
    };
    let rune = text.get(..width).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next());
    Some(rune.map_or((ERROR, 1), |rune| (rune, width)))
}

/// The last rune and its width in bytes; `None` for an empty text.
pub fn decode_last(text: &[u8]) -> Option<(char, usize)> {
    let end = text.len();
    for width in 1..=end.min(4) {
        let Some(bytes) = text.get(end - width..) else { break };
        if let Some((rune, found)) = decode(bytes)
            && found == width
            && (width > 1 || rune.is_ascii())
        {
            return Some((rune, width));
        }
    }
    (end > 0).then_some((ERROR, 1))
}

/// Every rune with its width.
pub fn runes(text: &[u8]) -> impl Iterator<Item = (char, usize)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (rune, width) = decode(rest)?;
        rest = rest.get(width..).unwrap_or_default();
        Some((rune, width))
    })
}

/// Appends a rune.
pub fn push(out: &mut Vec<u8>, rune: char) {
    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
}

/// Every rune put through `map`; bytes that are no UTF-8 become U+FFFD.
pub fn map(text: &[u8], mut map: impl FnMut(char) -> char) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (rune, _) in runes(text) {
        push(&mut out, map(rune));
    }
    out
}

/// A mapping that Go's version of Unicode has.
fn known(rune: char, mapped: char) -> char {
    if mapped == rune || is_assigned(rune) && is_assigned(mapped) { mapped } else { rune }
}

/// Go's `unicode.ToUpper`: one rune for one rune, so `ß` stays.
pub fn to_upper(rune: char) -> char {
    if rune.is_ascii() { rune.to_ascii_uppercase() } else { known(rune, single_upper(rune)) }
}

fn single_upper(rune: char) -> char {
    let mut mapped = rune.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(upper), None) => upper,
        // The Greek letters with iota below have a single capital beside their two-letter spelling.
        _ => match u32::from(rune) {
            code @ (0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7) => char::from_u32(code + 8).unwrap_or(rune),
            code @ (0x1fb3 | 0x1fc3 | 0x1ff3) => char::from_u32(code + 9).unwrap_or(rune),
            _ => rune,
        },
    }
}

/// Go's `unicode.ToLower`.
pub fn to_lower(rune: char) -> char {
    if rune.is_ascii() {
        return rune.to_ascii_lowercase();
    }
    known(rune, rune.to_lowercase().next().unwrap_or(rune))
}

/// Go's `unicode.ToTitle`.
pub fn to_title(rune: char) -> char {
    match u32::from(rune) {
        // The digraphs that have a form with only their first letter capital.
        0x1c4..=0x1c6 => '\u{1c5}',
        0x1c7..=0x1c9 => '\u{1c8}',
        0x1ca..=0x1cc => '\u{1cb}',
        0x1f1..=0x1f3 => '\u{1f2}',
        // Georgian has capitals, but no title case.
        0x10d0..=0x10fa | 0x10fd..=0x10ff => rune,
        _ => to_upper(rune),
    }
}

/// Go's `unicode.IsSpace`.
pub fn is_space(rune: char) -> bool {
    rune.is_whitespace()
}

/// Whether Unicode 15.0 has the rune.
fn is_assigned(rune: char) -> bool {
    contains(unicode::assigned(), rune)
}

macro_rules! category {
    ($(#[$doc:meta])* $name:ident, $class:literal, $ascii:expr) => {
        $(#[$doc])*
        pub fn $name(rune: char) -> bool {
            static TABLE: OnceLock<ClassUnicode> = OnceLock::new();
            if rune.is_ascii() {
                let ascii: fn(char) -> bool = $ascii;
                return ascii(rune);
            }
            contains(TABLE.get_or_init(|| unicode::category($class)), rune)
        }
    };
}

category!(
    /// Category Lu.
    is_upper, "Lu", |rune| rune.is_ascii_uppercase()
);
category!(
    /// Category Ll.
    is_lower, "Ll", |rune| rune.is_ascii_lowercase()
);
category!(
    /// Category Lt.
    is_title, "Lt", |_| false
);
category!(
    /// Category L.
    is_letter, "L", |rune| rune.is_ascii_alphabetic()
);
category!(
    /// Category N.
    is_number, "N", |rune| rune.is_ascii_digit()
);
category!(
    /// Category Nd.
    is_digit, "Nd", |rune| rune.is_ascii_digit()
);
category!(
    /// Category P.
    is_punct, "P", |rune| rune.is_ascii_punctuation() && !matches!(rune, '$' | '+' | '<' | '=' | '>' | '^' | '`' | '|' | '~')
);
