//! Switches that make the server fail on purpose, at run time, for all calls of `/api` or for one operation.
//!
//! A fault answers instead of the route (nothing is read or written), except [`Fault::Cut`], which breaks the answer of
//! the route. A rule may end by itself after a number of calls. The connection switch sits below HTTP: while it is on,
//! connections are refused and open ones are broken.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::errors::ApiError;
use crate::operation::Operation;
use crate::routes::PAGE;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// 503 in HTML, as a load balancer words an outage, with or without `Retry-After`.
    Unavailable {
        /// Seconds.
        retry_after: Option<u32>,
    },
    /// The server's own JSON error with this status.
    Status(u16),
    /// 429 with `Retry-After`.
    RateLimited {
        /// Seconds.
        retry_after: u32,
    },
    /// The answer of the route, broken off in the middle of its body.
    Cut,
    /// The web page with status 200, as behind a wrong address.
    Html,
    /// No answer until the fault is taken away; then the call goes on as if nothing had been.
    Hang,
}

#[derive(Clone, Debug)]
struct Rule {
    operation: Option<Operation>,
    left: Option<u32>,
    fault: Fault,
}

/// Whether connections are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    Refusing,
    Closed,
}

#[derive(Debug, Default)]
struct Switches {
    rules: Vec<Rule>,
    latency: Duration,
}

/// The server's switches; clones share them.
#[derive(Clone, Debug)]
pub struct Faults {
    switches: Arc<Mutex<Switches>>,
    changed: watch::Sender<u64>,
    pub(crate) door: watch::Sender<Door>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { switches: Arc::default(), changed: watch::Sender::new(0), door: watch::Sender::new(Door::Open) }
    }
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, rule: Rule) {
        self.lock().rules.push(rule);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Every call fails so, until [`Faults::clear`].
    pub fn all(&self, fault: Fault) {
        self.add(Rule { operation: None, left: None, fault });
    }

    /// Every call of one operation fails so, until [`Faults::clear`].
    pub fn on(&self, operation: Operation, fault: Fault) {
        self.add(Rule { operation: Some(operation), left: None, fault });
    }

    /// The next calls of one operation fail so, then no more.
    pub fn next(&self, operation: Operation, count: u32, fault: Fault) {
        self.add(Rule { operation: Some(operation), left: Some(count), fault });
    }

    /// Each call takes so much longer.
    pub fn set_latency(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// While on, connections are refused by the operating system and open ones are broken. From the moment of the call
    /// no request is answered.
    pub fn refuse_connections(&self, refuse: bool) {
        let wanted = if refuse { Door::Refusing } else { Door::Open };
        self.door.send_if_modified(|door| {
            let change = *door != Door::Closed && *door != wanted;
            if change {
                *door = wanted;
            }
            change
        });
    }

    /// Takes every fault and the latency away, and takes connections again.
    pub fn clear(&self) {
        *self.lock() = Switches::default();
        self.changed.send_modify(|version| *version += 1);
        self.refuse_connections(false);
    }

    /// The added latency.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.lock().latency
    }

    /// The fault in force for all operations, for display.
    #[must_use]
    pub fn general(&self) -> Option<Fault> {
        self.lock().rules.iter().find(|rule| rule.operation.is_none()).map(|rule| rule.fault)
    }

    /// The fault of a call that has just arrived; a counted rule is charged. A hang ends here when it is taken away.
    pub(crate) async fn meet(&self, operation: Operation) -> Option<Fault> {
        let latency = self.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut changed = self.changed.subscribe();
        let fault = self.take(operation);
        if fault != Some(Fault::Hang) {
            return fault;
        }
        while self.is_hanging(operation) && changed.changed().await.is_ok() {}
        None
    }

    fn take(&self, operation: Operation) -> Option<Fault> {
        let mut switches = self.lock();
        let index = switches.rules.iter().position(|rule| rule.operation.is_none_or(|wanted| wanted == operation))?;
        let rule = switches.rules.get_mut(index)?;
        let fault = rule.fault;
        // A counted hang must stay while its call hangs, so it ends with `clear` like the others.
        if let (Some(left), true) = (&mut rule.left, fault != Fault::Hang) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                switches.rules.remove(index);
            }
        }
        Some(fault)
    }

    fn is_hanging(&self, operation: Operation) -> bool {
        let switches = self.lock();
        switches.rules.iter().any(|rule| rule.fault == Fault::Hang && rule.operation.is_none_or(|wanted| wanted == operation))
    }
}

impl Fault {
    /// The answer that the fault gives in place of the route's; `None` for those that change the route's own.
    pub(crate) fn answer(self) -> Option<Response> {
        match self {
            Self::Unavailable { retry_after } => {
                let page = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>503</body></html>";
                let mut response = (StatusCode::SERVICE_UNAVAILABLE, Html(page)).into_response();
                if let Some(seconds) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                }
                Some(response)
            }
            Self::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Some(ApiError::with_status(status).into_response())
            }
            Self::RateLimited { retry_after } => Some(ApiError::rate_limited(retry_after).into_response()),
            Self::Html => Some(Html(PAGE).into_response()),
            Self::Cut | Self::Hang => None,
        }
    }
}

/// An answer that promises the whole body and breaks the connection after half of it.
pub(crate) fn cut(mut response: Response, body: &Bytes) -> Response {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    let breaking = async {
        // The first half is flushed only while the body is pending; an error at once would drop it.
        tokio::task::yield_now().await;
        Err(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut on purpose"))
    };
    *response.body_mut() = Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(breaking)));
    response
}
