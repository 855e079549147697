//! Create, update and delete one secret. DELETE carries its parameters in a JSON body.
//!
//! Where a folder's changes need an approval, nothing is written and the answer is 200 with `approval` in place of
//! `secret`, which a client that looks at the status only takes for success.
use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::{Value, json};

use super::shape::{Row, Spot};
use super::{Server, by_slug};
use crate::auth::Caller;
use crate::errors::ApiError;
use crate::input::{Body, Input};
use crate::routes::{date, ok};
use crate::state::permission::{Action, Subject, Target};
use crate::state::project::{Change, ChangeRequest, Content, Metadata, Proposal, Writer, normalize_path, normalize_value};
use crate::state::tokens::Actor;
use crate::state::{World, new_id};

/// Where a request writes.
pub(super) struct Writing {
    pub project: String,
    pub environment: String,
    pub path: String,
}

/// Reads the members that say where to write; `slug` is used where there is no id.
pub(super) fn writing(input: &mut Input) -> (Writing, Option<String>) {
    let id = input.string("projectId").or_else(|| input.string("workspaceId"));
    let slug = input.string("projectSlug").or_else(|| input.string("workspaceSlug"));
    let environment = input.required("environment");
    let path = input.string("secretPath").unwrap_or_default();
    (Writing { project: id.unwrap_or_default(), environment, path: normalize_path(&path) }, slug)
}

impl Writing {
    /// Resolves the project and checks the right to write a secret there.
    pub(super) fn permitted(
        mut self,
        world: &World,
        actor: &Actor,
        slug: Option<String>,
        action: Action,
        names: &[&str],
    ) -> Result<Self, ApiError> {
        if self.project.is_empty() {
            let slug = slug.filter(|slug| !slug.is_empty());
            let slug = slug.ok_or_else(|| ApiError::bad_request("You must provide projectSlug or workspaceId"))?;
            self.project = by_slug(world, actor, &slug)?.id.clone();
        }
        let (_, access) = world.enter(actor, &self.project)?;
        for name in names {
            let target = Target { environment: &self.environment, path: &self.path, name: Some(name) };
            access.check(action, Subject::Secrets, &target)?;
        }
        Ok(self)
    }

    /// The answer in place of a write, where changes need an approval: they are kept for whoever gives it.
    pub(super) fn approval(
        &self,
        world: &mut World,
        actor: &Actor,
        now: jiff::Timestamp,
        changes: impl FnOnce() -> Vec<(String, Proposal)>,
    ) -> Result<Option<Value>, ApiError> {
        let project = world.project_mut(&self.project)?;
        let Some(environment) = project.environment_mut(&self.environment).filter(|found| found.needs_approval(&self.path)) else {
            return Ok(None);
        };
        let request = ChangeRequest { id: new_id(), path: self.path.clone(), changes: changes() };
        let folder = environment.folders.get(&self.path);
        let committer = match actor {
            Actor::Identity { id, .. } | Actor::ServiceToken { id } => id,
        };
        let reply = json!({ "approval": {
            "id": request.id,
            "policyId": environment.id,
            "hasMerged": false,
            "status": "open",
            "slug": new_id(),
            "folderId": folder.map(|folder| &folder.id),
            "committerId": committer,
            "createdAt": date(now),
            "updatedAt": date(now),
        }});
        environment.requests.push(request);
        Ok(Some(reply))
    }
}

/// The parts of a secret that a body sets.
pub(super) fn content(input: &mut Input) -> Result<Change, ApiError> {
    let value = input.string("secretValue").map(|value| normalize_value(&value));
    let comment = input.string("secretComment");
    let skip_multiline_encoding = input.boolean("skipMultilineEncoding");
    let name = input.string("newSecretName");
    let tags = input.list("tagIds").map(|ids| ids.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let metadata =
        input.list("secretMetadata").map(|pairs| pairs.into_iter().map(serde_json::from_value::<Metadata>).collect::<Result<Vec<_>, _>>());
    let metadata = metadata.transpose().map_err(|_| ApiError::invalid("secretMetadata", "Expected key and value"))?;
    Ok(Change { name, value, comment, tags, metadata, skip_multiline_encoding })
}

impl From<Change> for Content {
    fn from(change: Change) -> Self {
        Self {
            value: change.value.unwrap_or_default(),
            comment: change.comment.unwrap_or_default(),
            tags: change.tags.unwrap_or_default(),
            metadata: change.metadata.unwrap_or_default(),
            skip_multiline_encoding: change.skip_multiline_encoding,
        }
    }
}

/// Identities have no personal secrets.
pub(super) fn shared_only(input: &mut Input) -> Result<(), ApiError> {
    match input.string("type").as_deref() {
        None | Some("shared") => Ok(()),
        Some("personal") => Err(ApiError::bad_request("Must be user to create personal secret")),
        Some(_) => {
            input.issue("type", "Invalid enum value. Expected 'shared' | 'personal'");
            Ok(())
        }
    }
}

pub(super) fn writer<'a>(actor: &'a Actor, now: jiff::Timestamp) -> Writer<'a> {
    let id = match actor {
        Actor::Identity { id, .. } => Some(id.as_str()),
        Actor::ServiceToken { .. } => None,
    };
    Writer { actor: id, now }
}

pub(super) async fn create(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let (at, slug) = writing(&mut input);
    input.required("secretValue");
    let kind = shared_only(&mut input);
    let change = content(&mut input)?;
    input.finish()?;
    kind?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let at = at.permitted(&world, &actor, slug, Action::Create, &[&name])?;
    let mut content = Content::from(change.clone());
    content.tags = world.project(&at.project)?.resolve_tags(&content.tags)?;
    if let Some(approval) = at.approval(&mut world, &actor, now, || vec![(name.clone(), Proposal::Create(change))])? {
        return Ok(ok(approval));
    }
    world.project_mut(&at.project)?.create_secret(&at.environment, &at.path, &name, content, writer(&actor, now))?;
    written(&world, &at, &name, None)
}

pub(super) async fn update(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let (at, slug) = writing(&mut input);
    let kind = shared_only(&mut input);
    let mut change = content(&mut input)?;
    input.finish()?;
    kind?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let at = at.permitted(&world, &actor, slug, Action::Edit, &[&name])?;
    if let Some(tags) = &change.tags {
        change.tags = Some(world.project(&at.project)?.resolve_tags(tags)?);
    }
    if let Some(approval) = at.approval(&mut world, &actor, now, || vec![(name.clone(), Proposal::Update(change.clone()))])? {
        return Ok(ok(approval));
    }
    let renamed = change.name.clone().unwrap_or_else(|| name.clone());
    world.project_mut(&at.project)?.update_secret(&at.environment, &at.path, &name, change, writer(&actor, now))?;
    written(&world, &at, &renamed, Some(false))
}

pub(super) async fn delete(
    State(shared): State<Server>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Body(mut input): Body,
) -> Result<Response, ApiError> {
    let (at, slug) = writing(&mut input);
    let kind = shared_only(&mut input);
    input.finish()?;
    kind?;
    let now = shared.state.clock().now();
    let mut world = shared.state.write();
    let at = at.permitted(&world, &actor, slug, Action::Delete, &[&name])?;
    if let Some(approval) = at.approval(&mut world, &actor, now, || vec![(name.clone(), Proposal::Delete)])? {
        return Ok(ok(approval));
    }
    let secret = world.project_mut(&at.project)?.delete_secret(&at.environment, &at.path, &name)?;
    let spot = Spot { project: world.project(&at.project)?, environment: &at.environment, path: &at.path, key: &name };
    Ok(ok(json!({ "secret": Row::written(spot, &secret, Some(false)) })))
}

fn written(world: &World, at: &Writing, key: &str, hidden: Option<bool>) -> Result<Response, ApiError> {
    let project = world.project(&at.project)?;
    let secret = project.folder(&at.environment, &at.path).and_then(|folder| folder.secrets.get(key));
    let spot = Spot { project, environment: &at.environment, path: &at.path, key };
    let row = Row::written(spot, secret.ok_or_else(ApiError::internal)?, hidden);
    Ok(ok(json!({ "secret": row })))
}
