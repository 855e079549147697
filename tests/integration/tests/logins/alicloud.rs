//! The plugin `alicloud`: a request to Alibaba Cloud, signed with an access key.
use super::{LastGood, identity, put, sample, token_calls};
use infisical_dev_server::{AlibabaKey, Config};
use integration::Scene;
use serde_json::json;
use std::time::Duration;

const ARN: &str = "acs:ram::1234567890123456:user/robot";

fn alibaba(config: &mut Config) {
    identity(config, "robot", json!({"alicloudAuth": {"allowedArns": ARN}}));
    identity(config, "someone", json!({"alicloudAuth": {"allowedArns": "acs:ram::1234567890123456:user/other"}}));
    config.seed.alibaba_cloud.access_keys.push(AlibabaKey { id: "LTAI5tExample".into(), secret: "the-secret".into(), arn: ARN.into() });
}

async fn apply(scene: &Scene, identity: &str) {
    let more = [("<id of the access key>", "LTAI5tExample"), ("<secret of the access key>", "the-secret")];
    sample(scene, "alicloud.yaml", identity, &more).await;
}

#[tokio::test]
async fn an_access_key_logs_in_and_each_mistake_says_which() {
    let scene = Scene::with(alibaba).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    let good = LastGood::of(&scene, "alicloud").await;
    for (id, secret, reason, says) in [
        ("STS.canary4711", "the-secret", "InvalidCredentials", ["access-key-id", "temporary key"]),
        ("the-secret", "LTAI5tExample", "InvalidCredentials", ["access-key-id", "letters and digits"]),
        ("LTAI5tExample", "canary-4711", "ServerError", ["500", "check the credentials and the clock"]),
        ("LTAI5tUnknown", "the-secret", "ServerError", ["500", "check the credentials and the clock"]),
    ] {
        put(&scene, "alicloud-access-key", &[("id", id), ("secret", secret)]).await;
        let message = good.stays(reason, &says).await;
        assert!(!message.contains("canary"), "{message}");
    }
    put(&scene, "alicloud-access-key", &[("id", "LTAI5tExample\n"), ("secret", "the-secret\n")]).await;
    good.recovers("edited").await;
    apply(&scene, "someone").await;
    let message = scene.failed("alicloud", "LoginFailed").await;
    assert!(message.contains("ARN not allowed"), "{message}");
    assert_eq!(scene.data("alicloud").await["A"], "edited");
}

#[tokio::test]
async fn each_login_is_signed_anew_and_a_clock_that_is_off_is_refused() {
    let scene = Scene::with(alibaba).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    let good = LastGood::of(&scene, "alicloud").await;
    scene.infisical.state().revoke_tokens(None).unwrap();
    scene.resync("alicloud").await;
    good.recovers("edited").await;
    assert_eq!((token_calls(&scene)[0], scene.infisical.logins()), (2, 2), "a nonce was used twice");

    scene.infisical.state().clock().advance(Duration::from_secs(901));
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("alicloud").await;
    let message = scene.failed("alicloud", "ServerError").await;
    assert!(message.contains("check the credentials and the clock"), "{message}");
    assert_eq!(scene.data("alicloud").await["A"], "edited");
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let scene = Scene::with(alibaba).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    apply(&scene, "robot").await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "alicloud", "robot").await;
}
