//! The routes, and what stands before all of them: the call log, faults, the limiter, entity tags.
//!
//! Everything below `/api` that is no route is Fastify's 404; everything elsewhere is the web page with status 200, which
//! is what a client with a wrong base address meets.
mod dev;
mod events;
mod folders;
mod imports;
mod leases;
mod login;
mod projects;
mod secrets;
mod service_tokens;

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use axum::{Json, Router};
use serde_json::json;

use crate::auth;
use crate::errors::{ApiError, unknown_route};
use crate::etag;
use crate::faults::{self, Fault};
use crate::operation::Operation;
use crate::server::Shared;

pub(crate) use self::dev::PAGE;

/// The state of the routes.
pub(crate) type Server = Arc<Shared>;

/// Everything that the server serves.
pub(crate) fn router(shared: &Server, page: bool) -> Router {
    let api = Router::new()
        .route("/api/status", get(status))
        .merge(login::routes())
        .merge(projects::routes(shared))
        .merge(folders::routes())
        .merge(imports::routes())
        .merge(leases::routes())
        .merge(secrets::routes(shared))
        .merge(service_tokens::routes())
        .merge(events::routes())
        .route_layer(from_fn_with_state(shared.clone(), auth::hook))
        .route("/api/{*rest}", any(unknown_route))
        .route("/api", any(unknown_route))
        .method_not_allowed_fallback(unknown_route);
    let served = api.merge(dev::routes(page)).with_state(shared.clone());
    // Wrapped once more, so that trailing slashes go and faults strike before a route is looked for.
    Router::new().fallback_service(served).layer(from_fn_with_state(shared.clone(), gate))
}

/// Routes that only a server with v4 has.
fn newer(router: Router<Server>, shared: &Server) -> Router<Server> {
    router.route_layer(from_fn_with_state((shared.clone(), true), only_with))
}

/// Routes that a server with v4 has no more.
fn older(router: Router<Server>, shared: &Server) -> Router<Server> {
    router.route_layer(from_fn_with_state((shared.clone(), false), only_with))
}

async fn only_with(State((shared, v4)): State<(Server, bool)>, request: Request, next: Next) -> Response {
    if shared.has_v4() == v4 {
        return next.run(request).await;
    }
    unknown_route(request.method().clone(), request.uri().clone()).await
}

async fn status() -> Response {
    let now = jiff::Timestamp::now();
    let body = json!({ "date": format!("{now:.3}"), "message": "Ok", "emailConfigured": false, "inviteOnlySignup": true, "redisConfigured": false });
    Json(body).into_response()
}

async fn gate(State(shared): State<Server>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if path != "/api" && !path.starts_with("/api/") {
        return next.run(request).await;
    }
    trim_trailing_slash(&mut request);
    let operation = Operation::of(request.method(), &path);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let call = shared.calls.begin(operation, request.method().as_str(), &path, &query);
    let response = answer(&shared, operation, request, next).await;
    call.answered(response.status().as_u16());
    response
}

async fn answer(shared: &Shared, operation: Operation, request: Request, next: Next) -> Response {
    let fault = shared.faults.meet(operation).await;
    if let Some(response) = fault.and_then(Fault::answer) {
        return response;
    }
    let charge = operation.category(request.method()).and_then(|category| shared.limiter.charge(category, shared.state.clock().now()));
    let headers = request.headers().clone();
    let mut response = match charge.as_ref().and_then(|charge| charge.refusal()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    };
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream") {
        // The real server takes such an answer out of Fastify's hands: no entity tag, none of the usual headers, and no end.
        return response;
    }
    if let Some(charge) = &charge {
        charge.mark(&mut response);
    }
    mark(&mut response);
    let (parts, body) = response.into_parts();
    // Answers are made here and complete; there is nothing to bound.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return ApiError::internal().into_response();
    };
    let response = Response::from_parts(parts, axum::body::Body::empty());
    if fault == Some(Fault::Cut) {
        return faults::cut(response, &body);
    }
    etag::apply(&headers, response, body)
}

fn trim_trailing_slash(request: &mut Request) {
    let uri = request.uri();
    let trimmed = uri.path().trim_end_matches('/');
    if trimmed.len() == uri.path().len() {
        return;
    }
    let target = match uri.query() {
        Some(query) => format!("{trimmed}?{query}"),
        None => trimmed.to_owned(),
    };
    if let Ok(target) = target.parse::<Uri>() {
        *request.uri_mut() = target;
    }
}

/// The headers that the real server's CORS and helmet put on every answer, as far as a client could see them.
fn mark(response: &mut Response) {
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    }
    for (name, value) in [
        (HeaderName::from_static("access-control-allow-origin"), "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=15552000; includeSubDomains"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// 200 with a JSON body.
fn ok(body: impl serde::Serialize) -> Response {
    (StatusCode::OK, Json(body)).into_response()
}

/// A date as the API writes it.
fn date(at: jiff::Timestamp) -> String {
    format!("{at:.3}")
}

fn both<S: Clone + Send + Sync + 'static>(paths: [&str; 2], route: impl Fn() -> MethodRouter<S>) -> Router<S> {
    paths.into_iter().fold(Router::new(), |router, path| router.route(path, route()))
}
