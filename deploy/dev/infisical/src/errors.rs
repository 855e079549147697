//! The bodies with which Infisical refuses: `{reqId, statusCode, message, error}`, and the three exceptions to that.
//!
//! A failed validation carries an array as its `message`, a refused permission adds `details`, and a route that does not
//! exist answers Fastify's own body without a `reqId`. Clients tell errors apart by status and `error`, so both are part
//! of what this server promises. No message holds a secret value or a token.
use std::borrow::Cow;
use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rand::Rng;
use rand::distr::Alphanumeric;
use serde::Serialize;
use serde_json::{Value, json};

/// A refusal in the shape Infisical gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    name: Cow<'static, str>,
    message: Value,
    details: Option<Value>,
    retry_after: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    req_id: String,
    status_code: u16,
    message: &'a Value,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a Value>,
}

impl ApiError {
    fn new(status: StatusCode, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name: Cow::Borrowed(name), message: Value::String(message.into()), details: None, retry_after: None }
    }

    /// 400 `BadRequest`.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 401 `UnauthorizedError`.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "UnauthorizedError", message)
    }

    /// 403 `ForbiddenError`: refused for another reason than a missing permission.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForbiddenError", message)
    }

    /// 403 `PermissionDenied` with the rule that refused.
    pub fn permission(action: &str, subject: &str, conditions: Value) -> Self {
        let details = json!([{ "action": action, "inverted": false, "subject": subject, "conditions": conditions }]);
        Self::new(StatusCode::FORBIDDEN, "PermissionDenied", format!("You are not allowed to {action} on {subject}")).with_details(details)
    }

    /// 403 `TokenError`: a token that is expired, malformed or wrongly signed.
    pub fn token(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "TokenError", message)
    }

    /// 404 `NotFound`.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    /// 422 `ValidationFailure`, whose message is the list of issues.
    pub fn validation(issues: Vec<Value>) -> Self {
        let mut error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ValidationFailure", "");
        error.message = Value::Array(issues);
        error
    }

    /// 422 for one field whose value breaks a rule of its own.
    pub fn invalid(path: &str, message: &str) -> Self {
        Self::validation(vec![json!({ "code": "custom", "path": [path], "message": message })])
    }

    /// 429 `RateLimitExceeded` with `Retry-After` in whole seconds.
    pub fn rate_limited(seconds: u32) -> Self {
        let message = format!("Rate limit exceeded. Please try again in {seconds} seconds");
        let mut error = Self::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded", message);
        error.retry_after = Some(seconds);
        error
    }

    /// 429 `RateLimitExceeded` without a time, since no waiting cures it.
    pub fn too_many(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded", message)
    }

    /// 500 as the server words everything it does not know.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Something went wrong")
    }

    /// A failure with a status of the caller's choice, worded like an internal one.
    #[must_use]
    pub fn with_status(status: StatusCode) -> Self {
        Self { status, ..Self::internal() }
    }

    /// The same with another `error`.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same with `details`.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.message.as_str().map_or_else(|| self.message.to_string(), str::to_owned);
        write!(out, "{} {}: {message}", self.status.as_u16(), self.name)
    }
}

impl std::error::Error for ApiError {}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body {
            req_id: request_id(),
            status_code: self.status.as_u16(),
            message: &self.message,
            error: &self.name,
            details: self.details.as_ref(),
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Fastify's own answer to a route that does not exist: the only error without a `reqId`.
pub async fn unknown_route(method: Method, uri: Uri) -> Response {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let body = json!({ "message": format!("Route {method}:{target} not found"), "error": "Not Found", "statusCode": 404 });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

fn request_id() -> String {
    let random: String = rand::rng().sample_iter(Alphanumeric).take(14).map(char::from).collect();
    format!("req-{random}")
}
