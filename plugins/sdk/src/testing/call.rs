//! Calls a plugin as the operator does: checks before, checks after.
use crate::{
    Encoding, Error, Plugin, Violation,
    authenticator::{self, Authenticator, Field, Proof},
    generator::{self, Generator},
    parse_settings,
    plugin::checked,
    policy::{self, Policy},
    template::{self, Template},
    testing::{Failure, Host, Login, Posted, imports},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

impl Host {
    /// The descriptor, checked against its schema.
    ///
    /// # Errors
    /// [`Failure::BadResult`] with the place and the fault.
    pub fn describe<P: Plugin>() -> Result<Value, Failure> {
        let schema: Value = serde_json::from_str(include_str!("../../../../wit/descriptor.schema.json"))
            .map_err(|error| Failure::BadResult(format!("the schema of descriptors: {error}")))?;
        let descriptor: Value =
            serde_json::from_str(&P::descriptor().to_json()).map_err(|error| Failure::BadResult(format!("the descriptor: {error}")))?;
        match check(&schema, &descriptor)?.as_slice() {
            [] => Ok(descriptor),
            [first, ..] => Err(Failure::BadResult(format!("the descriptor, {}: {}", first.pointer, first.message))),
        }
    }

    /// Calls an authenticator. `settings` is a JSON document.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn authenticate<P: Authenticator>(&self, settings: &str) -> Result<Login, Failure> {
        let descriptor = checked_settings::<P>(settings)?;
        let mut inputs = Vec::new();
        for input in descriptor.get("inputs").and_then(Value::as_array).into_iter().flatten() {
            let name = input.get("name").and_then(Value::as_str).unwrap_or_default();
            let given = self.inputs.get(name).filter(|value| !value.trim_ascii().is_empty());
            if given.is_none() && input.get("required") == Some(&true.into()) {
                return Err(Failure::MissingInput(name.into()));
            }
            if let (Some(value), Some(false)) = (given, input.get("sensitive").and_then(Value::as_bool)) {
                inputs.push((name.to_owned(), String::from_utf8_lossy(value).trim().to_owned()));
            }
        }
        let proved =
            self.call::<P, _>(settings, |settings| P::authenticate(authenticator::Request { settings, inputs, extensions: vec![] }))?;
        match proved.proof {
            Proof::Token(token) => Ok(Login::Token(text(&token.0.bytes, Encoding::Raw)?.into_bytes())),
            Proof::Exchange(exchange) => posted(exchange, proved.notices).map(Login::Posted),
        }
    }

    /// Calls a template. `options` is a JSON document.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn render<P: Template>(
        &self,
        dot: &str,
        options: &str,
        entries: &[(&str, &str)],
        secrets: Vec<template::Secret>,
    ) -> Result<template::Rendering, Failure> {
        self.render_with_imports::<P>(dot, options, entries, secrets, vec![])
    }

    /// Calls a template with imported secrets too.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn render_with_imports<P: Template>(
        &self,
        dot: &str,
        options: &str,
        entries: &[(&str, &str)],
        secrets: Vec<template::Secret>,
        imports: Vec<template::Secret>,
    ) -> Result<template::Rendering, Failure> {
        Self::describe::<P>()?;
        let options = parse_settings(options).map_err(Failure::Plugin)?;
        let entry = |(key, source): &(&str, &str)| template::Entry { key: (*key).into(), source: (*source).into() };
        let entries = entries.iter().map(entry).collect();
        let request = template::Request { dot: dot.into(), options, entries, secrets, imports, extensions: vec![] };
        let rendering = self.call::<P, _>("{}", |_| P::render(request))?;
        unique(rendering.entries.iter().map(|entry| entry.key.as_str()))?;
        Ok(rendering)
    }

    /// Calls a generator. `settings` is a JSON document.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn generate<P: Generator>(&self, settings: &str) -> Result<generator::Generated, Failure> {
        checked_settings::<P>(settings)?;
        let generated = self.call::<P, _>(settings, |settings| P::generate(generator::Request { settings, extensions: vec![] }))?;
        unique(generated.outputs.iter().map(|output| output.key.as_str()))?;
        Ok(generated)
    }

    /// Calls a policy. `settings` is a JSON document.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn evaluate<P: Policy>(&self, settings: &str, stage: &str, subject: Value) -> Result<policy::Verdict, Failure> {
        checked_settings::<P>(settings)?;
        self.call::<P, _>(settings, |settings| P::evaluate(policy::Request { settings, stage: stage.into(), subject, extensions: vec![] }))
    }

    /// A denial counts whatever the plugin made of it where it failed, as with the real host.
    fn call<P: Plugin, T>(&self, settings: &str, work: impl FnOnce(P::Settings) -> Result<T, Error>) -> Result<T, Failure> {
        let (result, denied) = self.run::<P, _>(|| work(checked::<P>(settings).map_err(Error::Settings)?));
        match result {
            Ok(result) => Ok(result),
            Err(_) if !denied.is_empty() => Err(Failure::Denied(denied)),
            Err(error) => Err(Failure::Plugin(error)),
        }
    }
}

/// Checks the settings against the schema of the descriptor, and gives the descriptor.
fn checked_settings<P: Plugin>(settings: &str) -> Result<Value, Failure> {
    let descriptor = Host::describe::<P>()?;
    let settings: Value = parse_settings(settings).map_err(Failure::Plugin)?;
    let none = serde_json::json!({"type": "object", "maxProperties": 0});
    let violations = check(descriptor.get("settings").unwrap_or(&none), &settings)?;
    if violations.is_empty() { Ok(descriptor) } else { Err(Failure::Settings(violations)) }
}

fn check(schema: &Value, document: &Value) -> Result<Vec<Violation>, Failure> {
    let validator = jsonschema::validator_for(schema).map_err(|error| Failure::BadResult(format!("a schema: {error}")))?;
    let violation = |error: jsonschema::ValidationError<'_>| Violation::new(error.instance_path().to_string(), error.masked().to_string());
    Ok(validator.iter_errors(document).map(violation).collect())
}

fn unique<'a>(mut keys: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    match keys.find(|key| !seen.insert(*key)) {
        None => Ok(()),
        Some(key) => Err(Failure::BadResult(format!("{key:?} stands twice"))),
    }
}

fn posted(exchange: authenticator::Exchange, notices: Vec<String>) -> Result<Posted, Failure> {
    let bad = |text: String| Err(Failure::BadResult(text));
    let method = exchange.path.strip_prefix("/v1/auth/").and_then(|rest| rest.strip_suffix("/login")).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if method.is_empty() || method.len() > 64 || !method.bytes().all(fits) {
        return bad(format!("the path {:?} is not /v1/auth/METHOD/login", exchange.path));
    }
    unique(exchange.fields.iter().map(|(name, _)| name.as_str()))?;
    let mut body = Map::new();
    for (name, field) in exchange.fields {
        if name == "organizationSlug" {
            return bad("organizationSlug is the host's own".into());
        }
        body.insert(name, value(field)?);
    }
    let mut headers = Vec::new();
    for (name, field) in exchange.headers {
        if !name.starts_with("x-identity-") {
            return bad(format!("the header {name:?} does not begin with x-identity-"));
        }
        let value = value(field)?;
        headers.push((name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    let client_identity = exchange.client_identity.map(|identity| (identity.chain.0.bytes.to_vec(), identity.key.0.bytes.to_vec()));
    Ok(Posted { path: exchange.path, body: Value::Object(body), headers, client_identity, notices })
}

fn value(field: Field) -> Result<Value, Failure> {
    match field {
        Field::Text(text) => Ok(text.into()),
        Field::Credential(credential, encoding) => text(&credential.0.bytes, encoding).map(Value::from),
        Field::Json(json) => {
            let mut document = json.document;
            fill(&mut document, &json.credentials)?;
            match json.encoding {
                Encoding::Base64 => text(document.to_string().as_bytes(), Encoding::Base64).map(Value::from),
                _ => Ok(document),
            }
        }
    }
}

/// Replaces each `{"$credential": NAME}`.
fn fill(document: &mut Value, credentials: &[(String, crate::Credential)]) -> Result<(), Failure> {
    if let Some(name) = document.get("$credential").and_then(Value::as_str) {
        let encoding = match document.get("encoding").and_then(Value::as_str) {
            Some("base64") => Encoding::Base64,
            _ => Encoding::Raw,
        };
        let found = credentials.iter().find(|(key, _)| key == name);
        let (_, credential) = found.ok_or_else(|| Failure::BadResult(format!("there is no credential {name:?}")))?;
        *document = text(&credential.0.bytes, encoding)?.into();
        return Ok(());
    }
    match document {
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, credentials)),
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, credentials)),
        _ => Ok(()),
    }
}

fn text(bytes: &[u8], encoding: Encoding) -> Result<String, Failure> {
    if !matches!(encoding, Encoding::Raw | Encoding::Base64) {
        return Err(Failure::BadResult(format!("the encoding {:?} has no place in an exchange", encoding.name())));
    }
    let encoded = imports::encode(bytes, encoding).map_err(Failure::Plugin)?;
    let encoded = String::from_utf8(encoded).map(|text| match text.strip_suffix('\n') {
        Some(line) => line.strip_suffix('\r').unwrap_or(line).to_owned(),
        None => text,
    });
    encoded.map_err(|_| Failure::BadResult("a credential that is placed as it is must be UTF-8".into()))
}
