//! `POST /api/v1/events/subscribe/project-events`: an answer that does not end.
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::post;

use super::Server;
use crate::auth::{IdentityCaller, TokenId};
use crate::errors::ApiError;
use crate::events::{self, Registration, Subscriber};
use crate::input::Body;
use crate::state::tokens::Actor;

pub(super) fn routes() -> Router<Server> {
    Router::new().route("/api/v1/events/subscribe/project-events", post(subscribe))
}

async fn subscribe(
    State(shared): State<Server>,
    IdentityCaller { actor, .. }: IdentityCaller,
    token: TokenId,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let project = input.required("projectId").trim().to_owned();
    let register = Registration::read(&mut input);
    input.finish()?;
    {
        let world = shared.state.read();
        let (_, access) = world.enter(&actor, &project)?;
        register.iter().try_for_each(|entry| entry.check(&access))?;
    }
    let streams = shared.state.streams();
    if let Some(words) = streams.conduct().refusal {
        return Err(ApiError::bad_request(words));
    }
    let Actor::Identity { id, .. } = &actor else {
        return Err(ApiError::forbidden("You are not allowed to access this resource"));
    };
    let open = streams.enter(&project, id).ok_or_else(|| {
        let message = format!("Too many active connections for project {project}. Please close some connections before opening a new one.");
        ApiError::too_many(message)
    })?;
    let mut response = Response::new(events::body(shared.clone(), Subscriber { actor, token, project, register }, open));
    *response.status_mut() = StatusCode::OK;
    for (name, value) in [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-cache"),
        (header::CONNECTION.as_str(), "keep-alive"),
        ("x-accel-buffering", "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
