//! What stands in for the world outside while a plugin is rehearsed: the time, random numbers, the answers of servers.
//!
//! An operator runs without a stage. With one, nothing is sent anywhere: a request is judged by its grants, put together,
//! and answered from the stage. Guests with WASI get the answers too; their clock and random numbers are WASI's own.
use std::{sync::Arc, time::Duration};

/// Stands in for the world outside.
#[derive(Clone)]
pub struct Stage {
    /// Since 1970-01-01T00:00:00Z.
    pub now: Duration,
    /// All that random numbers are made of.
    pub random: u8,
    /// Answers requests.
    pub http: Arc<dyn Answers>,
}

/// Answers requests in place of servers.
pub trait Answers: Send + Sync {
    /// The response; None where nobody answers in time.
    fn answer(&self, sent: &StagedRequest) -> Option<StagedResponse>;
}

/// A request as it would go out. Holds secrets, and can't be formatted.
pub struct StagedRequest {
    /// Method.
    pub method: String,
    /// Absolute.
    pub url: String,
    /// Names as the plugin wrote them.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// What a server would answer.
pub struct StagedResponse {
    /// Any.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bounded like any other.
    pub body: Vec<u8>,
}
