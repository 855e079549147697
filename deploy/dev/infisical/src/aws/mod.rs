//! AWS on loopback: STS, the metadata service of an instance, and the services that give containers their keys.
//!
//! All answer on one port, told apart by their paths, so that a client whose requests to AWS are led here (an operator with
//! [`Aws::origins`] as its detours) finds each where it looks for it. Signatures and tokens are verified; keys that one
//! service gives out are known to the others. Nothing here is asked by a browser or leaves this machine.
pub(crate) mod cloud;
mod containers;
mod imds;
pub(crate) mod sigv4;
pub(crate) mod sts;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;
use tokio::task::AbortHandle;

use self::cloud::{Cloud, Key, Metadata};
use crate::clock::Clock;
use crate::verify::Issuers;

/// The longest request that any of these services is sent.
const LONGEST: usize = 1 << 20;
/// More than any client should read.
const HUGE: usize = 5 << 20;

/// AWS, running; it ends when this is dropped.
pub struct Aws {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: AbortHandle,
}

pub(crate) struct Shared {
    cloud: RwLock<Cloud>,
    clock: Clock,
    issuers: Issuers,
    asked: RwLock<Vec<String>>,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// No port.
    #[error("can't listen on loopback: {0}")]
    Listen(#[from] std::io::Error),
    /// The client for key sets of issuers.
    #[error("can't make an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl Aws {
    /// Starts; from here on requests are answered.
    ///
    /// # Errors
    /// No port.
    pub async fn start(cloud: Cloud) -> Result<Self, AwsError> {
        let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = socket.local_addr()?;
        let shared =
            Arc::new(Shared { cloud: RwLock::new(cloud), clock: Clock::default(), issuers: Issuers::new()?, asked: RwLock::default() });
        let routes = Router::new().fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(socket, routes).await {
                tracing::error!(%error, "AWS ended");
            }
        });
        Ok(Self { address, shared, serving: serving.abort_handle() })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What clients must be led here for: the origins of the services, STS in one region, each with [`Aws::url`].
    #[must_use]
    pub fn origins(&self, region: &str) -> Vec<(String, String)> {
        let sts = format!("https://{}", sts::host(region));
        let others =
            ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://169.254.170.2", "http://169.254.170.23", "http://[fd00:ec2::23]"];
        std::iter::once(sts).chain(others.map(str::to_owned)).map(|origin| (origin, self.url())).collect()
    }

    /// Looks at the account, or changes it. The services wait meanwhile.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cloud) -> T) -> T {
        change(&mut self.shared.write())
    }

    /// The clock of all services.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// What was asked so far: method, host and path of each request, without queries.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&Cloud) -> T) -> T {
        look(&self.cloud.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Cloud> {
        self.cloud.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// A request, read whole.
pub(crate) struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

async fn answer(axum::extract::State(shared): axum::extract::State<Arc<Shared>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let asked = Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body: body.to_vec() };
    let host = asked.header("host").unwrap_or_default();
    let line = format!("{} {host}{}", asked.method, asked.uri.path());
    shared.asked.write().unwrap_or_else(PoisonError::into_inner).push(line);
    let mut response = match asked.uri.path() {
        "/" => sts::answer(&shared, &asked).await,
        path if path.starts_with("/latest/") => imds::answer(&shared, &asked).await,
        path if path.starts_with("/v1/") || path.starts_with("/v2/") => containers::answer(&shared, &asked).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    // By the clock of the services, which a client compares its own with.
    let date = shared.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(date) = date.parse() {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// Keys as the metadata service and the container services give them.
fn keys(key: &Key, more: serde_json::Value) -> Response {
    let mut all = json!({ "AccessKeyId": key.id, "SecretAccessKey": key.secret.expose(), "Type": "AWS-HMAC" });
    if let (Some(all), Some(session)) = (all.as_object_mut(), &key.session) {
        all.insert("Token".to_owned(), session.token.expose().into());
        all.insert("Expiration".to_owned(), session.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
        all.extend(more.as_object().cloned().unwrap_or_default());
    }
    json_text(&all)
}

/// As these services write it: without a type that says so.
fn json_text(document: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], document.to_string()).into_response()
}

/// What comes in place of an answer, where the service misbehaves.
fn misbehaved(metadata: Metadata) -> Option<Response> {
    match metadata {
        Metadata::On | Metadata::Disabled | Metadata::OneHop => None,
        Metadata::Garbage => {
            Some(([(header::CONTENT_TYPE, "text/html")], "<html><body>Sign in to the network</body></html>").into_response())
        }
        Metadata::Huge => Some(Body::from(vec![b' '; HUGE]).into_response()),
    }
}
