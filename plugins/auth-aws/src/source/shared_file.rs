//! Keys of a profile in a shared credentials file, which the administrator mounts as `aws`.
//!
//! Read are the keys and the region; a profile that leads on to something else (a role, a program, SSO) is refused by name
//! instead of being taken for one without keys.
use super::{Found, environment::get};
use crate::{
    keys::Keys,
    settings::{Settings, Source},
};
use plugin_sdk::{Error, mounts};
use std::collections::BTreeMap;

/// Members of a profile that lead elsewhere.
const ELSEWHERE: [&str; 5] = ["role_arn", "credential_process", "sso_session", "sso_start_url", "web_identity_token_file"];

/// The keys of the profile, and its region.
pub(super) fn keys(settings: &Settings) -> Result<(Found, Option<String>), Error> {
    let file = get("AWS_SHARED_CREDENTIALS_FILE")?;
    let named = settings.profile.is_some() || settings.source == Source::SharedFile;
    if file.is_none() && !named {
        return Ok((Found::Nothing("no AWS_SHARED_CREDENTIALS_FILE".into()), None));
    }
    let file = file.unwrap_or_else(|| "credentials".into());
    let profile = match &settings.profile {
        Some(profile) => profile.trim().to_owned(),
        None => get("AWS_PROFILE")?.unwrap_or_else(|| "default".into()),
    };
    let text = mounts::open("aws", &file)?.reveal_text().map_err(|error| match error {
        Error::Credentials(_) => Error::Credentials(format!("the shared credentials file {file:?} is not text")),
        other => other,
    })?;
    let profiles = parse(&text);
    let members = profiles.get(&profile).ok_or_else(|| {
        let there: Vec<_> = profiles.keys().map(String::as_str).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ").chars().take(100).collect() };
        Error::Credentials(format!("the shared credentials file has no profile {profile:?}; it has: {there}"))
    })?;
    if let Some(other) = ELSEWHERE.iter().find(|name| members.contains_key(**name)) {
        return Err(Error::Credentials(format!(
            "the profile {profile:?} has {other}, which can't be followed here; give keys, or use web identity"
        )));
    }
    let (Some(id), Some(secret)) = (members.get("aws_access_key_id"), members.get("aws_secret_access_key")) else {
        return Err(Error::Credentials(format!("the profile {profile:?} lacks aws_access_key_id or aws_secret_access_key")));
    };
    let place = format!("the profile {profile:?}");
    let keys = Keys::new(&place, id, secret, members.get("aws_session_token").map(String::as_str))?;
    Ok((Found::Keys(keys), members.get("region").cloned()))
}

/// Sections by name, in AWS's dialect of INI: `[default]`, `[name]` or `[profile name]`; comments begin a line with `#` or
/// `;`; indented lines belong to the line before and hold nothing that is needed here.
fn parse(text: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut profiles: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(section) = line.trim().strip_prefix('[') {
            let name = section.split(']').next().unwrap_or_default().trim();
            let name = name.strip_prefix("profile ").unwrap_or(name).trim().to_owned();
            profiles.entry(name.clone()).or_default();
            current = Some(name);
        } else if !line.starts_with([' ', '\t', '#', ';'])
            && let Some((name, value)) = line.split_once('=')
            && let Some(members) = current.as_ref().and_then(|current| profiles.get_mut(current))
        {
            members.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_the_sdks_read_it() {
        let profiles = parse(
            "stray = 1\n# note\n[default]\nAWS_ACCESS_KEY_ID = a\n  nested = x\n[profile  dev ]\nregion=eu-west-1\n[dev]\nkey = v=w\n",
        );
        assert_eq!(profiles.keys().collect::<Vec<_>>(), ["default", "dev"]);
        assert_eq!(profiles["default"].len(), 1);
        assert_eq!(profiles["default"]["aws_access_key_id"], "a");
        assert_eq!((profiles["dev"]["region"].as_str(), profiles["dev"]["key"].as_str()), ("eu-west-1", "v=w"));
    }
}
