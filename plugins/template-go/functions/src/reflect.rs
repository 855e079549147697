//! Types and kinds of values, by their names in Go.
use go_template_engine::{Context, Error, Function, Str, Value, functions};

use crate::values;

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "deepEqual" => deep_equal, (&Value, &Value);
    "kindIs" => kind_is, (&Str, &Value);
    "kindOf" => kind_of, (&Value);
    "typeIs" => type_is, (&Str, &Value);
    "typeIsLike" => type_is_like, (&Str, &Value);
    "typeOf" => type_of, (&Value);
};

fn deep_equal(_: &mut Context<'_>, a: &Value, b: &Value) -> Result<bool, Error> {
    Ok(a.deep_equal(b))
}

fn kind_is(_: &mut Context<'_>, name: &Str, value: &Value) -> Result<bool, Error> {
    Ok(**name == *values::kind(value).as_bytes())
}

fn kind_of(_: &mut Context<'_>, value: &Value) -> Result<&'static str, Error> {
    Ok(values::kind(value))
}

fn type_is(_: &mut Context<'_>, name: &Str, value: &Value) -> Result<bool, Error> {
    Ok(**name == *value.type_name().as_bytes())
}

/// Also true for a pointer to the type.
fn type_is_like(_: &mut Context<'_>, name: &Str, value: &Value) -> Result<bool, Error> {
    let found = value.type_name();
    Ok(**name == *found.as_bytes() || found.strip_prefix('*').is_some_and(|found| **name == *found.as_bytes()))
}

fn type_of(_: &mut Context<'_>, value: &Value) -> Result<String, Error> {
    Ok(value.type_name())
}
