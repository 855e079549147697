//! A server with the few endpoints that an operator needs for a first sync, and a fixed latency. It counts what it is asked,
//! since an operator's own numbers prove nothing.
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// What was asked so far, and what is answered.
pub struct Stub {
    latency: Duration,
    keys: usize,
    version: AtomicU64,
    calls: AtomicU64,
    logins: AtomicU64,
}

impl Stub {
    /// Starts on a free port of loopback. Every folder holds `keys` secrets.
    pub async fn start(latency: Duration, keys: usize) -> anyhow::Result<(Arc<Self>, String)> {
        let stub = Arc::new(Self { latency, keys, version: AtomicU64::new(1), calls: AtomicU64::new(0), logins: AtomicU64::new(0) });
        let router = Router::new()
            .route("/api/v1/auth/universal-auth/login", post(login))
            .route("/api/v1/auth/token/renew", post(login))
            .route("/api/v1/auth/token/revoke", post(revoke))
            .route("/api/v1/projects/slug/{slug}", get(project))
            .route("/api/v4/secrets", get(list))
            .fallback(missing)
            .with_state(Arc::clone(&stub));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((stub, address))
    }

    /// Changes every value of every folder.
    pub fn change_all(&self) -> u64 {
        self.version.fetch_add(1, Relaxed) + 1
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub fn logins(&self) -> u64 {
        self.logins.load(Relaxed)
    }

    async fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
        tokio::time::sleep(self.latency).await;
    }
}

async fn login(State(stub): State<Arc<Stub>>) -> Json<serde_json::Value> {
    stub.logins.fetch_add(1, Relaxed);
    stub.called().await;
    Json(json!({ "accessToken": "bench", "expiresIn": 7200, "accessTokenMaxTTL": 7200, "tokenType": "Bearer" }))
}

async fn revoke(State(stub): State<Arc<Stub>>) -> Json<serde_json::Value> {
    stub.called().await;
    Json(json!({ "message": "Successfully revoked access token" }))
}

async fn project(State(stub): State<Arc<Stub>>) -> Json<serde_json::Value> {
    stub.called().await;
    Json(json!({ "id": "p1", "slug": "bench", "name": "bench" }))
}

async fn list(State(stub): State<Arc<Stub>>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Response {
    stub.called().await;
    let path = query.get("secretPath").map_or("/", String::as_str);
    let version = stub.version.load(Relaxed);
    let etag = format!("\"{path}-{version}\"");
    if headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let secrets: Vec<_> = (0..stub.keys)
        .map(|key| {
            json!({
                "id": format!("{path}-{key}"), "workspace": "p1", "environment": "dev", "version": version, "type": "shared",
                "secretKey": format!("KEY_{key}"), "secretValue": format!("value-{path}-{key}-v{version}"),
                "secretComment": "", "secretPath": path, "secretValueHidden": false,
            })
        })
        .collect();
    ([(header::ETAG, etag)], Json(json!({ "secrets": secrets, "imports": [] }))).into_response()
}

async fn missing(State(stub): State<Arc<Stub>>) -> Response {
    stub.called().await;
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Route not found", "error": "Not Found", "statusCode": 404 }))).into_response()
}
