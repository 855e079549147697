//! Projects: environments, folders by path, secrets by key, imports in order; and the server's rules for changing them.
//!
//! Folders are kept by absolute path (`/`, `/app`, `/app/db`), so that a recursive read is a range. Values are stored as
//! written, after the server's trimming; references are expanded on reading only.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::new_id;
use super::permission::{Membership, matches};
use crate::errors::ApiError;
use crate::events::{self, Event, Happening};
use crate::hidden::Hidden;

/// A project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Id.
    pub id: String,
    /// Slug.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// Id of its organisation.
    pub organization: String,
    /// Environments in order.
    pub environments: Vec<Environment>,
    /// Tags by slug.
    pub tags: BTreeMap<String, Tag>,
    /// Members by identity id.
    pub members: BTreeMap<String, Membership>,
    /// Creation.
    pub created: Timestamp,
    /// Last change of the project itself.
    pub updated: Timestamp,
    /// What happened since the state was locked; told when it is released.
    pub(crate) happened: Vec<Event>,
}

/// A tag of a project.
#[derive(Clone, Debug, Serialize)]
pub struct Tag {
    /// Id.
    pub id: String,
    /// Slug.
    pub slug: String,
    /// Colour.
    pub color: String,
    /// Name.
    pub name: String,
}

/// An environment.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Id.
    pub id: String,
    /// Slug.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// Folders by absolute path; the root always exists.
    pub folders: BTreeMap<String, Folder>,
    /// Globs of paths where a change needs an approval, so that nothing is written at once.
    pub approvals: Vec<String>,
    /// Changes that wait for an approval, oldest first.
    pub requests: Vec<ChangeRequest>,
}

/// Changes of one folder that wait until a person approves them. Nobody is told how it ended.
#[derive(Clone, Debug)]
pub struct ChangeRequest {
    /// Id.
    pub id: String,
    /// Path of the folder.
    pub path: String,
    /// By key, in the order of the request.
    pub changes: Vec<(String, Proposal)>,
}

/// What is to become of a secret.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// It is created.
    Create(Change),
    /// It is changed.
    Update(Change),
    /// It is deleted.
    Delete,
}

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Id.
    pub id: String,
    /// Creation.
    pub created: Timestamp,
    /// Last change of the folder itself.
    pub updated: Timestamp,
    /// Secrets by key.
    pub secrets: BTreeMap<String, Secret>,
    /// Imports, the last one winning.
    pub imports: Vec<Import>,
}

/// A folder whose secrets another one shows.
#[derive(Clone, Debug)]
pub struct Import {
    /// Id.
    pub id: String,
    /// Slug of the environment imported from.
    pub environment: String,
    /// Path imported from.
    pub path: String,
    /// Creation.
    pub created: Timestamp,
}

/// A pair of a secret's metadata.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// Shown as encrypted.
    #[serde(default)]
    pub is_encrypted: bool,
}

/// A secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Id.
    pub id: String,
    /// Counts the changes, from 1.
    pub version: u64,
    /// What a write may set.
    pub content: Content,
    /// Creation.
    pub created: Timestamp,
    /// Last change.
    pub updated: Timestamp,
    /// Id of the identity that changed it last, if it was one.
    pub actor: Option<String>,
}

/// The parts of a secret that a write sets.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Value as stored, references unexpanded.
    pub value: Hidden,
    /// Comment.
    pub comment: String,
    /// Slugs of tags.
    pub tags: Vec<String>,
    /// Metadata.
    pub metadata: Vec<Metadata>,
    /// Whether multi-line values put in by a reference are quoted.
    pub skip_multiline_encoding: Option<bool>,
}

/// A change to a secret; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// New key.
    pub name: Option<String>,
    /// New value.
    pub value: Option<Hidden>,
    /// New comment.
    pub comment: Option<String>,
    /// New tags.
    pub tags: Option<Vec<String>>,
    /// New metadata.
    pub metadata: Option<Vec<Metadata>>,
    /// New flag.
    pub skip_multiline_encoding: Option<bool>,
}

/// Leading slash, no trailing slash, no empty segment.
#[must_use]
pub fn normalize_path(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    format!("/{}", segments.join("/"))
}

/// A path below another.
#[must_use]
pub fn join(parent: &str, name: &str) -> String {
    normalize_path(&format!("{parent}/{name}"))
}

/// The server's trimming of values: outer white space goes, but a value that ends in a newline keeps one.
#[must_use]
pub fn normalize_value(value: &str) -> Hidden {
    // What JavaScript takes for white space is not what Rust does.
    let trimmed = value.trim_matches(|character: char| character == '\u{feff}' || (character.is_whitespace() && character != '\u{85}'));
    if value.ends_with('\n') { Hidden::from(format!("{trimmed}\n")) } else { Hidden::from(trimmed) }
}

impl Folder {
    /// An empty folder.
    #[must_use]
    pub fn new(id: String, now: Timestamp) -> Self {
        Self { id, created: now, updated: now, secrets: BTreeMap::new(), imports: Vec::new() }
    }
}

impl Environment {
    /// The folders at and below a path, with their paths, at most `depth` levels deeper.
    pub fn tree<'a>(&'a self, root: &'a str, depth: usize) -> impl Iterator<Item = (&'a str, &'a Folder)> {
        let level = |path: &str| path.split('/').filter(|segment| !segment.is_empty()).count();
        let deepest = level(root) + depth;
        self.folders
            .range(root.to_owned()..)
            .filter(move |(path, _)| is_within(path, root) && level(path) <= deepest)
            .map(|(path, folder)| (path.as_str(), folder))
    }

    /// Whether changes there need an approval.
    #[must_use]
    pub fn needs_approval(&self, path: &str) -> bool {
        self.approvals.iter().any(|glob| matches(glob, path))
    }

    /// Makes a folder and its parents; those that exist stay.
    pub fn make_folders(&mut self, path: &str, id: impl Fn(&str) -> String, now: Timestamp) {
        let path = normalize_path(path);
        let mut at = String::new();
        self.folders.entry("/".to_owned()).or_insert_with(|| Folder::new(id("/"), now));
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            at = format!("{at}/{segment}");
            if !self.folders.contains_key(&at) {
                self.folders.insert(at.clone(), Folder::new(id(&at), now));
            }
        }
    }

    /// Removes a folder and everything below it; the root can't be removed.
    pub fn remove_folders(&mut self, path: &str) -> Option<Folder> {
        if path == "/" {
            return None;
        }
        let removed = self.folders.remove(path);
        self.folders.retain(|found, _| !is_within(found, path));
        removed
    }
}

/// Whether a path is a folder or lies below it.
#[must_use]
pub fn is_within(path: &str, root: &str) -> bool {
    root == "/" || path == root || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'))
}

impl Project {
    /// The environment with this slug.
    #[must_use]
    pub fn environment(&self, slug: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.slug == slug)
    }

    /// The environment with this slug, to change it.
    pub fn environment_mut(&mut self, slug: &str) -> Option<&mut Environment> {
        self.environments.iter_mut().find(|environment| environment.slug == slug)
    }

    /// The folder at a normalised path.
    #[must_use]
    pub fn folder(&self, environment: &str, path: &str) -> Option<&Folder> {
        self.environment(environment)?.folders.get(path)
    }

    /// The folder at a normalised path, to change it.
    ///
    /// # Errors
    /// 404 as writes word it.
    pub fn folder_mut(&mut self, environment: &str, path: &str) -> Result<&mut Folder, ApiError> {
        self.environment_mut(environment)
            .and_then(|found| found.folders.get_mut(path))
            .ok_or_else(|| ApiError::not_found(format!("Folder with path '{path}' in environment with slug '{environment}' not found")))
    }

    /// Makes the changes of a request that a person approved; those that can't be made any more are left out.
    ///
    /// # Errors
    /// 404 for a request that there is none of.
    pub fn approve(&mut self, environment: &str, request: &str, by: Writer<'_>) -> Result<(), ApiError> {
        let ChangeRequest { path, changes, .. } = self.take_request(environment, request)?;
        for (key, proposal) in changes {
            let made = match proposal {
                Proposal::Create(change) => self.create_secret(environment, &path, &key, change.into(), by).map(drop),
                Proposal::Update(change) => self.update_secret(environment, &path, &key, change, by).map(drop),
                Proposal::Delete => self.delete_secret(environment, &path, &key).map(drop),
            };
            if let Err(error) = made {
                tracing::warn!(key, %error, "an approved change can't be made any more");
            }
        }
        Ok(())
    }

    /// Takes a request away, as a person who rejects it does.
    ///
    /// # Errors
    /// 404 for a request that there is none of.
    pub fn take_request(&mut self, environment: &str, request: &str) -> Result<ChangeRequest, ApiError> {
        let unknown = || ApiError::not_found(format!("Secret approval request with ID '{request}' not found"));
        let requests = &mut self.environment_mut(environment).ok_or_else(unknown)?.requests;
        let index = requests.iter().position(|found| found.id == request).ok_or_else(unknown)?;
        Ok(requests.remove(index))
    }

    /// Slugs of tags, from slugs or ids.
    ///
    /// # Errors
    /// 404 for one that the project does not have.
    pub fn resolve_tags(&self, wanted: &[String]) -> Result<Vec<String>, ApiError> {
        wanted
            .iter()
            .map(|key| {
                let found = self.tags.values().find(|tag| tag.id == *key || tag.slug == *key);
                found.map(|tag| tag.slug.clone()).ok_or_else(|| ApiError::not_found("One or more tags not found"))
            })
            .collect()
    }

    /// Creates a secret.
    ///
    /// # Errors
    /// 404 without the folder, 400 when the key exists, 422 for a name with `:` or `/`.
    pub fn create_secret(
        &mut self,
        environment: &str,
        path: &str,
        key: &str,
        content: Content,
        by: Writer<'_>,
    ) -> Result<&Secret, ApiError> {
        check_name(key)?;
        if self.folder_mut(environment, path)?.secrets.contains_key(key) {
            return Err(ApiError::bad_request("Secret already exists"));
        }
        self.note(Happening::Create, environment, path, key);
        let folder = self.folder_mut(environment, path)?;
        let secret = Secret { id: new_id(), version: 1, content, created: by.now, updated: by.now, actor: by.actor.map(str::to_owned) };
        Ok(folder.secrets.entry(key.to_owned()).or_insert(secret))
    }

    /// Changes a secret; its version grows even when nothing differs.
    ///
    /// # Errors
    /// 404 without folder or secret, 400 when the new name is taken, 422 for a bad one.
    pub fn update_secret(&mut self, environment: &str, path: &str, key: &str, change: Change, by: Writer<'_>) -> Result<&Secret, ApiError> {
        let folder = self.folder_mut(environment, path)?;
        if let Some(name) = &change.name {
            check_name(name)?;
            if name != key && folder.secrets.contains_key(name) {
                return Err(ApiError::bad_request("Secret with the new name already exists"));
            }
        }
        if !folder.secrets.contains_key(key) {
            return Err(missing(key));
        }
        self.note(Happening::Update, environment, path, change.name.as_deref().unwrap_or(key));
        let folder = self.folder_mut(environment, path)?;
        let mut secret = folder.secrets.remove(key).ok_or_else(|| missing(key))?;
        let content = &mut secret.content;
        content.value = change.value.unwrap_or_else(|| content.value.clone());
        content.comment = change.comment.unwrap_or_else(|| std::mem::take(&mut content.comment));
        content.tags = change.tags.unwrap_or_else(|| std::mem::take(&mut content.tags));
        content.metadata = change.metadata.unwrap_or_else(|| std::mem::take(&mut content.metadata));
        content.skip_multiline_encoding = change.skip_multiline_encoding.or(content.skip_multiline_encoding);
        secret.version += 1;
        secret.updated = by.now;
        secret.actor = by.actor.map(str::to_owned);
        let name = change.name.unwrap_or_else(|| key.to_owned());
        Ok(folder.secrets.entry(name).or_insert(secret))
    }

    /// Deletes a secret.
    ///
    /// # Errors
    /// 404 without folder or secret.
    pub fn delete_secret(&mut self, environment: &str, path: &str, key: &str) -> Result<Secret, ApiError> {
        let secret = self.folder_mut(environment, path)?.secrets.remove(key).ok_or_else(|| missing(key))?;
        self.note(Happening::Delete, environment, path, key);
        Ok(secret)
    }

    /// The imports of a folder were changed.
    pub fn note_imports(&mut self, environment: &str, path: &str) {
        let event =
            Event { happening: Happening::ImportMutation, environment: environment.to_owned(), path: path.to_owned(), keys: Vec::new() };
        events::note(&mut self.happened, event);
    }

    fn note(&mut self, happening: Happening, environment: &str, path: &str, key: &str) {
        let event = Event { happening, environment: environment.to_owned(), path: path.to_owned(), keys: vec![key.to_owned()] };
        events::note(&mut self.happened, event);
    }
}

/// Who writes, and when.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// Id of the identity, if it is one.
    pub actor: Option<&'a str>,
    /// Time of the change.
    pub now: Timestamp,
}

fn missing(key: &str) -> ApiError {
    ApiError::not_found(format!("Secret with name {key} not found"))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.contains([':', '/']) {
        return Err(ApiError::invalid("secretName", "Secret name cannot contain colon or forward slash."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_outer_space_but_one_final_newline() {
        for (written, stored) in
            [("  a b \t", "a b"), ("a\n\n\n", "a\n"), ("a\n ", "a"), ("\n", "\n"), ("", ""), ("\u{feff}a\u{85}", "a\u{85}")]
        {
            assert_eq!(normalize_value(written).expose(), stored, "{written:?}");
        }
    }

    #[test]
    fn a_tree_holds_what_lies_below_and_no_namesake() {
        let now = Timestamp::UNIX_EPOCH;
        let mut environment = Environment {
            id: new_id(),
            slug: "dev".into(),
            name: "Dev".into(),
            folders: BTreeMap::new(),
            approvals: vec![],
            requests: vec![],
        };
        for path in ["/app/db", "/app-2", "app/web/"] {
            environment.make_folders(path, |_| new_id(), now);
        }
        let paths = |root, depth| environment.tree(root, depth).map(|(path, _)| path.to_owned()).collect::<Vec<_>>();
        assert_eq!(paths("/app", 20), ["/app", "/app/db", "/app/web"]);
        assert_eq!(paths("/app", 0), ["/app"]);
        assert_eq!(paths("/", 1), ["/", "/app", "/app-2"]);
        assert!(environment.remove_folders("/app").is_some());
        assert_eq!(environment.tree("/", 20).count(), 2);
    }
}
