//! `eq`, `ne`, `lt`, `le`, `gt`, `ge`.
use super::{Reflect, Reflects};
use crate::{context::Context, error::Error, types::Kind, value::Value};
use std::{cmp::Ordering, rc::Rc};

/// Values that can be compared, by their basic kind.
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Complex((f64, f64)),
    String(&'a [u8]),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    Some(match value.underlying() {
        Value::Bool(truth) => Basic::Bool(*truth),
        Value::Int(_, number) => Basic::Int(*number),
        Value::Uint(_, number) => Basic::Uint(*number),
        Value::Float(number) => Basic::Float(*number),
        Value::Float32(number) => Basic::Float(f64::from(*number)),
        Value::Complex(number) => Basic::Complex(**number),
        Value::String(text) => Basic::String(text),
        _ => return None,
    })
}

fn incompatible(a: &Value, b: &Value) -> Error {
    Error::new(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()))
}

fn signs(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

/// Whether it is nil, of whatever type.
fn is_nil(value: &Value) -> bool {
    match value {
        Value::Missing | Value::Nil | Value::NilPointer(_) | Value::Bytes(None) => true,
        Value::List(list) => list.is_nil(),
        Value::Map(map) => map.is_nil(),
        _ => false,
    }
}

fn equal(a: &Value, b: &Value) -> Result<bool, Error> {
    match (basic(a), basic(b)) {
        (Some(Basic::Bool(a)), Some(Basic::Bool(b))) => Ok(a == b),
        (Some(Basic::Int(a)), Some(Basic::Int(b))) => Ok(a == b),
        (Some(Basic::Uint(a)), Some(Basic::Uint(b))) => Ok(a == b),
        (Some(Basic::Int(int)), Some(Basic::Uint(uint))) | (Some(Basic::Uint(uint)), Some(Basic::Int(int))) => Ok(signs(int, uint).is_eq()),
        (Some(Basic::Float(a)), Some(Basic::Float(b))) => Ok(a == b),
        (Some(Basic::Complex(a)), Some(Basic::Complex(b))) => Ok(a == b),
        (Some(Basic::String(a)), Some(Basic::String(b))) => Ok(a == b),
        (None, None) => others(a, b),
        _ if a.is_nil() || b.is_nil() => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

/// Of values that are not of a basic kind.
fn others(a: &Value, b: &Value) -> Result<bool, Error> {
    if !a.is_nil() && !b.is_nil() && a.kind() != b.kind() {
        return Err(Error::new(format!("non-comparable types {} and {}", a.type_name(), b.type_name())));
    }
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    match (a, b) {
        (Value::Pointer(a), Value::Pointer(b)) => Ok(Rc::ptr_eq(a, b)),
        (_, b) if matches!(b.kind(), Some(Kind::Slice | Kind::Map)) => Err(Error::new(format!("non-comparable type {}", b.type_name()))),
        (a, b) => Ok(a.deep_equal(b)),
    }
}

pub fn eq(_: &mut Context<'_>, first: Reflect<'_>, others: Reflects<'_>) -> Result<bool, Error> {
    if others.0.is_empty() {
        return Err(Error::new("missing argument for comparison"));
    }
    for other in others.0 {
        if equal(first.0, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn ne(_: &mut Context<'_>, a: Reflect<'_>, b: Reflect<'_>) -> Result<bool, Error> {
    Ok(!equal(a.0, b.0)?)
}

fn less(a: &Value, b: &Value) -> Result<bool, Error> {
    let bad = || Error::new("invalid type for comparison");
    match (basic(a).ok_or_else(bad)?, basic(b).ok_or_else(bad)?) {
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(_), Basic::Complex(_)) => Err(bad()),
        (Basic::Int(a), Basic::Int(b)) => Ok(a < b),
        (Basic::Uint(a), Basic::Uint(b)) => Ok(a < b),
        (Basic::Int(a), Basic::Uint(b)) => Ok(signs(a, b).is_lt()),
        (Basic::Uint(a), Basic::Int(b)) => Ok(signs(b, a).is_gt()),
        (Basic::Float(a), Basic::Float(b)) => Ok(a < b),
        (Basic::String(a), Basic::String(b)) => Ok(a < b),
        _ => Err(incompatible(a, b)),
    }
}

fn less_or_equal(a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(less(a, b)? || equal(a, b)?)
}

pub fn lt(_: &mut Context<'_>, a: Reflect<'_>, b: Reflect<'_>) -> Result<bool, Error> {
    less(a.0, b.0)
}

pub fn le(_: &mut Context<'_>, a: Reflect<'_>, b: Reflect<'_>) -> Result<bool, Error> {
    less_or_equal(a.0, b.0)
}

pub fn gt(_: &mut Context<'_>, a: Reflect<'_>, b: Reflect<'_>) -> Result<bool, Error> {
    Ok(!less_or_equal(a.0, b.0)?)
}

pub fn ge(_: &mut Context<'_>, a: Reflect<'_>, b: Reflect<'_>) -> Result<bool, Error> {
    Ok(!less(a.0, b.0)?)
}
