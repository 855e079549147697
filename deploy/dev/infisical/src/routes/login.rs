//! Login, renewal and revocation. None of them wants `Authorization`.
use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Path, State};
use axum::http::Method;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::json;

use super::{Server, ok};
use crate::errors::{ApiError, unknown_route};
use crate::input::Body;
use crate::listen::Peer;
use crate::verify;

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route("/api/v1/auth/{method}/login", post(login))
        .route("/api/v1/auth/token/renew", post(renew))
        .route("/api/v1/auth/token/revoke", post(revoke))
}

async fn login(
    State(shared): State<Server>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(method): Path<String>,
    OriginalUri(uri): OriginalUri,
    Body(input): Body,
) -> Response {
    if !verify::is_known(&method) {
        return unknown_route(Method::POST, uri).await;
    }
    match verify::login(&shared, &method, input, &peer.chain).await {
        Ok(granted) => ok(granted),
        Err(error) => error.into_response(),
    }
}

async fn renew(State(shared): State<Server>, Body(mut input): Body) -> Result<Response, ApiError> {
    let token = input.required("accessToken");
    input.finish()?;
    let now = shared.state.clock().now();
    let granted = shared.keys.renew(&mut shared.state.write(), token.trim(), shared.generation(), now)?;
    Ok(ok(granted))
}

async fn revoke(State(shared): State<Server>, Body(mut input): Body) -> Result<Response, ApiError> {
    let token = input.required("accessToken");
    input.finish()?;
    let now = shared.state.clock().now();
    shared.keys.revoke(&mut shared.state.write(), token.trim(), now)?;
    Ok(ok(json!({ "message": "Successfully revoked access token" })))
}
