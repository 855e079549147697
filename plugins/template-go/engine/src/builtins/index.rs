//! `index`, `slice`, `len`.
use super::{Reflect, Reflects, int, no_type};
use crate::{
    context::Context,
    error::Error,
    function::Int,
    list::List,
    map::Map,
    types::{Kind, Type},
    value::Value,
};

/// A place in something of that length; the length itself is one too.
fn place(index: &Value, length: usize) -> Result<usize, Error> {
    let out_of_range = |number: &dyn std::fmt::Display| Error::new(format!("index out of range: {number}"));
    match index.underlying() {
        Value::Int(_, number) => usize::try_from(*number).ok().filter(|place| *place <= length).ok_or_else(|| out_of_range(number)),
        // As Go converts it to `int`.
        Value::Uint(_, number) => {
            usize::try_from(*number).ok().filter(|place| *place <= length).ok_or_else(|| out_of_range(&(*number as i64)))
        }
        Value::Missing | Value::Nil => Err(Error::new("cannot index slice/array with nil")),
        other => Err(Error::new(format!("cannot index slice/array with type {}", other.type_name()))),
    }
}

/// A key for a map of that type: integers of another size are converted.
fn key(index: &Value, wanted: Type) -> Result<Value, Error> {
    if index.is_nil() {
        return match wanted {
            Type::Interface => Ok(Value::Nil),
            other => Err(Error::new(format!("value is nil; should be of type {other}"))),
        };
    }
    if wanted == Type::Interface || index.type_of() == Some(wanted) {
        return Ok(index.clone());
    }
    let converted = match (index.underlying(), wanted.kind()) {
        (Value::Int(_, number), kind @ (Kind::Int | Kind::Int64)) => Some(Value::Int(kind, *number)),
        (Value::Uint(_, number), kind @ (Kind::Int | Kind::Int64)) => Some(Value::Int(kind, *number as i64)),
        (Value::Int(_, number), kind @ (Kind::Uint | Kind::Uint64)) => Some(Value::Uint(kind, *number as u64)),
        (Value::Uint(_, number), kind @ (Kind::Uint | Kind::Uint64)) => Some(Value::Uint(kind, *number)),
        _ => None,
    };
    converted.ok_or_else(|| Error::new(format!("value has type {}; should be {wanted}", index.type_name())))
}

fn in_map(map: &Map, index: &Value) -> Result<Value, Error> {
    if let (Value::String(key), Type::Basic(Kind::String)) = (index, map.key()) {
        return Ok(map.get(key).unwrap_or_else(|| Value::zero(*map.elem())));
    }
    let key = key(index, *map.key())?;
    Ok(map.get_value(&key).unwrap_or_else(|| Value::zero(*map.elem())))
}

pub fn index(_: &mut Context<'_>, item: Reflect<'_>, indexes: Reflects<'_>) -> Result<Value, Error> {
    if item.0.is_nil() {
        return Err(Error::new("index of untyped nil"));
    }
    let mut item = item.0.clone();
    for index in indexes.0 {
        let outside = |what: &str| Error::panic(format!("reflect: {what} index out of range"));
        item = match item.underlying() {
            Value::Nil | Value::Missing | Value::NilPointer(_) => return Err(Error::new("index of nil pointer")),
            Value::List(list) => list.get(place(index, list.len())?).cloned().ok_or_else(|| outside("slice"))?,
            Value::Bytes(bytes) => {
                let bytes = bytes.as_deref().unwrap_or_default();
                byte(bytes, place(index, bytes.len())?).ok_or_else(|| outside("slice"))?
            }
            Value::String(text) => byte(text, place(index, text.len())?).ok_or_else(|| outside("string"))?,
            Value::Map(map) => in_map(map, index)?,
            Value::Pointer(structure) => return Err(Error::new(format!("can't index item of type {}", structure.named().name))),
            other => return Err(Error::new(format!("can't index item of type {}", other.type_name()))),
        };
    }
    Ok(item)
}

fn byte(bytes: &[u8], place: usize) -> Option<Value> {
    bytes.get(place).map(|byte| Value::Uint(Kind::Uint8, u64::from(*byte)))
}

pub fn slice(context: &mut Context<'_>, item: Reflect<'_>, indexes: Reflects<'_>) -> Result<Value, Error> {
    let length = match item.0.underlying() {
        Value::Missing | Value::Nil => return Err(Error::new("slice of untyped nil")),
        Value::NilPointer(_) => return Err(Error::new("slice of nil pointer")),
        _ if indexes.0.len() > 3 => return Err(Error::new(format!("too many slice indexes: {}", indexes.0.len()))),
        Value::String(_) if indexes.0.len() == 3 => return Err(Error::new("cannot 3-index slice a string")),
        value @ (Value::String(_) | Value::Bytes(_) | Value::List(_)) => value.length().unwrap_or(0),
        other => return Err(Error::new(format!("can't slice item of type {}", other.type_name()))),
    };
    let mut places = [0, length, length];
    for (slot, index) in places.iter_mut().zip(indexes.0) {
        *slot = place(index, length)?;
    }
    let [start, end, capacity] = places;
    if start > end {
        return Err(Error::new(format!("invalid slice index: {start} > {end}")));
    }
    if indexes.0.len() == 3 && end > capacity {
        return Err(Error::new(format!("invalid slice index: {end} > {capacity}")));
    }
    context.allocate(end - start)?;
    Ok(match item.0.underlying() {
        Value::String(text) => Value::string(text.get(start..end).unwrap_or_default()),
        Value::Bytes(Some(bytes)) => Value::bytes(bytes.get(start..end).unwrap_or_default()),
        Value::List(list) if !list.is_nil() => Value::List(List::new(list.elem(), list.get(start..end).unwrap_or_default().to_vec())),
        other => other.clone(),
    })
}

pub fn length(_: &mut Context<'_>, item: Reflect<'_>) -> Result<Int, Error> {
    match item.0 {
        Value::Missing => Err(no_type()),
        Value::Nil | Value::NilPointer(_) => Err(Error::new("len of nil pointer")),
        Value::Pointer(structure) => Err(Error::new(format!("len of type {}", structure.named().name))),
        other => other.length().map(int).ok_or_else(|| Error::new(format!("len of type {}", other.type_name()))),
    }
}
