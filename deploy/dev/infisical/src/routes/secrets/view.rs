//! What one caller sees of a project's secrets: which exist for it, which values are hidden, what imports add.
//!
//! Imports keep their order. What an import imports itself is appended to it, and every reference is resolved from where
//! its secret really stands.
use serde::Serialize;

use super::shape::{Row, Spot};
use crate::errors::ApiError;
use crate::references::{Expander, Origin};
use crate::state::permission::{Access, Action, Subject, Target};
use crate::state::tokens::Actor;
use crate::state::{Folder, Project, Secret, World};

const IMPORT_DEPTH: usize = 10;

/// The secrets of one import.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Imported<'a> {
    pub secret_path: &'a str,
    pub environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder_id: Option<&'a str>,
    pub secrets: Vec<Row<'a>>,
}

/// A caller's view.
pub(super) struct View<'a> {
    pub world: &'a World,
    pub actor: &'a Actor,
    pub project: &'a Project,
    pub access: Access<'a>,
    /// Whether values are wanted at all.
    pub values: bool,
    /// Whether references are expanded.
    pub expand: bool,
}

impl<'a> View<'a> {
    pub(super) fn may(&self, action: Action, environment: &str, path: &str, name: Option<&str>) -> bool {
        self.access.can(action, Subject::Secrets, &Target { environment, path, name })
    }

    /// The value as the caller sees it; `None` when it is hidden.
    pub(super) fn value(&self, spot: Spot<'a>, secret: &Secret) -> Result<Option<String>, ApiError> {
        if !self.values || !self.may(Action::ReadValue, spot.environment, spot.path, Some(spot.key)) {
            return Ok(None);
        }
        let stored = secret.content.value.expose();
        if !self.expand {
            return Ok(Some(stored.to_owned()));
        }
        let origin = Origin { project: spot.project, environment: spot.environment, path: spot.path };
        let quote_lines = secret.content.skip_multiline_encoding == Some(true);
        Expander { world: self.world, actor: self.actor }.expand(origin, spot.key, stored, quote_lines).map(Some)
    }

    /// The secrets of a folder that exist for the caller, by key.
    pub(super) fn own(&self, environment: &'a str, path: &'a str, folder: &'a Folder) -> impl Iterator<Item = (Spot<'a>, &'a Secret)> {
        folder
            .secrets
            .iter()
            .filter(move |(key, _)| self.may(Action::DescribeSecret, environment, path, Some(key)))
            .map(move |(key, secret)| (Spot { project: self.project, environment, path, key }, secret))
    }

    /// The imports of a folder in order, each with what it imports itself.
    pub(super) fn imports(&self, environment: &'a str, path: &'a str) -> Result<Vec<Imported<'a>>, ApiError> {
        let Some(folder) = self.project.folder(environment, path) else {
            return Ok(Vec::new());
        };
        let mut seen: Vec<(&str, &str)> = Vec::new();
        let mut imports = Vec::new();
        for import in &folder.imports {
            let source = (import.environment.as_str(), import.path.as_str());
            if seen.contains(&source) {
                continue;
            }
            seen.push(source);
            let mut secrets = Vec::new();
            self.gather(source, &mut vec![(environment, path)], &mut secrets)?;
            if self.expand {
                let mut keys: Vec<&str> = Vec::new();
                secrets.retain(|row: &Row<'_>| {
                    let first = !keys.contains(&row.secret_key);
                    keys.push(row.secret_key);
                    first
                });
            }
            let folder_id = self.project.folder(source.0, source.1).map(|folder| folder.id.as_str());
            imports.push(Imported { secret_path: source.1, environment: source.0, folder_id, secrets });
        }
        Ok(imports)
    }

    fn gather(&self, source: (&'a str, &'a str), above: &mut Vec<(&'a str, &'a str)>, rows: &mut Vec<Row<'a>>) -> Result<(), ApiError> {
        let (environment, path) = source;
        if above.len() > IMPORT_DEPTH || above.contains(&source) {
            return Ok(());
        }
        let Some(folder) = self.project.folder(environment, path) else {
            return Ok(());
        };
        for (spot, secret) in self.own(environment, path, folder) {
            rows.push(Row::imported(spot, secret, self.value(spot, secret)?));
        }
        above.push(source);
        for import in &folder.imports {
            self.gather((import.environment.as_str(), import.path.as_str()), above, rows)?;
        }
        above.pop();
        Ok(())
    }
}
