//! The page and its endpoints.
use reqwest::Method;
use serde_json::json;

use crate::client::Site;

#[tokio::test]
async fn the_page_edits_what_the_api_reads() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let place = json!({ "project": "shop", "environment": "dev", "path": "/app", "key": "PORT", "value": "1" });
    let put = |path: &str, body: serde_json::Value| site.send(site.request(Method::PUT, path).json(&body));
    assert_eq!(put("/dev/secrets", place.clone()).await.status, 200);
    assert_eq!(site.list(&token, "&secretPath=/app").await.json()["secrets"][0]["secretValue"], "1");
    let shown = site.send(site.request(Method::GET, "/dev/secrets?project=shop&environment=dev&path=/app")).await.json();
    assert_eq!((&shown["secrets"][0]["value"], &shown["secrets"][0]["version"]), (&json!("1"), &json!(2)));
    let deleted = site.send(site.request(Method::DELETE, "/dev/secrets").json(&place)).await;
    assert_eq!(deleted.status, 200);
    let state = site.send(site.request(Method::GET, "/dev/state")).await.json();
    assert_eq!(state["projects"][0]["environments"][0]["folders"][1], "/app");
    assert_eq!(state["calls"]["logins"], 1);
}

#[tokio::test]
async fn the_page_switches_failures() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let put = |body: serde_json::Value| site.send(site.request(Method::PUT, "/dev/faults").json(&body));
    for (mode, status) in [("unavailable", 503), ("internal-error", 500), ("rate-limited", 429)] {
        put(json!({ "mode": mode, "latencyMs": 0, "rateLimits": false })).await;
        assert_eq!(site.list(&token, "").await.status, status);
        assert_eq!(site.send(site.request(Method::GET, "/dev/state")).await.json()["faults"]["mode"], mode);
    }
    put(json!({ "mode": null, "latencyMs": 0, "rateLimits": true })).await;
    assert_eq!(site.list(&token, "").await.headers["x-ratelimit-limit"], "120");
    assert_eq!(site.send(site.request(Method::PUT, "/dev/tokens").json(&json!({ "how": "revoke" }))).await.status, 200);
    assert_eq!(site.list(&token, "").await.status, 401);
}

#[tokio::test]
async fn strangers_are_kept_out_and_inline_code_is_allowed_by_digest_only() {
    let site = Site::start().await;
    let rebound = site.send(site.request(Method::GET, "/dev/state").header("host", "evil.example")).await;
    assert_eq!(rebound.status, 403);
    let form = site.send(site.request(Method::PUT, "/dev/secrets").header("content-type", "text/plain").body("{}")).await;
    assert_eq!(form.status, 400);
    let page = site.send(site.request(Method::GET, "/")).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-") && !policy.contains("unsafe"));
}
