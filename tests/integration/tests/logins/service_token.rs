//! `serviceToken`, deprecated by Infisical: used as it is, within the project that it knows.
use super::{LastGood, put, sample, token_calls};
use infisical_dev_server::Seed;
use integration::Scene;
use serde_json::{Value, json};

const TOKEN: &str = "st.11111111-2222.service-canary-6631.key";

async fn scene() -> Scene {
    scene_of(json!([{"environment": "dev", "secretPath": "/**"}])).await
}

/// With a service token of these scopes.
async fn scene_of(scopes: Value) -> Scene {
    let tokens = json!({"projects": [{"slug": "shop"}], "serviceTokens": [{"token": TOKEN, "project": "shop", "scopes": scopes}]});
    let mut seed = Seed::parse(&tokens.to_string()).unwrap();
    Scene::with(|config| config.seed.service_tokens.append(&mut seed.service_tokens)).await
}

fn block(scene: &Scene) -> Value {
    let reference = json!({"secretName": "service-token", "secretNamespace": scene.namespace.name()});
    json!({"spec": {"authentication": {"universalAuth": null, "serviceToken": {
        "serviceTokenSecretReference": reference, "secretsScope": {"envSlug": "dev", "secretsPath": "/"},
    }}}})
}

#[tokio::test]
async fn a_service_token_reads_its_project_and_its_deprecation_is_said_once() {
    let scene = scene().await;
    let operator = scene.start().await;
    // As users paste it.
    put(&scene, "service-token", &[("infisicalToken", &format!(" {}\n{}\n", &TOKEN[..20], &TOKEN[20..]))]).await;
    scene.infisical_secret("a", block(&scene)).await;
    let good = LastGood::of(&scene, "a").await;
    let ready = scene.synced("a").await;
    assert_eq!(ready.message.matches("deprecated").count(), 1, "{}", ready.message);
    assert!(ready.message.contains("universalAuth"), "{}", ready.message);

    for (wrong, reason, says) in [
        ("st.99999999-0000.unknown-canary-6633.key", "", "99999999-0000"),
        ("st.11111111-2222.wrong-canary-6634.key", "", "Invalid service token"),
        ("an-access-token", "InvalidCredentials", "begins with st."),
    ] {
        put(&scene, "service-token", &[("infisicalToken", wrong)]).await;
        let message = if reason.is_empty() { scene.failed_somehow("a").await } else { good.stays(reason, &[says]).await };
        assert!(message.contains(says) && !message.contains("canary"), "{wrong}: {message}");
        put(&scene, "service-token", &[("infisicalToken", TOKEN)]).await;
        good.recovers(&format!("after {}", &wrong[..5])).await;
    }
    operator.stop().await;
    assert_eq!(token_calls(&scene), [0, 0, 0]);
}

#[tokio::test]
async fn the_oldest_place_of_a_service_token_works_too() {
    let scene = scene().await;
    let _operator = scene.start().await;
    put(&scene, "service-token", &[("infisicalToken", TOKEN)]).await;
    let reference = json!({"secretName": "service-token", "secretNamespace": scene.namespace.name()});
    let scope = json!({
        "serviceTokenSecretReference": {"secretName": "", "secretNamespace": ""},
        "secretsScope": {"envSlug": "dev", "secretsPath": "/app"},
    });
    scene
        .infisical_secret(
            "a",
            json!({"spec": {"tokenSecretReference": reference, "authentication": {"universalAuth": null, "serviceToken": scope}}}),
        )
        .await;
    scene.holds("a", &[("C", "three")]).await;
    let ready = scene.synced("a").await;
    assert!(ready.message.contains("spec.tokenSecretReference is deprecated"), "{}", ready.message);
}

/// As resources were written before they had `authentication`.
#[tokio::test]
async fn of_a_token_with_one_scope_nothing_else_need_be_said() {
    let scene = scene_of(json!([{"environment": "dev", "secretPath": "/app"}])).await;
    let _operator = scene.start().await;
    put(&scene, "service-token", &[("infisicalToken", TOKEN)]).await;
    let reference = json!({"secretName": "service-token", "secretNamespace": scene.namespace.name()});
    scene.infisical_secret("a", json!({"spec": {"tokenSecretReference": reference, "authentication": null}})).await;
    scene.holds("a", &[("C", "three")]).await;
    scene.synced("a").await;
}

#[tokio::test]
async fn a_token_with_several_scopes_needs_an_environment() {
    let scene = scene_of(json!([{"environment": "dev", "secretPath": "/"}, {"environment": "prod", "secretPath": "/"}])).await;
    let _operator = scene.start().await;
    put(&scene, "service-token", &[("infisicalToken", TOKEN)]).await;
    let reference = json!({"secretName": "service-token", "secretNamespace": scene.namespace.name()});
    scene.infisical_secret("a", json!({"spec": {"tokenSecretReference": reference, "authentication": null}})).await;
    let message = scene.failed_somehow("a").await;
    assert!(message.contains("name the environment in secretsScope.envSlug"), "{message}");
}

#[tokio::test]
async fn the_sample_syncs() {
    let scene = scene().await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    sample(&scene, "service-token.yaml", "nobody", &[("st.<id>.<secret>.<key>", TOKEN)]).await;
    scene.holds("service-token-secrets", &[("C", "three")]).await;
}
