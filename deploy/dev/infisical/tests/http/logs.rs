//! What the server writes to its log, at its most talkative, holds nothing secret.
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use infisical_dev_server::Place;
use reqwest::Method;
use serde_json::json;
use tracing::level_filters::LevelFilter;

use crate::client::Site;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn logs_hold_no_secret_and_no_token() {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    // For the whole program: a subscriber of one thread would miss call sites that other tests reached first.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    const VALUE: &str = "canary-77aa";
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.state().set_secret(&Place::new("shop", "dev", "/app"), "PORT", VALUE).unwrap();
    assert!(site.list(&token, "&secretPath=/app").await.text.contains(VALUE));
    assert_eq!(site.try_login("reader-client", VALUE).await.status, 401);
    site.post("/api/v1/auth/token/renew", json!({ "accessToken": format!("{VALUE}.{VALUE}.{VALUE}") })).await;
    let body = json!({ "projectId": site.project("shop"), "environment": "dev", "secretPath": "/nope", "secretValue": VALUE });
    let refused = site.change(Method::POST, &token, "/api/v4/secrets/ONLY_HERE", body).await;
    assert_eq!(refused.status, 404);
    assert!(!refused.text.contains(VALUE));
    assert_eq!(site.get(&format!("st.one.{VALUE}"), "/api/v2/service-token").await.status, 401);

    let log = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/api/v4/secrets/ONLY_HERE"), "{log}");
    for secret in [VALUE, token.as_str(), "reader-secret"] {
        assert!(!log.contains(secret), "{log}");
    }
}
