//! Reading, with the error texts of Go's scanner.

use go_template_engine::{Map, Str, Value, strconv};

use crate::{
    go::{error::GoError, runes},
    merge::MOST_DEPTH,
};

/// The value, and the first number in it that is too large for a double.
pub fn decode(text: &[u8]) -> Result<(Value, Option<GoError>), GoError> {
    let mut decoder = Decoder { text, at: 0, large: None };
    let value = decoder.value(0)?;
    decoder.space();
    match decoder.peek() {
        None => Ok((value, decoder.large)),
        Some(byte) => Err(invalid(byte, "after top-level value")),
    }
}

struct Decoder<'t> {
    text: &'t [u8],
    at: usize,
    large: Option<GoError>,
}

fn end() -> GoError {
    GoError::new("unexpected end of JSON input")
}

fn invalid(byte: u8, place: &'static str) -> GoError {
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => r#"'"'"#.to_owned(),
        _ => {
            let quoted = strconv::quote(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes(), false);
            let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
            format!("'{}'", String::from_utf8_lossy(inner))
        }
    };
    GoError::new("invalid character ").quote(shown).text(" ").text(place)
}

impl Decoder<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte, which is read over.
    fn next(&mut self) -> Result<u8, GoError> {
        let byte = self.peek().ok_or_else(end)?;
        self.at += 1;
        Ok(byte)
    }

    /// The same within a word, number or escape, where Go's scanner sees a space at the end of the text.
    fn next_within(&mut self) -> u8 {
        self.next().unwrap_or(b' ')
    }

    fn value(&mut self, depth: usize) -> Result<Value, GoError> {
        self.space();
        match self.next()? {
            b'{' | b'[' if depth >= MOST_DEPTH => Err(GoError::new(format!("exceeded max depth of {MOST_DEPTH}"))),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(Value::String),
            b't' => self.literal("true", Value::Bool(true)),
            b'f' => self.literal("false", Value::Bool(false)),
            b'n' => self.literal("null", Value::Nil),
            first @ (b'-' | b'0'..=b'9') => self.number(first),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, GoError> {
        let map = Map::dict();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(map));
        }
        loop {
            self.space();
            match self.next()? {
                b'"' => {}
                byte => return Err(invalid(byte, "looking for beginning of object key string")),
            }
            let key = self.string()?;
            self.space();
            match self.next()? {
                b':' => {}
                byte => return Err(invalid(byte, "after object key")),
            }
            let value = self.value(depth + 1)?;
            // A map of strings that is not nil takes any of them.
            let _ = map.set(key, value);
            self.space();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(Value::Map(map)),
                byte => return Err(invalid(byte, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, GoError> {
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            match self.next()? {
                b',' => {}
                b']' => return Ok(Value::list(items)),
                byte => return Err(invalid(byte, "after array element")),
            }
        }
    }

    fn literal(&mut self, name: &'static str, value: Value) -> Result<Value, GoError> {
        for expected in name.bytes().skip(1) {
            let byte = self.next_within();
            if byte != expected {
                let place = match (name, expected) {
                    ("true", b'r') => "in literal true (expecting 'r')",
                    ("true", b'u') => "in literal true (expecting 'u')",
                    ("true", _) => "in literal true (expecting 'e')",
                    ("false", b'a') => "in literal false (expecting 'a')",
                    ("false", b'l') => "in literal false (expecting 'l')",
                    ("false", b's') => "in literal false (expecting 's')",
                    ("false", _) => "in literal false (expecting 'e')",
                    (_, b'u') => "in literal null (expecting 'u')",
                    _ => "in literal null (expecting 'l')",
                };
                return Err(invalid(byte, place));
            }
        }
        Ok(value)
    }

    fn digits(&mut self, place: &'static str) -> Result<(), GoError> {
        match self.next_within() {
            b'0'..=b'9' => {}
            byte => return Err(invalid(byte, place)),
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<Value, GoError> {
        let start = self.at - 1;
        let leading = if first == b'-' {
            match self.next_within() {
                digit @ b'0'..=b'9' => digit,
                byte => return Err(invalid(byte, "in numeric literal")),
            }
        } else {
            first
        };
        if leading != b'0' {
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1;
            }
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match strconv::parse_float(text) {
            Ok(number) => Ok(Value::Float(number)),
            Err(_) => {
                self.large.get_or_insert_with(|| {
                    GoError::new("json: cannot unmarshal number ").quote(text).text(" into Go value of type float64")
                });
                Ok(Value::Nil)
            }
        }
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, GoError> {
        let mut unit = 0;
        for _ in 0..4 {
            let byte = self.next_within();
            let digit = char::from(byte).to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| invalid(byte, "in \\u hexadecimal character escape"))?;
        }
        Ok(unit)
    }

    /// Behind the opening quote.
    fn string(&mut self) -> Result<Str, GoError> {
        let mut out = Vec::new();
        loop {
            let byte = self.next()?;
            match byte {
                b'"' => break,
                b'\\' => match self.next_within() {
                    byte @ (b'"' | b'\\' | b'/') => out.push(byte),
                    b'b' => out.push(8),
                    b'f' => out.push(12),
                    b'n' => out.push(b'\n'),
                    b'r' => out.push(b'\r'),
                    b't' => out.push(b'\t'),
                    b'u' => self.escaped(&mut out)?,
                    byte => return Err(invalid(byte, "in string escape code")),
                },
                0..0x20 => return Err(invalid(byte, "in string literal")),
                byte => out.push(byte),
            }
        }
        if std::str::from_utf8(&out).is_err() {
            out = runes::map(&out, |rune| rune);
        }
        Ok(out.into())
    }

    /// A code unit, with the one behind it where the two are a pair.
    fn escaped(&mut self, out: &mut Vec<u8>) -> Result<(), GoError> {
        let unit = self.unit()?;
        if (0xd800..0xdc00).contains(&unit) && self.text.get(self.at..).is_some_and(|rest| rest.starts_with(b"\\u")) {
            let back = self.at;
            self.at += 2;
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                runes::push(out, char::from_u32(code).unwrap_or(runes::ERROR));
                return Ok(());
            }
            // Not a pair: what follows is read on its own.
            self.at = back;
        }
        runes::push(out, char::from_u32(unit).unwrap_or(runes::ERROR));
        Ok(())
    }
}
