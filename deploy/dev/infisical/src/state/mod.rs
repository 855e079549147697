//! Everything the server knows: projects with their folders and secrets, identities with their logins, tokens.
//!
//! The modules of this folder hold the rules of the data (normalisation, permissions, what refers to what) and know
//! nothing of HTTP; they refuse with the errors that the API would give.
pub mod handle;
pub mod identity;
pub mod permission;
pub mod project;
pub mod seeding;
pub mod tokens;

use uuid::Uuid;

pub use self::identity::{Identity, Organization};
pub use self::project::{Environment, Folder, Import, Project, Secret};

use self::tokens::{ServiceToken, Tokens};
use crate::errors::ApiError;
use crate::leases::{DynamicSecret, Users};
use crate::verify::{AlibabaCloud, OracleUser};

/// The whole state.
pub struct World {
    /// The one organisation, with its sub-organisations.
    pub organization: Organization,
    /// Machine identities.
    pub identities: Vec<Identity>,
    /// Projects of all organisations.
    pub projects: Vec<Project>,
    /// Service tokens, deprecated but still in use.
    pub service_tokens: Vec<ServiceToken>,
    /// Access tokens given out so far.
    pub tokens: Tokens,
    /// Users of Oracle Cloud.
    pub oracle_users: Vec<OracleUser>,
    /// Alibaba Cloud.
    pub alibaba: AlibabaCloud,
    /// Dynamic secrets of all projects, with their leases.
    pub dynamic_secrets: Vec<DynamicSecret>,
    /// Users of the database that exists only here.
    pub(crate) database_users: Users,
}

impl World {
    /// The identity with this id.
    #[must_use]
    pub fn identity(&self, id: &str) -> Option<&Identity> {
        self.identities.iter().find(|identity| identity.id == id)
    }

    /// The identity with this id or name.
    pub fn identity_mut(&mut self, key: &str) -> Option<&mut Identity> {
        self.identities.iter_mut().find(|identity| identity.id == key || identity.name == key)
    }

    /// The project with this id.
    ///
    /// # Errors
    /// 404 as the API words it.
    pub fn project(&self, id: &str) -> Result<&Project, ApiError> {
        self.projects
            .iter()
            .find(|project| project.id == id)
            .ok_or_else(|| ApiError::not_found(format!("Project with ID '{id}' not found")))
    }

    /// The project with this slug in an organisation.
    ///
    /// # Errors
    /// 404 as the API words it.
    pub fn project_by_slug(&self, slug: &str, organization: &str) -> Result<&Project, ApiError> {
        self.projects
            .iter()
            .find(|project| project.slug == slug && project.organization == organization)
            .ok_or_else(|| ApiError::not_found(format!("Project with slug '{slug}' not found")))
    }

    /// The project with this id or slug, to change it.
    ///
    /// # Errors
    /// 404 as the API words it.
    pub fn project_mut(&mut self, key: &str) -> Result<&mut Project, ApiError> {
        self.projects
            .iter_mut()
            .find(|project| project.id == key || project.slug == key)
            .ok_or_else(|| ApiError::not_found(format!("Project with ID '{key}' not found")))
    }
}

/// A fresh id.
#[must_use]
pub fn new_id() -> String {
    Uuid::new_v4().to_string()
}
