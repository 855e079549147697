//! Event streams, in both generations: what opens one, what is heard, how it ends.
use std::time::Duration;

use infisical_dev_server::{Action, Generation, NO_PLAN, NO_PLAN_OLDER, Operation, Place, Rule, Subject};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const PATH: &str = "/api/v1/events/subscribe/project-events";
const ALL: [&str; 4] = ["secret:create", "secret:update", "secret:delete", "secret:import-mutation"];

fn register(conditions: Option<(&str, &str)>) -> Value {
    let entry = |event: &&str| match conditions {
        Some((environment, path)) => json!({ "event": event, "conditions": { "environmentSlug": environment, "secretPath": path } }),
        None => json!({ "event": event }),
    };
    ALL.iter().map(entry).collect()
}

/// An open stream, and what was read of it.
struct Listening {
    response: Response,
    text: String,
}

impl Listening {
    async fn open(site: &Site, token: &str, register: Value) -> Self {
        let body = json!({ "projectId": site.project("shop"), "register": register });
        let response = site.request(Method::POST, PATH).bearer_auth(token).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, text: String::new() }
    }

    /// Reads until `end` was heard; gives all up to it.
    async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.text.find(end) {
                let rest = self.text.split_off(at + end.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let chunk = self.response.chunk().await.unwrap().unwrap_or_else(|| panic!("it ended after {:?}", self.text));
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// What else is said before it ends: `Err` where it breaks.
    async fn rest(mut self) -> Result<String, String> {
        loop {
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.text.push_str(std::str::from_utf8(&chunk).unwrap()),
                Ok(None) => return Ok(self.text),
                Err(_) => return Err(self.text),
            }
        }
    }
}

async fn try_open(site: &Site, token: &str, register: Value) -> Answer {
    site.change(Method::POST, token, PATH, json!({ "projectId": site.project("shop"), "register": register })).await
}

fn data(frame: &str) -> Value {
    let line = frame.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_else(|| panic!("no data: {frame:?}"));
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn each_change_is_told_once_and_a_batch_is_one_event() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let mut heard = Listening::open(&site, &token, register(None)).await;
    assert_eq!(heard.response.headers()["content-type"], "text/event-stream");
    assert!(!heard.response.headers().contains_key("etag") && !heard.response.headers().contains_key("x-frame-options"));
    let at = json!({ "projectId": site.project("shop"), "environment": "dev", "secretPath": "/app" });
    let with = |more: Value| {
        let mut body = at.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let send = async |method, path: &str, more| assert_eq!(site.change(method, &token, path, with(more)).await.status, 200);

    send(Method::POST, "/api/v4/secrets/NEW", json!({ "secretValue": "canary-value" })).await;
    let created = heard.until("\n\n").await;
    assert!(created.starts_with("id: 1") && created.contains("\nevent: secret:create\n"), "{created:?}");
    let row = json!({ "environment": "dev", "secretPath": "/app", "secretKeys": "NEW" });
    assert_eq!(data(&created), json!({ "type": "secret-manager", "data": { "eventType": "secret:create", "payload": [row] } }));
    assert!(!created.contains("canary-value"));
    let two = json!([{ "secretKey": "NEW", "secretValue": "1" }, { "secretKey": "PORT", "secretValue": "2" }]);
    send(Method::PATCH, "/api/v4/secrets/batch", json!({ "secrets": two })).await;
    let updated = data(&heard.until("\n\n").await);
    assert_eq!((&updated["data"]["eventType"], updated["data"]["payload"].as_array().unwrap().len()), (&json!("secret:update"), 2));
    // A batch that is refused changes nothing, so nothing is told.
    let spoiled = json!([{ "secretKey": "D", "secretValue": "4" }, { "secretKey": "E:F", "secretValue": "5" }]);
    assert_eq!(site.change(Method::POST, &token, "/api/v4/secrets/batch", with(json!({ "secrets": spoiled }))).await.status, 422);
    send(Method::DELETE, "/api/v4/secrets/NEW", json!({})).await;
    assert_eq!(data(&heard.until("\n\n").await)["data"]["eventType"], "secret:delete");
    let import = json!({ "path": "/app", "import": { "environment": "dev", "path": "/shared" } });
    send(Method::POST, "/api/v2/secret-imports", import).await;
    let imported = data(&heard.until("\n\n").await);
    assert_eq!(imported["data"]["payload"], json!({ "environment": "dev", "secretPath": "/app" }));
    site.server.state().set_secret(&Place::new("shop", "prod", "/"), "HOST", "x").unwrap();
    assert_eq!(data(&heard.until("\n\n").await)["data"]["payload"][0]["environment"], "prod");
}

#[tokio::test]
async fn the_newest_matches_by_prefix_and_the_older_by_glob() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let state = site.server.state();
    for path in ["/app", "/app/deep", "/base"] {
        state.create_folder(&Place::new("shop", "dev", path)).unwrap();
    }
    for (generation, written, heard) in [
        (Generation::Newest, "/app", vec!["/app", "/app/deep"]),
        (Generation::Newest, "/app/**", vec![]),
        (Generation::Mid, "/app", vec!["/app"]),
        (Generation::Mid, "/app/**", vec!["/app", "/app/deep"]),
        (Generation::Mid, "/**", vec!["/", "/app", "/app/deep", "/base"]),
    ] {
        site.server.set_generation(generation);
        let mut entries = register(Some(("dev", written)));
        // Whatever is heard, this comes last.
        entries.as_array_mut().unwrap().push(register(Some(("prod", "/")))[1].clone());
        let mut stream = Listening::open(&site, &token, entries).await;
        for path in ["/", "/app", "/app/deep", "/base"] {
            state.set_secret(&Place::new("shop", "dev", path), "X", "x").unwrap();
        }
        state.set_secret(&Place::new("shop", "prod", "/"), "HOST", "x").unwrap();
        let mut paths = Vec::new();
        loop {
            let payload = data(&stream.until("\n\n").await)["data"]["payload"][0].clone();
            if payload["environment"] == "prod" {
                break;
            }
            paths.push(payload["secretPath"].as_str().unwrap().to_owned());
        }
        assert_eq!(paths, heard, "{generation:?} {written}");
    }
}

#[tokio::test]
async fn heartbeats_differ_and_the_older_one_sticks_to_what_follows() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.streams().set_heartbeat(Duration::from_millis(20));
    let mut newest = Listening::open(&site, &token, register(None)).await;
    assert_eq!(newest.until("event: ping\n\n").await, "event: ping\n\n");
    site.server.set_generation(Generation::Mid);
    let mut mid = Listening::open(&site, &token, register(None)).await;
    assert_eq!(mid.until("111").await, "111");
    site.server.state().set_secret(&Place::new("shop", "dev", "/app"), "PORT", "1").unwrap();
    let event = mid.until("\n\n").await;
    assert!(event.trim_start_matches('1').starts_with("id: 20") && event.contains("\nevent: secret-manager\n"), "{event:?}");
    assert_eq!(data(&event)["data"]["payload"][0]["secretKey"], "PORT");
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_the_servers_order() {
    let site = Site::start().await;
    let (reader, viewer) = (site.login("reader").await, site.login("viewer").await);
    assert_eq!(try_open(&site, &reader, json!([])).await.refusal().0, 422);
    assert_eq!(try_open(&site, &reader, (0..11).map(|_| register(None)[0].clone()).collect()).await.refusal().0, 422);
    assert_eq!(try_open(&site, &reader, json!([{ "event": "secret:read" }])).await.refusal().0, 422);
    let nowhere = json!([{ "event": "secret:create", "conditions": { "secretPath": "/" } }]);
    assert_eq!(try_open(&site, &reader, nowhere).await.refusal().0, 422);
    site.server.streams().refuse_plan(Some(NO_PLAN));
    let denied = try_open(&site, &viewer, register(Some(("dev", "/app")))).await;
    assert_eq!((denied.refusal().0, denied.refusal().1.as_str()), (403, "PermissionDenied"));
    assert_eq!(denied.json()["details"][0]["action"], "subscribe-on-created");
    let foreign =
        site.change(Method::POST, &reader, PATH, json!({ "projectId": site.project("private"), "register": register(None) })).await;
    assert_eq!(foreign.refusal().1, "ProjectMembershipNotFound");
    assert_eq!(site.change(Method::POST, "st.one.secret", PATH, json!({})).await.status, 403);
    for words in [NO_PLAN, NO_PLAN_OLDER] {
        site.server.streams().refuse_plan(Some(words));
        assert_eq!(try_open(&site, &reader, register(None)).await.refusal(), (400, "BadRequest".into(), words.into()));
    }
    site.server.streams().refuse_plan(None);
    drop(Listening::open(&site, &reader, register(None)).await);
    let all = site.server.calls().count(Operation::Subscribe);
    assert_eq!(all, 10);
}

#[tokio::test]
async fn five_streams_for_each_project_and_identity() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(Listening::open(&site, &token, register(None)).await);
    }
    let (status, name, message) = try_open(&site, &token, register(None)).await.refusal();
    assert_eq!((status, name.as_str()), (429, "RateLimitExceeded"));
    assert!(message.starts_with(&format!("Too many active connections for project {}", site.project("shop"))), "{message}");
    drop(open.pop());
    site.server.streams().wait_for_open(4).await;
    open.push(Listening::open(&site, &token, register(None)).await);
    assert_eq!(site.server.streams().open(), 5);
}

#[tokio::test]
async fn a_stream_ends_cleanly_or_is_cut_or_says_nothing() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let streams = site.server.streams();
    streams.set_heartbeat(Duration::from_millis(20));
    let mut ending = Listening::open(&site, &token, register(None)).await;
    ending.until("event: ping\n\n").await;
    streams.end();
    assert!(ending.rest().await.is_ok());
    let cut = Listening::open(&site, &token, register(None)).await;
    streams.cut();
    let broken = cut.rest().await.unwrap_err();
    assert!(!broken.ends_with("\n\n"), "{broken:?}");
    let mut silent = Listening::open(&site, &token, register(None)).await;
    streams.silence(true);
    site.server.state().set_secret(&Place::new("shop", "dev", "/app"), "PORT", "lost").unwrap();
    // It hears of this only after it was given its voice back.
    streams.silence(false);
    silent.until("event: ping\n\n").await;
    streams.end();
    assert!(silent.rest().await.is_ok());
    streams.wait_for_open(0).await;
}

#[tokio::test]
async fn a_stream_ends_when_its_permission_or_its_token_is_gone() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.streams().set_revalidation(Duration::from_millis(20));
    let stream = Listening::open(&site, &token, register(None)).await;
    site.server.state().revoke_tokens(None).unwrap();
    let farewell = stream.rest().await.unwrap();
    assert!(farewell.contains("event: error\ndata: {\"message\":\"Permission denied or refresh failed\"}\n\n"), "{farewell:?}");
    assert_eq!(try_open(&site, &token, register(None)).await.status, 401);

    let token = site.login("reader").await;
    let stream = Listening::open(&site, &token, register(None)).await;
    let deny = Rule {
        inverted: true,
        subject: Subject::SecretEvents,
        actions: vec![Action::SubscribeOnUpdated],
        environment: None,
        secret_path: None,
        secret_name: None,
    };
    site.server.state().add_rule("shop", "reader", deny).unwrap();
    assert!(stream.rest().await.unwrap().contains("event: error\n"));
    assert_eq!(try_open(&site, &token, register(None)).await.refusal().1, "PermissionDenied");
}

#[tokio::test]
async fn the_page_can_end_streams_and_refuse_them() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let stream = Listening::open(&site, &token, register(None)).await;
    let order = async |how: &str| site.send(site.request(Method::PUT, "/dev/streams").json(&json!({ "how": how }))).await;
    assert_eq!(order("end").await.json()["open"], 1);
    assert!(stream.rest().await.is_ok());
    assert_eq!(order("refuse").await.status, 200);
    assert_eq!(try_open(&site, &token, register(None)).await.refusal().2, NO_PLAN);
    assert_eq!(order("allow").await.status, 200);
    drop(Listening::open(&site, &token, register(None)).await);
    assert_eq!(order("nonsense").await.status, 422);
}
