//! Projects by slug and by id, in the shapes of three generations, and their environments. A server without v4 has no
//! `/v1/projects` either, but still `/v1/workspace/slug`.
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};

use super::{Server, date, newer, ok, older};
use crate::auth::{Caller, IdentityCaller};
use crate::errors::ApiError;
use crate::state::{Environment, Project};

pub(super) fn routes(shared: &Server) -> Router<Server> {
    let today = Router::new()
        .route("/api/v1/projects", get(projects))
        .route("/api/v1/projects/slug/{slug}", get(by_slug))
        .route("/api/v1/projects/{id}", get(project_by_id))
        .route("/api/v1/projects/{id}/environments/{environment}", get(environment));
    let before = Router::new().route("/api/v1/workspace/slug/{slug}", get(by_slug));
    let always = Router::new()
        .route("/api/v2/workspace/{slug}", get(by_slug))
        .route("/api/v1/workspace", get(workspaces))
        .route("/api/v1/workspace/{id}", get(workspace_by_id))
        .route("/api/v1/workspace/{id}/environments/{environment}", get(environment));
    always.merge(newer(today, shared)).merge(older(before, shared))
}

async fn by_slug(State(shared): State<Server>, caller: IdentityCaller, Path(slug): Path<String>) -> Result<Response, ApiError> {
    let sluglike = slug.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character));
    if slug.is_empty() || !sluglike {
        return Err(ApiError::invalid("slug", "Invalid slug"));
    }
    let world = shared.state.read();
    let project = world.project_by_slug(&slug, &caller.organization)?;
    world.access(&caller.actor, project)?;
    Ok(ok(shape(project)))
}

async fn project_by_id(state: State<Server>, caller: Caller, id: Path<String>) -> Result<Response, ApiError> {
    by_id(state, caller, id, "project")
}

async fn workspace_by_id(state: State<Server>, caller: Caller, id: Path<String>) -> Result<Response, ApiError> {
    by_id(state, caller, id, "workspace")
}

fn by_id(State(shared): State<Server>, Caller(actor): Caller, Path(id): Path<String>, member: &str) -> Result<Response, ApiError> {
    let world = shared.state.read();
    let project = world.project(id.trim())?;
    world.access(&actor, project)?;
    Ok(ok(json!({ member: shape(project) })))
}

async fn projects(state: State<Server>, caller: IdentityCaller) -> Response {
    all(&state, &caller, "projects")
}

async fn workspaces(state: State<Server>, caller: IdentityCaller) -> Response {
    all(&state, &caller, "workspaces")
}

fn all(shared: &Server, caller: &IdentityCaller, member: &str) -> Response {
    let world = shared.state.read();
    let mine: Vec<Value> = world.projects.iter().filter(|project| world.access(&caller.actor, project).is_ok()).map(shape).collect();
    ok(json!({ member: mine }))
}

async fn environment(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path((id, wanted)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let world = shared.state.read();
    let project = world.project(&id)?;
    world.access(&caller.actor, project)?;
    let found = project.environments.iter().find(|environment| environment.id == wanted);
    let found = found.ok_or_else(|| ApiError::not_found(format!("Environment with ID '{wanted}' not found")))?;
    Ok(ok(json!({ "environment": environment_shape(found) })))
}

fn environment_shape(environment: &Environment) -> Value {
    json!({ "id": environment.id, "name": environment.name, "slug": environment.slug })
}

fn shape(project: &Project) -> Value {
    json!({
        "id": project.id,
        "_id": project.id,
        "name": project.name,
        "description": null,
        "slug": project.slug,
        "type": "secret-manager",
        "orgId": project.organization,
        "version": 3,
        "autoCapitalization": false,
        "hasDeleteProtection": false,
        "createdAt": date(project.created),
        "updatedAt": date(project.updated),
        "environments": project.environments.iter().map(environment_shape).collect::<Vec<_>>(),
    })
}
