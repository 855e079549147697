//! Whatever a server answers: no panic, no data that it did not clearly give, nothing of the body in an error.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use axum::response::{IntoResponse, Response};
use infisical::{ListRequest, Listed};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};
use support::*;

/// Bytes of any kind, JSON of any shape, and damaged good answers.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let good = r#"{"secrets":[{"secretKey":"A","secretValue":"v","secretPath":"/","secretValueHidden":false}],"imports":[]}"#;
    let damaged = (0..good.len(), any::<u8>(), any::<bool>()).prop_map(move |(at, byte, cut)| {
        let mut bytes = good.as_bytes().to_vec();
        if cut {
            bytes.truncate(at)
        } else {
            bytes[at] = byte
        }
        bytes
    });
    let json = prop_oneof![
        Just(r#"{"error":1,"message":{}}"#.to_owned()),
        Just(r#"{"error":"x","message":[[],1,{"path":{}},{"path":[{}]}]}"#.to_owned()),
        Just(r#"{"accessToken":1}"#.to_owned()),
        "[\\[\\]{}\",:a-z0-9]{0,64}",
    ];
    prop_oneof![prop::collection::vec(any::<u8>(), 0..256), damaged, json.prop_map(String::into_bytes)]
}

#[test]
fn any_answer_ends_as_data_or_as_an_error() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let next: Arc<Mutex<(u16, bool, Vec<u8>)>> = Arc::default();
    let (client, answers) = runtime.block_on(async {
        let next = next.clone();
        let server = Server::start(move |_| -> Response {
            let (status, json, body) = next.lock().unwrap().clone();
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            let kind = if json { "application/json" } else { "text/html" };
            (status, [("content-type", kind)], body).into_response()
        })
        .await;
        (server.client(), server.seen)
    });
    proptest!(ProptestConfig::with_cases(512), |(status in prop_oneof![Just(200u16), 200u16..600], json: bool, body in body())| {
        *next.lock().unwrap() = (status, json, body.clone());
        answers.lock().unwrap().clear();
        let request = ListRequest { project_id: "p".into(), environment: "e".into(), path: "/".into(), recursive: false,
            expand_references: true, include_imports: true, tags: Vec::new() };
        runtime.block_on(async {
            match client.list_secrets(&token(), &request, None).await {
                Ok(Listed::NotModified) => panic!("304 to a request without an entity tag"),
                Ok(Listed::Modified(listing)) => {
                    assert!((200..300).contains(&status));
                    let text = String::from_utf8(body).unwrap();
                    assert!(listing.secrets.iter().all(|secret| text.contains(&secret.key)));
                }
                Err(error) => assert!(error.to_string().len() < 2048),
            }
            drop(client.login(&infisical::LoginRequest { path: "/v1/auth/x/login".into(), fields: Default::default(),
                headers: Vec::new(), client_identity: None, organisation: None }).await);
            drop(client.project_by_slug(&token(), "s").await);
        });
    });
}
