//! Expands `${…}` in values on reading: `${KEY}` in the same folder, `${env.path.KEY}` elsewhere in the project,
//! `${@project.env.path.KEY}` in another project of the organisation.
//!
//! What can't be expanded stays as it was written: an unknown target, a cycle, a text that is no reference, anything
//! nested deeper than ten. A target whose value the caller may not read fails the whole request instead.
use serde_json::json;

use crate::errors::ApiError;
use crate::state::permission::{Access, Action, Subject, Target};
use crate::state::tokens::Actor;
use crate::state::{Project, World};

const MAX_DEPTH: usize = 10;

/// Where a value stands, which is where its plain references point.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// Project.
    pub project: &'a Project,
    /// Slug of the environment.
    pub environment: &'a str,
    /// Path of the folder.
    pub path: &'a str,
}

/// Expands on behalf of one caller.
pub struct Expander<'a> {
    /// The state.
    pub world: &'a World,
    /// Who asks.
    pub actor: &'a Actor,
}

/// A reference, resolved to a place that may or may not exist.
struct Resolved<'a> {
    project: &'a Project,
    environment: String,
    path: String,
    key: &'a str,
}

impl Expander<'_> {
    /// A secret's value with its references expanded.
    ///
    /// # Errors
    /// 403 when the caller may not read the value of a target.
    pub fn expand(&self, origin: Origin<'_>, key: &str, value: &str, quote_lines: bool) -> Result<String, ApiError> {
        let mut stack = vec![identity(origin.project, origin.environment, origin.path, key)];
        self.walk(origin, value, quote_lines, &mut stack)
    }

    fn walk(&self, origin: Origin<'_>, value: &str, quote_lines: bool, stack: &mut Vec<String>) -> Result<String, ApiError> {
        let mut expanded = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            expanded.push_str(before);
            let reference = after.split_once('}').filter(|(text, _)| is_reference(text));
            let target = match reference {
                Some((text, _)) => self.target(origin, text, stack)?,
                None => None,
            };
            match (reference, target) {
                (Some((_, behind)), Some(found)) => {
                    expanded.push_str(&if quote_lines { quoted(&found) } else { found });
                    rest = behind;
                }
                (Some((text, behind)), None) => {
                    expanded.push_str("${");
                    expanded.push_str(text);
                    expanded.push('}');
                    rest = behind;
                }
                (None, _) => {
                    expanded.push_str("${");
                    rest = after;
                }
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// The expanded value a reference stands for; `None` leaves it as written.
    fn target(&self, origin: Origin<'_>, text: &str, stack: &mut Vec<String>) -> Result<Option<String>, ApiError> {
        let Some(Resolved { project, environment, path, key }) = self.resolve(origin, text) else {
            return Ok(None);
        };
        let Some(secret) = project.folder(&environment, &path).and_then(|folder| folder.secrets.get(key)) else {
            return Ok(None);
        };
        let access = self.world.access(self.actor, project)?;
        may_read(&access, &environment, &path, key)?;
        let id = identity(project, &environment, &path, key);
        if stack.len() > MAX_DEPTH || stack.contains(&id) {
            return Ok(None);
        }
        stack.push(id);
        let quote_lines = secret.content.skip_multiline_encoding == Some(true);
        let origin = Origin { project, environment: &environment, path: &path };
        let value = self.walk(origin, secret.content.value.expose(), quote_lines, stack);
        stack.pop();
        value.map(Some)
    }

    fn resolve<'a>(&'a self, origin: Origin<'a>, text: &'a str) -> Option<Resolved<'a>> {
        let mut parts: Vec<&str> = text.split('.').collect();
        let key = parts.pop().filter(|key| !key.is_empty())?;
        if parts.is_empty() {
            let (environment, path) = (origin.environment.to_owned(), origin.path.to_owned());
            return Some(Resolved { project: origin.project, environment, path, key });
        }
        let mut parts = parts.into_iter().peekable();
        let project = match parts.next_if(|part| part.starts_with('@')) {
            None => origin.project,
            Some(slug) => self.world.project_by_slug(slug.get(1..)?, &origin.project.organization).ok()?,
        };
        let environment = parts.next()?.to_owned();
        let path = format!("/{}", parts.collect::<Vec<_>>().join("/"));
        Some(Resolved { project, environment, path, key })
    }
}

fn may_read(access: &Access<'_>, environment: &str, path: &str, key: &str) -> Result<(), ApiError> {
    if access.can(Action::ReadValue, Subject::Secrets, &Target { environment, path, name: Some(key) }) {
        return Ok(());
    }
    let details = json!([{ "environment": environment, "secretPath": path, "secretKey": key }]);
    Err(ApiError::forbidden("Failed to expand one or more secret references").with_details(details))
}

fn identity(project: &Project, environment: &str, path: &str, key: &str) -> String {
    format!("{}\n{environment}\n{path}\n{key}", project.id)
}

fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric() || "-_.@".contains(character))
}

/// A value of several lines as one quoted line.
fn quoted(value: &str) -> String {
    if value.contains('\n') { format!("\"{}\"", value.replace('\n', "\\n")) } else { value.to_owned() }
}
