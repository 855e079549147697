//! Dynamic secrets and their leases: made, renewed, revoked, run out, and every way of being refused.
use std::time::Duration;

use infisical_dev_server::{Action, Config, Membership, Place, Role, Rule, Seed, Subject};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const SEED: &str = r#"
identities:
  - {name: reader, universalAuth: {clientId: reader-client, clientSecrets: [reader-secret]}}
projects:
  - slug: shop
    members: {reader: {role: member}}
    environments:
      - slug: dev
        folders:
          /db:
            dynamicSecrets:
              Main: {defaultTTL: 1h, maxTTL: 4h, provider: {database: {extra: {PORT: 5432}}}}
              once: {defaultTTL: 1h, refusesRenewal: true, provider: {database: {}}}
"#;

const LEASES: &str = "/api/v1/dynamic-secrets/leases";

fn place() -> Place {
    Place::new("shop", "dev", "/db")
}

async fn start() -> (Site, String) {
    let site = Site::with(Config::new(Seed::parse(SEED).unwrap())).await;
    let token = site.login("reader").await;
    (site, token)
}

fn body(more: Value) -> Value {
    let mut body = json!({ "projectSlug": "shop", "environmentSlug": "dev", "path": "/db/" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn make(site: &Site, token: &str, more: Value) -> Answer {
    site.change(Method::POST, token, LEASES, body(more)).await
}

async fn renew(site: &Site, token: &str, id: &str, more: Value) -> Answer {
    site.change(Method::POST, token, &format!("{LEASES}/{id}/renew"), body(more)).await
}

async fn revoke(site: &Site, token: &str, id: &str, more: Value) -> Answer {
    site.change(Method::DELETE, token, &format!("{LEASES}/{id}"), body(more)).await
}

fn seconds_between(from: &Value, to: &Value) -> i64 {
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    at(to).duration_since(at(from)).as_secs()
}

fn lets_in(site: &Site, data: &Value) -> bool {
    site.server.state().database_lets_in(data["DB_USERNAME"].as_str().unwrap(), data["DB_PASSWORD"].as_str().unwrap())
}

#[tokio::test]
async fn a_lease_gives_credentials_that_live_until_it_is_revoked() {
    let (site, token) = start().await;
    let made = make(&site, &token, json!({ "dynamicSecretName": "MAIN", "ttl": "30m", "config": {"mark": "x"} })).await.json();
    let (lease, data) = (&made["lease"], &made["data"]);
    assert_eq!(seconds_between(&lease["createdAt"], &lease["expireAt"]), 1_800);
    assert_eq!((&lease["version"], &lease["status"], &lease["config"]), (&json!(1), &Value::Null, &json!({"mark": "x"})));
    let secret = &made["dynamicSecret"];
    assert_eq!((&secret["name"], &secret["maxTTL"], &secret["type"]), (&json!("main"), &json!("4h"), &json!("sql-database")));
    assert_eq!((&data["PORT"], lets_in(&site, data)), (&json!(5432), true));

    let id = lease["id"].as_str().unwrap();
    let query = "projectSlug=shop&environmentSlug=dev&path=/db";
    let one = site.get(&token, &format!("{LEASES}/{id}?{query}")).await.json();
    assert_eq!((&one["lease"]["id"], &one["lease"]["dynamicSecret"]["name"]), (&lease["id"], &json!("main")));
    let all = site.get(&token, &format!("/api/v1/dynamic-secrets/main/leases?{query}")).await.json();
    assert_eq!(all["leases"][0]["id"], lease["id"]);
    let shown = site.get("", "/dev/leases").await.json();
    assert_eq!((&shown["leases"][0]["id"], shown["databaseUsers"].as_array().unwrap().len()), (&lease["id"], 1));

    assert_eq!(revoke(&site, &token, id, json!({})).await.json()["lease"]["id"], lease["id"]);
    assert!(!lets_in(&site, data));
    let again = revoke(&site, &token, id, json!({})).await.refusal();
    assert_eq!(again, (404, "NotFound".into(), format!("Dynamic secret lease with ID '{id}' not found")));
}

#[tokio::test]
async fn a_renewal_moves_the_end_by_a_ttl_until_the_max_ttl() {
    let (site, token) = start().await;
    let made = make(&site, &token, json!({ "dynamicSecretName": "main", "ttl": "" , "config": null })).await.json();
    let lease = &made["lease"];
    assert_eq!(seconds_between(&lease["createdAt"], &lease["expireAt"]), 3_600);
    let id = lease["id"].as_str().unwrap();
    let renewed = renew(&site, &token, id, json!({ "ttl": "2h" })).await.json();
    assert_eq!(seconds_between(&lease["createdAt"], &renewed["lease"]["expireAt"]), 3 * 3_600);
    assert!(renewed.get("data").is_none());
    let beyond = renew(&site, &token, id, json!({ "ttl": "2h" })).await.refusal();
    assert_eq!(beyond.0, 400);
    assert!(beyond.2.contains("maximum allowed lease duration"), "{}", beyond.2);
    let large = make(&site, &token, json!({ "dynamicSecretName": "main", "ttl": "5h" })).await.refusal();
    assert_eq!(large, (400, "BadRequest".into(), "TTL cannot be larger than max TTL".into()));
    let once = make(&site, &token, json!({ "dynamicSecretName": "once" })).await.json();
    let refused = renew(&site, &token, once["lease"]["id"].as_str().unwrap(), json!({})).await.refusal();
    assert_eq!((refused.0, refused.2.contains("not supported")), (400, true));
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_told_apart() {
    let (site, token) = start().await;
    let refusal = async |more: Value| make(&site, &token, more).await.refusal();
    for (more, status, message) in [
        (json!({ "dynamicSecretName": "main", "projectSlug": "other" }), 404, "Project with slug 'other' not found"),
        (json!({ "dynamicSecretName": "main", "path": "/x" }), 404, "Folder with path '/x' in environment with slug 'dev' not found"),
        (json!({ "dynamicSecretName": "other" }), 404, "Dynamic secret with name 'other' in folder with path '/db' not found"),
        (json!({ "dynamicSecretName": "main", "ttl": "59s" }), 422, "1min"),
        (json!({ "dynamicSecretName": "main", "ttl": "11y" }), 422, "10 years"),
        (json!({}), 422, "Required"),
    ] {
        let refused = refusal(more).await;
        assert_eq!(refused.0, status, "{refused:?}");
        assert!(refused.2.contains(message), "{refused:?}");
    }
    let unknown = renew(&site, &token, "x", json!({})).await.refusal();
    assert_eq!(unknown, (404, "NotFound".into(), "Dynamic secret lease with ID 'x' not found".into()));
    let viewer = Membership { role: Role::Viewer, rules: vec![] };
    site.server.state().set_membership("shop", "reader", Some(viewer)).unwrap();
    let denied = refusal(json!({ "dynamicSecretName": "main" })).await;
    assert_eq!(denied, (403, "PermissionDenied".into(), "You are not allowed to lease on dynamic-secrets".into()));
    let rule = Rule {
        inverted: false,
        subject: Subject::DynamicSecrets,
        actions: vec![Action::Lease],
        environment: None,
        secret_path: Some("/db".to_owned()),
        secret_name: None,
    };
    site.server.state().add_rule("shop", "reader", rule).unwrap();
    assert_eq!(make(&site, &token, json!({ "dynamicSecretName": "main" })).await.status, 200);
}

#[tokio::test]
async fn a_lease_runs_out_by_itself_and_one_that_can_not_be_taken_back_is_tried_again() {
    let (site, token) = start().await;
    let (state, lists) = (site.server.state(), || site.server.state().leases(&place(), "main"));
    let data = make(&site, &token, json!({ "dynamicSecretName": "main" })).await.json()["data"].clone();
    state.clock().advance(Duration::from_secs(3_601));
    support::wait_for(
        "the lease to run out",
        Duration::from_secs(20),
        async || if lists().is_empty() { Ok(()) } else { Err("it is there") },
    )
    .await
    .unwrap();
    assert!(!lets_in(&site, &data));

    let token = site.login("reader").await;
    let made = make(&site, &token, json!({ "dynamicSecretName": "main" })).await.json();
    state.set_database_down(true);
    let answer = revoke(&site, &token, made["lease"]["id"].as_str().unwrap(), json!({})).await;
    assert_eq!((answer.status, &answer.json()["lease"]["status"]), (200, &json!("Failed to delete")));
    assert!(lets_in(&site, &made["data"]));
    assert_eq!(make(&site, &token, json!({ "dynamicSecretName": "main" })).await.refusal().0, 400);
    state.set_database_down(false);
    support::wait_for("another try", Duration::from_secs(20), async || if lists().is_empty() { Ok(()) } else { Err("it is there") })
        .await
        .unwrap();
    assert!(!lets_in(&site, &made["data"]));
}
