//! The server that hostile is granted. It has a thread of its own, since tests share it and each has its own runtime.
use axum::{Router, extract::RawQuery, http::StatusCode, response::IntoResponse, routing::get};
use hostile::{SERVER, take_server_address};
use std::{
    sync::{LazyLock, OnceLock},
    thread,
};
use tokio::sync::watch;

/// Requests that wait at `/queue`.
static QUEUED: LazyLock<watch::Sender<usize>> = LazyLock::new(watch::Sender::default);

/// Waits until so many requests wait at `/queue`.
pub async fn queued(count: usize) {
    QUEUED.subscribe().wait_for(|queued| *queued >= count).await.unwrap();
}

/// Starts it, once. `/silent` and `/queue` never answer, `/redirect?URL` leads elsewhere, everything else is well.
pub fn start() -> String {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let listener = take_server_address();
        listener.set_nonblocking(true).unwrap();
        thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let routes = Router::new()
                    .route("/silent", get(std::future::pending::<()>))
                    .route("/queue", get(queue))
                    .route(
                        "/redirect",
                        get(async |RawQuery(to)| (StatusCode::FOUND, [("location", to.unwrap_or_default())]).into_response()),
                    )
                    .fallback(async || "well");
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), routes).await.unwrap();
            });
        });
    });
    format!("http://{SERVER}")
}

async fn queue() {
    QUEUED.send_modify(|queued| *queued += 1);
    std::future::pending().await
}
