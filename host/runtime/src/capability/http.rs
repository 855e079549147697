//! Sends one buffered request of a plugin.
//!
//! The URL is judged by [`Egress`] before anything is sent, and the addresses of a name where they are dialled, in the
//! resolver of the client: what was judged is what is connected to. Redirects are returned, not followed. There is no proxy,
//! no cookie, no decompression, no retry; HTTP/1.1 alone, so that the bounds on headers are one parser's; TLS 1.2 at least,
//! with the roots of the system. Each plugin has a client, and so a pool of connections, of its own. All sizes and the time
//! are bounded, and errors name the origin at most: never the path, a query, a header's value or a body.
use super::{
    Refusal, blocking,
    egress::{Egress, EgressError, Origin, Resolve, SystemResolver, detour::Detours, vet},
};
use crate::{
    SecretBytes,
    stage::{Answers, StagedRequest, StagedResponse},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::{dns, redirect, retry, tls};
use secrecy::ExposeSecret;
use std::{error::Error as _, net::SocketAddr, sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use url::Url;

/// Headers of a request or a response.
const MAX_HEADERS: usize = 64;

/// Bytes of a header's name and value together.
const MAX_HEADER: usize = 8 << 10;

/// Bytes of a URL; what most servers take.
const MAX_URL: usize = 8 << 10;

/// Idle connections are for the few requests of one call and of those that follow at once.
const IDLE: Duration = Duration::from_secs(30);

/// Headers that are the host's own: they frame the message or name the server. `Proxy-…` are refused beside them.
const RESERVED: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Whether a header is the host's own.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    RESERVED.contains(name) || name.as_str().starts_with("proxy-")
}

/// A request. Header values and the body count as secret.
pub(crate) struct Request {
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub(crate) method: String,
    /// Absolute.
    pub(crate) url: String,
    /// In this order; names may repeat.
    pub(crate) headers: Vec<(String, SecretBytes)>,
    /// Empty for none.
    pub(crate) body: SecretBytes,
}

/// A response. Any status is one.
pub(crate) struct Response {
    /// As the server sent it.
    pub(crate) status: u16,
    /// Names in lower case, at most 64.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// As it was on the wire.
    pub(crate) body: Vec<u8>,
}

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of the request's body.
    pub(crate) request: usize,
    /// Bytes of the response's body.
    pub(crate) response: usize,
    /// From the look-up of the name to the last byte.
    pub(crate) time: Duration,
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// Not one of the six.
    #[error("the method is not GET, HEAD, POST, PUT, PATCH or DELETE")]
    Method,
    /// Not absolute, too long, or malformed.
    #[error("the URL can't be used: {0}")]
    Url(&'static str),
    /// Not granted.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// A header can't be sent.
    #[error("the header {name:?} can't be sent: {cause}")]
    Header {
        /// Name.
        name: String,
        /// Why.
        cause: &'static str,
    },
    /// More than 64.
    #[error("the request has more than {MAX_HEADERS} headers")]
    Headers,
    /// The body of the request is longer than allowed.
    #[error("the body of the request has more than {0} bytes")]
    RequestTooLong(usize),
    /// The response is longer than allowed.
    #[error("the response of {origin} has {what}")]
    ResponseTooLong {
        /// Where from.
        origin: Origin,
        /// What is too much.
        what: String,
    },
    /// Nobody answered in time.
    #[error("{0} did not answer in time")]
    TimedOut(Origin),
    /// No connection, or one that broke.
    #[error("{origin}: {cause}")]
    Unreachable {
        /// Where to.
        origin: Origin,
        /// Bounded.
        cause: &'static str,
    },
    /// The system's roots can't be read, for example.
    #[error("the client for requests can't be made")]
    Client,
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Method | HttpError::Url(_) | HttpError::Header { .. } | HttpError::Headers | HttpError::RequestTooLong(_) => {
                Self::Settings(error.to_string())
            }
            HttpError::Egress(error) => error.into(),
            HttpError::ResponseTooLong { .. } | HttpError::TimedOut(_) | HttpError::Unreachable { .. } => {
                Self::Unavailable(error.to_string())
            }
            HttpError::Client => Self::Host("the client for requests can't be made"),
        }
    }
}

/// The client of one plugin.
pub(crate) struct Client {
    resolver: Arc<dyn Resolve>,
    private: bool,
    detours: Detours,
    /// Stands in for all servers.
    answers: Option<Arc<dyn Answers>>,
    /// Made at the first request: it reads the system's roots, and most plugins never send one.
    inner: OnceCell<reqwest::Client>,
}

impl Client {
    /// A client that resolves names as the operating system does. `private` opens private addresses to names.
    pub(crate) fn new(private: bool) -> Self {
        Self::with_resolver(Arc::new(SystemResolver), private)
    }

    /// The same with another resolver.
    pub(crate) fn with_resolver(resolver: Arc<dyn Resolve>, private: bool) -> Self {
        Self { resolver, private, detours: Detours::default(), answers: None, inner: OnceCell::new() }
    }

    /// The same with detours.
    pub(crate) fn with_detours(self, detours: Detours) -> Self {
        Self { detours, ..self }
    }

    /// The same with answers that stand in for all servers.
    pub(crate) fn with_answers(self, answers: Option<Arc<dyn Answers>>) -> Self {
        Self { answers, ..self }
    }

    /// Sends a request, if `egress` allows it, and reads the response whole.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub(crate) async fn send(&self, egress: &Egress, request: Request, bounds: Bounds) -> Result<Response, HttpError> {
        if let Some(answers) = &self.answers {
            return rehearse(&**answers, egress, request, bounds);
        }
        let (origin, mut request) = prepare(egress, request, bounds)?;
        self.turn(&origin, &mut request)?;
        let client = self.inner.get_or_try_init(|| self.build()).await?;
        tokio::time::timeout(bounds.time, exchange(client, &origin, request, bounds)).await.unwrap_or(Err(HttpError::TimedOut(origin)))
    }

    /// Sends a request that was judged to where the administrator plays its origin.
    fn turn(&self, origin: &Origin, request: &mut reqwest::Request) -> Result<(), HttpError> {
        let Some(address) = self.detours.of(origin) else { return Ok(()) };
        let host = HeaderValue::from_str(&origin.authority()).map_err(|_| HttpError::Url("its host is no header"))?;
        request.headers_mut().insert(header::HOST, host);
        let url = request.url_mut();
        let turned = url.set_scheme("http").and_then(|()| url.set_ip_host(address.ip())).and_then(|()| url.set_port(Some(address.port())));
        turned.map_err(|()| HttpError::Url("it can't be led elsewhere"))
    }

    async fn build(&self) -> Result<reqwest::Client, HttpError> {
        let resolver = Vetted { resolver: self.resolver.clone(), private: self.private };
        let builder = reqwest::Client::builder()
            .dns_resolver(resolver)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .pool_idle_timeout(IDLE)
            .tls_backend_rustls()
            .tls_version_min(tls::Version::TLS_1_2);
        let built = blocking(|| builder.build()).await.map_err(|_| HttpError::Client)?;
        built.map_err(|_| HttpError::Client)
    }
}

/// Judges a request like any other, and has it answered from a stage.
fn rehearse(answers: &dyn Answers, egress: &Egress, request: Request, bounds: Bounds) -> Result<Response, HttpError> {
    let sent = StagedRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.iter().map(|(name, value)| (name.clone(), value.expose_secret().to_vec())).collect(),
        body: request.body.expose_secret().to_vec(),
    };
    let (origin, _) = prepare(egress, request, bounds)?;
    let Some(StagedResponse { status, headers, body }) = answers.answer(&sent) else { return Err(HttpError::TimedOut(origin)) };
    if body.len() > bounds.response {
        return Err(HttpError::ResponseTooLong { origin, what: format!("a body of more than {} bytes", bounds.response) });
    }
    Ok(Response { status, headers, body })
}

fn prepare(egress: &Egress, request: Request, bounds: Bounds) -> Result<(Origin, reqwest::Request), HttpError> {
    let method = match request.method.as_str() {
        "GET" => Method::GET,
        "HEAD" => Method::HEAD,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "PATCH" => Method::PATCH,
        "DELETE" => Method::DELETE,
        _ => return Err(HttpError::Method),
    };
    if request.url.len() > MAX_URL {
        return Err(HttpError::Url("it is longer than 8192 bytes"));
    }
    let url: Url = request.url.parse().map_err(|_| HttpError::Url("it is no absolute URL"))?;
    let origin = egress.check(&url)?;
    // What the client would make of it, tried here, where its error can't quote it.
    if url.as_str().parse::<http::Uri>().is_err() {
        return Err(HttpError::Url("it has characters that must be percent-encoded"));
    }
    if request.body.expose_secret().len() > bounds.request {
        return Err(HttpError::RequestTooLong(bounds.request));
    }
    let mut prepared = reqwest::Request::new(method, url);
    *prepared.headers_mut() = headers(request.headers)?;
    if !request.body.expose_secret().is_empty() {
        *prepared.body_mut() = Some(Bytes::from_owner(Body(request.body)).into());
    }
    Ok((origin, prepared))
}

fn headers(given: Vec<(String, SecretBytes)>) -> Result<HeaderMap, HttpError> {
    if given.len() > MAX_HEADERS {
        return Err(HttpError::Headers);
    }
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let refused = |cause| HttpError::Header { name: name.chars().take(64).collect(), cause };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("its name is not valid"))?;
        if is_reserved(&parsed) {
            return Err(refused("it is the host's own"));
        }
        if name.len() + value.expose_secret().len() > MAX_HEADER {
            return Err(refused("it is longer than 8192 bytes"));
        }
        let mut value = HeaderValue::from_bytes(value.expose_secret()).map_err(|_| refused("its value has control characters"))?;
        value.set_sensitive(true);
        headers.append(parsed, value);
    }
    Ok(headers)
}

async fn exchange(client: &reqwest::Client, origin: &Origin, request: reqwest::Request, bounds: Bounds) -> Result<Response, HttpError> {
    let too_long = |what| HttpError::ResponseTooLong { origin: origin.clone(), what };
    let mut response = client.execute(request).await.map_err(|error| failed(origin, &error))?;
    let body_too_long = || too_long(format!("a body of more than {} bytes", bounds.response));
    if response.content_length().is_some_and(|length| length > bounds.response as u64) {
        return Err(body_too_long());
    }
    let mut headers = Vec::with_capacity(response.headers().len());
    for (name, value) in response.headers() {
        if name.as_str().len() + value.len() > MAX_HEADER {
            return Err(too_long(format!("a header of more than {MAX_HEADER} bytes")));
        }
        headers.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(origin, &error))? {
        if body.len() + chunk.len() > bounds.response {
            return Err(body_too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status: response.status().as_u16(), headers, body })
}

/// The client's own errors quote the URL, its query too. Only what kind it was is kept, and what our resolver said.
fn failed(origin: &Origin, error: &reqwest::Error) -> HttpError {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(Unresolved::Refused { kind, advice }) = inner.downcast_ref() {
            return EgressError::Address { origin: origin.to_string(), kind, advice }.into();
        }
        source = inner.source();
    }
    let cause = if error.is_dns() {
        "the name has no address"
    } else if error.is_connect() {
        "no connection, or no trusted certificate"
    } else if error.is_body() || error.is_decode() {
        "the response broke off"
    } else {
        "the exchange failed"
    };
    HttpError::Unreachable { origin: origin.clone(), cause }
}

/// Lets the client see none but vetted addresses.
struct Vetted {
    resolver: Arc<dyn Resolve>,
    private: bool,
}

/// Why there is no address to dial.
#[derive(Debug, thiserror::Error)]
enum Unresolved {
    #[error("the name has no address")]
    Nothing,
    #[error("the name leads to {kind} only")]
    Refused { kind: &'static str, advice: &'static str },
}

impl dns::Resolve for Vetted {
    fn resolve(&self, name: dns::Name) -> dns::Resolving {
        let (answer, private) = (self.resolver.resolve(name.as_str().to_owned()), self.private);
        Box::pin(async move {
            let found = answer.await.map_err(|_| Unresolved::Nothing)?;
            let kept = vet(&found, private).map_err(|(kind, advice)| Unresolved::Refused { kind, advice })?;
            if kept.is_empty() {
                return Err(Unresolved::Nothing.into());
            }
            // Port 0 leaves the port to the URL.
            Ok(Box::new(kept.into_iter().map(|address| SocketAddr::new(address, 0))) as dns::Addrs)
        })
    }
}

/// A body that is zeroed when the last of it is sent.
struct Body(SecretBytes);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests;
