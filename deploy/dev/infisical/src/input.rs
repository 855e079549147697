//! Reads a body or a query the way the server's schemas do: unknown members are ignored, all issues are collected, and
//! any issue refuses the request with 422.
//!
//! What Fastify itself refuses (an oversized body, malformed JSON, an unknown media type) never reaches the schemas and
//! ends as 500, which surprises clients and is therefore kept.
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::errors::ApiError;

/// Fastify's default body limit.
const BODY_LIMIT: usize = 1_048_576;

/// The members of a body or query, and what was found wrong with them so far.
#[derive(Default)]
pub struct Input {
    members: Map<String, Value>,
    issues: Vec<Value>,
}

impl Input {
    /// A JSON value; anything but an object is an issue.
    #[must_use]
    pub fn new(value: Value) -> Self {
        match value {
            Value::Object(members) => Self { members, issues: Vec::new() },
            other => Self { members: Map::new(), issues: vec![wrong_type(&[], "object", kind(&other))] },
        }
    }

    fn from_pairs(text: &[u8]) -> Self {
        let mut members: Map<String, Value> = Map::new();
        for (name, value) in form_urlencoded::parse(text) {
            let value = Value::String(value.into_owned());
            match members.get_mut(name.as_ref()) {
                None => {
                    members.insert(name.into_owned(), value);
                }
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        Self { members, issues: Vec::new() }
    }

    /// An optional string.
    pub fn string(&mut self, name: &str) -> Option<String> {
        match self.members.get(name) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(other) => {
                self.issues.push(wrong_type(&[name], "string", kind(other)));
                None
            }
        }
    }

    /// A required string; empty when it is missing, which [`Input::finish`] then refuses.
    pub fn required(&mut self, name: &str) -> String {
        if !self.members.contains_key(name) {
            self.issues.push(wrong_type(&[name], "string", "undefined"));
        }
        self.string(name).unwrap_or_default()
    }

    /// A required string of at least one character.
    pub fn non_empty(&mut self, name: &str) -> String {
        let known = self.issues.len();
        let text = self.required(name);
        if text.is_empty() && self.issues.len() == known {
            self.issue(name, "String must contain at least 1 character(s)");
        }
        text
    }

    /// A boolean of a query: exactly `true` or `false`.
    pub fn flag(&mut self, name: &str, default: bool) -> bool {
        match self.string(name).as_deref() {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(found) => {
                self.issues.push(json!({
                    "received": found,
                    "code": "invalid_enum_value",
                    "options": ["true", "false"],
                    "path": [name],
                    "message": format!("Invalid enum value. Expected 'true' | 'false', received '{found}'"),
                }));
                default
            }
        }
    }

    /// An optional boolean of a JSON body.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.members.get(name) {
            None => None,
            Some(Value::Bool(value)) => Some(*value),
            Some(other) => {
                self.issues.push(wrong_type(&[name], "boolean", kind(other)));
                None
            }
        }
    }

    /// An optional whole number, 0 or more.
    pub fn position(&mut self, name: &str) -> Option<usize> {
        match self.members.get(name) {
            None => None,
            Some(Value::Number(number)) if number.is_u64() => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            Some(other) => {
                self.issues.push(wrong_type(&[name], "number", kind(other)));
                None
            }
        }
    }

    /// An optional member of any type; null counts as absent.
    pub fn any(&mut self, name: &str) -> Option<Value> {
        self.members.get(name).filter(|value| !value.is_null()).cloned()
    }

    /// An optional list; its items are not looked at here.
    pub fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        match self.members.get(name) {
            None => None,
            Some(Value::Array(items)) => Some(items.clone()),
            Some(other) => {
                self.issues.push(wrong_type(&[name], "array", kind(other)));
                None
            }
        }
    }

    /// A required object, as an input of its own; issues in it are not carried over.
    pub fn object(&mut self, name: &str) -> Input {
        match self.members.get(name) {
            Some(Value::Object(members)) => Self { members: members.clone(), issues: Vec::new() },
            found => {
                let received = found.map_or("undefined", kind);
                self.issues.push(wrong_type(&[name], "object", received));
                Self::default()
            }
        }
    }

    /// As [`Input::object`], but it may be absent.
    pub fn optional_object(&mut self, name: &str) -> Option<Input> {
        self.members.get(name).is_some().then(|| self.object(name))
    }

    /// Records an issue of the caller's own.
    pub fn issue(&mut self, name: &str, message: &str) {
        self.issues.push(json!({ "code": "custom", "path": [name], "message": message }));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 with everything that was found wrong.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.issues.is_empty() { Ok(()) } else { Err(ApiError::validation(self.issues)) }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn wrong_type(path: &[&str], expected: &str, received: &str) -> Value {
    let message = if received == "undefined" { "Required".to_owned() } else { format!("Expected {expected}, received {received}") };
    json!({ "code": "invalid_type", "expected": expected, "received": received, "path": path, "message": message })
}

/// The query of a request.
pub struct Query(pub Input);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(Input::from_pairs(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// The body of a request: JSON or a form.
pub struct Body(pub Input);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let media_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default().to_owned());
        let bytes = to_bytes(request.into_body(), BODY_LIMIT).await.map_err(|_| ApiError::internal())?;
        let media_type = media_type.as_deref().map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        match media_type.as_deref() {
            Some("application/json" | "application/scim+json") => {
                serde_json::from_slice(&bytes).map(|value| Self(Input::new(value))).map_err(|_| ApiError::internal())
            }
            Some("application/x-www-form-urlencoded") => Ok(Self(Input::from_pairs(&bytes))),
            None if bytes.is_empty() => Ok(Self(Input::new(Value::Null))),
            _ => Err(ApiError::internal()),
        }
    }
}
