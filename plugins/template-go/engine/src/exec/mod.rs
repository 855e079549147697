//! Running a template.
//!
//! What is evaluated when, what counts as missing, and which node an error is at, are as in `text/template`. All that can run
//! away is counted: printed bytes, steps, made values, templates in one another.
mod call;
mod eval;
mod field;
mod frame;

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
use frame::{Caller, Frame, Left, Turns, Walk};
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
    state.run(dot, list)?;
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
enum Flow<'t> {
    Next,
    Break,
    Continue,
    /// This, first.
    Open(Frame<'t>),
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

    /// Works through a list and all that comes of it.
    fn run(&mut self, dot: Operand, list: &'t List) -> Result<()> {
        let mut frames = vec![Frame::List(Walk { list, next: 0, dot, variables: self.variables.len(), caller: None })];
        while let Some(frame) = frames.last_mut() {
            let opened = match frame {
                Frame::List(walk) => match walk.list.nodes.get(walk.next) {
                    Some(statement) => {
                        walk.next += 1;
                        match self.statement(&walk.dot, statement)? {
                            Flow::Next => None,
                            Flow::Open(frame) => Some(frame),
                            jump => {
                                self.jump(&mut frames, matches!(jump, Flow::Break));
                                continue;
                            }
                        }
                    }
                    None => {
                        self.leave(walk);
                        frames.pop();
                        continue;
                    }
                },
                Frame::Loop(turns) => match self.turn(turns)? {
                    Some(frame) => Some(frame),
                    None => {
                        self.variables.truncate(turns.outside);
                        frames.pop();
                        continue;
                    }
                },
            };
            frames.extend(opened);
        }
        Ok(())
    }

    fn leave(&mut self, walk: &mut Walk<'t>) {
        self.variables.truncate(walk.variables);
        if let Some(caller) = walk.caller.take() {
            self.template = caller.template;
            self.scope = caller.scope;
            self.depth -= 1;
        }
    }

    /// Out of all lists up to the loop, and out of that too for a `break`. The parser lets neither leave a template.
    fn jump(&mut self, frames: &mut Vec<Frame<'t>>, out: bool) {
        while let Some(Frame::List(_)) = frames.last() {
            frames.pop();
        }
        if let Some(Frame::Loop(turns)) = frames.last_mut() {
            self.variables.truncate(turns.inside);
            if out {
                turns.items = Left::Nothing;
                turns.ran = true;
            }
        }
    }

    fn statement(&mut self, dot: &Operand, statement: &'t Statement) -> Result<Flow<'t>> {
        self.step()?;
        match statement {
            Statement::Text(text) => {
                let text = text.of(self.source);
                self.write(text.as_bytes())?;
            }
            Statement::Action(pipe) => {
                let value = self.pipeline(dot, pipe)?;
                if pipe.variables.is_empty() {
                    self.at = At::Action(pipe);
                    self.print(&value.value)?;
                }
            }
            Statement::If(branch) => return self.branch(dot, branch, false),
            Statement::With(branch) => return self.branch(dot, branch, true),
            Statement::Range(source) => return self.range(dot, source),
            Statement::Template(call) => return self.template(dot, call),
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

    fn branch(&mut self, dot: &Operand, branch: &'t Branch, with: bool) -> Result<Flow<'t>> {
        let variables = self.variables.len();
        let open = |list: &'t List, dot: Operand| Ok(Flow::Open(Frame::List(Walk { list, next: 0, dot, variables, caller: None })));
        for clause in &branch.clauses {
            let value = self.pipeline(dot, &clause.pipe)?;
            if value.value.is_true() {
                return open(&clause.list, if with { value } else { dot.clone() });
            }
        }
        match &branch.otherwise {
            Some(otherwise) => open(otherwise, dot.clone()),
            None => {
                self.variables.truncate(variables);
                Ok(Flow::Next)
            }
        }
    }

    fn range(&mut self, dot: &Operand, source: &'t Loop) -> Result<Flow<'t>> {
        let outside = self.variables.len();
        let value = self.pipeline(dot, &source.pipe)?.value;
        let items = match value.underlying() {
            Value::Int(..) | Value::Uint(..) if source.pipe.variables.len() > 1 => {
                return Err(self.error(format!("can't use a value of type {} to iterate over more than one variable", value.type_name())));
            }
            Value::Int(kind, count) => Left::Int(*kind, 0..*count),
            Value::Uint(kind, count) => Left::Uint(*kind, 0..*count),
            list @ (Value::List(_) | Value::Bytes(_)) => list.elements().map_or(Left::Nothing, |list| Left::Items { list, next: 0 }),
            Value::Map(map) => Left::Entries { key: *map.key(), elem: *map.elem(), entries: map.entries().into_iter() },
            Value::Missing | Value::Nil => Left::Nothing,
            other => return Err(self.error(format!("range can't iterate over a value of type {}", other.type_name()))),
        };
        let inside = self.variables.len();
        Ok(Flow::Open(Frame::Loop(Box::new(Turns { source, dot: dot.clone(), items, ran: false, inside, outside }))))
    }

    /// The next turn of a loop, or what is done where there was none.
    fn turn(&mut self, turns: &mut Turns<'t>) -> Result<Option<Frame<'t>>> {
        self.step()?;
        let Some((place, item)) = turns.items.next() else {
            let otherwise = turns.source.otherwise.as_ref().filter(|_| !turns.ran);
            turns.ran = true;
            let walk = |list| Walk { list, next: 0, dot: turns.dot.clone(), variables: turns.inside, caller: None };
            return Ok(otherwise.map(walk).map(Frame::List));
        };
        turns.ran = true;
        let pipe = &turns.source.pipe;
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
        Ok(Some(Frame::List(Walk { list: &turns.source.list, next: 0, dot: item, variables: turns.inside, caller: None })))
    }

    fn set_top(&mut self, from_top: usize, value: Operand) {
        let place = self.variables.len().checked_sub(from_top);
        if let Some(slot) = place.and_then(|place| self.variables.get_mut(place)) {
            slot.1 = value;
        }
    }

    fn template(&mut self, dot: &Operand, call: &'t Call) -> Result<Flow<'t>> {
        self.at = At::Call(call);
        let Some((name, list)) = self.trees.get_key_value(&call.name) else {
            let name = crate::strconv::quote(call.name.as_bytes(), false);
            return Err(self.error(format!("template {} not defined", String::from_utf8_lossy(&name))));
        };
        if self.depth >= self.context.limits.templates {
            return Err(self.error(format!("exceeded maximum template depth ({})", self.context.limits.templates)));
        }
        // What the pipeline declares stays with the caller.
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Operand::missing(),
        };
        let caller = Caller { template: std::mem::replace(&mut self.template, name.clone()), scope: self.scope };
        let variables = self.variables.len();
        self.scope = variables;
        self.depth += 1;
        self.variables.push((0, dot.clone()));
        Ok(Flow::Open(Frame::List(Walk { list, next: 0, dot, variables, caller: Some(Box::new(caller)) })))
    }
}
