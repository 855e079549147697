//! Who may do what in a project: a role, then rules that allow or deny, the last matching one deciding.
//!
//! A rule with a secret's name never matches a question about a whole folder, as in the real server's conditions.
use glob::{MatchOptions, Pattern};
use serde::Deserialize;
use serde_json::json;

use super::tokens::{Actor, ServiceToken};
use super::{Project, World};
use crate::errors::ApiError;

/// Paths are matched segment by segment; `**` crosses them.
const MATCHING: MatchOptions = MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// Whether a text matches a glob; a text that is no valid glob matches itself only.
#[must_use]
pub fn matches(glob: &str, text: &str) -> bool {
    Pattern::new(glob).map_or(glob == text, |pattern| pattern.matches_with(text, MATCHING))
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// For secrets both to describe them and to read their values.
    Read,
    /// To see that a secret exists.
    DescribeSecret,
    /// To see its value.
    ReadValue,
    /// To create.
    Create,
    /// To change.
    Edit,
    /// To delete.
    Delete,
    /// To hear of secrets that are created.
    SubscribeOnCreated,
    /// To hear of secrets that are changed.
    SubscribeOnUpdated,
    /// To hear of secrets that are deleted.
    SubscribeOnDeleted,
    /// To hear of folders whose imports are changed.
    SubscribeOnImportMutations,
    /// To make, renew, revoke and see leases.
    Lease,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::DescribeSecret => "describeSecret",
            Self::ReadValue => "readValue",
            Self::Create => "create",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::SubscribeOnCreated => "subscribe-on-created",
            Self::SubscribeOnUpdated => "subscribe-on-updated",
            Self::SubscribeOnDeleted => "subscribe-on-deleted",
            Self::SubscribeOnImportMutations => "subscribe-on-import-mutations",
            Self::Lease => "lease",
        }
    }

    fn is_subscribing(self) -> bool {
        matches!(self, Self::SubscribeOnCreated | Self::SubscribeOnUpdated | Self::SubscribeOnDeleted | Self::SubscribeOnImportMutations)
    }

    fn is_reading(self) -> bool {
        matches!(self, Self::Read | Self::DescribeSecret | Self::ReadValue)
    }

    fn covers(self, wanted: Self) -> bool {
        self == wanted || (self == Self::Read && wanted.is_reading())
    }
}

/// What it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// Secrets.
    Secrets,
    /// Folders.
    SecretFolders,
    /// Imports.
    SecretImports,
    /// Events about secrets.
    SecretEvents,
    /// Dynamic secrets.
    DynamicSecrets,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::SecretFolders => "secret-folders",
            Self::SecretImports => "secret-imports",
            Self::SecretEvents => "secret-events",
            Self::DynamicSecrets => "dynamic-secrets",
        }
    }
}

/// The built-in roles of a project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Everything about secrets, folders and imports.
    #[default]
    Member,
    /// Reading.
    Viewer,
    /// Nothing but membership.
    NoAccess,
}

/// A rule beside the role. An empty condition holds for everything.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Denies instead of allowing.
    #[serde(default)]
    pub inverted: bool,
    /// Subject.
    pub subject: Subject,
    /// Actions.
    pub actions: Vec<Action>,
    /// Slug of the environment.
    #[serde(default)]
    pub environment: Option<String>,
    /// Glob over paths.
    #[serde(default)]
    pub secret_path: Option<String>,
    /// Glob over names of secrets.
    #[serde(default)]
    pub secret_name: Option<String>,
}

/// What an identity may do in one project.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// Role.
    pub role: Role,
    /// Rules in order; the last that matches decides.
    pub rules: Vec<Rule>,
}

/// What a question is about.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Slug of the environment.
    pub environment: &'a str,
    /// Path of the folder.
    pub path: &'a str,
    /// Name of the secret, if the question is about one.
    pub name: Option<&'a str>,
}

impl Rule {
    fn applies(&self, action: Action, subject: Subject, target: &Target<'_>) -> bool {
        let name = match (&self.secret_name, target.name) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(name)) => matches(wanted, name),
        };
        name && self.subject == subject
            && self.actions.iter().any(|held| held.covers(action))
            && self.environment.as_deref().is_none_or(|wanted| wanted == target.environment)
            && self.secret_path.as_deref().is_none_or(|wanted| matches(wanted, target.path))
    }
}

impl Membership {
    fn can(&self, action: Action, subject: Subject, target: &Target<'_>) -> bool {
        let by_role = match self.role {
            Role::Admin | Role::Member => true,
            Role::Viewer => action.is_reading() || action.is_subscribing(),
            Role::NoAccess => false,
        };
        self.rules.iter().rev().find(|rule| rule.applies(action, subject, target)).map_or(by_role, |rule| !rule.inverted)
    }
}

/// A caller's rights in one project.
pub enum Access<'a> {
    /// A machine identity's membership.
    Member(&'a Membership),
    /// A service token's scopes.
    ServiceToken(&'a ServiceToken),
}

impl Access<'_> {
    /// Whether the caller may.
    #[must_use]
    pub fn can(&self, action: Action, subject: Subject, target: &Target<'_>) -> bool {
        match self {
            Self::Member(membership) => membership.can(action, subject, target),
            Self::ServiceToken(token) => token.can(action.is_reading(), target),
        }
    }

    /// The same as a check.
    ///
    /// # Errors
    /// 403 `PermissionDenied`.
    pub fn check(&self, action: Action, subject: Subject, target: &Target<'_>) -> Result<(), ApiError> {
        if self.can(action, subject, target) {
            return Ok(());
        }
        let mut conditions = json!({ "environment": target.environment, "secretPath": { "$glob": target.path } });
        if let (Some(name), Some(map)) = (target.name, conditions.as_object_mut()) {
            map.insert("secretName".to_owned(), json!(name));
        }
        Err(ApiError::permission(action.as_str(), subject.as_str(), conditions))
    }
}

impl World {
    /// The project with this id, and a caller's rights in it.
    ///
    /// # Errors
    /// 404 for an unknown project, in the words of the permission check, and as [`World::access`].
    pub fn enter<'a>(&'a self, actor: &Actor, id: &str) -> Result<(&'a Project, Access<'a>), ApiError> {
        let project = self.projects.iter().find(|project| project.id == id);
        let project = project.ok_or_else(|| ApiError::not_found(format!("Project with {id} not found")))?;
        Ok((project, self.access(actor, project)?))
    }

    /// A caller's rights in a project.
    ///
    /// # Errors
    /// 403 for a project of another organisation or without membership, or another project's service token.
    pub fn access<'a>(&'a self, actor: &Actor, project: &'a Project) -> Result<Access<'a>, ApiError> {
        match actor {
            Actor::Identity { id, organization } => {
                if *organization != project.organization {
                    return Err(ApiError::forbidden("This project does not belong to your selected organization."));
                }
                let membership = project.members.get(id).ok_or_else(|| {
                    let message = format!(
                        "You are not a member of this project with ID {}. Please assign this identity to the project with the \
                         appropriate permissions, then try again.",
                        project.id
                    );
                    ApiError::forbidden(message).named("ProjectMembershipNotFound")
                })?;
                Ok(Access::Member(membership))
            }
            Actor::ServiceToken { id } => match self.service_tokens.iter().find(|token| token.id == *id && token.project == project.id) {
                Some(token) => Ok(Access::ServiceToken(token)),
                None => {
                    let message = format!("Service token not a part of the specified project with ID {}", project.id);
                    Err(ApiError::forbidden(message))
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target<'a>(path: &'a str, name: Option<&'a str>) -> Target<'a> {
        Target { environment: "dev", path, name }
    }

    #[test]
    fn the_last_matching_rule_decides() {
        let rule = |inverted, path: &str| Rule {
            inverted,
            subject: Subject::Secrets,
            actions: vec![Action::Read],
            environment: None,
            secret_path: Some(path.to_owned()),
            secret_name: None,
        };
        let membership = Membership { role: Role::NoAccess, rules: vec![rule(false, "/app/**"), rule(true, "/app/private")] };
        assert!(membership.can(Action::ReadValue, Subject::Secrets, &target("/app/x/y", None)));
        assert!(!membership.can(Action::ReadValue, Subject::Secrets, &target("/app/private", None)));
        assert!(!membership.can(Action::ReadValue, Subject::Secrets, &target("/other", None)));
        assert!(!membership.can(Action::Edit, Subject::Secrets, &target("/app/x", None)));
    }

    #[test]
    fn a_rule_about_names_is_silent_about_folders() {
        let rule = Rule {
            inverted: true,
            subject: Subject::Secrets,
            actions: vec![Action::ReadValue],
            environment: Some("dev".to_owned()),
            secret_path: None,
            secret_name: Some("DB_*".to_owned()),
        };
        let membership = Membership { role: Role::Viewer, rules: vec![rule] };
        assert!(membership.can(Action::ReadValue, Subject::Secrets, &target("/", None)));
        assert!(!membership.can(Action::ReadValue, Subject::Secrets, &target("/", Some("DB_PASSWORD"))));
        assert!(membership.can(Action::DescribeSecret, Subject::Secrets, &target("/", Some("DB_PASSWORD"))));
    }
}
