//! Merging maps as mergo 1.0.2 does.
//!
//! What stands in the destination and is not empty stays, unless overwriting; maps in both are merged into one another; what
//! is missing is taken over as it is, so that both then share it. Lists are never merged. Overwriting takes over empty values
//! too.

use go_template_engine::{Context, Error, Map, Type, Value};

/// Maps in one another, for merging, copying and JSON.
pub const MOST_DEPTH: usize = 1000;

/// Why merging ended.
pub enum Failure {
    /// An error that mergo returns.
    Returned(Error),
    /// A panic in it, or a limit of the render.
    Fatal(Error),
}

impl Failure {
    /// The error, whichever it was.
    pub fn error(self) -> Error {
        match self {
            Self::Returned(error) | Self::Fatal(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// Beyond [`MOST_DEPTH`], where Go's stack would overflow some time.
pub fn too_deep() -> Error {
    Error::limit(format!("the value nests more than {MOST_DEPTH} levels, or holds itself"))
}

/// mergo's `isEmptyValue`.
fn is_empty(value: &Value) -> bool {
    match value.underlying() {
        Value::Struct(_) | Value::Complex(_) => false,
        Value::Pointer(_) => false,
        other => !other.is_true(),
    }
}

/// Merges `from` into `into`.
pub fn merge(context: &mut Context<'_>, into: &Map, from: &Map, overwrite: bool) -> Result<(), Failure> {
    step(context, into, from, overwrite, 0)
}

fn step(context: &mut Context<'_>, into: &Map, from: &Map, overwrite: bool, depth: usize) -> Result<(), Failure> {
    if depth > MOST_DEPTH {
        return Err(too_deep().into());
    }
    if into.is_nil() {
        return Ok(());
    }
    for (key, value) in from.entries() {
        context.allocate(64)?;
        context.step(1)?;
        let old = into.get_value(&key);
        if value.is_nil() {
            if overwrite {
                put(into, key, value)?;
            }
            continue;
        }
        descend(context, old.as_ref(), &value, overwrite, depth)?;
        let list = matches!(value, Value::List(_) | Value::Bytes(_));
        if list && overwrite {
            put(into, key.clone(), value.clone())?;
        }
        if let Some(old) = old.as_ref().filter(|old| !is_empty(old)) {
            let maps = matches!((&value, old), (Value::Map(_), Value::Map(_)));
            if list || maps || !overwrite {
                continue;
            }
        }
        put(into, key, value)?;
    }
    Ok(())
}

/// What Go does with a map or a struct in the source before it looks whether to take it over.
fn descend(context: &mut Context<'_>, old: Option<&Value>, value: &Value, overwrite: bool, depth: usize) -> Result<(), Failure> {
    match (old, value) {
        (Some(Value::Map(old)), Value::Map(value)) => step(context, old, value, overwrite, depth + 1),
        (Some(Value::Struct(old)), Value::Map(_)) if old.named().fields.iter().any(go_template_engine::Field::exported) => {
            Err(Error::panic("reflect: call of reflect.Value.Field on map Value").into())
        }
        (Some(Value::Pointer(old)), Value::Map(_) | Value::Struct(_)) if !overwrite => match value {
            Value::Struct(value) if value.named() == old.named() => Ok(()),
            _ => Err(Failure::Returned(Error::new("src and dst must be of same type"))),
        },
        _ => Ok(()),
    }
}

/// Go panics where the value is not of the map's type.
fn put(into: &Map, key: Value, value: Value) -> Result<(), Error> {
    let fits = *into.elem() == Type::Interface || value.type_of().is_some_and(|found| found == *into.elem());
    if fits {
        return into.set_value(key, value);
    }
    Err(Error::panic(format!("reflect.Value.SetMapIndex: value of type interface {{}} is not assignable to type {}", into.elem())))
}
