//! Padding, numbers and strings: what a verb does to one simple value.
use crate::{
    error::Error,
    strconv::{can_backquote, format_float, is_print, push_rune, quote, quote_rune},
};

/// Flags, width and precision of one verb.
#[derive(Clone, Copy, Default)]
pub struct Flags {
    pub plus: bool,
    pub minus: bool,
    pub sharp: bool,
    pub space: bool,
    pub zero: bool,
    /// `%+v`
    pub plus_v: bool,
    /// `%#v`
    pub sharp_v: bool,
    pub width: Option<usize>,
    pub precision: Option<usize>,
}

/// Why printing stopped.
#[derive(Clone, Copy)]
enum Stop {
    Large,
    Deep,
}

/// Writes.
pub struct Printer {
    out: Vec<u8>,
    limit: usize,
    stop: Option<Stop>,
    pub flags: Flags,
    /// Writing a bad verb: no methods are asked.
    pub erroring: bool,
}

pub const LOWER: &[u8; 16] = b"0123456789abcdef";
pub const UPPER: &[u8; 16] = b"0123456789ABCDEF";

impl Printer {
    /// Writes behind `out`, up to `limit` bytes in all.
    pub fn new(out: Vec<u8>, limit: usize) -> Self {
        Self { out, limit, stop: None, flags: Flags::default(), erroring: false }
    }

    /// All that was written.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        match self.stop {
            None => Ok(self.out),
            Some(Stop::Large) => Err(Error::limit(format!("text gets larger than the {} bytes that are left", self.limit))),
            Some(Stop::Deep) => Err(Error::limit("a value is nested too deep to print, or holds itself")),
        }
    }

    /// Nothing more will be written.
    pub const fn stopped(&self) -> bool {
        self.stop.is_some()
    }

    /// Gives up on a value that is nested too deep.
    pub const fn too_deep(&mut self) {
        self.stop = Some(Stop::Deep);
    }

    fn room(&mut self, bytes: usize) -> bool {
        if self.stop.is_none() && self.out.len().saturating_add(bytes) > self.limit {
            self.stop = Some(Stop::Large);
        }
        self.stop.is_none()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        if self.room(bytes.len()) {
            self.out.extend_from_slice(bytes);
        }
    }

    pub fn text(&mut self, text: &str) {
        self.write(text.as_bytes());
    }

    pub fn rune(&mut self, character: char) {
        self.write(character.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn fill(&mut self, count: usize, byte: u8) {
        if self.room(count) {
            self.out.resize(self.out.len() + count, byte);
        }
    }

    /// Zeros stand on the left alone.
    fn padding(&mut self, count: usize) {
        self.fill(count, if self.flags.zero && !self.flags.minus { b'0' } else { b' ' });
    }

    /// In the width, counted in characters.
    pub fn pad(&mut self, bytes: &[u8]) {
        let Some(width) = self.flags.width.filter(|width| *width > 0) else { return self.write(bytes) };
        let missing = width.saturating_sub(runes(bytes));
        if self.flags.minus {
            self.write(bytes);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.write(bytes);
        }
    }

    fn pad_without_zeros(&mut self, bytes: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(bytes);
        self.flags.zero = zero;
    }

    /// Cut to the precision, in characters.
    fn truncated<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let Some(precision) = self.flags.precision else { return bytes };
        let mut rest = bytes;
        for _ in 0..precision {
            let (_, length) = crate::strconv::decode_rune(rest);
            rest = rest.get(length..).unwrap_or_default();
        }
        bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes)
    }

    /// `%s`
    pub fn string(&mut self, bytes: &[u8]) {
        self.pad(self.truncated(bytes));
    }

    /// `%q` of a string.
    pub fn quoted(&mut self, bytes: &[u8]) {
        let bytes = self.truncated(bytes);
        if self.flags.sharp && can_backquote(bytes) {
            let quoted: Vec<u8> = [b"`", bytes, b"`"].concat();
            return self.pad(&quoted);
        }
        self.pad(&quote(bytes, self.flags.plus));
    }

    /// `%x` of a string.
    pub fn hex_bytes(&mut self, bytes: &[u8], upper: bool) {
        let (digits, x) = if upper { (UPPER, b'X') } else { (LOWER, b'x') };
        let length = self.flags.precision.map_or(bytes.len(), |precision| precision.min(bytes.len()));
        let mut text = Vec::with_capacity(length.saturating_mul(2).min(self.limit));
        for (place, byte) in bytes.iter().take(length).enumerate() {
            if self.flags.space && place > 0 {
                text.push(b' ');
            }
            if self.flags.sharp && (self.flags.space || place == 0) {
                text.extend([b'0', x]);
            }
            text.extend([byte >> 4, byte & 15].iter().filter_map(|digit| digits.get(usize::from(*digit))));
        }
        self.pad(&text);
    }

    /// `%t`
    pub fn truth(&mut self, truth: bool) {
        self.pad(if truth { b"true" } else { b"false" });
    }

    /// `%c`
    pub fn character(&mut self, code: u64) {
        self.pad(rune(code).encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// `%q` of a number.
    pub fn quoted_character(&mut self, code: u64) {
        self.pad(&quote_rune(rune(code), self.flags.plus));
    }

    /// `%U`
    pub fn unicode(&mut self, code: u64) {
        let precision = self.flags.precision.filter(|precision| *precision > 4).unwrap_or(4);
        if !self.room(precision) {
            return;
        }
        let mut text = format!("U+{code:0precision$X}").into_bytes();
        let character = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(character) = character.filter(|character| self.flags.sharp && is_print(*character)) {
            text.extend_from_slice(b" '");
            push_rune(&mut text, character);
            text.push(b'\'');
        }
        self.pad_without_zeros(&text);
    }

    /// Any integer: magnitude and sign.
    pub fn integer(&mut self, magnitude: u64, negative: bool, base: u64, verb: char, upper: bool) {
        let flags = self.flags;
        let signed = negative || flags.plus || flags.space;
        let digits_wanted = match flags.precision {
            Some(0) if magnitude == 0 => {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                self.padding(flags.width.unwrap_or(0));
                self.flags.zero = zero;
                return;
            }
            Some(precision) => precision,
            None if flags.zero && !flags.minus => flags.width.map_or(0, |width| width.saturating_sub(usize::from(signed))),
            None => 0,
        };
        if !self.room(digits_wanted) {
            return;
        }
        // From the right.
        let digits = if upper { UPPER } else { LOWER };
        let mut text = Vec::with_capacity(24 + digits_wanted);
        let mut rest = magnitude;
        loop {
            text.extend(usize::try_from(rest % base).ok().and_then(|digit| digits.get(digit)));
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        if text.len() < digits_wanted {
            text.resize(digits_wanted, b'0');
        }
        if flags.sharp {
            match base {
                2 => text.extend(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend(if upper { b"X0" } else { b"x0" }),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend(b"o0");
        }
        if negative {
            text.push(b'-');
        } else if flags.plus {
            text.push(b'+');
        } else if flags.space {
            text.push(b' ');
        }
        text.reverse();
        self.pad_without_zeros(&text);
    }

    /// Any float.
    pub fn float(&mut self, number: f64, bits: u8, verb: u8, default: Option<usize>) {
        let flags = self.flags;
        let precision = flags.precision.or(default);
        if !self.room(precision.unwrap_or(0)) {
            return;
        }
        let mut text = format_float(number, verb, precision, bits).into_bytes();
        if !matches!(text.first(), Some(b'-' | b'+')) {
            text.insert(0, b'+');
        }
        let sign = text.first_mut();
        if let Some(sign) = sign.filter(|sign| flags.space && **sign == b'+' && !flags.plus) {
            *sign = b' ';
        }
        if !number.is_finite() {
            // An infinity shows its sign always.
            let bare = number.is_nan() && !flags.space && !flags.plus;
            return self.pad_without_zeros(if bare { text.get(1..).unwrap_or_default() } else { &text });
        }
        if flags.sharp && verb != b'b' {
            restore_zeros(&mut text, verb, precision);
        }
        let (sign, unsigned) = text.split_first().map_or((b'+', text.as_slice()), |(sign, rest)| (*sign, rest));
        if !flags.plus && sign == b'+' {
            return self.pad(unsigned);
        }
        match flags.width.filter(|width| flags.zero && !flags.minus && *width > text.len()) {
            Some(width) => {
                self.write(&[sign]);
                self.fill(width - text.len(), b'0');
                self.write(unsigned);
            }
            None => self.pad(&text),
        }
    }
}

/// The sharp flag wants a point, and the zeros that `%g` takes off.
fn restore_zeros(text: &mut Vec<u8>, verb: u8, precision: Option<usize>) {
    let mut digits = match verb {
        b'g' | b'G' | b'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let hex = matches!(verb, b'x' | b'X');
    let exponent = |byte: &u8| matches!(byte, b'p' | b'P') || !hex && matches!(byte, b'e' | b'E');
    let place = text.iter().position(exponent).unwrap_or(text.len());
    let tail = text.split_off(place);
    let mut point = false;
    let mut nonzero = false;
    for byte in text.iter().skip(1) {
        if *byte == b'.' {
            point = true;
            continue;
        }
        nonzero |= *byte != b'0';
        if nonzero {
            digits = digits.saturating_sub(1);
        }
    }
    if !point {
        if text.len() == 2 && text.last() == Some(&b'0') {
            digits = digits.saturating_sub(1);
        }
        text.push(b'.');
    }
    text.resize(text.len() + digits, b'0');
    text.extend(tail);
}

/// Characters, each byte that is no UTF-8 as one.
fn runes(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        return bytes.len();
    }
    let mut rest = bytes;
    let mut count = 0;
    while !rest.is_empty() {
        let (_, length) = crate::strconv::decode_rune(rest);
        rest = rest.get(length..).unwrap_or_default();
        count += 1;
    }
    count
}

fn rune(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('\u{fffd}')
}
