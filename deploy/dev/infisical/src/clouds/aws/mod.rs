//! AWS on loopback: STS, the metadata service of an instance, and the services that give containers their keys.
//!
//! All answer on one port, told apart by their paths, so that a client whose requests to AWS are led here (an operator with
//! [`Aws::origins`] as its detours) finds each where it looks for it. Signatures and tokens are verified; keys that one
//! service gives out are known to the others. Nothing here is asked by a browser or leaves this machine.
mod account;
mod containers;
mod imds;
pub(crate) mod sigv4;
pub(crate) mod sts;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::json;

pub use self::account::{Account, Instance, Key, Metadata, Role, Session};

use super::{CloudError, Loopback, Shared};
use crate::clock::Clock;
use crate::verify::Issuers;

/// The longest request that any of these services is sent.
const LONGEST: usize = 1 << 20;

/// AWS, running; it ends when this is dropped.
pub struct Aws {
    loopback: Loopback,
    services: Arc<Services>,
}

/// What the services share.
struct Services {
    shared: Shared<Account>,
    issuers: Issuers,
}

impl Deref for Services {
    type Target = Shared<Account>;

    fn deref(&self) -> &Shared<Account> {
        &self.shared
    }
}

impl Services {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Aws {
    /// Starts; from here on requests are answered.
    ///
    /// # Errors
    /// No port.
    pub async fn start(account: Account) -> Result<Self, CloudError> {
        let services = Arc::new(Services { shared: Shared::new(account), issuers: Issuers::new()? });
        let routes = Router::new().fallback(answer).with_state(services.clone());
        Ok(Self { loopback: Loopback::serve(routes).await?, services })
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        self.loopback.url()
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
    pub fn change<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        self.services.change(change)
    }

    /// The clock of all services.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.services.clock
    }

    /// What was asked so far: method, host and path of each request, without queries.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.services.asked()
    }
}

/// A request, read whole.
struct Asked {
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

async fn answer(axum::extract::State(services): axum::extract::State<Arc<Services>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LONGEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let asked = Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body: body.to_vec() };
    let (host, path) = (asked.header("host").unwrap_or_default(), asked.uri.path());
    services.note(format!("{} {host}{path}", asked.method));
    let conduct = services.read(|account| account.conduct);
    let instead = if path == "/" { None } else { conduct.answer().await };
    let mut response = match (path, instead) {
        ("/", _) => sts::answer(&services, &asked).await,
        (_, Some(other)) => other,
        (path, None) if path.starts_with("/latest/") => imds::answer(&services, &asked).await,
        (path, None) if path.starts_with("/v1/") || path.starts_with("/v2/") => containers::answer(&services, &asked).await,
        _ => StatusCode::NOT_FOUND.into_response(),
    };
    // By the clock of the services, which a client compares its own with.
    let date = services.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
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
