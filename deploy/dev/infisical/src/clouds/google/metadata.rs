//! The metadata server, as far as it concerns the default service account.
//!
//! It wants the header `Metadata-Flavor: Google`, takes no request that came through a proxy, and puts the same header on all
//! that it says, by which clients know it.
use axum::Json;
use axum::extract::{Path, Query, State as Extracted};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Services, State};

const FLAVOR: &str = "metadata-flavor";
/// Seconds that an access token lives.
const LIFE: i64 = 3599;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    audience: String,
    #[serde(default)]
    format: String,
}

pub(super) async fn answer(
    Extracted(services): State,
    Path(what): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    services.shared.note(format!("GET /computeMetadata/v1/instance/service-accounts/default/{what}"));
    let (conduct, flavored) = services.shared.read(|project| (project.instance.metadata, project.instance.flavored));
    if let Some(response) = conduct.answer().await {
        return response;
    }
    let mut response = said(&services, &what, &asked, &headers);
    if flavored {
        response.headers_mut().insert(FLAVOR, HeaderValue::from_static("Google"));
        response.headers_mut().insert(header::SERVER, HeaderValue::from_static("Metadata Server for VM"));
    }
    response
}

fn said(services: &Services, what: &str, asked: &Asked, headers: &HeaderMap) -> Response {
    if headers.get(FLAVOR).is_none_or(|flavor| flavor != "Google") || headers.contains_key("x-forwarded-for") {
        return (StatusCode::FORBIDDEN, "Missing Metadata-Flavor:Google header.").into_response();
    }
    let Some(email) = services.shared.read(|project| project.instance.account.clone()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let now = services.shared.now();
    match what {
        "email" => email.into_response(),
        "token" => {
            let token = format!("ya29.{}", Uuid::new_v4().simple());
            services.shared.change(|project| project.access.insert(token.clone(), (email, now + LIFE)));
            Json(json!({ "access_token": token, "expires_in": LIFE, "token_type": "Bearer" })).into_response()
        }
        "identity" if asked.audience.is_empty() => (StatusCode::BAD_REQUEST, "non-empty audience parameter required").into_response(),
        "identity" => {
            let claims = services.shared.read(|project| project.claims(&email, &asked.audience, asked.format == "full", now));
            services.key.sign(&claims).map_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response(), IntoResponse::into_response)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
