//! Several secrets of a folder at once, all or nothing.
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};

use super::Server;
use super::shape::{Row, Spot};
use super::write::{Writing, content, shared_only, writer, writing};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Body, Input};
use crate::routes::ok;
use crate::state::permission::Action;
use crate::state::project::{Change, Content, Proposal};
use crate::state::tokens::Actor;
use crate::state::{Folder, World};

/// A batch as sent: where, and each secret's key with its change.
struct Batch {
    at: Writing,
    slug: Option<String>,
    items: Vec<(String, Change)>,
}

fn batch(input: &mut Input) -> Result<Batch, ApiError> {
    let (at, slug) = writing(input);
    let Some(list) = input.list("secrets") else {
        return Err(ApiError::invalid("secrets", "Required"));
    };
    let mut items = Vec::with_capacity(list.len());
    for item in list {
        let mut item = Input::new(item);
        let key = item.required("secretKey");
        let kind = shared_only(&mut item);
        let change = content(&mut item)?;
        item.finish()?;
        kind?;
        items.push((key, change));
    }
    Ok(Batch { at, slug, items })
}

impl Batch {
    /// Checks rights and approvals for all of it.
    fn permitted(self, world: &World, actor: &Actor, action: Action) -> Result<(Writing, Vec<(String, Change)>), ApiError> {
        let names: Vec<&str> = self.items.iter().map(|(key, _)| key.as_str()).collect();
        let at = self.at.permitted(world, actor, self.slug, action, &names)?;
        Ok((at, self.items))
    }
}

fn folder<'a>(world: &'a World, at: &Writing) -> Result<&'a Folder, ApiError> {
    world.project(&at.project)?.folder(&at.environment, &at.path).ok_or_else(|| {
        ApiError::not_found(format!("Folder with path '{}' in environment with slug '{}' not found", at.path, at.environment))
    })
}

fn absent(at: &Writing, keys: &[&str]) -> ApiError {
    ApiError::not_found(format!("Secret does not exist: {} in path {}", keys.join(","), at.path))
}

pub(super) async fn create(State(shared): State<Server>, Caller(actor): Caller, Body(mut input): Body) -> Result<Response, ApiError> {
    let batch = batch(&mut input)?;
    input.finish()?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let (at, items) = batch.permitted(&world, &actor, Action::Create)?;
    let existing = folder(&world, &at)?;
    let taken: Vec<&str> = items.iter().map(|(key, _)| key.as_str()).filter(|key| existing.secrets.contains_key(*key)).collect();
    if !taken.is_empty() {
        return Err(ApiError::bad_request(format!("Secret already exists: {}", taken.join(","))));
    }
    let changes = || items.iter().map(|(key, change)| (key.clone(), Proposal::Create(change.clone()))).collect();
    if let Some(approval) = at.approval(&mut world, &actor, now, changes)? {
        return Ok(ok(approval));
    }
    all_or_nothing(&mut world, &at, |world| {
        let project = world.project_mut(&at.project)?;
        for (key, change) in &items {
            let mut content = Content::from(change.clone());
            content.tags = project.resolve_tags(&content.tags)?;
            project.create_secret(&at.environment, &at.path, key, content, writer(&actor, now))?;
        }
        Ok(())
    })?;
    written(&world, &at, items.iter().map(|(key, _)| key.as_str()))
}

pub(super) async fn update(State(shared): State<Server>, Caller(actor): Caller, Body(mut input): Body) -> Result<Response, ApiError> {
    let mode = input.string("mode").unwrap_or_else(|| "failOnNotFound".to_owned());
    if !matches!(mode.as_str(), "failOnNotFound" | "upsert" | "ignore") {
        input.issue("mode", "Invalid enum value. Expected 'failOnNotFound' | 'upsert' | 'ignore'");
    }
    let batch = batch(&mut input)?;
    input.finish()?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let (at, mut items) = batch.permitted(&world, &actor, Action::Edit)?;
    let existing = folder(&world, &at)?;
    let missing: Vec<String> = items.iter().map(|(key, _)| key).filter(|key| !existing.secrets.contains_key(*key)).cloned().collect();
    match mode.as_str() {
        "ignore" => items.retain(|(key, _)| !missing.contains(key)),
        "upsert" => {}
        _ if missing.is_empty() => {}
        _ => return Err(absent(&at, &missing.iter().map(String::as_str).collect::<Vec<_>>())),
    }
    let proposal = |key: &String, change: &Change| match missing.contains(key) {
        true => Proposal::Create(change.clone()),
        false => Proposal::Update(change.clone()),
    };
    let changes = || items.iter().map(|(key, change)| (key.clone(), proposal(key, change))).collect();
    if let Some(approval) = at.approval(&mut world, &actor, now, changes)? {
        return Ok(ok(approval));
    }
    all_or_nothing(&mut world, &at, |world| {
        let project = world.project_mut(&at.project)?;
        for (key, change) in &items {
            let mut change = change.clone();
            change.tags = change.tags.map(|tags| project.resolve_tags(&tags)).transpose()?;
            if missing.contains(key) {
                project.create_secret(&at.environment, &at.path, key, change.into(), writer(&actor, now))?;
            } else {
                project.update_secret(&at.environment, &at.path, key, change, writer(&actor, now))?;
            }
        }
        Ok(())
    })?;
    let keys = items.iter().map(|(key, change)| change.name.as_deref().unwrap_or(key));
    written(&world, &at, keys)
}

pub(super) async fn delete(State(shared): State<Server>, Caller(actor): Caller, Body(mut input): Body) -> Result<Response, ApiError> {
    let batch = batch(&mut input)?;
    input.finish()?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let (at, items) = batch.permitted(&world, &actor, Action::Delete)?;
    let existing = folder(&world, &at)?;
    let missing: Vec<&str> = items.iter().map(|(key, _)| key.as_str()).filter(|key| !existing.secrets.contains_key(*key)).collect();
    if !missing.is_empty() {
        return Err(absent(&at, &missing));
    }
    let changes = || items.iter().map(|(key, _)| (key.clone(), Proposal::Delete)).collect();
    if let Some(approval) = at.approval(&mut world, &actor, now, changes)? {
        return Ok(ok(approval));
    }
    let reply = written(&world, &at, items.iter().map(|(key, _)| key.as_str()))?;
    let project = world.project_mut(&at.project)?;
    for (key, _) in &items {
        project.delete_secret(&at.environment, &at.path, key)?;
    }
    Ok(reply)
}

/// Puts the folder back as it was when a part of a batch is refused.
fn all_or_nothing(world: &mut World, at: &Writing, apply: impl FnOnce(&mut World) -> Result<(), ApiError>) -> Result<(), ApiError> {
    let before = folder(world, at)?.secrets.clone();
    let result = apply(world);
    if result.is_err() {
        let project = world.project_mut(&at.project)?;
        project.happened.clear();
        project.folder_mut(&at.environment, &at.path)?.secrets = before;
    }
    result
}

fn written<'a>(world: &World, at: &Writing, keys: impl Iterator<Item = &'a str>) -> Result<Response, ApiError> {
    let project = world.project(&at.project)?;
    let folder = folder(world, at)?;
    let rows: Vec<Value> = keys
        .filter_map(|key| {
            let (key, secret) = folder.secrets.get_key_value(key)?;
            let spot = Spot { project, environment: &at.environment, path: &at.path, key };
            serde_json::to_value(Row::written(spot, secret, Some(false))).ok()
        })
        .collect();
    Ok(ok(json!({ "secrets": rows })))
}
