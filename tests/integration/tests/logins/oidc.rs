//! The plugin `oidc`: an id token of a provider that the server asks for its keys.
use super::{GOOD, LastGood, by_plugin, identity, key, project, put, sample};
use infisical_dev_server::Issuer;
use integration::Scene;
use serde_json::json;

async fn scene(issuer: &Issuer) -> Scene {
    let auth = json!({
        "oidcDiscoveryUrl": issuer.url(), "boundIssuer": issuer.url(), "boundAudiences": "infisical",
        "boundClaims": {"repository": "acme/*"},
    });
    Scene::with(|config| identity(config, "pipeline", json!({"oidcAuth": auth}))).await
}

#[tokio::test]
async fn an_id_token_logs_in_and_each_wrong_one_says_why() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let _operator = scene.start().await;
    let token = |claims| issuer.token(&integration::merged(json!({"aud": "infisical", "repository": "acme/shop"}), &claims)).unwrap();
    put(&scene, "ci", &[("token", &token(json!({})))]).await;
    scene.infisical_secret("a", by_plugin("oidc", "pipeline", json!({}), &[key("token", "ci", "token")])).await;
    let good = LastGood::of(&scene, "a").await;
    for (wrong, says) in [
        (token(json!({"nbf": 4_000_000_000_u64})), "not valid yet"),
        (token(json!({"aud": ["other"]})), "the audience of the token"),
        (token(json!({"repository": "evil/shop"})), "the claims of the token"),
        (token(json!({"repository": null})), "lacks a claim"),
        (issuer.token_with(Some("unknown".into()), &json!({})).unwrap(), "no such key any more"),
    ] {
        put(&scene, "ci", &[("token", &wrong)]).await;
        good.stays("LoginFailed", &[says]).await;
    }
    put(&scene, "ci", &[("token", &token(json!({"jti": "fresh"})))]).await;
    good.recovers("edited").await;
    scene.infisical_secret("a", by_plugin("oidc", "nobody", json!({}), &[key("token", "ci", "token")])).await;
    good.stays("LoginFailed", &["did you configure OIDC auth?", "enable this method"]).await;
}

#[tokio::test]
async fn a_rotated_file_is_used_at_the_next_login() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let mount = scene.folder().join("tokens");
    let token = || issuer.token(&json!({"aud": "infisical", "repository": "acme/shop"})).unwrap();
    project(&mount, "infisical", &token());
    let url = scene.infisical.url();
    let _operator = scene
        .start_with(|options| {
            options.host_api = Some(url);
            options.plugins.mounts.insert("tokens".into(), mount.clone());
        })
        .await;
    scene.infisical_secret("a", by_plugin("oidc", "pipeline", json!({"path": mount.join("infisical")}), &[])).await;
    let good = LastGood::of(&scene, "a").await;
    issuer.rotate().unwrap();
    project(&mount, "infisical", &token());
    scene.infisical.state().revoke_tokens(None).unwrap();
    good.recovers("edited").await;
    scene.set("A", "one");
    sample(&scene, "oidc-auth.yaml", "pipeline", &[]).await;
    scene.holds("oidc-auth", &GOOD).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let _operator = scene.start().await;
    put(&scene, "ci", &[("token", &issuer.token(&json!({"aud": "infisical", "repository": "acme/shop"})).unwrap())]).await;
    scene.infisical_secret("a", by_plugin("oidc", "pipeline", json!({}), &[key("token", "ci", "token")])).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "pipeline").await;
}
