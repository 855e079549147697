//! One client for one origin with one CA: how a request is sent, bounded and reported.
//!
//! What can go wrong here: no connection, no answer in time, an answer that breaks off or never ends. Redirects are not
//! followed, since a credential must reach no other origin than the one it was given for.
use crate::{Address, Error, answer::Answer, client_identity};
use reqwest::{
    Certificate, Identity, Method, RequestBuilder,
    header::{ACCEPT, AUTHORIZATION, HeaderValue},
    redirect::Policy,
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::SecretSlice;
use std::{
    error::Error as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// Below the minute after which common load balancers close an idle connection.
const IDLE: Duration = Duration::from_secs(50);

/// Limits of a call in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, with TLS.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect; 30 s in all, after which the server itself gives a connection up.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), total: Duration::from_secs(30) }
    }
}

/// Told of each call that ended, for metrics. Must not block.
pub trait Observer: Send + Sync {
    /// `operation` is bounded, for example `list secrets`; `status` is the HTTP status, or [`Error::reason`] where there is
    /// none.
    fn called(&self, operation: &'static str, status: &str);
}

/// What a client is made with.
#[derive(Clone)]
pub struct ClientConfig {
    /// The server.
    pub address: Address,
    /// PEM; trusted beside the system's roots.
    pub ca: Option<Arc<Vec<u8>>>,
    /// Sent as `User-Agent: k8-operator/VERSION`, by which the server tells the operator from other clients.
    pub version: String,
    /// Limits in time.
    pub timeouts: Timeouts,
    /// Largest answer in bytes.
    pub max_answer: usize,
    /// How long the absence of the v4 API is believed.
    pub probe_again: Duration,
    /// How long a stream of events may say nothing.
    pub silence: Duration,
    /// Told of each call.
    pub observer: Option<Arc<dyn Observer>>,
}

impl ClientConfig {
    /// The defaults: answers up to 32 MiB, which is 16,000 secrets of 2 KiB; a server without the v4 API is asked for it
    /// again after 10 minutes, so that an upgrade is noticed; a stream of events may be silent for 45 s, which is two
    /// heartbeats of 15 s that did not come, and the time of a third as a margin.
    #[must_use]
    pub fn new(address: Address, version: impl Into<String>) -> Self {
        Self {
            address,
            ca: None,
            version: version.into(),
            timeouts: Timeouts::default(),
            max_answer: 32 << 20,
            probe_again: Duration::from_secs(600),
            silence: Duration::from_secs(45),
            observer: None,
        }
    }
}

/// Speaks to one server. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: ClientConfig,
    http: reqwest::Client,
    /// Until then the server is taken to have no v4 API.
    only_v3_until: Mutex<Option<Instant>>,
}

impl Client {
    /// Makes a client; connects when first used. `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are honoured.
    ///
    /// # Errors
    /// [`Error::CaBundle`]: the CA holds no certificate, or there is neither a CA nor any system root.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let http = build(&config, None)?;
        Ok(Self(Arc::new(Inner { config, http, only_v3_until: Mutex::default() })))
    }

    /// The server.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.config.address
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// A client for one connection that shows a certificate.
    pub(crate) fn http_as(&self, chain: &SecretSlice<u8>, key: &SecretSlice<u8>) -> Result<reqwest::Client, Error> {
        build(&self.0.config, Some(client_identity::read(self.address(), chain, key)?))
    }

    /// Sends a request and reads its answer. `sent` are the secrets in it: a server that repeats them in an error message
    /// does not get them printed.
    pub(crate) async fn call<T>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
        sent: &[&str],
        read: impl FnOnce(Answer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let origin = self.address().origin();
        let (status, result) = match self.send(request).await {
            Err(error) => (String::new(), Err(error)),
            Ok(response) => {
                let status = response.status().as_u16().to_string();
                let answer = Answer::read(operation, origin, response, self.0.config.max_answer).await;
                let answer = answer.map_err(|failure| failure.into_error(|error| self.broken(&error)));
                (status, answer.and_then(|answer| answer.accepted(sent)).and_then(read))
            }
        };
        if let Some(observer) = &self.0.config.observer {
            match &result {
                Ok(_) => observer.called(operation, &status),
                Err(error) => observer.called(operation, &error.label()),
            }
        }
        result
    }

    /// Reports a call whose answer goes on.
    pub(crate) fn observed(&self, operation: &'static str, error: Option<&Error>) {
        if let Some(observer) = &self.0.config.observer {
            observer.called(operation, &error.map_or_else(|| "200".into(), Error::label));
        }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.0.config.timeouts
    }

    pub(crate) fn max_answer(&self) -> usize {
        self.0.config.max_answer
    }

    pub(crate) fn silence(&self) -> Duration {
        self.0.config.silence
    }

    /// A read that finds its connection closed is sent once more: a server may close an idle one at the very moment at which
    /// it is used again.
    async fn send(&self, request: RequestBuilder) -> Result<reqwest::Response, Error> {
        let (http, request) = request.header(ACCEPT, "application/json").build_split();
        let request = request.map_err(|error| self.broken(&error))?;
        let again = request.try_clone().filter(|request| request.method() == Method::GET);
        let sent = match (http.execute(request).await, again) {
            (Err(error), Some(again)) if error.is_request() && !error.is_connect() && !error.is_timeout() => http.execute(again).await,
            (sent, _) => sent,
        };
        sent.map_err(|error| self.broken(&error))
    }

    pub(crate) fn broken(&self, error: &reqwest::Error) -> Error {
        let origin = self.address().origin();
        let Timeouts { connect, total } = self.0.config.timeouts;
        if error.is_timeout() {
            return Error::TimedOut { origin, after: if error.is_connect() { connect } else { total } };
        }
        Error::Unreachable { origin, cause: causes(error) }
    }

    /// Uses the v4 API where the server has it, else the one before.
    pub(crate) async fn newest<T>(
        &self,
        v4: impl Future<Output = Result<T, Error>>,
        v3: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let now = Instant::now();
        if self.only_v3_until().is_some_and(|until| now < until) {
            return v3.await;
        }
        match v4.await {
            Err(error) if error.is_missing_route() => {
                *self.only_v3_until() = Some(now + self.0.config.probe_again);
                v3.await
            }
            result => {
                *self.only_v3_until() = None;
                result
            }
        }
    }

    fn only_v3_until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.only_v3_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `Authorization: Bearer …`, marked so that no layer below prints it.
pub(crate) fn bearer(request: RequestBuilder, token: &crate::Token) -> Result<RequestBuilder, Error> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| Error::Login("the access token holds a line break or another control character".into()))?;
    value.set_sensitive(true);
    Ok(request.header(AUTHORIZATION, value))
}

fn build(config: &ClientConfig, identity: Option<Identity>) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        .user_agent(format!("k8-operator/{}", config.version))
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .pool_idle_timeout(IDLE)
        .connect_timeout(config.timeouts.connect)
        .timeout(config.timeouts.total);
    match &config.ca {
        Some(pem) => builder = builder.tls_certs_merge(certificates(pem)?),
        // Without TLS the roots are not needed, and a minimal image may have none.
        None if !config.address.is_https() => builder = builder.tls_certs_only([]),
        None => {}
    }
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| Error::CaBundle(causes(&error)))
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    let wrong = |problem: &str| Error::CaBundle(format!("{problem}; it must hold certificates as PEM (-----BEGIN CERTIFICATE-----)"));
    let ders = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| wrong("it is not valid PEM"))?;
    if ders.is_empty() {
        return Err(wrong("there is no certificate in it"));
    }
    ders.iter().map(|der| Certificate::from_der(der).map_err(|_| wrong("a certificate in it is malformed"))).collect()
}

/// An error with its causes, without the URL, cut to 256 characters.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Many layers repeat the one below.
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    if texts.is_empty() {
        texts.push(if error.is_connect() { "no connection".into() } else { "the connection broke".into() });
    }
    crate::refusal::clean(&texts.join(": "), 256)
}
