//! Sessions: one access token for each identity, whoever asks.
//!
//! A session is leased to the resources that use it and ends with the last of them: its token is then revoked, as all are at
//! shutdown. What can go wrong: a proof or a login fails, a token expires or is revoked at the server, a host hangs. What is
//! promised: equal identities log in once, however many ask at once; a failure is remembered, so that a wrong credential is
//! not tried again and again; no session waits for another's host; a token and a credential reach only the server that they
//! were given for.
mod error;
mod host;
mod project;
mod remedy;
mod token;

pub use error::SessionError;
pub use host::ClientSettings;
pub use token::Session;

use crate::{
    clock::Clock,
    digest::Parts,
    effect::{self, Effect},
    metrics::Metrics,
    object::ObjectRef,
    plan::{Login, Server},
};
use futures::future::BoxFuture;
use host::Hosts;
use runtime::{AuthCall, Failure, Proved, TokenSource};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// Proves identities: the runtime, or a script in tests.
pub trait Prover: Send + Sync {
    fn authenticate(&self, call: AuthCall) -> BoxFuture<'_, Result<Proved, Failure>>;
}

impl Prover for runtime::Runtime {
    fn authenticate(&self, call: AuthCall) -> BoxFuture<'_, Result<Proved, Failure>> {
        Box::pin(Self::authenticate(self, call))
    }
}

/// Makes the source of tokens for the service account that a login names, if it names one.
pub type TokenSources = dyn Fn(&Login) -> Option<Arc<dyn TokenSource>> + Send + Sync;

/// What all sessions share.
pub struct SessionsConfig {
    pub prover: Arc<dyn Prover>,
    pub token_sources: Arc<TokenSources>,
    pub client: ClientSettings,
    pub clock: Arc<dyn Clock>,
    pub metrics: Arc<Metrics>,
    /// Sessions at once.
    pub limit: usize,
}

impl SessionsConfig {
    /// With 4,096 sessions at most: one for each resource of a large cluster, at some kilobytes each.
    #[must_use]
    pub fn new(
        prover: Arc<dyn Prover>,
        token_sources: Arc<TokenSources>,
        metrics: Arc<Metrics>,
        client: ClientSettings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { prover, token_sources, client, clock, metrics, limit: 4096 }
    }
}

/// What is left of a shutdown's grace for revoking.
const REVOKE_WITHIN: Duration = Duration::from_secs(5);

/// All sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    config: Arc<SessionsConfig>,
    state: Mutex<State>,
    /// Logins and revocations under way.
    tasks: TaskTracker,
}

#[derive(Default)]
struct State {
    sessions: HashMap<SessionKey, (Arc<Session>, usize)>,
    users: HashMap<ObjectRef, SessionKey>,
    hosts: Hosts,
    closed: bool,
}

impl Sessions {
    #[must_use]
    pub fn new(config: SessionsConfig) -> Self {
        Self(Arc::new(Inner { config: Arc::new(config), state: Mutex::default(), tasks: TaskTracker::new() }))
    }

    /// The session for a login, shared with all whose login is equal. A user has one at a time: its session of before is
    /// released. Nothing is sent yet.
    ///
    /// `plugin_digest` is that of the serving component, so that a token which an older version proved is not used.
    ///
    /// # Errors
    /// [`SessionError::TooMany`]; [`SessionError::Ended`] at shutdown.
    pub fn lease(&self, user: &ObjectRef, login: &Arc<Login>, plugin_digest: &str) -> Result<Arc<Session>, SessionError> {
        let Inner { config, tasks, .. } = &*self.0;
        let key = SessionKey::of(login, plugin_digest);
        let mut state = self.state();
        if state.closed {
            return Err(SessionError::Ended);
        }
        if state.users.get(user) == Some(&key)
            && let Some((session, _)) = state.sessions.get(&key)
        {
            return Ok(session.clone());
        }
        // Before the bound is looked at: a user that changes its login must not need two places.
        let released = state.release(user);
        let session = state.lease(user, key, config.limit, |hosts| {
            Session::new(key, login.clone(), hosts.of(&login.server, &config.client, &config.clock), config.clone(), tasks.clone())
        });
        drop(state);
        if let Some(released) = released {
            released.end();
        }
        session
    }

    /// Asks a server how it is, in line with all other calls to it.
    ///
    /// # Errors
    /// Any of the client's.
    pub async fn probe(&self, server: &Server) -> Result<(), infisical::Error> {
        let config = &self.0.config;
        let host = self.state().hosts.of(server, &config.client, &config.clock);
        let client = host.client().await?;
        let _place = host.enter().await?;
        effect::make(Effect::ProbeServer, client.status()).await
    }

    /// The session that a user has, if it has one.
    #[must_use]
    pub fn of(&self, user: &ObjectRef) -> Option<Arc<Session>> {
        let state = self.state();
        let (session, _) = state.sessions.get(state.users.get(user)?)?;
        Some(Arc::clone(session))
    }

    /// The user is gone, or uses no session any more.
    pub fn release(&self, user: &ObjectRef) {
        let released = self.state().release(user);
        if let Some(released) = released {
            released.end();
        }
    }

    /// Revokes all tokens, at once and within five seconds, and refuses whatever comes after.
    pub async fn shutdown(&self) {
        let sessions = {
            let mut state = self.state();
            state.closed = true;
            state.users.clear();
            std::mem::take(&mut state.sessions)
        };
        sessions.into_values().for_each(|(session, _)| session.end());
        self.0.tasks.close();
        let clock = &self.0.config.clock;
        tokio::select! {
            () = self.0.tasks.wait() => {}
            () = clock.sleep_until(clock.now() + REVOKE_WITHIN) => {
                tracing::warn!(unfinished = self.0.tasks.len(), "not all access tokens could be revoked in time; the rest lives until it expires");
            }
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().sessions.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lease(
        &mut self,
        user: &ObjectRef,
        key: SessionKey,
        limit: usize,
        make: impl FnOnce(&mut Hosts) -> Arc<Session>,
    ) -> Result<Arc<Session>, SessionError> {
        let session = match self.sessions.get_mut(&key) {
            Some((session, users)) => {
                *users += 1;
                session.clone()
            }
            None => {
                if self.sessions.len() >= limit {
                    return Err(SessionError::TooMany(limit));
                }
                let session = make(&mut self.hosts);
                self.sessions.insert(key, (session.clone(), 1));
                session
            }
        };
        self.users.insert(user.clone(), key);
        Ok(session)
    }

    /// The session, if that was its last user.
    fn release(&mut self, user: &ObjectRef) -> Option<Arc<Session>> {
        let key = self.users.remove(user)?;
        let (_, users) = self.sessions.get_mut(&key)?;
        *users -= 1;
        if *users > 0 {
            return None;
        }
        self.sessions.remove(&key).map(|(session, _)| session)
    }
}

/// Identity of a session: origin and path of the server, CA, organisation, digest of the plugin, settings, digests of the
/// inputs, service account, right to ambient sources. Equal key, one token. Not the namespace: its rights were judged when
/// the login was planned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// `plugin_digest` is that of the serving component, so that a token which an older version proved is not reused.
    #[must_use]
    pub fn of(login: &Login, plugin_digest: &str) -> Self {
        let mut parts = Parts::default();
        parts.add(login.server.address.to_string().as_bytes());
        parts.add(login.server.ca.as_ref().map_or([0; 32], |ca| Sha256::digest(ca.as_slice()).into()));
        parts.add(login.organisation.as_deref().unwrap_or_default().as_bytes());
        parts.add(login.plugin.as_bytes());
        parts.add(plugin_digest.as_bytes());
        parts.add(login.settings.to_string().as_bytes());
        match &login.service_account {
            Some(account) => parts.add(account.to_string().as_bytes()),
            None => parts.add([]),
        }
        // Withheld sources may make a plugin prove another identity, and a right to them must not be lent.
        parts.add([login.ambient as u8]);
        for (name, value) in &login.inputs {
            parts.add(name.as_bytes());
            parts.add(Sha256::digest(value.expose_secret()));
        }
        Self(parts.finish())
    }
}

/// The first bytes, enough to tell sessions apart in a log.
impl fmt::Debug for SessionKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
