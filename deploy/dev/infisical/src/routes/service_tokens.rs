//! What a service token is told about itself.
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::{Server, date, ok};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::state::tokens::Actor;

pub(super) fn routes() -> Router<Server> {
    Router::new().route("/api/v2/service-token", get(own))
}

async fn own(State(shared): State<Server>, Caller(actor): Caller) -> Result<Response, ApiError> {
    let Actor::ServiceToken { id } = actor else {
        return Err(ApiError::forbidden("You are not allowed to access this resource").named("Forbidden access to /api/v2/service-token"));
    };
    let world = shared.state.read();
    let token = world.service_tokens.iter().find(|token| token.id == id);
    let token = token.ok_or_else(|| ApiError::not_found(format!("Service token with ID '{id}' not found")))?;
    Ok(ok(json!({
        "_id": token.id,
        "id": token.id,
        "name": token.name,
        "workspace": token.project,
        "projectId": token.project,
        "scopes": token.scopes,
        "permissions": token.permissions,
        "expiresAt": token.expires_at.map(date),
        "createdBy": "",
        "createdAt": date(token.created),
        "updatedAt": date(token.created),
        "__v": 0,
    })))
}
