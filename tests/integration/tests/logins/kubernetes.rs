//! The plugin `kubernetes` with files: the operator's own token, and any other that is mounted and rotated.
use super::{GOOD, LastGood, by, project, token_calls};
use integration::Scene;
use serde_json::{Value, json};

const POD: &str = "99999999-aaaa-4bbb-8ccc-dddddddddddd";
const POD_WITH_AUDIENCE: &str = "88888888-aaaa-4bbb-8ccc-dddddddddddd";
const AUDIENCE: &str = "https://app.infisical.com";

fn by_file(identity: &str, settings: Value) -> Value {
    let settings = integration::merged(json!({"source": "token-file"}), &settings);
    by("plugin", json!({"name": "kubernetes", "settings": settings, "inputs": [{"name": "identity-id", "value": identity}]}))
}

#[tokio::test]
async fn any_file_in_a_mount_logs_in_and_a_rotated_one_at_the_next_login() {
    let scene = Scene::new().await;
    let (own, tokens) = (scene.folder().join("service-account"), scene.folder().join("tokens"));
    let account = &scene.namespace;
    project(&own, "token", &account.service_account_token("default", &[]).await.unwrap());
    // A projected token of Kubernetes, for the server alone.
    project(&tokens, "infisical", &account.service_account_token("default", &[AUDIENCE]).await.unwrap());
    let url = scene.infisical.url();
    let _operator = scene
        .start_with(|options| {
            options.trusted_hosts = vec![url];
            options.plugins.mounts = [("service-account".to_owned(), own.clone()), ("tokens".to_owned(), tokens.clone())].into();
        })
        .await;
    scene.infisical_secret("own", by_file(POD, json!({}))).await;
    scene.holds("own", &GOOD).await;
    let path = tokens.join("infisical");
    scene.infisical_secret("a", by_file(POD_WITH_AUDIENCE, json!({"path": path}))).await;
    let good = LastGood::of(&scene, "a").await;
    assert_eq!(token_calls(&scene), [2, 0, 0]);

    // A file that went bad is not looked at before the next login.
    project(&tokens, "infisical", "spoilt");
    good.recovers("edited").await;
    assert_eq!(token_calls(&scene), [2, 0, 0]);
    project(&tokens, "infisical", &account.service_account_token("default", &[AUDIENCE]).await.unwrap());
    scene.infisical.state().expire_tokens(Some("pod-with-audience")).unwrap();
    good.recovers("edited again").await;
    assert_eq!(token_calls(&scene), [3, 0, 0]);
}

#[tokio::test]
async fn a_wrong_file_or_audience_leaves_the_secret() {
    let scene = Scene::new().await;
    let own = scene.folder().join("service-account");
    project(&own, "token", &scene.namespace.service_account_token("default", &[]).await.unwrap());
    let url = scene.infisical.url();
    let _operator = scene
        .start_with(|options| {
            options.trusted_hosts = vec![url];
            options.plugins.mounts = [("service-account".to_owned(), own.clone())].into();
        })
        .await;
    scene.infisical_secret("a", by_file(POD, json!({}))).await;
    let good = LastGood::of(&scene, "a").await;
    for (identity, settings, reason, says) in [
        (POD, json!({"path": "missing"}), "InvalidCredentials", "\"missing\""),
        (POD, json!({"path": "/etc/passwd"}), "InvalidCredentials", "lies in no mount"),
        (POD, json!({"source": "token-request", "path": "token"}), "InvalidSettings", "only for the source token-file"),
        // The server asks for a token with its own audience.
        (POD_WITH_AUDIENCE, json!({}), "LoginFailed", "compare the audience of the token"),
        ("00000000-0000-4000-8000-000000000000", json!({}), "LoginFailed", "enable this method"),
    ] {
        scene.infisical_secret("a", by_file(identity, settings)).await;
        good.stays(reason, &[says]).await;
    }
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    super::as_in_the_manual(&scene, "kubernetes", &[("<machine-identity-id>", POD_WITH_AUDIENCE)]).await;
}
