//! Streams of events, against the development server in both generations and against servers that do worse.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use infisical::{
    Address, Change, ChangeKind, Class, Client, ClientConfig, Error, Event, EventStream, Fields, LoginRequest, Place, SubscribeRequest,
    Timeouts, Token,
};
use infisical_dev_server::{Config, Generation, NO_PLAN, Place as Folder, Seed, Server};
use std::{sync::Arc, time::Duration};
use support::failed;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const PROJECT: &str = "33333333-4444-4555-8666-777777777777";

async fn start(generation: Generation, change: impl FnOnce(&mut ClientConfig)) -> (Server, Client, Token) {
    let server = Server::start(Config { generation, ..Config::new(Seed::demo().unwrap()) }).await.unwrap();
    let mut config = ClientConfig::new(Address::parse(&server.url()).unwrap(), "test");
    change(&mut config);
    let client = Client::new(config).unwrap();
    let members = serde_json::json!({"clientId": "demo-client", "clientSecret": "demo-client-secret"});
    let login = LoginRequest {
        path: "/v1/auth/universal-auth/login".into(),
        fields: Fields::new(members.as_object().unwrap().clone()),
        headers: Vec::new(),
        client_identity: None,
        organisation: None,
    };
    let token = client.login(&login).await.unwrap().token;
    (server, client, token)
}

fn everything() -> SubscribeRequest {
    SubscribeRequest { project_id: PROJECT.into(), places: Vec::new() }
}

fn place(environment: &str, path: &str) -> Place {
    Place { environment: environment.into(), path: path.into() }
}

async fn change(stream: &mut EventStream) -> Change {
    loop {
        match stream.next().await.unwrap() {
            Some(Event::Change(change)) => return change,
            Some(Event::Heartbeat) => {}
            Some(Event::Withdrawn) => panic!("withdrawn"),
            None => panic!("the stream ended"),
        }
    }
}

async fn end(stream: &mut EventStream) -> Result<bool, Error> {
    let mut withdrawn = false;
    while let Some(event) = stream.next().await? {
        withdrawn |= event == Event::Withdrawn;
    }
    Ok(withdrawn)
}

#[tokio::test]
async fn changes_are_heard_in_every_generation_between_heartbeats() {
    for (generation, unnamed) in
        [(Generation::Newest, false), (Generation::Newest, true), (Generation::Mid, false), (Generation::Mid, true)]
    {
        let name = format!("{generation:?} {unnamed}");
        let (server, client, token) = start(generation, |_| {}).await;
        server.streams().set_heartbeat(Duration::from_millis(5));
        server.streams().set_unnamed(unnamed);
        let mut stream = client.subscribe(&token, &everything()).await.unwrap();
        for _ in 0..3 {
            assert!(stream.next().await.unwrap() == Some(Event::Heartbeat), "{name}");
        }
        let folder = Folder::new("demo", "dev", "/");
        server.state().set_secret(&folder, "ONCE", "canary-value").unwrap();
        assert!(change(&mut stream).await == Change { kind: ChangeKind::Create, places: vec![place("dev", "/")] }, "{name}");
        server.state().set_secret(&folder, "ONCE", "again").unwrap();
        assert!(change(&mut stream).await.kind == ChangeKind::Update, "{name}");
        server.state().delete_secret(&folder, "ONCE").unwrap();
        assert!(change(&mut stream).await.kind == ChangeKind::Delete, "{name}");
        server.state().set_imports(&folder, &[("prod", "/")]).unwrap();
        assert!(change(&mut stream).await == Change { kind: ChangeKind::Import, places: vec![place("dev", "/")] }, "{name}");
    }
}

#[tokio::test]
async fn a_stream_outlives_the_time_out_of_calls_but_not_silence() {
    let (total, silence) = (Duration::from_secs(1), Duration::from_secs(3));
    let (server, client, token) = start(Generation::Newest, |config| {
        config.timeouts = Timeouts { total, ..Timeouts::default() };
        config.silence = silence;
    })
    .await;
    server.streams().set_heartbeat(Duration::from_millis(50));
    let mut stream = client.subscribe(&token, &everything()).await.unwrap();
    let opened = tokio::time::Instant::now();
    while opened.elapsed() < 2 * total {
        assert!(stream.next().await.unwrap() == Some(Event::Heartbeat));
    }
    server.streams().silence(true);
    let error = loop {
        match stream.next().await {
            Ok(event) => assert!(event == Some(Event::Heartbeat)),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, Error::TimedOut { after, .. } if *after == silence), "{error}");
}

#[tokio::test]
async fn an_end_a_cut_and_a_withdrawal_are_told_apart() {
    let (server, client, token) = start(Generation::Mid, |_| {}).await;
    let mut ending = client.subscribe(&token, &everything()).await.unwrap();
    server.streams().end();
    assert!(!end(&mut ending).await.unwrap());
    let mut cut = client.subscribe(&token, &everything()).await.unwrap();
    server.streams().cut();
    assert!(matches!(end(&mut cut).await, Err(Error::Unreachable { .. })));
    server.streams().set_revalidation(Duration::from_millis(20));
    let mut withdrawn = client.subscribe(&token, &everything()).await.unwrap();
    server.state().revoke_tokens(None).unwrap();
    assert!(end(&mut withdrawn).await.unwrap());
    assert_eq!(failed(client.subscribe(&token, &everything()).await).class(), Class::Unauthorized);
    drop((ending, cut, withdrawn));
    server.streams().wait_for_open(0).await;
}

#[tokio::test]
async fn refusals_are_errors_and_dropping_a_stream_frees_its_place() {
    let (server, client, token) = start(Generation::Newest, |_| {}).await;
    server.streams().refuse_plan(Some(NO_PLAN));
    let error = failed(client.subscribe(&token, &everything()).await);
    assert!(matches!(&error, Error::Refused { status: 400, message, .. } if message == NO_PLAN), "{error}");
    server.streams().refuse_plan(None);
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(client.subscribe(&token, &everything()).await.unwrap());
    }
    assert!(matches!(failed(client.subscribe(&token, &everything()).await), Error::Refused { status: 429, .. }));
    open.clear();
    server.streams().wait_for_open(0).await;
    let many = SubscribeRequest { places: vec![place("dev", "/a"), place("dev", "/b"), place("dev", "/c")], ..everything() };
    assert!(matches!(failed(client.subscribe(&token, &many).await), Error::Request(_)));
}

/// Answers one request with these bytes, and then nothing more.
async fn raw(answer: &'static str) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(read > 0);
            socket.write_all(answer.as_bytes()).await.unwrap();
            open.push(socket);
        }
    });
    let timeouts = Timeouts { total: Duration::from_secs(2), ..Timeouts::default() };
    Client::new(ClientConfig { timeouts, ..ClientConfig::new(address, "test") }).unwrap()
}

#[tokio::test]
async fn what_is_no_stream_is_an_error_and_nothing_waits_for_ever() {
    let token = support::token();
    let page = raw("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>").await;
    let error = failed(page.subscribe(&token, &everything()).await);
    assert!(matches!(&error, Error::NotInfisical { .. }), "{error}");
    let mute = raw("").await;
    assert!(matches!(failed(mute.subscribe(&token, &everything()).await), Error::TimedOut { .. }));
    let half = raw("HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{").await;
    assert!(matches!(failed(half.subscribe(&token, &everything()).await), Error::TimedOut { .. }));
    let echo = raw("HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 43\r\n\r\n{\"error\":\"X\",\"message\":\"bad canary-token!\"}").await;
    let error = failed(echo.subscribe(&token, &everything()).await);
    assert!(error.to_string().contains("[redacted]") && !error.to_string().contains("canary-token"), "{error}");
}

#[tokio::test]
async fn the_request_says_what_is_wanted_and_is_observed() {
    #[derive(Default)]
    struct Seen(std::sync::Mutex<Vec<String>>);
    impl infisical::Observer for Seen {
        fn called(&self, operation: &'static str, status: &str) {
            self.0.lock().unwrap().push(format!("{operation} {status}"));
        }
    }
    let server = support::Server::start(|_| support::json(403, r#"{"error":"PermissionDenied","message":"no"}"#)).await;
    let seen = Arc::<Seen>::default();
    let client = Client::new(ClientConfig { observer: Some(seen.clone()), ..server.config() }).unwrap();
    let request = SubscribeRequest { places: vec![place("dev", "/app"), place("dev", "/app/**")], ..everything() };
    failed(client.subscribe(&support::token(), &request).await);
    failed(client.subscribe(&support::token(), &everything()).await);
    let asked = server.seen();
    assert_eq!((asked[0].uri.path(), asked[0].header("accept")), ("/api/v1/events/subscribe/project-events", Some("text/event-stream")));
    assert_eq!(asked[0].header("authorization"), Some("Bearer canary-token"));
    let body: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!((body["projectId"].as_str(), body["register"].as_array().unwrap().len()), (Some(PROJECT), 8));
    let wanted = serde_json::json!({"event": "secret:create", "conditions": {"environmentSlug": "dev", "secretPath": "/app"}});
    assert_eq!(body["register"][0], wanted);
    let body: serde_json::Value = serde_json::from_str(&asked[1].body).unwrap();
    assert_eq!(body["register"][3], serde_json::json!({"event": "secret:import-mutation"}));
    assert_eq!(*seen.0.lock().unwrap(), ["subscribe to events 403", "subscribe to events 403"]);
}
