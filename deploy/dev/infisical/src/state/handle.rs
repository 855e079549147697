//! The state as tests and the page change it, without the API and without permission checks.
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::identity::{ClientSecret, TokenBounds};
use super::permission::{Action, Membership, Rule, Subject};
use super::project::{Change, ChangeRequest, Content, Import, Writer, join, normalize_path, normalize_value};
use super::{Project, World, new_id};
use crate::clock::Clock;
use crate::errors::ApiError;
use crate::events::Streams;
use crate::seed::{Seed, stable_id};
use crate::server::StartError;

/// A folder: project by slug or id, environment by slug, path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Slug or id.
    pub project: String,
    /// Slug.
    pub environment: String,
    /// Absolute path, normalised.
    pub path: String,
}

impl Place {
    /// A folder, whose path may be written with or without outer slashes.
    #[must_use]
    pub fn new(project: &str, environment: &str, path: &str) -> Self {
        Self { project: project.to_owned(), environment: environment.to_owned(), path: normalize_path(path) }
    }
}

/// The server's state; clones share it. Changes are seen by the next request.
#[derive(Clone)]
pub struct State {
    world: Arc<RwLock<World>>,
    clock: Clock,
    streams: Streams,
}

/// The state, locked to be changed. What happened in it is told when this is dropped.
pub(crate) struct Writing<'a> {
    world: RwLockWriteGuard<'a, World>,
    streams: &'a Streams,
}

impl Deref for Writing<'_> {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        for project in &mut self.world.projects {
            let Project { id, happened, .. } = project;
            happened.drain(..).for_each(|event| self.streams.tell(id, event));
        }
    }
}

impl State {
    pub(crate) fn from_seed(seed: &Seed, clock: Clock) -> Result<Self, StartError> {
        let world = World::from_seed(seed, clock.now())?;
        Ok(Self { world: Arc::new(RwLock::new(world)), clock, streams: Streams::default() })
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> Writing<'_> {
        Writing { world: self.world.write().unwrap_or_else(PoisonError::into_inner), streams: &self.streams }
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The server's clock; moving it forward lets tokens and lock-outs expire.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Looks at the state. The server waits meanwhile.
    pub fn inspect<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.read())
    }

    /// Changes the state as the caller likes. The server waits meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.write())
    }

    /// Creates or changes a secret; the value is trimmed as the API does.
    ///
    /// # Errors
    /// No such project, environment or folder; a name with `:` or `/`.
    pub fn set_secret(&self, place: &Place, key: &str, value: &str) -> Result<(), ApiError> {
        let now = self.clock.now();
        let by = Writer { actor: None, now };
        let mut world = self.write();
        let project = world.project_mut(&place.project)?;
        let value = normalize_value(value);
        if project.folder_mut(&place.environment, &place.path)?.secrets.contains_key(key) {
            let change = Change { value: Some(value), ..Change::default() };
            project.update_secret(&place.environment, &place.path, key, change, by)?;
        } else {
            let content = Content { value, ..Content::default() };
            project.create_secret(&place.environment, &place.path, key, content, by)?;
        }
        Ok(())
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// No such project, environment, folder or secret.
    pub fn delete_secret(&self, place: &Place, key: &str) -> Result<(), ApiError> {
        self.write().project_mut(&place.project)?.delete_secret(&place.environment, &place.path, key).map(drop)
    }

    /// The value of a secret as stored, references unexpanded.
    #[must_use]
    pub fn value(&self, place: &Place, key: &str) -> Option<String> {
        let mut world = self.write();
        let folder = world.project_mut(&place.project).ok()?.folder_mut(&place.environment, &place.path).ok()?;
        folder.secrets.get(key).map(|secret| secret.content.value.expose().to_owned())
    }

    /// The id of a secret.
    #[must_use]
    pub fn secret_id(&self, place: &Place, key: &str) -> Option<String> {
        let mut world = self.write();
        let folder = world.project_mut(&place.project).ok()?.folder_mut(&place.environment, &place.path).ok()?;
        folder.secrets.get(key).map(|secret| secret.id.clone())
    }

    /// The requests for approval in a folder, oldest first: id, and the keys that each changes.
    #[must_use]
    pub fn requests(&self, place: &Place) -> Vec<(String, Vec<String>)> {
        let mut world = self.write();
        let Ok(project) = world.project_mut(&place.project) else { return Vec::new() };
        let requests = project.environment(&place.environment).into_iter().flat_map(|environment| &environment.requests);
        let keys = |request: &ChangeRequest| request.changes.iter().map(|(key, _)| key.clone()).collect();
        requests.filter(|request| request.path == place.path).map(|request| (request.id.clone(), keys(request))).collect()
    }

    /// Approves a request: its changes are made.
    ///
    /// # Errors
    /// No such project, environment or request.
    pub fn approve(&self, place: &Place, request: &str) -> Result<(), ApiError> {
        let by = Writer { actor: None, now: self.clock.now() };
        self.write().project_mut(&place.project)?.approve(&place.environment, request, by)
    }

    /// Rejects a request: nothing is changed.
    ///
    /// # Errors
    /// No such project, environment or request.
    pub fn reject(&self, place: &Place, request: &str) -> Result<(), ApiError> {
        self.write().project_mut(&place.project)?.take_request(&place.environment, request).map(drop)
    }

    /// Says of which paths of an environment changes need an approval, as globs.
    ///
    /// # Errors
    /// No such project or environment.
    pub fn set_approvals(&self, project: &str, environment: &str, globs: &[&str]) -> Result<(), ApiError> {
        let mut world = self.write();
        let found = world.project_mut(project)?.environment_mut(environment);
        let found = found.ok_or_else(|| ApiError::not_found(format!("Environment with slug '{environment}' not found")))?;
        found.approvals = globs.iter().map(|glob| (*glob).to_owned()).collect();
        Ok(())
    }

    /// Makes a folder and its parents.
    ///
    /// # Errors
    /// No such project or environment.
    pub fn create_folder(&self, place: &Place) -> Result<(), ApiError> {
        let now = self.clock.now();
        let mut world = self.write();
        let project = world.project_mut(&place.project)?;
        let prefix = format!("{}/{}", project.slug, place.environment);
        let environment = project.environment_mut(&place.environment);
        let environment =
            environment.ok_or_else(|| ApiError::not_found(format!("Environment with slug '{}' not found", place.environment)))?;
        environment.make_folders(&place.path, |path| stable_id("folder", &format!("{prefix}{path}")), now);
        Ok(())
    }

    /// Removes a folder with everything below it.
    ///
    /// # Errors
    /// No such project, environment or folder, or the root folder.
    pub fn delete_folder(&self, place: &Place) -> Result<(), ApiError> {
        let mut world = self.write();
        let environment = world.project_mut(&place.project)?.environment_mut(&place.environment);
        let removed = environment.and_then(|environment| environment.remove_folders(&place.path));
        removed.map(drop).ok_or_else(|| ApiError::not_found(format!("Folder with path '{}' not found", place.path)))
    }

    /// Replaces the imports of a folder; the last one wins.
    ///
    /// # Errors
    /// No such project, environment or folder to import into.
    pub fn set_imports(&self, place: &Place, from: &[(&str, &str)]) -> Result<(), ApiError> {
        let created = self.clock.now();
        let import = |(environment, path): &(&str, &str)| Import {
            id: new_id(),
            environment: (*environment).to_owned(),
            path: join(path, ""),
            created,
        };
        let mut world = self.write();
        let project = world.project_mut(&place.project)?;
        project.folder_mut(&place.environment, &place.path)?.imports = from.iter().map(import).collect();
        project.note_imports(&place.environment, &place.path);
        Ok(())
    }

    /// Revokes all client secrets of an identity (by name or id) and gives it a new one.
    ///
    /// # Errors
    /// No such identity, or one without universal auth.
    pub fn rotate_client_secret(&self, identity: &str, secret: &str) -> Result<(), ApiError> {
        let mut world = self.write();
        let auth = world.identity_mut(identity).and_then(|identity| identity.universal.as_mut());
        let auth = auth.ok_or_else(|| unknown_identity(identity))?;
        auth.secrets.iter_mut().for_each(|secret| secret.revoked = true);
        auth.secrets.push(ClientSecret::new(new_id(), &secret.into()));
        Ok(())
    }

    /// Revokes the access tokens of an identity (by name or id), or of all: the next use is answered 401.
    ///
    /// # Errors
    /// No such identity.
    pub fn revoke_tokens(&self, identity: Option<&str>) -> Result<(), ApiError> {
        self.each_token(identity, |record| record.revoked = true)
    }

    /// Lets the access tokens of an identity (by name or id), or of all, expire at once: the next use is answered 403
    /// `TokenError`.
    ///
    /// # Errors
    /// No such identity.
    pub fn expire_tokens(&self, identity: Option<&str>) -> Result<(), ApiError> {
        self.each_token(identity, |record| record.expired = true)
    }

    fn each_token(&self, identity: Option<&str>, change: impl Fn(&mut super::tokens::TokenRecord)) -> Result<(), ApiError> {
        let mut world = self.write();
        let id = match identity {
            None => None,
            Some(key) => Some(world.identity_mut(key).map(|identity| identity.id.clone()).ok_or_else(|| unknown_identity(key))?),
        };
        world.tokens.each(id.as_deref(), change);
        Ok(())
    }

    /// Bounds the tokens of an identity's next logins, whatever the method.
    ///
    /// # Errors
    /// No such identity.
    pub fn set_token_bounds(&self, identity: &str, bounds: TokenBounds) -> Result<(), ApiError> {
        let mut world = self.write();
        world.identity_mut(identity).ok_or_else(|| unknown_identity(identity))?.token_override = Some(bounds);
        Ok(())
    }

    /// Lets an identity see the secrets of a project but not their values.
    ///
    /// # Errors
    /// No such project, identity or membership.
    pub fn hide_values(&self, project: &str, identity: &str) -> Result<(), ApiError> {
        self.add_rule(project, identity, deny(Action::ReadValue))
    }

    /// Takes an identity's right to read the secrets of a project, but not its membership.
    ///
    /// # Errors
    /// No such project, identity or membership.
    pub fn deny_reading(&self, project: &str, identity: &str) -> Result<(), ApiError> {
        self.add_rule(project, identity, deny(Action::Read))
    }

    /// Adds a rule of permission after those that there are.
    ///
    /// # Errors
    /// No such project, identity or membership.
    pub fn add_rule(&self, project: &str, identity: &str, rule: Rule) -> Result<(), ApiError> {
        self.with_member(project, identity, |membership| match membership {
            Some(membership) => {
                membership.rules.push(rule);
                Ok(())
            }
            None => Err(ApiError::not_found(format!("Identity '{identity}' is no member of project '{project}'"))),
        })
    }

    /// Takes an identity's membership of a project, or gives it a new one.
    ///
    /// # Errors
    /// No such project or identity.
    pub fn set_membership(&self, project: &str, identity: &str, wanted: Option<Membership>) -> Result<(), ApiError> {
        self.with_member(project, identity, |membership| {
            *membership = wanted;
            Ok(())
        })
    }

    fn with_member(
        &self,
        project: &str,
        identity: &str,
        change: impl FnOnce(&mut Option<Membership>) -> Result<(), ApiError>,
    ) -> Result<(), ApiError> {
        let mut world = self.write();
        let id = world.identity_mut(identity).map(|found| found.id.clone()).ok_or_else(|| unknown_identity(identity))?;
        let members = &mut world.project_mut(project)?.members;
        let mut membership = members.remove(&id);
        let result = change(&mut membership);
        if let Some(membership) = membership {
            members.insert(id, membership);
        }
        result
    }
}

fn deny(action: Action) -> Rule {
    Rule { inverted: true, subject: Subject::Secrets, actions: vec![action], environment: None, secret_path: None, secret_name: None }
}

fn unknown_identity(key: &str) -> ApiError {
    ApiError::not_found(format!("Identity '{key}' not found"))
}
