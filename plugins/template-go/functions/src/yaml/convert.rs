//! Between values of templates and those of documents.
use go_template_engine::{Context, Error, Kind, Map, Structure, Type, Value, fmt};
use go_yaml::{Data, Key, MAX_DEPTH, Timestamp};
use std::collections::BTreeMap;

/// A value as `yaml.v3` sees it: fields of structs by their names in lower case, bytes as a list of numbers.
///
/// # Errors
/// For complex numbers; for values nested too deep, or in themselves.
pub fn to_data(context: &mut Context<'_>, value: &Value) -> Result<Data, Error> {
    data(context, value, 0)
}

fn data(context: &mut Context<'_>, value: &Value, depth: usize) -> Result<Data, Error> {
    if depth > MAX_DEPTH {
        return Err(Error::new(format!("nested deeper than {MAX_DEPTH} levels")));
    }
    context.step(1)?;
    Ok(match value {
        Value::Missing | Value::Nil | Value::NilPointer(_) => Data::Null,
        Value::Bool(truth) => Data::Bool(*truth),
        Value::Int(_, number) => Data::Int(*number),
        Value::Uint(_, number) => Data::Uint(*number),
        Value::Float(number) => Data::Float(*number),
        // Printed as short as its 32 bits allow.
        Value::Float32(number) => Data::Float(number.to_string().parse().unwrap_or(f64::from(*number))),
        Value::Complex(_) => return Err(Error::new("cannot marshal type: complex128")),
        Value::String(text) => Data::Str(text.to_vec()),
        Value::Bytes(bytes) => numbers(bytes.as_deref().unwrap_or_default()),
        Value::List(list) => items(context, list, depth)?,
        Value::Map(map) => entries(context, map, depth)?,
        Value::Struct(structure) | Value::Pointer(structure) => fields(context, value, structure, depth)?,
        Value::Named(named) if named.named.name == "time.Duration" => Data::Str(fmt::display(context, value)?),
        Value::Named(named) => data(context, &named.value, depth + 1)?,
    })
}

// Each kind of value has a function of its own, so that a level of nesting costs little stack.

fn numbers(bytes: &[u8]) -> Data {
    Data::List(bytes.iter().map(|byte| Data::Uint(u64::from(*byte))).collect())
}

fn items(context: &mut Context<'_>, list: &[Value], depth: usize) -> Result<Data, Error> {
    let mut items = Vec::with_capacity(list.len());
    for item in list {
        items.push(data(context, item, depth + 1)?);
    }
    Ok(Data::List(items))
}

fn entries(context: &mut Context<'_>, map: &Map, depth: usize) -> Result<Data, Error> {
    let mut entries = BTreeMap::new();
    for (key, item) in map.entries() {
        entries.insert(key_of(&key)?, data(context, &item, depth + 1)?);
    }
    Ok(Data::Map(go_yaml::Map { string_keys: map.key().kind() == Kind::String, entries }))
}

fn key_of(key: &Value) -> Result<Key, Error> {
    Ok(match key.underlying() {
        Value::Missing | Value::Nil => Key::Null,
        Value::Bool(truth) => Key::Bool(*truth),
        Value::Int(_, number) => Key::Int(*number),
        Value::Uint(_, number) => Key::Uint(*number),
        Value::Float(number) => Key::Float(number.to_bits()),
        Value::String(text) => Key::Str(text.to_vec()),
        other => return Err(Error::new(format!("a key of type {} can't be written as YAML", other.type_name()))),
    })
}

fn fields(context: &mut Context<'_>, value: &Value, structure: &Structure, depth: usize) -> Result<Data, Error> {
    let named = structure.named();
    if structure.fields().is_empty() {
        // A type of the host: times have a form of their own, others write their text.
        let text = crate::json::must_to_json(context, value)?;
        let text = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(&text).to_vec();
        let time = std::str::from_utf8(&text).ok().filter(|_| named.name == "time.Time").and_then(Timestamp::parse);
        return Ok(time.map_or(Data::Str(text), Data::Time));
    }
    let exported = named.fields.iter().zip(structure.fields()).filter(|(field, _)| field.exported());
    let pair = |(field, value): (&go_template_engine::Field, &Value)| {
        Ok((field.name.to_lowercase().into_bytes(), data(context, value, depth + 1)?))
    };
    Ok(Data::Fields(exported.map(pair).collect::<Result<_, Error>>()?))
}

/// A document's value as a template sees it.
///
/// # Errors
/// Beyond the limits of the render.
pub fn from_data(context: &mut Context<'_>, data: Data) -> Result<Value, Error> {
    context.step(1)?;
    Ok(match data {
        Data::Null => Value::Nil,
        Data::Bool(truth) => Value::Bool(truth),
        Data::Int(number) => Value::int(number),
        Data::Uint(number) => Value::Uint(Kind::Uint64, number),
        Data::Float(number) => Value::Float(number),
        Data::Str(text) => {
            context.allocate(text.len())?;
            Value::string(text)
        }
        Data::Time(time) => crate::dates::must_to_date(context, &"2006-01-02T15:04:05.999999999Z07:00".into(), &time.rfc3339().into())?,
        Data::List(items) => from_list(context, items)?,
        Data::Map(map) => Value::Map(from_map(context, map)?),
        Data::Fields(_) => Value::Nil,
    })
}

fn from_list(context: &mut Context<'_>, items: Vec<Data>) -> Result<Value, Error> {
    let mut list = Vec::with_capacity(items.len());
    for item in items {
        list.push(from_data(context, item)?);
    }
    Ok(Value::list(list))
}

/// The same, of a map.
///
/// # Errors
/// As [`from_data`].
pub fn from_map(context: &mut Context<'_>, map: go_yaml::Map) -> Result<Map, Error> {
    let made = if map.string_keys { Map::dict() } else { Map::new(&Type::Interface, &Type::Interface) };
    for (key, item) in map.entries {
        let key = from_data(context, key.to_data())?;
        made.set_value(key, from_data(context, item)?)?;
    }
    Ok(made)
}
