//! Entra's token endpoint for projected tokens, and the tenant's key set.
//!
//! Only client credentials with a federated assertion are served. What is wrong is answered with Entra's numbers, in the
//! order in which Entra looks: tenant, application, assertion, its issuer, subject and audience, scope.
use axum::extract::{Path, State as Extracted};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::{Value, json};

use super::tenant::{Application, granted};
use super::{Services, State};
use crate::verify::{Claims, TokenFault, TokenHeader};

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_assertion_type: String,
    #[serde(default)]
    client_assertion: String,
    #[serde(default)]
    scope: String,
}

/// A refusal: status, `error`, number and text.
struct Refused(StatusCode, &'static str, u32, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, error, code, text) = self;
        let body = json!({ "error": error, "error_description": format!("AADSTS{code}: {text}"), "error_codes": [code] });
        (status, Json(body)).into_response()
    }
}

fn request(code: u32, text: impl Into<String>) -> Refused {
    Refused(StatusCode::BAD_REQUEST, "invalid_request", code, text.into())
}

fn client(code: u32, text: impl Into<String>) -> Refused {
    Refused(StatusCode::UNAUTHORIZED, "invalid_client", code, text.into())
}

pub(super) async fn token(Extracted(services): State, Path(tenant): Path<String>, Form(asked): Form<Asked>) -> Response {
    services.shared.note("POST /oauth2/v2.0/token".to_owned());
    if let Some(response) = services.shared.read(|tenant| tenant.token_endpoint).answer().await {
        return response;
    }
    match exchange(&services, &tenant, &asked).await {
        Ok((claims, audience)) => match services.key.sign(&claims) {
            Ok(token) => Json(granted(token, &audience, false)).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Err(refused) => refused.into_response(),
    }
}

async fn exchange(services: &Services, tenant: &str, asked: &Asked) -> Result<(Value, String), Refused> {
    let known = services.shared.read(|found| (found.id == tenant).then(|| found.applications.clone()));
    let applications = known.ok_or_else(|| {
        request(
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            ),
        )
    })?;
    if asked.grant_type != "client_credentials" {
        return Err(request(900_144, "The request body must contain the following parameter: 'grant_type'."));
    }
    let application = applications.into_iter().find(|application| application.client_id == asked.client_id);
    let missing = || {
        let text = format!("Application with identifier '{}' was not found in the directory '{tenant}'.", asked.client_id);
        Refused(StatusCode::BAD_REQUEST, "unauthorized_client", 700_016, text)
    };
    let application = application.ok_or_else(missing)?;
    if asked.client_assertion_type != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
        return Err(client(
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
        ));
    }
    let claims = asserted(services, &application, &asked.client_assertion).await?;
    matched(&application, &claims)?;
    let Some(audience) = asked.scope.strip_suffix("/.default") else {
        return Err(request(
            1_002_012,
            format!(
                "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
                asked.scope
            ),
        ));
    };
    let now = services.shared.now();
    let granted = services.shared.read(|tenant| {
        tenant.has_resource(audience).then(|| tenant.claims(&application.client_id, &application.principal_id, audience, now))
    });
    let unknown = || {
        let text = format!("The resource principal named {audience} was not found in the tenant named {tenant}.");
        Refused(StatusCode::BAD_REQUEST, "invalid_resource", 500_011, text)
    };
    Ok((granted.ok_or_else(unknown)?, audience.to_owned()))
}

/// What a projected token says, once its signature is that of its issuer and it is valid now. The issuer is believed only as
/// far as the application trusts it.
async fn asserted(services: &Services, application: &Application, assertion: &str) -> Result<Claims, Refused> {
    let malformed = || client(50_027, "JWT token is invalid or malformed.");
    let header = TokenHeader::of(assertion).ok_or_else(malformed)?;
    let claimed = Claims::believed(assertion).ok_or_else(malformed)?;
    let issuer = claimed.text("iss").ok_or_else(malformed)?;
    if !application.federated.iter().any(|credential| credential.issuer == issuer) {
        return Err(request(700_211, format!("No matching federated identity record found for presented assertion issuer '{issuer}'.")));
    }
    let unreachable = || client(50_166, "Request to External OIDC endpoint failed.");
    let discovery: Value = services
        .issuers
        .document(&format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')))
        .await
        .map_err(|_| unreachable())?;
    let address = discovery.get("jwks_uri").and_then(Value::as_str).ok_or_else(unreachable)?;
    let keys = services.issuers.keys(address).await.map_err(|_| unreachable())?;
    let key = keys
        .iter()
        .find(|key| key.id == header.kid)
        .ok_or_else(|| client(50_013, "Assertion failed signature validation. [Reason - The key was not found.]"))?;
    key.verify(assertion, services.shared.clock.now()).map_err(|fault| match fault {
        TokenFault::Expired | TokenFault::TooEarly => {
            client(700_024, "Client assertion is not within its valid time range. Review the expiration time of the assertion.")
        }
        _ => client(50_013, "Assertion failed signature validation. [Reason - Signature verification failed.]"),
    })
}

fn matched(application: &Application, claims: &Claims) -> Result<(), Refused> {
    let text = |name: &str| claims.text(name).unwrap_or_default().to_owned();
    let (issuer, subject) = (text("iss"), text("sub"));
    let audiences: Vec<String> = match claims.get("aud") {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(one)) => vec![one.clone()],
        _ => Vec::new(),
    };
    let of_issuer = || application.federated.iter().filter(|credential| credential.issuer == issuer);
    if !of_issuer().any(|credential| credential.subject == subject) {
        return Err(request(700_213, format!("No matching federated identity record found for presented assertion subject '{subject}'.")));
    }
    if !of_issuer().any(|credential| credential.subject == subject && audiences.contains(&credential.audience)) {
        let audience = audiences.join(", ");
        return Err(request(
            700_212,
            format!("No matching federated identity record found for presented assertion audience '{audience}'."),
        ));
    }
    Ok(())
}

pub(super) async fn keys(Extracted(services): State, Path(tenant): Path<String>) -> Response {
    if services.shared.read(|found| found.id != tenant) {
        return request(90_002, format!("Tenant '{tenant}' not found.")).into_response();
    }
    let key = &services.key;
    Json(json!({ "keys": [{ "kty": "RSA", "use": "sig", "kid": key.id, "x5t": key.id, "x5c": [key.certificate()] }] })).into_response()
}
