//! `HTTP_PROXY` and `NO_PROXY`. They belong to the process, so each case runs in one of its own.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use infisical::{Address, Client, ClientConfig};
use std::process::Command;
use support::*;

const SERVER: &str = "INFISICAL_TEST_SERVER";

/// Lists from the server that the environment names, if it names one.
#[tokio::test]
async fn list_as_the_environment_says() {
    if let Ok(server) = std::env::var(SERVER) {
        let client = Client::new(ClientConfig::new(Address::parse(&server).unwrap(), "0")).unwrap();
        assert!(client.list_secrets(&token(), &folder(), None).await.is_ok());
    }
}

async fn list(server: &str, variables: [(&'static str, String); 2]) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "list_as_the_environment_says"]).env(SERVER, server).envs(variables);
    for other in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(other);
    }
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn the_proxy_is_used_but_for_the_exceptions() {
    let proxy = Server::start(|_| json(200, EMPTY)).await;
    let server = Server::start(|_| json(200, EMPTY)).await;
    let through = format!("http://{}", proxy.address);

    list("http://infisical.invalid", [("HTTP_PROXY", through.clone()), ("NO_PROXY", "127.0.0.1".into())]).await;
    let seen = proxy.seen();
    assert_eq!((seen.len(), seen[0].uri.host()), (1, Some("infisical.invalid")));

    list(&format!("http://{}", server.address), [("HTTP_PROXY", through), ("NO_PROXY", "127.0.0.1".into())]).await;
    assert_eq!((proxy.seen().len(), server.seen().len()), (1, 1));
}
