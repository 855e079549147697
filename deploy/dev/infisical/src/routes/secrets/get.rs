//! One secret by name or by id. The folder's own wins; then its imports are searched, the last first.
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::json;

use super::shape::{Row, Spot};
use super::view::View;
use super::{Server, Version, reading};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Input, Query};
use crate::routes::ok;
use crate::state::World;
use crate::state::permission::{Action, Subject, Target};
use crate::state::tokens::Actor;

pub(super) async fn v3(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Query(input): Query,
) -> Result<Response, ApiError> {
    get(&shared, Version::V3, &actor, &name, input)
}

pub(super) async fn v4(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Query(input): Query,
) -> Result<Response, ApiError> {
    get(&shared, Version::V4, &actor, &name, input)
}

fn get(shared: &Server, version: Version, actor: &Actor, name: &str, mut input: Input) -> Result<Response, ApiError> {
    if version == Version::V4 {
        // This route looks for its members itself, in these words.
        for (member, message) in [("environment", "Missing environment"), ("projectId", "You must provide  workspaceId")] {
            if input.string(member).is_none() {
                return Err(ApiError::bad_request(message));
            }
        }
    }
    let world = shared.state.read();
    let reading = reading(version, input, shared.generation(), &world, actor)?;
    let (project, access) = world.enter(actor, &reading.project)?;
    let (environment, path) = (reading.environment.as_str(), reading.path.as_str());
    access.check(Action::DescribeSecret, Subject::Secrets, &Target { environment, path, name: Some(name) })?;
    let folder = project.folder(environment, path).ok_or_else(|| {
        ApiError::not_found(format!("Folder with path '{path}' in environment with slug '{environment}' not found"))
            .named("GetSecretByName")
    })?;
    let view = View { world: &world, actor, project, access, values: reading.view, expand: reading.expand };
    if let Some((key, secret)) = folder.secrets.get_key_value(name) {
        let spot = Spot { project, environment, path, key };
        return Ok(ok(json!({ "secret": Row::full(&world, spot, secret, view.value(spot, secret)?) })));
    }
    if reading.imports {
        for import in view.imports(environment, path)?.into_iter().rev() {
            if let Some(row) = import.secrets.into_iter().find(|row| row.secret_key == name) {
                let row = Row { workspace: &project.id, secret_path: Some(import.secret_path), ..row };
                return Ok(ok(json!({ "secret": row })));
            }
        }
    }
    Err(ApiError::not_found(format!("Secret with name '{name}' not found")))
}

pub(super) async fn by_id(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    Query(mut input): Query,
) -> Result<Response, ApiError> {
    let values = input.flag("viewSecretValue", true);
    input.finish()?;
    let world = shared.state.read();
    let spot = find(&world, &id).ok_or_else(|| ApiError::not_found(format!("Secret with ID '{id}' not found")))?;
    let access = world.access(&actor, spot.project)?;
    let target = Target { environment: spot.environment, path: spot.path, name: Some(spot.key) };
    access.check(Action::DescribeSecret, Subject::Secrets, &target)?;
    let view = View { world: &world, actor: &actor, project: spot.project, access, values, expand: false };
    let secret = spot.project.folder(spot.environment, spot.path).and_then(|folder| folder.secrets.get(spot.key));
    let secret = secret.ok_or_else(ApiError::internal)?;
    Ok(ok(json!({ "secret": Row::full(&world, spot, secret, view.value(spot, secret)?) })))
}

fn find<'a>(world: &'a World, id: &str) -> Option<Spot<'a>> {
    world.projects.iter().find_map(|project| {
        project.environments.iter().find_map(|environment| {
            environment.folders.iter().find_map(|(path, folder)| {
                let (key, _) = folder.secrets.iter().find(|(_, secret)| secret.id == id)?;
                Some(Spot { project, environment: &environment.slug, path, key })
            })
        })
    })
}
