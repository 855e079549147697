//! Each limit, and that it bites: the call ends with the failure that names it, and the next call is served.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]
use hostile::{Bench, hostile, take_server_address};
use runtime::{Failure, Limits};
use std::time::Duration;

/// Half a second of CPU, and more patience than a busy machine needs.
fn short() -> Limits {
    Limits { ticks: 50, wall: Duration::from_secs(60), ..Limits::default() }
}

/// What hostile does, and what must come of it.
type Case = (&'static str, fn(&Failure) -> bool);

/// All in one runtime: that each call is served after the one before it misbehaved is part of what is shown.
async fn each(limits: Limits, cases: &[Case]) {
    let bench = Bench::limited(&[hostile()], limits).await;
    for (number, (deed, expected)) in cases.iter().enumerate() {
        // A namespace for each: the breaker is not under test.
        let namespace = number.to_string();
        let failure = bench.act_in(&namespace, deed).await.err().unwrap_or_else(|| panic!("{deed} succeeds"));
        assert!(expected(&failure), "{deed}: {failure:?}");
        assert!(bench.act_in(&namespace, "behave").await.is_ok(), "after {deed}");
    }
}

#[tokio::test]
async fn cpu_memory_and_traps_end_a_call() {
    each(
        short(),
        &[
            ("loop", |failure| matches!(failure, Failure::TimedOut("CPU time"))),
            ("loop-in-check", |failure| matches!(failure, Failure::TimedOut("CPU time"))),
            ("allocate", |failure| matches!(failure, Failure::OutOfMemory(_))),
            ("recurse", |failure| matches!(failure, Failure::Trapped(text) if text.contains("recursion"))),
            ("recurse-large", |failure| matches!(failure, Failure::Trapped(text) if text.contains("recursion"))),
            ("trap-in-check", |failure| matches!(failure, Failure::Trapped(_))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_panic_is_told_by_its_place_and_never_by_its_text() {
    let bench = Bench::new(&[hostile()]).await;
    let Failure::Trapped(text) = bench.fails("trap").await else { panic!("it does not trap") };
    assert!(text.contains("lib.rs:"), "{text}");
    assert!(!text.contains("on purpose"), "{text}");
}

#[tokio::test]
async fn budgets_of_host_calls_end_a_call() {
    each(
        Limits { ticks: 100, ..short() },
        &[
            ("flood-calls", |failure| matches!(failure, Failure::Budget("cheap host calls"))),
            ("flood-handles", |failure| matches!(failure, Failure::Budget("open handles"))),
            ("flood-log", |failure| matches!(failure, Failure::Budget(_))),
            ("giant-argument", |failure| matches!(failure, Failure::Budget("bytes in one transfer"))),
            ("giant-result", |failure| matches!(failure, Failure::Budget("bytes in one transfer"))),
            ("many-fields", |failure| matches!(failure, Failure::Budget("bytes in one transfer"))),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_budget_of_bytes_ends_a_call() {
    let bench = Bench::limited(&[hostile()], Limits { cheap_bytes: 8, ..short() }).await;
    assert!(matches!(bench.fails("reveal").await, Failure::Budget("bytes through cheap host calls")));
}

#[tokio::test]
async fn costly_calls_keys_and_requests_have_budgets_of_their_own() {
    let bench = Bench::limited(&[hostile()], Limits { costly_calls: 0, http_requests: 0, ..short() }).await;
    assert!(matches!(bench.fails("mount").await, Failure::Budget("costly host calls")));
    assert!(matches!(bench.fails("http").await, Failure::Budget("http requests")));
    assert!(matches!(bench.fails("token").await, Failure::Budget("costly host calls")));
}

#[tokio::test]
async fn wall_time_ends_a_call_that_waits_and_frees_its_place() {
    let limits = Limits { wall: Duration::from_millis(300), concurrency: 1, cheap_calls: u32::MAX, ticks: u32::MAX, ..short() };
    let bench = Bench::limited(&[hostile()], limits).await;
    assert!(matches!(bench.fails("sleep").await, Failure::TimedOut("wall time")));
    assert!(bench.act("behave").await.is_ok());
    assert!(matches!(bench.fails("loop").await, Failure::TimedOut("wall time")));
    assert!(bench.act("behave").await.is_ok());
}

#[tokio::test]
async fn a_server_that_never_answers_ends_a_request_before_it_ends_the_call() {
    let listener = tokio::task::spawn_blocking(take_server_address).await.unwrap();
    let bench = Bench::limited(&[hostile()], Limits { wall: Duration::from_secs(2), ..short() }).await;
    // Accepted by the kernel, and never read.
    let failure = bench.fails("hang-in-http").await;
    assert!(matches!(failure, Failure::Unavailable { after: None, .. }));
    // The guest can't say what did not answer, the host does.
    assert!(failure.to_string().ends_with("http://127.66.6.6:6666 did not answer in time"), "{failure}");
    assert!(bench.act("behave").await.is_ok());
    drop(listener);
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_its_call() {
    let limits = Limits { wall: Duration::from_secs(3600), concurrency: 1, ticks: u32::MAX, ..Limits::default() };
    let bench = Bench::limited(&[hostile()], limits).await;
    // It can only end by being dropped.
    let abandoned = tokio::time::timeout(Duration::from_millis(200), bench.act("loop")).await;
    assert!(abandoned.is_err());
    assert!(bench.act("behave").await.is_ok());
}

#[tokio::test]
async fn more_calls_than_places_are_told_that_the_plugin_is_busy() {
    let limits = Limits { concurrency: 1, ticks: u32::MAX, wall: Duration::from_secs(3600), ..Limits::default() };
    let bench = Bench::limited(&[hostile()], limits).await;
    tokio::select! {
        _ = bench.act("loop") => panic!("an endless loop ends"),
        // The loop is polled first, so it has the place.
        result = async { tokio::task::yield_now().await; bench.act("behave").await } => {
            assert!(matches!(result, Err(Failure::Busy)));
        }
    }
}

#[tokio::test]
async fn others_are_served_while_guests_loop() {
    let limits = Limits { ticks: u32::MAX, wall: Duration::from_secs(3600), concurrency: 8, ..Limits::default() };
    let bench = Bench::limited(&[hostile()], limits).await;
    let calls = async {
        for _ in 0..20 {
            bench.act_in("other", "behave").await.unwrap_or_else(|failure| panic!("{failure}"));
        }
    };
    tokio::select! {
        _ = async { tokio::join!(bench.act("loop"), bench.act("loop"), bench.act("loop"), bench.act("loop")) } => panic!("an endless loop ends"),
        served = tokio::time::timeout(Duration::from_secs(30), calls) => served.expect("calls wait for loops"),
    }
}

#[tokio::test]
async fn the_record_of_a_call_has_its_memory_and_denials() {
    let bench = Bench::new(&[hostile()]).await;
    let _ = bench.act("behave").await;
    let _ = bench.act("environment").await;
    let calls = bench.records.calls.lock().unwrap();
    let [(_, first, memory, 0), (_, second, _, 1)] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!((*first, *second), ("ok", "NotGranted"));
    assert!((1 << 16..=32 << 20).contains(memory), "{memory}");
}
