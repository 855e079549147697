//! Puts a proof together from what a plugin answered: handles become text, and everything is checked before any of it may
//! leave for a server.
//!
//! A plugin must not be able to send a login anywhere else, to smuggle members past the host, or to add headers that mean
//! something to Infisical. Whatever breaks a rule makes the whole answer a [`Failure::BadResult`], which names the rule and
//! never quotes a value.
use crate::{
    ClientIdentity, Exchange, Failure, Proof, SecretBytes,
    capability::content::Encoding,
    context::{Context, Credential},
    contract,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};
use wasmtime::component::Resource;

/// Bytes of all names and values of a login together.
const SIZE: usize = 64 << 10;

/// Set by the host from the resource, so that a plugin can't log in to another organisation.
const ORGANIZATION: &str = "organizationSlug";

/// Headers that Infisical reads for the identity alone.
const HEADER_PREFIX: &str = "x-identity-";

/// Stands for a credential inside of a document.
const PLACEHOLDER: &str = "$credential";

type Checked<T> = wasmtime::Result<Result<T, Failure>>;

/// An inner error is the plugin's, an outer one wasmtime's.
macro_rules! checked {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(failure) => return Ok(Err(failure)),
        }
    };
}

pub(crate) fn proof(context: &mut Context, proof: contract::Proof) -> Checked<Proof> {
    match proof {
        contract::Proof::Token(handle) => {
            let token = checked!(text(&*context.take(handle)?, "the token"));
            let token = without_line_break(token);
            if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) || token.len() > SIZE {
                return Ok(Err(bad("the token is empty, too long, or has characters that no token has")));
            }
            Ok(Ok(Proof::Token(SecretString::from(token))))
        }
        contract::Proof::Exchange(exchange) => Ok(assemble(context, exchange)?.map(Proof::Exchange)),
    }
}

fn assemble(context: &mut Context, exchange: contract::Exchange) -> Checked<Exchange> {
    if !is_login(&exchange.path) {
        return Ok(Err(bad("its path is not /v1/auth/NAME/login")));
    }
    let mut left = SIZE;
    let mut fields = Map::new();
    for (name, field) in exchange.fields {
        if name == ORGANIZATION {
            return Ok(Err(bad("it sets organizationSlug, which is the host's own")));
        }
        let value = checked!(value(context, field)?);
        checked!(spend(&mut left, name.len().saturating_add(size(&value))));
        if fields.insert(name, value).is_some() {
            return Ok(Err(bad("it has a field twice")));
        }
    }
    let mut headers = BTreeMap::new();
    for (name, field) in exchange.headers {
        let name = name.to_ascii_lowercase();
        if !name.starts_with(HEADER_PREFIX) || http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Ok(Err(bad("it has a header that does not begin with x-identity-")));
        }
        let text = match checked!(value(context, field)?) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        checked!(spend(&mut left, name.len().saturating_add(text.len())));
        if http::HeaderValue::from_str(&text).is_err() {
            return Ok(Err(bad("the value of a header has characters that no header may have")));
        }
        if headers.insert(name, SecretString::from(text)).is_some() {
            return Ok(Err(bad("it has a header twice")));
        }
    }
    let client_identity = match exchange.client_identity {
        None => None,
        Some((chain, key)) => {
            let (chain, key) = (context.take(chain)?, context.take(key)?);
            checked!(spend(&mut left, chain.expose_secret().len().saturating_add(key.expose_secret().len())));
            Some(ClientIdentity { chain: SecretBytes::clone(&chain), key: SecretBytes::clone(&key) })
        }
    };
    Ok(Ok(Exchange { path: exchange.path, fields, headers: headers.into_iter().collect(), client_identity }))
}

fn is_login(path: &str) -> bool {
    let name = path.strip_prefix("/v1/auth/").and_then(|rest| rest.strip_suffix("/login"));
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.is_some_and(|name| (1..=64).contains(&name.len()) && name.bytes().all(valid))
}

fn value(context: &mut Context, field: contract::Field) -> Checked<Value> {
    match field {
        contract::Field::Text(text) => Ok(Ok(Value::String(text))),
        contract::Field::Credential { handle, encoding } => {
            let bytes = context.take(handle)?;
            Ok(place(&bytes, &encoding).map(Value::String))
        }
        contract::Field::Json { document, credentials, encoding } => {
            let credentials = checked!(named(context, credentials)?);
            let Ok(mut document) = serde_json::from_str(&document) else { return Ok(Err(bad("a field is not JSON"))) };
            checked!(fill(&mut document, &credentials));
            Ok(match encoding.as_str() {
                "raw" => Ok(document),
                "base64" => place(&SecretBytes::from(document.to_string().into_bytes()), "base64").map(Value::String),
                _ => Err(bad("a field has an encoding that is neither raw nor base64")),
            })
        }
    }
}

type Named = BTreeMap<String, Arc<SecretBytes>>;

fn named(context: &mut Context, credentials: Vec<(String, Resource<Credential>)>) -> Checked<Named> {
    let mut named = Named::new();
    for (name, handle) in credentials {
        if named.insert(name, context.take(handle)?).is_some() {
            return Ok(Err(bad("a field names a credential twice")));
        }
    }
    Ok(Ok(named))
}

/// Puts credentials in place of their placeholders. What is put in is not looked into again.
fn fill(document: &mut Value, credentials: &Named) -> Result<(), Failure> {
    match document {
        Value::Object(members) => {
            let Some(name) = members.get(PLACEHOLDER) else {
                return members.values_mut().try_for_each(|member| fill(member, credentials));
            };
            let encoding = members.get("encoding").map_or(Some("raw"), Value::as_str);
            let known = members.keys().all(|name| matches!(name.as_str(), PLACEHOLDER | "encoding"));
            let (true, Some(name), Some(encoding)) = (known, name.as_str(), encoding) else {
                return Err(bad("a field has a malformed placeholder"));
            };
            let Some(credential) = credentials.get(name) else {
                return Err(bad("a field has a placeholder for a credential that it does not name"));
            };
            *document = Value::String(place(credential, encoding)?);
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, credentials)),
        _ => Ok(()),
    }
}

fn place(bytes: &SecretBytes, encoding: &str) -> Result<String, Failure> {
    match encoding {
        "raw" => text(bytes, "a credential").map(without_line_break),
        "base64" => {
            let encoded = Encoding::Base64.encode(bytes.expose_secret(), 2 * SIZE).map_err(|_| too_long())?;
            text(&encoded, "a credential")
        }
        _ => Err(bad("a credential has an encoding that is neither raw nor base64")),
    }
}

fn text(bytes: &SecretBytes, what: &str) -> Result<String, Failure> {
    let text = std::str::from_utf8(bytes.expose_secret()).map_err(|_| bad(&format!("{what} is not UTF-8")))?;
    Ok(text.to_owned())
}

/// Files and Secrets often end in a line break that is not part of what is in them.
fn without_line_break(mut text: String) -> String {
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    text
}

/// Bytes of all texts and names in a value, without counting its punctuation.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(|item| size(item).saturating_add(1)).sum(),
        Value::Object(members) => members.iter().map(|(name, member)| size(member).saturating_add(name.len())).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), Failure> {
    *left = left.checked_sub(bytes).ok_or_else(too_long)?;
    Ok(())
}

fn too_long() -> Failure {
    bad("it has more than 64 KiB put together")
}

fn bad(what: &str) -> Failure {
    Failure::BadResult(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_a_login_is_a_path() {
        for path in ["/v1/auth/universal-auth/login", "/v1/auth/a/login"] {
            assert!(is_login(path), "{path}");
        }
        let long = format!("/v1/auth/{}/login", "a".repeat(65));
        for path in [
            "/v1/auth//login",
            "/v1/auth/A/login",
            "/v1/auth/a/../b/login",
            "/v1/auth/a/login?x=1",
            "/v1/auth/a%2f/login",
            "https://evil.example/v1/auth/a/login",
            "/v1/auth/a/login/",
            "/v1/auth/login",
            &long,
        ] {
            assert!(!is_login(path), "{path}");
        }
    }

    fn credentials() -> Named {
        let bytes = |text: &[u8]| Arc::new(SecretBytes::from(text.to_vec()));
        Named::from([("a".into(), bytes(b"{\"$credential\":\"b\"}")), ("b".into(), bytes(b"\xff\x00"))])
    }

    #[test]
    fn placeholders_are_filled_at_any_depth_and_once() {
        let mut document = json!({"x": [{"$credential": "a"}, {"y": {"$credential": "b", "encoding": "base64"}}], "z": 1});
        fill(&mut document, &credentials()).unwrap();
        assert_eq!(document, json!({"x": ["{\"$credential\":\"b\"}", {"y": "/wA="}], "z": 1}));
    }

    #[test]
    fn one_line_break_at_the_end_is_left_out() {
        for (found, placed) in [("a", "a"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            assert_eq!(place(&SecretBytes::from(found.as_bytes().to_vec()), "raw").unwrap(), placed);
        }
        assert_eq!(place(&SecretBytes::from(b"a\n".to_vec()), "base64").unwrap(), "YQo=");
    }

    #[test]
    fn a_placeholder_that_breaks_a_rule_is_a_bad_result() {
        for document in [
            json!({"$credential": "missing"}),
            json!({"$credential": 1}),
            json!({"$credential": "a", "other": 1}),
            json!({"$credential": "a", "encoding": "hex"}),
            json!({"$credential": "b"}),
        ] {
            let mut filled = document.clone();
            assert!(matches!(fill(&mut filled, &credentials()), Err(Failure::BadResult(_))), "{document}");
        }
    }
}
