//! Why a function failed.

/// What a function says of its failure. Never quotes an argument: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(crate) Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error that the function returned.
    Returned(String),
    /// A panic in it, which the engine turns into an error, as Go's does.
    Panicked(String),
    /// A bound of the render was reached.
    Limit(String),
}

impl Error {
    /// What Go's function returns as its error.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Fault::Returned(text.into()))
    }

    /// Where Go's function panics.
    pub fn panic(text: impl Into<String>) -> Self {
        Self(Fault::Panicked(text.into()))
    }

    /// A bound of this render, which no template can pass.
    pub fn limit(text: impl Into<String>) -> Self {
        Self(Fault::Limit(text.into()))
    }

    /// What happened.
    pub fn text(&self) -> &str {
        match &self.0 {
            Fault::Returned(text) | Fault::Panicked(text) | Fault::Limit(text) => text,
        }
    }
}
