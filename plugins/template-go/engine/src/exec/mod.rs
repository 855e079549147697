//! Running a template.
//!
//! What is evaluated when, what counts as missing, and which node an error is at, are as in `text/template`. All that can run
//! away is counted: printed bytes, steps, made values, templates in one another.
mod call;
mod eval;
mod field;

use crate::{
    builtins::printable,
    context::Context,
    error::Error,
    fmt,
    parse::{
        Tree,
        node::{Branch, Call, Command, List, Loop, Node, Pipe, Statement},
    },
    template::{MissingKey, Output},
    types::Type,
    value::Value,
};
use std::rc::Rc;

/// Where and why a run ended.
pub struct Ended {
    /// Byte in the source.
    pub at: usize,
    /// The template.
    pub template: Rc<str>,
    /// The node, as Go prints it.
    pub context: String,
    pub message: String,
}

type Result<T> = std::result::Result<T, Box<Ended>>;

/// Runs the template of that name.
pub fn execute(
    trees: &Tree,
    name: &Rc<str>,
    source: &str,
    missing_key: MissingKey,
    context: &mut Context<'_>,
    dot: &Value,
) -> Result<Output> {
    let mut state = State {
        trees,
        source,
        strict: missing_key == MissingKey::Error,
        context,
        out: Vec::new(),
        args: Vec::new(),
        variables: Vec::new(),
        scope: 0,
        template: name.clone(),
        depth: 0,
        at: At::Nothing,
        missing: 0,
    };
    let Some(list) = trees.get(name) else {
        return Err(state.error(format!("{name:?} is an incomplete or empty template")));
    };
    let dot = Operand::new(dot.clone());
    state.variables.push((0, dot.clone()));
    state.list(&dot, list)?;
    Ok(Output { text: state.out, missing: state.missing })
}

/// A value on its way, and whether it came as an interface, which only errors tell.
#[derive(Clone)]
struct Operand {
    value: Value,
    interface: bool,
}

impl Operand {
    const fn new(value: Value) -> Self {
        Self { value, interface: false }
    }

    const fn of(value: Value, kind: Type) -> Self {
        Self { value, interface: matches!(kind, Type::Interface) }
    }

    const fn missing() -> Self {
        Self::new(Value::Missing)
    }

    /// Its static type, as errors name it.
    fn type_name(&self) -> String {
        if self.interface || self.value.is_nil() { Type::Interface.to_string() } else { self.value.type_name() }
    }
}

/// What is being looked at, for errors.
#[derive(Clone, Copy)]
enum At<'t> {
    Nothing,
    Action(&'t Pipe),
    Pipe(&'t Pipe),
    /// And those before it in its pipeline.
    Command(&'t Command, &'t [Command]),
    Node(&'t Node),
    Call(&'t Call),
}

/// What happens after a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

struct State<'t, 'c, 'h> {
    trees: &'t Tree,
    source: &'t str,
    strict: bool,
    context: &'c mut Context<'h>,
    out: Vec<u8>,
    /// Arguments of the calls that are being made ready.
    args: Vec<Value>,
    variables: Vec<(usize, Operand)>,
    /// Where the variables of the running template begin.
    scope: usize,
    template: Rc<str>,
    depth: usize,
    at: At<'t>,
    missing: u32,
}

impl<'t> State<'t, '_, '_> {
    fn error(&self, message: impl Into<String>) -> Box<Ended> {
        let (at, context) = match self.at {
            At::Nothing => (0, String::new()),
            At::Action(pipe) => (pipe.at, format!("{{{{{pipe}}}}}")),
            At::Pipe(pipe) => (pipe.at, pipe.to_string()),
            At::Command(command, _) => (command.at, command.to_string()),
            At::Node(node) => (node.at(), node.to_string()),
            At::Call(call) => (call.at, {
                let name = crate::strconv::quote(call.name.as_bytes(), false);
                let name = String::from_utf8_lossy(&name);
                match &call.pipe {
                    Some(pipe) => format!("{{{{template {name} {pipe}}}}}"),
                    None => format!("{{{{template {name}}}}}"),
                }
            }),
        };
        Box::new(Ended { at, template: self.template.clone(), context, message: message.into() })
    }

    fn failed(&self, error: Error) -> Box<Ended> {
        self.error(error.text())
    }

    fn step(&mut self) -> Result<()> {
        self.context.step(1).map_err(|error| self.failed(error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.out.len() + bytes.len() > self.context.limits.output {
            return Err(self.error(format!("the template prints more than {} bytes", self.context.limits.output)));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn list(&mut self, dot: &Operand, list: &'t List) -> Result<Flow> {
        for statement in &list.nodes {
            let flow = self.statement(dot, statement)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, dot: &Operand, statement: &'t Statement) -> Result<Flow> {
        self.step()?;
        match statement {
            Statement::Text(text) => {
                let text = text.of(self.source);
                self.write(text.as_bytes())?;
            }
            Statement::Action(pipe) => {
                self.at = At::Action(pipe);
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = At::Action(pipe);
                    self.print(&value.value)?;
                }
            }
            Statement::If(branch) => return self.branch(dot, branch, false),
            Statement::With(branch) => return self.branch(dot, branch, true),
            Statement::Range(branch) => {
                let mark = self.variables.len();
                let flow = self.range(dot, branch);
                self.variables.truncate(mark);
                return flow;
            }
            Statement::Template(call) => self.template(dot, call)?,
            Statement::Break => return Ok(Flow::Break),
            Statement::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Value) -> Result<()> {
        match value {
            Value::String(text) => return self.write(text),
            Value::Missing => self.missing = self.missing.saturating_add(1),
            _ => {}
        }
        let value = if value.is_nil() && !matches!(value, Value::Missing) { Value::Nil } else { printable(value) };
        let out = std::mem::take(&mut self.out);
        self.out = fmt::append(out, self.context.limits.output, &value).map_err(|error| self.failed(error))?;
        Ok(())
    }

    fn branch(&mut self, dot: &Operand, branch: &'t Branch, with: bool) -> Result<Flow> {
        let mark = self.variables.len();
        let mut flow = None;
        for clause in &branch.clauses {
            let value = self.pipeline(dot, &clause.pipe)?;
            if value.value.is_true() {
                flow = Some(self.list(if with { &value } else { dot }, &clause.list)?);
                break;
            }
        }
        let flow = match (flow, &branch.otherwise) {
            (Some(flow), _) => flow,
            (None, Some(otherwise)) => self.list(dot, otherwise)?,
            (None, None) => Flow::Next,
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Operand, branch: &'t Loop) -> Result<Flow> {
        let value = self.pipeline(dot, &branch.pipe)?.value;
        let variables = branch.pipe.variables.len();
        let mut ran = false;
        match value.underlying() {
            Value::Int(..) | Value::Uint(..) if variables > 1 => {
                return Err(self.error(format!("can't use a value of type {} to iterate over more than one variable", value.type_name())));
            }
            Value::Int(kind, count) => {
                for number in 0..*count {
                    ran = true;
                    if self.iteration(branch, Operand::missing(), Operand::new(Value::Int(*kind, number)))? {
                        break;
                    }
                }
            }
            Value::Uint(kind, count) => {
                for number in 0..*count {
                    ran = true;
                    if self.iteration(branch, Operand::missing(), Operand::new(Value::Uint(*kind, number)))? {
                        break;
                    }
                }
            }
            list @ (Value::List(_) | Value::Bytes(_)) => {
                for (place, item) in list.elements().iter().flat_map(|list| list.iter().map(|item| (list.elem(), item))).enumerate() {
                    ran = true;
                    let place = Operand::new(Value::int(i64::try_from(place).unwrap_or(i64::MAX)));
                    if self.iteration(branch, place, Operand::of(item.1.clone(), *item.0))? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in map.entries() {
                    ran = true;
                    if self.iteration(branch, Operand::of(key, *map.key()), Operand::of(item, *map.elem()))? {
                        break;
                    }
                }
            }
            Value::Missing | Value::Nil => {}
            other => return Err(self.error(format!("range can't iterate over a value of type {}", other.type_name()))),
        }
        match &branch.otherwise {
            Some(otherwise) if !ran => self.list(dot, otherwise),
            _ => Ok(Flow::Next),
        }
    }

    /// One turn. Gives whether it was the last.
    fn iteration(&mut self, branch: &'t Loop, place: Operand, item: Operand) -> Result<bool> {
        self.step()?;
        let pipe = &branch.pipe;
        match (pipe.variables.as_slice(), pipe.assigns) {
            ([], _) => {}
            ([one], true) => self.assign(one, item.clone())?,
            ([first, second, ..], true) => {
                self.assign(first, place)?;
                self.assign(second, item.clone())?;
            }
            ([_], false) => self.set_top(1, item.clone()),
            (_, false) => {
                self.set_top(1, item.clone());
                self.set_top(2, place);
            }
        }
        let mark = self.variables.len();
        let flow = self.list(&item, &branch.list)?;
        self.variables.truncate(mark);
        Ok(flow == Flow::Break)
    }

    fn set_top(&mut self, from_top: usize, value: Operand) {
        let place = self.variables.len().checked_sub(from_top);
        if let Some(slot) = place.and_then(|place| self.variables.get_mut(place)) {
            slot.1 = value;
        }
    }

    fn template(&mut self, dot: &Operand, call: &'t Call) -> Result<()> {
        self.at = At::Call(call);
        let Some((name, list)) = self.trees.get_key_value(&call.name) else {
            let name = crate::strconv::quote(call.name.as_bytes(), false);
            return Err(self.error(format!("template {} not defined", String::from_utf8_lossy(&name))));
        };
        if self.depth >= self.context.limits.templates {
            return Err(self.error(format!("exceeded maximum template depth ({})", self.context.limits.templates)));
        }
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Operand::missing(),
        };
        let outer = std::mem::replace(&mut self.template, name.clone());
        let (scope, mark) = (self.scope, self.variables.len());
        self.scope = mark;
        self.depth += 1;
        self.variables.push((0, dot.clone()));
        self.list(&dot, list)?;
        self.variables.truncate(mark);
        self.scope = scope;
        self.depth -= 1;
        self.template = outer;
        Ok(())
    }
}
