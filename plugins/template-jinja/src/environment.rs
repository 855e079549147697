//! The engine as this plugin sets it up.
use crate::data::{Data, Item};
use minijinja::{AutoEscape, Environment, Error as JinjaError, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig};
use plugin_sdk::{
    Error,
    template::{MissingKey, Options},
};

/// Steps of all templates of a call: a few times those of the largest sensible one, and a fraction of a second.
const STEPS: u64 = 2_000_000;

/// Calls within calls: each takes a few hundred bytes of a stack of half a mebibyte.
const DEPTH: usize = 100;

/// The engine for these options.
pub fn environment(options: &Options, data: &Data) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(STEPS));
    environment.set_recursion_limit(DEPTH);
    environment.set_undefined_behavior(match options.missing_key {
        MissingKey::Default => UndefinedBehavior::Chainable,
        MissingKey::Error => UndefinedBehavior::Strict,
    });
    environment.set_trim_blocks(flag(options, "trim-blocks", false)?);
    environment.set_lstrip_blocks(flag(options, "lstrip-blocks", false)?);
    environment.set_keep_trailing_newline(flag(options, "keep-trailing-newline", true)?);
    if let Some((left, right)) = &options.delimiters {
        let syntax = SyntaxConfig::builder().variable_delimiters(left.clone(), right.clone()).build();
        environment.set_syntax(syntax.map_err(|_| Error::setting("/options/delimiters", "can't be the delimiters of a variable"))?);
    }
    let count = data.counter();
    environment.set_formatter(move |out, state, value| {
        let shown = value.downcast_object_ref::<Item>().map_or(value, |item| &item.value);
        if shown.is_undefined() {
            if matches!(state.undefined_behavior(), UndefinedBehavior::Strict) {
                return Err(JinjaError::from(ErrorKind::UndefinedError));
            }
            count();
            return Ok(());
        }
        write!(out, "{shown}").map_err(JinjaError::from)
    });
    Ok(environment)
}

fn flag(options: &Options, name: &str, default: bool) -> Result<bool, Error> {
    match options.own.get(name) {
        None => Ok(default),
        Some(value) => value.as_bool().ok_or_else(|| Error::setting(format!("/options/{name}"), "must be true or false")),
    }
}
