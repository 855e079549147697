//! What several groups do with values: text of anything, and texts out of lists.

use go_template_engine::{Context, Error, Kind, Rest, Str, Type, Value, fmt};

use crate::go::error::{GoError, Piece};

/// What Go says where a nil is used as if it weren't.
pub const NIL: &str = "runtime error: invalid memory address or nil pointer dereference";

/// sprig's `strval`: strings and bytes as they are, else as `%v` prints.
pub fn text(context: &mut Context<'_>, value: &Value) -> Result<Str, Error> {
    match value {
        Value::String(text) | Value::Bytes(Some(text)) => Ok(text.clone()),
        Value::Bytes(None) => Ok(Str::default()),
        other => Ok(fmt::display(context, other)?.into()),
    }
}

/// sprig's `strslice`: a list's elements without nil as texts, anything else as one text, nil as none.
pub fn texts(context: &mut Context<'_>, value: &Value) -> Result<Vec<Str>, Error> {
    match value.elements() {
        Some(list) => list.iter().filter(|item| !item.is_nil()).map(|item| text(context, item)).collect(),
        None if value.is_nil() => Ok(Vec::new()),
        None => Ok(vec![text(context, value)?]),
    }
}

/// `...float64`.
#[derive(Clone, Copy)]
pub struct Floats<'a>(&'a [Value]);

impl Floats<'_> {
    /// The first, if there is one.
    pub fn first(self) -> Option<f64> {
        self.0.first().and_then(|value| if let Value::Float(number) = value { Some(*number) } else { None })
    }
}

impl<'a> Rest<'a> for Floats<'a> {
    const TYPE: Type = Type::FLOAT64;

    fn take(values: &'a [Value]) -> Self {
        Self(values)
    }
}

/// The name of a value's kind; `invalid` for nil.
pub fn kind(value: &Value) -> &'static str {
    value.kind().map_or("invalid", Kind::name)
}

impl GoError {
    /// As an error of Go's function. What it quotes shows only where the arguments stand in the template itself.
    pub fn error(self) -> Error {
        let (mut shown, mut safe) = (Vec::new(), String::new());
        let mut quotes = false;
        for piece in self.0 {
            match piece {
                Piece::Text(text) => {
                    shown.extend_from_slice(text.as_bytes());
                    safe.push_str(&text);
                }
                Piece::Quote(value) => {
                    shown.extend(value);
                    safe.push('…');
                    quotes = true;
                }
            }
        }
        if quotes { Error::quoting(String::from_utf8_lossy(&shown), safe) } else { Error::new(safe) }
    }
}

/// Behind an allocation that always fails.
pub fn impossible() -> Error {
    Error::limit("the result is too large")
}
