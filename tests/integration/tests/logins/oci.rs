//! The plugin `oci`: a request to Oracle Cloud, signed with a user's API key.
use super::{LastGood, identity, put, sample, token_calls};
use infisical_dev_server::{Config, OracleUser};
use integration::Scene;
use serde_json::json;
use std::{fs, time::Duration};
use support::Target;

const USER: &str = "ocid1.user.oc1..aaaaaaaaexample";
const TENANCY: &str = "ocid1.tenancy.oc1..aaaaaaaatenancy";
/// Of the key `pkcs8.pem`, whatever its form.
const FINGERPRINT: &str = "b5:eb:ee:8e:28:bb:00:a3:bf:4b:73:7f:da:df:68:18";

fn pem(name: &str) -> String {
    fs::read_to_string(Target::workspace().join("host/runtime/tests/fixtures/keys").join(name)).unwrap()
}

fn oracle(config: &mut Config) {
    let auth = |tenancy: &str, names: &str| json!({"ociAuth": {"tenancyOcid": tenancy, "allowedUsernames": names}});
    identity(config, "robot", auth(TENANCY, "robot"));
    identity(config, "someone", auth(TENANCY, "someone"));
    identity(config, "elsewhere", auth("ocid1.tenancy.oc1..other", ""));
    config.seed.oracle_users.push(OracleUser {
        ocid: USER.into(),
        tenancy: TENANCY.into(),
        name: "robot".into(),
        regions: vec!["us-ashburn-1".into()],
        api_keys: vec![pem("public.pem")],
    });
}

/// The Secret of the sample, with one thing otherwise.
async fn credentials(scene: &Scene, change: (&str, &str)) {
    let key = pem("openssl-aes128.pem");
    let good = [
        ("user", USER),
        ("tenancy", TENANCY),
        ("fingerprint", FINGERPRINT),
        ("region", "us-ashburn-1"),
        ("private-key", key.as_str()),
        ("passphrase", "open-sesame\n"),
    ];
    put(scene, "oci-api-key", &good.map(|(name, value)| if name == change.0 { change } else { (name, value) })).await;
}

async fn apply(scene: &Scene, identity: &str) {
    let indented = |text: &str| text.trim_end().replace('\n', "\n    ");
    let more = [
        ("<OCID of the user>", USER),
        ("<OCID of the tenancy>", TENANCY),
        ("<fingerprint of the API key>", FINGERPRINT),
        ("<private API key as PEM>", &indented(&pem("pkcs8.pem"))),
    ];
    sample(scene, "oci.yaml", identity, &more).await;
}

#[tokio::test]
async fn an_api_key_logs_in_and_each_mistake_says_which() {
    let scene = Scene::with(oracle).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    let good = LastGood::of(&scene, "oci").await;
    let (p256, pbkdf2, public) = (pem("p256.pem"), pem("pbkdf2.pem"), pem("public.pem"));
    for (change, reason, says) in [
        (("passphrase", ""), "InvalidCredentials", ["private-key", "there is no passphrase"]),
        (("passphrase", "canary-4711"), "InvalidCredentials", ["private-key-passphrase", "does not open"]),
        (("private-key", p256.as_str()), "InvalidCredentials", ["private-key", "is an elliptic curve key"]),
        (("private-key", public.as_str()), "InvalidCredentials", ["private-key", "is a public key"]),
        (("private-key", "canary-4711"), "InvalidCredentials", ["private-key", "not a private key in PEM"]),
        (("user", TENANCY), "InvalidCredentials", ["user-id", "is the OCID of a tenancy"]),
        (("tenancy", "acme"), "InvalidCredentials", ["tenancy-id", "is no OCID"]),
        (("fingerprint", "canary-4711"), "InvalidCredentials", ["fingerprint", "16 pairs"]),
        (("region", "IAD"), "InvalidCredentials", ["region", "us-ashburn-1"]),
        (("region", "us-phoenix-1"), "ServerError", ["500", "check the credentials and the clock"]),
        (("fingerprint", "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"), "ServerError", ["500", "check the credentials"]),
    ] {
        credentials(&scene, change).await;
        let message = good.stays(reason, &says).await;
        assert!(!message.contains("canary"), "{message}");
    }
    credentials(&scene, ("private-key", &pbkdf2)).await;
    good.recovers("edited").await;
}

#[tokio::test]
async fn another_tenancy_another_user_and_a_clock_that_is_off_are_refused() {
    let scene = Scene::with(oracle).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    let good = LastGood::of(&scene, "oci").await;
    for (identity, says) in [("elsewhere", "isn't part of tenancy"), ("someone", "username not allowed")] {
        apply(&scene, identity).await;
        good.stays("LoginFailed", &[says]).await;
    }
    apply(&scene, "robot").await;
    good.recovers("edited").await;

    scene.infisical.state().clock().advance(Duration::from_secs(301));
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("oci").await;
    let message = scene.failed("oci", "ServerError").await;
    assert!(message.contains("check the credentials and the clock"), "{message}");
    assert_eq!(scene.data("oci").await["A"], "edited");
}

#[tokio::test]
async fn a_token_that_the_server_ends_costs_one_login() {
    let scene = Scene::with(oracle).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    let good = LastGood::of(&scene, "oci").await;
    scene.infisical.state().revoke_tokens(None).unwrap();
    scene.resync("oci").await;
    good.recovers("edited").await;
    assert_eq!(token_calls(&scene)[0], 2);
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let scene = Scene::with(oracle).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "oci", "robot").await;
}
