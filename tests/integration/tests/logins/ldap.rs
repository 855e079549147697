//! `ldapAuth`, against a real directory server.
use super::{GOOD, LastGood, by, by_plugin, id, identity, key, put, sample};
use infisical_dev_server::Place;
use integration::Scene;
use serde_json::{Value, json};
use std::time::Duration;
use support::directory::{BASE, Directory, Person, READER, READER_PASSWORD};

const PASSWORD: &str = "robot-canary-5521";

async fn directory() -> Directory {
    Directory::start(&[Person { uid: "robot", password: PASSWORD, mail: "robot@example.com" }]).await.unwrap()
}

async fn scene(directory: &Directory) -> Scene {
    let auth = json!({"url": directory.url(), "bindDN": READER, "bindPass": READER_PASSWORD, "searchBase": BASE});
    Scene::with(|config| identity(config, "robot", json!({"ldapAuth": auth}))).await
}

fn block(scene: &Scene) -> Value {
    let credentials = json!({"secretName": "ldap", "secretNamespace": scene.namespace.name()});
    by("ldapAuth", json!({"identityId": id("robot"), "credentialsRef": credentials}))
}

#[tokio::test]
async fn a_user_of_the_directory_logs_in_and_a_wrong_password_leaves_the_secret() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let operator = scene.start().await;
    put(&scene, "ldap", &[("username", "robot\n"), ("password", PASSWORD)]).await;
    scene.infisical_secret("a", block(&scene)).await;
    let good = LastGood::of(&scene, "a").await;
    let loaded = scene.condition("a", "secrets.infisical.com/LoadedInfisicalToken").await;
    assert!(loaded.message.contains("LDAP_MACHINE_IDENTITY"), "{}", loaded.message);

    put(&scene, "ldap", &[("password", "wrong-canary-5522")]).await;
    let message = good.stays("LoginFailed", &["Invalid credentials", "user name and password"]).await;
    assert!(!message.contains("canary"), "{message}");
    // The other way round, as one client sends it.
    put(&scene, "ldap", &[("username", PASSWORD), ("password", "robot")]).await;
    good.stays("LoginFailed", &["each in its own key"]).await;
    put(&scene, "ldap", &[("password", "")]).await;
    good.stays("SecretKeyNotFound", &["spec.authentication.ldapAuth.credentialsRef", "\"password\"", "empty"]).await;

    put(&scene, "ldap", &[("username", "robot"), ("password", PASSWORD)]).await;
    good.recovers("edited").await;
    let metrics = operator.metrics_text().await;
    assert!(!metrics.contains("canary"));
}

#[tokio::test]
async fn a_locked_user_name_is_told_and_heals() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let _operator = scene.start().await;
    // Somebody else tries.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"identityId": id("robot"), "username": "robot", "password": "wrong"}).to_string();
    for _ in 0..3 {
        let login = client.post(format!("{}/api/v1/auth/ldap-auth/login", scene.infisical.url()));
        let answer = login.header("content-type", "application/json").body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 401);
    }
    put(&scene, "ldap", &[("username", "robot"), ("password", PASSWORD)]).await;
    scene.infisical_secret("a", block(&scene)).await;
    let message = scene.failed("a", "LoginFailed").await;
    assert!(message.contains("temporarily locked") && message.contains("five minutes"), "{message}");
    scene.infisical.state().clock().advance(Duration::from_secs(301));
    // Another byte in the Secret is another credential, which is tried at once.
    put(&scene, "ldap", &[("password", &format!("{PASSWORD}\n"))]).await;
    scene.holds("a", &GOOD).await;
}

#[tokio::test]
async fn by_name_what_is_missing_is_named() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let _operator = scene.start().await;
    put(&scene, "ldap", &[("user", "robot"), ("pass", PASSWORD)]).await;
    let inputs = [key("username", "ldap", "user"), key("password", "ldap", "pass")];
    scene.infisical_secret("a", by_plugin("ldap", "robot", json!({}), &inputs)).await;
    let good = LastGood::of(&scene, "a").await;
    scene.infisical_secret("a", by_plugin("ldap", "robot", json!({}), &inputs[..1])).await;
    good.stays("InvalidCredentials", &["\"password\"", "missing"]).await;
    scene.infisical_secret("a", by_plugin("ldap", "nobody", json!({}), &inputs)).await;
    good.stays("LoginFailed", &["Identity with ID", "correct the id of the identity"]).await;
}

#[tokio::test]
async fn the_sample_syncs() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let folder = Place::new("shop", "prod", "/app");
    scene.infisical.state().create_folder(&folder).unwrap();
    scene.infisical.state().set_secret(&folder, "KEY", "value").unwrap();
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    sample(&scene, "ldap-auth.yaml", "robot", &[("<user name>", "robot"), ("<password>", PASSWORD)]).await;
    scene.holds("ldap-auth", &[("KEY", "value")]).await;
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let _operator = scene.start().await;
    let more = [("<machine-identity-id>", id("robot")), ("<ldap-username>", "robot".into()), ("<ldap-password>", PASSWORD.into())];
    super::as_in_the_manual(&scene, "ldap", &more.each_ref().map(|(placeholder, value)| (*placeholder, value.as_str()))).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let directory = directory().await;
    let scene = scene(&directory).await;
    let _operator = scene.start().await;
    put(&scene, "ldap", &[("username", "robot"), ("password", PASSWORD)]).await;
    scene.infisical_secret("a", block(&scene)).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "robot").await;
}
