//! OIDC auth: an id token of an issuer, verified by the keys that its discovery document leads to.
//!
//! A token that names no key is tried with each of the issuer's, ten at most. The real server does not ask issuers at private
//! addresses; this one does, since issuers of tests are on loopback.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::jwks::{Claims, Header, allowed};
use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// The real server's bound for tokens that name no key.
const KEYS_TRIED: usize = 10;

/// How an identity is proven by an id token; what is absent or empty is not checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OidcAuth {
    /// The issuer's address, without `/.well-known/openid-configuration`.
    pub oidc_discovery_url: String,
    /// Exactly the claim `iss`.
    pub bound_issuer: String,
    /// Globs with `, ` between, one of which the claim `aud` matches.
    #[serde(default)]
    pub bound_audiences: String,
    /// Glob that the claim `sub` matches.
    #[serde(default)]
    pub bound_subject: String,
    /// By name, or path with dots, of a claim: globs with `, ` between, one of which matches.
    #[serde(default)]
    pub bound_claims: BTreeMap<String, String>,
    /// What goes into the access token: name there, and claim.
    #[serde(default)]
    pub claim_metadata_mapping: BTreeMap<String, String>,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

#[derive(Deserialize)]
struct Discovery {
    #[serde(default)]
    jwks_uri: String,
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let jwt = input.required("jwt");
    input.finish()?;
    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id.trim(), "OIDC", |identity| identity.oidc.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    let claims = signed(shared, &auth, jwt.trim()).await?;
    bound(&auth, &claims)?;
    let metadata = metadata(&auth, &claims)?;
    let login = Login {
        method: "oidc-auth",
        organization,
        bounds: auth.token.bounds(),
        client_secret_id: None,
        identity_auth: json!({ "oidc": { "claims": metadata } }),
    };
    Ok(Proven { identity, login })
}

fn denied(text: impl std::fmt::Display) -> ApiError {
    ApiError::unauthorized(format!("Access denied: {text}"))
}

async fn signed(shared: &Shared, auth: &OidcAuth, jwt: &str) -> Result<Claims, ApiError> {
    let issuer = &auth.oidc_discovery_url;
    let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let found: Result<Discovery, _> = shared.issuers.document(&address).await;
    let discovery = found.map_err(|error| denied(format_args!("Failed to fetch OIDC discovery document from {issuer}. {error}")))?;
    if discovery.jwks_uri.is_empty() {
        return Err(denied("OIDC discovery document does not contain a jwks_uri. The identity provider may be misconfigured."));
    }
    let header = Header::of(jwt).ok_or_else(|| ApiError::unauthorized("Invalid JWT"))?;
    let keys = shared.issuers.keys(&discovery.jwks_uri).await;
    let keys = keys.map_err(|error| denied(format_args!("Failed to retrieve signing key from OIDC provider: {error}")))?;
    let now = shared.state.clock().now();
    let claims = match header.kid {
        Some(kid) => {
            let key = keys.iter().find(|key| key.id.as_ref() == Some(&kid));
            let missing = || {
                denied(format_args!(
                    "Unable to verify JWT signature. The signing key '{kid}' was not found in the OIDC provider's JWKS endpoint. \
                     This may indicate an invalid token or misconfigured OIDC provider."
                ))
            };
            key.ok_or_else(missing)?.verify(jwt, now).map_err(denied)?
        }
        None if keys.is_empty() => return Err(denied("No signing keys available from OIDC provider's JWKS endpoint.")),
        None if keys.len() > KEYS_TRIED => {
            let count = keys.len();
            return Err(denied(format_args!(
                "OIDC provider has {count} signing keys. Tokens must include 'kid' header when provider has more than {KEYS_TRIED} keys."
            )));
        }
        None => {
            let mut last = String::new();
            let verified = keys.iter().find_map(|key| key.verify(jwt, now).map_err(|fault| last = fault.to_string()).ok());
            verified.ok_or_else(|| denied(format_args!("Unable to verify JWT signature with any available signing key. {last}")))?
        }
    };
    let wanted = &auth.bound_issuer;
    if claims.text("iss") != Some(wanted) {
        return Err(denied(format_args!("jwt issuer invalid. expected: {wanted}")));
    }
    Ok(claims)
}

fn bound(auth: &OidcAuth, claims: &Claims) -> Result<(), ApiError> {
    let matches = |claim: &str, policy: &str| policy.is_empty() || claims.get(claim).is_some_and(|value| allowed(value, policy));
    if !matches("sub", &auth.bound_subject) {
        return Err(ApiError::forbidden("Access denied: OIDC subject not allowed."));
    }
    if !matches("aud", &auth.bound_audiences) {
        return Err(denied("OIDC audience not allowed."));
    }
    for (name, policy) in &auth.bound_claims {
        let claim = claims.get(name).ok_or_else(|| denied(format_args!("token has no {name} field")))?;
        if !allowed(claim, policy) {
            return Err(denied("OIDC claim not allowed."));
        }
    }
    Ok(())
}

fn metadata(auth: &OidcAuth, claims: &Claims) -> Result<Map<String, Value>, ApiError> {
    let one = |(name, claim): (&String, &String)| {
        let value = claims.get(claim).ok_or_else(|| denied(format_args!("token has no {claim} field")))?;
        Ok((name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned).into()))
    };
    auth.claim_metadata_mapping.iter().map(one).collect()
}
