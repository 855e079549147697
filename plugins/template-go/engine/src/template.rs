//! Templates for whoever embeds the engine.
use crate::{
    context::{Context, Limits},
    exec,
    function::FunctionTable,
    parse::{self, Tree},
    value::Value,
};
use std::{fmt, rc::Rc};

/// What a field of a missing key does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// There is no value, which prints as `<no value>`.
    #[default]
    Invalid,
    /// An error.
    Error,
}

/// How templates are read.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Beside the language's own.
    pub functions: FunctionTable,
    /// Left and right; empty for `{{` and `}}`.
    pub delimiters: (&'a str, &'a str),
    /// See [`MissingKey`].
    pub missing_key: MissingKey,
}

/// A parsed source: a template and those that it defines.
pub struct Template<'s> {
    name: Rc<str>,
    source: &'s str,
    trees: Tree,
    missing_key: MissingKey,
}

/// What a template made.
pub struct Output {
    /// Any bytes.
    pub text: Vec<u8>,
    /// How often `<no value>` was printed.
    pub missing: u32,
}

/// When a problem arose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading the source.
    Parse,
    /// Running it.
    Execute,
}

/// Why a template made nothing. Quotes the template, never the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub stage: Stage,
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// The template that was running, and what of it; [`None`] when parsing.
    pub executing: Option<(String, String)>,
    /// What is wrong, in Go's words.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.executing {
            Some((_, context)) if !context.is_empty() => write!(out, "at <{context}>: {}", self.message),
            _ => out.write_str(&self.message),
        }
    }
}

impl std::error::Error for Problem {}

impl<'s> Template<'s> {
    /// Reads a source. The name is that of its main template, which a `define` can't have as well.
    ///
    /// # Errors
    /// Where it is no template.
    pub fn parse(name: &str, source: &'s str, options: Options<'_>, limits: &Limits) -> Result<Self, Problem> {
        match parse::parse(name, source, options.delimiters, options.functions, limits.nesting) {
            Ok(trees) => Ok(Self { name: name.into(), source, trees, missing_key: options.missing_key }),
            Err(problem) => {
                let (_, column) = place(source, problem.at);
                Err(Problem { stage: Stage::Parse, line: problem.line, column, executing: None, message: problem.message })
            }
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// What Go's engine fails at, and a limit of the context.
    pub fn execute(&self, context: &mut Context<'_>, dot: &Value) -> Result<Output, Problem> {
        exec::execute(&self.trees, &self.name, self.source, self.missing_key, context, dot).map_err(|ended| {
            let (line, column) = place(self.source, ended.at);
            let executing = Some((ended.template.to_string(), ended.context.clone()));
            Problem { stage: Stage::Execute, line, column, executing, message: ended.message }
        })
    }
}

impl crate::parse::node::Text {
    /// As it stands in the source.
    pub(crate) fn of<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or_default()
    }
}

/// Line and column of a byte, both from 1.
fn place(source: &str, at: usize) -> (usize, usize) {
    let before = source.as_bytes().get(..at).unwrap_or(source.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}
