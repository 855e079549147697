//! `signJwt` of the IAM Credentials API.
//!
//! Signs for an account what somebody with the right to do so asks for: here the account itself, known by an access token of
//! the metadata server.
use axum::Json;
use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Services, State};

/// Seconds from now that a token may live at most.
const LONGEST: i64 = 12 * 3600;

#[derive(Deserialize)]
pub(super) struct Asked {
    payload: String,
}

/// A refusal: status, its name, reason and text.
struct Refused(StatusCode, &'static str, &'static str, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, name, reason, message) = self;
        let details = json!([{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason }]);
        let body = json!({ "error": { "code": status.as_u16(), "message": message, "status": name, "details": details } });
        (status, Json(body)).into_response()
    }
}

pub(super) async fn sign_jwt(
    Extracted(services): State,
    Path(what): Path<String>,
    headers: HeaderMap,
    Json(asked): Json<Asked>,
) -> Response {
    services.shared.note(format!("POST /v1/projects/-/serviceAccounts/{what}"));
    if let Some(response) = services.shared.read(|project| project.iam_credentials).answer().await {
        return response;
    }
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match signed(&services, &what, bearer.unwrap_or_default(), &asked.payload) {
        Ok(answer) => Json(answer).into_response(),
        Err(refused) => refused.into_response(),
    }
}

fn signed(services: &Services, what: &str, bearer: &str, payload: &str) -> Result<Value, Refused> {
    let denied = |reason, text: String| Refused(StatusCode::FORBIDDEN, "PERMISSION_DENIED", reason, text);
    let email = what.strip_suffix(":signJwt");
    let email = email.ok_or_else(|| Refused(StatusCode::NOT_FOUND, "NOT_FOUND", "", "Method not found.".to_owned()))?;
    let now = services.shared.now();
    let (caller, full_scope, enabled, may_sign, key) = services.shared.read(|project| {
        let caller = project.access.get(bearer).filter(|(_, end)| *end > now).map(|(email, _)| email.clone());
        (caller, project.instance.full_scope, project.signing_api, project.may_sign(email), project.signing_key(email))
    });
    let Some(caller) = caller else {
        let text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.";
        return Err(Refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED", text.to_owned()));
    };
    if !full_scope {
        return Err(denied("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "Request had insufficient authentication scopes.".to_owned()));
    }
    if !enabled {
        let text = "IAM Service Account Credentials API has not been used in project 4711 before or it is disabled.";
        return Err(denied("SERVICE_DISABLED", text.to_owned()));
    }
    let Some(key) = key.filter(|_| may_sign && caller == email) else {
        let text = "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).";
        return Err(denied("IAM_PERMISSION_DENIED", text.to_owned()));
    };
    let invalid = |text: &str| Refused(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", "", text.to_owned());
    let claims: Value = serde_json::from_str(payload).map_err(|_| invalid("Payload isn't a valid JSON object."))?;
    if claims.get("exp").and_then(Value::as_i64).is_some_and(|end| end > now + LONGEST) {
        return Err(invalid("Claim \"exp\" must be within 12 hours."));
    }
    let token =
        key.sign(&claims).map_err(|_| Refused(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "", "It can't be signed.".to_owned()))?;
    Ok(json!({ "keyId": key.id, "signedJwt": token }))
}
