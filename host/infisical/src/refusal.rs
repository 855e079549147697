//! The shapes of the server's errors: `{reqId, statusCode, message, error, details}`, where `message` is a text, or for 422
//! a list of issues with their paths.
use crate::Error;
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// A server, or what stands before it, can't silence a session for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "reqId")]
    request_id: Option<String>,
    error: Option<String>,
    message: Option<Value>,
    details: Option<Value>,
}

/// Reads an error. None: it is not Infisical's. An outage is one whoever reports it: a proxy's 429 or 5xx page counts.
pub(crate) fn read(
    operation: &'static str,
    status: StatusCode,
    body: &[u8],
    retry_after: Option<Duration>,
    sent: &[&str],
) -> Option<Error> {
    let outage = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let refusal = serde_json::from_slice::<Refusal>(body).ok().filter(|refusal| refusal.error.is_some() || refusal.message.is_some());
    let (request_id, error, message) = match refusal {
        Some(Refusal { request_id, error, message, details }) => {
            (request_id, error.unwrap_or_default(), message_text(message.as_ref(), details.as_ref()))
        }
        None if outage => {
            let name = status.canonical_reason().unwrap_or("Error").replace(' ', "");
            (None, name, "answered by something between here and the server".to_owned())
        }
        None => return None,
    };
    Some(Error::Refused {
        operation,
        status: status.as_u16(),
        error: clean(&redact(error, sent), 64),
        message: clean(&redact(message, sent), 512),
        request_id: request_id.map(|id| clean(&redact(id, sent), 64)),
        retry_after: retry_after.filter(|_| outage),
    })
}

fn message_text(message: Option<&Value>, details: Option<&Value>) -> String {
    let issues = |value: &Value| value.as_array().filter(|issues| !issues.is_empty()).map(|issues| issues_text(issues));
    match message {
        Some(Value::String(text)) => match details.filter(|_| text.starts_with("Validation")).and_then(issues) {
            Some(details) => format!("{text}: {details}"),
            None => text.clone(),
        },
        Some(other) => issues(other).unwrap_or_default(),
        None => String::new(),
    }
}

/// At most four, so that a message stays readable.
fn issues_text(issues: &[Value]) -> String {
    let shown = issues.iter().take(4).map(|issue| {
        let text = issue.get("message").and_then(Value::as_str).unwrap_or("not valid");
        let path: Vec<_> = issue.get("path").and_then(Value::as_array).into_iter().flatten().map(segment).collect();
        if path.is_empty() { text.to_owned() } else { format!("{}: {text}", path.join(".")) }
    });
    let mut text = shown.collect::<Vec<_>>().join("; ");
    if issues.len() > 4 {
        text.push_str(&format!("; and {} more", issues.len() - 4));
    }
    text
}

fn segment(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Takes out what was sent. Shorter texts than six bytes are left: no credential is that short, and words would vanish.
fn redact(text: String, sent: &[&str]) -> String {
    sent.iter().filter(|secret| secret.len() >= 6).fold(text, |text, secret| text.replace(*secret, "[redacted]"))
}

/// Without control characters, on one line, at most `limit` characters.
pub(crate) fn clean(text: &str, limit: usize) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cut: String = chars.by_ref().take(limit).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

/// `Retry-After` as seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let after = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        // A date in the past says: now.
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default(),
    };
    Some(after.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(status: u16, body: &str) -> String {
        read("list secrets", StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, &["hunter2-canary"]).unwrap().to_string()
    }

    #[test]
    fn every_shape_becomes_one_readable_line() {
        let plain = r#"{"reqId":"req-1","statusCode":404,"message":"Folder not found","error":"SecretPathNotFound"}"#;
        assert_eq!(text(404, plain), "failed to list secrets: 404 SecretPathNotFound: Folder not found");
        let issues = r#"{"error":"ValidationFailure","message":[{"path":["query","recursive"],"message":"Expected true"},{"message":"b"},{},{},{}]}"#;
        assert_eq!(
            text(422, issues),
            "failed to list secrets: 422 ValidationFailure: query.recursive: Expected true; b; not valid; not valid; and 1 more"
        );
        let newer = r#"{"message":"Validation failed","error":"ValidationError","details":[{"path":["environment"],"message":"missing"}]}"#;
        assert_eq!(text(400, newer), "failed to list secrets: 400 ValidationError: Validation failed: environment: missing");
        assert!(text(502, "<html>").contains("502 BadGateway: answered by something between"));
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let echo = text(401, r#"{"error":"hunter2-canary","message":"no such secret: hunter2-canary\n"}"#);
        assert_eq!(echo, "failed to list secrets: 401 [redacted]: no such secret: [redacted] ");
    }

    #[test]
    fn a_foreign_page_is_no_refusal() {
        for (status, body) in [(404, "<html>"), (403, "{}"), (400, "[]"), (302, ""), (401, "null")] {
            assert!(read("login", StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, &[]).is_none(), "{status} {body}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("99999999"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(read("soon"), None);
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = read(&httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60))).unwrap();
        assert!((58..=60).contains(&later.as_secs()), "{later:?}");
    }
}
