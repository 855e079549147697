//! A server with the few endpoints that an operator needs for a sync, by interval and by event, and a fixed latency. It counts
//! what it is asked, since an operator's own numbers prove nothing.
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::stream;
use serde_json::json;
use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::broadcast;

/// As often as Infisical says that a stream lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What was asked so far, and what is answered.
pub struct Stub {
    latency: Duration,
    keys: usize,
    folders: usize,
    version: AtomicU64,
    calls: AtomicU64,
    logins: AtomicU64,
    events: broadcast::Sender<Bytes>,
}

impl Stub {
    /// Starts on a free port of loopback. Each of the folders `/app0`, `/app1` … holds `keys` secrets.
    pub async fn start(latency: Duration, keys: usize, folders: usize) -> anyhow::Result<(Arc<Self>, String)> {
        let stub = Arc::new(Self {
            latency,
            keys,
            folders,
            version: AtomicU64::new(1),
            calls: AtomicU64::new(0),
            logins: AtomicU64::new(0),
            // One for each folder at a change.
            events: broadcast::Sender::new(folders.max(1)),
        });
        let router = Router::new()
            .route("/api/v1/auth/universal-auth/login", post(login))
            .route("/api/v1/auth/token/renew", post(login))
            .route("/api/v1/auth/token/revoke", post(revoke))
            .route("/api/v1/projects/slug/{slug}", get(project))
            .route("/api/v4/secrets", get(list))
            .route("/api/v1/events/subscribe/project-events", post(subscribe))
            .fallback(missing)
            .with_state(Arc::clone(&stub));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((stub, address))
    }

    /// Changes every value of every folder, and tells the streams.
    pub fn change_all(&self) -> u64 {
        let version = self.version.fetch_add(1, Relaxed) + 1;
        for folder in 0..self.folders {
            let place = json!({ "environment": "dev", "secretPath": format!("/app{folder}"), "secretKey": "KEY_0" });
            let data = json!({ "projectType": "secret-manager", "data": { "eventType": "secret:update", "payload": [place] } });
            // Nobody may be listening.
            drop(self.events.send(format!("id: {version}\nevent: secret-manager\ndata: {data}\n\n").into()));
        }
        version
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

async fn subscribe(State(stub): State<Arc<Stub>>) -> Response {
    let events = stub.events.subscribe();
    stub.called().await;
    let stream = stream::unfold(events, async |mut events| {
        let next = match tokio::time::timeout(HEARTBEAT, events.recv()).await {
            Ok(event) => event.ok()?,
            Err(_) => Bytes::from_static(b"event: ping\ndata: 1\n\n"),
        };
        Some((Ok::<_, Infallible>(next), events))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn missing(State(stub): State<Arc<Stub>>) -> Response {
    stub.called().await;
    (StatusCode::NOT_FOUND, Json(json!({ "message": "Route not found", "error": "Not Found", "statusCode": 404 }))).into_response()
}
