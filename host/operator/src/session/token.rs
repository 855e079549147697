//! One session: how it gets its token, uses it, and gives it back.
//!
//! Logins run in tasks of their own: a caller that gives up loses nothing for the others, and a token that arrives after the
//! session has ended is revoked.
mod refresh;

use super::{SessionError, SessionKey, SessionsConfig, host::Host, project::Projects};
use crate::{
    clock::{Clock, backoff},
    effect::{self, Effect},
    outcome::{Class, Fault},
    plan::{self, Login},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use infisical::{AccessToken, Client, EventStream, Fields, LoginRequest, SubscribeRequest, Token};
use runtime::{Ambient, AuthCall, Caller, Proof};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::RwLock;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Of a token's life, after which it is replaced.
const REFRESH_AT: f64 = 0.7;
/// Tokens that live shorter are replaced when they are needed: replacing them ahead would cost more logins than it saves.
const REFRESHED_AHEAD: Duration = Duration::from_secs(30);
/// A token without any life would be a login for each call.
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
/// Outages, and plugins that fail.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// Wrong credentials. The server counts failures for 30 s and locks the identity at the third, so the next try is later.
const FIRST_RETRY_OF_REFUSED: Duration = Duration::from_secs(40);
const LONGEST_RETRY_OF_REFUSED: Duration = Duration::from_secs(120);

/// Times that one call replaces a token that others used up before it could: as many calls as there are at a time.
const REPLACEMENTS: usize = super::host::CALLS_PER_ORIGIN;

/// A plugin can't hold a session off for longer.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// A token in use.
struct Held {
    token: Token,
    /// Of the login or renewal that gave it: tells whether a refusal is about this one.
    number: u64,
    /// False for a token that a user gave as it is.
    ours: bool,
    obtained: Instant,
    life: Option<Duration>,
    /// Renewing ends here.
    renewable_until: Option<Instant>,
    /// The server took it at least once: if it is refused later, it is used up, not wrong.
    served: AtomicBool,
    /// Held by each call that uses it: whoever may write knows how all of them ended.
    in_use: RwLock<()>,
}

impl Held {
    fn expired(&self, now: Instant) -> bool {
        self.life.is_some_and(|life| now >= self.obtained + life)
    }

    /// Whether it served one of the calls that used it at the same time as one that was refused.
    async fn served_another(&self) -> bool {
        drop(self.in_use.write().await);
        self.served.load(Ordering::Relaxed)
    }

    fn refresh_at(&self) -> Option<Instant> {
        let life = self.life.filter(|life| self.ours && *life >= REFRESHED_AHEAD)?;
        Some(self.obtained + life.mul_f64(REFRESH_AT))
    }

    /// Whether a renewal at `now` would give a whole life more. At its greatest age older servers end the token instead.
    fn renewable(&self, now: Instant) -> bool {
        match (self.life, self.renewable_until) {
            (Some(life), Some(until)) => now + life <= until,
            _ => true,
        }
    }
}

type LoggingIn = Shared<BoxFuture<'static, Result<Arc<Held>, SessionError>>>;

enum Phase {
    Empty,
    LoggingIn(LoggingIn),
    Ready(Arc<Held>),
    Failed { error: SessionError, until: Instant },
    Ended,
}

struct State {
    phase: Phase,
    /// Logins that failed in a row.
    failures: u32,
    /// Tokens so far.
    number: u64,
    /// The server asked to be left alone.
    silent: Option<(Instant, SessionError)>,
    /// The token that was fresh when no stream of events was opened by it.
    refused_stream: Option<u64>,
    notices: Arc<[String]>,
}

/// One identity at one server.
pub struct Session {
    key: SessionKey,
    login: Arc<Login>,
    host: Arc<Host>,
    config: Arc<SessionsConfig>,
    tasks: TaskTracker,
    state: Mutex<State>,
    ended: CancellationToken,
    pub(super) projects: Projects,
}

impl Session {
    pub(super) fn new(key: SessionKey, login: Arc<Login>, host: Arc<Host>, config: Arc<SessionsConfig>, tasks: TaskTracker) -> Arc<Self> {
        let state = State { phase: Phase::Empty, failures: 0, number: 0, silent: None, refused_stream: None, notices: Arc::default() };
        let ended = CancellationToken::new();
        Arc::new(Self { key, login, host, config, tasks, state: Mutex::new(state), ended, projects: Projects::default() })
    }

    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// Address of its server.
    #[must_use]
    pub fn server(&self) -> String {
        self.login.server.address.to_string()
    }

    /// What the plugin wants users to know, from the last login.
    #[must_use]
    pub fn notices(&self) -> Arc<[String]> {
        self.state().notices.clone()
    }

    /// Whether the server takes no more calls and answers none.
    #[must_use]
    pub fn is_stuck(&self, patience: Duration) -> bool {
        self.host.is_stuck(patience)
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.config.clock
    }

    /// Logs in, where there is no token that lives.
    ///
    /// # Errors
    /// Any [`SessionError`] but `Call`.
    pub async fn establish(self: &Arc<Self>) -> Result<(), SessionError> {
        self.not_silenced()?;
        self.token().await.map(drop)
    }

    /// Makes a call with the token, logging in first where there is none. A token that is not accepted is replaced, and the
    /// call repeated: once, or as often as the new token served another call first, since the server may bound its uses. A
    /// missing permission is not cured by that.
    ///
    /// Events are a help only: what a server says of a stream, by its rate or its token, counts for streams alone.
    ///
    /// # Errors
    /// Any [`SessionError`].
    pub async fn call<T, F>(self: &Arc<Self>, effect: Effect, operation: impl Fn(Client, Token) -> F) -> Result<T, SessionError>
    where
        F: Future<Output = Result<T, infisical::Error>>,
    {
        let mut replaced = 0;
        loop {
            self.not_silenced()?;
            let held = self.token().await?;
            let client = self.host.client().await.map_err(SessionError::Login)?;
            let result = {
                let _place = self.host.enter().await.map_err(SessionError::Call)?;
                let _use = held.in_use.read().await;
                let result = effect::make(effect, operation(client.clone(), held.token.clone())).await;
                held.served.fetch_or(result.is_ok(), Ordering::Relaxed);
                result
            };
            match result {
                Ok(value) => return Ok(value),
                // An expired or revoked token is replaced. One that is refused while fresh won't be helped by more logins.
                Err(error) if error.class() == infisical::Class::Unauthorized => {
                    if effect == Effect::OpenEventStream && self.stream_refused(&held, replaced > 0) {
                        return Err(SessionError::Call(error));
                    }
                    if replaced > 0 && !(replaced < REPLACEMENTS && held.served_another().await) {
                        return Err(self.remember_refusal(&held, SessionError::Call(error)));
                    }
                    tracing::debug!(session = ?self.key, %error, "the access token is not accepted; logging in again");
                    self.drop_token(&held);
                    replaced += 1;
                }
                Err(error) => {
                    let after = error.retry_after();
                    let error = SessionError::Call(error);
                    if let Some(after) = after.filter(|_| effect != Effect::OpenEventStream) {
                        self.state().silent = Some((self.clock().now() + after, error.clone()));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Opens a stream of events with the token of now; the stream itself takes no place among calls.
    ///
    /// # Errors
    /// Those of [`Session::call`].
    pub async fn subscribe(self: &Arc<Self>, request: &SubscribeRequest) -> Result<EventStream, SessionError> {
        self.call(Effect::OpenEventStream, |client, token| {
            let request = request.clone();
            async move { client.subscribe(&token, &request).await }
        })
        .await
    }

    fn not_silenced(&self) -> Result<(), SessionError> {
        let now = self.clock().now();
        let mut state = self.state();
        match &state.silent {
            Some((until, error)) if now < *until => Err(error.clone().remembered(*until - now)),
            _ => {
                state.silent = None;
                Ok(())
            }
        }
    }

    async fn token(self: &Arc<Self>) -> Result<Arc<Held>, SessionError> {
        let logging_in = {
            let now = self.clock().now();
            let mut state = self.state();
            let (hit, logging_in) = match &state.phase {
                Phase::Ended => return Err(SessionError::Ended),
                Phase::Ready(held) if !held.expired(now) => {
                    self.config.metrics.cache("session", true);
                    return Ok(held.clone());
                }
                Phase::Failed { error, until } if now < *until => return Err(error.clone().remembered(*until - now)),
                Phase::LoggingIn(logging_in) => (true, logging_in.clone()),
                Phase::Empty | Phase::Ready(_) | Phase::Failed { .. } => (false, self.start_login()),
            };
            self.config.metrics.cache("session", hit);
            state.phase = Phase::LoggingIn(logging_in.clone());
            logging_in
        };
        logging_in.await
    }

    fn start_login(self: &Arc<Self>) -> LoggingIn {
        let session = self.clone();
        let task = self.tasks.spawn(async move {
            let result = session.log_in().await;
            session.settle(result)
        });
        let session = self.clone();
        // A task that panicked has not settled.
        async move { task.await.unwrap_or_else(|_| session.settle(Err(SessionError::Proof(runtime::Failure::Host("the login was aborted"))))) }
            .boxed()
            .shared()
    }

    /// Takes a login's result for all that wait for it.
    fn settle(self: &Arc<Self>, result: Result<Held, SessionError>) -> Result<Arc<Held>, SessionError> {
        let outcome = match &result {
            Ok(_) => "ok",
            Err(error) => Fault::from(error.clone()).reason,
        };
        self.config.metrics.login(&self.login.plugin, outcome);
        let mut state = self.state();
        if matches!(state.phase, Phase::Ended) {
            drop(state);
            if let Ok(held) = result {
                self.revoke(held.token, held.ours);
            }
            return Err(SessionError::Ended);
        }
        match result {
            Ok(held) => {
                let held = state.ready(held);
                drop(state);
                self.keep_fresh(held.clone());
                Ok(held)
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                let until = self.clock().now() + self.retry_after(&error, state.failures);
                state.phase = Phase::Failed { error: error.clone(), until };
                Err(error)
            }
        }
    }

    fn retry_after(&self, error: &SessionError, failures: u32) -> Duration {
        let fault = Fault::from(error.clone());
        let (first, longest) = match fault.class {
            Class::Transient | Class::Plugin | Class::Bug => (FIRST_RETRY, LONGEST_RETRY),
            Class::UserFix | Class::Denied => (FIRST_RETRY_OF_REFUSED, LONGEST_RETRY_OF_REFUSED),
        };
        backoff(first, longest, failures, self.clock().fraction()).max(fault.retry_after.unwrap_or_default().min(LONGEST_WISH))
    }

    async fn log_in(&self) -> Result<Held, SessionError> {
        let login = &*self.login;
        let call = AuthCall {
            plugin: login.plugin.clone(),
            settings: login.settings.clone(),
            inputs: login.inputs.iter().map(|(name, value)| (name.clone(), runtime::SecretBytes::clone(value))).collect(),
            caller: Caller {
                namespace: login.namespace.clone(),
                ambient: if login.ambient == plan::Ambient::Granted { Ambient::Granted } else { Ambient::Withheld },
                service_account: (self.config.token_sources)(login),
            },
        };
        let proved = effect::make(Effect::Prove, self.config.prover.authenticate(call)).await;
        let proved = proved.map_err(|failure| SessionError::of_proof(failure, login.ambient))?;
        self.state().notices = proved.notices.into();
        let exchange = match proved.proof {
            Proof::Token(token) => {
                let token = AccessToken { token: Token::new(token), expires_in: None, max_ttl: None };
                return Ok(self.held(token, false, None));
            }
            Proof::Exchange(exchange) => exchange,
        };
        let request = LoginRequest {
            path: exchange.path,
            fields: Fields::new(exchange.fields),
            headers: exchange.headers,
            client_identity: exchange.client_identity.map(|identity| (identity.chain, identity.key)),
            organisation: login.organisation.clone(),
        };
        let client = self.host.client().await.map_err(SessionError::Login)?;
        let _place = self.host.enter().await.map_err(SessionError::Login)?;
        let token = effect::make(Effect::LogIn, client.login(&request)).await.map_err(SessionError::Login)?;
        let renewable_until = token.max_ttl.map(|age| self.clock().now() + age);
        Ok(self.held(token, true, renewable_until))
    }

    fn held(&self, token: AccessToken, ours: bool, renewable_until: Option<Instant>) -> Held {
        let life = token.expires_in.map(|life| life.max(SHORTEST_LIFE));
        Held {
            token: token.token,
            number: 0,
            ours,
            obtained: self.clock().now(),
            life,
            renewable_until,
            served: AtomicBool::new(false),
            in_use: RwLock::new(()),
        }
    }

    /// The server does not accept it.
    fn drop_token(&self, held: &Held) {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Ready(current) if current.number == held.number) {
            state.phase = Phase::Empty;
        }
    }

    /// Whether another token would not help a stream of events: the one that is refused is `fresh`, or was so when it was refused.
    fn stream_refused(&self, held: &Held, fresh: bool) -> bool {
        let mut state = self.state();
        if fresh {
            state.refused_stream = Some(held.number);
        }
        state.refused_stream == Some(held.number)
    }

    /// The server does not even accept a token that it has just given.
    fn remember_refusal(&self, held: &Held, error: SessionError) -> SessionError {
        let mut state = self.state();
        if matches!(&state.phase, Phase::Ready(current) if current.number == held.number) {
            state.failures = state.failures.saturating_add(1);
            let until = self.clock().now() + self.retry_after(&error, state.failures);
            state.phase = Phase::Failed { error: error.clone(), until };
        }
        error
    }

    /// The last user is gone: whatever is under way ends without a result, and the token is given back.
    pub(super) fn end(self: &Arc<Self>) {
        self.ended.cancel();
        let phase = std::mem::replace(&mut self.state().phase, Phase::Ended);
        if let Phase::Ready(held) = phase
            && !held.expired(self.clock().now())
        {
            self.revoke(held.token.clone(), held.ours);
        }
    }

    fn revoke(self: &Arc<Self>, token: Token, ours: bool) {
        if !ours {
            return;
        }
        let session = self.clone();
        self.tasks.spawn(async move {
            let revoked = match session.host.client().await {
                Ok(client) => effect::make(Effect::RevokeToken, client.revoke(&token)).await,
                Err(error) => Err(error),
            };
            if let Err(error) = revoked {
                if error.class() == infisical::Class::Unauthorized {
                    return tracing::debug!(session = ?session.key, %error, "an access token had ended before it was revoked");
                }
                tracing::warn!(session = ?session.key, %error, "an access token could not be revoked; it lives until it expires");
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ready(&mut self, mut held: Held) -> Arc<Held> {
        self.number += 1;
        held.number = self.number;
        let held = Arc::new(held);
        self.phase = Phase::Ready(held.clone());
        self.failures = 0;
        held
    }
}
