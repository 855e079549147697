//! The secrets API in both versions. v3 names projects by `workspaceId` or `workspaceSlug`, v4 by `projectId`; beside
//! that they differ in defaults only. v4 can be switched off at run time; then its routes do not exist.
mod batch;
mod get;
mod list;
mod shape;
mod view;
mod write;

use axum::Router;
use axum::routing;

use super::{Server, newer};
use crate::errors::ApiError;
use crate::input::Input;
use crate::server::Generation;
use crate::state::project::normalize_path;
use crate::state::tokens::Actor;
use crate::state::{Project, World};

pub(super) fn routes(shared: &Server) -> Router<Server> {
    let v4 = Router::new()
        .route("/api/v4/secrets", routing::get(list::v4))
        .route("/api/v4/secrets/{name}", one(get::v4))
        .route("/api/v4/secrets/id/{id}", routing::get(get::by_id))
        .route("/api/v4/secrets/batch", batch());
    let v3 = Router::new().route("/api/v3/secrets/raw", routing::get(list::v3)).route("/api/v3/secrets/raw/{name}", one(get::v3));
    v3.route("/api/v3/secrets/batch/raw", batch()).merge(newer(v4, shared))
}

fn batch() -> routing::MethodRouter<Server> {
    routing::post(batch::create).patch(batch::update).delete(batch::delete)
}

fn one<H, T>(get: H) -> routing::MethodRouter<Server>
where
    H: axum::handler::Handler<T, Server>,
    T: 'static,
{
    routing::get(get).post(write::create).patch(write::update).delete(write::delete)
}

/// Where a request reads, and how.
struct Reading {
    project: String,
    environment: String,
    path: String,
    view: bool,
    expand: bool,
    recursive: bool,
    imports: bool,
    tags: Vec<String>,
    metadata: Vec<(String, String)>,
}

/// The version of the secrets API.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    V3,
    V4,
}

/// Reads a query. A service token with one plain scope reads there, whatever the query says.
fn reading(version: Version, mut input: Input, generation: Generation, world: &World, actor: &Actor) -> Result<Reading, ApiError> {
    let default = generation == Generation::Newest;
    let scope = match actor {
        Actor::ServiceToken { id } => world
            .service_tokens
            .iter()
            .find(|token| token.id == *id)
            .and_then(|token| token.only_scope().map(|scope| (token.project.clone(), scope.clone()))),
        Actor::Identity { .. } => None,
    };
    let (id, slug) = match version {
        Version::V3 => (input.string("workspaceId"), input.string("workspaceSlug")),
        Version::V4 if scope.is_some() => (input.string("projectId"), None),
        Version::V4 => (Some(input.required("projectId")), None),
    };
    let environment = input.string("environment").unwrap_or_default();
    let path = input.string("secretPath").unwrap_or_default();
    let view = input.flag("viewSecretValue", true);
    let expand = input.flag("expandSecretReferences", default);
    let recursive = input.flag("recursive", false);
    let older = input.flag("include_imports", default);
    let imports = if version == Version::V4 { input.flag("includeImports", older) } else { older };
    let tags = input.string("tagSlugs").unwrap_or_default();
    let metadata = input.string("metadataFilter").unwrap_or_default();
    input.finish()?;

    let filter = |text: &str| text.split(',').map(str::trim).filter(|slug| !slug.is_empty()).map(str::to_owned).collect();
    let mut reading = Reading {
        project: id.unwrap_or_default(),
        environment,
        path: normalize_path(&path),
        view,
        expand,
        recursive,
        imports,
        tags: filter(&tags),
        metadata: metadata_pairs(&metadata),
    };
    if let Some((project, scope)) = scope {
        (reading.project, reading.environment, reading.path) = (project, scope.environment, normalize_path(&scope.secret_path));
        return Ok(reading);
    }
    if let (true, Some(slug)) = (reading.project.is_empty(), slug.filter(|slug| !slug.is_empty())) {
        reading.project = by_slug(world, actor, &slug)?.id.clone();
    }
    if reading.project.is_empty() || reading.environment.is_empty() {
        return Err(ApiError::bad_request("Missing project id or environment"));
    }
    Ok(reading)
}

fn by_slug<'a>(world: &'a World, actor: &Actor, slug: &str) -> Result<&'a Project, ApiError> {
    let organization = match actor {
        Actor::Identity { organization, .. } => organization,
        Actor::ServiceToken { .. } => &world.organization.id,
    };
    world.project_by_slug(slug, organization)
}

/// `key=a,value=b|key=c,value=d`; at most ten, and pairs that lack either part are dropped.
fn metadata_pairs(text: &str) -> Vec<(String, String)> {
    let pair = |text: &str| {
        let part = |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        Some((part("key")?.to_owned(), part("value")?.to_owned()))
    };
    text.split('|').take(10).filter_map(pair).collect()
}
