//! Writing.

use go_template_engine::{Kind, Structure, Value, strconv};

use super::Style;
use crate::{
    dates,
    go::{base64, error::GoError, runes},
    merge::MOST_DEPTH,
    semver,
};

/// Why a value can't be written.
pub enum Failure {
    Go(GoError),
    TooLarge,
}

type Written = Result<(), Failure>;

/// Writes a value, in at most so many bytes.
pub fn encode(value: &Value, style: Style, most: usize) -> Result<Vec<u8>, Failure> {
    let mut encoder = Encoder { out: Vec::new(), style, most };
    encoder.value(value, 0)?;
    if encoder.out.len() > most { Err(Failure::TooLarge) } else { Ok(encoder.out) }
}

struct Encoder {
    out: Vec<u8>,
    style: Style,
    most: usize,
}

fn unsupported(text: String) -> Failure {
    Failure::Go(GoError::new(text))
}

impl Encoder {
    fn value(&mut self, value: &Value, depth: usize) -> Written {
        if self.out.len() > self.most {
            return Err(Failure::TooLarge);
        }
        if depth > MOST_DEPTH {
            return Err(unsupported(format!("json: unsupported value: encountered a cycle via {}", value.type_name())));
        }
        match value {
            Value::Missing | Value::Nil | Value::NilPointer(_) | Value::Bytes(None) => self.text("null"),
            Value::Bool(truth) => self.text(if *truth { "true" } else { "false" }),
            Value::Int(_, number) => self.text(&number.to_string()),
            Value::Uint(_, number) => self.text(&number.to_string()),
            Value::Float(number) => self.float(*number, 64)?,
            Value::Float32(number) => self.float(f64::from(*number), 32)?,
            Value::Complex(_) => return Err(unsupported(format!("json: unsupported type: {}", value.type_name()))),
            Value::String(text) => self.string(text),
            Value::Bytes(Some(bytes)) => self.string(&base64::encode(bytes)),
            Value::List(list) if list.is_nil() => self.text("null"),
            Value::List(list) => {
                self.open(b'[');
                for (place, item) in list.iter().enumerate() {
                    self.separate(place == 0, depth);
                    self.value(item, depth + 1)?;
                }
                self.close(b']', list.is_empty(), depth);
            }
            Value::Map(map) if map.is_nil() => self.text("null"),
            Value::Map(map) => {
                let mut entries = Vec::new();
                for (key, item) in map.entries() {
                    entries.push((
                        key_text(&key, map.key().kind())
                            .ok_or_else(|| unsupported(format!("json: unsupported type: {}", value.type_name())))?,
                        item,
                    ));
                }
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                self.open(b'{');
                for (place, (key, item)) in entries.iter().enumerate() {
                    self.entry(key, item, place == 0, depth)?;
                }
                self.close(b'}', entries.is_empty(), depth);
            }
            Value::Struct(structure) | Value::Pointer(structure) => self.structure(structure, depth)?,
            Value::Named(named) => self.value(&named.value, depth + 1)?,
        }
        Ok(())
    }

    /// Types that write themselves, and fields of the others.
    fn structure(&mut self, structure: &Structure, depth: usize) -> Written {
        if let Some(text) = dates::json(structure) {
            self.string(&text.map_err(Failure::Go)?);
            return Ok(());
        }
        if let Some(text) = semver::json(structure) {
            self.string(text.as_bytes());
            return Ok(());
        }
        let fields = structure.named().fields.iter().zip(structure.fields()).filter(|(field, _)| field.exported());
        self.open(b'{');
        let mut first = true;
        for (field, value) in fields {
            self.entry(field.json.unwrap_or(field.name).as_bytes(), value, std::mem::take(&mut first), depth)?;
        }
        self.close(b'}', first, depth);
        Ok(())
    }

    fn entry(&mut self, key: &[u8], value: &Value, first: bool, depth: usize) -> Written {
        self.separate(first, depth);
        self.string(key);
        self.text(if self.style.pretty { ": " } else { ":" });
        self.value(value, depth + 1)
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    fn separate(&mut self, first: bool, depth: usize) {
        if !first {
            self.out.push(b',');
        }
        self.line(depth + 1);
    }

    fn close(&mut self, bracket: u8, empty: bool, depth: usize) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if self.style.pretty {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', depth * 2));
        }
    }

    /// As JavaScript writes numbers: with an exponent below 1e-6 and from 1e21 on.
    fn float(&mut self, number: f64, bits: u8) -> Written {
        if !number.is_finite() {
            let text = strconv::format_float(number, b'g', None, bits);
            return Err(unsupported(format!("json: unsupported value: {text}")));
        }
        let size = number.abs();
        #[allow(clippy::cast_possible_truncation, reason = "it was a float32")]
        let tiny_or_huge = match bits {
            32 => (size as f32) < 1e-6 || (size as f32) >= 1e21,
            _ => !(1e-6..1e21).contains(&size),
        };
        if size == 0.0 || !tiny_or_huge {
            self.text(&strconv::format_float(number, b'f', None, bits));
            return Ok(());
        }
        let text = strconv::format_float(number, b'e', None, bits);
        // `e-09` becomes `e-9`.
        match text.split_once("e-0") {
            Some((mantissa, digit)) => self.text(&format!("{mantissa}e-{digit}")),
            None => self.text(&text),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for (rune, width) in runes::runes(text) {
            match rune {
                '"' | '\\' => self.out.extend([b'\\', rune as u8]),
                '\u{8}' => self.text("\\b"),
                '\u{c}' => self.text("\\f"),
                '\n' => self.text("\\n"),
                '\r' => self.text("\\r"),
                '\t' => self.text("\\t"),
                '\0'..=' ' if rune < ' ' => self.text(&format!("\\u{:04x}", u32::from(rune))),
                '<' | '>' | '&' if self.style.html => self.text(&format!("\\u{:04x}", u32::from(rune))),
                // Line ends to JavaScript, though not to JSON.
                '\u{2028}' | '\u{2029}' => self.text(&format!("\\u{:04x}", u32::from(rune))),
                runes::ERROR if width == 1 => self.text("\\ufffd"),
                _ => runes::push(&mut self.out, rune),
            }
        }
        self.out.push(b'"');
    }
}

/// Keys of strings and integers can be written.
fn key_text(key: &Value, kind: Kind) -> Option<Vec<u8>> {
    if kind == Kind::Interface {
        return None;
    }
    match key.underlying() {
        Value::String(text) => Some(text.to_vec()),
        Value::Int(_, number) => Some(number.to_string().into_bytes()),
        Value::Uint(_, number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}
