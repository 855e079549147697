//! Folders: v2 with `projectId`, v1 with `workspaceId` and `directory`. Creating is `mkdir -p`; existing ones stay.
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get};
use serde_json::{Value, json};

use super::{Server, both, date, ok};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Body, Input, Query};
use crate::seed::stable_id;
use crate::state::permission::{Access, Action, Subject, Target};
use crate::state::project::{is_within, join, normalize_path};
use crate::state::tokens::Actor;
use crate::state::{Environment, Folder, Project, World};

pub(super) fn routes() -> Router<Server> {
    both(["/api/v1/folders", "/api/v2/folders"], || get(list).post(create))
        .merge(both(["/api/v1/folders/{id}", "/api/v2/folders/{id}"], || delete(remove).get(by_id)))
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
    let path = input.string("path").or_else(|| input.string("directory"));
    Where { project, environment, path: normalize_path(path.as_deref().unwrap_or("/")) }
}

fn unknown_environment(at: &Where) -> ApiError {
    let message = format!("Environment with slug '{}' in project with ID '{}' not found", at.environment, at.project);
    ApiError::not_found(message)
}

fn check(access: &Access<'_>, action: Action, at: &Where) -> Result<(), ApiError> {
    access.check(action, Subject::SecretFolders, &Target { environment: &at.environment, path: &at.path, name: None })
}

async fn list(State(shared): State<Server>, Caller(actor): Caller, Query(mut input): Query) -> Result<Response, ApiError> {
    let at = place(&mut input);
    let recursive = input.flag("recursive", false);
    input.finish()?;
    let world = shared.state.read();
    let (project, environment) = readable(&world, &actor, &at)?;
    if !environment.folders.contains_key(&at.path) {
        // The newest server refuses here; older ones gave an empty list.
        return Err(missing(&at));
    }
    let children = environment.tree(&at.path, if recursive { 20 } else { 1 }).filter(|(path, _)| *path != at.path);
    let folders: Vec<Value> = children
        .map(|(path, folder)| {
            let mut shape = shape(project, environment, path, folder);
            if let (true, Some(shape)) = (recursive, shape.as_object_mut()) {
                shape.insert("relativePath".to_owned(), json!(relative(path, &at.path)));
            }
            shape
        })
        .collect();
    Ok(ok(json!({ "folders": folders })))
}

async fn by_id(State(shared): State<Server>, Caller(actor): Caller, Path(id): Path<String>) -> Result<Response, ApiError> {
    let world = shared.state.read();
    for project in &world.projects {
        for environment in &project.environments {
            if let Some((path, folder)) = environment.folders.iter().find(|(_, folder)| folder.id == id) {
                world.access(&actor, project)?;
                let mut found = shape(project, environment, path, folder);
                if let Some(found) = found.as_object_mut() {
                    let owner = json!({ "envId": environment.id, "envName": environment.name, "envSlug": environment.slug });
                    found.insert("environment".to_owned(), owner);
                    found.insert("projectId".to_owned(), json!(project.id));
                }
                return Ok(ok(json!({ "folder": found })));
            }
        }
    }
    Err(ApiError::not_found(format!("Folder with ID '{id}' not found")))
}

async fn create(State(shared): State<Server>, Caller(actor): Caller, Body(mut input): Body) -> Result<Response, ApiError> {
    let at = place(&mut input);
    let name = input.required("name");
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if name.is_empty() || !name.chars().all(plain) {
        input.issue("name", "Invalid folder name. Only alphanumeric characters, dashes, and underscores are allowed.");
    }
    input.finish()?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let path = join(&at.path, &name);
    check(&world.enter(&actor, &at.project)?.1, Action::Create, &at)?;
    let project = world.project_mut(&at.project)?;
    let prefix = format!("{}/{}", project.slug, at.environment);
    let environment = project.environment_mut(&at.environment).ok_or_else(|| unknown_environment(&at))?;
    environment.make_folders(&path, |path| stable_id("folder", &format!("{prefix}{path}")), now);
    let (project, environment) = readable(&world, &actor, &at)?;
    let folder = environment.folders.get(&path).ok_or_else(ApiError::internal)?;
    Ok(ok(json!({ "folder": shape(project, environment, &path, folder) })))
}

async fn remove(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(key): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let at = place(&mut input);
    let forced = input.boolean("forceDelete").unwrap_or(false);
    input.finish()?;
    let mut world = shared.state.write();
    check(&world.enter(&actor, &at.project)?.1, Action::Delete, &at)?;
    let (path, body) = {
        let (project, environment) = readable(&world, &actor, &at)?;
        let children = environment.tree(&at.path, 1).filter(|(path, _)| *path != at.path);
        let found = children.into_iter().find(|(path, folder)| folder.id == key || relative(path, &at.path) == key);
        let (path, folder) = found.ok_or_else(|| ApiError::not_found(format!("Folder with ID or name '{key}' not found")))?;
        let used = environment.folders.iter().any(|(inner, folder)| is_within(inner, path) && !folder.secrets.is_empty());
        if used && !forced {
            return Err(ApiError::bad_request("Folder is not empty. Use forceDelete to delete it anyway."));
        }
        (path.to_owned(), shape(project, environment, path, folder))
    };
    let environment = world.project_mut(&at.project)?.environment_mut(&at.environment);
    environment.and_then(|environment| environment.remove_folders(&path)).ok_or_else(|| missing(&at))?;
    Ok(ok(json!({ "folder": body })))
}

fn readable<'a>(world: &'a World, actor: &Actor, at: &Where) -> Result<(&'a Project, &'a Environment), ApiError> {
    let (project, access) = world.enter(actor, &at.project)?;
    check(&access, Action::Read, at)?;
    let environment = project.environment(&at.environment).ok_or_else(|| unknown_environment(at))?;
    Ok((project, environment))
}

fn missing(at: &Where) -> ApiError {
    ApiError::not_found(format!("Folder with path '{}' in environment with slug '{}' not found", at.path, at.environment))
}

fn relative(path: &str, root: &str) -> String {
    path.strip_prefix(root).unwrap_or(path).trim_start_matches('/').to_owned()
}

fn shape(project: &Project, environment: &Environment, path: &str, folder: &Folder) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let parent = if path == "/" { None } else { project.folder(&environment.slug, if parent.is_empty() { "/" } else { parent }) };
    json!({
        "id": folder.id,
        "name": if path == "/" { "root" } else { name },
        "version": 1,
        "createdAt": date(folder.created),
        "updatedAt": date(folder.updated),
        "envId": environment.id,
        "parentId": parent.map(|parent| &parent.id),
        "isReserved": false,
        "description": null,
        "path": path,
    })
}
