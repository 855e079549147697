//! Regular expressions in Go's syntax. They take time linear in the text, whatever the expression.
use go_template_engine::{Context, Error, Function, Int, List, Str, Type, Value, functions, strconv};

use crate::{
    go::{
        error::GoError,
        regex::{self, Regex},
    },
    values,
};
use std::rc::Rc;

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "mustRegexFind" => must_find, (&Str, &Str);
    "mustRegexFindAll" => must_find_all, (&Str, &Str, Int);
    "mustRegexMatch" => must_match, (&Str, &Str);
    "mustRegexReplaceAll" => must_replace_all, (&Str, &Str, &Str);
    "mustRegexReplaceAllLiteral" => must_replace_all_literal, (&Str, &Str, &Str);
    "mustRegexSplit" => must_split, (&Str, &Str, Int);
    "regexFind" => find, (&Str, &Str);
    "regexFindAll" => find_all, (&Str, &Str, Int);
    "regexMatch" => is_match, (&Str, &Str);
    "regexQuoteMeta" => quote_meta, (&Str);
    "regexReplaceAll" => replace_all, (&Str, &Str, &Str);
    "regexReplaceAllLiteral" => replace_all_literal, (&Str, &Str, &Str);
    "regexSplit" => split, (&Str, &Str, Int);
};

type Bytes = Result<Vec<u8>, Error>;

/// What Go's `MustCompile` says when it panics.
fn compile(pattern: &Str) -> Result<Rc<Regex>, Error> {
    regex::compile(pattern).map_err(|error| {
        let shown = if strconv::can_backquote(pattern) { [b"`", &**pattern, b"`"].concat() } else { strconv::quote(pattern, false) };
        GoError::new("regexp: Compile(").quote(shown).text("): ").wrap(error).error()
    })
}

fn must_compile(pattern: &Str) -> Result<Rc<Regex>, Error> {
    regex::compile(pattern).map_err(GoError::error)
}

/// Without a match where the expression is none.
fn is_match(_: &mut Context<'_>, pattern: &Str, text: &Str) -> Result<bool, Error> {
    Ok(regex::compile(pattern).is_ok_and(|regex| regex.is_match(text)))
}

fn must_match(_: &mut Context<'_>, pattern: &Str, text: &Str) -> Result<bool, Error> {
    Ok(must_compile(pattern)?.is_match(text))
}

fn find(_: &mut Context<'_>, pattern: &Str, text: &Str) -> Bytes {
    Ok(compile(pattern)?.find(text).to_vec())
}

fn must_find(_: &mut Context<'_>, pattern: &Str, text: &Str) -> Bytes {
    Ok(must_compile(pattern)?.find(text).to_vec())
}

fn all(context: &mut Context<'_>, regex: &Regex, text: &Str, limit: Int) -> Result<Value, Error> {
    let found = regex.find_all(text, limit.0);
    context.allocate(found.len().saturating_mul(40).saturating_add(text.len()))?;
    if found.is_empty() {
        return Ok(Value::List(List::nil(&Type::STRING)));
    }
    Ok(Value::strings(found))
}

fn find_all(context: &mut Context<'_>, pattern: &Str, text: &Str, limit: Int) -> Result<Value, Error> {
    all(context, &*compile(pattern)?, text, limit)
}

fn must_find_all(context: &mut Context<'_>, pattern: &Str, text: &Str, limit: Int) -> Result<Value, Error> {
    all(context, &*must_compile(pattern)?, text, limit)
}

fn replaced(context: &mut Context<'_>, regex: &Regex, text: &Str, by: &Str, literal: bool) -> Bytes {
    let most = context.limits.allocated;
    let Some(made) = regex.replace_all(text, by, literal, most) else {
        context.allocate(usize::MAX)?;
        return Err(values::impossible());
    };
    context.allocate(made.len())?;
    Ok(made)
}

fn replace_all(context: &mut Context<'_>, pattern: &Str, text: &Str, by: &Str) -> Bytes {
    replaced(context, &*compile(pattern)?, text, by, false)
}

fn must_replace_all(context: &mut Context<'_>, pattern: &Str, text: &Str, by: &Str) -> Bytes {
    replaced(context, &*must_compile(pattern)?, text, by, false)
}

fn replace_all_literal(context: &mut Context<'_>, pattern: &Str, text: &Str, by: &Str) -> Bytes {
    replaced(context, &*compile(pattern)?, text, by, true)
}

fn must_replace_all_literal(context: &mut Context<'_>, pattern: &Str, text: &Str, by: &Str) -> Bytes {
    replaced(context, &*must_compile(pattern)?, text, by, true)
}

fn parts(context: &mut Context<'_>, regex: &Regex, pattern: &Str, text: &Str, limit: Int) -> Result<Value, Error> {
    let Some(parts) = regex.split(text, limit.0, pattern.is_empty()) else {
        return Ok(Value::List(List::nil(&Type::STRING)));
    };
    context.allocate(parts.len().saturating_mul(40).saturating_add(text.len()))?;
    Ok(Value::strings(parts))
}

fn split(context: &mut Context<'_>, pattern: &Str, text: &Str, limit: Int) -> Result<Value, Error> {
    parts(context, &*compile(pattern)?, pattern, text, limit)
}

fn must_split(context: &mut Context<'_>, pattern: &Str, text: &Str, limit: Int) -> Result<Value, Error> {
    parts(context, &*must_compile(pattern)?, pattern, text, limit)
}

fn quote_meta(context: &mut Context<'_>, text: &Str) -> Bytes {
    context.allocate(text.len().saturating_mul(2))?;
    Ok(regex::quote_meta(text))
}
