//! Probes and metrics over HTTP.
//!
//! `/livez` (also `/healthz`) answers as long as the process can answer. `/readyz` answers 200 once the caches are synced
//! and the default bundle is loaded, else 503 with what is missing; a replica that waits for the Lease is ready, since a
//! rolling update would wait for it for ever otherwise. `/metrics` has its own port, TLS by default.
use crate::{
    metrics::Metrics,
    options::{MetricsOptions, MetricsTls},
};
use anyhow::Context;
use axum::{Router, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use axum_server::{Handle, tls_rustls::RustlsConfig};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// What must be true before the operator is ready.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, bool>>>);

impl Readiness {
    /// Sets one requirement; one that was never set is not required.
    pub fn set(&self, what: &'static str, ready: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(what, ready);
    }

    /// What is missing.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|(_, ready)| !**ready).map(|(what, _)| *what).collect()
    }
}

/// Serves the probes until the token is cancelled.
///
/// # Errors
/// The address can't be bound.
pub async fn probes(address: SocketAddr, readiness: Readiness, stop: CancellationToken) -> anyhow::Result<SocketAddr> {
    let live = || async { "ok" };
    let router = Router::new().route("/livez", get(live)).route("/healthz", get(live)).route(
        "/readyz",
        get(move || {
            let missing = readiness.missing();
            async move {
                match missing.is_empty() {
                    true => (StatusCode::OK, "ok".to_owned()),
                    false => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}", missing.join(", "))),
                }
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind(address).await.with_context(|| format!("probes can't listen on {address}"))?;
    let bound = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "the probes ended");
        }
    });
    Ok(bound)
}

/// Serves `/metrics` until the token is cancelled.
///
/// # Errors
/// The address can't be bound, or the certificate can't be used.
pub async fn metrics(options: &MetricsOptions, metrics: Arc<Metrics>, stop: CancellationToken) -> anyhow::Result<SocketAddr> {
    let router = Router::new().route(
        "/metrics",
        get(move || async move {
            match metrics.text() {
                Ok(text) => ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }),
    );
    let listener = std::net::TcpListener::bind(options.address).with_context(|| format!("/metrics can't listen on {}", options.address))?;
    listener.set_nonblocking(true)?;
    let bound = listener.local_addr()?;
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.shutdown();
    });
    let tls = match &options.tls {
        None => None,
        Some(MetricsTls::Files { certificate, key }) => Some(
            RustlsConfig::from_pem_file(certificate, key)
                .await
                .with_context(|| format!("the certificate {} of /metrics can't be used", certificate.display()))?,
        ),
        Some(MetricsTls::SelfSigned) => {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
            Some(RustlsConfig::from_der(vec![made.cert.der().to_vec()], made.signing_key.serialize_der()).await?)
        }
    };
    let service = router.into_make_service();
    match tls {
        Some(tls) => {
            let server = axum_server::from_tcp_rustls(listener, tls)?.handle(handle);
            tokio::spawn(async move { ended(server.serve(service).await) });
        }
        None => {
            let server = axum_server::from_tcp(listener)?.handle(handle);
            tokio::spawn(async move { ended(server.serve(service).await) });
        }
    }
    Ok(bound)
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        tracing::error!(%error, "/metrics ended");
    }
}
