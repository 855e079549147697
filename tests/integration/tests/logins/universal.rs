//! `universalAuth`, and the organisation that all methods log in to.
use super::{LastGood, put};
use infisical_dev_server::Seed;
use integration::Scene;
use serde_json::json;

#[tokio::test]
async fn a_login_goes_to_the_organisation_that_is_configured() {
    let seed = json!({
        "organization": {"slug": "acme", "subOrganizations": ["branch", "closed"]},
        "identities": [{
            "name": "app", "subOrganizations": ["branch"],
            "universalAuth": {"clientId": "app-client", "clientSecrets": ["app-secret"]},
        }],
        "projects": [{
            "slug": "shop", "subOrganization": "branch", "members": {"app": {"role": "viewer"}},
            "environments": [{"slug": "dev", "folders": {"/": {"secrets": {"A": "one", "B": "two"}}}}],
        }],
    });
    let scene = Scene::with(|config| config.seed = Seed::parse(&seed.to_string()).unwrap()).await;
    let operator = scene.start_with(|options| options.organisation = Some("branch".into())).await;
    scene.infisical_secret("a", json!({})).await;
    let good = LastGood::of(&scene, "a").await;
    operator.stop().await;
    for (slug, says) in [("nowhere", "Sub organization with slug nowhere not found"), ("closed", "not authorized")] {
        let operator = scene.start_with(|options| options.organisation = Some(slug.into())).await;
        good.stays("LoginFailed", &[says, "--organization-slug"]).await;
        operator.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_client_secret_leaves_the_secret_and_a_right_one_heals() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("a", json!({})).await;
    let good = LastGood::of(&scene, "a").await;
    put(&scene, "credentials", &[("clientSecret", "wrong-canary-8851")]).await;
    let message = good.stays("LoginFailed", &["Invalid credentials", "client id and client secret"]).await;
    assert!(!message.contains("canary"), "{message}");
    put(&scene, "credentials", &[("clientSecret", "app-secret\n")]).await;
    good.recovers("edited").await;
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let more = [("<your-identity-client-id>", "app-client"), ("<your-identity-client-secret>", "app-secret")];
    super::as_in_the_manual(&scene, "universal", &more).await;
}
