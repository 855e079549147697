//! Calls.
use super::{At, Operand, Result, State};
use crate::{
    error::Fault,
    parse::node::{Callee, Command, Node, Special},
    types::Type,
    value::Value,
};

impl<'t> State<'t, '_, '_> {
    /// Calls a function, or a method with its receiver. The last argument may come from the pipeline.
    pub(super) fn call(
        &mut self,
        dot: &Operand,
        callee: Callee,
        receiver: Option<Value>,
        at: At<'t>,
        args: &'t [Node],
        last: Option<Operand>,
    ) -> Result<Operand> {
        let function = callee.function;
        let name = function.name;
        let params = function.params.get(usize::from(receiver.is_some())..).unwrap_or_default();
        let count = args.len() + usize::from(last.is_some());
        match function.rest {
            Some(_) if count < params.len() => {
                let (want, got) = (params.len(), args.len());
                return Err(self.error(format!("wrong number of args for {name}: want at least {want} got {got}")));
            }
            None if count != params.len() => {
                return Err(self.error(format!("wrong number of args for {name}: want {} got {count}", params.len())));
            }
            _ => {}
        }
        if matches!(callee.special, Special::And | Special::Or) {
            return self.logic(dot, callee.special == Special::Or, args, last);
        }
        let base = self.args.len();
        self.args.extend(receiver);
        let rest = function.rest.unwrap_or(Type::Interface);
        for (place, arg) in args.iter().enumerate() {
            let kind = params.get(place).copied().unwrap_or(rest);
            let value = self.arg(dot, kind, arg)?;
            self.args.push(value);
        }
        if let Some(last) = last {
            let kind = params.get(count - 1).copied().unwrap_or(rest);
            let value = self.validate(last, kind)?;
            self.args.push(value);
        }
        self.step()?;
        let given = self.args.get(base..).unwrap_or_default();
        if callee.special == Special::Call {
            let what = given.first().map_or_else(String::new, |called| match called {
                Value::Missing | Value::Nil => "call of nil".into(),
                called => {
                    let shown = args.first().map_or_else(|| format!("<{} Value>", called.type_name()), ToString::to_string);
                    format!("non-function {shown} of type {}", called.type_name())
                }
            });
            self.at = at;
            return Err(self.error(format!("error calling call: {what}")));
        }
        let done = (function.run)(self.context, given);
        self.args.truncate(base);
        match done {
            Ok(value) => Ok(Operand::new(value)),
            Err(error) => {
                self.at = at;
                Err(self.error(match error.0 {
                    Fault::Quoting { text, .. } if is_constant(at) => format!("error calling {name}: {text}"),
                    Fault::Quoting { safe, .. } => format!("error calling {name}: {safe}"),
                    Fault::Returned(text) | Fault::Panicked(text) => format!("error calling {name}: {text}"),
                    Fault::Limit(text) => format!("{name}: {text}"),
                }))
            }
        }
    }

    /// `and`, `or`: arguments behind the one that decides are not evaluated; what comes by the pipeline was.
    fn logic(&mut self, dot: &Operand, or: bool, args: &'t [Node], last: Option<Operand>) -> Result<Operand> {
        let mut value = Value::Missing;
        for arg in args {
            value = self.arg(dot, Type::Reflect, arg)?;
            if value.is_true() == or {
                return Ok(Operand::new(value));
            }
        }
        if let Some(last) = last {
            value = self.validate(last, Type::Reflect)?;
        }
        Ok(Operand::new(value))
    }
}

/// Whether all that a call is made of stands in the template, so that its text can't hold a secret.
fn is_constant(at: At<'_>) -> bool {
    match at {
        At::Command(command, before) => command.has_constant_args() && before.iter().all(Command::is_constant),
        _ => false,
    }
}
