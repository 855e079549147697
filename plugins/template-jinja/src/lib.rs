//! Templates in Jinja's language, by `minijinja`.
//!
//! Each secret is a variable with its value: `{{ DB_HOST }}`. `secrets` holds all of them by key, for keys that are no names
//! (`secrets["A-B"]`), for loops (`{% for key, secret in secrets|items %}`) and for their parts: `.value`, `.path`, `.comment`,
//! `.tags`. A missing one prints nothing and is counted, or is an error with `missing-key: error`. With `bulk` or the scope `keys-and-values` a template makes all keys, as YAML.
//!
//! Options of its own: `trim-blocks`, `lstrip-blocks`, `keep-trailing-newline` (bool, the last true by default).
//!
//! What can go wrong: a template that does not parse or fails, told with its line and never with a value; one that loops
//! without end or prints without end, ended by a bound on steps and size; a value that is not UTF-8, which this language
//! can't print.
#![forbid(unsafe_code)]
mod bounded;
mod data;
mod environment;

use bounded::Bounded;
use data::Data;
use environment::environment;
use minijinja::{Environment, Error as JinjaError, ErrorKind};
use plugin_sdk::{
    Descriptor, Diagnostic, Error, NoSettings, Plugin,
    template::{Entry, Rendered, Rendering, Request, Scope, Template},
};
use std::collections::BTreeMap;

/// What a target holds at most.
const OUTPUT: usize = 1024 * 1024;

/// The plugin.
pub struct Jinja;

impl Plugin for Jinja {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("jinja", env!("CARGO_PKG_VERSION"), "Templates in Jinja's language.")
    }
}

impl Template for Jinja {
    fn render(request: Request) -> Result<Rendering, Error> {
        let data = Data::new(&request.dot, request.secrets, request.imports)
            .ok_or_else(|| Error::setting("/dot", "is not known to this plugin"))?;
        let environment = environment(&request.options, &data)?;
        let makes_keys = request.options.bulk || request.options.scope == Scope::KeysAndValues;
        let (mut all, mut diagnostics) = (BTreeMap::new(), Vec::new());
        for entry in request.entries {
            if request.options.check {
                let parsed = environment.template_from_named_str(&entry.key, &entry.source);
                diagnostics.extend(parsed.err().map(|error| diagnostic(&entry, &error)));
                continue;
            }
            data.begin();
            match render(&environment, &data, &entry) {
                Ok(text) if makes_keys => match keys(&entry, &text, data.missing()) {
                    Ok(made) => all.extend(made),
                    Err(diagnostic) => diagnostics.push(diagnostic),
                },
                Ok(text) => {
                    let missing = data.missing();
                    all.insert(entry.key.clone(), Rendered { key: entry.key, value: text.into_bytes(), volatile: false, missing });
                }
                Err(error) => diagnostics.push(diagnostic(&entry, &error)),
            }
        }
        if diagnostics.is_empty() {
            Ok(Rendering { entries: all.into_values().collect(), notices: Vec::new() })
        } else {
            Err(Error::Template(diagnostics))
        }
    }
}

fn render(environment: &Environment<'_>, data: &Data, entry: &Entry) -> Result<String, JinjaError> {
    let template = environment.template_from_named_str(&entry.key, &entry.source)?;
    let mut output = Bounded::new(OUTPUT);
    let rendered = template.render_captured_to(data.context(), &mut output);
    if output.is_full() {
        return Err(JinjaError::new(ErrorKind::WriteFailure, format!("the output is larger than {OUTPUT} bytes")));
    }
    rendered?;
    if data.printed_binary() {
        let message = "a value that is not UTF-8 can't be printed by this engine; use go-template";
        return Err(JinjaError::new(ErrorKind::WriteFailure, message));
    }
    output.into_text().map_err(|_| JinjaError::new(ErrorKind::WriteFailure, "the output is not UTF-8"))
}

/// The keys that one template makes.
fn keys(entry: &Entry, text: &str, missing: u32) -> Result<BTreeMap<String, Rendered>, Diagnostic> {
    let wrong = |message: &str| Diagnostic::new(&entry.key, 0, 0, message);
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    // What the parser says may quote a value.
    let made = go_yaml::string_to_string(text.trim().as_bytes()).map_err(|_| wrong("what it renders to is no YAML map of texts"))?;
    let first = made.keys().next().cloned();
    made.into_iter()
        .map(|(key, value)| {
            // All that were missed are told once.
            let missing = if Some(&key) == first.as_ref() { missing } else { 0 };
            let key = String::from_utf8(key).map_err(|_| wrong("a key that it renders to is not UTF-8"))?;
            Ok((key.clone(), Rendered { key, value, volatile: false, missing }))
        })
        .collect()
}

/// Where and what; the details of errors that may quote a value are left out.
fn diagnostic(entry: &Entry, error: &JinjaError) -> Diagnostic {
    let line = error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or_default();
    let start = error.range().map(|range| range.start).filter(|start| entry.source.is_char_boundary(*start));
    let column = start.and_then(|start| entry.source.get(..start)).map_or(0, |before| {
        let line = before.rsplit('\n').next().unwrap_or_default();
        u32::try_from(line.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
    });
    let names_only = matches!(
        error.kind(),
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::UnknownBlock
            | ErrorKind::MissingArgument
            | ErrorKind::WriteFailure
    );
    let message = match error.detail().filter(|_| names_only) {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None if error.kind() == ErrorKind::OutOfFuel => "it takes too many steps".to_owned(),
        None => error.kind().to_string(),
    };
    Diagnostic::new(&entry.key, line, column, message)
}

plugin_sdk::export_template!(Jinja);

#[cfg(test)]
mod tests;
