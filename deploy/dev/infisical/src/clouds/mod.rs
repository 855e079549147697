//! What the imitated clouds share: a port on loopback, keys that they sign tokens with, ways to misbehave.
//!
//! A cloud answers on one port, its services told apart by their paths, so that a client whose requests to them are led here
//! finds each where it looks for it. Nothing of it leaves this machine.
pub mod aws;
pub mod azure;
pub mod google;
mod key;

use std::net::SocketAddr;
use std::sync::{PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::task::AbortHandle;

use crate::clock::Clock;

pub(crate) use self::key::SigningKey;

/// More than any client should read.
const HUGE: usize = 5 << 20;

/// How a service behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    /// As it should.
    #[default]
    Good,
    /// A page of HTML with status 200 in place of each answer, as a proxy that wants a login has it.
    Html,
    /// Five megabytes in place of each answer.
    Huge,
    /// Takes requests and never answers, as where packets get lost.
    Silent,
    /// 503 to everything, to be tried again after a second.
    Busy,
}

impl Conduct {
    /// What comes in place of an answer, if anything does.
    async fn answer(self) -> Option<Response> {
        match self {
            Self::Good => None,
            Self::Html => Some(([(header::CONTENT_TYPE, "text/html")], "<html><body>Sign in to the network</body></html>").into_response()),
            Self::Huge => Some(Body::from(vec![b' '; HUGE]).into_response()),
            Self::Silent => std::future::pending().await,
            Self::Busy => Some((StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "").into_response()),
        }
    }
}

/// Why a cloud does not start, or gives no key.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// No port.
    #[error("can't listen on loopback: {0}")]
    Listen(#[from] std::io::Error),
    /// No key pair or certificate.
    #[error("can't make a key: {0}")]
    Key(#[from] rcgen::Error),
    /// A key that can't sign.
    #[error("can't sign: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// No service account has that address.
    #[error("there is no such service account")]
    NoAccount,
    /// The client for key sets of issuers.
    #[error("can't make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// A port that is served; it ends when this is dropped.
struct Loopback {
    address: SocketAddr,
    serving: AbortHandle,
}

impl Loopback {
    async fn serve(routes: Router) -> Result<Self, CloudError> {
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, routes).await {
                tracing::error!(%error, "an imitated cloud ended");
            }
        });
        Ok(Self { address, serving: serving.abort_handle() })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What the services of one cloud share.
struct Shared<T> {
    content: RwLock<T>,
    clock: Clock,
    asked: RwLock<Vec<String>>,
}

impl<T> Shared<T> {
    fn new(content: T) -> Self {
        Self { content: RwLock::new(content), clock: Clock::default(), asked: RwLock::default() }
    }

    fn read<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.content.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.content.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    fn note(&self, line: String) {
        self.asked.write().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
