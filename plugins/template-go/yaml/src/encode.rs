//! [`Data`] to text: which style each scalar asks for, and the walk. How it is laid out is [`emit`](crate::emit)'s job.
use crate::{
    Data, Dialect, Error, Key, MAX_DEPTH, Map,
    emit::{Context, Emitter, Scalar, Wanted},
    float, order,
    resolve::resolve,
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// How many characters of base64 stand in a line.
const BASE64_LINE: usize = 70;

/// Writes one document, with its final line break.
///
/// # Errors
/// Nested deeper than [`MAX_DEPTH`].
pub fn encode(data: &Data, dialect: Dialect) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { emitter: Emitter::new(dialect), dialect, depth: 0 };
    writer.value(data, Context::Root)?;
    Ok(writer.emitter.finish().into_bytes())
}

struct Writer {
    emitter: Emitter,
    dialect: Dialect,
    depth: usize,
}

impl Writer {
    fn value(&mut self, data: &Data, context: Context) -> Result<(), Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        match data {
            Data::List(items) if items.is_empty() => self.emitter.empty_collection("[", "]"),
            Data::Map(map) if map.entries.is_empty() => self.emitter.empty_collection("{", "}"),
            Data::Fields(fields) if fields.is_empty() => self.emitter.empty_collection("{", "}"),
            Data::List(items) => {
                let outer = self.emitter.begin_list(context);
                for item in items {
                    self.emitter.begin_item();
                    self.value(item, Context::Item)?;
                }
                self.emitter.end(outer);
            }
            Data::Map(Map { entries, .. }) => {
                let outer = self.emitter.begin_map(context);
                for (key, value) in order::sort(entries.iter().collect(), self.dialect, |(key, _)| *key) {
                    self.pair(&self.scalar(&key.to_data()), value)?;
                }
                self.emitter.end(outer);
            }
            Data::Fields(fields) => {
                let outer = self.emitter.begin_map(context);
                for (name, value) in fields {
                    self.pair(&self.scalar(&Key::Str(name.clone()).to_data()), value)?;
                }
                self.emitter.end(outer);
            }
            scalar => {
                let scalar = self.scalar(scalar);
                self.emitter.scalar(&scalar, context);
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn pair(&mut self, key: &Scalar, value: &Data) -> Result<(), Error> {
        self.emitter.key(key);
        self.value(value, Context::Value)
    }

    fn scalar(&self, data: &Data) -> Scalar {
        let plain = |text: String| Scalar { text, wanted: Wanted::Plain, binary: false };
        match data {
            Data::Null | Data::List(_) | Data::Map(_) | Data::Fields(_) => plain("null".to_owned()),
            Data::Bool(b) => plain(b.to_string()),
            Data::Int(n) => plain(n.to_string()),
            Data::Uint(n) => plain(n.to_string()),
            Data::Time(time) => plain(time.rfc3339()),
            Data::Float(f) => plain(match float::format(*f, false).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                "NaN" => ".nan".to_owned(),
                text => text.to_owned(),
            }),
            Data::Str(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => {
                    let wanted = if text.contains('\n') {
                        Wanted::Literal
                    } else if self.reads_as_text(text) {
                        Wanted::Plain
                    } else {
                        Wanted::DoubleQuoted
                    };
                    Scalar { text: text.to_owned(), wanted, binary: false }
                }
                Err(_) => {
                    let text = base64_lines(bytes);
                    let wanted = if text.contains('\n') { Wanted::Literal } else { Wanted::Plain };
                    Scalar { text, wanted, binary: true }
                }
            },
        }
    }

    /// Whether `text` without quotes would be read as text, by this dialect and by readers of YAML 1.1.
    fn reads_as_text(&self, text: &str) -> bool {
        let tag = resolve("", text, self.dialect).map(|(tag, _)| tag);
        // `<<` is in Go's table, but begins with no character that makes it look there; so it counts as text.
        tag.is_ok_and(|tag| tag == "!!str") && !is_base60(text) && !is_old_bool(text)
    }
}

fn is_old_bool(text: &str) -> bool {
    matches!(text, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF")
}

/// A number in base 60, `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`, which YAML 1.1 knew.
fn is_base60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (places, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut places = places.split(':');
    let first = places.next().unwrap_or_default();
    let mut count = 0;
    let all = places.all(|place| {
        count += 1;
        matches!(place.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    });
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|c| c.is_ascii_digit() || c == b'_')
        && all
        && count > 0
        && fraction.bytes().all(|c| c.is_ascii_digit() || c == b'_')
}

fn base64_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    if text.len() < BASE64_LINE {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / BASE64_LINE + 1);
    for (at, c) in text.char_indices() {
        if at > 0 && at % BASE64_LINE == 0 {
            lines.push('\n');
        }
        lines.push(c);
    }
    lines.push('\n');
    lines
}
