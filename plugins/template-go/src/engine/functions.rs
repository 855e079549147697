//! The functions: those that the rewritten tree calls, those of the language that must know structs, and the ones of sprig
//! and of Infisical's operator that its samples use. In a pipeline the value comes last.
use super::{Run, Shape, Shared, as_structure, lock, rewrite, string, text};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use gotmpl::{FuncMap, TemplateError, Value, ValueFunc};
use std::sync::Arc;

/// Refused, with a text that quotes no value.
type Refused = String;
type Function = fn(&Run, &[Value]) -> Result<Value, Refused>;

/// All of them, for one run.
pub fn all(run: &Shared) -> FuncMap {
    let mut functions = FuncMap::new();
    for (name, function) in TABLE {
        functions.insert((*name).into(), wrap(run, name, *function));
    }
    let state = Arc::clone(run);
    functions.insert(rewrite::FIELD.into(), Arc::new(move |arguments| report(&state, |run| field(run, arguments))));
    let state = Arc::clone(run);
    functions.insert("index".into(), Arc::new(move |arguments| report(&state, |run| index(run, arguments))));
    let state = Arc::clone(run);
    functions.insert(
        rewrite::AT.into(),
        Arc::new(move |arguments| {
            lock(&state).offset = offset(arguments.first());
            Ok(string(""))
        }),
    );
    functions
}

fn wrap(run: &Shared, name: &'static str, function: Function) -> ValueFunc {
    let run = Arc::clone(run);
    Arc::new(move |arguments| report(&run, |run| function(run, arguments).map_err(|refused| format!("{name}: {refused}"))))
}

/// Keeps the text of an error beside the run.
fn report(run: &Shared, work: impl FnOnce(&mut Run) -> Result<Value, Refused>) -> Result<Value, TemplateError> {
    let mut run = lock(run);
    work(&mut run).map_err(|refused| {
        run.problem = Some(refused);
        TemplateError::Exec(String::new())
    })
}

fn offset(value: Option<&Value>) -> usize {
    value.and_then(Value::as_int).and_then(|offset| usize::try_from(offset).ok()).unwrap_or_default()
}

impl Run {
    fn is_root(&self, value: &Value) -> bool {
        matches!((value, &self.root), (Value::Map(one), Value::Map(other)) if Arc::ptr_eq(one, other))
    }

    fn miss(&mut self, key: &str) -> Result<(), Refused> {
        if self.strict {
            return Err(format!("there is no key {key:?}"));
        }
        self.missing += 1;
        Ok(())
    }
}

/// `BASE OFFSET NAME…`
fn field(run: &mut Run, arguments: &[Value]) -> Result<Value, Refused> {
    let [base, place, names @ ..] = arguments else { return Err("field: too few arguments".into()) };
    let mut value = base.clone();
    for name in names.iter().filter_map(Value::as_str) {
        let next = value.field(name).cloned();
        value = match (next, &value) {
            (Some(next), _) => next,
            (None, Value::Nil) => Value::Nil,
            (None, Value::Map(_)) if as_structure(&value).is_none() => {
                let missed = run.miss(name);
                if missed.is_err() {
                    run.offset = offset(Some(place));
                }
                missed?;
                Value::Nil
            }
            (None, other) => {
                run.offset = offset(Some(place));
                return Err(format!("can't evaluate field {name} in {}", kind(other)));
            }
        };
    }
    Ok(value)
}

/// A missing key gives the zero value of the dot's members; it counts, and where keys must not miss it is an error, but
/// not in the external dot, whose engine lets it pass.
fn index(run: &mut Run, arguments: &[Value]) -> Result<Value, Refused> {
    let [base, keys @ ..] = arguments else { return Err("index: wants a value".into()) };
    let mut value = base.clone();
    for key in keys {
        let missing = run.is_root(&value) && key.as_str().is_some_and(|key| value.field(key).is_none());
        value = if missing {
            match run.shape {
                Shape::Value => {
                    run.missing += 1;
                    string("")
                }
                Shape::Struct | Shape::PrintableStruct => {
                    run.miss(key.as_str().unwrap_or_default())?;
                    super::structure("", "")
                }
            }
        } else if as_structure(&value).is_some() {
            return Err("index: can't index a secret; it has the fields Value and SecretPath".into());
        } else {
            value.index(key).map_err(|error| format!("index: {}", super::explain(&error)))?
        };
    }
    Ok(value)
}

/// What a value is, for errors.
fn kind(value: &Value) -> &'static str {
    if as_structure(value).is_some() { "a secret; it has the fields Value and SecretPath" } else { value.type_name() }
}

/// What is printed of a value: structs in it become texts.
fn show(run: &Run, value: &Value) -> Value {
    if let Some((value, path)) = as_structure(value) {
        return match run.shape {
            Shape::PrintableStruct => value.clone(),
            Shape::Struct | Shape::Value => string(&format!("{{{value} {path}}}")),
        };
    }
    match value {
        Value::List(items) => Value::List(items.iter().map(|item| show(run, item)).collect()),
        Value::Map(members) => Value::Map(Arc::new(members.iter().map(|(key, value)| (Arc::clone(key), show(run, value))).collect())),
        other => other.clone(),
    }
}

/// As `fmt.Sprint` prints it.
fn printed(run: &Run, value: &Value) -> String {
    show(run, value).to_string()
}

const TABLE: &[(&str, Function)] = &[
    (rewrite::SHOW, |run, a| one(a).map(|value| show(run, value))),
    ("len", |_, a| length(one(a)?)),
    ("b64dec", |_, a| decode(one_text(a)?)),
    ("b64enc", |_, a| encode(one_text(a)?)),
    ("coalesce", |_, a| Ok(a.iter().find(|value| value.is_truthy()).cloned().unwrap_or(Value::Nil))),
    ("contains", |_, a| two_texts(a).map(|(part, whole)| Value::Bool(whole.contains(part)))),
    ("decodeBase64ToBytes", |_, a| decode(one_text(a)?)),
    ("default", |_, a| match a {
        [fallback] => Ok(fallback.clone()),
        [fallback, value] => Ok(if value.is_truthy() { value.clone() } else { fallback.clone() }),
        _ => Err(wants("a fallback and a value")),
    }),
    ("dict", |_, a| dict(a)),
    ("empty", |_, a| Ok(Value::Bool(!one(a)?.is_truthy()))),
    ("encodeBase64", |_, a| encode(one_text(a)?)),
    ("fail", |_, _| Err("the template fails on purpose".into())),
    ("hasPrefix", |_, a| two_texts(a).map(|(part, whole)| Value::Bool(whole.starts_with(part)))),
    ("hasSuffix", |_, a| two_texts(a).map(|(part, whole)| Value::Bool(whole.ends_with(part)))),
    ("indent", |_, a| indented(a).map(|text| string(&text))),
    ("join", |run, a| join(run, a)),
    ("list", |_, a| Ok(Value::List(a.into()))),
    ("lower", |_, a| Ok(string(&one_text(a)?.to_lowercase()))),
    ("nindent", |_, a| indented(a).map(|text| string(&format!("\n{text}")))),
    ("quote", |run, a| Ok(string(&each(run, a, quoted)))),
    ("repeat", |_, a| repeat(a)),
    ("replace", |_, a| match a {
        [old, new, whole] => Ok(string(&as_text(whole)?.replace(as_text(old)?, as_text(new)?))),
        _ => Err(wants("what to replace, by what, and a string")),
    }),
    ("splitList", |_, a| two_texts(a).map(|(by, whole)| Value::List(split(by, whole)))),
    ("squote", |run, a| Ok(string(&each(run, a, |text| format!("'{text}'"))))),
    ("ternary", |_, a| match a {
        [yes, no, Value::Bool(condition)] => Ok(if *condition { yes.clone() } else { no.clone() }),
        _ => Err(wants("two values and a boolean")),
    }),
    ("toJson", |_, a| Ok(string(&json(one(a)?)))),
    ("toString", |run, a| Ok(string(&printed(run, one(a)?)))),
    ("toYaml", |_, a| yaml(one(a)?)),
    ("trim", |_, a| Ok(string(one_text(a)?.trim()))),
    ("trimAll", |_, a| two_texts(a).map(|(set, whole)| string(whole.trim_matches(|c| set.contains(c))))),
    ("trimPrefix", |_, a| two_texts(a).map(|(part, whole)| string(whole.strip_prefix(part).unwrap_or(whole)))),
    ("trimSuffix", |_, a| two_texts(a).map(|(part, whole)| string(whole.strip_suffix(part).unwrap_or(whole)))),
    ("upper", |_, a| Ok(string(&one_text(a)?.to_uppercase()))),
];

fn wants(what: &str) -> Refused {
    format!("wants {what}")
}

fn one(arguments: &[Value]) -> Result<&Value, Refused> {
    match arguments {
        [value] => Ok(value),
        _ => Err(wants("one value")),
    }
}

fn as_text(value: &Value) -> Result<&str, Refused> {
    value.as_str().ok_or_else(|| format!("wants a string, not {}", kind(value)))
}

fn one_text(arguments: &[Value]) -> Result<&str, Refused> {
    one(arguments).and_then(as_text)
}

fn two_texts(arguments: &[Value]) -> Result<(&str, &str), Refused> {
    match arguments {
        [first, second] => Ok((as_text(first)?, as_text(second)?)),
        _ => Err(wants("two strings")),
    }
}

fn length(value: &Value) -> Result<Value, Refused> {
    let length = match value {
        Value::String(value) => text::into_bytes(value).len(),
        _ if as_structure(value).is_some() => return Err(format!("can't measure {}", kind(value))),
        other => other.len().ok_or_else(|| format!("can't measure {}", kind(other)))?,
    };
    i64::try_from(length).map(Value::Int).map_err(|_| "too long".into())
}

fn encode(value: &str) -> Result<Value, Refused> {
    Ok(string(&BASE64_STANDARD.encode(text::into_bytes(value))))
}

/// Line breaks are skipped, as Go does.
fn decode(value: &str) -> Result<Value, Refused> {
    let value: String = value.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    let bytes = BASE64_STANDARD.decode(value).map_err(|_| "the value is not base64".to_owned())?;
    Ok(string(&text::from_bytes(&bytes)))
}

fn dict(arguments: &[Value]) -> Result<Value, Refused> {
    let member = |pair: &[Value]| match pair {
        [key, value] => Ok((as_text(key)?.into(), value.clone())),
        [key] => Ok((as_text(key)?.into(), string(""))),
        _ => Err(wants("keys and values")),
    };
    arguments.chunks(2).map(member).collect::<Result<_, _>>().map(|members| Value::Map(Arc::new(members)))
}

fn indented(arguments: &[Value]) -> Result<String, Refused> {
    let [Value::Int(width), value] = arguments else { return Err(wants("a width and a string")) };
    let padding = " ".repeat(usize::try_from(*width).ok().filter(|width| *width <= 1000).ok_or("wants a width from 0 to 1000")?);
    Ok(format!("{padding}{}", as_text(value)?.replace('\n', &format!("\n{padding}"))))
}

fn repeat(arguments: &[Value]) -> Result<Value, Refused> {
    let [Value::Int(times), value] = arguments else { return Err(wants("a count and a string")) };
    let value = as_text(value)?;
    let times = usize::try_from(*times).unwrap_or_default();
    // Of the 1 MiB that a result may have.
    if value.len().saturating_mul(times) > 1 << 20 {
        return Err("the result is too long".into());
    }
    Ok(string(&value.repeat(times)))
}

fn join(run: &Run, arguments: &[Value]) -> Result<Value, Refused> {
    let [separator, items] = arguments else { return Err(wants("a separator and a list")) };
    let joined = match items {
        Value::List(items) => {
            let items: Vec<_> = items.iter().filter(|item| !matches!(item, Value::Nil)).map(|item| printed(run, item)).collect();
            items.join(as_text(separator)?)
        }
        Value::Nil => String::new(),
        other => printed(run, other),
    };
    Ok(string(&joined))
}

/// An empty separator splits into characters.
fn split(by: &str, whole: &str) -> Arc<[Value]> {
    if by.is_empty() {
        whole.chars().map(|part| string(part.encode_utf8(&mut [0; 4]))).collect()
    } else {
        whole.split(by).map(string).collect()
    }
}

/// All but nothing, with a blank between.
fn each(run: &Run, arguments: &[Value], make: impl Fn(&str) -> String) -> String {
    let given = arguments.iter().filter(|value| !matches!(value, Value::Nil));
    given.map(|value| make(&printed(run, value))).collect::<Vec<_>>().join(" ")
}

/// As `%q` prints a string.
fn quoted(value: &str) -> String {
    let mut out = String::from('"');
    for character in value.chars() {
        match (character, text::as_byte(character)) {
            (_, Some(byte)) => out.push_str(&format!("\\x{byte:02x}")),
            ('"' | '\\', _) => out.extend(['\\', character]),
            ('\u{7}', _) => out.push_str("\\a"),
            ('\u{8}', _) => out.push_str("\\b"),
            ('\u{c}', _) => out.push_str("\\f"),
            ('\n', _) => out.push_str("\\n"),
            ('\r', _) => out.push_str("\\r"),
            ('\t', _) => out.push_str("\\t"),
            ('\u{b}', _) => out.push_str("\\v"),
            ('\0'..' ' | '\u{7f}', _) => out.push_str(&format!("\\x{:02x}", u32::from(character))),
            (other, _) if other.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(other))),
            (other, _) => out.push(other),
        }
    }
    out.push('"');
    out
}

/// As `json.Marshal` writes it: keys sorted, members of a secret in their order, `<`, `>`, `&` escaped.
fn json(value: &Value) -> String {
    let members = |members: &mut dyn Iterator<Item = (&str, &Value)>| {
        let member = |(name, value): (&str, &Value)| format!("{}:{}", json_text(name), json(value));
        format!("{{{}}}", members.map(member).collect::<Vec<_>>().join(","))
    };
    if let Some((value, path)) = as_structure(value) {
        return members(&mut [("value", value), ("secretPath", path)].into_iter());
    }
    match value {
        Value::Nil | Value::Function(_) => "null".into(),
        Value::String(value) => json_text(value),
        Value::List(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Map(map) => members(&mut map.iter().map(|(name, value)| (&**name, value))),
        number => number.to_string(),
    }
}

fn json_text(value: &str) -> String {
    let mut out = String::new();
    for character in serde_json::Value::from(value).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            other if text::as_byte(other).is_some() => out.push_str("\\ufffd"),
            other => out.push(other),
        }
    }
    out
}

fn yaml(value: &Value) -> Result<Value, Refused> {
    let text = serde_yaml::to_string(&yaml_value(value)).map_err(|_| "can't be written as YAML".to_owned())?;
    Ok(string(text.strip_suffix('\n').unwrap_or(&text)))
}

fn yaml_value(value: &Value) -> serde_yaml::Value {
    use serde_yaml::Value as Yaml;
    if let Some((value, path)) = as_structure(value) {
        return Yaml::Mapping(
            [("value", value), ("secretpath", path)].map(|(name, value)| (name.into(), yaml_value(value))).into_iter().collect(),
        );
    }
    match value {
        Value::Nil | Value::Function(_) => Yaml::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Uint(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::String(value) => (&**value).into(),
        Value::List(items) => Yaml::Sequence(items.iter().map(yaml_value).collect()),
        Value::Map(map) => Yaml::Mapping(map.iter().map(|(name, value)| ((&**name).into(), yaml_value(value))).collect()),
    }
}
