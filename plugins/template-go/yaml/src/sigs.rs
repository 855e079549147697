//! The way of `sigs.k8s.io/yaml` 1.6.0: YAML 1.1 by V2, then through JSON, so that numbers become floats, keys become text
//! and bytes that are not UTF-8 become U+FFFD.
use crate::{Data, Dialect, Error, Key, Map, decode, encode, float};
use std::{collections::BTreeMap, fmt};

/// What goes wrong on the way. `Display` gives Go's text, which may quote the document; [`Fault::safe`] quotes nothing.
#[derive(Clone, Debug)]
pub struct Fault {
    text: String,
    safe: String,
}

impl Fault {
    fn converting(text: impl fmt::Display, safe: impl fmt::Display) -> Self {
        Self { text: format!("error converting YAML to JSON: {text}"), safe: safe.to_string() }
    }

    fn decoding(found: &str, type_name: &str) -> Self {
        let problem = format!("json: cannot unmarshal {found} into Go value of type {type_name}");
        Self { text: format!("error unmarshaling JSON: while decoding JSON: {problem}"), safe: format!("found {found}") }
    }

    /// What is wrong, without a word of the document.
    pub fn safe(&self) -> &str {
        &self.safe
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::converting(&error, error.safe())
    }
}

/// Decodes into a `map[string]interface{}`, whose numbers are all floats. `null` and nothing at all give an empty map.
///
/// # Errors
/// A fault of the document; a document that is no map; a key or a number that JSON can't hold.
pub fn string_map(bytes: &[u8]) -> Result<Map, Fault> {
    let empty = Map { string_keys: true, entries: BTreeMap::new() };
    match jsonable(decode::any(bytes, Dialect::V2)?, false)? {
        Data::Map(map) => Ok(map),
        Data::Null => Ok(empty),
        other => Err(Fault::decoding(json_name(&other), "map[string]interface {}")),
    }
}

/// Decodes into a `map[string]string`: numbers and booleans become text, floats at 32 bits; `null` is empty.
///
/// # Errors
/// As [`string_map`]; a value that is a list or a map.
pub fn string_to_string(bytes: &[u8]) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Fault> {
    let map = match decode::any(bytes, Dialect::V2)? {
        Data::Map(map) => map,
        Data::Null => return Ok(BTreeMap::new()),
        other => return Err(Fault::decoding(json_name(&jsonable(other, false)?), "map[string]string")),
    };
    let mut values = BTreeMap::new();
    for (key, value) in map.entries {
        let key = key_text(&key, &value)?;
        values.insert(key, jsonable(value, true)?);
    }
    let mut texts = BTreeMap::new();
    for (key, value) in values {
        let text = match value {
            Data::Str(text) => text,
            Data::Null => Vec::new(),
            other => return Err(Fault::decoding(json_name(&other), "string")),
        };
        texts.insert(key, text);
    }
    Ok(texts)
}

/// Writes JSON, as Go's encoder gave it, as YAML.
///
/// # Errors
/// Where V2 can't read that JSON as YAML: control characters, long keys.
pub fn json_to_yaml(json: &[u8]) -> Result<Vec<u8>, Error> {
    encode(&decode::any(json, Dialect::V2)?, Dialect::V2)
}

/// The value as it is after JSON. `into_text`: the type to be filled is `string`, for which numbers and booleans are turned
/// into text before.
fn jsonable(value: Data, into_text: bool) -> Result<Data, Fault> {
    let unsupported = |f: f64| {
        let text = format!("json: unsupported value: {}", float::format(f, false));
        Fault::converting(&text, &text)
    };
    #[expect(clippy::cast_precision_loss, reason = "JSON's reader makes floats of all numbers")]
    Ok(match value {
        Data::Bool(b) if into_text => Data::Str(b.to_string().into_bytes()),
        Data::Int(n) if into_text => Data::Str(n.to_string().into_bytes()),
        Data::Uint(n) if into_text => Data::Str(n.to_string().into_bytes()),
        Data::Float(f) if into_text => Data::Str(float::format(f, true).into_bytes()),
        Data::Int(n) => Data::Float(n as f64),
        Data::Uint(n) => Data::Float(n as f64),
        Data::Float(f) if !f.is_finite() => return Err(unsupported(f)),
        Data::Str(text) => Data::Str(valid_utf8(&text).into_bytes()),
        Data::List(items) => Data::List(items.into_iter().map(|item| jsonable(item, false)).collect::<Result<_, _>>()?),
        Data::Map(map) => {
            let mut entries = BTreeMap::new();
            for (key, value) in map.entries {
                let text = key_text(&key, &value)?;
                entries.insert(Key::Str(text), jsonable(value, false)?);
            }
            Data::Map(Map { string_keys: true, entries })
        }
        other => other,
    })
}

fn key_text(key: &Key, value: &Data) -> Result<Vec<u8>, Fault> {
    Ok(match key {
        Key::Str(text) => valid_utf8(text).into_bytes(),
        Key::Int(n) => n.to_string().into_bytes(),
        Key::Bool(b) => b.to_string().into_bytes(),
        Key::Float(bits) => match float::format(f64::from_bits(*bits), true).as_str() {
            "+Inf" => b".inf".to_vec(),
            "-Inf" => b"-.inf".to_vec(),
            "NaN" => b".nan".to_vec(),
            text => text.as_bytes().to_vec(),
        },
        Key::Null | Key::Uint(_) | Key::Time(_) => {
            let type_name = if *key == Key::Null { "%!s(<nil>)" } else { "uint64" };
            // At the top `%#v` of nil is shorter.
            let top = |value: &Data| if *value == Data::Null { "<nil>".to_owned() } else { go_syntax(value) };
            let (key, value) = (top(&key.to_data()), top(value));
            let text = format!("unsupported map key of type: {type_name}, key: {key}, value: {value}");
            return Err(Fault::converting(text, "null and numbers of 64 bits without a sign can't be keys"));
        }
    })
}

fn json_name(value: &Data) -> &'static str {
    match value {
        Data::Null => "null",
        Data::Bool(_) => "bool",
        Data::Int(_) | Data::Uint(_) | Data::Float(_) => "number",
        Data::Str(_) | Data::Time(_) => "string",
        Data::List(_) => "array",
        Data::Map(_) | Data::Fields(_) => "object",
    }
}

/// A value as Go's `%#v` prints it (V2 reads no times).
pub(crate) fn go_syntax(value: &Data) -> String {
    match value {
        Data::Null => "interface {}(nil)".to_owned(),
        Data::Bool(b) => b.to_string(),
        Data::Int(n) => n.to_string(),
        Data::Uint(n) => format!("{n:#x}"),
        Data::Float(f) => float::format(*f, false),
        Data::Str(text) => quote(text),
        Data::Time(time) => time.rfc3339(),
        Data::List(items) => {
            let items: Vec<_> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Data::Map(map) => {
            // `fmt` sorts by type before value, and the types stand in this order.
            let rank = |key: &Key| match key {
                Key::Null => 0,
                Key::Str(_) => 1,
                Key::Int(_) | Key::Uint(_) => 2,
                Key::Float(_) => 3,
                Key::Bool(_) | Key::Time(_) => 4,
            };
            let mut entries: Vec<_> = map.entries.iter().collect();
            entries.sort_by_key(|(key, _)| rank(key));
            let pairs: Vec<_> = entries.iter().map(|(k, v)| format!("{}:{}", go_syntax(&k.to_data()), go_syntax(v))).collect();
            let key = if map.string_keys { "string" } else { "interface {}" };
            format!("map[{key}]interface {{}}{{{}}}", pairs.join(", "))
        }
        Data::Fields(_) => "struct".to_owned(),
    }
}

/// As `strconv.Quote`, for text of a document.
fn quote(text: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for c in valid_utf8(text).chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0b' => quoted.push_str("\\v"),
            '\x0c' => quoted.push_str("\\f"),
            c if u32::from(c) < 0x20 || c == '\x7f' => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            ' ' => quoted.push(' '),
            c if c.is_control() || c.is_whitespace() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Go's way with bytes that are not UTF-8: U+FFFD for each.
pub(crate) fn valid_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(std::iter::repeat_n('\u{fffd}', chunk.invalid().len()));
    }
    text
}
