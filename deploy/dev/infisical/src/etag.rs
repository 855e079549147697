//! Entity tags: a strong tag over the exact bytes of every answer, and 304 when `If-None-Match` is byte-equal to it.
//!
//! As on the real server there is no list, no `*` and no weak comparison, and errors and answers to POST have tags too.
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// The tag of a body, quoted.
#[must_use]
pub fn of(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    // As long as the tags of the real server, which are opaque to clients.
    let tag = STANDARD_NO_PAD.encode(digest.get(..20).unwrap_or_default());
    format!("\"{tag}\"")
}

/// The answer with its tag, or an empty 304 when the client named that very tag.
#[must_use]
pub fn apply(request: &HeaderMap, mut response: Response, body: axum::body::Bytes) -> Response {
    let Ok(tag) = HeaderValue::from_str(&of(&body)) else {
        return response;
    };
    let same = request.get(header::IF_NONE_MATCH).is_some_and(|wanted| wanted.as_bytes() == tag.as_bytes());
    response.headers_mut().insert(header::ETAG, tag);
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().remove(header::CONTENT_TYPE);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    } else {
        *response.body_mut() = Body::from(body);
    }
    response
}
