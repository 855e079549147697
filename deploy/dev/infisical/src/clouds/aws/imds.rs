//! The instance metadata service, version 2 only.
//!
//! A session is begun by `PUT`, lives as long as was asked for, and is named by every other request; without one the answer
//! is 401. A `PUT` that came through a proxy (`X-Forwarded-For`) is refused, and where answers may take one hop only it is
//! never answered, which is what pods see of an instance with the default settings.
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use serde_json::json;

use super::account::{Metadata, word};
use super::{Asked, Services, json_text, keys};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const SESSION: &str = "x-aws-ec2-metadata-token";
/// Seconds that a session may live.
const LONGEST_SESSION: i64 = 21_600;

pub(super) async fn answer(services: &Services, asked: &Asked) -> Response {
    match services.read(|account| account.instance.metadata) {
        Metadata::Disabled => return StatusCode::FORBIDDEN.into_response(),
        Metadata::OneHop if asked.method == Method::PUT => std::future::pending().await,
        Metadata::On | Metadata::OneHop => {}
    }
    if asked.uri.path() == "/latest/api/token" {
        return begin(services, asked);
    }
    let now = services.now();
    let session = asked.header(SESSION).unwrap_or_default();
    let known = services.read(|account| account.instance.sessions.get(session).is_some_and(|end| *end > now));
    if !known {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if asked.method != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let (id, region, role) = services.read(|account| (account.id.clone(), account.instance.region.clone(), account.instance.role.clone()));
    let below_role = asked.uri.path().strip_prefix("/latest/meta-data/iam/security-credentials/");
    match (asked.uri.path(), below_role, role) {
        ("/latest/dynamic/instance-identity/document", ..) => {
            json_text(&json!({ "accountId": id, "region": region, "instanceId": "i-0123456789abcdef0", "version": "2017-09-30" }))
        }
        ("/latest/meta-data/placement/region", ..) => region.into_response(),
        (_, Some(""), Some(role)) => role.into_response(),
        (_, Some(asked), Some(role)) if asked == role => {
            let key = services.change(|account| account.assume(&role, "i-0123456789abcdef0", now));
            keys(&key, json!({ "Code": "Success", "LastUpdated": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() }))
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn begin(services: &Services, asked: &Asked) -> Response {
    if asked.method != Method::PUT {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if asked.headers.contains_key("x-forwarded-for") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(seconds) = asked.header(TTL).and_then(|text| text.parse().ok()).filter(|seconds| (1..=LONGEST_SESSION).contains(seconds))
    else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Ok(end) = services.now().checked_add(SignedDuration::from_secs(seconds)) else { return StatusCode::BAD_REQUEST.into_response() };
    let session = format!("{}==", word(54));
    services.change(|account| account.instance.sessions.insert(session.clone(), end));
    ([(TTL, seconds.to_string())], session).into_response()
}
