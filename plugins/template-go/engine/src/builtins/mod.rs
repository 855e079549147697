//! The functions of the language itself.
mod compare;
mod escape;
mod index;

use crate::{
    context::Context,
    error::Error,
    fmt,
    function::{Arg, Function, Int, Rest},
    functions,
    parse::node::{Callee, Special},
    text::Str,
    types::Type,
    value::Value,
};
pub use escape::printable;

/// `reflect.Value`.
pub struct Reflect<'a>(pub &'a Value);

impl<'a> Arg<'a> for Reflect<'a> {
    const TYPE: Type = Type::Reflect;

    fn take(value: &'a Value) -> Option<Self> {
        Some(Self(value))
    }
}

/// `...reflect.Value`.
pub struct Reflects<'a>(pub &'a [Value]);

impl<'a> Rest<'a> for Reflects<'a> {
    const TYPE: Type = Type::Reflect;

    fn take(values: &'a [Value]) -> Self {
        Self(values)
    }
}

static FUNCTIONS: &[Function] = functions! {
    "and" => unreachable_call, (Reflect<'_>; Reflects<'_>);
    "or" => unreachable_call, (Reflect<'_>; Reflects<'_>);
    "call" => unreachable_call, (Reflect<'_>; Reflects<'_>);
    "not" => not, (Reflect<'_>);
    "len" => index::length, (Reflect<'_>);
    "index" => index::index, (Reflect<'_>; Reflects<'_>);
    "slice" => index::slice, (Reflect<'_>; Reflects<'_>);
    "print" => print, (; &[Value]);
    "println" => println, (; &[Value]);
    "printf" => printf, (&Str; &[Value]);
    "html" => escape::html, (; &[Value]);
    "js" => escape::js, (; &[Value]);
    "urlquery" => escape::urlquery, (; &[Value]);
    "eq" => compare::eq, (Reflect<'_>; Reflects<'_>);
    "ne" => compare::ne, (Reflect<'_>, Reflect<'_>);
    "lt" => compare::lt, (Reflect<'_>, Reflect<'_>);
    "le" => compare::le, (Reflect<'_>, Reflect<'_>);
    "gt" => compare::gt, (Reflect<'_>, Reflect<'_>);
    "ge" => compare::ge, (Reflect<'_>, Reflect<'_>);
};

/// By name.
pub fn find(name: &str) -> Option<Callee> {
    let function = FUNCTIONS.iter().find(|function| function.name == name)?;
    let special = match name {
        "and" => Special::And,
        "or" => Special::Or,
        "call" => Special::Call,
        _ => Special::No,
    };
    Some(Callee { function, special })
}

/// What the engine does itself, for its arguments may not be evaluated.
fn unreachable_call(_: &mut Context<'_>, _: Reflect<'_>, _: Reflects<'_>) -> Result<Value, Error> {
    Err(Error::panic("unreachable"))
}

fn not(_: &mut Context<'_>, value: Reflect<'_>) -> Result<bool, Error> {
    Ok(!value.0.is_true())
}

fn print(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Error> {
    fmt::sprint(context, args)
}

fn println(context: &mut Context<'_>, args: &[Value]) -> Result<Vec<u8>, Error> {
    fmt::sprintln(context, args)
}

fn printf(context: &mut Context<'_>, format: &Str, args: &[Value]) -> Result<Vec<u8>, Error> {
    fmt::sprintf(context, format, args)
}

/// What Go's reflection says of a value that is none.
fn no_type() -> Error {
    Error::panic("reflect: call of reflect.Value.Type on zero Value")
}

/// A length as Go's `int`.
fn int(length: usize) -> Int {
    Int(i64::try_from(length).unwrap_or(i64::MAX))
}
