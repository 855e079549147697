//! Failures on purpose, the call log, and waiting without sleeping.
use std::time::{Duration, Instant};

use infisical_dev_server::{Fault, Limits, Operation};
use reqwest::Method;
use tokio::time::timeout;

use crate::client::Site;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_fault_strikes_its_operation_for_as_long_as_it_is_meant_to() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.faults().next(Operation::ListSecrets, 2, Fault::Status(502));
    site.server.faults().on(Operation::Renew, Fault::Unavailable { retry_after: Some(7) });
    assert_eq!(site.list(&token, "").await.refusal().0, 502);
    assert_eq!(site.get(&token, "/api/v1/projects/slug/shop").await.status, 200);
    assert_eq!(site.list(&token, "").await.status, 502);
    assert_eq!(site.list(&token, "").await.status, 200);
    let down = site.post("/api/v1/auth/token/renew", serde_json::json!({})).await;
    assert_eq!((down.status, &down.headers["retry-after"]), (503, &"7".parse().unwrap()));
    site.server.faults().clear();
    assert_eq!(site.post("/api/v1/auth/token/renew", serde_json::json!({})).await.status, 422);
}

#[tokio::test]
async fn answers_can_be_html_or_limited_or_cut() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.faults().next(Operation::ListSecrets, 1, Fault::Html);
    let html = site.list(&token, "").await;
    assert_eq!((html.status, html.text.starts_with("<!doctype html>")), (200, true));
    site.server.faults().next(Operation::ListSecrets, 1, Fault::RateLimited { retry_after: 9 });
    let limited = site.list(&token, "").await;
    assert_eq!(limited.refusal(), (429, "RateLimitExceeded".into(), "Rate limit exceeded. Please try again in 9 seconds".into()));
    assert_eq!(limited.headers["retry-after"], "9");
    site.server.faults().next(Operation::ListSecrets, 1, Fault::Cut);
    let path = format!("/api/v4/secrets?projectId={}&environment=dev", site.project("shop"));
    let response = site.request(Method::GET, &path).bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
    assert_eq!(site.list(&token, "").await.status, 200);
}

#[tokio::test]
async fn a_hang_holds_calls_until_it_is_taken_away() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.faults().on(Operation::ListSecrets, Fault::Hang);
    let calls = site.server.calls();
    let (answer, ()) = tokio::join!(site.list(&token, ""), async {
        timeout(PATIENCE, calls.wait_for(|log| log.in_flight() == 1)).await.unwrap();
        assert_eq!(calls.count(Operation::ListSecrets), 0);
        site.server.faults().clear();
    });
    assert_eq!(answer.status, 200);

    // A client that gives up is seen, too.
    site.server.faults().on(Operation::ListSecrets, Fault::Hang);
    let path = format!("/api/v4/secrets?projectId={}&environment=dev", site.project("shop"));
    let given_up = site.request(Method::GET, &path).bearer_auth(&token).timeout(Duration::from_millis(50)).send().await;
    assert!(given_up.unwrap_err().is_timeout());
    timeout(PATIENCE, calls.wait_for(|log| log.iter().any(|call| call.status.is_none()))).await.unwrap();
}

#[tokio::test]
async fn refused_connections_are_refused_and_open_ones_broken() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.faults().on(Operation::ListSecrets, Fault::Hang);
    let hanging = site.request(Method::GET, "/api/v4/secrets?projectId=x&environment=dev").bearer_auth(&token).send();
    let (broken, ()) = tokio::join!(hanging, async {
        timeout(PATIENCE, site.server.calls().wait_for(|log| log.in_flight() == 1)).await.unwrap();
        site.server.faults().refuse_connections(true);
    });
    assert!(broken.is_err());
    for _ in 0..3 {
        let error = site.request(Method::GET, "/api/status").send().await.unwrap_err();
        assert!(error.is_connect() || error.is_request(), "{error:?}");
    }
    site.server.faults().clear();
    let back = async {
        while site.request(Method::GET, "/api/status").send().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, back).await.unwrap();
    assert_eq!(site.list(&token, "").await.status, 200);
}

#[tokio::test]
async fn latency_holds_each_call_and_the_peak_is_seen() {
    let site = Site::start().await;
    site.server.faults().set_latency(Duration::from_millis(60));
    let start = Instant::now();
    let one = || async { site.send(site.request(Method::GET, "/api/status")).await.status };
    let answers = tokio::join!(one(), one(), one());
    assert_eq!(answers, (200, 200, 200));
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(site.server.calls().read(|log| log.peak_in_flight()), 3);
}

#[tokio::test]
async fn the_limiter_counts_by_category_and_minute() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.set_rate_limits(Some(Limits { read: 5, write: 5, secrets: 2 }));
    assert_eq!(site.list(&token, "").await.headers["x-ratelimit-remaining"], "1");
    assert_eq!(site.list(&token, "").await.status, 200);
    let limited = site.list(&token, "").await;
    assert_eq!((limited.status, &limited.headers["x-ratelimit-limit"]), (429, &"2".parse().unwrap()));
    let wait: u64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(site.get(&token, "/api/v1/projects/slug/shop").await.status, 200);
    site.server.state().clock().advance(Duration::from_secs(wait));
    assert_eq!(site.list(&token, "").await.status, 200);
}

#[tokio::test]
async fn calls_are_logged_without_anything_secret() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.list(&token, "&secretPath=/app").await;
    timeout(PATIENCE, site.server.calls().wait_for_calls(Operation::ListSecrets, 1)).await.unwrap();
    let log = site.server.calls().all();
    assert_eq!(log.iter().map(|call| call.operation).collect::<Vec<_>>(), [Operation::Login, Operation::ListSecrets]);
    assert!(log[1].query.contains("secretPath=/app"));
    let text = format!("{log:?}");
    assert!(!text.contains(&token) && !text.contains("reader-secret"));
    site.server.calls().reset();
    assert_eq!(site.server.calls().total(), 0);
}
