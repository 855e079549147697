//! Pipelines, commands and arguments.
use super::{At, Operand, Result, State};
use crate::{
    parse::node::{Command, Name, Node, Number, Pipe},
    structure::NamedValue,
    types::{Kind, Type},
    value::Value,
};
use std::rc::Rc;

impl<'t> State<'t, '_, '_> {
    pub(super) fn pipeline(&mut self, dot: &Operand, pipe: &'t Pipe) -> Result<Operand> {
        self.at = At::Pipe(pipe);
        let mut value: Option<Operand> = None;
        for (place, command) in pipe.commands.iter().enumerate() {
            let before = pipe.commands.get(..place).unwrap_or_default();
            let mut given = self.command(dot, command, before, value.take())?;
            // An interface is dug through, and a nil one is no value.
            given.interface = false;
            if matches!(given.value, Value::Nil) {
                given.value = Value::Missing;
            }
            value = Some(given);
        }
        let value = value.unwrap_or_else(Operand::missing);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.variables.push((name.number, value.clone()));
            }
        }
        Ok(value)
    }

    pub(super) fn assign(&mut self, name: &Name, value: Operand) -> Result<()> {
        let variables = self.variables.iter_mut().skip(self.scope);
        match variables.rev().find(|(number, _)| *number == name.number) {
            Some(slot) => {
                slot.1 = value;
                Ok(())
            }
            None => Err(self.error(format!("undefined variable: {}", name.text))),
        }
    }

    fn variable(&self, name: &Name) -> Result<Operand> {
        let variables = self.variables.iter().skip(self.scope);
        match variables.rev().find(|(number, _)| *number == name.number) {
            Some((_, value)) => Ok(value.clone()),
            None => Err(self.error(format!("undefined variable: {}", name.text))),
        }
    }

    fn not_a_function(&self, args: &'t [Node], last: Option<&Operand>) -> Result<()> {
        match args {
            [first, rest @ ..] if !rest.is_empty() || last.is_some() => {
                let first = match first {
                    Node::Pipe(pipe) => pipe.to_string(),
                    other => other.to_string(),
                };
                Err(self.error(format!("can't give argument to non-function {first}")))
            }
            _ => Ok(()),
        }
    }

    fn command(&mut self, dot: &Operand, command: &'t Command, before: &'t [Command], last: Option<Operand>) -> Result<Operand> {
        let Some(first) = command.args.first() else { return Ok(Operand::missing()) };
        let rest = command.args.get(1..).unwrap_or_default();
        match first {
            Node::Field { names, .. } => {
                self.at = At::Node(first);
                self.fields(dot, dot.clone(), first, names, rest, last)
            }
            Node::Chain { .. } => self.chain(dot, first, rest, last),
            Node::Identifier { callee, .. } => {
                self.at = At::Node(first);
                self.call(dot, *callee, None, At::Command(command, before), rest, last)
            }
            Node::Pipe(pipe) => {
                self.not_a_function(&command.args, last.as_ref())?;
                self.pipeline(dot, pipe)
            }
            Node::Variable { name, fields, .. } => {
                self.at = At::Node(first);
                let value = self.variable(name)?;
                if fields.is_empty() {
                    self.not_a_function(&command.args, last.as_ref())?;
                    return Ok(value);
                }
                self.fields(dot, value, first, fields, rest, last)
            }
            plain => {
                self.at = At::Node(plain);
                self.not_a_function(&command.args, last.as_ref())?;
                match plain {
                    Node::Nil { .. } => Err(self.error("nil is not a command")),
                    other => self.constant(dot, other),
                }
            }
        }
    }

    fn chain(&mut self, dot: &Operand, node: &'t Node, args: &'t [Node], last: Option<Operand>) -> Result<Operand> {
        self.at = At::Node(node);
        let Node::Chain { node: inner, fields, .. } = node else { return Ok(Operand::missing()) };
        if matches!(**inner, Node::Nil { .. }) {
            return Err(self.error(format!("indirection through explicit nil in {node}")));
        }
        let receiver = match &**inner {
            Node::Pipe(pipe) => {
                self.at = At::Node(inner);
                self.pipeline(dot, pipe)?
            }
            Node::Identifier { callee, .. } => {
                self.at = At::Node(inner);
                self.call(dot, *callee, None, At::Node(inner), &[], None)?
            }
            other => self.constant(dot, other)?,
        };
        self.fields(dot, receiver, node, fields, args, last)
    }

    /// A value that stands in the source, where nothing says which type is wanted.
    fn constant(&mut self, dot: &Operand, node: &'t Node) -> Result<Operand> {
        Ok(match node {
            Node::Bool { truth, .. } => Operand::new(Value::Bool(*truth)),
            Node::Dot { .. } => dot.clone(),
            Node::Number(number) => Operand::new(self.ideal(number)?),
            Node::String { value, .. } => Operand::new(value.clone()),
            _ => return Err(self.error(format!("can't evaluate command {}", quoted(&node.to_string())))),
        })
    }

    /// The type that a number has by how it is written.
    fn ideal(&self, number: &Number) -> Result<Value> {
        let text = &*number.text;
        if let Some(complex) = number.complex {
            return Ok(Value::Complex(Rc::new(complex)));
        }
        let hex =
            text.len() > 2 && text.starts_with('0') && matches!(text.as_bytes().get(1), Some(b'x' | b'X')) && !text.contains(['p', 'P']);
        match (number.float, number.int, number.uint) {
            (Some(float), ..) if !hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']) => Ok(Value::Float(float)),
            (_, Some(int), _) => Ok(Value::int(int)),
            (.., Some(_)) => Err(self.error(format!("{text} overflows int"))),
            _ => Ok(Value::Missing),
        }
    }

    /// An argument for a parameter of that type.
    pub(super) fn arg(&mut self, dot: &Operand, kind: Type, node: &'t Node) -> Result<Value> {
        self.at = At::Node(node);
        let value = match node {
            Node::Dot { .. } => dot.clone(),
            Node::Nil { .. } => {
                return if can_be_nil(kind) { Ok(Value::zero(kind)) } else { Err(self.error(format!("cannot assign nil to {kind}"))) };
            }
            Node::Field { names, .. } => self.fields(dot, dot.clone(), node, names, &[], None)?,
            Node::Variable { name, fields, .. } => {
                let value = self.variable(name)?;
                if fields.is_empty() { value } else { self.fields(dot, value, node, fields, &[], None)? }
            }
            Node::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Node::Identifier { callee, .. } => self.call(dot, *callee, None, At::Node(node), &[], None)?,
            Node::Chain { .. } => self.chain(dot, node, &[], None)?,
            Node::String { value: Value::String(text), .. } if kind == Type::STRING => return Ok(Value::String(text.clone())),
            literal => return self.literal(literal, kind),
        };
        self.validate(value, kind)
    }

    /// A literal for a parameter of that type, which decides what it becomes.
    fn literal(&mut self, node: &'t Node, kind: Type) -> Result<Value> {
        let expected = |what: &str| Err(self.error(format!("expected {what}; found {node}")));
        match (kind, node) {
            (Type::Interface | Type::Reflect, Node::Bool { truth, .. }) => Ok(Value::Bool(*truth)),
            (Type::Interface | Type::Reflect, Node::Number(number)) => self.ideal(number),
            (Type::Interface | Type::Reflect, Node::String { value, .. }) => Ok(value.clone()),
            (Type::Basic(Kind::Bool), Node::Bool { truth, .. }) => Ok(Value::Bool(*truth)),
            (Type::Basic(Kind::Bool), _) => expected("bool"),
            (Type::Basic(Kind::String), _) => expected("string"),
            (Type::Basic(basic), Node::Number(number)) => match basic {
                Kind::Float64 => number.float.map(Value::Float).map_or_else(|| expected("float"), Ok),
                Kind::Float32 => number.float.map(|float| Value::Float32(float as f32)).map_or_else(|| expected("float"), Ok),
                Kind::Complex128 => number.complex.map(|complex| Value::Complex(Rc::new(complex))).map_or_else(|| expected("complex"), Ok),
                Kind::Int | Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => {
                    number.int.map(|int| Value::Int(basic, int)).map_or_else(|| expected("integer"), Ok)
                }
                _ => number.uint.map(|uint| Value::Uint(basic, uint)).map_or_else(|| expected("unsigned integer"), Ok),
            },
            (Type::Basic(Kind::Float64 | Kind::Float32), _) => expected("float"),
            (Type::Basic(Kind::Complex128), _) => expected("complex"),
            (Type::Basic(Kind::Int | Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64), _) => expected("integer"),
            (Type::Basic(_), _) => expected("unsigned integer"),
            // `time.Duration` and its like take what the type beneath takes.
            (Type::Named(named), _) if named.kind != Kind::Struct => {
                let value = match node {
                    Node::String { value, .. } if named.kind == Kind::String => value.clone(),
                    other => self.literal(other, Type::Basic(named.kind))?,
                };
                Ok(Value::Named(Rc::new(NamedValue { named, value })))
            }
            _ => Err(self.error(format!("can't handle {node} for arg of type {kind}"))),
        }
    }

    /// Makes sure that a value can be given for that type.
    pub(super) fn validate(&self, value: Operand, kind: Type) -> Result<Value> {
        match (value.value, kind) {
            (value @ Value::String(_), Type::Basic(Kind::String)) => Ok(value),
            (Value::Missing, Type::Interface) => Ok(Value::Nil),
            (value, Type::Interface | Type::Reflect) => Ok(value),
            (Value::Missing, kind) if can_be_nil(kind) => Ok(Value::zero(kind)),
            (Value::Missing, kind) => Err(self.error(format!("invalid value; expected {kind}"))),
            (Value::Pointer(structure), Type::Named(named)) if structure.named() == named => Ok(Value::Struct(structure)),
            (Value::NilPointer(pointed), Type::Named(named)) if pointed == named => {
                Err(self.error(format!("dereference of nil pointer of type {kind}")))
            }
            (value, kind) => match value.type_of() {
                Some(given) if given == kind => Ok(value),
                Some(given) => Err(self.error(format!("wrong type for value; expected {kind}; got {given}"))),
                None => Err(self.error(format!("wrong type for value; expected {kind}; got interface {{}}"))),
            },
        }
    }
}

/// Whether nil is a value of that type.
pub(super) const fn can_be_nil(kind: Type) -> bool {
    matches!(kind, Type::Interface | Type::Reflect | Type::Slice(_) | Type::Map(..) | Type::Pointer(_))
}

fn quoted(text: &str) -> String {
    String::from_utf8_lossy(&crate::strconv::quote(text.as_bytes(), false)).into_owned()
}
