//! Alibaba Cloud auth: what Alibaba's own SDK signed is let in, at its time and once, and whatever is changed about it is not.
use infisical_dev_server::{Config, Seed};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const RECORDED: &str = include_str!("../../../../../plugins/auth-alicloud/tests/golden/recorded.json");
const ARN: &str = "acs:ram::1234567890123456:user/robot";

struct Recorded {
    now: Timestamp,
    secret: String,
    body: Value,
}

fn recorded() -> Vec<Recorded> {
    let cases: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    let case = |case: Value| {
        let mut body = case["body"].clone();
        body["identityId"] = json!("robot");
        let now = Timestamp::from_second(case["now"].as_i64().unwrap()).unwrap();
        Recorded { now, secret: case["secret"].as_str().unwrap().to_owned(), body }
    };
    cases.into_iter().map(case).collect()
}

async fn start(recorded: &Recorded) -> Site {
    let key = json!({ "id": recorded.body["AccessKeyId"], "secret": recorded.secret, "arn": ARN });
    let other = json!({ "id": "LTAIother", "secret": "another secret", "arn": ARN });
    let auth = |arns: &str| json!({ "allowedArns": arns });
    let seed = json!({
        "alibabaCloud": { "accessKeys": [key, other] },
        "identities": [
            { "name": "robot", "id": "robot", "alicloudAuth": auth(&format!("acs:ram::1:user/a, {ARN}")) },
            { "name": "other", "id": "other", "alicloudAuth": auth("acs:ram::1234567890123456:user/*") },
        ],
    });
    let site = Site::with(Config::new(Seed::parse(&seed.to_string()).unwrap())).await;
    site.server.state().clock().stop_at(recorded.now);
    site
}

async fn login(site: &Site, body: &Value) -> Answer {
    site.post("/api/v1/auth/alicloud-auth/login", body.clone()).await
}

#[tokio::test]
async fn what_alibabas_sdk_signed_is_let_in_once() {
    for recorded in recorded() {
        let site = start(&recorded).await;
        let answer = login(&site, &recorded.body).await;
        assert_eq!((answer.status, &answer.json()["tokenType"]), (200, &json!("Bearer")));
        assert_eq!(login(&site, &recorded.body).await.status, 500, "a replay");
        assert_eq!(site.server.logins(), 1);
    }
}

#[tokio::test]
async fn whatever_alibaba_refuses_is_an_internal_error() {
    let recorded = recorded().remove(0);
    let site = start(&recorded).await;
    for (name, value) in [
        ("Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        ("Signature", "A"),
        ("SignatureNonce", "another"),
        ("Timestamp", "2026-01-01T00:00:01Z"),
        ("AccessKeyId", "LTAIother"),
        ("AccessKeyId", "LTAIunknown"),
        ("Version", "2015-04-02"),
    ] {
        let mut body = recorded.body.clone();
        body[name] = value.into();
        let refusal = login(&site, &body).await.refusal();
        assert_eq!((refusal.0, refusal.2.as_str()), (500, "Something went wrong"), "{name}: {value}");
    }
    assert_eq!(login(&site, &recorded.body).await.status, 200, "a refused signature does not use up its nonce");
}

#[tokio::test]
async fn a_signature_is_good_for_fifteen_minutes() {
    for (seconds, status) in [(-901, 500), (-900, 200), (900, 200), (901, 500)] {
        let mut recorded = recorded().remove(0);
        recorded.now += SignedDuration::from_secs(seconds);
        let site = start(&recorded).await;
        assert_eq!(login(&site, &recorded.body).await.status, status, "{seconds} s");
    }
}

#[tokio::test]
async fn each_refusal_of_the_server_names_its_cause() {
    let recorded = recorded().remove(0);
    let site = start(&recorded).await;
    let with = |name: &str, value: &str| {
        let mut body = recorded.body.clone();
        body[name] = value.into();
        body
    };
    let absent = "Alibaba Cloud auth method not found for identity, did you configure Alibaba Cloud auth?";
    assert_eq!(login(&site, &with("identityId", "nobody")).await.refusal(), (404, "NotFound".into(), absent.into()));
    let denied = "Access denied: Alibaba Cloud account ARN not allowed.";
    assert_eq!(login(&site, &with("identityId", "other")).await.refusal(), (401, "UnauthorizedError".into(), denied.into()));
    for (name, value, message) in [
        ("Action", "AssumeRole", "GetCallerIdentity"),
        ("AccessKeyId", "STS.x", "alphanumeric"),
        ("Timestamp", "2026-01-01 00:00", "YYYY-MM-DDTHH:mm:ssZ"),
        ("SignatureNonce", "", "URL-safe"),
        ("SignatureMethod", "HMAC-SHA256", "HMAC-SHA1"),
    ] {
        let answer = login(&site, &with(name, value)).await;
        let issue = answer.json()["message"][0].clone();
        assert_eq!((answer.status, &issue["path"]), (422, &json!([name])));
        assert!(issue["message"].as_str().unwrap().contains(message), "{issue}");
    }
}
