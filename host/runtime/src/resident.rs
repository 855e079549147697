//! Machine code in memory only while calls want it.
//!
//! A bundle has many plugins of which a cluster uses few, and code is most of what a plugin takes. What a cache keeps is let go
//! after a while without a call; the next call has it read and authenticated again, which takes milliseconds. What no cache keeps
//! stays. Where the cache has lost it meanwhile, it is compiled again from the file of the bundle; where that can't be done
//! either, that one call fails, and the next tries again.
use crate::load::LoadError;
use futures::future::BoxFuture;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How long code stays after the last call: logins and renderings of one wave of reconciles share it.
const IDLE: Duration = Duration::from_secs(30);

/// Makes the code anew.
pub(crate) type Again<G> = Box<dyn Fn() -> BoxFuture<'static, Result<G, LoadError>> + Send + Sync>;

/// Linked code, if it is in memory now.
pub(crate) struct Resident<G> {
    held: Mutex<Held<G>>,
    /// None: nothing but this has the code, so it stays.
    again: OnceLock<Again<G>>,
    idle: Duration,
}

struct Held<G> {
    code: Option<G>,
    used: Instant,
}

impl<G: Clone + Send + 'static> Resident<G> {
    pub(crate) fn new(code: G) -> Arc<Self> {
        Self::idling(code, IDLE)
    }

    fn idling(code: G, idle: Duration) -> Arc<Self> {
        Arc::new(Self { held: Mutex::new(Held { code: Some(code), used: Instant::now() }), again: OnceLock::new(), idle })
    }

    /// Lets go of the code until the next call.
    pub(crate) async fn rest(&self, again: Again<G>) {
        let mut held = self.held.lock().await;
        if self.again.set(again).is_ok() {
            held.code = None;
        }
    }

    /// The code. One caller makes it where it rests, all others wait for that.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<G, LoadError> {
        let mut held = self.held.lock().await;
        held.used = Instant::now();
        if let Some(code) = &held.code {
            return Ok(code.clone());
        }
        let Some(again) = self.again.get() else { return Err(LoadError::Host("the code of a plugin is gone")) };
        let code = again().await?;
        *held = Held { code: Some(code.clone()), used: Instant::now() };
        self.watch();
        Ok(code)
    }

    fn watch(self: &Arc<Self>) {
        let resident = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(resident) = resident.upgrade() {
                let mut held = resident.held.lock().await;
                let left = resident.idle.saturating_sub(held.used.elapsed());
                if left.is_zero() {
                    held.code = None;
                    return;
                }
                drop(held);
                drop(resident);
                tokio::time::sleep(left).await;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type Counted = Arc<()>;

    /// Code whose clones can be counted; making it fails the second time.
    fn resting(idle: Duration) -> (Arc<Resident<Counted>>, Again<Counted>, Arc<AtomicUsize>) {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let again: Again<Counted> = Box::new(move || {
            let counted = Arc::clone(&counted);
            Box::pin(async move {
                tokio::task::yield_now().await;
                match counted.fetch_add(1, Ordering::Relaxed) {
                    1 => Err(LoadError::Host("once")),
                    _ => Ok(Arc::default()),
                }
            })
        });
        (Resident::idling(Arc::default(), idle), again, made)
    }

    #[tokio::test]
    async fn code_that_no_cache_has_stays() {
        let (resident, again, made) = resting(Duration::ZERO);
        assert!(resident.get().await.is_ok());
        assert!(resident.held.lock().await.code.is_some());
        resident.rest(again).await;
        assert!(resident.held.lock().await.code.is_none());
        assert_eq!(made.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn code_is_made_once_for_all_who_wait_and_a_failure_is_that_of_one_call() {
        let (resident, again, made) = resting(IDLE);
        resident.rest(again).await;
        let all = futures::future::join_all((0..8).map(|_| resident.get())).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(made.load(Ordering::Relaxed), 1);
        resident.held.lock().await.code = None;
        assert!(resident.get().await.is_err());
        assert!(resident.get().await.is_ok());
        assert_eq!(made.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn code_goes_when_it_was_not_used_for_a_while() {
        let (resident, again, made) = resting(Duration::from_millis(20));
        resident.rest(again).await;
        let weak = Arc::downgrade(&resident.get().await.ok().unwrap());
        while weak.upgrade().is_some() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(resident.held.lock().await.code.is_none());
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }
}
