//! The data of an event: where something changed. The rest is not looked at, and names of secrets are not kept.
use super::{Change, ChangeKind, Place};
use serde::Deserialize;

#[derive(Deserialize)]
struct Envelope {
    data: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    event_type: Option<String>,
    payload: Option<Payload>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Payload {
    Many(Vec<Row>),
    One(Row),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    environment: String,
    /// Older servers leave it out for the root.
    secret_path: Option<String>,
}

/// Reads an event of that name.
pub(super) fn change(name: &str, data: &[u8]) -> Change {
    let Ok(Envelope { data: Inner { event_type, payload } }) = serde_json::from_slice(data) else {
        return Change { kind: kind(name), places: Vec::new() };
    };
    let rows = match payload {
        Some(Payload::Many(rows)) => rows,
        Some(Payload::One(row)) => vec![row],
        None => Vec::new(),
    };
    let mut places: Vec<_> = rows.into_iter().map(Row::place).collect();
    places.dedup();
    Change { kind: kind(event_type.as_deref().unwrap_or(name)), places }
}

impl Row {
    fn place(self) -> Place {
        let path = self.secret_path.unwrap_or_default();
        let path = format!("/{}", path.trim_matches('/'));
        Place { environment: self.environment, path }
    }
}

/// `secret:update` in one version, `update-secret` or `update-secrets` in another.
fn kind(text: &str) -> ChangeKind {
    let words =
        [("import", ChangeKind::Import), ("create", ChangeKind::Create), ("update", ChangeKind::Update), ("delete", ChangeKind::Delete)];
    words.into_iter().find(|(word, _)| text.contains(word)).map_or(ChangeKind::Other, |(_, kind)| kind)
}
