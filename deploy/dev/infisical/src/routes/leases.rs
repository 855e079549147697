//! Leases of dynamic secrets: make, renew, revoke, look at. DELETE carries its parameters in a JSON body.
//!
//! In the server's order of checks: project, membership, folder, lease, permission, TTL.
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{delete, get, post};
use serde_json::{Value, json};

use super::{Server, date, ok};
use crate::auth::IdentityCaller;
use crate::errors::ApiError;
use crate::input::{Body, Input, Query};
use crate::leases::{DynamicSecret, Lease, Order, create, expiry, revoke, ttl};
use crate::state::World;
use crate::state::permission::{Action, Subject, Target};
use crate::state::project::normalize_path;

const ROOT: &str = "/api/v1/dynamic-secrets";

pub(super) fn routes() -> Router<Server> {
    Router::new()
        .route(&format!("{ROOT}/leases"), post(make))
        .route(&format!("{ROOT}/leases/kubernetes"), post(make_kubernetes))
        .route(&format!("{ROOT}/leases/{{id}}"), delete(end).get(one))
        .route(&format!("{ROOT}/leases/{{id}}/renew"), post(renew))
        .route(&format!("{ROOT}/{{name}}/leases"), get(all))
        .route(ROOT, get(secrets))
        .route(&format!("{ROOT}/{{name}}"), get(secret))
}

/// Where a dynamic secret is.
struct Place {
    project: String,
    environment: String,
    path: String,
}

fn place(input: &mut Input) -> Place {
    Place {
        project: input.non_empty("projectSlug"),
        environment: input.non_empty("environmentSlug"),
        path: normalize_path(input.string("path").as_deref().unwrap_or("/")),
    }
}

impl Place {
    /// The id of the project, which the caller must be a member of, with the folder there.
    fn enter(&self, world: &World, caller: &IdentityCaller) -> Result<String, ApiError> {
        let project = world.project_by_slug(&self.project, &caller.organization)?;
        world.access(&caller.actor, project)?;
        let missing =
            || ApiError::not_found(format!("Folder with path '{}' in environment with slug '{}' not found", self.path, self.environment));
        project.folder(&self.environment, &self.path).ok_or_else(missing)?;
        Ok(project.id.clone())
    }

    fn may_lease(&self, world: &World, caller: &IdentityCaller) -> Result<(), ApiError> {
        let project = world.project_by_slug(&self.project, &caller.organization)?;
        let target = Target { environment: &self.environment, path: &self.path, name: None };
        world.access(&caller.actor, project)?.check(Action::Lease, Subject::DynamicSecrets, &target)
    }

    /// A lease, which may be one of this place only.
    fn lease<'a>(&self, world: &'a World, caller: &IdentityCaller, id: &str) -> Result<(&'a DynamicSecret, &'a Lease), ApiError> {
        let project = self.enter(world, caller)?;
        let (secret, lease) = world.lease(id)?;
        if (&secret.project, &secret.environment, &secret.path) != (&project, &self.environment, &self.path) {
            return Err(ApiError::not_found(format!("Dynamic secret lease with ID '{id}' not found")));
        }
        self.may_lease(world, caller)?;
        Ok((secret, lease))
    }
}

async fn make(state: State<Server>, caller: IdentityCaller, Body(mut input): Body) -> Result<Response, ApiError> {
    let config = input.any("config");
    new(state, caller, input, config).await
}

async fn make_kubernetes(state: State<Server>, caller: IdentityCaller, Body(mut input): Body) -> Result<Response, ApiError> {
    let config = input.any("config");
    if config.as_ref().is_some_and(|config| !config.is_object()) {
        input.issue("config", "Expected object");
    }
    new(state, caller, input, config).await
}

async fn new(State(shared): State<Server>, caller: IdentityCaller, mut input: Input, config: Option<Value>) -> Result<Response, ApiError> {
    let name = input.non_empty("dynamicSecretName").to_lowercase();
    let place = place(&mut input);
    let ttl = ttl::asked(&mut input, shared.shortest_lease);
    input.finish()?;
    let now = shared.state.clock().now();
    let config = config.unwrap_or_default();
    let (id, provider, expires) = {
        let world = shared.state.read();
        let project = place.enter(&world, &caller)?;
        let secret = world.dynamic_secret(&project, &place.environment, &place.path, &name)?;
        place.may_lease(&world, &caller)?;
        (secret.id.clone(), secret.settings.provider.clone(), secret.new_end(ttl.as_deref(), now)?)
    };
    let made = create(&shared, &provider, Order { expires, now, config: &config }).await?;
    let mut world = shared.state.write();
    let secret = world.dynamic_secrets.iter_mut().find(|secret| secret.id == id);
    let secret = secret.ok_or_else(|| ApiError::not_found(format!("Dynamic secret with ID '{id}' not found")))?;
    let lease = secret.lease(made.entity, expires, config, now);
    Ok(ok(json!({ "lease": lease_shape(secret, &lease), "dynamicSecret": shape(secret), "data": made.data })))
}

async fn renew(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path(id): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let place = place(&mut input);
    let ttl = ttl::asked(&mut input, shared.shortest_lease);
    input.finish()?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let (secret, lease) = place.lease(&world, &caller, &id)?;
    let expires = secret.renewed_end(lease, ttl.as_deref())?;
    let secret = secret.clone();
    let renewed = world.change_lease(&id, |lease| {
        lease.expires = expires;
        lease.updated = now;
    });
    Ok(ok(json!({ "lease": renewed.map(|lease| lease_shape(&secret, &lease)) })))
}

async fn end(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path(id): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let place = place(&mut input);
    let forced = input.boolean("isForced").unwrap_or(false);
    input.finish()?;
    let (secret, lease) = {
        let world = shared.state.read();
        let (secret, lease) = place.lease(&world, &caller, &id)?;
        (secret.clone(), lease.clone())
    };
    let revoked = revoke(&shared, &secret.settings.provider, &lease.entity, &lease.config).await;
    let failure = revoked.err().filter(|_| !forced).map(|error| error.to_string());
    let ended = expiry::end(&shared, &id, failure).unwrap_or(lease);
    Ok(ok(json!({ "lease": lease_shape(&secret, &ended) })))
}

async fn one(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path(id): Path<String>,
    Query(mut input): Query,
) -> Result<Response, ApiError> {
    let place = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    let (secret, lease) = place.lease(&world, &caller, &id)?;
    let mut found = lease_shape(secret, lease);
    if let Some(found) = found.as_object_mut() {
        found.insert("dynamicSecret".to_owned(), shape(secret));
    }
    Ok(ok(json!({ "lease": found })))
}

async fn all(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path(name): Path<String>,
    Query(mut input): Query,
) -> Result<Response, ApiError> {
    let place = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    let project = place.enter(&world, &caller)?;
    let secret = world.dynamic_secret(&project, &place.environment, &place.path, &name)?;
    place.may_lease(&world, &caller)?;
    let leases: Vec<Value> = secret.leases.iter().map(|lease| lease_shape(secret, lease)).collect();
    Ok(ok(json!({ "leases": leases })))
}

async fn secrets(State(shared): State<Server>, caller: IdentityCaller, Query(mut input): Query) -> Result<Response, ApiError> {
    let place = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    let project = place.enter(&world, &caller)?;
    let here =
        |secret: &&DynamicSecret| (&secret.project, &secret.environment, &secret.path) == (&project, &place.environment, &place.path);
    let found: Vec<Value> = world.dynamic_secrets.iter().filter(here).map(shape).collect();
    Ok(ok(json!({ "dynamicSecrets": found })))
}

async fn secret(
    State(shared): State<Server>,
    caller: IdentityCaller,
    Path(name): Path<String>,
    Query(mut input): Query,
) -> Result<Response, ApiError> {
    let place = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    let project = place.enter(&world, &caller)?;
    Ok(ok(json!({ "dynamicSecret": shape(world.dynamic_secret(&project, &place.environment, &place.path, &name)?) })))
}

pub(super) fn lease_shape(secret: &DynamicSecret, lease: &Lease) -> Value {
    json!({
        "id": lease.id,
        "version": 1,
        "externalEntityId": lease.entity,
        "expireAt": date(lease.expires),
        "status": lease.status,
        "statusDetails": lease.status_details,
        "dynamicSecretId": secret.id,
        "config": lease.config,
        "createdAt": date(lease.created),
        "updatedAt": date(lease.updated),
    })
}

fn shape(secret: &DynamicSecret) -> Value {
    json!({
        "id": secret.id,
        "name": secret.name,
        "version": 1,
        "type": secret.settings.provider.kind(),
        "defaultTTL": secret.settings.default_ttl,
        "maxTTL": secret.settings.max_ttl,
        "folderId": null,
        "status": null,
        "statusDetails": null,
        "createdAt": date(secret.created),
        "updatedAt": date(secret.created),
    })
}
