//! One client for each address and CA, one lane for each origin. Nothing of one tenant's server reaches another's.
use crate::{clock::Clock, plan::Server};
use infisical::{Client, ClientConfig, Error};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

/// Calls in flight towards one origin: enough to hide its latency, few enough to be no burden on a small server.
pub(super) const CALLS_PER_ORIGIN: usize = 8;

/// What is the same for all clients.
#[derive(Clone)]
pub struct ClientSettings {
    /// Of the operator, for the user agent.
    pub version: String,
    pub timeouts: infisical::Timeouts,
    pub observer: Option<Arc<dyn infisical::Observer>>,
    /// How long the absence of the v4 API is believed.
    pub probe_again: Duration,
}

impl ClientSettings {
    #[must_use]
    pub fn new(version: impl Into<String>, observer: Option<Arc<dyn infisical::Observer>>) -> Self {
        Self { version: version.into(), timeouts: infisical::Timeouts::default(), observer, probe_again: Duration::from_secs(600) }
    }
}

/// A server with one CA, and the way to it.
pub(super) struct Host {
    server: Server,
    settings: ClientSettings,
    client: OnceCell<Client>,
    lane: Arc<Lane>,
    clock: Arc<dyn Clock>,
}

/// The places for calls to one origin.
struct Lane {
    places: Semaphore,
    /// When a call last began or ended.
    moved: Mutex<Instant>,
}

/// One place, held until the call ends.
pub(super) struct Place<'a> {
    host: &'a Host,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.permit.take();
        self.host.moved();
    }
}

impl Host {
    /// The client, made when first used and off the threads that serve others: it reads the system's roots.
    pub async fn client(&self) -> Result<&Client, Error> {
        let make = async || {
            let config = ClientConfig {
                ca: self.server.ca.clone(),
                timeouts: self.settings.timeouts,
                observer: self.settings.observer.clone(),
                probe_again: self.settings.probe_again,
                ..ClientConfig::new(self.server.address.clone(), self.settings.version.clone())
            };
            let made = tokio::task::spawn_blocking(move || Client::new(config)).await;
            made.unwrap_or_else(|_| Err(Error::CaBundle("making the client failed".into())))
        };
        self.client.get_or_try_init(make).await
    }

    /// A place for one call. Who stands in line for as long as a call may take gives up.
    pub async fn enter(&self) -> Result<Place<'_>, Error> {
        let patience = self.settings.timeouts.total;
        let permit = match self.lane.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => tokio::select! {
                // The semaphore is never closed.
                Ok(permit) = self.lane.places.acquire() => permit,
                () = self.clock.sleep_until(self.clock.now() + patience) => {
                    return Err(Error::TimedOut { origin: self.server.address.origin(), after: patience });
                }
            },
        };
        self.moved();
        Ok(Place { host: self, permit: Some(permit) })
    }

    /// Whether all places are taken and nothing has moved for that long.
    pub fn is_stuck(&self, patience: Duration) -> bool {
        self.lane.places.available_permits() == 0 && self.clock.now() >= *self.lane.last_move() + patience
    }

    fn moved(&self) {
        *self.lane.last_move() = self.clock.now();
    }

    #[cfg(test)]
    pub fn shares_client_with(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Lane {
    fn last_move(&self) -> MutexGuard<'_, Instant> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All hosts in use.
#[derive(Default)]
pub(super) struct Hosts {
    hosts: HashMap<(infisical::Address, [u8; 32]), Weak<Host>>,
    lanes: HashMap<String, Weak<Lane>>,
}

impl Hosts {
    pub fn of(&mut self, server: &Server, settings: &ClientSettings, clock: &Arc<dyn Clock>) -> Arc<Host> {
        let ca = server.ca.as_ref().map_or([0; 32], |ca| Sha256::digest(ca.as_slice()).into());
        let key = (server.address.clone(), ca);
        if let Some(host) = self.hosts.get(&key).and_then(Weak::upgrade) {
            return host;
        }
        self.hosts.retain(|_, host| host.strong_count() > 0);
        self.lanes.retain(|_, lane| lane.strong_count() > 0);
        let origin = server.address.origin();
        let lane = self
            .lanes
            .get(&origin)
            .and_then(Weak::upgrade)
            .unwrap_or_else(|| Arc::new(Lane { places: Semaphore::new(CALLS_PER_ORIGIN), moved: Mutex::new(clock.now()) }));
        self.lanes.insert(origin, Arc::downgrade(&lane));
        let host =
            Arc::new(Host { server: server.clone(), settings: settings.clone(), client: OnceCell::new(), lane, clock: clock.clone() });
        self.hosts.insert(key, Arc::downgrade(&host));
        host
    }
}
