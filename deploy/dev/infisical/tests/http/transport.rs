//! Addresses, TLS, and what a client with a wrong address meets.
use infisical_dev_server::{Config, Seed, Server, Tls};
use reqwest::Method;

use crate::client::{SEED, Site};

#[tokio::test]
async fn unknown_routes_are_fastifys_404_and_the_rest_is_the_page() {
    let site = Site::start().await;
    for (method, path) in
        [(Method::GET, "/api/nope?a=b"), (Method::PUT, "/api/v4/secrets"), (Method::GET, "/api"), (Method::POST, "/api/v1/auth/nope/login")]
    {
        let answer = site.send(site.request(method.clone(), path).json(&serde_json::json!({}))).await;
        let body = answer.json();
        assert_eq!((answer.status, body["error"].as_str()), (404, Some("Not Found")), "{path}");
        assert_eq!(body["message"], format!("Route {method}:{path} not found"));
        assert!(body.get("reqId").is_none());
    }
    for path in ["/", "/v3/secrets/raw", "/apiary"] {
        let answer = site.send(site.request(Method::GET, path)).await;
        assert_eq!((answer.status, answer.text.starts_with("<!doctype html>")), (200, true), "{path}");
    }
    let slash = site.send(site.request(Method::GET, "/api/status/")).await;
    assert_eq!(slash.json()["message"], "Ok");
    assert_eq!(slash.headers["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn tls_is_trusted_by_its_own_authority_only() {
    let config = Config { tls: Some(Tls::default()), ..Config::new(Seed::parse(SEED).unwrap()) };
    let site = Site::with(config).await;
    assert!(site.server.url().starts_with("https://127.0.0.1:"));
    let token = site.login("reader").await;
    assert_eq!(site.list(&token, "").await.status, 200);
    let port = site.server.address().port();
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(stranger.get(format!("https://localhost:{port}/api/status")).send().await.is_err());
}

#[tokio::test]
async fn a_port_is_free_after_the_end_and_a_taken_one_is_an_error() {
    let site = Site::start().await;
    let listen = site.server.address();
    let config = || Config { listen, ..Config::new(Seed::default()) };
    let error = Server::start(config()).await.err().unwrap().to_string();
    assert!(error.contains(&listen.to_string()), "{error}");
    site.server.shutdown().await;
    Server::start(config()).await.unwrap().shutdown().await;
}

#[test]
fn a_seed_is_checked_and_its_errors_quote_no_value() {
    let canary = "canary-5f1d";
    for text in [
        format!("projects: {canary}"),
        format!("projects: [{{slug: a, environments: [{{slug: dev, folders: {{/: {{secrets: {{A: [{canary}]}}}}}}}}]}}]"),
        format!("serviceTokens: [{{token: {{x: {canary}}}}}]"),
    ] {
        let error = Seed::parse(&text).unwrap_err().to_string();
        assert!(!error.contains(canary) && error.contains("seed.yaml"), "{error}");
    }
    let uniform = Seed::uniform(2, 3);
    assert!(!format!("{uniform:?}").contains("value-0-0"));
    assert!(Seed::demo().is_ok());
}

#[tokio::test]
async fn a_seed_whose_names_point_nowhere_does_not_start() {
    let seed = Seed::parse("projects: [{slug: a, members: {nobody: {}}}]").unwrap();
    let error = Server::start(Config::new(seed)).await.err().unwrap().to_string();
    assert!(error.contains("nobody"), "{error}");
}
