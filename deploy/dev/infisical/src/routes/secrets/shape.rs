//! A secret as the API shows it, member for member.
use serde::Serialize;

use crate::routes::date;
use crate::state::project::{Metadata, Tag};
use crate::state::{Project, Secret, World};

/// What stands in place of a value that the caller may not read.
pub(super) const MASK: &str = "<hidden-by-infisical>";

/// A row of a list, or the one secret of a reply. Members that a reply does not have are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    pub id: &'a str,
    #[serde(rename = "_id")]
    pub legacy_id: &'a str,
    pub workspace: &'a str,
    pub environment: &'a str,
    pub version: u64,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub secret_key: &'a str,
    pub secret_value: String,
    pub secret_comment: &'a str,
    pub secret_reminder_note: Option<&'a str>,
    pub secret_reminder_repeat_days: Option<u32>,
    pub skip_multiline_encoding: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<ActorRow<'a>>,
    pub is_rotated_secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_value_hidden: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_metadata: Option<&'a [Metadata]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<&'a Tag>>,
}

/// Who changed a secret last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActorRow<'a> {
    actor_id: &'a str,
    actor_type: &'static str,
    name: Option<&'a str>,
    membership_id: Option<&'a str>,
    group_id: Option<&'a str>,
}

/// Where a secret stands.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub project: &'a Project,
    pub environment: &'a str,
    pub path: &'a str,
    pub key: &'a str,
}

impl<'a> Row<'a> {
    /// The row of a list or of a get; `value` is `None` for a hidden one.
    pub(super) fn full(world: &'a World, spot: Spot<'a>, secret: &'a Secret, value: Option<String>) -> Self {
        let hidden = value.is_none();
        Self {
            created_at: Some(date(secret.created)),
            updated_at: Some(date(secret.updated)),
            secret_path: Some(spot.path),
            tags: Some(secret.content.tags.iter().filter_map(|slug| spot.project.tags.get(slug)).collect()),
            actor: secret.actor.as_deref().map(|id| ActorRow {
                actor_id: id,
                actor_type: "identity",
                name: world.identity(id).map(|identity| identity.name.as_str()),
                membership_id: None,
                group_id: None,
            }),
            secret_value_hidden: Some(hidden),
            ..Self::bare(spot, secret, value.unwrap_or_else(|| MASK.to_owned()))
        }
    }

    /// The row of an import: no dates, no path, no tags, and an empty `workspace`.
    pub(super) fn imported(spot: Spot<'a>, secret: &'a Secret, value: Option<String>) -> Self {
        let hidden = value.is_none();
        Self { workspace: "", secret_value_hidden: Some(hidden), ..Self::bare(spot, secret, value.unwrap_or_else(|| MASK.to_owned())) }
    }

    /// The row of an answer to a write: no path, no tags, no metadata.
    pub(super) fn written(spot: Spot<'a>, secret: &'a Secret, hidden: Option<bool>) -> Self {
        Self {
            created_at: Some(date(secret.created)),
            updated_at: Some(date(secret.updated)),
            secret_metadata: None,
            secret_value_hidden: hidden,
            ..Self::bare(spot, secret, secret.content.value.expose().to_owned())
        }
    }

    fn bare(spot: Spot<'a>, secret: &'a Secret, value: String) -> Self {
        Self {
            id: &secret.id,
            legacy_id: &secret.id,
            workspace: &spot.project.id,
            environment: spot.environment,
            version: secret.version,
            kind: "shared",
            secret_key: spot.key,
            secret_value: value,
            secret_comment: &secret.content.comment,
            secret_reminder_note: None,
            secret_reminder_repeat_days: None,
            skip_multiline_encoding: secret.content.skip_multiline_encoding,
            created_at: None,
            updated_at: None,
            actor: None,
            is_rotated_secret: false,
            secret_path: None,
            secret_value_hidden: None,
            secret_metadata: Some(&secret.content.metadata),
            tags: None,
        }
    }
}
