//! The identity endpoint of the metadata service.
//!
//! It wants the header `Metadata: true` and takes no request that came through a proxy, so that a page in a browser or a
//! careless proxy on the machine can't ask it.
use axum::Json;
use axum::extract::{Query, State as Extracted};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::tenant::granted;
use super::{State, Tenant};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(rename = "api-version", default)]
    version: String,
    #[serde(default)]
    resource: String,
    client_id: Option<String>,
}

pub(super) async fn token(Extracted(services): State, headers: HeaderMap, Query(asked): Query<Asked>) -> Response {
    services.shared.note("GET /metadata/identity/oauth2/token".to_owned());
    if let Some(response) = services.shared.read(|tenant| tenant.imds).answer().await {
        return response;
    }
    let refused =
        |error: &str, text: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": text }))).into_response();
    if headers.get("metadata").is_none_or(|value| value != "true") || headers.contains_key("x-forwarded-for") {
        return refused("invalid_request", "Required metadata header not specified");
    }
    if asked.version != "2018-02-01" {
        return refused("invalid_request", &format!("Bad api-version: {}", asked.version));
    }
    let now = services.shared.now();
    let found = services.shared.read(|tenant| pick(tenant, &asked, now));
    match found.map(|claims| services.key.sign(&claims)) {
        Ok(Ok(token)) => Json(granted(token, &asked.resource, true)).into_response(),
        Ok(Err(_)) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Err((error, text)) => refused(error, &text),
    }
}

fn pick(tenant: &Tenant, asked: &Asked, now: i64) -> Result<serde_json::Value, (&'static str, String)> {
    let identities = &tenant.managed_identities;
    let found = match &asked.client_id {
        Some(id) => identities.iter().find(|identity| identity.client_id == *id),
        None => match (identities.iter().find(|identity| identity.system_assigned), identities.as_slice()) {
            (None, [_, _, ..]) => {
                let text = "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request";
                return Err(("invalid_request", text.to_owned()));
            }
            (system, all) => system.or(all.first()),
        },
    };
    let identity = found.ok_or_else(|| ("invalid_request", "Identity not found".to_owned()))?;
    if !tenant.has_resource(&asked.resource) {
        let text =
            format!("AADSTS500011: The resource principal named {} was not found in the tenant named {}.", asked.resource, tenant.id);
        return Err(("invalid_resource", text));
    }
    Ok(tenant.claims(&identity.client_id, &identity.principal_id, &asked.resource, now))
}
