//! Universal auth, tokens and what becomes of them.
use std::time::Duration;

use infisical_dev_server::{Config, Generation, Seed, TokenBounds};
use reqwest::Method;
use serde_json::json;

use crate::client::{SEED, Site};

#[tokio::test]
async fn a_login_gives_a_token_that_reads() {
    let site = Site::start().await;
    let answer = site.try_login(" reader-client ", " reader-secret\n").await;
    let body = answer.json();
    assert_eq!((&body["tokenType"], &body["expiresIn"], &body["accessTokenMaxTTL"]), (&json!("Bearer"), &json!(2592000), &json!(2592000)));
    let token = body["accessToken"].as_str().unwrap();
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(site.list(token, "").await.status, 200);
    assert_eq!(site.server.logins(), 1);
}

#[tokio::test]
async fn wrong_credentials_are_refused_alike_then_locked() {
    let site = Site::start().await;
    let invalid = (401, "UnauthorizedError".to_owned(), "Invalid credentials".to_owned());
    assert_eq!(site.try_login("nobody", "x").await.refusal(), invalid);
    for _ in 0..3 {
        assert_eq!(site.try_login("reader-client", "wrong").await.refusal(), invalid);
    }
    let locked = site.try_login("reader-client", "reader-secret").await.refusal();
    assert_eq!(locked.2, "This identity auth method is temporarily locked, please try again later");
    site.server.state().clock().advance(Duration::from_secs(301));
    assert_eq!(site.try_login("reader-client", "reader-secret").await.status, 200);
    assert_eq!(site.server.logins(), 1);
}

#[tokio::test]
async fn a_body_without_credentials_is_422_with_a_list_of_issues() {
    let site = Site::start().await;
    let answer = site.post("/api/v1/auth/universal-auth/login", json!({ "clientId": 7 })).await;
    assert_eq!((answer.status, answer.refusal().1.as_str()), (422, "ValidationFailure"));
    let issues = answer.json()["message"].clone();
    assert_eq!(issues[0]["path"], json!(["clientId"]));
    assert_eq!(issues[0]["message"], "Expected string, received number");
    assert_eq!(issues[1]["message"], "Required");
}

#[tokio::test]
async fn malformed_bodies_are_500() {
    let site = Site::start().await;
    let request = |kind: &'static str, body: Vec<u8>| {
        site.request(Method::POST, "/api/v1/auth/universal-auth/login").header("content-type", kind).body(body)
    };
    for (kind, body) in [
        ("application/json", b"{".to_vec()),
        ("application/json", Vec::new()),
        ("text/plain", b"clientId".to_vec()),
        ("application/json", format!("\"{}\"", "x".repeat(1_100_000)).into_bytes()),
    ] {
        assert_eq!(site.send(request(kind, body)).await.refusal().0, 500);
    }
    let form = request("application/x-www-form-urlencoded", b"clientId=reader-client&clientSecret=reader-secret".to_vec());
    assert_eq!(site.send(form).await.status, 200);
}

#[tokio::test]
async fn organizations_below_are_checked() {
    let site = Site::start().await;
    let login = |slug: &'static str| {
        let body = json!({ "clientId": "reader-client", "clientSecret": "reader-secret", "organizationSlug": slug });
        site.post("/api/v1/auth/universal-auth/login", body)
    };
    assert_eq!(login("nowhere").await.refusal(), (404, "NotFound".into(), "Sub organization with slug nowhere not found".into()));
    assert_eq!(login("other").await.refusal().2, "Identity not authorized to access sub organization other");
    let token = login("branch").await.json()["accessToken"].as_str().unwrap().to_owned();
    // The shop belongs to the organization above.
    assert_eq!(site.list(&token, "").await.refusal().2, "This project does not belong to your selected organization.");
    assert_eq!(site.get(&token, "/api/v1/projects/slug/shop").await.status, 404);
}

#[tokio::test]
async fn a_client_secret_wears_out_and_rotates() {
    let site = Site::start().await;
    site.login("short").await;
    let worn = site.try_login("short-client", "short-secret").await.refusal();
    assert_eq!(worn.2, "Access denied due to client secret usage limit reached");
    site.server.state().rotate_client_secret("short", "fresh").unwrap();
    assert_eq!(site.try_login("short-client", "short-secret").await.status, 401);
    assert_eq!(site.try_login("short-client", "fresh").await.status, 200);
}

#[tokio::test]
async fn tokens_that_do_not_verify_are_token_errors() {
    let site = Site::start().await;
    let other = Site::start().await.login("reader").await;
    for (token, message) in [
        ("garbage", "malformed"),
        ("a.b.c", "malformed"),
        (other.as_str(), "invalid signature"),
        ("eyJhbGciOiJIUzM4NCJ9.e30.AAAA", "invalid algorithm"),
    ] {
        let (status, error, text) = site.list(token, "").await.refusal();
        assert_eq!((status, error.as_str()), (403, "TokenError"));
        assert!(text.contains(message), "{token}: {text}");
    }
    let missing = site.send(site.request(Method::GET, "/api/v4/secrets?projectId=x&environment=dev")).await.refusal();
    assert_eq!(missing, (401, "UnauthorizedError".into(), "Token missing".into()));
    let key = site.send(site.request(Method::GET, "/api/v4/secrets").header("x-api-key", "k")).await;
    assert_eq!(key.status, 400);
}

#[tokio::test]
async fn an_expired_token_is_403_and_a_revoked_one_401() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.state().expire_tokens(Some("reader")).unwrap();
    let expired = (403, "TokenError".to_owned(), "Your token has expired. Please re-authenticate.".to_owned());
    assert_eq!(site.list(&token, "").await.refusal(), expired);
    let token = site.login("reader").await;
    site.server.state().revoke_tokens(None).unwrap();
    let revoked = site.list(&token, "").await.refusal();
    assert_eq!(revoked, (401, "UnauthorizedError".into(), "Failed to authorize: token has been revoked".into()));

    let token = site.login("short").await;
    site.server.state().clock().advance(Duration::from_secs(101));
    assert_eq!(site.list(&token, "").await.refusal(), expired);
}

#[tokio::test]
async fn a_stale_bearer_fails_even_a_login() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.state().revoke_tokens(Some("reader")).unwrap();
    let body = json!({ "clientId": "reader-client", "clientSecret": "reader-secret" });
    let answer = site.change(Method::POST, &token, "/api/v1/auth/universal-auth/login", body).await;
    assert_eq!(answer.status, 401);
    assert_eq!(site.server.logins(), 1);
}

#[tokio::test]
async fn uses_are_counted() {
    let site = Site::start().await;
    let bounds = TokenBounds { uses: 2, ..TokenBounds::DEFAULT };
    site.server.state().set_token_bounds("reader", bounds).unwrap();
    let token = site.login("reader").await;
    assert_eq!(site.list(&token, "").await.status, 200);
    assert_eq!(site.list(&token, "").await.status, 200);
    assert_eq!(site.list(&token, "").await.refusal().2, "Failed to authorize: token usage limit reached");
    let renewed = site.post("/api/v1/auth/token/renew", json!({ "accessToken": token })).await;
    assert_eq!(renewed.refusal().2, "Cannot renew exhausted access token");
}

/// The whole second at which the clock is stopped.
const START: &str = "2026-03-01T12:00:00Z";

#[tokio::test]
async fn renewals_shrink_towards_the_maximum() {
    let site = Site::start().await;
    let clock = site.server.state().clock();
    clock.stop_at(START.parse().unwrap());
    let renew = |token: String| site.post("/api/v1/auth/token/renew", json!({ "accessToken": token }));
    let first = site.login("short").await;
    clock.advance(Duration::from_secs(90));
    let second = renew(first.clone()).await.json();
    assert_eq!((&second["expiresIn"], &second["accessTokenMaxTTL"]), (&json!(60), &json!(150)));
    let second = second["accessToken"].as_str().unwrap().to_owned();
    clock.advance(Duration::from_millis(59_500));
    assert_eq!(renew(second.clone()).await.refusal().2, "Cannot renew: identity access token has reached its max TTL");
    assert_eq!(site.list(&second, "").await.status, 200);
    assert_eq!(renew(first).await.refusal().1, "TokenError");
    clock.advance(Duration::from_millis(500));
    assert_eq!(renew(second).await.refusal().1, "TokenError");
}

#[tokio::test]
async fn revoking_a_token_kills_what_was_renewed_from_it() {
    let site = Site::start().await;
    let first = site.login("reader").await;
    let renew = |token: &str| site.post("/api/v1/auth/token/renew", json!({ "accessToken": token }));
    let second = renew(&first).await.json()["accessToken"].as_str().unwrap().to_owned();
    assert_eq!((site.list(&first, "").await.status, site.list(&second, "").await.status), (200, 200));
    let revoked = site.post("/api/v1/auth/token/revoke", json!({ "accessToken": first })).await;
    assert_eq!(revoked.json()["message"], "Successfully revoked access token");
    assert_eq!(site.list(&second, "").await.status, 401);
    assert_eq!(renew(&second).await.refusal().2, "Cannot renew revoked or unknown access token");
}

#[tokio::test]
async fn the_middle_generation_lets_a_token_die_that_it_does_not_renew() {
    let site = Site::with(Config { generation: Generation::Mid, ..Config::new(Seed::parse(SEED).unwrap()) }).await;
    site.server.state().clock().stop_at(START.parse().unwrap());
    let token = site.login("short").await;
    let renew = || site.post("/api/v1/auth/token/renew", json!({ "accessToken": token }));
    site.server.state().clock().advance(Duration::from_secs(50));
    assert_eq!(renew().await.json()["expiresIn"], 100);
    site.server.state().clock().advance(Duration::from_secs(1));
    assert_eq!(renew().await.refusal().2, "Failed to renew MI access token due to Max TTL expiration");
    assert_eq!(site.list(&token, "").await.refusal(), (401, "UnauthorizedError".into(), "No identity access token found".into()));
}

#[tokio::test]
async fn a_token_without_bounds_says_zero_and_lives_ninety_days() {
    let site = Site::start().await;
    let bounds = TokenBounds { ttl: 0, max_ttl: 0, uses: 0, period: 0 };
    site.server.state().set_token_bounds("reader", bounds).unwrap();
    let login = site.try_login("reader-client", "reader-secret").await.json();
    assert_eq!((&login["expiresIn"], &login["accessTokenMaxTTL"]), (&json!(0), &json!(0)));
    let token = login["accessToken"].as_str().unwrap();
    site.server.state().clock().advance(Duration::from_secs(7_775_900));
    assert_eq!(site.list(token, "").await.status, 200);
    site.server.state().clock().advance(Duration::from_secs(200));
    assert_eq!(site.list(token, "").await.refusal().1, "TokenError");
}

#[tokio::test]
async fn a_periodic_token_has_no_maximum() {
    let site = Site::start().await;
    let bounds = TokenBounds { ttl: 10, max_ttl: 10, uses: 0, period: 60 };
    site.server.state().set_token_bounds("reader", bounds).unwrap();
    let login = site.try_login("reader-client", "reader-secret").await.json();
    assert_eq!((&login["expiresIn"], &login["accessTokenMaxTTL"]), (&json!(60), &json!(1_000_000_000)));
    let mut token = login["accessToken"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        site.server.state().clock().advance(Duration::from_secs(50));
        let renewed = site.post("/api/v1/auth/token/renew", json!({ "accessToken": token })).await.json();
        token = renewed["accessToken"].as_str().unwrap().to_owned();
    }
    assert_eq!(site.list(&token, "").await.status, 200);
}
