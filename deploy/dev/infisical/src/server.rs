//! Starts the server and hands out everything a test needs to watch it, change it and make it fail.
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::auth::access_token::Keys;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::events::Streams;
use crate::faults::{Door, Faults};
use crate::leases::expiry;
use crate::listen::{self, Peer};
use crate::operation::Operation;
use crate::rate_limit::{Limits, RateLimiter};
use crate::routes;
use crate::seed::Seed;
use crate::state::handle::State;
use crate::tls::{self, Tls};
use crate::verify::{Issuers, Reviewer, Sts};

pub use crate::verify::KubernetesApi;

/// Which generation of the real server is imitated, where they differ on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Generation {
    /// References and imports only on request, `include_imports`, a row per token.
    Mid,
    /// References and imports by default, `includeImports`, tokens that carry their own bounds.
    #[default]
    Newest,
}

/// How to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// TLS, if wanted.
    pub tls: Option<Tls>,
    /// What is there at the start.
    pub seed: Seed,
    /// Who judges service account tokens; without it kubernetes logins fail as with an unreachable API server.
    pub kubernetes: Option<KubernetesApi>,
    /// Where AWS's STS is reached, whatever its region, as [`crate::aws::Aws::url`] gives it; without it AWS logins fail as with an
    /// unreachable STS.
    pub sts: Option<String>,
    /// Where Entra's key sets are, as [`crate::azure::Azure::url`] gives it; without it Azure logins fail as with an unreachable
    /// Entra.
    pub entra: Option<String>,
    /// Where Google's certificates are, as [`crate::google::Google::url`] gives it; without it Google Cloud logins fail as with
    /// an unreachable Google.
    pub google: Option<String>,
    /// Generation to imitate.
    pub generation: Generation,
    /// Whether v4 of the secrets API and `/v1/projects` exist; without, their routes answer 404 like an old server's.
    pub v4: bool,
    /// Shortest TTL of a lease: a minute at today's servers, less at those that the manual of the operator was written for.
    pub shortest_lease: Duration,
    /// Serves the page and its `/dev` endpoints, to loopback clients only.
    pub page: bool,
}

impl Config {
    /// A free port on loopback, no TLS, newest generation.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            seed,
            kubernetes: None,
            sts: None,
            entra: None,
            google: None,
            generation: Generation::default(),
            v4: true,
            shortest_lease: Duration::from_secs(60),
            page: true,
        }
    }
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed contradicts itself.
    #[error("the seed is wrong: {0}")]
    Seed(String),
    /// The port.
    #[error("can't listen on {address}: {error}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// The certificate.
    #[error("can't make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate, as seen by the TLS library.
    #[error("can't serve TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The client of the Kubernetes API server, or that of issuers.
    #[error("can't make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) keys: Keys,
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
    pub(crate) limiter: RateLimiter,
    pub(crate) reviewer: Option<Reviewer>,
    pub(crate) cluster: Option<KubernetesApi>,
    pub(crate) shortest_lease: SignedDuration,
    pub(crate) issuers: Issuers,
    pub(crate) sts: Option<Sts>,
    pub(crate) entra: Option<String>,
    pub(crate) google: Option<String>,
    generation: AtomicU8,
    v4: AtomicBool,
}

impl Shared {
    pub(crate) fn generation(&self) -> Generation {
        if self.generation.load(Ordering::Relaxed) == Generation::Mid as u8 { Generation::Mid } else { Generation::Newest }
    }

    pub(crate) fn has_v4(&self) -> bool {
        self.v4.load(Ordering::Relaxed)
    }
}

/// A running server; it ends when this is dropped.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    ca_pem: Option<String>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts; from here on requests are answered.
    ///
    /// # Errors
    /// A wrong seed, a port that is taken, a bad CA of the Kubernetes API server.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let listening = |error| StartError::Listen { address: config.listen, error };
        let state = State::from_seed(&config.seed, Clock::default())?;
        let reviewer = config.kubernetes.as_ref().map(Reviewer::new).transpose()?;
        let identity = config.tls.as_ref().map(|tls| tls::identity(tls, config.listen)).transpose()?;
        let (acceptor, ca_pem) = identity.map_or((None, None), |identity| (Some(identity.acceptor), Some(identity.ca_pem)));
        let shared = Arc::new(Shared {
            state,
            keys: Keys::new(),
            calls: Calls::default(),
            faults: Faults::default(),
            limiter: RateLimiter::default(),
            reviewer,
            cluster: config.kubernetes.clone(),
            shortest_lease: SignedDuration::try_from(config.shortest_lease).unwrap_or(SignedDuration::MAX),
            issuers: Issuers::new()?,
            sts: config.sts.as_deref().map(Sts::new).transpose()?,
            entra: config.entra.clone(),
            google: config.google.clone(),
            generation: AtomicU8::new(config.generation as u8),
            v4: AtomicBool::new(config.v4),
        });
        let socket = listen::reserve(config.listen).map_err(listening)?;
        let (incoming, accepting) = listen::start(socket, acceptor, shared.faults.door.subscribe()).map_err(listening)?;
        let address = axum::serve::Listener::local_addr(&incoming).map_err(listening)?;
        let router = routes::router(&shared, config.page);
        let mut door = shared.faults.door.subscribe();
        let leases = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Peer>();
            tokio::select! {
                ended = axum::serve(incoming, service).into_future() => if let Err(error) = ended {
                    tracing::error!(%error, "the server ended");
                },
                () = expiry::run(leases) => {}
                _ = door.wait_for(|door| *door == Door::Closed) => {}
            }
        });
        Ok(Self { shared, address, ca_pem, accepting: Some(accepting) })
    }

    /// `http://127.0.0.1:<port>`, or `https://localhost:<port>` with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let host = if self.address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { host(self.address) };
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}", self.address.port())
    }

    /// Address and port listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority to trust, in PEM; `None` without TLS.
    #[must_use]
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The state, to look at and to change.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.shared.state
    }

    /// The switches for failures.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The event streams, and their switches.
    #[must_use]
    pub fn streams(&self) -> &Streams {
        self.shared.state.streams()
    }

    /// What was asked so far.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.shared.calls
    }

    /// Logins that gave a token.
    #[must_use]
    pub fn logins(&self) -> u64 {
        self.shared.calls.read(|log| log.with_status(Operation::Login, StatusCode::OK.as_u16()))
    }

    /// Enforces the limits of the cloud, or none.
    pub fn set_rate_limits(&self, limits: Option<Limits>) {
        self.shared.limiter.set(limits);
    }

    /// Whether v4 of the secrets API and `/v1/projects` exist, from the next request on.
    pub fn set_v4(&self, exists: bool) {
        self.shared.v4.store(exists, Ordering::Relaxed);
    }

    /// Imitates another generation, from the next request on.
    pub fn set_generation(&self, generation: Generation) {
        self.shared.generation.store(generation as u8, Ordering::Relaxed);
    }

    /// Ends at once, breaking open connections; the port is free when this returns. Dropping does the same without waiting.
    pub async fn shutdown(mut self) {
        self.shared.faults.door.send_replace(Door::Closed);
        if let Some(accepting) = self.accepting.take()
            && let Err(error) = accepting.await
        {
            tracing::error!(%error, "the listener failed");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.faults.door.send_replace(Door::Closed);
    }
}

fn host(address: SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}
