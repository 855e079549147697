//! Checks what a plugin answered, after it has been lifted out of the guest: sizes, names, and that every text may be shown.
use crate::{Diagnostic, Failure, Generated, Rendering, Verdict, Violation, context::Context, contract, text};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

/// Bytes of a key: the longest name that Kubernetes knows, an annotation's with its prefix, has 317.
const KEY: usize = 512;

/// A plugin can't ask for more patience.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What a guest's error means. A guest that was denied something may answer what it likes: it is that denial.
pub(crate) fn answered(context: &Context, error: contract::Error) -> Failure {
    if let Some(not_granted) = context.not_granted() {
        return not_granted;
    }
    let clean = |text: &str| context.scrubber.clean(text);
    match error {
        contract::Error::Settings(found) => Failure::Settings(violations(context, found)),
        contract::Error::Template(found) => Failure::Template(
            found
                .into_iter()
                .take(text::COUNT)
                .map(|found| Diagnostic { entry: clean(&found.entry), message: clean(&found.message), ..found })
                .collect(),
        ),
        contract::Error::Credentials(text) => Failure::Credentials(clean(&text)),
        contract::Error::Denied(text) => Failure::Denied(clean(&text)),
        contract::Error::Unavailable { text, retry_after } => {
            let after = retry_after.map(|seconds| Duration::from_secs(seconds.into()).min(LONGEST_WAIT));
            Failure::Unavailable { after, text: unavailable(&clean(&text), context.unreachable().map(clean)) }
        }
        contract::Error::Internal(text) => Failure::Internal(clean(&text)),
    }
}

/// What the plugin says, and what the host could not reach, unless the plugin says that too.
fn unavailable(said: &str, unreachable: Option<String>) -> String {
    match unreachable {
        Some(cause) if said.trim().is_empty() => cause,
        Some(cause) if !said.contains(&cause) => text::cut(&format!("{said} ({cause})")),
        None if said.trim().is_empty() => "it does not say which".into(),
        _ => said.to_owned(),
    }
}

pub(crate) fn violations(context: &Context, found: Vec<Violation>) -> Vec<Violation> {
    let clean = |text: &str| context.scrubber.clean(text);
    found.into_iter().take(text::COUNT).map(|found| Violation { pointer: clean(&found.pointer), message: clean(&found.message) }).collect()
}

/// A rendering has no key twice, each key that was asked for and no other unless the options let a template make its own, and is not
/// too large.
pub(crate) fn rendering(context: &Context, options: &Value, asked: &BTreeSet<&str>, rendering: Rendering) -> Result<Rendering, Failure> {
    let makes_keys =
        options.get("bulk") == Some(&Value::Bool(true)) || options.get("scope").and_then(Value::as_str) == Some("keys-and-values");
    keys(context, rendering.entries.iter().map(|entry| (entry.key.as_str(), entry.value.expose_secret().len())))?;
    if !makes_keys && rendering.entries.iter().any(|entry| !asked.contains(entry.key.as_str())) {
        return Err(Failure::BadResult("it has a key that nobody asked for".into()));
    }
    let checks = options.get("check") == Some(&Value::Bool(true));
    // A key that is silently left out would be removed from the target.
    if !makes_keys && !checks && rendering.entries.len() < asked.len() {
        return Err(Failure::BadResult("a key that was asked for is missing in it".into()));
    }
    Ok(Rendering { notices: context.scrubber.clean_all(&rendering.notices), ..rendering })
}

/// Generated values have no key twice and are not too large.
pub(crate) fn generated(context: &Context, generated: Generated) -> Result<Generated, Failure> {
    keys(context, generated.outputs.iter().map(|output| (output.key.as_str(), output.value.expose_secret().len())))?;
    Ok(Generated { notices: context.scrubber.clean_all(&generated.notices), ..generated })
}

pub(crate) fn verdict(context: &Context, verdict: Verdict) -> Verdict {
    Verdict { texts: context.scrubber.clean_all(&verdict.texts), ..verdict }
}

/// Keys with the sizes of their values.
fn keys<'a>(context: &Context, entries: impl Iterator<Item = (&'a str, usize)>) -> Result<(), Failure> {
    let (mut seen, mut left) = (BTreeSet::new(), context.limits().result);
    for (key, size) in entries {
        if key.is_empty() || key.len() > KEY || key.chars().any(char::is_control) {
            return Err(Failure::BadResult("it has a key that is empty, too long, or has control characters".into()));
        }
        if !seen.insert(key) {
            return Err(Failure::BadResult(format!("it has the key {:?} twice", context.scrubber.clean(key))));
        }
        let Some(rest) = left.checked_sub(key.len().saturating_add(size)) else {
            return Err(Failure::BadResult(format!("it has more than {} bytes", context.limits().result)));
        };
        left = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_reached_is_said_once() {
        let cause = || Some("http://169.254.169.254 did not answer in time".to_owned());
        assert_eq!(unavailable("IMDS is disabled", None), "IMDS is disabled");
        assert_eq!(unavailable("no region", cause()), "no region (http://169.254.169.254 did not answer in time)");
        assert_eq!(
            unavailable("IMDS: http://169.254.169.254 did not answer in time; give a region", cause()).matches("did not").count(),
            1
        );
        assert_eq!(unavailable(" ", cause()), cause().unwrap_or_default());
        assert_eq!(unavailable("", None), "it does not say which");
    }
}
