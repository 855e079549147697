//! Turns bytes into characters as Go's readers do: UTF-8, or UTF-16 behind its mark; control characters are refused.
//!
//! Go reads in pieces of 512 bytes and refuses a bad byte when it reaches the piece, so that a bad byte far behind the first
//! document goes unnoticed. [`Input::check`] keeps that.
use crate::Error;

/// Bytes that Go reads at a time.
const PIECE: usize = 512;

/// The characters before the first bad byte, and what is wrong there.
pub(crate) struct Input {
    pub(crate) chars: Vec<char>,
    /// The character at which the piece with the bad byte begins, and the fault.
    bad: Option<(usize, &'static str)>,
}

impl Input {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match bytes {
            [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
            [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
            [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, 3),
            _ => utf8(bytes, 0),
        }
    }

    /// Fails once a reader stands at `index` that had to read the piece with the bad byte.
    pub(crate) fn check(&self, index: usize) -> Result<(), Error> {
        match self.bad {
            Some((piece, fault)) if index >= piece => Err(Error::new(fault)),
            _ => Ok(()),
        }
    }
}

fn utf8(bytes: &[u8], skipped: usize) -> Input {
    let mut chars = Vec::with_capacity(bytes.len());
    let mut piece = 0;
    let mut rest = bytes;
    let mut offset = skipped;
    while let Some(&first) = rest.first() {
        if offset / PIECE != offset.saturating_sub(1) / PIECE {
            piece = chars.len();
        }
        match character(first, rest) {
            Ok((c, width)) => {
                chars.push(c);
                rest = rest.get(width..).unwrap_or_default();
                if (offset + width) / PIECE > offset / PIECE {
                    piece = chars.len();
                }
                offset += width;
            }
            Err(fault) => return Input { chars, bad: Some((piece, fault)) },
        }
    }
    Input { chars, bad: None }
}

fn character(first: u8, rest: &[u8]) -> Result<(char, usize), &'static str> {
    let (width, start) = match first {
        0..0x80 => (1, u32::from(first)),
        0xc0..0xe0 => (2, u32::from(first & 0x1f)),
        0xe0..0xf0 => (3, u32::from(first & 0x0f)),
        0xf0..0xf8 => (4, u32::from(first & 0x07)),
        _ => return Err("invalid leading UTF-8 octet"),
    };
    let tail = rest.get(1..width).ok_or("incomplete UTF-8 octet sequence")?;
    let mut value = start;
    for octet in tail {
        if octet & 0xc0 != 0x80 {
            return Err("invalid trailing UTF-8 octet");
        }
        value = value << 6 | u32::from(octet & 0x3f);
    }
    let least = match width {
        1 => 0,
        2 => 0x80,
        3 => 0x800,
        _ => 0x10000,
    };
    if value < least {
        return Err("invalid length of a UTF-8 sequence");
    }
    let c = char::from_u32(value).ok_or("invalid Unicode character")?;
    allowed(c).then_some((c, width)).ok_or("control characters are not allowed")
}

fn allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Input {
    let (pairs, odd) = bytes.as_chunks::<2>();
    let mut chars = Vec::with_capacity(pairs.len());
    for decoded in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match decoded {
            Ok(c) if allowed(c) => chars.push(c),
            Ok(_) => return Input { chars, bad: Some((0, "control characters are not allowed")) },
            Err(lone) if lone.unpaired_surrogate() & 0xfc00 == 0xdc00 => {
                return Input { chars, bad: Some((0, "unexpected low surrogate area")) };
            }
            Err(_) => return Input { chars, bad: Some((0, "expected low surrogate area")) },
        }
    }
    let bad = (!odd.is_empty()).then_some((0, "incomplete UTF-16 character"));
    Input { chars, bad }
}
