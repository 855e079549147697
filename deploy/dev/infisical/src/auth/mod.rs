//! Who calls: the hook that reads `Authorization` on every route of the API, and the extractors with which a route says
//! whom it lets in.
//!
//! The hook runs on routes that need no login too. A stale token there fails the call before the route is reached, which
//! clients that send `Authorization` with a login learn the hard way.
pub mod access_token;

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use crate::errors::ApiError;
use crate::server::Shared;
use crate::state::World;
use crate::state::tokens::Actor;

/// Reads the caller's token, charges one use of it, and hands the caller to the route.
pub async fn hook(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    match identify(&shared, request.headers()) {
        Ok((actor, token)) => {
            request.extensions_mut().insert(actor);
            request.extensions_mut().insert(token);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn identify(shared: &Shared, headers: &HeaderMap) -> Result<(Option<Actor>, Option<TokenId>), ApiError> {
    if headers.contains_key("x-api-key") {
        let message = "API key authentication is not supported anymore. Please use a machine identity instead.";
        return Err(ApiError::bad_request(message));
    }
    let Some(header) = headers.get(header::AUTHORIZATION) else {
        return Ok((None, None));
    };
    // Like the server: whatever the scheme is, its first seven characters are dropped.
    let token = header.to_str().ok().and_then(|text| text.get(7..)).unwrap_or_default();
    let now = shared.state.clock().now();
    if let Some(rest) = token.strip_prefix("st.") {
        return service_token(shared, rest).map(|actor| (Some(actor), None));
    }
    let claims = shared.keys.verify(token, now)?;
    let mut world = shared.state.write();
    if world.tokens.get(&claims.identity_access_token_id).is_some_and(|record| record.expired && !record.revoked) {
        return Err(access_token::expired());
    }
    world.tokens.charge(&claims.identity_access_token_id)?;
    let token = TokenId { id: claims.identity_access_token_id, end: claims.exp };
    Ok((Some(Actor::Identity { id: claims.identity_id, organization: claims.org_id }), Some(token)))
}

fn service_token(shared: &Shared, rest: &str) -> Result<Actor, ApiError> {
    let mut parts = rest.split('.');
    let id = parts.next().unwrap_or_default();
    let secret = parts.next().unwrap_or_default();
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let found = world.service_tokens.iter().position(|token| token.id == id);
    let unknown = || ApiError::not_found(format!("Service token with ID '{id}' not found"));
    let index = found.ok_or_else(unknown)?;
    let token = world.service_tokens.get(index).ok_or_else(unknown)?;
    if token.expires_at.is_some_and(|end| end <= now) {
        world.service_tokens.remove(index);
        return Err(ApiError::forbidden("Service token has expired"));
    }
    if token.secret.expose() != secret {
        return Err(ApiError::unauthorized("Invalid service token"));
    }
    Ok(Actor::ServiceToken { id: id.to_owned() })
}

fn actor(parts: &Parts) -> Result<Actor, ApiError> {
    parts.extensions.get::<Option<Actor>>().cloned().flatten().ok_or_else(|| ApiError::unauthorized("Token missing"))
}

/// Any caller with a token.
pub struct Caller(pub Actor);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        actor(parts).map(Self)
    }
}

/// A caller with an access token: service tokens are refused with 403.
pub struct IdentityCaller {
    /// The caller.
    pub actor: Actor,
    /// Id of the organisation that the token is for.
    pub organization: String,
}

impl<S: Sync> FromRequestParts<S> for IdentityCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match actor(parts)? {
            Actor::Identity { id, organization } => {
                Ok(Self { organization: organization.clone(), actor: Actor::Identity { id, organization } })
            }
            Actor::ServiceToken { .. } => {
                let name = format!("Forbidden access to {}", parts.uri);
                Err(ApiError::forbidden("You are not allowed to access this resource").named(name))
            }
        }
    }
}

/// Which access token a call came with, for what goes on after its answer has begun.
#[derive(Clone)]
pub struct TokenId {
    id: String,
    /// Seconds of the epoch.
    end: i64,
}

impl TokenId {
    /// Whether a call with it would still be let in.
    #[must_use]
    pub fn holds(&self, world: &World, now: Timestamp) -> bool {
        self.end > now.as_second() && world.tokens.get(&self.id).is_some_and(|record| !record.revoked && !record.expired)
    }
}

impl<S: Sync> FromRequestParts<S> for TokenId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let token = parts.extensions.get::<Option<Self>>().cloned().flatten();
        token.ok_or_else(|| ApiError::unauthorized("Token missing"))
    }
}
