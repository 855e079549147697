//! The secrets of a folder, or of a folder and everything below it.
//!
//! A folder that is missing is 404 without `recursive`; with it, only a missing environment is, and what the caller may
//! not see is left out without a word.
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::shape::Row;
use super::view::{Imported, View};
use super::{Reading, Server, Version, reading};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Input, Query};
use crate::routes::ok;
use crate::state::permission::{Access, Action, Subject, Target};
use crate::state::tokens::Actor;
use crate::state::{Environment, Folder, Project, Secret};

/// How deep a recursive list goes.
const DEPTH: usize = 20;

#[derive(Serialize)]
struct Reply<'a> {
    secrets: Vec<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imports: Option<Vec<Imported<'a>>>,
}

pub(super) async fn v3(State(shared): State<Server>, Caller(actor): Caller, Query(input): Query) -> Result<Response, ApiError> {
    list(&shared, Version::V3, &actor, input)
}

pub(super) async fn v4(State(shared): State<Server>, Caller(actor): Caller, Query(input): Query) -> Result<Response, ApiError> {
    list(&shared, Version::V4, &actor, input)
}

fn list(shared: &Server, version: Version, actor: &Actor, input: Input) -> Result<Response, ApiError> {
    let world = shared.state.read();
    let reading = reading(version, input, shared.generation(), &world, actor)?;
    let (project, access) = world.enter(actor, &reading.project)?;
    let target = Target { environment: &reading.environment, path: &reading.path, name: None };
    if matches!(access, Access::ServiceToken(_)) && !access.can(Action::DescribeSecret, Subject::Secrets, &target) {
        return Ok(ok(Reply { secrets: Vec::new(), imports: reading.imports.then(Vec::new) }));
    }
    if !reading.recursive {
        access.check(Action::DescribeSecret, Subject::Secrets, &target)?;
    }
    let folders = folders(project, &reading)?;
    let view = View { world: &world, actor, project, access, values: reading.view, expand: reading.expand };
    let mut secrets = Vec::new();
    let mut imports = Vec::new();
    for (path, folder) in folders {
        for (spot, secret) in view.own(&reading.environment, path, folder) {
            if selected(&reading, secret) {
                secrets.push(Row::full(&world, spot, secret, view.value(spot, secret)?));
            }
        }
        if reading.imports {
            imports.extend(view.imports(&reading.environment, path)?);
        }
    }
    // By key; rows of one key stay in the order of their paths.
    secrets.sort_by(|left, right| left.secret_key.cmp(right.secret_key));
    Ok(ok(Reply { secrets, imports: reading.imports.then_some(imports) }))
}

fn folders<'a>(project: &'a Project, reading: &'a Reading) -> Result<Vec<(&'a str, &'a Folder)>, ApiError> {
    let environment = project.environment(&reading.environment);
    if reading.recursive {
        let environment = environment.ok_or_else(|| {
            ApiError::not_found(format!("Environment with slug '{}' in project with ID {} not found", reading.environment, project.id))
        })?;
        return Ok(Environment::tree(environment, &reading.path, DEPTH).collect());
    }
    let folder = environment.and_then(|environment| environment.folders.get(&reading.path)).ok_or_else(|| {
        let message = format!(
            "Folder with path '{}' in environment '{}' was not found. Please ensure the environment slug and secret path is correct.",
            reading.path, reading.environment
        );
        ApiError::not_found(message).named("SecretPathNotFound")
    })?;
    Ok(vec![(reading.path.as_str(), folder)])
}

fn selected(reading: &Reading, secret: &Secret) -> bool {
    let content = &secret.content;
    let tagged = reading.tags.is_empty() || reading.tags.iter().any(|slug| content.tags.contains(slug));
    tagged && reading.metadata.iter().all(|(key, value)| content.metadata.iter().any(|held| held.key == *key && held.value == *value))
}
