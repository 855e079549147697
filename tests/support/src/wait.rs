//! Waiting for a condition.
use std::{
    fmt::Display,
    time::{Duration, Instant},
};

/// Between two looks; small against what is waited for, large against what a look costs.
const PAUSE: Duration = Duration::from_millis(50);

/// The condition did not come true.
#[derive(Debug, thiserror::Error)]
#[error("waited {} s for {what}: {last}", patience.as_secs())]
pub struct TimedOut {
    what: String,
    patience: Duration,
    last: String,
}

/// Looks until the look succeeds. An error of a look says why the condition does not hold yet; the last one is part of the
/// time-out's message, so it must not hold a secret.
///
/// # Errors
/// The condition did not hold within `patience`, or a look took longer.
pub async fn wait_for<T, E: Display>(
    what: impl Display,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, TimedOut> {
    let end = Instant::now() + patience;
    let mut last = String::from("not a single look came to an end");
    loop {
        match tokio::time::timeout_at(end.into(), look()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(why)) => last = why.to_string(),
            Err(_) => return Err(TimedOut { what: what.to_string(), patience, last }),
        }
        // A look that never waits for anything is not cut by the time-out.
        if Instant::now() >= end {
            return Err(TimedOut { what: what.to_string(), patience, last });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_fails_at_once_ends_too_and_says_why() {
        let error = wait_for("nothing", Duration::from_millis(120), async || Err::<(), _>("not yet")).await.unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for nothing: not yet");
    }
}
