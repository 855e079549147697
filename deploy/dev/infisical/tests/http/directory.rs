//! LDAP auth against a real directory server.
use std::time::Duration;

use infisical_dev_server::{Config, Seed};
use serde_json::{Value, json};
use support::directory::{BASE, Directory, Person, READER, READER_PASSWORD};

use crate::client::{Answer, Site};

const ROBOT: &str = "aaaaaaaa-1111-4222-8333-444444444444";
const PEOPLE: [Person<'static>; 2] = [
    Person { uid: "robot", password: "robot-canary", mail: "robot@example.com" },
    Person { uid: "other", password: "other-canary", mail: "other@example.com" },
];

async fn start(directory: &Directory, changes: Value) -> Site {
    let mut auth = json!({"url": directory.url(), "bindDN": READER, "bindPass": READER_PASSWORD, "searchBase": BASE});
    auth.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let seed = json!({"identities": [{"name": "robot", "id": ROBOT, "ldapAuth": auth}]});
    Site::with(Config::new(Seed::parse(&seed.to_string()).unwrap())).await
}

async fn login(site: &Site, username: &str, password: &str) -> Answer {
    let body = json!({"identityId": ROBOT, "username": username, "password": password});
    let answer = site.post("/api/v1/auth/ldap-auth/login", body).await;
    assert!(password.trim().is_empty() || !answer.text.contains(password), "{}", answer.text);
    answer
}

fn invalid() -> (u16, String, String) {
    (401, "UnauthorizedError".to_owned(), "Invalid credentials".to_owned())
}

#[tokio::test]
async fn the_directory_decides() {
    let directory = Directory::start(&PEOPLE).await.unwrap();
    let site = start(&directory, json!({"accessTokenTTL": 66})).await;
    let answer = login(&site, " robot", "robot-canary\n").await;
    assert_eq!((answer.status, &answer.json()["expiresIn"]), (200, &json!(66)));
    // The other way round, as one client sends it.
    for (username, password) in [("robot", "other-canary"), ("nobody", "robot-canary"), ("robot-canary", "robot"), ("*", "robot-canary")] {
        assert_eq!(login(&site, username, password).await.refusal(), invalid(), "{username}");
    }
    assert_eq!(login(&site, "other", "other-canary").await.status, 200);
}

#[tokio::test]
async fn a_user_name_is_locked_after_three_wrong_passwords_and_no_other() {
    let directory = Directory::start(&PEOPLE).await.unwrap();
    let site = start(&directory, json!({})).await;
    for username in ["robot", "Robot", " ROBOT "] {
        assert_eq!(login(&site, username, "wrong").await.refusal(), invalid());
    }
    let locked = login(&site, "robot", "robot-canary").await.refusal();
    assert_eq!(locked.2, "This identity auth method is temporarily locked, please try again later");
    assert_eq!(login(&site, "other", "other-canary").await.status, 200);
    site.server.state().clock().advance(Duration::from_secs(301));
    assert_eq!(login(&site, "robot", "robot-canary").await.status, 200);
    let site = start(&directory, json!({"lockoutEnabled": false})).await;
    for _ in 0..4 {
        assert_eq!(login(&site, "robot", "wrong").await.refusal(), invalid());
    }
    assert_eq!(login(&site, "robot", "robot-canary").await.status, 200);
}

#[tokio::test]
async fn the_filter_and_the_fields_bound_who_may() {
    let directory = Directory::start(&PEOPLE).await.unwrap();
    let by_mail = start(&directory, json!({"searchFilter": "(mail={{username}})"})).await;
    assert_eq!(login(&by_mail, "robot@example.com", "robot-canary").await.status, 200);
    assert_eq!(login(&by_mail, "robot", "robot-canary").await.refusal(), invalid());
    let allowed = |value: &str| json!({"allowedFields": [{"key": "mail", "value": value}]});
    let site = start(&directory, allowed("a@example.com,robot@example.com")).await;
    assert_eq!(login(&site, "robot", "robot-canary").await.status, 200);
    assert_eq!(login(&site, "other", "other-canary").await.refusal(), invalid());
    let site = start(&directory, json!({"bindPass": "wrong"})).await;
    assert_eq!(login(&site, "robot", "robot-canary").await.refusal(), invalid());
}

#[tokio::test]
async fn what_is_no_login_at_all_never_reaches_the_directory() {
    let directory = Directory::start(&PEOPLE).await.unwrap();
    let site = start(&directory, json!({})).await;
    // A directory takes an empty password for an anonymous user, and says yes.
    let (status, error, message) = login(&site, "robot", " ").await.refusal();
    assert_eq!((status, error.as_str()), (422, "ValidationFailure"));
    assert!(message.contains("Password is required"), "{message}");
    let url = "/api/v1/auth/ldap-auth/login";
    let body = |id: &str| json!({"identityId": id, "username": "robot", "password": "robot-canary"});
    assert!(site.post(url, body("robot")).await.refusal().2.contains("Identity ID must be a valid UUID"));
    let unknown = "bbbbbbbb-1111-4222-8333-444444444444";
    assert_eq!(site.post(url, body(unknown)).await.refusal().2, format!("Identity with ID '{unknown}' not found"));
    directory.stop().unwrap();
    assert_eq!(login(&site, "robot", "robot-canary").await.refusal().0, 500);
    assert_eq!(site.server.logins(), 0);
}
