//! The limiter of the cloud: fixed windows of a minute per category, off unless switched on, as on a self-hosted server.
//!
//! The real one counts per client address too; here all clients share one address anyway.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::errors::ApiError;
use crate::operation::Category;

const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Calls allowed per minute and category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Projects, folders.
    pub read: u32,
    /// Logins, renewals, revocations.
    pub write: u32,
    /// Secrets, imports, folder writes.
    pub secrets: u32,
}

impl Limits {
    /// The cloud's free plan, as documented.
    pub const FREE: Self = Self { read: 200, write: 90, secrets: 120 };

    fn of(self, category: Category) -> u32 {
        match category {
            Category::Read => self.read,
            Category::Write => self.write,
            Category::Secrets => self.secrets,
        }
    }
}

#[derive(Default)]
struct Windows {
    limits: Option<Limits>,
    open: HashMap<Category, (Timestamp, u32)>,
}

/// Counts calls against limits, when there are any.
#[derive(Default)]
pub(crate) struct RateLimiter(Mutex<Windows>);

/// What the limiter says about one call.
pub(crate) struct Charge {
    limit: u32,
    remaining: u32,
    /// Seconds until the window ends.
    reset: u32,
    exceeded: bool,
}

impl RateLimiter {
    pub(crate) fn set(&self, limits: Option<Limits>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *windows = Windows { limits, open: HashMap::new() };
    }

    pub(crate) fn limits(&self) -> Option<Limits> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).limits
    }

    /// Charges one call; `None` while the limiter is off.
    pub(crate) fn charge(&self, category: Category, now: Timestamp) -> Option<Charge> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let limit = windows.limits?.of(category);
        let (start, used) = windows.open.entry(category).or_insert((now, 0));
        if now.duration_since(*start) >= WINDOW {
            (*start, *used) = (now, 0);
        }
        *used = used.saturating_add(1);
        let left = WINDOW.saturating_sub(now.duration_since(*start));
        let reset = u32::try_from(left.as_millis().div_euclid(1000).saturating_add(1)).unwrap_or(60).min(60);
        Some(Charge { limit, remaining: limit.saturating_sub(*used), reset, exceeded: *used > limit })
    }
}

impl Charge {
    /// The refusal, when the limit is passed.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        self.exceeded.then(|| ApiError::rate_limited(self.reset))
    }

    /// Adds the limiter's headers.
    pub(crate) fn mark(&self, response: &mut Response) {
        for (name, value) in
            [("x-ratelimit-limit", self.limit), ("x-ratelimit-remaining", self.remaining), ("x-ratelimit-reset", self.reset)]
        {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
        }
    }
}
