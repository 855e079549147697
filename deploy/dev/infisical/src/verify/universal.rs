//! Universal auth: a client id and a client secret, compared by digest, with lock-out after wrong tries.
//!
//! An unknown id and a wrong secret are refused alike. A secret past its life or its uses is told apart and revoked.
use serde_json::json;

use super::{LOCKED, Proven};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::server::Shared;

pub(super) fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let client_id = input.required("clientId");
    let client_secret = input.required("clientSecret");
    input.finish()?;
    let (client_id, client_secret) = (client_id.trim(), client_secret.trim());

    let invalid = || ApiError::unauthorized("Invalid credentials");
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let organization = world.organization.id.clone();
    let mut identities = world.identities.iter_mut();
    let identity = identities.find(|identity| identity.universal.as_ref().is_some_and(|auth| auth.client_id == client_id));
    let identity = identity.ok_or_else(invalid)?;
    let auth = identity.universal.as_mut().ok_or_else(invalid)?;
    if auth.failures.is_locked(now) {
        return Err(ApiError::unauthorized(LOCKED));
    }
    let Some(secret) = auth.secrets.iter_mut().find(|secret| !secret.revoked && secret.is(client_secret)) else {
        auth.failures.note(&auth.lockout, now);
        return Err(invalid());
    };
    if secret.expires_at.is_some_and(|end| end <= now) {
        secret.revoked = true;
        return Err(ApiError::unauthorized("Access denied due to expired client secret"));
    }
    match &mut secret.uses_left {
        Some(0) => {
            secret.revoked = true;
            return Err(ApiError::unauthorized("Access denied due to client secret usage limit reached"));
        }
        Some(left) => *left -= 1,
        None => {}
    }
    auth.failures = Default::default();
    let login = Login {
        method: "universal-auth",
        organization,
        bounds: auth.bounds,
        client_secret_id: Some(secret.id.clone()),
        identity_auth: json!({}),
    };
    Ok(Proven { identity: identity.clone(), login })
}
