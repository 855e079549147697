//! Why a function failed.

/// What a function says of its failure. Never quotes an argument: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub(crate) Fault);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error that the function returned.
    Returned(String),
    /// The same, and it repeats an argument; and what is said in its place.
    Quoting { text: String, safe: String },
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

    /// An error or a panic whose text repeats an argument. It is shown only where all that the function was called with stands
    /// in the template itself, and so is no secret; `safe` is shown elsewhere.
    pub fn quoting(text: impl Into<String>, safe: impl Into<String>) -> Self {
        Self(Fault::Quoting { text: text.into(), safe: safe.into() })
    }

    /// The same error, with more in front of its text.
    #[must_use]
    pub fn prefixed(self, prefix: &str) -> Self {
        Self(match self.0 {
            Fault::Returned(text) => Fault::Returned(format!("{prefix}{text}")),
            Fault::Quoting { text, safe } => Fault::Quoting { text: format!("{prefix}{text}"), safe: format!("{prefix}{safe}") },
            other @ (Fault::Panicked(_) | Fault::Limit(_)) => other,
        })
    }

    /// Where Go's function panics.
    pub fn panic(text: impl Into<String>) -> Self {
        Self(Fault::Panicked(text.into()))
    }

    /// A bound of this render, which no template can pass.
    pub fn limit(text: impl Into<String>) -> Self {
        Self(Fault::Limit(text.into()))
    }

    /// What happened, without a word of an argument.
    pub fn text(&self) -> &str {
        match &self.0 {
            Fault::Returned(text) | Fault::Panicked(text) | Fault::Limit(text) | Fault::Quoting { safe: text, .. } => text,
        }
    }
}
