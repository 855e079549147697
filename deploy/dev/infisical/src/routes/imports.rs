//! Imports of a folder: v2 with `projectId`, v1 with `workspaceId`.
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get};
use serde_json::{Value, json};

use super::{Server, both, date, ok};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Body, Input, Query};
use crate::state::permission::{Action, Subject, Target};
use crate::state::project::normalize_path;
use crate::state::tokens::Actor;
use crate::state::{Folder, Import, Project, World, new_id};

pub(super) fn routes() -> Router<Server> {
    both(["/api/v1/secret-imports", "/api/v2/secret-imports"], || get(list).post(create))
        .merge(both(["/api/v1/secret-imports/{id}", "/api/v2/secret-imports/{id}"], || delete(remove).patch(update)))
}

struct Where {
    project: String,
    environment: String,
    path: String,
}

fn place(input: &mut Input) -> Where {
    let project = input.string("projectId").or_else(|| input.string("workspaceId"));
    let project = project.unwrap_or_else(|| input.required("projectId"));
    let environment = input.required("environment");
    let path = input.string("path").unwrap_or_default();
    Where { project, environment, path: normalize_path(&path) }
}

fn check(world: &World, actor: &Actor, action: Action, at: &Where) -> Result<(), ApiError> {
    let (_, access) = world.enter(actor, &at.project)?;
    access.check(action, Subject::SecretImports, &Target { environment: &at.environment, path: &at.path, name: None })
}

async fn list(State(shared): State<Server>, Caller(actor): Caller, Query(mut input): Query) -> Result<Response, ApiError> {
    let at = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    check(&world, &actor, Action::Read, &at)?;
    let project = world.project(&at.project)?;
    let folder = project.folder(&at.environment, &at.path).ok_or_else(|| missing(&at))?;
    let imports: Vec<Value> = (1..).zip(&folder.imports).map(|(position, import)| shape(project, folder, import, position)).collect();
    Ok(ok(json!({ "message": "Successfully fetched secret imports", "secretImports": imports })))
}

async fn create(State(shared): State<Server>, Caller(actor): Caller, Body(mut input): Body) -> Result<Response, ApiError> {
    let at = place(&mut input);
    let mut from = input.object("import");
    input.finish()?;
    let environment = from.required("environment");
    let path = normalize_path(&from.required("path"));
    from.finish()?;
    let created = shared.state.clock().now();
    let mut world = shared.state.write();
    check(&world, &actor, Action::Create, &at)?;
    let project = world.project_mut(&at.project)?;
    if project.environment(&environment).is_none() {
        return Err(ApiError::not_found(format!(
            "Imported environment with slug '{environment}' in project with ID '{}' not found",
            at.project
        )));
    }
    let folder = project.folder_mut(&at.environment, &at.path)?;
    if folder.imports.iter().any(|import| import.environment == environment && import.path == path) {
        return Err(ApiError::bad_request("Secret import already exist"));
    }
    let import = Import { id: new_id(), environment, path, created };
    folder.imports.push(import.clone());
    let position = folder.imports.len();
    project.note_imports(&at.environment, &at.path);
    reply(&world, &at, &import, position, "Successfully created secret import")
}

async fn update(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let at = place(&mut input);
    let mut change = input.object("import");
    input.finish()?;
    let environment = change.string("environment");
    let path = change.string("path");
    let position = change.position("position");
    change.finish()?;
    let mut world = shared.state.write();
    check(&world, &actor, Action::Edit, &at)?;
    let project = world.project_mut(&at.project)?;
    let folder = project.folder_mut(&at.environment, &at.path)?;
    let index = index(folder, &id)?;
    let mut import = folder.imports.remove(index);
    import.environment = environment.unwrap_or(import.environment);
    import.path = path.map_or(import.path, |path| normalize_path(&path));
    let index = position.map_or(index, |position| position.saturating_sub(1)).min(folder.imports.len());
    folder.imports.insert(index, import.clone());
    project.note_imports(&at.environment, &at.path);
    reply(&world, &at, &import, index + 1, "Successfully updated secret import")
}

async fn remove(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let at = place(&mut input);
    input.finish()?;
    let mut world = shared.state.write();
    check(&world, &actor, Action::Delete, &at)?;
    let project = world.project_mut(&at.project)?;
    let folder = project.folder_mut(&at.environment, &at.path)?;
    let index = index(folder, &id)?;
    let import = folder.imports.remove(index);
    project.note_imports(&at.environment, &at.path);
    reply(&world, &at, &import, index + 1, "Successfully deleted secret import")
}

fn index(folder: &Folder, id: &str) -> Result<usize, ApiError> {
    let found = folder.imports.iter().position(|import| import.id == id);
    found.ok_or_else(|| ApiError::not_found(format!("Secret import with ID '{id}' not found")))
}

fn reply(world: &World, at: &Where, import: &Import, position: usize, message: &str) -> Result<Response, ApiError> {
    let project = world.project(&at.project)?;
    let folder = project.folder(&at.environment, &at.path).ok_or_else(|| missing(at))?;
    Ok(ok(json!({ "message": message, "secretImport": shape(project, folder, import, position) })))
}

fn missing(at: &Where) -> ApiError {
    ApiError::not_found(format!("Folder with path '{}' in environment with slug '{}' not found", at.path, at.environment))
}

fn shape(project: &Project, folder: &Folder, import: &Import, position: usize) -> Value {
    let environment = project.environment(&import.environment);
    json!({
        "id": import.id,
        "version": 1,
        "importPath": import.path,
        "importEnv": {
            "id": environment.map(|found| &found.id),
            "name": environment.map(|found| &found.name),
            "slug": import.environment,
        },
        "position": position,
        "isReplication": false,
        "folderId": folder.id,
        "createdAt": date(import.created),
        "updatedAt": date(import.created),
    })
}
