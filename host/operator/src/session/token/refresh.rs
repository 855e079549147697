//! Replacing a token before it expires. Until that succeeds the old one stays in use.
use super::{Held, Phase, Session};
use crate::{
    effect::{self, Effect},
    outcome::Fault,
    session::SessionError,
};
use std::sync::Arc;

/// What takes the place of a token that is still in use.
struct Fresh {
    held: Held,
    /// The server counts it as the same token: ending one ends both.
    renewed: bool,
}

impl Session {
    /// Replaces the token at 70 % of its life, again and again, until the session ends or a login for another reason takes
    /// over.
    pub(super) fn keep_fresh(self: &Arc<Self>, mut held: Arc<Held>) {
        let Some(mut at) = held.refresh_at() else { return };
        let session = self.clone();
        self.tasks.spawn(async move {
            let mut failures = 0;
            loop {
                tokio::select! {
                    () = session.clock().sleep_until(at) => {}
                    () = session.ended.cancelled() => return,
                }
                if !session.holds(&held) {
                    return;
                }
                match session.refresh(&held).await {
                    Ok(fresh) => {
                        let Some(fresh) = session.replace(&held, fresh) else { return };
                        let Some(next) = fresh.refresh_at() else { return };
                        (held, at, failures) = (fresh, next, 0);
                    }
                    Err(error) => {
                        failures += 1;
                        at = session.clock().now() + session.retry_after(&error, failures);
                        tracing::warn!(session = ?session.key, failures, %error, "an access token could not be replaced; the old one serves until it expires");
                        if held.expired(at) {
                            return;
                        }
                    }
                }
            }
        });
    }

    /// A renewed token, or where renewing ends, one of a new login with a new proof.
    async fn refresh(&self, held: &Held) -> Result<Fresh, SessionError> {
        if held.renewable(self.clock().now()) {
            let client = self.host.client().await.map_err(SessionError::Login)?;
            let renewed = {
                let _place = self.host.enter().await.map_err(SessionError::Login)?;
                effect::make(Effect::RenewToken, client.renew(&held.token)).await
            };
            match renewed {
                Ok(token) => return Ok(Fresh { held: self.held(token, true, held.renewable_until), renewed: true }),
                Err(error) if error.class() == infisical::Class::Transient => return Err(SessionError::Login(error)),
                // Refused: not renewable after all.
                Err(error) => tracing::debug!(session = ?self.key, %error, "an access token is not renewed; logging in again"),
            }
        }
        let result = self.log_in().await;
        let outcome = result.as_ref().map_or_else(|error| Fault::from(error.clone()).reason, |_| "ok");
        self.config.metrics.login(&self.login.plugin, outcome);
        result.map(|held| Fresh { held, renewed: false })
    }

    /// Puts a fresh token in the place of one that is still in use. None: it is not any more.
    fn replace(self: &Arc<Self>, old: &Held, Fresh { held, renewed }: Fresh) -> Option<Arc<Held>> {
        let mut state = self.state();
        let current = matches!(&state.phase, Phase::Ready(current) if current.number == old.number);
        // Of two tokens that the server tells apart, the one that is not used is given back.
        let (used, given_back) = match current {
            true => (Some(state.ready(held)), old.token.clone()),
            false => (None, held.token),
        };
        drop(state);
        if !renewed {
            self.revoke(given_back, true);
        }
        used
    }

    fn holds(&self, held: &Held) -> bool {
        matches!(&self.state().phase, Phase::Ready(current) if current.number == held.number)
    }
}
