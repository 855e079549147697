//! The time. Capability `clock`.
use crate::{Error, backend, volatile};
use std::time::Duration;

/// Since 1970-01-01T00:00:00Z, in whole milliseconds. Marks the value that is being rendered as volatile.
///
/// # Errors
/// [`Error::Denied`] without the grant.
pub fn now() -> Result<Duration, Error> {
    volatile::mark();
    backend::now().map(Duration::from_millis)
}

/// Since the call began, in whole milliseconds.
///
/// # Errors
/// [`Error::Denied`] without the grant.
pub fn elapsed() -> Result<Duration, Error> {
    volatile::mark();
    backend::elapsed().map(Duration::from_millis)
}
