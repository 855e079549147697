//! Time and chance, passed in, so that what depends on them is tested without waiting.
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// Tells the time, waits, and draws the random fractions that spread work.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Instant;

    /// The time of day, for what others date: it may jump, and theirs may be another.
    fn date(&self) -> Timestamp;

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()>;

    /// From 0 up to 1. For spreading only, never for secrets.
    fn fraction(&self) -> f64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn date(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(at.into()))
    }

    fn fraction(&self) -> f64 {
        rand::random()
    }
}

/// Doubles from `first` up to `longest`, and up to a quarter more, so that what failed together is not retried together.
#[must_use]
pub fn backoff(first: Duration, longest: Duration, failures: u32, fraction: f64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.min(longest).mul_f64(1.0 + 0.25 * fraction.clamp(0.0, 1.0))
}

#[cfg(test)]
pub(crate) mod manual {
    //! A clock that stands still until it is told.
    use super::{BoxFuture, Clock, Duration, Instant, Timestamp};
    use std::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    };
    use tokio::sync::oneshot;

    pub struct ManualClock {
        began: Instant,
        now: Mutex<Instant>,
        sleepers: Mutex<Vec<(Instant, oneshot::Sender<()>)>>,
        drawn: AtomicU64,
    }

    impl Default for ManualClock {
        fn default() -> Self {
            let began = Instant::now();
            Self { began, now: Mutex::new(began), sleepers: Mutex::default(), drawn: AtomicU64::new(0) }
        }
    }

    impl ManualClock {
        pub fn advance(&self, by: Duration) {
            let now = {
                let mut now = self.now.lock().unwrap();
                *now += by;
                *now
            };
            let mut sleepers = self.sleepers.lock().unwrap();
            let (due, later) = sleepers.drain(..).partition(|(at, _)| *at <= now);
            *sleepers = later;
            let due: Vec<(Instant, oneshot::Sender<()>)> = due;
            for (_, sleeper) in due {
                sleeper.send(()).ok();
            }
        }

        /// How long the living sleepers still wait, the shortest first.
        pub fn sleeping(&self) -> Vec<Duration> {
            let now = self.now();
            let sleepers = self.sleepers.lock().unwrap();
            let mut left: Vec<_> = sleepers.iter().filter(|(_, sleeper)| !sleeper.is_closed()).map(|(at, _)| *at - now).collect();
            left.sort();
            left
        }
    }

    impl Clock for ManualClock {
        fn now(&self) -> Instant {
            *self.now.lock().unwrap()
        }

        fn date(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + (self.now() - self.began)
        }

        fn sleep_until(&self, at: Instant) -> BoxFuture<'static, ()> {
            if at <= self.now() {
                return Box::pin(std::future::ready(()));
            }
            let (wake, woken) = oneshot::channel();
            self.sleepers.lock().unwrap().push((at, wake));
            Box::pin(async move { drop(woken.await) })
        }

        /// Evenly over 0 to 1, the same in every run.
        fn fraction(&self) -> f64 {
            let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
            (drawn as f64 * 0.618_033_988_75).fract()
        }
    }

    /// Waits for a condition that other tasks bring about.
    pub async fn until(what: &str, condition: impl Fn() -> bool) {
        let waited = std::time::Instant::now();
        while !condition() {
            assert!(waited.elapsed() < Duration::from_secs(10), "never came: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let waits: Vec<_> = (1..9).map(|failures| backoff(first, longest, failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(first, longest, u32::MAX, 1.0), Duration::from_secs(75));
    }
}
