//! Access tokens: signed with HS256 under a key that lives as long as the server, bounded in life, renewable.
//!
//! The newest generation keeps its bounds in the token and a marker for the revoked; renewing gives a new token of the
//! same id, whose life shrinks towards the maximum. The older one keeps a row per token and deletes it when a renewal
//! comes too late, so that a still valid token dies.
use jiff::Timestamp;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::errors::ApiError;
use crate::server::Generation;
use crate::state::identity::TokenBounds;
use crate::state::tokens::TokenRecord;
use crate::state::{Identity, World, new_id};

/// `MAX_MACHINE_IDENTITY_TOKEN_AGE`: no token lives longer, whatever is configured. Ninety days.
const CEILING: u64 = 7_776_000;
/// What a periodic token's login says in place of a maximum.
const NO_MAXIMUM: u64 = 1_000_000_000;

/// What a token says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// Id of the identity.
    pub identity_id: String,
    /// Its name.
    pub identity_name: String,
    /// How it logged in, for example `universal-auth`.
    pub auth_method: String,
    /// Id of the organisation it is for.
    pub org_id: String,
    /// Id of the root organisation.
    pub root_org_id: String,
    /// Id of the organisation above.
    pub parent_org_id: String,
    /// Id of the token, the same over renewals.
    pub identity_access_token_id: String,
    /// Id of this one token.
    pub jti: String,
    /// Id of the client secret, for universal auth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_id: Option<String>,
    /// Whether use is bound to addresses.
    pub ip_restriction_enabled: bool,
    /// Configured life in seconds.
    #[serde(rename = "accessTokenTTL")]
    pub ttl: u64,
    /// Configured maximum in seconds.
    #[serde(rename = "accessTokenMaxTTL")]
    pub max_ttl: u64,
    /// Seconds given by each renewal, 0 for an ordinary token.
    pub access_token_period: u64,
    /// Time of the login.
    pub creation_epoch: i64,
    /// Always `identityAccessToken`.
    pub auth_token_type: String,
    /// What the login learned about the caller.
    pub identity_auth: Value,
    /// Uses allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_uses_limit: Option<u64>,
    /// Time of issue.
    pub iat: i64,
    /// End of life.
    pub exp: i64,
}

/// Answer to a login or a renewal.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    access_token: String,
    expires_in: u64,
    #[serde(rename = "accessTokenMaxTTL")]
    max_ttl: u64,
    token_type: &'static str,
}

/// A verified login.
pub struct Login {
    /// For example `universal-auth`.
    pub method: &'static str,
    /// Id of the organisation logged in to.
    pub organization: String,
    /// Configured bounds.
    pub bounds: TokenBounds,
    /// Id of the client secret, for universal auth.
    pub client_secret_id: Option<String>,
    /// What the login learned about the caller.
    pub identity_auth: Value,
}

/// The key under which tokens are signed.
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Keys {
    /// A fresh key.
    #[must_use]
    pub fn new() -> Self {
        let mut secret = [0; 32];
        rand::rng().fill_bytes(&mut secret);
        let mut validation = Validation::new(Algorithm::HS256);
        // The end of life is judged by the server's own clock, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { encoding: EncodingKey::from_secret(&secret), decoding: DecodingKey::from_secret(&secret), validation }
    }

    /// Reads a token.
    ///
    /// # Errors
    /// 403 `TokenError` for one that is malformed, wrongly signed or expired.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, ApiError> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let claims = decoded.map_err(|error| ApiError::token(explain(error.kind())))?.claims;
        if claims.exp <= now.as_second() {
            return Err(expired());
        }
        Ok(claims)
    }

    /// Gives a token to an identity whose login was verified.
    ///
    /// # Errors
    /// 500 when it can't be signed.
    pub fn issue(&self, world: &mut World, identity: &Identity, login: Login, now: Timestamp) -> Result<Granted, ApiError> {
        let bounds = identity.token_override.unwrap_or(login.bounds);
        let (ttl, max_ttl) = if bounds.period > 0 { (bounds.period, NO_MAXIMUM) } else { (bounds.ttl, bounds.max_ttl) };
        let id = new_id();
        let root = world.organization.id.clone();
        let claims = Claims {
            identity_id: identity.id.clone(),
            identity_name: identity.name.clone(),
            auth_method: login.method.to_owned(),
            org_id: login.organization,
            root_org_id: root.clone(),
            parent_org_id: root,
            identity_access_token_id: id.clone(),
            jti: new_id(),
            client_secret_id: login.client_secret_id,
            ip_restriction_enabled: false,
            ttl: bounds.ttl,
            max_ttl: bounds.max_ttl,
            access_token_period: bounds.period,
            creation_epoch: now.as_second(),
            auth_token_type: "identityAccessToken".to_owned(),
            identity_auth: login.identity_auth,
            num_uses_limit: (bounds.uses > 0).then_some(bounds.uses),
            iat: now.as_second(),
            exp: now.as_second(),
        };
        let (access_token, _) = self.sign(claims, now)?;
        world.tokens.insert(id, TokenRecord { identity: identity.id.clone(), revoked: false, expired: false, uses: 0, bounds });
        // The configured life, even where the token's own is shorter.
        Ok(Granted { access_token, expires_in: ttl, max_ttl, token_type: "Bearer" })
    }

    /// Gives a token a new life.
    ///
    /// # Errors
    /// 403 `TokenError` for one that does not verify; 401 when it was revoked, is used up or has reached its maximum.
    pub fn renew(&self, world: &mut World, token: &str, generation: Generation, now: Timestamp) -> Result<Granted, ApiError> {
        let claims = self.verify(token, now)?;
        let id = claims.identity_access_token_id.clone();
        let older = generation == Generation::Mid;
        let record = world.tokens.get(&id).filter(|record| !record.revoked);
        let Some(record) = record else {
            let text = if older { "No identity access token found" } else { "Cannot renew revoked or unknown access token" };
            return Err(ApiError::unauthorized(text));
        };
        if record.expired {
            return Err(expired());
        }
        if record.bounds.uses > 0 && record.uses >= record.bounds.uses {
            return Err(ApiError::unauthorized("Cannot renew exhausted access token"));
        }
        if let Some(left) = remaining(&claims, now) {
            // The older generation wants room for a whole life, and lets even the valid token die.
            if older && left < claims.ttl {
                world.tokens.remove(&id);
                return Err(ApiError::unauthorized("Failed to renew MI access token due to Max TTL expiration"));
            }
            if left == 0 {
                return Err(ApiError::unauthorized("Cannot renew: identity access token has reached its max TTL"));
            }
        }
        let max_ttl = if claims.access_token_period > 0 { NO_MAXIMUM } else { claims.max_ttl };
        let (access_token, issued) = self.sign(Claims { jti: new_id(), ..claims }, now)?;
        Ok(Granted { access_token, expires_in: issued, max_ttl, token_type: "Bearer" })
    }

    /// Revokes a token and all that share its id.
    ///
    /// # Errors
    /// 403 `TokenError` for one that does not verify, 401 for one that is unknown.
    pub fn revoke(&self, world: &mut World, token: &str, now: Timestamp) -> Result<(), ApiError> {
        let claims = self.verify(token, now)?;
        let id = claims.identity_access_token_id;
        match world.tokens.get(&id) {
            None => return Err(ApiError::unauthorized("No identity access token found")),
            Some(record) if record.expired => return Err(expired()),
            Some(_) => {}
        }
        world.tokens.revoke(&id);
        Ok(())
    }

    /// Signs claims with the life they still allow, in seconds.
    fn sign(&self, mut claims: Claims, now: Timestamp) -> Result<(String, u64), ApiError> {
        let requested = if claims.access_token_period > 0 { claims.access_token_period } else { claims.ttl };
        let mut life = if requested > 0 { requested.min(CEILING) } else { CEILING };
        if let Some(left) = remaining(&claims, now) {
            life = life.min(left);
        }
        claims.iat = now.as_second();
        claims.exp = now.as_second().saturating_add(i64::try_from(life).unwrap_or(i64::MAX));
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(|_| ApiError::internal())?;
        Ok((token, life))
    }
}

/// Whole seconds until the maximum; `None` where there is none.
fn remaining(claims: &Claims, now: Timestamp) -> Option<u64> {
    if claims.max_ttl == 0 || claims.access_token_period > 0 {
        return None;
    }
    let max_ttl = i64::try_from(claims.max_ttl).unwrap_or(i64::MAX);
    let end = claims.creation_epoch.saturating_add(max_ttl).saturating_mul(1000);
    Some(u64::try_from(end.saturating_sub(now.as_millisecond()) / 1000).unwrap_or(0))
}

/// 403 for a token past its life.
#[must_use]
pub fn expired() -> ApiError {
    ApiError::token("Your token has expired. Please re-authenticate.")
}

fn explain(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidSignature => "invalid signature",
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            "The access token is signed with an invalid algorithm. Please provide a valid token and try again."
        }
        _ => "The provided access token is malformed. Please use a valid token or generate a new one and try again.",
    }
}
