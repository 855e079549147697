//! What tests of sessions and reads share: a scripted Infisical over real HTTP, a scripted prover, logins.
use crate::{
    clock::manual::ManualClock,
    metrics::Metrics,
    object::ObjectRef,
    plan::{Ambient, Login, Server},
    session::{ClientSettings, Prover, Sessions, SessionsConfig},
};
use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::future::BoxFuture;
use runtime::{AuthCall, Exchange, Failure, Proof, Proved};
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::watch;

pub const CANARY: &str = "hunter2-canary";

/// A status and a body, with `Retry-After` where wanted.
#[derive(Clone)]
pub struct Scripted(pub u16, pub String, pub Option<u64>);

impl Scripted {
    pub fn error(status: u16, error: &str) -> Self {
        Self(status, format!(r#"{{"reqId":"req-1","statusCode":{status},"message":"no {CANARY}","error":"{error}"}}"#), None)
    }

    pub fn after(self, seconds: u64) -> Self {
        Self(self.0, self.1, Some(seconds))
    }
}

impl IntoResponse for Scripted {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::from_u16(self.0).unwrap(), [("content-type", "application/json")], self.1).into_response();
        if let Some(after) = self.2 {
            response.headers_mut().insert("retry-after", after.into());
        }
        response
    }
}

/// What the server does and what it has seen.
pub struct Script {
    pub expires_in: u64,
    pub max_ttl: u64,
    pub valid: BTreeSet<String>,
    /// Lists that a token is good for.
    pub uses: Option<usize>,
    used: BTreeMap<String, usize>,
    /// Bodies of logins.
    pub logins: Vec<String>,
    pub renewals: usize,
    pub revoked: Vec<String>,
    pub lookups: usize,
    /// Queries of lists that had a valid token.
    pub lists: Vec<String>,
    pub refuse_login: Option<Scripted>,
    pub refuse_renewal: Option<Scripted>,
    /// Instead of any read.
    pub refuse_read: Option<Scripted>,
    pub refuse_stream: Option<Scripted>,
    /// Keys and values by folder; a folder that is missing is 404.
    pub folders: BTreeMap<String, BTreeMap<String, String>>,
    /// Answers to the next lists, before the folders are looked at.
    pub next_lists: Vec<Scripted>,
    issued: usize,
}

pub struct FakeInfisical {
    pub address: String,
    script: Arc<Mutex<Script>>,
    open: watch::Sender<bool>,
    pub in_flight: Arc<AtomicUsize>,
    pub most_in_flight: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Shared {
    script: Arc<Mutex<Script>>,
    open: watch::Receiver<bool>,
    in_flight: Arc<AtomicUsize>,
    most_in_flight: Arc<AtomicUsize>,
}

impl FakeInfisical {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script {
            expires_in: 3600,
            max_ttl: 0,
            valid: BTreeSet::new(),
            uses: None,
            used: BTreeMap::new(),
            logins: Vec::new(),
            renewals: 0,
            revoked: Vec::new(),
            lookups: 0,
            lists: Vec::new(),
            refuse_login: None,
            refuse_renewal: None,
            refuse_read: None,
            refuse_stream: None,
            folders: BTreeMap::new(),
            next_lists: Vec::new(),
            issued: 0,
        }));
        let (open, opened) = watch::channel(true);
        let (in_flight, most_in_flight) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let shared = Shared { script: script.clone(), open: opened, in_flight: in_flight.clone(), most_in_flight: most_in_flight.clone() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(serve).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, script, open, in_flight, most_in_flight }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    /// From now on nothing is answered until it is opened again.
    pub fn close(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Ends all tokens, as an administrator would.
    pub fn invalidate(&self) {
        self.script().valid.clear();
    }

    pub fn logins(&self) -> usize {
        self.script().logins.len()
    }

    pub fn lists(&self) -> usize {
        self.script().lists.len()
    }
}

async fn serve(State(mut shared): State<Shared>, request: Request) -> Response {
    let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_in_flight.fetch_max(now, Ordering::SeqCst);
    shared.open.wait_for(|open| *open).await.unwrap();
    shared.in_flight.fetch_sub(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let body = String::from_utf8(axum::body::to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
    let mut script = shared.script.lock().unwrap();
    script.answer(parts.uri.path(), parts.uri.query().unwrap_or_default(), header("authorization"), header("if-none-match"), &body)
}

impl Script {
    fn answer(&mut self, path: &str, query: &str, authorization: Option<String>, etag: Option<String>, body: &str) -> Response {
        let token_in_body = || serde_json::from_str::<serde_json::Value>(body).unwrap()["accessToken"].as_str().unwrap().to_owned();
        match path {
            "/api/v1/auth/token/renew" => {
                self.renewals += 1;
                match &self.refuse_renewal {
                    Some(refusal) => refusal.clone().into_response(),
                    None => self.issue(),
                }
            }
            "/api/v1/auth/token/revoke" => {
                let token = token_in_body();
                self.valid.remove(&token);
                self.revoked.push(token);
                Scripted(200, r#"{"message":"ok"}"#.into(), None).into_response()
            }
            path if path.ends_with("/login") => {
                assert_eq!(authorization, None);
                self.logins.push(body.to_owned());
                match &self.refuse_login {
                    Some(refusal) => refusal.clone().into_response(),
                    None => self.issue(),
                }
            }
            path => {
                let token = authorization.map(|header| header.trim_start_matches("Bearer ").to_owned());
                let Some(token) = token.filter(|token| self.valid.contains(token)) else {
                    return Scripted::error(403, "TokenError").into_response();
                };
                let used = self.used.entry(token).or_default();
                if self.uses.is_some_and(|uses| *used >= uses) {
                    return Scripted::error(401, "UnauthorizedError").into_response();
                }
                *used += 1;
                if let Some(refusal) = self.refuse_stream.as_ref().filter(|_| path.contains("/events/")) {
                    return refusal.clone().into_response();
                }
                if let Some(refusal) = &self.refuse_read {
                    return refusal.clone().into_response();
                }
                if path.starts_with("/api/v1/projects/") {
                    self.lookups += 1;
                    return Scripted(200, r#"{"id":"project-1","slug":"slug"}"#.into(), None).into_response();
                }
                self.list(query, etag)
            }
        }
    }

    fn issue(&mut self) -> Response {
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.valid.insert(token.clone());
        let (life, age) = (self.expires_in, self.max_ttl);
        let body = format!(r#"{{"accessToken":"{token}","expiresIn":{life},"accessTokenMaxTTL":{age},"tokenType":"Bearer"}}"#);
        Scripted(200, body, None).into_response()
    }

    fn list(&mut self, query: &str, etag: Option<String>) -> Response {
        self.lists.push(query.to_owned());
        if !self.next_lists.is_empty() {
            return self.next_lists.remove(0).into_response();
        }
        let url = url::Url::parse(&format!("http://x/?{query}")).unwrap();
        let path = url.query_pairs().find(|(name, _)| name == "secretPath").unwrap().1.into_owned();
        let Some(secrets) = self.folders.get(&path) else {
            return Scripted::error(404, "SecretPathNotFound").into_response();
        };
        let secrets: Vec<_> = secrets.iter().map(|(key, value)| serde_json::json!({"secretKey": key, "secretValue": value})).collect();
        let body = serde_json::json!({"secrets": secrets, "imports": []}).to_string();
        let tag = format!("\"{:x}\"", crc(body.as_bytes()));
        if etag.as_deref() == Some(&*tag) {
            return StatusCode::NOT_MODIFIED.into_response();
        }
        let mut response = Scripted(200, body, None).into_response();
        response.headers_mut().insert("etag", tag.parse().unwrap());
        response
    }
}

fn crc(bytes: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hasher};
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Proves by the input `secret`; counts its calls.
#[derive(Default)]
pub struct FakeProver {
    pub calls: AtomicUsize,
    pub fail: Mutex<Option<Failure>>,
    /// Gives an access token as it is instead of something to exchange.
    pub as_it_is: Mutex<Option<String>>,
}

impl Prover for FakeProver {
    fn authenticate(&self, call: AuthCall) -> BoxFuture<'_, Result<Proved, Failure>> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if let Some(failure) = self.fail.lock().unwrap().clone() {
                return Err(failure);
            }
            let proof = match self.as_it_is.lock().unwrap().clone() {
                Some(token) => Proof::Token(token.into()),
                None => {
                    let secret = String::from_utf8(call.inputs["secret"].expose_secret().to_vec()).unwrap();
                    let fields = serde_json::json!({"secret": secret, "proof": number});
                    let fields = fields.as_object().unwrap().clone();
                    let path = "/v1/auth/fake-auth/login".into();
                    Proof::Exchange(Exchange { path, fields, headers: Vec::new(), client_identity: None })
                }
            };
            Ok(Proved { proof, notices: vec!["deprecated".into()], digest: "sha256:1".into() })
        })
    }
}

pub struct World {
    pub clock: Arc<ManualClock>,
    pub prover: Arc<FakeProver>,
    pub metrics: Arc<Metrics>,
    pub sessions: Sessions,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut SessionsConfig)) -> Self {
        let (clock, prover, metrics) = <(Arc<ManualClock>, Arc<FakeProver>, Arc<Metrics>)>::default();
        let client = ClientSettings::new("test", Some(metrics.clone()));
        let mut config = SessionsConfig::new(prover.clone(), Arc::new(|_| None), metrics.clone(), client, clock.clone());
        change(&mut config);
        Self { clock, prover, metrics, sessions: Sessions::new(config) }
    }
}

pub fn login(server: &str, secret: &str) -> Arc<Login> {
    login_with(server, secret, |_| {})
}

pub fn login_with(server: &str, secret: &str, change: impl FnOnce(&mut Login)) -> Arc<Login> {
    let server = Server { address: infisical::Address::parse(server).unwrap(), ca: None, trusted: false };
    let secret = Arc::new(runtime::SecretBytes::from(secret.as_bytes().to_vec()));
    let mut login = Login {
        server,
        organisation: None,
        plugin: "fake".into(),
        settings: serde_json::json!({}),
        inputs: BTreeMap::from([("secret".to_owned(), secret)]),
        service_account: None,
        ambient: Ambient::UntrustedServer,
        namespace: "n".into(),
        place: "FAKE".into(),
        method: "FAKE".into(),
    };
    change(&mut login);
    Arc::new(login)
}

pub fn user(name: impl ToString) -> ObjectRef {
    ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: name.to_string() }
}
