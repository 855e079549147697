//! The language, by the crate `gotmpl`. Nothing outside of this module knows of it.
//!
//! That crate has neither structs nor positions of errors nor a count of missing keys, and its strings are UTF-8. So the
//! parsed tree is rewritten before it runs ([`rewrite`]): every access to a field becomes a call of a function here that knows
//! its place, knows the dot, and knows which maps stand for structs. Bytes that are no UTF-8 travel as private-use characters
//! ([`text`]).
mod functions;
mod rewrite;
mod text;

use crate::dot::{Dot, Shape};
use gotmpl::{
    Template, TemplateError, Value,
    parse::{DefineNode, ListNode, Node, Parser},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A dot, ready for any number of templates.
pub struct Engine {
    root: Value,
    shape: Shape,
    strict: bool,
    delimiters: (String, String),
}

/// What a template made.
pub struct Output {
    /// Any bytes.
    pub value: Vec<u8>,
    /// Missing keys that were let pass.
    pub missing: u32,
}

/// Why a template made nothing. Line and column count from 1.
#[derive(Debug)]
pub struct Problem {
    pub line: u32,
    pub column: u32,
    /// Quotes the template, never the data.
    pub message: String,
}

/// What one run knows beside the values.
struct Run {
    root: Value,
    shape: Shape,
    strict: bool,
    missing: u32,
    /// Where in the source the run is.
    offset: usize,
    /// Of our own functions; the crate's errors have no place for a position.
    problem: Option<String>,
}

type Shared = Arc<Mutex<Run>>;

/// A lock that can't be poisoned: a panic ends the instance.
fn lock(run: &Shared) -> MutexGuard<'_, Run> {
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// `strict`: a missing key is an error.
    pub fn new(dot: Dot, strict: bool, delimiters: Option<(String, String)>) -> Self {
        let item = |item: crate::dot::Item| match dot.shape {
            Shape::Value => string(&text::from_bytes(&item.value)),
            Shape::Struct | Shape::PrintableStruct => structure(&text::from_bytes(&item.value), &item.path),
        };
        let items: BTreeMap<Arc<str>, Value> = dot.items.into_iter().map(|(key, value)| (key.into(), item(value))).collect();
        let delimiters = delimiters.unwrap_or_else(|| ("{{".into(), "}}".into()));
        Self { root: Value::Map(Arc::new(items)), shape: dot.shape, strict, delimiters }
    }

    /// Renders one template.
    pub fn render(&self, name: &str, source: &str) -> Result<Output, Problem> {
        let (left, right) = (&*self.delimiters.0, &*self.delimiters.1);
        let (tree, defines) = parse(source, left, right)?;
        let run = Run { root: self.root.clone(), shape: self.shape, strict: self.strict, missing: 0, offset: 0, problem: None };
        let run = Arc::new(Mutex::new(run));
        let functions = functions::all(&run);
        let rewrite = |mut tree: ListNode| match rewrite::tree(&mut tree, &functions) {
            Ok(()) => Ok(tree),
            Err(unknown) => Err(at(source, unknown.offset, format!("function {:?} not defined", unknown.name))),
        };
        let mut bodies = vec![(name.to_owned(), rewrite(tree)?)];
        for define in defines {
            let twice = bodies.iter().position(|(name, _)| *name == define.name.as_str());
            let body = rewrite(define.body)?;
            match twice {
                None => bodies.push((define.name.to_string(), body)),
                Some(place) if bodies.get(place).is_some_and(|(_, before)| before.is_empty_tree()) => {
                    if let Some(slot) = bodies.get_mut(place) {
                        slot.1 = body;
                    }
                }
                Some(_) if body.is_empty_tree() => {}
                Some(_) => {
                    return Err(at(source, define.pos.offset, format!("multiple definition of template {:?}", define.name.as_str())));
                }
            }
        }
        let template =
            bodies.into_iter().fold(Template::new(name).funcs(functions), |template, (name, body)| template.add_parse_tree(&name, body));
        let mut out = String::new();
        let done = template.execute_template_fmt(&mut out, name, &self.root);
        let run = lock(&run);
        match done {
            Ok(()) => Ok(Output { value: text::into_bytes(&out), missing: run.missing }),
            Err(error) => Err(at(source, run.offset, run.problem.clone().unwrap_or_else(|| explain(&error)))),
        }
    }
}

/// Text behind the source, which no template can end in.
const END: &str = "\0end";

/// Parses. The crate accepts a block without end and skips what follows an end without block, so a text is put behind the
/// source and must be the last thing in the tree.
fn parse(source: &str, left: &str, right: &str) -> Result<(ListNode, Vec<DefineNode>), Problem> {
    let parse = |source: &str| Parser::new(source, left, right)?.parse();
    let problem = |error: TemplateError| match error {
        TemplateError::Parse { line, col, message, .. } | TemplateError::Lex { line, col, message, .. } => {
            Problem { line: number(line), column: number(col), message }
        }
        other => at(source, 0, explain(&other)),
    };
    // Its text would show in the message, so that comes from the source alone.
    let (mut tree, defines) = parse(&format!("{source}{END}")).map_err(|error| problem(parse(source).err().unwrap_or(error)))?;
    let last = match tree.nodes.last_mut() {
        Some(Node::Text(last)) => last.text.strip_suffix(END).map(|text| text.into()).map(|text| last.text = text),
        _ => None,
    };
    last.ok_or_else(|| at(source, source.len(), "a block has no end, or an end or else has no block".into()))?;
    Ok((tree, defines))
}

/// Says what went wrong without quoting a value.
fn explain(error: &TemplateError) -> String {
    match error {
        // This one quotes its argument.
        TemplateError::Exec(text) if text.starts_with("printf: first arg") => "printf: the first argument must be a string".into(),
        TemplateError::Exec(text) => text.clone(),
        TemplateError::FuncPanic { name, .. } => format!("function {name} failed"),
        other => other.to_string(),
    }
}

fn at(source: &str, offset: usize, message: String) -> Problem {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
    Problem { line: number(line), column: number(column), message }
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}

/// Tells a map that stands for a struct from any other; can't be written in a template as a field.
const MARK: &str = "\0struct";

fn structure(value: &str, path: &str) -> Value {
    let members = [("Value", string(value)), ("SecretPath", string(path)), (MARK, Value::Bool(true))];
    Value::Map(Arc::new(members.into_iter().map(|(name, value)| (name.into(), value)).collect()))
}

/// Value and path, of a map that stands for a struct.
fn as_structure(value: &Value) -> Option<(&Value, &Value)> {
    value.field(MARK)?;
    Some((value.field("Value")?, value.field("SecretPath")?))
}
