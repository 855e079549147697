//! Maps with string keys. `set`, `unset` and `merge` change the map they are given; all who share it see that.
use go_template_engine::{Context, Error, Function, List, Map, Maps, Str, Strings, Value, functions};

use crate::{
    merge::{self, Failure},
    semver, values,
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "deepCopy" => deep_copy, (&Value);
    "dict" => dict, (; &[Value]);
    "dig" => dig, (; &[Value]);
    "get" => get, (&Map, &Str);
    "hasKey" => has_key, (&Map, &Str);
    "keys" => keys, (; Maps<'_>);
    "merge" => merge, (&Map; Maps<'_>);
    "mergeOverwrite" => merge_overwrite, (&Map; Maps<'_>);
    "mustDeepCopy" => deep_copy, (&Value);
    "mustMerge" => must_merge, (&Map; Maps<'_>);
    "mustMergeOverwrite" => must_merge_overwrite, (&Map; Maps<'_>);
    "omit" => omit, (&Map; Strings<'_>);
    "pick" => pick, (&Map; Strings<'_>);
    "pluck" => pluck, (&Str; Maps<'_>);
    "set" => set, (&Map, &Str, &Value);
    "unset" => unset, (&Map, &Str);
    "values" => all_values, (&Map);
};

/// What an entry of a map takes, roughly.
const ENTRY: usize = 64;

fn dict(context: &mut Context<'_>, parts: &[Value]) -> Result<Map, Error> {
    let map = Map::dict();
    for pair in parts.chunks(2) {
        let Some(key) = pair.first() else { continue };
        context.allocate(ENTRY)?;
        let key = values::text(context, key)?;
        // The last key may lack its value.
        map.set(key, pair.get(1).cloned().unwrap_or_else(|| Value::string("")))?;
    }
    Ok(map)
}

/// The value of a key; an empty text where there is none.
fn get(_: &mut Context<'_>, map: &Map, key: &Str) -> Result<Value, Error> {
    Ok(map.get(key).unwrap_or_else(|| Value::string("")))
}

fn set(context: &mut Context<'_>, map: &Map, key: &Str, value: &Value) -> Result<Map, Error> {
    context.allocate(ENTRY)?;
    map.set(key.clone(), value.clone())?;
    Ok(map.clone())
}

fn unset(_: &mut Context<'_>, map: &Map, key: &Str) -> Result<Map, Error> {
    map.remove(key);
    Ok(map.clone())
}

fn has_key(_: &mut Context<'_>, map: &Map, key: &Str) -> Result<bool, Error> {
    Ok(map.has(key))
}

fn pluck(context: &mut Context<'_>, key: &Str, maps: Maps<'_>) -> Result<Value, Error> {
    let found: Vec<Value> = maps.iter().filter_map(|map| map.get(key)).collect();
    context.allocate(size_of_val(found.as_slice()))?;
    Ok(Value::list(found))
}

/// Sorted within each map, where Go's order is a different one at every call.
fn keys(context: &mut Context<'_>, maps: Maps<'_>) -> Result<Value, Error> {
    let keys: Vec<Value> = maps.iter().flat_map(|map| map.entries()).map(|(key, _)| key).collect();
    context.allocate(size_of_val(keys.as_slice()))?;
    Ok(Value::List(List::new(&go_template_engine::Type::STRING, keys)))
}

/// In the order of the keys, where Go's is a different one at every call.
fn all_values(context: &mut Context<'_>, map: &Map) -> Result<Value, Error> {
    let found: Vec<Value> = map.entries().into_iter().map(|(_, value)| value).collect();
    context.allocate(size_of_val(found.as_slice()))?;
    Ok(Value::list(found))
}

fn pick(context: &mut Context<'_>, map: &Map, keys: Strings<'_>) -> Result<Map, Error> {
    let picked = Map::dict();
    for key in keys.iter() {
        if let Some(value) = map.get(key) {
            context.allocate(ENTRY)?;
            picked.set(key.clone(), value)?;
        }
    }
    Ok(picked)
}

fn omit(context: &mut Context<'_>, map: &Map, keys: Strings<'_>) -> Result<Map, Error> {
    let rest = Map::dict();
    for (key, value) in map.entries() {
        if let Value::String(key) = key
            && !keys.iter().any(|other| *other == key)
        {
            context.allocate(ENTRY)?;
            rest.set(key, value)?;
        }
    }
    Ok(rest)
}

fn merged(context: &mut Context<'_>, into: &Map, maps: Maps<'_>, overwrite: bool) -> Result<Value, Failure> {
    let mut into = into.clone();
    for map in maps.iter() {
        // A nil map, such as a missing key's, gives way to a new one at the first map that is none.
        if into.is_nil() && !map.is_nil() {
            into = Map::dict();
        }
        merge::merge(context, &into, map, overwrite)?;
    }
    Ok(Value::Map(into))
}

/// sprig swallows errors here, but not panics.
fn swallowed(result: Result<Value, Failure>) -> Result<Value, Error> {
    match result {
        Ok(map) => Ok(map),
        Err(Failure::Returned(_)) => Ok(Value::string("")),
        Err(Failure::Fatal(error)) => Err(error),
    }
}

fn merge(context: &mut Context<'_>, into: &Map, maps: Maps<'_>) -> Result<Value, Error> {
    swallowed(merged(context, into, maps, false))
}

fn merge_overwrite(context: &mut Context<'_>, into: &Map, maps: Maps<'_>) -> Result<Value, Error> {
    swallowed(merged(context, into, maps, true))
}

fn must_merge(context: &mut Context<'_>, into: &Map, maps: Maps<'_>) -> Result<Value, Error> {
    merged(context, into, maps, false).map_err(Failure::error)
}

fn must_merge_overwrite(context: &mut Context<'_>, into: &Map, maps: Maps<'_>) -> Result<Value, Error> {
    merged(context, into, maps, true).map_err(Failure::error)
}

fn deep_copy(context: &mut Context<'_>, value: &Value) -> Result<Value, Error> {
    if value.is_nil() {
        return Err(Error::panic("reflect: call of reflect.Value.Type on zero Value"));
    }
    copy(context, value, 0)
}

fn copy(context: &mut Context<'_>, value: &Value, depth: usize) -> Result<Value, Error> {
    if depth > merge::MOST_DEPTH {
        return Err(merge::too_deep());
    }
    match value {
        Value::List(list) if list.is_nil() => Ok(value.clone()),
        Value::List(list) => {
            context.allocate(list.len().saturating_mul(size_of::<Value>()))?;
            let items: Result<Vec<Value>, Error> = list.iter().map(|item| copy(context, item, depth + 1)).collect();
            Ok(Value::List(List::new(list.elem(), items?)))
        }
        Value::Map(map) if map.is_nil() => Ok(value.clone()),
        Value::Map(map) => {
            let copied = Map::new(map.key(), map.elem());
            for (key, item) in map.entries() {
                context.allocate(ENTRY)?;
                copied.set_value(key, copy(context, &item, depth + 1)?)?;
            }
            Ok(Value::Map(copied))
        }
        // The library doesn't copy fields that Go hides, so that nothing of a version is left.
        Value::Pointer(_) | Value::Struct(_) if semver::is_version(value) => Ok(semver::zero(value)),
        // Nothing else can change, so that sharing it is as good.
        other => Ok(other.clone()),
    }
}

/// As Go names a value in a conversion that fails.
fn dynamic(value: &Value) -> String {
    if value.is_nil() { "nil".to_owned() } else { value.type_name() }
}

fn conversion(value: &Value, wanted: &str) -> Error {
    Error::panic(format!("interface conversion: interface {{}} is {}, not {wanted}", dynamic(value)))
}

fn as_dict(value: &Value) -> Result<&Map, Error> {
    use go_template_engine::Arg;
    let dict = matches!(value.type_of(), Some(found) if found == <&Map as Arg>::TYPE);
    match value {
        Value::Map(map) if dict => Ok(map),
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

/// Keys from the outside to the inside, a default, a map.
fn dig(_: &mut Context<'_>, parts: &[Value]) -> Result<Value, Error> {
    let [keys @ .., default, map] = parts else {
        return Err(Error::panic("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(Error::panic("dig needs at least three arguments"));
    }
    let mut map = as_dict(map)?.clone();
    let mut path = Vec::with_capacity(keys.len());
    for key in keys {
        match key {
            Value::String(key) => path.push(key),
            other => return Err(conversion(other, "string")),
        }
    }
    let mut path = path.into_iter().peekable();
    while let Some(key) = path.next() {
        let Some(step) = map.get(key) else { return Ok(default.clone()) };
        if path.peek().is_none() {
            return Ok(step);
        }
        map = as_dict(&step)?.clone();
    }
    Ok(default.clone())
}
