//! LDAP auth: a user name and a password, tried at a directory server.
//!
//! Three steps, as the real server does them: bind as the service user, search the one entry that the filter finds, bind as that
//! entry. Whatever a directory refuses is one answer, `Invalid credentials`, and counts towards the lock-out of that user name;
//! a directory that can't be reached is an internal error and doesn't. The password is in no message and no log.
use std::collections::HashMap;
use std::time::Duration;

use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{LOCKED, Proven};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::hidden::Hidden;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;
use crate::state::identity::{Failures, Lockout};

/// A directory on the same machine or network answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// LDAP's result codes for wrong credentials and for an entry that is not there.
const REFUSALS: [u32; 2] = [49, 32];

/// The directory of an identity, and who in it may log in.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LdapAuth {
    /// `ldap://HOST:PORT`.
    pub url: String,
    /// The service user, who searches.
    #[serde(rename = "bindDN")]
    pub bind_dn: String,
    /// Its password.
    pub bind_pass: Hidden,
    /// Below this entry.
    pub search_base: String,
    /// `{{username}}` stands for the user name.
    #[serde(default = "by_uid")]
    pub search_filter: String,
    /// What the entry must have.
    #[serde(default)]
    pub allowed_fields: Vec<AllowedField>,
    /// Whether three wrong tries lock a user name.
    #[serde(default = "yes")]
    pub lockout_enabled: bool,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
    /// Wrong tries so far, by user name.
    #[serde(skip)]
    pub failures: HashMap<String, Failures>,
}

/// An attribute with a comma list of values, one of which the entry must have and no other beside it.
#[derive(Clone, Debug, Deserialize)]
pub struct AllowedField {
    /// Name of the attribute.
    pub key: String,
    /// Values.
    pub value: String,
}

fn by_uid() -> String {
    "(uid={{username}})".to_owned()
}

fn yes() -> bool {
    true
}

/// Why an entry does not log in.
enum Fault {
    /// No such user, a wrong password, an attribute that does not fit.
    Refused,
    /// The directory can't be reached, answers something else, or finds several entries.
    Failed,
}

impl From<LdapError> for Fault {
    fn from(error: LdapError) -> Self {
        match error {
            LdapError::LdapResult { result } if REFUSALS.contains(&result.rc) => Self::Refused,
            error => {
                tracing::warn!(%error, "the directory server does not do what it should");
                Self::Failed
            }
        }
    }
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId").trim().to_owned();
    let mut trimmed = |name, missing| {
        let text = input.required(name).trim().to_owned();
        if text.is_empty() {
            input.issue(name, missing);
        }
        text
    };
    let username = trimmed("username", "Username is required");
    let password = Hidden::from(trimmed("password", "Password is required"));
    if Uuid::parse_str(&identity_id).is_err() {
        input.issue("identityId", "Identity ID must be a valid UUID");
    }
    input.finish()?;

    let (identity, auth, organization) = {
        let world = shared.state.read();
        let identity = world.identity(&identity_id);
        let identity = identity.ok_or_else(|| ApiError::not_found(format!("Identity with ID '{identity_id}' not found")))?;
        let auth = identity.ldap.as_ref().ok_or_else(|| ApiError::not_found(format!("LDAP auth with ID '{identity_id}' not found")))?;
        (identity.clone(), auth.clone(), world.organization.id.clone())
    };
    let name = username.to_lowercase();
    if auth.failures.get(&name).is_some_and(|failures| failures.is_locked(shared.state.clock().now())) {
        return Err(ApiError::unauthorized(LOCKED));
    }
    let proven = prove(&auth, &username, &password).await;
    let now = shared.state.clock().now();
    if let Some(auth) = shared.state.write().identity_mut(&identity_id).and_then(|identity| identity.ldap.as_mut()) {
        match &proven {
            Ok(()) => drop(auth.failures.remove(&name)),
            Err(Fault::Refused) => {
                let lockout = Lockout { enabled: auth.lockout_enabled, ..Lockout::default() };
                auth.failures.entry(name).or_default().note(&lockout, now);
            }
            Err(Fault::Failed) => {}
        }
    }
    proven.map_err(|fault| match fault {
        Fault::Refused => ApiError::unauthorized("Invalid credentials"),
        Fault::Failed => ApiError::internal(),
    })?;
    let login = Login { method: "ldap-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

async fn prove(auth: &LdapAuth, username: &str, password: &Hidden) -> Result<(), Fault> {
    let settings = LdapConnSettings::new().set_conn_timeout(PATIENCE);
    let (connection, mut directory) = LdapConnAsync::with_settings(settings, &auth.url).await?;
    let driver = tokio::spawn(connection.drive());
    let proven = async {
        directory.with_timeout(PATIENCE).simple_bind(&auth.bind_dn, auth.bind_pass.expose()).await?.success()?;
        // Escaped, so that a user name is nothing but a value in the filter.
        let filter = auth.search_filter.replace("{{username}}", &ldap3::ldap_escape(username));
        let search = directory.with_timeout(PATIENCE).search(&auth.search_base, Scope::Subtree, &filter, ["*"]).await?;
        let (mut found, _) = search.success()?;
        let entry = match (found.pop(), found.is_empty()) {
            (Some(entry), true) => SearchEntry::construct(entry),
            (None, _) => return Err(Fault::Refused),
            (Some(_), false) => return Err(Fault::Failed),
        };
        directory.with_timeout(PATIENCE).simple_bind(&entry.dn, password.expose()).await?.success()?;
        let fits = |field: &AllowedField| match entry.attrs.get(&field.key).map(Vec::as_slice) {
            Some([value]) => field.value.split(',').any(|allowed| allowed == value),
            _ => false,
        };
        if auth.allowed_fields.iter().all(fits) { Ok(()) } else { Err(Fault::Refused) }
    }
    .await;
    // The connection is of this one login; a directory that is gone by now needs no farewell.
    drop(directory.unbind().await);
    driver.abort();
    proven
}
