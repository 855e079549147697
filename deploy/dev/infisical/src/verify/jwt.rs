//! JWT auth: a token of any issuer, verified by public keys that the identity holds or by a key set at an address.
//!
//! With several keys each is tried, and a refusal lists what was wrong with each. The real server does not fetch key sets from
//! private addresses; this one does, since issuers of tests are on loopback.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::jwks::{Claims, Header, Key, allowed};
use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// How an identity is proven by a token; what is absent or empty is not checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JwtAuth {
    /// Where the keys are.
    #[serde(flatten)]
    pub keys: JwtKeys,
    /// Exactly the claim `iss`.
    #[serde(default)]
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
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

/// Where the keys are.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum JwtKeys {
    /// With the identity, as PEM.
    #[serde(rename_all = "camelCase")]
    Static {
        /// Each is tried.
        public_keys: Vec<String>,
    },
    /// At an address.
    #[serde(rename_all = "camelCase")]
    Set {
        /// Of the key set.
        jwks_url: String,
    },
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let jwt = input.required("jwt");
    input.finish()?;
    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id.trim(), "JWT", |identity| identity.jwt.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    let claims = signed(shared, &auth.keys, jwt.trim()).await?;
    bound(&auth, &claims)?;
    let login = Login { method: "jwt-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

async fn signed(shared: &Shared, keys: &JwtKeys, jwt: &str) -> Result<Claims, ApiError> {
    let header = Header::of(jwt).ok_or_else(|| ApiError::unauthorized("Invalid JWT"))?;
    let now = shared.state.clock().now();
    match keys {
        JwtKeys::Set { jwks_url } => {
            // What its library throws for keys is known to the server as nothing but an internal error.
            let keys = shared.issuers.keys(jwks_url).await.map_err(|_| ApiError::internal())?;
            let named = |key: &&Key| header.kid.is_none() || key.id == header.kid;
            let key = keys.iter().find(named).ok_or_else(ApiError::internal)?;
            key.verify(jwt, now).map_err(|fault| ApiError::unauthorized(format!("Access denied: {fault}")))
        }
        JwtKeys::Static { public_keys } => {
            let mut faults = Vec::new();
            for pem in public_keys {
                let key = Key::from_pem(pem);
                match key.map(|key| key.verify(jwt, now)) {
                    Some(Ok(claims)) => return Ok(claims),
                    Some(Err(fault)) => faults.push(fault.to_string()),
                    None => faults.push("secretOrPublicKey must be an asymmetric key".to_owned()),
                }
            }
            let faults = faults.join("; ");
            Err(ApiError::unauthorized(format!("Access denied: JWT verification failed with all keys. Errors - {faults}")))
        }
    }
}

fn bound(auth: &JwtAuth, claims: &Claims) -> Result<(), ApiError> {
    if !auth.bound_issuer.is_empty() && claims.text("iss") != Some(&auth.bound_issuer) {
        return Err(ApiError::forbidden("Access denied: issuer mismatch"));
    }
    if !auth.bound_subject.is_empty() {
        let subject = claims.get("sub").ok_or_else(|| ApiError::unauthorized("Access denied: token has no subject field"))?;
        if !allowed(subject, &auth.bound_subject) {
            return Err(ApiError::forbidden("Access denied: subject not allowed"));
        }
    }
    if !auth.bound_audiences.is_empty() {
        let audience = claims.get("aud").ok_or_else(|| ApiError::unauthorized("Access denied: token has no audience field"))?;
        if !allowed(audience, &auth.bound_audiences) {
            return Err(ApiError::unauthorized("Access denied: token audience not allowed"));
        }
    }
    for (name, policy) in &auth.bound_claims {
        let claim = claims.get(name).ok_or_else(|| ApiError::unauthorized(format!("Access denied: token has no {name} field")))?;
        if !allowed(claim, policy) {
            return Err(ApiError::unauthorized(format!("Access denied: claim mismatch for field {name}")));
        }
    }
    Ok(())
}
