//! Tokens that the server has given out, and what became of them.
use std::collections::HashMap;

use jiff::Timestamp;

use super::identity::TokenBounds;
use super::permission::{Target, matches};
use crate::errors::ApiError;
use crate::hidden::Hidden;

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A machine identity with an access token.
    Identity {
        /// Id.
        id: String,
        /// Id of the organisation the token is for.
        organization: String,
    },
    /// A service token.
    ServiceToken {
        /// Its id.
        id: String,
    },
}

/// What is known of an access token beside what it says itself. Renewed tokens share one record.
#[derive(Clone, Debug)]
pub struct TokenRecord {
    /// Id of its identity.
    pub identity: String,
    /// No longer accepted: 401.
    pub revoked: bool,
    /// Taken for expired whatever it says: 403.
    pub expired: bool,
    /// Uses so far.
    pub uses: u64,
    /// Its bounds at login.
    pub bounds: TokenBounds,
}

/// Access tokens by their id.
#[derive(Clone, Debug, Default)]
pub struct Tokens(HashMap<String, TokenRecord>);

impl Tokens {
    /// Remembers a new token.
    pub fn insert(&mut self, id: String, record: TokenRecord) {
        self.0.insert(id, record);
    }

    /// The record of a token.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&TokenRecord> {
        self.0.get(id)
    }

    /// Forgets a token, as the older generation does when a renewal fails.
    pub fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// Revokes one token and all that were renewed from it.
    pub fn revoke(&mut self, id: &str) {
        if let Some(record) = self.0.get_mut(id) {
            record.revoked = true;
        }
    }

    /// Changes every token, or every token of one identity.
    pub fn each(&mut self, identity: Option<&str>, change: impl Fn(&mut TokenRecord)) {
        self.0.values_mut().filter(|record| identity.is_none_or(|wanted| record.identity == wanted)).for_each(change);
    }

    /// Charges one use.
    ///
    /// # Errors
    /// 401 when the token was revoked, is unknown or is used up.
    pub fn charge(&mut self, id: &str) -> Result<(), ApiError> {
        let Some(record) = self.0.get_mut(id) else {
            return Err(ApiError::unauthorized("No identity access token found"));
        };
        if record.revoked {
            return Err(ApiError::unauthorized("Failed to authorize: token has been revoked"));
        }
        if record.bounds.uses > 0 && record.uses >= record.bounds.uses {
            return Err(ApiError::unauthorized("Failed to authorize: token usage limit reached"));
        }
        record.uses += 1;
        Ok(())
    }
}

/// One place a service token is good for.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Slug of the environment.
    pub environment: String,
    /// Glob over paths.
    pub secret_path: String,
}

/// A service token `st.<id>.<secret>`.
#[derive(Clone, Debug)]
pub struct ServiceToken {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Third part of the token.
    pub secret: Hidden,
    /// Id of the project.
    pub project: String,
    /// Where it is good for.
    pub scopes: Vec<Scope>,
    /// `read`, `write`.
    pub permissions: Vec<String>,
    /// End of its life.
    pub expires_at: Option<Timestamp>,
    /// Creation.
    pub created: Timestamp,
}

impl ServiceToken {
    /// Whether it may read or write there.
    #[must_use]
    pub fn can(&self, reading: bool, target: &Target<'_>) -> bool {
        let needed = if reading { "read" } else { "write" };
        self.permissions.iter().any(|held| held == needed)
            && self.scopes.iter().any(|scope| scope.environment == target.environment && matches(&scope.secret_path, target.path))
    }

    /// The one plain scope whose environment and path replace those of a request.
    #[must_use]
    pub fn only_scope(&self) -> Option<&Scope> {
        match self.scopes.as_slice() {
            [scope] if !scope.secret_path.contains(['*', '?', '[', '{']) => Some(scope),
            _ => None,
        }
    }
}
