//! What is signed with.
use plugin_sdk::Error;

/// Keys of an AWS identity. Can't be formatted.
pub struct Keys {
    /// `AKIA…` of a user, `ASIA…` if temporary.
    pub access_key_id: String,
    /// The key itself.
    pub secret_access_key: String,
    /// Belongs to temporary keys.
    pub session_token: Option<String>,
}

impl Keys {
    /// Takes keys out of where they were found.
    ///
    /// # Errors
    /// A text that can't be a key, since it would break the header that it stands in; `place` says where.
    pub fn new(place: &str, access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Result<Self, Error> {
        let token = session_token.map(str::trim).filter(|token| !token.is_empty());
        let (id, secret) = (access_key_id.trim(), secret_access_key.trim());
        let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let id_is_one = word(id) && !id.contains(['/', ',', '=']);
        for (what, fits) in [("access key id", id_is_one), ("secret access key", word(secret)), ("session token", token.is_none_or(word))] {
            if !fits {
                return Err(Error::Credentials(format!("the {what} of {place} is empty, or has blanks or characters that no key has")));
            }
        }
        Ok(Self { access_key_id: id.into(), secret_access_key: secret.into(), session_token: token.map(str::to_owned) })
    }
}
