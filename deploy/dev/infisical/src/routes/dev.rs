//! The web page and the endpoints behind it, which look at the state and change it without a login.
//!
//! They answer loopback clients that name a loopback host only, and take changes as JSON only, so that neither another
//! machine nor a web page of another origin can use them.
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Server, date, ok};
use crate::errors::{ApiError, unknown_route};
use crate::events;
use crate::faults::Fault;
use crate::input::{Input, Query};
use crate::listen::Peer;
use crate::operation::Operation;
use crate::rate_limit::Limits;
use crate::state::handle::Place;

/// The page, served for every path outside of `/api`.
pub(crate) const PAGE: &str = include_str!("../../page/index.html");
/// Calls shown on the page.
const RECENT: usize = 40;

/// Allows the page's own script and style by their digests, and nothing else.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = |tag: &str| {
        let text = PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        STANDARD.encode(Sha256::digest(text.map_or("", |(text, _)| text)))
    };
    format!(
        "default-src 'none'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         script-src 'sha256-{}'; style-src 'sha256-{}'",
        digest("script"),
        digest("style")
    )
});

pub(super) fn routes(page: bool) -> Router<Server> {
    let router = Router::new().fallback(html);
    if !page {
        return router;
    }
    let admin = Router::new()
        .route("/dev/state", get(state))
        .route("/dev/secrets", get(secrets).put(set_secret).delete(delete_secret))
        .route("/dev/leases", get(leases))
        .route("/dev/folders", put(create_folder).delete(delete_folder))
        .route("/dev/faults", put(set_faults))
        .route("/dev/tokens", put(end_tokens))
        .route("/dev/streams", put(streams))
        .route_layer(from_fn(loopback_only));
    router.merge(admin)
}

async fn html(request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return unknown_route(request.method().clone(), request.uri().clone()).await;
    }
    let mut response = Html(PAGE).into_response();
    if let Ok(policy) = HeaderValue::from_str(&POLICY) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn loopback_only(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let json = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !peer.address.ip().to_canonical().is_loopback() || !names_loopback(host) {
        return ApiError::forbidden("Only clients on this machine may use the page").into_response();
    }
    if request.method() != Method::GET && !json {
        return ApiError::bad_request("Changes must be sent as application/json").into_response();
    }
    next.run(request).await
}

fn names_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.chars().all(|digit| digit.is_ascii_digit())).map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn state(State(shared): State<Server>) -> Response {
    let projects: Vec<Value> = {
        let world = shared.state.read();
        let environment = |environment: &crate::state::Environment| {
            let folders: Vec<&String> = environment.folders.keys().collect();
            json!({ "slug": environment.slug, "name": environment.name, "folders": folders })
        };
        let project = |project: &crate::state::Project| {
            let environments: Vec<Value> = project.environments.iter().map(environment).collect();
            json!({ "slug": project.slug, "name": project.name, "environments": environments })
        };
        world.projects.iter().map(project).collect()
    };
    let calls = shared.calls.read(|log| {
        let recent: Vec<_> = log.iter().rev().take(RECENT).collect();
        json!({
            "total": log.total(),
            "logins": log.with_status(Operation::Login, 200),
            "lists": log.count(Operation::ListSecrets),
            "notModified": log.with_status(Operation::ListSecrets, 304),
            "inFlight": log.in_flight(),
            "recent": recent,
        })
    });
    let faults = json!({
        "mode": shared.faults.general().map(Mode::of),
        "latencyMs": shared.faults.latency().as_millis() as u64,
        "rateLimits": shared.limiter.limits().is_some(),
    });
    ok(json!({ "projects": projects, "calls": calls, "faults": faults }))
}

fn place(input: &mut Input) -> Place {
    Place::new(&input.required("project"), &input.required("environment"), &input.required("path"))
}

async fn secrets(State(shared): State<Server>, Query(mut input): Query) -> Result<Response, ApiError> {
    let place = place(&mut input);
    input.finish()?;
    let world = shared.state.read();
    let project = world.projects.iter().find(|project| project.slug == place.project || project.id == place.project);
    let folder = project.and_then(|project| project.folder(&place.environment, &place.path));
    let folder = folder.ok_or_else(|| ApiError::not_found(format!("Folder with path '{}' not found", place.path)))?;
    let rows: Vec<Value> = folder
        .secrets
        .iter()
        .map(|(key, secret)| {
            json!({
                "key": key,
                "value": secret.content.value.expose(),
                "comment": secret.content.comment,
                "version": secret.version,
                "updatedAt": date(secret.updated),
            })
        })
        .collect();
    let imports: Vec<Value> =
        folder.imports.iter().map(|import| json!({ "environment": import.environment, "path": import.path })).collect();
    Ok(ok(json!({ "secrets": rows, "imports": imports })))
}

/// Every lease, and the database users that were made for leases and live.
async fn leases(State(shared): State<Server>) -> Response {
    let world = shared.state.read();
    let of = |secret: &crate::leases::DynamicSecret| {
        let rows = secret.leases.iter().map(|lease| {
            let mut row = super::leases::lease_shape(secret, lease);
            if let Some(row) = row.as_object_mut() {
                row.insert("dynamicSecret".to_owned(), json!(secret.name));
                row.insert("environment".to_owned(), json!(secret.environment));
                row.insert("path".to_owned(), json!(secret.path));
            }
            row
        });
        rows.collect::<Vec<_>>()
    };
    let leases: Vec<Value> = world.dynamic_secrets.iter().flat_map(of).collect();
    ok(json!({ "leases": leases, "databaseUsers": world.database_users.names() }))
}

async fn set_secret(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let place = place(&mut input);
    let key = input.non_empty("key");
    let value = input.required("value");
    input.finish()?;
    shared.state.set_secret(&place, &key, &value)?;
    Ok(ok(json!({})))
}

async fn delete_secret(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let place = place(&mut input);
    let key = input.non_empty("key");
    input.finish()?;
    shared.state.delete_secret(&place, &key)?;
    Ok(ok(json!({})))
}

async fn create_folder(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let place = place(&mut input);
    input.finish()?;
    shared.state.create_folder(&place)?;
    Ok(ok(json!({})))
}

async fn delete_folder(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let place = place(&mut input);
    input.finish()?;
    shared.state.delete_folder(&place)?;
    Ok(ok(json!({})))
}

/// The ways to fail that the page offers.
#[derive(Clone, Copy, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Unavailable,
    InternalError,
    RateLimited,
    Cut,
    Html,
    Hang,
}

impl Mode {
    fn of(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable { .. } => Self::Unavailable,
            Fault::Status(_) => Self::InternalError,
            Fault::RateLimited { .. } => Self::RateLimited,
            Fault::Cut => Self::Cut,
            Fault::Html => Self::Html,
            Fault::Hang => Self::Hang,
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::Unavailable => Fault::Unavailable { retry_after: None },
            Self::InternalError => Fault::Status(500),
            Self::RateLimited => Fault::RateLimited { retry_after: 5 },
            Self::Cut => Fault::Cut,
            Self::Html => Fault::Html,
            Self::Hang => Fault::Hang,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Switches {
    mode: Option<Mode>,
    latency_ms: u64,
    rate_limits: bool,
    /// Refuses connections for so long; the page itself is cut off meanwhile, so it ends by itself.
    #[serde(default)]
    refuse_seconds: u64,
}

async fn set_faults(State(shared): State<Server>, Json(wanted): Json<Switches>) -> Response {
    shared.faults.clear();
    if let Some(mode) = wanted.mode {
        shared.faults.all(mode.fault());
    }
    shared.faults.set_latency(Duration::from_millis(wanted.latency_ms.min(60_000)));
    shared.limiter.set(wanted.rate_limits.then_some(Limits::FREE));
    if wanted.refuse_seconds > 0 {
        let faults = shared.faults.clone();
        tokio::spawn(async move {
            // The answer to this very request goes out first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            faults.refuse_connections(true);
            tokio::time::sleep(Duration::from_secs(wanted.refuse_seconds.min(600))).await;
            faults.refuse_connections(false);
        });
    }
    ok(json!({}))
}

async fn end_tokens(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let how = input.required("how");
    if !matches!(how.as_str(), "revoke" | "expire") {
        input.issue("how", "Expected 'revoke' or 'expire'");
    }
    input.finish()?;
    if how == "revoke" {
        shared.state.revoke_tokens(None)?
    } else {
        shared.state.expire_tokens(None)?
    }
    Ok(ok(json!({})))
}

/// Ends, cuts or silences all event streams, lets silent ones speak, or refuses new ones as a plan without events does.
async fn streams(State(shared): State<Server>, Json(body): Json<Value>) -> Result<Response, ApiError> {
    let mut input = Input::new(body);
    let how = input.required("how");
    let words = input.string("words");
    if !matches!(how.as_str(), "end" | "cut" | "silence" | "speak" | "refuse" | "allow") {
        input.issue("how", "Expected 'end', 'cut', 'silence', 'speak', 'refuse' or 'allow'");
    }
    input.finish()?;
    let streams = shared.state.streams();
    match how.as_str() {
        "end" => streams.end(),
        "cut" => streams.cut(),
        "silence" | "speak" => streams.silence(how == "silence"),
        "refuse" => streams.refuse_plan(Some(words.as_deref().unwrap_or(events::NO_PLAN))),
        _ => streams.refuse_plan(None),
    }
    Ok(ok(json!({ "open": streams.open() })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "127.9.9.9"] {
            assert!(names_loopback(host), "{host}");
        }
        for host in ["", "example.com", "localhost.example.com:80", "10.0.0.1:8080", "[fe80::1]:80"] {
            assert!(!names_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_policy_covers_the_script_and_the_style() {
        assert_eq!(PAGE.matches("<script>").count(), 1);
        assert_eq!(PAGE.matches("<style>").count(), 1);
        assert!(!PAGE.contains(" style=") && !PAGE.contains(" onclick="), "the policy forbids inline attributes");
        let empty = STANDARD.encode(Sha256::digest(""));
        assert!(!POLICY.contains(&empty));
    }
}
