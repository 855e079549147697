//! The client against real HTTP: what is sent, what is read, what is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use axum::response::{Html, IntoResponse, Redirect, Response};
use infisical::{Class, Client, Error, Fields, Listed, Listing, LoginRequest, Observer, SecretRequest};
use secrecy::ExposeSecret;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const LOGIN: &str = r#"{"accessToken":"t","expiresIn":60,"accessTokenMaxTTL":600,"tokenType":"Bearer"}"#;

fn universal() -> LoginRequest {
    let members = serde_json::json!({"clientId": "id", "clientSecret": "canary-secret"});
    LoginRequest {
        path: "/v1/auth/universal-auth/login".into(),
        fields: Fields::new(members.as_object().unwrap().clone()),
        headers: vec![("x-identity-proof".into(), "canary-header".to_owned().into())],
        client_identity: None,
        organisation: Some("sub".into()),
    }
}

fn modified(listed: Listed) -> Listing {
    match listed {
        Listed::Modified(listing) => listing,
        Listed::NotModified => panic!("not modified"),
    }
}

#[tokio::test]
async fn login_renew_and_revoke_carry_no_authorization() {
    let server = Server::start(|_| json(200, LOGIN)).await;
    let client = server.client();
    let login = client.login(&universal()).await.unwrap();
    assert_eq!((login.expires_in, login.max_ttl), (Some(Duration::from_secs(60)), Some(Duration::from_secs(600))));
    client.renew(&login.token).await.unwrap();
    client.revoke(&login.token).await.unwrap();

    let seen = server.seen();
    assert_eq!(server.paths(), ["/api/v1/auth/universal-auth/login", "/api/v1/auth/token/renew", "/api/v1/auth/token/revoke"]);
    for one in &seen {
        assert_eq!((one.method.as_str(), one.header("authorization")), ("POST", None));
        assert_eq!(one.header("user-agent"), Some("k8-operator/1.2.3"));
    }
    assert_eq!(seen[0].body, r#"{"clientId":"id","clientSecret":"canary-secret","organizationSlug":"sub"}"#);
    assert_eq!(seen[0].header("x-identity-proof"), Some("canary-header"));
    assert_eq!(seen[1].body, r#"{"accessToken":"t"}"#);
    assert_eq!(seen[2].body, r#"{"accessToken":"t"}"#);
}

#[tokio::test]
async fn a_login_that_is_none_is_not_sent() {
    let server = Server::start(|_| json(200, LOGIN)).await;
    let client = server.client();
    let with = |change: &dyn Fn(&mut LoginRequest)| {
        let mut request = universal();
        change(&mut request);
        request
    };
    let wrong = [
        with(&|login| login.path = "/v1/secrets/raw/login".into()),
        with(&|login| login.path = "/v1/auth/../x/login".into()),
        with(&|login| login.path = "/v1/auth//login".into()),
        with(&|login| login.headers = vec![("authorization".into(), "Bearer x".to_owned().into())]),
        with(&|login| login.headers = vec![("x-identity-proof".into(), "canary\nx".to_owned().into())]),
        with(&|login| {
            login.fields = Fields::new(serde_json::json!({"organizationSlug": "other"}).as_object().unwrap().clone());
        }),
        with(&|login| login.client_identity = Some((b"no".to_vec().into(), b"pem".to_vec().into()))),
    ];
    for request in wrong {
        let error = failed(client.login(&request).await);
        assert!(matches!(error, Error::Login(_)), "{error}");
        assert!(!error.to_string().contains("canary"));
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_list_says_every_flag_and_reads_everything() {
    let body = r#"{"secrets":[
        {"id":"1","_id":"1","secretKey":"A","secretValue":"x\n\"é","secretPath":"/app/sub","secretComment":"c","secretValueHidden":false,
         "tags":[{"id":"t","slug":"s","color":null}],"type":"shared","version":3},
        {"id":"2","_id":"2","secretKey":"B","secretValue":"","secretComment":null,"type":"personal"},
        {"secretKey":"C","secretValue":""}],
        "imports":[{"secretPath":"/base","environment":"prod","folderId":"f","secrets":[
            {"secretKey":"D","secretValue":"d"},{"secretKey":"E","secretValue":"e","secretPath":"/app"}]}]}"#;
    let server = Server::start(move |_| ([("etag", "\"one\"")], json(200, body)).into_response()).await;
    let listing = modified(server.client().list_secrets(&token(), &folder(), None).await.unwrap());

    let seen = server.seen().remove(0);
    assert_eq!(seen.uri.path(), "/api/v4/secrets");
    assert_eq!(seen.header("authorization"), Some("Bearer canary-token"));
    for (name, value) in [
        ("projectId", "p"),
        ("environment", "dev"),
        ("secretPath", "/app"),
        ("viewSecretValue", "true"),
        ("includePersonalOverrides", "false"),
        ("recursive", "true"),
        ("expandSecretReferences", "true"),
        ("includeImports", "false"),
        ("include_imports", "false"),
        ("tagSlugs", "a,b"),
    ] {
        assert_eq!(seen.query(name).as_deref(), Some(value), "{name}");
    }
    assert!(listing.etag.is_some());
    let secrets: Vec<_> = listing.secrets.iter().map(|one| (&*one.id, &*one.key, one.value.expose_secret(), &*one.path)).collect();
    assert_eq!(secrets, [("1", "A", "x\n\"é".as_bytes(), "/app/sub"), ("", "C", b"", "/app")]);
    assert_eq!((listing.secrets[0].comment.expose_secret(), &*listing.secrets[0].tags), ("c", &["s".to_owned()][..]));
    let import = &listing.imports[0];
    assert_eq!((&*import.path, &*import.environment), ("/base", "prod"));
    // Of an imported secret the server says no path, or one of its own choice.
    let imported: Vec<_> = import.secrets.iter().map(|one| (one.value.expose_secret(), &*one.path)).collect();
    assert_eq!(imported, [(&b"d"[..], ""), (b"e", "/app")]);
}

/// A service token with one scope: the server takes environment and path from it.
#[tokio::test]
async fn an_environment_that_the_token_knows_is_not_sent() {
    let server = Server::start(move |_| json(200, r#"{"secrets":[]}"#)).await;
    let request = infisical::ListRequest { environment: String::new(), ..folder() };
    server.client().list_secrets(&token(), &request, None).await.unwrap();
    let seen = server.seen().remove(0);
    assert_eq!((seen.uri.path(), seen.query("workspaceId").as_deref()), ("/api/v3/secrets/raw", Some("p")));
    assert_eq!(seen.query("environment"), None);
}

#[tokio::test]
async fn an_entity_tag_is_sent_back_and_304_serves_nothing() {
    let server = Server::start(|seen| match seen.header("if-none-match") {
        Some("\"one\"") => axum::http::StatusCode::NOT_MODIFIED.into_response(),
        _ => ([("etag", "\"one\"")], json(200, EMPTY)).into_response(),
    })
    .await;
    let client = server.client();
    let etag = modified(client.list_secrets(&token(), &folder(), None).await.unwrap()).etag.unwrap();
    assert!(matches!(client.list_secrets(&token(), &folder(), Some(&etag)).await, Ok(Listed::NotModified)));

    let always = Server::start(|_| axum::http::StatusCode::NOT_MODIFIED.into_response()).await;
    let error = failed(always.client().list_secrets(&token(), &folder(), None).await);
    assert!(matches!(error, Error::NotInfisical { .. }), "{error}");
}

#[tokio::test]
async fn an_older_server_is_read_through_v3_and_asked_again_later() {
    let old = |seen: &Seen| if seen.uri.path().starts_with("/api/v3/") { json(200, EMPTY) } else { no_route(seen) };
    let server = Server::start(old).await;
    let client = server.client();
    for _ in 0..3 {
        modified(client.list_secrets(&token(), &folder(), None).await.unwrap());
    }
    assert_eq!(server.paths(), ["/api/v4/secrets", "/api/v3/secrets/raw", "/api/v3/secrets/raw", "/api/v3/secrets/raw"]);
    assert_eq!(server.seen()[1].query("workspaceId").as_deref(), Some("p"));

    let forgetful = Client::new(infisical::ClientConfig { probe_again: Duration::ZERO, ..server.config() }).unwrap();
    for _ in 0..2 {
        modified(forgetful.list_secrets(&token(), &folder(), None).await.unwrap());
    }
    assert_eq!(server.paths()[4..], ["/api/v4/secrets", "/api/v3/secrets/raw", "/api/v4/secrets", "/api/v3/secrets/raw"]);
}

#[tokio::test]
async fn a_missing_folder_is_no_reason_to_use_v3() {
    let missing = r#"{"reqId":"req-1","statusCode":404,"message":"Folder with path '/app' was not found","error":"SecretPathNotFound"}"#;
    let server = Server::start(move |_| json(404, missing)).await;
    let error = failed(server.client().list_secrets(&token(), &folder(), None).await);
    assert_eq!((error.class(), error.reason()), (Class::UserFix, "Refused"));
    assert!(error.to_string().contains("Folder with path"), "{error}");
    assert_eq!(server.paths(), ["/api/v4/secrets"]);
}

#[tokio::test]
async fn one_secret_is_read_by_its_escaped_name() {
    let server = Server::start(|_| json(200, r#"{"secret":{"secretKey":"a/b","secretValue":"v","secretPath":"/x"}}"#)).await;
    let request = SecretRequest {
        project_id: "p".into(),
        environment: "dev".into(),
        path: String::new(),
        name: "a/b".into(),
        expand_references: true,
        include_imports: true,
    };
    let one = modified(server.client().get_secret(&token(), &request, None).await.unwrap());
    assert_eq!((one.secrets.len(), one.secrets[0].value.expose_secret()), (1, &b"v"[..]));
    let seen = server.seen().remove(0);
    assert_eq!((seen.uri.path(), seen.query("secretPath").as_deref()), ("/api/v4/secrets/a%2Fb", Some("/")));
    assert_eq!(seen.query("type").as_deref(), Some("shared"));

    let hidden = SecretRequest { name: "..".into(), ..request };
    assert!(matches!(server.client().get_secret(&token(), &hidden, None).await, Err(Error::Request(_))));
}

#[tokio::test]
async fn a_hidden_value_is_an_error_wherever_it_stands() {
    let shown = r#"{"secretKey":"A","secretValue":"a","secretValueHidden":false}"#;
    let masked = r#"{"secretKey":"B","secretPath":"/deep","secretValue":"<hidden-by-infisical>","secretValueHidden":true}"#;
    for body in [
        format!(r#"{{"secrets":[{shown},{masked},{masked}]}}"#),
        format!(r#"{{"secrets":[{shown}],"imports":[{{"secretPath":"/i","environment":"dev","secrets":[{masked},{masked}]}}]}}"#),
    ] {
        let server = Server::start(move |_| json(200, &body)).await;
        let error = failed(server.client().list_secrets(&token(), &folder(), None).await);
        assert!(matches!(&error, Error::Hidden { count: 2, first, path } if first == "B" && path == "/deep"), "{error}");
        assert_eq!(error.class(), Class::Denied);
    }
}

#[tokio::test]
async fn what_is_not_infisical_is_never_data() {
    let pages: Vec<fn() -> Response> = vec![
        || Html("<html>canary</html>").into_response(),
        || json(200, r#"{"canary":1}"#),
        || json(200, r#"{"secrets":[{"secretKey":"A"}]}"#),
        || json(200, r#"{"secrets":[{"secretKey":"A","secretValue":["canary"]}]}"#),
        || json(200, ""),
        || (axum::http::StatusCode::NOT_FOUND, Html("canary")).into_response(),
        || Redirect::temporary("http://canary.example/").into_response(),
    ];
    for page in pages {
        let server = Server::start(move |_| page()).await;
        let error = failed(server.client().list_secrets(&token(), &folder(), None).await);
        assert_eq!(error.class(), Class::NotInfisical, "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(server.seen().len(), 1, "a redirect is not followed");
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let server = Server::start(|_| json(200, &format!(r#"{{"secrets":[],"pad":"{}"}}"#, "x".repeat(2000)))).await;
    let client = Client::new(infisical::ClientConfig { max_answer: 1000, ..server.config() }).unwrap();
    let error = failed(client.list_secrets(&token(), &folder(), None).await);
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let cases: [(u16, &str, Class); 8] = [
        (401, "UnauthorizedError", Class::Unauthorized),
        (403, "TokenError", Class::Unauthorized),
        (403, "PermissionDenied", Class::Denied),
        (404, "NotFound", Class::UserFix),
        (422, "ValidationFailure", Class::UserFix),
        (429, "RateLimitExceeded", Class::Transient),
        (500, "InternalServerError", Class::Transient),
        (504, "GatewayTimeout", Class::Transient),
    ];
    for (status, name, class) in cases {
        let body = format!(r#"{{"reqId":"req-1","statusCode":{status},"message":"no: canary-token","error":"{name}"}}"#);
        let server = Server::start(move |_| ([("retry-after", "7")], json(status, &body)).into_response()).await;
        let error = failed(server.client().list_secrets(&token(), &folder(), None).await);
        assert_eq!(error.class(), class, "{error}");
        let outage = matches!(status, 429 | 500..);
        assert_eq!(error.retry_after(), outage.then_some(Duration::from_secs(7)), "{error}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn projects_are_found_through_any_version() {
    for (path, body) in [
        ("/api/v1/projects/slug/s%20p", r#"{"id":"1","slug":"s p"}"#),
        ("/api/v1/workspace/slug/s%20p", r#"{"id":"1","slug":"s p"}"#),
        ("/api/v2/workspace/s%20p", r#"{"id":"1","slug":"s p"}"#),
        ("/api/v1/projects/s%20p", r#"{"project":{"id":"1","slug":"s p"}}"#),
        ("/api/v1/workspace/s%20p", r#"{"workspace":{"id":"1","slug":"s p"}}"#),
    ] {
        let server = Server::start(move |seen| if seen.uri.path() == path { json(200, body) } else { no_route(seen) }).await;
        let client = server.client();
        let (slug, id) = (client.project_by_slug(&token(), "s p").await, client.project_by_id(&token(), "s p").await);
        let project = slug.or(id).unwrap();
        assert_eq!((&*project.id, &*project.slug), ("1", "s p"), "{path}");
    }
    let none = Server::start(|_| json(404, r#"{"reqId":"r","error":"NotFound","message":"Project with slug 'x' not found"}"#)).await;
    let error = failed(none.client().project_by_slug(&token(), "x").await);
    assert!(error.to_string().contains("slug 'x' not found"), "{error}");
    assert_eq!(none.seen().len(), 1);
}

#[tokio::test]
async fn a_service_token_knows_its_project() {
    let body = r#"{"_id":"1","id":"1","name":"n","workspace":"p-1","scopes":[{"environment":"dev","secretPath":"/"}]}"#;
    let server = Server::start(move |_| json(200, body)).await;
    assert_eq!(server.client().project_of_token(&token()).await.unwrap(), "p-1");
    assert_eq!(server.paths(), ["/api/v2/service-token"]);
}

/// Answers each connection with these bytes, then closes.
async fn raw(bytes: &'static [u8]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = infisical::Address::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            stream.write_all(bytes).await.unwrap();
        }
    });
    Client::new(infisical::ClientConfig::new(address, "0")).unwrap()
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_outage() {
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"secrets\":[]}"[..],
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"secrets\":[",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nff\r\n{\"secrets\":[]}",
        b"",
    ] {
        let error = failed(raw(bytes).await.list_secrets(&token(), &folder(), None).await);
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_costs_a_read_nothing_and_repeats_no_login() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = infisical::Address::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let accepted = Arc::new(Mutex::new(0));
    tokio::spawn({
        let accepted = accepted.clone();
        async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                *accepted.lock().unwrap() += 1;
                let odd = *accepted.lock().unwrap() % 2 == 1;
                assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
                if !odd {
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
                    stream.write_all(format!("{head}{EMPTY}").as_bytes()).await.unwrap();
                }
            }
        }
    });
    let client = Client::new(infisical::ClientConfig::new(address, "0")).unwrap();
    modified(client.list_secrets(&token(), &folder(), None).await.unwrap());
    assert_eq!(*accepted.lock().unwrap(), 2);
    assert!(matches!(failed(client.login(&universal()).await), Error::Unreachable { .. }));
    assert_eq!(*accepted.lock().unwrap(), 3);
}

/// Accepts, never answers, and tells when the connection was closed.
async fn silent() -> (infisical::ClientConfig, tokio::sync::mpsc::UnboundedReceiver<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = infisical::Address::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tell.send("open").unwrap();
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
        tell.send("closed").unwrap();
    });
    (infisical::ClientConfig::new(address, "0"), told)
}

#[tokio::test]
async fn no_answer_in_time_is_said_with_the_limit() {
    let (config, mut told) = silent().await;
    let timeouts = infisical::Timeouts { total: Duration::from_millis(50), ..Default::default() };
    let client = Client::new(infisical::ClientConfig { timeouts, ..config }).unwrap();
    let error = failed(client.list_secrets(&token(), &folder(), None).await);
    assert!(matches!(error, Error::TimedOut { after, .. } if after == Duration::from_millis(50)), "{error}");
    assert_eq!((told.recv().await, told.recv().await), (Some("open"), Some("closed")));
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let (config, mut told) = silent().await;
    let client = Client::new(config).unwrap();
    let call = tokio::spawn(async move { client.list_secrets(&token(), &folder(), None).await.is_ok() });
    assert_eq!(told.recv().await, Some("open"));
    call.abort();
    assert_eq!(told.recv().await, Some("closed"));
}

#[tokio::test]
async fn nobody_there_is_an_outage() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let address = infisical::Address::parse(&format!("http://{free}")).unwrap();
    let client = Client::new(infisical::ClientConfig::new(address, "0")).unwrap();
    let error = failed(client.login(&universal()).await);
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(error.class(), Class::Transient);
}

#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl Observer for Calls {
    fn called(&self, operation: &'static str, status: &str) {
        self.0.lock().unwrap().push(format!("{operation} {status}"));
    }
}

#[tokio::test]
async fn each_call_is_reported_once() {
    let calls = Arc::new(Calls::default());
    let server = Server::start(|seen| match seen.uri.path() {
        "/api/v4/secrets" => no_route(seen),
        "/api/v3/secrets/raw" => json(200, EMPTY),
        "/api/v1/auth/token/renew" => Html("<html>").into_response(),
        _ => json(429, r#"{"error":"RateLimitExceeded","message":"later"}"#),
    })
    .await;
    let client = Client::new(infisical::ClientConfig { observer: Some(calls.clone()), ..server.config() }).unwrap();
    modified(client.list_secrets(&token(), &folder(), None).await.unwrap());
    failed(client.renew(&token()).await);
    failed(client.revoke(&token()).await);
    let seen = calls.0.lock().unwrap().clone();
    assert_eq!(seen, ["list secrets 404", "list secrets 200", "renew NotInfisical", "revoke 429"]);
}

#[tokio::test]
async fn a_client_can_be_used_from_any_task() {
    let server = Server::start(|_| json(200, EMPTY)).await;
    let client = server.client();
    let listed = tokio::spawn(async move { client.list_secrets(&token(), &folder(), None).await.is_ok() });
    assert!(listed.await.unwrap());
}
