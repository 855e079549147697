//! Servers on loopback, as far as the tests of the client need them.
#![allow(dead_code, reason = "each test file uses a part")]
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
};
use infisical::{Address, Client, ClientConfig, ListRequest, Token};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::TcpListener;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn query(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&format!("http://x{}", self.uri)).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

type Answer = Arc<dyn Fn(&Seen) -> Response + Send + Sync>;

/// A server that answers by a function and remembers what it was asked.
pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

async fn answer(State((seen, answer)): State<(Arc<Mutex<Vec<Seen>>>, Answer)>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let one = Seen { method: parts.method, uri: parts.uri, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() };
    seen.lock().unwrap().push(one.clone());
    answer(&one)
}

pub fn router(answer_with: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> (Router, Arc<Mutex<Vec<Seen>>>) {
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let router = Router::new().fallback(answer).with_state((seen.clone(), Arc::new(answer_with) as Answer));
    (router, seen)
}

impl Server {
    pub async fn start(answer_with: impl Fn(&Seen) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (router, seen) = router(answer_with);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    pub fn client(&self) -> Client {
        Client::new(self.config()).unwrap()
    }

    pub fn config(&self) -> ClientConfig {
        ClientConfig::new(Address::parse(&format!("http://{}", self.address)).unwrap(), "1.2.3")
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.uri.path().to_owned()).collect()
    }
}

pub fn token() -> Token {
    Token::new("canary-token".to_owned().into())
}

pub fn folder() -> ListRequest {
    ListRequest {
        project_id: "p".into(),
        environment: "dev".into(),
        path: "/app".into(),
        recursive: true,
        expand_references: true,
        include_imports: false,
        tags: vec!["a".into(), "b".into()],
    }
}

pub fn json(status: u16, body: &str) -> Response {
    let status = axum::http::StatusCode::from_u16(status).unwrap();
    (status, [("content-type", "application/json; charset=utf-8")], body.to_owned()).into_response()
}

/// What the server's router says about a path that it does not have.
pub fn no_route(seen: &Seen) -> Response {
    let path = seen.uri.path();
    json(404, &format!(r#"{{"message":"Route GET:{path} not found","error":"Not Found","statusCode":404}}"#))
}

pub const EMPTY: &str = r#"{"secrets":[],"imports":[]}"#;

/// The error of a call that must fail; what succeeded may hold values and can't be formatted.
pub fn failed<T>(result: Result<T, infisical::Error>) -> infisical::Error {
    match result {
        Ok(_) => panic!("the call succeeded"),
        Err(error) => error,
    }
}
