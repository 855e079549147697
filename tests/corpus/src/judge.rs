//! Whether a result is what Go made.
use crate::case::{Case, Outputs};

/// What an engine made of a case.
pub enum Made {
    /// Keys and values.
    Values(Outputs),
    /// An error.
    Error {
        /// `parse`, `exec` or `post`.
        stage: &'static str,
        message: String,
    },
    /// Neither: a panic, a trap, a refusal by the host.
    Broken(String),
}

/// How a result differs; [`None`] where it does not.
pub fn difference(case: &Case, made: &Made) -> Option<String> {
    match (case.wanted(), made) {
        (_, Made::Broken(what)) => Some(format!("broke: {what}")),
        (Some(wanted), Made::Values(values)) => {
            let keys: Vec<_> = wanted.keys().collect();
            if !keys.iter().copied().eq(values.keys()) {
                return Some(format!("keys {keys:?}, made {:?}", values.keys().collect::<Vec<_>>()));
            }
            let (key, value) = wanted.iter().find(|(key, value)| values.get(*key) != Some(*value))?;
            let made = values.get(key).map(Vec::as_slice).unwrap_or_default();
            Some(format!("wanted {:?}, made {:?}", short(value), short(made)))
        }
        (Some(wanted), Made::Error { message, .. }) => {
            Some(format!("wanted {:?}, failed with {message:?}", wanted.values().map(|value| short(value)).collect::<Vec<_>>()))
        }
        (None, Made::Values(values)) => Some(format!(
            "wanted the error {:?}, made {:?}",
            short(case.error.as_deref().unwrap_or_default().as_bytes()),
            values.values().map(|value| short(value)).collect::<Vec<_>>()
        )),
        (None, Made::Error { stage, message }) => {
            if case.error_stage.as_deref().is_some_and(|wanted| wanted != *stage) {
                return Some(format!("wanted an error in stage {:?}, got {stage:?}: {message:?}", case.error_stage));
            }
            let fragment = case.error_contains.as_deref().filter(|fragment| !message.contains(fragment))?;
            Some(format!("wanted an error with {fragment:?}, got {message:?}"))
        }
    }
}

fn short(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.chars().count() > 400 { text.chars().take(400).chain("…".chars()).collect() } else { text.into_owned() }
}

/// What a diagnostic tells of its stage: one of the rendered text has no place in the source, and one of a run names what ran.
pub fn stage(line: u32, message: &str) -> &'static str {
    if line == 0 {
        "post"
    } else if message.starts_with("at <") {
        "exec"
    } else {
        "parse"
    }
}
