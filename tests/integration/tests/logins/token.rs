//! The plugin `token`: an access token as it is.
use super::{LastGood, by, key, put, token_calls};
use infisical_dev_server::TokenBounds;
use integration::Scene;
use serde_json::{Value, json};

fn block() -> Value {
    by("plugin", json!({"name": "token", "inputs": [key("token", "token", "token")]}))
}

#[tokio::test]
async fn an_access_token_is_used_and_neither_renewed_nor_revoked() {
    let scene = Scene::new().await;
    let token = scene.access_token().await;
    scene.infisical.calls().reset();
    let operator = scene.start().await;
    put(&scene, "token", &[("token", &token)]).await;
    scene.infisical_secret("a", block()).await;
    let _good = LastGood::of(&scene, "a").await;
    operator.stop().await;
    assert_eq!(token_calls(&scene), [0, 0, 0]);
}

#[tokio::test]
async fn a_token_that_has_ended_leaves_the_secret_and_a_fresh_one_heals() {
    let scene = Scene::new().await;
    let bounds = TokenBounds { ttl: 0, max_ttl: 0, uses: 0, period: 0 };
    scene.infisical.state().set_token_bounds("app", bounds).unwrap();
    let operator = scene.start().await;
    put(&scene, "token", &[("token", &scene.access_token().await)]).await;
    scene.infisical_secret("a", block()).await;
    let good = LastGood::of(&scene, "a").await;
    let before = token_calls(&scene);

    scene.infisical.state().revoke_tokens(Some("app")).unwrap();
    let message = scene.failed_somehow("a").await;
    assert!(message.contains("revoked"), "{message}");
    assert_eq!(token_calls(&scene), before, "it must not log in by itself");
    put(&scene, "token", &[("token", &scene.access_token().await)]).await;
    good.recovers("edited").await;

    put(&scene, "token", &[("token", "nonsense-canary-7741")]).await;
    let message = scene.failed_somehow("a").await;
    assert!(message.contains("malformed") && !message.contains("canary"), "{message}");
    put(&scene, "token", &[("token", &scene.access_token().await)]).await;
    good.recovers("edited again").await;
    operator.stop().await;
    let [_, renewals, revocations] = token_calls(&scene);
    assert_eq!([renewals, revocations], [0, 0]);
}
