//! What to take where something is empty: false, 0, nil, an empty text, list or map. A struct is never empty.
use go_template_engine::{Context, Error, Function, Str, Value, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "all" => all, (; &[Value]);
    "any" => any, (; &[Value]);
    "coalesce" => coalesce, (; &[Value]);
    "default" => default, (&Value; &[Value]);
    "empty" => empty, (&Value);
    "fail" => fail, (&Str);
    "ternary" => ternary, (&Value, &Value, bool);
};

fn all(_: &mut Context<'_>, values: &[Value]) -> Result<bool, Error> {
    Ok(values.iter().all(Value::is_true))
}

fn any(_: &mut Context<'_>, values: &[Value]) -> Result<bool, Error> {
    Ok(values.iter().any(Value::is_true))
}

fn coalesce(_: &mut Context<'_>, values: &[Value]) -> Result<Value, Error> {
    Ok(values.iter().find(|value| value.is_true()).cloned().unwrap_or(Value::Nil))
}

fn default(_: &mut Context<'_>, default: &Value, given: &[Value]) -> Result<Value, Error> {
    Ok(given.first().filter(|value| value.is_true()).unwrap_or(default).clone())
}

fn empty(_: &mut Context<'_>, value: &Value) -> Result<bool, Error> {
    Ok(!value.is_true())
}

/// A message that was put together is not shown: it may hold a secret.
fn fail(_: &mut Context<'_>, message: &Str) -> Result<Value, Error> {
    Err(Error::quoting(message.lossy(), "the template called fail, with a message that is not written out in the template"))
}

fn ternary(_: &mut Context<'_>, yes: &Value, no: &Value, condition: bool) -> Result<Value, Error> {
    Ok(if condition { yes } else { no }.clone())
}
