//! Azure auth: an access token of Entra, verified by the key set of the tenant that the identity names.
//!
//! The key is taken from its certificate, as the real server takes it. Of audience and resource only the latter may have one
//! slash more. What its library refuses ends as 403 `TokenError`, in that library's words.
use serde::Deserialize;
use serde_json::json;

use super::jwks::{Header, Key, token_error};
use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// How an identity is proven by Entra.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AzureAuth {
    /// Id of the tenant.
    pub tenant_id: String,
    /// Audience that tokens must have.
    #[serde(default = "management")]
    pub resource: String,
    /// Object ids with commas between; empty for any.
    #[serde(default)]
    pub allowed_service_principal_ids: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

fn management() -> String {
    "https://management.azure.com/".to_owned()
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<SetKey>,
}

#[derive(Deserialize)]
struct SetKey {
    kid: String,
    #[serde(default)]
    x5c: Vec<String>,
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let jwt = input.required("jwt");
    input.finish()?;
    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id.trim(), "Azure", |identity| identity.azure.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    // What is no token at all is known to the server as nothing but an internal error.
    let header = Header::of(&jwt).ok_or_else(ApiError::internal)?;
    let key = key(shared, &auth.tenant_id, header.kid.as_deref()).await?;
    let claims = key.verify(&jwt, shared.state.clock().now()).map_err(token_error)?;

    let audience = claims.text("aud").unwrap_or_default();
    let resource = auth.resource.strip_suffix('/').filter(|_| !audience.ends_with('/')).unwrap_or(&auth.resource);
    if audience != resource {
        return Err(ApiError::token(format!("jwt audience invalid. expected: {resource}")));
    }
    let issuer = format!("https://sts.windows.net/{}/", auth.tenant_id);
    if claims.text("iss") != Some(&issuer) {
        return Err(ApiError::token(format!("jwt issuer invalid. expected: {issuer}")));
    }
    if claims.text("tid") != Some(&auth.tenant_id) {
        return Err(ApiError::unauthorized("Tenant ID mismatch"));
    }
    let principal = claims.text("oid").unwrap_or_default();
    let allowed = &auth.allowed_service_principal_ids;
    if !allowed.is_empty() && !allowed.split(',').any(|id| id.trim() == principal) {
        return Err(ApiError::unauthorized(format!("Service principal '{principal}' not allowed")));
    }
    let login = Login { method: "azure-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

/// The key of the tenant's set that a token names.
async fn key(shared: &Shared, tenant: &str, kid: Option<&str>) -> Result<Key, ApiError> {
    let entra = shared.entra.as_deref().ok_or_else(ApiError::internal)?;
    let set: KeySet = shared.issuers.document(&format!("{entra}/{tenant}/discovery/keys")).await.map_err(|_| ApiError::internal())?;
    let found = set.keys.iter().find(|key| Some(key.kid.as_str()) == kid);
    let unknown = || ApiError::unauthorized("Invalid signing key");
    let certificate = found.and_then(|key| key.x5c.first()).ok_or_else(unknown)?;
    let pem = format!("-----BEGIN CERTIFICATE-----\n{certificate}\n-----END CERTIFICATE-----\n");
    Key::from_certificate(&pem).ok_or_else(ApiError::internal)
}
