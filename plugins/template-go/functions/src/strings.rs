//! Strings, as sprig's page of that name has them. Lengths and places count bytes, as in Go.
use std::{cmp::Ordering, collections::BTreeMap};

use go_template_engine::{Context, Error, Function, Int, List, Map, Str, Type, Value, fmt, functions, strconv};

use crate::{
    go::{case, runes, text},
    random, values,
};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {
    "abbrev" => abbrev, (Int, &Str);
    "abbrevboth" => abbrevboth, (Int, Int, &Str);
    "camelcase" => camelcase, (&Str);
    "cat" => cat, (; &[Value]);
    "contains" => contains, (&Str, &Str);
    "hasPrefix" => has_prefix, (&Str, &Str);
    "hasSuffix" => has_suffix, (&Str, &Str);
    "hello" => hello, ();
    "indent" => indent, (Int, &Str);
    "initials" => initials, (&Str);
    "join" => join, (&Str, &Value);
    "kebabcase" => kebabcase, (&Str);
    "lower" => lower, (&Str);
    "nindent" => nindent, (Int, &Str);
    "nospace" => nospace, (&Str);
    "plural" => plural, (&Str, &Str, Int);
    "quote" => quote, (; &[Value]);
    "randAlpha" => rand_alpha, (Int);
    "randAlphaNum" => rand_alpha_num, (Int);
    "randAscii" => rand_ascii, (Int);
    "randNumeric" => rand_numeric, (Int);
    "repeat" => repeat, (Int, &Str);
    "replace" => replace, (&Str, &Str, &Str);
    "shuffle" => shuffle, (&Str);
    "snakecase" => snakecase, (&Str);
    "sortAlpha" => sort_alpha, (&Value);
    "split" => split, (&Str, &Str);
    "splitList" => split_list, (&Str, &Str);
    "splitn" => splitn, (&Str, Int, &Str);
    "squote" => squote, (; &[Value]);
    "substr" => substr, (Int, Int, &Str);
    "swapcase" => swapcase, (&Str);
    "title" => title, (&Str);
    "trim" => trim, (&Str);
    "trimAll" => trim_all, (&Str, &Str);
    "trimPrefix" => trim_prefix, (&Str, &Str);
    "trimSuffix" => trim_suffix, (&Str, &Str);
    "trimall" => trim_all, (&Str, &Str);
    "trunc" => trunc, (Int, &Str);
    "untitle" => untitle, (&Str);
    "upper" => upper, (&Str);
    "wrap" => wrap, (Int, &Str);
    "wrapWith" => wrap_with, (Int, &Str, &Str);
};

type Bytes = Result<Vec<u8>, Error>;

/// Where Go's slicing panics. The numbers are left out: one is the length of a value.
fn out_of_bounds() -> Error {
    Error::panic("runtime error: slice bounds out of range: the text is shorter than that")
}

/// Go's `text[start..end]`.
fn slice(text: &[u8], start: i64, end: i64) -> Result<&[u8], Error> {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    range.and_then(|(start, end)| text.get(start..end)).ok_or_else(out_of_bounds)
}

fn length(text: &[u8]) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// What the render may still make, for results whose size is known only when they are made.
fn charged(context: &mut Context<'_>, made: Option<Vec<u8>>) -> Bytes {
    match made {
        Some(made) => {
            context.allocate(made.len())?;
            Ok(made)
        }
        None => {
            context.allocate(usize::MAX)?;
            Err(values::impossible())
        }
    }
}

fn abbrev(_: &mut Context<'_>, width: Int, text: &Str) -> Bytes {
    Ok(if width.0 < 4 { text.to_vec() } else { text::abbreviate(text, 0, width.0) })
}

fn abbrevboth(_: &mut Context<'_>, left: Int, right: Int, text: &Str) -> Bytes {
    let narrow = right.0 < 4 || (left.0 > 0 && right.0 < 7);
    Ok(if narrow { text.to_vec() } else { text::abbreviate(text, left.0, right.0) })
}

fn camelcase(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(case::pascal(text))
}

fn snakecase(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(case::joined_lower(text, b'_'))
}

fn kebabcase(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(case::joined_lower(text, b'-'))
}

fn cat(context: &mut Context<'_>, parts: &[Value]) -> Bytes {
    let mut texts = Vec::new();
    for part in parts.iter().filter(|part| !part.is_nil()) {
        texts.push(fmt::display(context, part)?);
    }
    Ok(texts.join(&b' '))
}

fn contains(_: &mut Context<'_>, part: &Str, text: &Str) -> Result<bool, Error> {
    Ok(text::index(text, part).is_some())
}

fn has_prefix(_: &mut Context<'_>, part: &Str, text: &Str) -> Result<bool, Error> {
    Ok(text.starts_with(part))
}

fn has_suffix(_: &mut Context<'_>, part: &Str, text: &Str) -> Result<bool, Error> {
    Ok(text.ends_with(part))
}

fn hello(_: &mut Context<'_>) -> Result<&'static str, Error> {
    Ok("Hello!")
}

fn repeat(context: &mut Context<'_>, count: Int, text: &Str) -> Bytes {
    let count = usize::try_from(count.0).map_err(|_| Error::panic("strings: negative Repeat count"))?;
    context.allocate(text.len().saturating_mul(count))?;
    Ok(text.repeat(count))
}

fn indent(context: &mut Context<'_>, spaces: Int, text: &Str) -> Bytes {
    let spaces = usize::try_from(spaces.0).map_err(|_| Error::panic("strings: negative Repeat count"))?;
    let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
    context.allocate(text.len().saturating_add(lines.saturating_mul(spaces)))?;
    let pad = b" ".repeat(spaces);
    let mut out = pad.clone();
    for &byte in text.iter() {
        out.push(byte);
        if byte == b'\n' {
            out.extend_from_slice(&pad);
        }
    }
    Ok(out)
}

fn nindent(context: &mut Context<'_>, spaces: Int, text: &Str) -> Bytes {
    let mut out = indent(context, spaces, text)?;
    out.insert(0, b'\n');
    Ok(out)
}

fn initials(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::initials(text))
}

fn join(context: &mut Context<'_>, separator: &Str, list: &Value) -> Bytes {
    let texts = values::texts(context, list)?;
    let size: usize = texts.iter().map(|text| text.len()).sum();
    context.allocate(size.saturating_add(texts.len().saturating_mul(separator.len())))?;
    let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
    Ok(texts.join(&**separator))
}

fn sort_alpha(context: &mut Context<'_>, list: &Value) -> Result<Value, Error> {
    if value_is_list(list) {
        let mut texts = values::texts(context, list)?;
        texts.sort();
        return Ok(Value::strings(texts));
    }
    Ok(Value::strings([values::text(context, list)?]))
}

fn value_is_list(value: &Value) -> bool {
    matches!(value.underlying(), Value::List(_) | Value::Bytes(_))
}

fn lower(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::lower(text))
}

fn upper(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::upper(text))
}

fn title(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::title(text))
}

fn untitle(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::untitle(text))
}

fn swapcase(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::swap_case(text))
}

fn nospace(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::no_space(text))
}

fn plural(_: &mut Context<'_>, one: &Str, many: &Str, count: Int) -> Result<Str, Error> {
    Ok(if count.0 == 1 { one } else { many }.clone())
}

fn quote(context: &mut Context<'_>, parts: &[Value]) -> Bytes {
    let mut quoted = Vec::new();
    for part in parts.iter().filter(|part| !part.is_nil()) {
        let text = values::text(context, part)?;
        // A quoted byte takes at most four.
        context.allocate(text.len().saturating_mul(4))?;
        quoted.push(strconv::quote(&text, false));
    }
    Ok(quoted.join(&b' '))
}

fn squote(context: &mut Context<'_>, parts: &[Value]) -> Bytes {
    let mut quoted = Vec::new();
    for part in parts.iter().filter(|part| !part.is_nil()) {
        quoted.push([b"'", fmt::display(context, part)?.as_slice(), b"'"].concat());
    }
    Ok(quoted.join(&b' '))
}

fn rand_alpha(context: &mut Context<'_>, count: Int) -> Bytes {
    random::letters(context, count.0, |byte| byte.is_ascii_alphabetic())
}

fn rand_alpha_num(context: &mut Context<'_>, count: Int) -> Bytes {
    random::letters(context, count.0, |byte| byte.is_ascii_alphanumeric())
}

fn rand_ascii(context: &mut Context<'_>, count: Int) -> Bytes {
    random::letters(context, count.0, |byte| (b' '..=b'~').contains(&byte))
}

fn rand_numeric(context: &mut Context<'_>, count: Int) -> Bytes {
    random::letters(context, count.0, |byte| byte.is_ascii_digit())
}

fn shuffle(context: &mut Context<'_>, text: &Str) -> Bytes {
    let mut letters: Vec<char> = runes::runes(text).map(|(rune, _)| rune).collect();
    context.allocate(letters.len().saturating_mul(4))?;
    for last in (1..letters.len()).rev() {
        let other = random::below(context, u64::try_from(last).unwrap_or(u64::MAX).saturating_add(1))?;
        letters.swap(last, usize::try_from(other).unwrap_or(0));
    }
    Ok(letters.into_iter().collect::<String>().into_bytes())
}

fn replace(context: &mut Context<'_>, old: &Str, new: &Str, text: &Str) -> Bytes {
    let most = context.limits.allocated;
    let made = text::replace(text, old, new, most);
    charged(context, made)
}

fn parts(parts: Vec<&[u8]>) -> Map {
    let mut entries = BTreeMap::new();
    // Not collected: that sorts first, which is much code for each type.
    entries.extend((0..).zip(parts).map(|(place, part)| (Str::from(format!("_{place}")), Value::string(part))));
    Map::of_strings(&Type::STRING, entries)
}

fn split(context: &mut Context<'_>, separator: &Str, text: &Str) -> Result<Map, Error> {
    splitn(context, separator, Int(-1), text)
}

fn splitn(context: &mut Context<'_>, separator: &Str, limit: Int, text: &Str) -> Result<Map, Error> {
    let split = text::split(text, separator, limit.0);
    context.allocate(split.len().saturating_mul(64).saturating_add(text.len()))?;
    Ok(parts(split))
}

fn split_list(context: &mut Context<'_>, separator: &Str, text: &Str) -> Result<Value, Error> {
    let split = text::split(text, separator, -1);
    context.allocate(split.len().saturating_mul(40).saturating_add(text.len()))?;
    Ok(Value::List(List::new(&Type::STRING, split.into_iter().map(Value::string).collect())))
}

fn substr(_: &mut Context<'_>, start: Int, end: Int, text: &Str) -> Bytes {
    let all = length(text);
    let (start, end) = match (start.0, end.0) {
        (..0, end) => (0, end),
        (start, ..0) => (start, all),
        (start, end) => (start, end.min(all)),
    };
    slice(text, start, end).map(<[u8]>::to_vec)
}

fn trim(_: &mut Context<'_>, text: &Str) -> Bytes {
    Ok(text::trim_space(text).to_vec())
}

fn trim_all(_: &mut Context<'_>, set: &Str, text: &Str) -> Bytes {
    Ok(text::trim(text, set).to_vec())
}

fn trim_prefix(_: &mut Context<'_>, part: &Str, text: &Str) -> Bytes {
    Ok(text.strip_prefix(&**part).unwrap_or(text).to_vec())
}

fn trim_suffix(_: &mut Context<'_>, part: &Str, text: &Str) -> Bytes {
    Ok(text.strip_suffix(&**part).unwrap_or(text).to_vec())
}

fn trunc(_: &mut Context<'_>, count: Int, text: &Str) -> Bytes {
    let all = length(text);
    match count.0.cmp(&0) {
        Ordering::Less if all.saturating_add(count.0) > 0 => slice(text, all + count.0, all),
        Ordering::Less => Ok(&**text),
        _ => slice(text, 0, count.0.min(all)),
    }
    .map(<[u8]>::to_vec)
}

fn wrap(context: &mut Context<'_>, width: Int, text: &Str) -> Bytes {
    let made = text::wrap(text, width.0, b"", false, context.limits.allocated);
    charged(context, made)
}

fn wrap_with(context: &mut Context<'_>, width: Int, newline: &Str, text: &Str) -> Bytes {
    let made = text::wrap(text, width.0, newline, true, context.limits.allocated);
    charged(context, made)
}
