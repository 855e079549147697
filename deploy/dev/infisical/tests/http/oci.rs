//! OCI auth: what Oracle's own SDK signed is let in, at its time, and whatever is changed about it is not.
use std::time::Duration;

use infisical_dev_server::{Config, Seed};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const RECORDED: &str = include_str!("../../../../../plugins/auth-oci/tests/golden/recorded.json");
const PUBLIC_KEY: &str = include_str!("../../../../../host/runtime/tests/fixtures/keys/public.pem");
const TENANCY: &str = "ocid1.tenancy.oc1..aaaaaaaatenancy";

struct Recorded {
    now: Timestamp,
    body: Value,
}

fn recorded() -> Vec<Recorded> {
    let cases: Vec<Value> = serde_json::from_str(RECORDED).unwrap();
    let case = |case: Value| {
        let now = Timestamp::from_second(case["now"].as_i64().unwrap()).unwrap();
        Recorded { now, body: json!({ "identityId": "any", "userOcid": case["inputs"]["user-id"], "headers": case["headers"] }) }
    };
    cases.into_iter().map(case).collect()
}

async fn start(now: Timestamp) -> Site {
    let user = |ocid: &str| {
        let regions = ["us-ashburn-1", "eu-frankfurt-1", "ap-melbourne-1", "uk-london-1"];
        json!({ "ocid": ocid, "tenancy": TENANCY, "name": "robot", "regions": regions, "apiKeys": [PUBLIC_KEY] })
    };
    let auth = |tenancy: &str, names: &str| json!({ "tenancyOcid": tenancy, "allowedUsernames": names });
    let seed = json!({
        "oracleUsers": [user("ocid1.user.oc1..aaaaaaaaexample"), user("ocid1.user.oc1.eu-frankfurt-1.aaaa-b_c")],
        "identities": [
            { "name": "any", "id": "any", "ociAuth": auth(TENANCY, "") },
            { "name": "named", "id": "named", "ociAuth": auth(TENANCY, "someone, robot") },
            { "name": "another", "id": "another", "ociAuth": auth(TENANCY, "someone") },
            { "name": "elsewhere", "id": "elsewhere", "ociAuth": auth("ocid1.tenancy.oc1..other", "") },
            { "name": "none", "id": "none" },
        ],
    });
    let site = Site::with(Config::new(Seed::parse(&seed.to_string()).unwrap())).await;
    site.server.state().clock().stop_at(now);
    site
}

async fn login(site: &Site, body: Value) -> Answer {
    site.post("/api/v1/auth/oci-auth/login", body).await
}

#[tokio::test]
async fn what_oracles_sdk_signed_is_let_in() {
    for Recorded { now, body } in recorded() {
        let site = start(now).await;
        let answer = login(&site, body).await;
        assert_eq!((answer.status, &answer.json()["tokenType"]), (200, &json!("Bearer")));
    }
}

#[tokio::test]
async fn whatever_oracle_refuses_is_an_internal_error() {
    let Recorded { now, body } = recorded().remove(0);
    let site = start(now).await;
    let wrong = |pointer: &str, from: &str, to: &str| {
        let mut body = body.clone();
        let text = body.pointer_mut(pointer).unwrap();
        let changed = text.as_str().unwrap().replacen(from, to, 1);
        assert_ne!(*text, changed, "{from} is not there");
        *text = changed.into();
        body
    };
    for (what, body) in [
        ("another signature", wrong("/headers/authorization", "signature=\"", "signature=\"AAAA")),
        ("another date", wrong("/headers/date", "00:00:00", "00:00:01")),
        ("another region", wrong("/headers/host", "us-ashburn-1", "eu-frankfurt-1")),
        ("a region that the tenancy does not use", wrong("/headers/host", "us-ashburn-1", "us-phoenix-1")),
        ("a fingerprint that is not the key's", wrong("/headers/authorization", "/b5:", "/b6:")),
        ("another tenancy", wrong("/headers/authorization", "aaaaaaaatenancy", "other")),
        ("a host that is not signed", wrong("/headers/authorization", "(request-target) host", "(request-target)")),
        ("a date that is not signed", wrong("/headers/authorization", "date (request-target)", "(request-target)")),
        ("another version", wrong("/headers/authorization", "version=\"1\"", "version=\"2\"")),
    ] {
        let refusal = login(&site, body).await.refusal();
        assert_eq!((refusal.0, refusal.2.as_str()), (500, "Something went wrong"), "{what}");
    }
    assert_eq!(site.server.logins(), 0);
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes() {
    let Recorded { now, body } = recorded().remove(0);
    for (seconds, status) in [(-301, 500), (-300, 200), (300, 200), (301, 500)] {
        let site = start(now + jiff::SignedDuration::from_secs(seconds)).await;
        assert_eq!(login(&site, body.clone()).await.status, status, "{seconds} s");
    }
    let site = start(now).await;
    site.server.state().clock().advance(Duration::from_secs(301));
    assert_eq!(login(&site, body).await.status, 500);
}

#[tokio::test]
async fn each_refusal_of_the_server_names_its_cause() {
    let Recorded { now, body } = recorded().remove(0);
    let site = start(now).await;
    let with = |pointer: &str, value: &str| {
        let mut body = body.clone();
        *body.pointer_mut(pointer).unwrap() = value.into();
        body
    };
    let host = "Invalid OCI host format. Expected format: identity.<region>.oraclecloud.com";
    for (body, status, message) in [
        (with("/identityId", "none"), 404, "OCI auth method not found for identity, did you configure OCI auth?"),
        (with("/headers/host", "identity.us-gov-ashburn-1.oraclecloud.com"), 400, host),
        (with("/headers/host", "identity.us-ashburn-1.oraclecloud.com.evil.example"), 400, host),
        (with("/userOcid", "ocid1.user.oc1.eu-frankfurt-1.aaaa-b_c"), 401, "Access denied: OCI request was not signed by the given user."),
        (with("/headers/authorization", "Bearer x"), 401, "Access denied: OCI request was not signed by the given user."),
        (with("/identityId", "elsewhere"), 401, "Access denied: OCI account isn't part of tenancy."),
        (with("/identityId", "another"), 401, "Access denied: OCI account username not allowed."),
    ] {
        let refusal = login(&site, body).await.refusal();
        assert_eq!((refusal.0, refusal.2.as_str()), (status, message));
    }
    assert_eq!(login(&site, with("/identityId", "named")).await.status, 200);
    let undated = json!({ "identityId": "any", "userOcid": "u", "headers": { "authorization": "a", "host": "h" } });
    assert_eq!(login(&site, undated).await.status, 422);
    assert_eq!(login(&site, json!({ "identityId": "any", "userOcid": "u" })).await.status, 422);
}
