//! What is wrong with a document, in Go's words.
use std::fmt;

/// A fault of a document: what, and the line where known.
///
/// `Display` gives Go's text, which may quote the document: fit for a template that prints it, not for a log. [`Error::safe`]
/// quotes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Fault>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    problem: String,
    /// Says the same without quoting; `None` where `problem` quotes nothing.
    unquoted: Option<String>,
    /// As Go counts it for this fault; 0 where Go names none.
    line: usize,
    /// What doesn't fit in a document that is well formed.
    unfit: Vec<String>,
}

impl Error {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self::at(problem, 0)
    }

    pub(crate) fn at(problem: impl Into<String>, line: usize) -> Self {
        Self(Box::new(Fault { problem: problem.into(), unquoted: None, line, unfit: Vec::new() }))
    }

    pub(crate) fn quoting(problem: impl Into<String>, unquoted: impl Into<String>) -> Self {
        let mut error = Self::new(problem);
        error.0.unquoted = Some(unquoted.into());
        error
    }

    pub(crate) fn unfit(lines: Vec<String>) -> Self {
        let mut error = Self::new("unmarshal errors:");
        error.0.unfit = lines;
        error
    }

    /// The text without a word of the document, begun with `line N: ` where the line is known.
    pub fn safe(&self) -> String {
        if !self.0.unfit.is_empty() {
            return self.0.unfit.join("; ");
        }
        let problem = self.0.unquoted.as_ref().unwrap_or(&self.0.problem);
        match self.0.line {
            0 => problem.clone(),
            line => format!("line {line}: {problem}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.line {
            0 => write!(f, "yaml: {}", self.0.problem)?,
            line => write!(f, "yaml: line {line}: {}", self.0.problem)?,
        }
        self.0.unfit.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl std::error::Error for Error {}
