//! Errors as Go words them, with what they quote kept apart.
//!
//! Go's error texts carry the values they are about: a pattern, an address, a date. Here such a value is a piece of its own,
//! so that whoever shows the error decides whether it may be shown.

use std::borrow::Cow;

/// One piece of an error text.
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Words of ours or Go's.
    Text(Cow<'static, str>),
    /// A value, or a part of one, in the form Go gives it, quotes included.
    Quote(Vec<u8>),
}

/// An error text in pieces.
#[derive(Clone, PartialEq, Eq)]
pub struct GoError(pub Vec<Piece>);

impl GoError {
    /// An error that quotes nothing.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// Adds words.
    pub fn text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Piece::Text(text.into()));
        self
    }

    /// Adds a quoted value.
    pub fn quote(mut self, value: impl Into<Vec<u8>>) -> Self {
        self.0.push(Piece::Quote(value.into()));
        self
    }

    /// Puts another error behind this one.
    pub fn wrap(mut self, inner: Self) -> Self {
        self.0.extend(inner.0);
        self
    }

    /// The text with every quote shown, for tests.
    #[cfg(test)]
    pub fn shown(&self) -> String {
        let mut out = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Quote(value) => out.extend_from_slice(value),
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }
}
