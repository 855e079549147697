//! Kubernetes auth against a server that answers token reviews.
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use infisical_dev_server::{Config, KubernetesApi, Seed};
use serde_json::{Value, json};

use crate::client::{Answer, SEED, Site};

const POD: &str = "99999999-aaaa-4bbb-8ccc-dddddddddddd";

#[derive(Clone)]
struct Reviewer {
    answer: Arc<Mutex<(StatusCode, Value)>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

async fn review(State(reviewer): State<Reviewer>, headers: HeaderMap, Json(body): Json<Value>) -> (StatusCode, Json<Value>) {
    let bearer = headers["authorization"].to_str().unwrap().to_owned();
    reviewer.asked.lock().unwrap().push((bearer, body["spec"].clone()));
    let (status, answer) = reviewer.answer.lock().unwrap().clone();
    (status, Json(answer))
}

fn authenticated(username: &str) -> (StatusCode, Value) {
    let user = json!({ "username": username, "uid": "u", "groups": [] });
    (StatusCode::CREATED, json!({ "status": { "authenticated": true, "user": user, "audiences": ["https://kubernetes"] } }))
}

async fn start(reviewer_token: Option<&str>) -> (Site, Reviewer) {
    let reviewer = Reviewer { answer: Arc::new(Mutex::new(authenticated("system:serviceaccount:team-a:app"))), asked: Arc::default() };
    let routes = Router::new().route("/apis/authentication.k8s.io/v1/tokenreviews", post(review)).with_state(reviewer.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let kubernetes = KubernetesApi { url, reviewer_token: reviewer_token.map(Into::into), ..KubernetesApi::default() };
    let site = Site::with(Config { kubernetes: Some(kubernetes), ..Config::new(Seed::parse(SEED).unwrap()) }).await;
    (site, reviewer)
}

async fn login(site: &Site) -> Answer {
    site.post("/api/v1/auth/kubernetes-auth/login", json!({ "identityId": POD, "jwt": "the-token" })).await
}

#[tokio::test]
async fn the_api_server_is_asked_with_the_token_itself_or_the_reviewers() {
    for (token, bearer) in [(None, "Bearer the-token"), (Some("reviewer"), "Bearer reviewer")] {
        let (site, reviewer) = start(token).await;
        assert_eq!(login(&site).await.status, 200);
        assert_eq!(*reviewer.asked.lock().unwrap(), [(bearer.to_owned(), json!({ "token": "the-token" }))]);
    }
}

#[tokio::test]
async fn an_audience_is_asked_for_and_required() {
    let (site, reviewer) = start(None).await;
    site.server.state().change(|world| {
        world.identity_mut("pod").unwrap().kubernetes.as_mut().unwrap().allowed_audience = "infisical".to_owned();
    });
    assert_eq!(login(&site).await.refusal().2, "Access denied: K8s audience not allowed.");
    assert_eq!(reviewer.asked.lock().unwrap()[0].1["audiences"], json!(["infisical"]));
}

#[tokio::test]
async fn each_refusal_names_its_cause() {
    let (site, reviewer) = start(None).await;
    let unauthenticated = |status: Value| (StatusCode::CREATED, json!({ "status": status }));
    for (answer, wanted) in [
        (unauthenticated(json!({})), (401, "UnauthorizedError", "Kubernetes token not authenticated")),
        (unauthenticated(json!({ "error": "bad" })), (401, "KubernetesTokenReviewError", "The token review failed: bad")),
        (authenticated("jane"), (400, "KubernetesUsernameParseError", "The reviewed user name is not that of a service account")),
        (authenticated("system:serviceaccount:other:app"), (401, "UnauthorizedError", "Access denied: K8s namespace not allowed.")),
        (authenticated("system:serviceaccount:team-a:job"), (401, "UnauthorizedError", "Access denied: K8s name not allowed.")),
        (
            (StatusCode::FORBIDDEN, json!({})),
            (401, "KubernetesTokenReviewerForbidden", "The token reviewer may not create token reviews (system:auth-delegator)"),
        ),
    ] {
        *reviewer.answer.lock().unwrap() = answer;
        let (status, error, message) = login(&site).await.refusal();
        assert_eq!((status, error.as_str(), message.as_str()), wanted);
    }
    assert_eq!(site.server.logins(), 0);
}

#[tokio::test]
async fn an_unreachable_api_server_and_an_unconfigured_identity_are_told_apart() {
    let kubernetes = KubernetesApi { url: "http://127.0.0.1:1".to_owned(), ..KubernetesApi::default() };
    let site = Site::with(Config { kubernetes: Some(kubernetes), ..Config::new(Seed::parse(SEED).unwrap()) }).await;
    let refusal = login(&site).await.refusal();
    assert_eq!((refusal.0, refusal.1.as_str()), (400, "KubernetesConnectionRefused"));
    let unknown = site.post("/api/v1/auth/kubernetes-auth/login", json!({ "identityId": "x", "jwt": "t" })).await.refusal();
    assert_eq!(unknown.2, "Kubernetes auth method not found for identity, did you configure Kubernetes auth?");
}
