//! Sessions: one access token for each identity, whoever asks.
use crate::plan::Login;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::fmt;

/// Identity of a session: origin and path of the server, CA, organisation, digest of the plugin, settings, digests of the
/// inputs, service account. Equal key, one token. Not the namespace: whether a namespace may use a plugin or an ambient
/// source is judged before the session is looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// `plugin_digest` is that of the serving component, so that a token which an older version proved is not reused.
    #[must_use]
    pub fn of(login: &Login, plugin_digest: &str) -> Self {
        let mut sha = Sha256::new();
        let mut part = |bytes: &[u8]| {
            sha.update((bytes.len() as u64).to_le_bytes());
            sha.update(bytes);
        };
        part(login.server.address.to_string().as_bytes());
        part(&login.server.ca.as_ref().map_or([0; 32], |ca| Sha256::digest(ca.as_slice()).into()));
        part(login.organisation.as_deref().unwrap_or_default().as_bytes());
        part(login.plugin.as_bytes());
        part(plugin_digest.as_bytes());
        part(login.settings.to_string().as_bytes());
        match &login.service_account {
            Some(account) => part(account.to_string().as_bytes()),
            None => part(&[]),
        }
        // Withheld sources may make a plugin prove another identity.
        part(&[u8::from(login.server.trusted)]);
        for (name, value) in &login.inputs {
            part(name.as_bytes());
            part(&Sha256::digest(value.expose_secret()));
        }
        Self(sha.finalize().into())
    }
}

/// The first bytes, enough to tell sessions apart in a log.
impl fmt::Debug for SessionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}
