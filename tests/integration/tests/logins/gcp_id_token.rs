//! Google Cloud with an id token of the machine, by the metadata server.
use super::{
    GOOD, LastGood, by, by_plugin,
    clouds::{Around, sample_place, start},
    id, identity, sample,
};
use infisical_dev_server::{
    Conduct,
    google::{Google, Project},
};
use integration::Scene;
use serde_json::{Value, json};

/// Machine identity `cloud` takes the account that the instance runs as, in its project and zone; `strict` takes no zone.
async fn scene() -> (Scene, Google) {
    let mut project = Project::new("shop-4711");
    let email = project.add_account("deployer").unwrap();
    project.instance.account = Some(email.clone());
    let google = Google::start(project).await.unwrap();
    let certificates = google.url();
    let scene = Scene::with(|config| {
        config.google = Some(certificates);
        let allowed =
            json!({"type": "gce", "allowedServiceAccounts": email, "allowedProjects": "shop-4711", "allowedZones": "europe-west1-b"});
        identity(config, "cloud", json!({"gcpAuth": allowed}));
        for name in ["html", "huge", "busy", "silent", "bare"] {
            identity(config, name, json!({"gcpAuth": allowed}));
        }
        identity(
            config,
            "stranger",
            json!({"gcpAuth": integration::merged(allowed.clone(), &json!({"allowedServiceAccounts": "x@y.iam.gserviceaccount.com"}))}),
        );
        identity(config, "strict", json!({"gcpAuth": integration::merged(allowed, &json!({"allowedZones": "us-east1-a"}))}));
    })
    .await;
    (scene, google)
}

fn gcp_id_token_auth(name: &str) -> Value {
    by("gcpIdTokenAuth", json!({"identityId": id(name)}))
}

#[tokio::test]
async fn a_machine_of_google_cloud_logs_in_and_again_when_its_token_ends() {
    let (scene, google) = scene().await;
    let _operator = start(&scene, Around { origins: google.origins(), ..Around::default() }).await;
    scene.infisical_secret("a", gcp_id_token_auth("cloud")).await;
    let good = LastGood::of(&scene, "a").await;
    // The same login by another spelling is the same session.
    scene.infisical_secret("b", by_plugin("gcp-id-token", "cloud", json!({}), &[])).await;
    scene.holds("b", &GOOD).await;
    assert_eq!((google.asked().len(), scene.infisical.logins()), (1, 1));
    scene.infisical.state().expire_tokens(None).unwrap();
    good.recovers("edited").await;
    assert_eq!((google.asked().len(), scene.infisical.logins()), (2, 2));
}

#[tokio::test]
async fn each_thing_that_is_wrong_is_told_apart_and_the_secret_stays() {
    let (scene, google) = scene().await;
    let _operator = start(&scene, Around { origins: google.origins(), ..Around::default() }).await;
    scene.infisical_secret("a", gcp_id_token_auth("cloud")).await;
    let good = LastGood::of(&scene, "a").await;
    for (name, says) in
        [("stranger", "GCP service account not allowed."), ("strict", "GCP zone not allowed."), ("nobody", "did you configure GCP auth?")]
    {
        scene.infisical_secret("a", gcp_id_token_auth(name)).await;
        good.stays("LoginFailed", &[says]).await;
    }
    for (conduct, name, says) in [
        (Conduct::Html, "html", "is not Google's metadata server"),
        (Conduct::Huge, "huge", "a body of more than 1048576 bytes"),
        (Conduct::Busy, "busy", "status 503) is not Google's metadata server"),
        (Conduct::Silent, "silent", "did not answer in time; run the operator on Google Cloud"),
    ] {
        google.change(|project| project.instance.metadata = conduct);
        scene.infisical_secret("a", gcp_id_token_auth(name)).await;
        good.stays("PluginServiceUnavailable", &[says]).await;
    }
    google.change(|project| {
        project.instance.metadata = Conduct::Good;
        project.instance.account = None;
    });
    scene.infisical_secret("a", gcp_id_token_auth("bare")).await;
    good.stays("InvalidCredentials", &["no Google service account"]).await;
}

#[tokio::test]
async fn an_untrusted_server_gets_nothing() {
    let (scene, google) = scene().await;
    let origins = google.origins();
    let _operator = scene.start_with(|options| options.plugins.dev_origins = origins).await;
    scene.infisical_secret("a", gcp_id_token_auth("cloud")).await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("http:http://169.254.169.254"), "{message}");
    assert_eq!((google.asked().len(), scene.infisical.logins()), (0, 0));
}

#[tokio::test]
async fn the_sample_syncs() {
    let (scene, google) = scene().await;
    sample_place(&scene);
    let _operator = start(&scene, Around { origins: google.origins(), ..Around::default() }).await;
    sample(&scene, "gcp-id-token-auth.yaml", "cloud", &[]).await;
    scene.holds("gcp-id-token-auth", &GOOD).await;
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let (scene, google) = scene().await;
    let _operator = start(&scene, Around { origins: google.origins(), ..Around::default() }).await;
    super::as_in_the_manual(&scene, "gcp-id-token", &[("<machine-identity-id>", &id("cloud"))]).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let (scene, google) = scene().await;
    let _operator = start(&scene, Around { origins: google.origins(), ..Around::default() }).await;
    scene.infisical_secret("a", gcp_id_token_auth("cloud")).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "cloud").await;
}
