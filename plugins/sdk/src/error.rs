//! Ways to make the types of an error. Their fields may grow in a later contract; what is made here grows with them.
use crate::{Diagnostic, Error, Unavailability, Violation};

impl Error {
    /// One thing wrong with the settings: a JSON pointer into them, and what was found and is allowed.
    #[must_use]
    pub fn setting(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Settings(vec![Violation::new(pointer, message)])
    }

    /// Something outside is missing for now: what was asked, what came, and what a user can do. Never a value.
    #[must_use]
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::Unavailable(Unavailability { text: text.into(), retry_after: None, extensions: vec![] })
    }

    /// The same, to be tried again after so many seconds.
    #[must_use]
    pub fn unavailable_for(seconds: u32, text: impl Into<String>) -> Self {
        Self::Unavailable(Unavailability { text: text.into(), retry_after: Some(seconds), extensions: vec![] })
    }
}

impl Violation {
    /// A JSON pointer into the settings, empty for the whole document, and what was found and is allowed.
    #[must_use]
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into(), extensions: vec![] }
    }
}

impl Diagnostic {
    /// The entry, line and column in its template (from 1; 0 where unknown), and what is wrong there.
    #[must_use]
    pub fn new(entry: impl Into<String>, line: u32, column: u32, message: impl Into<String>) -> Self {
        Self { entry: entry.into(), line, column, message: message.into(), extensions: vec![] }
    }
}
