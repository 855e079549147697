//! Google Cloud auth of two types: an id token that Google signed, and a token that a service account signed.
//!
//! An id token is verified by Google's certificates, its audience is the machine identity, and it may be five minutes late,
//! all as Google's library for Node has it; whatever that library refuses ends as 500. The other is verified by the
//! certificates of the account that it names; what is refused there is told apart.
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::jwks::{Claims, Header, Key, token_error};
use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// How an identity is proven by Google Cloud; what is empty is not checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GcpAuth {
    /// Which tokens it takes.
    #[serde(rename = "type")]
    pub kind: GcpKind,
    /// Addresses of service accounts, with commas between.
    #[serde(default)]
    pub allowed_service_accounts: String,
    /// Ids of projects, with commas between; for id tokens that say where the machine is.
    #[serde(default)]
    pub allowed_projects: String,
    /// Zones, with commas between; for the same.
    #[serde(default)]
    pub allowed_zones: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

/// A type of Google Cloud auth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GcpKind {
    /// Id tokens.
    Gce,
    /// Tokens that a service account signed.
    Iam,
}

/// Seconds that Google's library lets clocks differ.
const SKEW: i64 = 300;

/// Certificates in PEM by the ids of their keys.
type Certificates = HashMap<String, String>;

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let jwt = input.required("jwt");
    input.finish()?;
    let identity_id = identity_id.trim();
    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id, "GCP", |identity| identity.gcp.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    let (email, engine) = match auth.kind {
        GcpKind::Gce => by_google(shared, identity_id, &jwt).await?,
        GcpKind::Iam => (by_account(shared, identity_id, &jwt).await?, None),
    };
    let listed = |list: &str, found: &str| list.is_empty() || list.split(',').any(|entry| entry.trim() == found);
    let denied = |what: &str| ApiError::unauthorized(format!("Access denied: GCP {what} not allowed."));
    if !listed(&auth.allowed_service_accounts, &email) {
        return Err(denied("service account"));
    }
    // A token that does not say where the machine is passes.
    if let Some(engine) = engine {
        let text = |name: &str| engine.get(name).and_then(Value::as_str).unwrap_or_default();
        if !listed(&auth.allowed_projects, text("project_id")) {
            return Err(denied("project"));
        }
        if !listed(&auth.allowed_zones, text("zone")) {
            return Err(denied("zone"));
        }
    }
    let login = Login { method: "gcp-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

async fn certificates(shared: &Shared, path: &str) -> Result<Certificates, ApiError> {
    let google = shared.google.as_deref().ok_or_else(ApiError::internal)?;
    shared.issuers.document(&format!("{google}{path}")).await.map_err(|_| ApiError::internal())
}

/// Address of the account, and where the machine is, if the token says so.
async fn by_google(shared: &Shared, identity_id: &str, jwt: &str) -> Result<(String, Option<Value>), ApiError> {
    let certificates = certificates(shared, "/oauth2/v1/certs").await?;
    let header = Header::of(jwt).ok_or_else(ApiError::internal)?;
    let pem = header.kid.and_then(|kid| certificates.get(&kid).cloned()).ok_or_else(ApiError::internal)?;
    let key = Key::from_certificate(&pem).ok_or_else(ApiError::internal)?;
    let now = shared.state.clock().now();
    let claims = key.signed(jwt).map_err(|_| ApiError::internal())?;
    let time = |name| claims.get(name).and_then(Value::as_i64).ok_or_else(ApiError::internal);
    let (from, end) = (time("iat")?, time("exp")?);
    let now = now.as_second();
    let fits = now >= from - SKEW && now <= end + SKEW && claims.text("aud") == Some(identity_id);
    if !fits || claims.text("iss") != Some("https://accounts.google.com") {
        return Err(ApiError::internal());
    }
    let email = claims.text("email").ok_or_else(|| ApiError::unauthorized("Unauthorized"))?;
    Ok((email.to_owned(), claims.get("google.compute_engine").cloned()))
}

/// Address of the account that signed.
async fn by_account(shared: &Shared, identity_id: &str, jwt: &str) -> Result<String, ApiError> {
    let header = Header::of(jwt).ok_or_else(ApiError::internal)?;
    let claimed = Claims::believed(jwt).ok_or_else(ApiError::internal)?;
    let email = claimed.text("sub").filter(|email| is_account(email));
    let email = email.ok_or_else(|| ApiError::unauthorized("Invalid service account identifier"))?;
    let certificates = certificates(shared, &format!("/service_accounts/v1/metadata/x509/{}", email.replace('@', "%40"))).await?;
    let pem = header.kid.and_then(|kid| certificates.get(&kid).cloned());
    let pem = pem.ok_or_else(|| ApiError::token("secret or public key must be provided"))?;
    let key = Key::from_certificate(&pem).ok_or_else(ApiError::internal)?;
    let claims = key.verify(jwt, shared.state.clock().now()).map_err(token_error)?;
    if claims.text("aud") != Some(identity_id) {
        return Err(ApiError::unauthorized("Invalid audience in GCP IAM Token"));
    }
    Ok(email.to_owned())
}

/// `NAME@PROJECT.iam.gserviceaccount.com`
fn is_account(email: &str) -> bool {
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let parts = email.strip_suffix(".iam.gserviceaccount.com").and_then(|rest| rest.split_once('@'));
    parts.is_some_and(|(name, project)| plain(name) && plain(project))
}
