//! A parsed template.
//!
//! Nodes print as Go prints them, since errors show the node that failed (`at <.Name | upper>`), and keep Go's positions for
//! the same reason: a field chain is where its second field stands.
use crate::{function::Function, text::Str, value::Value};
use std::{fmt, rc::Rc};

/// What stands between `{{ define }}` and `{{ end }}`, or a whole source.
#[derive(Default)]
pub struct List {
    pub nodes: Vec<Statement>,
}

/// Something that is done.
pub enum Statement {
    Text(Text),
    Action(Pipe),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Loop>),
    Template(Box<Call>),
    Break,
    Continue,
}

/// Text as it is.
pub struct Text {
    pub start: usize,
    pub end: usize,
}

/// `if` or `with`, and each `else if` or `else with` of it.
pub struct Branch {
    pub clauses: Vec<Clause>,
    pub otherwise: Option<List>,
}

/// What is done where a pipeline holds.
pub struct Clause {
    pub pipe: Pipe,
    pub list: List,
}

/// `range`.
pub struct Loop {
    pub pipe: Pipe,
    pub list: List,
    pub otherwise: Option<List>,
}

/// `template`, or the call that a `block` makes.
pub struct Call {
    pub at: usize,
    pub name: Rc<str>,
    pub pipe: Option<Pipe>,
}

/// A pipeline.
pub struct Pipe {
    pub at: usize,
    /// `=`, not `:=`.
    pub assigns: bool,
    pub variables: Vec<Name>,
    pub commands: Vec<Command>,
}

/// A variable's name and its number in the source, which is what is compared.
#[derive(Clone)]
pub struct Name {
    pub number: usize,
    pub text: Rc<str>,
}

/// A command: what to call or give, and its arguments.
pub struct Command {
    pub at: usize,
    /// At least one.
    pub args: Vec<Node>,
}

/// An operand.
pub enum Node {
    Bool { at: usize, truth: bool },
    Dot { at: usize },
    Nil { at: usize },
    Number(Box<Number>),
    String { at: usize, quoted: Box<str>, value: Value },
    Field { at: usize, names: Vec<Str> },
    Variable { at: usize, name: Name, fields: Vec<Str> },
    Chain { at: usize, node: Box<Node>, fields: Vec<Str> },
    Identifier { at: usize, callee: Callee },
    Pipe(Box<Pipe>),
}

/// What an identifier calls.
#[derive(Clone, Copy)]
pub struct Callee {
    pub function: &'static Function,
    pub special: Special,
}

/// The function that reads secrets which are not arguments: [`Host::secret_from`](crate::Host::secret_from).
const SECRET_FROM: &str = "secretFrom";

/// What the engine does itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Special {
    No,
    And,
    Or,
    Call,
}

/// A number, as each kind that can hold it.
pub struct Number {
    pub at: usize,
    pub text: Box<str>,
    pub int: Option<i64>,
    pub uint: Option<u64>,
    pub float: Option<f64>,
    pub complex: Option<(f64, f64)>,
}

impl Node {
    fn is_constant(&self) -> bool {
        match self {
            // Given constants, no other function has a secret to give.
            Self::Identifier { callee, .. } => callee.function.name != SECRET_FROM,
            Self::Pipe(pipe) => pipe.commands.iter().all(Command::is_constant),
            other => other.is_plain() && !matches!(other, Self::Dot { .. }),
        }
    }

    /// Byte in the source.
    pub fn at(&self) -> usize {
        match self {
            Self::Bool { at, .. }
            | Self::Dot { at }
            | Self::Nil { at }
            | Self::String { at, .. }
            | Self::Field { at, .. }
            | Self::Variable { at, .. }
            | Self::Chain { at, .. }
            | Self::Identifier { at, .. } => *at,
            Self::Number(number) => number.at,
            Self::Pipe(pipe) => pipe.at,
        }
    }

    /// What only the first command of a pipeline may be.
    pub const fn is_plain(&self) -> bool {
        matches!(self, Self::Bool { .. } | Self::Dot { .. } | Self::Nil { .. } | Self::Number(_) | Self::String { .. })
    }
}

impl Command {
    /// Whether all arguments stand in the template. What gives a command its arguments may not call anything that could bring
    /// data in; the command itself may.
    pub fn has_constant_args(&self) -> bool {
        self.args.iter().skip(1).all(Node::is_constant)
    }

    /// Whether what it gives stands in the template.
    pub fn is_constant(&self) -> bool {
        self.args.iter().all(Node::is_constant)
    }
}

impl List {
    /// Nothing but space.
    pub fn is_empty(&self, source: &str) -> bool {
        self.nodes.iter().all(|node| match node {
            Statement::Text(text) => source.get(text.start..text.end).unwrap_or_default().trim().is_empty(),
            _ => false,
        })
    }
}

impl fmt::Display for Pipe {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.variables.iter().enumerate() {
            write!(out, "{}{}", if place > 0 { ", " } else { "" }, name.text)?;
        }
        if !self.variables.is_empty() {
            out.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (place, command) in self.commands.iter().enumerate() {
            write!(out, "{}{command}", if place > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, arg) in self.args.iter().enumerate() {
            let space = if place > 0 { " " } else { "" };
            match arg {
                Node::Pipe(pipe) => write!(out, "{space}({pipe})")?,
                other => write!(out, "{space}{other}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dotted = |out: &mut fmt::Formatter<'_>, names: &[Str]| names.iter().try_for_each(|name| write!(out, ".{}", name.lossy()));
        match self {
            Self::Bool { truth, .. } => write!(out, "{truth}"),
            Self::Dot { .. } => out.write_str("."),
            Self::Nil { .. } => out.write_str("nil"),
            Self::Number(number) => out.write_str(&number.text),
            Self::String { quoted, .. } => out.write_str(quoted),
            Self::Field { names, .. } => dotted(out, names),
            Self::Variable { name, fields, .. } => {
                out.write_str(&name.text)?;
                dotted(out, fields)
            }
            Self::Chain { node, fields, .. } => {
                match &**node {
                    Self::Pipe(pipe) => write!(out, "({pipe})")?,
                    other => write!(out, "{other}")?,
                }
                dotted(out, fields)
            }
            Self::Identifier { callee, .. } => out.write_str(callee.function.name),
            Self::Pipe(pipe) => write!(out, "{pipe}"),
        }
    }
}
