//! The machine's clock, but that a test sets the time of day.
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use operator::clock::{Clock, SystemClock};
use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// A clock whose hands a test moves. Whoever waits does not notice: only what is dated is judged by it.
#[derive(Debug, Default)]
pub struct MovedClock(Mutex<SignedDuration>);

impl MovedClock {
    /// Moves it forward, or back, from where it is.
    pub fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Instant {
        SystemClock.now()
    }

    fn date(&self) -> Timestamp {
        SystemClock.date() + *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep_until(&self, at: Instant) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        SystemClock.sleep_until(at)
    }

    fn fraction(&self) -> f64 {
        SystemClock.fraction()
    }
}
