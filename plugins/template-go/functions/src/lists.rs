//! Lists. None changes its argument: the result is a new list.
use go_template_engine::{Context, Error, Function, Int, List, Type, Value, functions};

use crate::{
    cast::{V1_7, V1_10, integer},
    math::floor_to_integer,
    values::{self, NIL},
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "append" => append, (&Value, &Value);
    "chunk" => chunk, (Int, &Value);
    "compact" => compact, (&Value);
    "concat" => concat, (; &[Value]);
    "first" => first, (&Value);
    "has" => has, (&Value, &Value);
    "initial" => initial, (&Value);
    "last" => last, (&Value);
    "list" => list, (; &[Value]);
    "mustAppend" => append, (&Value, &Value);
    "mustChunk" => chunk, (Int, &Value);
    "mustCompact" => compact, (&Value);
    "mustFirst" => first, (&Value);
    "mustHas" => has, (&Value, &Value);
    "mustInitial" => initial, (&Value);
    "mustLast" => last, (&Value);
    "mustPrepend" => prepend, (&Value, &Value);
    "mustPush" => append, (&Value, &Value);
    "mustRest" => rest, (&Value);
    "mustReverse" => reverse, (&Value);
    "mustUniq" => uniq, (&Value);
    "mustWithout" => without, (&Value; &[Value]);
    "prepend" => prepend, (&Value, &Value);
    "push" => append, (&Value, &Value);
    "rest" => rest, (&Value);
    "reverse" => reverse, (&Value);
    "tuple" => list, (; &[Value]);
    "uniq" => uniq, (&Value);
    "without" => without, (&Value; &[Value]);
};

/// With conversions as Infisical's operator makes them.
pub static FUNCTIONS_1_7: &[Function] = functions! {
    "mustSlice" => slice::<V1_7>, (&Value; &[Value]);
    "slice" => slice::<V1_7>, (&Value; &[Value]);
};

/// With conversions as External Secrets Operator makes them.
pub static FUNCTIONS_1_10: &[Function] = functions! {
    "mustSlice" => slice::<V1_10>, (&Value; &[Value]);
    "slice" => slice::<V1_10>, (&Value; &[Value]);
};

type Made = Result<Value, Error>;

/// The elements of any list, charged, since the result holds them once more. `complaint` comes before the kind of what is no
/// list.
fn elements(context: &mut Context<'_>, value: &Value, complaint: &str) -> Result<List, Error> {
    if value.is_nil() {
        return Err(Error::panic(NIL));
    }
    let list = value.elements().ok_or_else(|| Error::new(format!("{complaint} {}", values::kind(value))))?;
    context.allocate(list.len().saturating_mul(size_of::<Value>()))?;
    Ok(list)
}

fn list(context: &mut Context<'_>, items: &[Value]) -> Made {
    context.allocate(size_of_val(items))?;
    Ok(Value::list(items.to_vec()))
}

fn append(context: &mut Context<'_>, list: &Value, item: &Value) -> Made {
    let mut items = elements(context, list, "Cannot push on type")?.to_vec();
    items.push(item.clone());
    Ok(Value::list(items))
}

fn prepend(context: &mut Context<'_>, list: &Value, item: &Value) -> Made {
    let list = elements(context, list, "Cannot prepend on type")?;
    Ok(Value::list(std::iter::once(item).chain(list.iter()).cloned().collect()))
}

fn chunk(context: &mut Context<'_>, size: Int, list: &Value) -> Made {
    let list = elements(context, list, "Cannot chunk type")?;
    let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
    #[allow(clippy::cast_precision_loss, reason = "as Go computes it")]
    let (count, last) = {
        let (length, size) = (length as f64, size.0 as f64);
        (floor_to_integer((length - 1.0) / size + 0.0).wrapping_add(1), floor_to_integer(length % size))
    };
    // Go counts in floating point, so that a size of zero or less ends in a slice of a length that can't be.
    let impossible = || Error::panic("runtime error: makeslice: len out of range");
    if size.0 == 0 {
        return Err(impossible());
    }
    let count = usize::try_from(count).map_err(|_| impossible())?;
    let last = if last == 0 { size.0 } else { last };
    let place = |number: i64| usize::try_from(number).map_err(|_| impossible());
    context.allocate(count.saturating_mul(size_of::<Value>()))?;
    let mut chunks = Vec::with_capacity(count.min(list.len()));
    for number in 0..count {
        let length = place(if number + 1 == count { last } else { size.0 })?;
        let start = if number == 0 { 0 } else { number.saturating_mul(place(size.0)?) };
        let items = list.get(start..start.saturating_add(length)).ok_or_else(impossible)?;
        chunks.push(Value::list(items.to_vec()));
    }
    Ok(Value::List(List::new(&Type::LIST, chunks)))
}

fn compact(context: &mut Context<'_>, list: &Value) -> Made {
    let list = elements(context, list, "Cannot compact on type")?;
    Ok(Value::list(list.iter().filter(|item| item.is_true()).cloned().collect()))
}

fn concat(context: &mut Context<'_>, lists: &[Value]) -> Made {
    let mut all = None;
    for list in lists {
        if list.is_nil() {
            return Err(Error::panic(NIL));
        }
        let Some(items) = list.elements() else {
            return Err(Error::panic(format!("Cannot concat type {} as list", values::kind(list))));
        };
        context.allocate(items.len().saturating_mul(size_of::<Value>()))?;
        if !items.is_empty() {
            all.get_or_insert_with(Vec::new).extend(items.iter().cloned());
        }
    }
    Ok(all.map_or_else(|| Value::List(List::nil(&Type::Interface)), Value::list))
}

fn first(context: &mut Context<'_>, list: &Value) -> Made {
    Ok(elements(context, list, "Cannot find first on type")?.first().cloned().unwrap_or(Value::Nil))
}

fn last(context: &mut Context<'_>, list: &Value) -> Made {
    Ok(elements(context, list, "Cannot find last on type")?.last().cloned().unwrap_or(Value::Nil))
}

/// A part of a list; nil for none of an empty one.
fn part(items: Option<&[Value]>) -> Value {
    items.map_or_else(|| Value::List(List::nil(&Type::Interface)), |items| Value::list(items.to_vec()))
}

fn rest(context: &mut Context<'_>, list: &Value) -> Made {
    Ok(part(elements(context, list, "Cannot find rest on type")?.split_first().map(|(_, rest)| rest)))
}

fn initial(context: &mut Context<'_>, list: &Value) -> Made {
    Ok(part(elements(context, list, "Cannot find initial on type")?.split_last().map(|(_, rest)| rest)))
}

fn reverse(context: &mut Context<'_>, list: &Value) -> Made {
    Ok(Value::list(elements(context, list, "Cannot find reverse on type")?.iter().rev().cloned().collect()))
}

/// Whether a list holds what is deeply equal; charged, since this in a loop is quadratic.
fn holds(context: &mut Context<'_>, list: &[Value], item: &Value) -> Result<bool, Error> {
    context.step(u64::try_from(list.len()).unwrap_or(u64::MAX))?;
    Ok(list.iter().any(|other| other.deep_equal(item)))
}

fn uniq(context: &mut Context<'_>, list: &Value) -> Made {
    let list = elements(context, list, "Cannot find uniq on type")?;
    let mut kept: Vec<Value> = Vec::new();
    for item in list.iter() {
        if !holds(context, &kept, item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn without(context: &mut Context<'_>, list: &Value, omitted: &[Value]) -> Made {
    let list = elements(context, list, "Cannot find without on type")?;
    let mut kept = Vec::new();
    for item in list.iter() {
        if !holds(context, omitted, item)? {
            kept.push(item.clone());
        }
    }
    Ok(Value::list(kept))
}

fn has(context: &mut Context<'_>, item: &Value, list: &Value) -> Result<bool, Error> {
    if list.is_nil() {
        return Ok(false);
    }
    let list = elements(context, list, "Cannot find has on type")?;
    holds(context, &list, item)
}

fn slice<const R: bool>(context: &mut Context<'_>, list: &Value, places: &[Value]) -> Made {
    let items = elements(context, list, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let start = places.first().map_or(0, integer::<R>);
    let end = places.get(1).map_or(length, integer::<R>);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let outside = || Error::panic("reflect.Value.Slice: slice index out of bounds");
    let (start, end) = range.ok_or_else(outside)?;
    match list {
        Value::Bytes(Some(bytes)) => Ok(Value::bytes(bytes.get(start..end).ok_or_else(outside)?)),
        _ => Ok(Value::List(List::new(items.elem(), items.get(start..end).ok_or_else(outside)?.to_vec()))),
    }
}
