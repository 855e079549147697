//! The server's clock: the system's, plus an offset that a test moves to let tokens and lock-outs expire, or stopped.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Default)]
struct Setting {
    stopped: Option<Timestamp>,
    offset: SignedDuration,
}

/// A clock that can be moved and stopped; clones share its setting.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Setting>>);

impl Clock {
    /// The server's idea of now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let setting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let base = setting.stopped.unwrap_or_else(Timestamp::now);
        base.checked_add(setting.offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock forward, for this server only.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut setting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        setting.offset = setting.offset.saturating_add(by);
    }

    /// Moves the clock back, for this server only.
    pub fn set_back(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        let mut setting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        setting.offset = setting.offset.saturating_sub(by);
    }

    /// Sets the clock and stops it; from here on only [`Clock::advance`] moves it.
    pub fn stop_at(&self, at: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Setting { stopped: Some(at), offset: SignedDuration::ZERO };
    }
}
