//! Google Cloud with a token that a service account signed: by its key file, or by Google.
use super::{
    GOOD, LastGood, by, by_plugin,
    clouds::{Around, mount, sample_place, start, text},
    id, identity, sample,
};
use infisical_dev_server::{
    Conduct,
    google::{Google, Project},
};
use integration::Scene;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

struct Test {
    scene: Scene,
    google: Google,
    email: String,
    /// The mount `gcp`, with the key file `key.json`.
    folder: PathBuf,
}

impl Test {
    /// Machine identity `cloud` takes one account, which the instance runs as too.
    async fn new() -> Self {
        let mut project = Project::new("shop-4711");
        let email = project.add_account("deployer").unwrap();
        project.instance.account = Some(email.clone());
        let key = project.add_key(&email).unwrap();
        let google = Google::start(project).await.unwrap();
        let (certificates, allowed) = (google.url(), email.clone());
        let scene = Scene::with(|config| {
            config.google = Some(certificates);
            for name in ["cloud", "scope", "api", "right", "html", "silent", "bare"] {
                identity(config, name, json!({"gcpAuth": {"type": "iam", "allowedServiceAccounts": allowed}}));
            }
            let other = json!({"type": "iam", "allowedServiceAccounts": "other@shop-4711.iam.gserviceaccount.com"});
            identity(config, "stranger", json!({"gcpAuth": other}));
        })
        .await;
        let folder = mount(&scene, "gcp", "key.json", key.expose());
        Self { scene, google, email, folder }
    }

    fn around(&self) -> Around {
        Around { origins: self.google.origins(), mounts: vec![("gcp", self.folder.clone())], ..Around::default() }
    }

    fn path(&self, file: &str) -> String {
        text(&self.folder.join(file))
    }
}

fn gcp_iam_auth(name: &str, file: Option<&str>) -> Value {
    by("gcpIamAuth", json!({"identityId": id(name), "serviceAccountKeyFilePath": file}))
}

#[tokio::test]
async fn a_key_file_logs_in_without_asking_google_and_a_new_key_is_used_at_the_next_login() {
    let test = Test::new().await;
    let (scene, google) = (&test.scene, &test.google);
    let _operator = start(scene, test.around()).await;
    scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&test.path("key.json")))).await;
    scene.infisical_secret("b", by_plugin("gcp-iam", "cloud", json!({"key-file": "key.json"}), &[])).await;
    let good = LastGood::of(scene, "a").await;
    scene.holds("b", &GOOD).await;
    assert_eq!(google.asked(), Vec::<String>::new());

    let key = google.change(|project| {
        project.delete_keys(&test.email);
        project.add_key(&test.email).unwrap()
    });
    fs::write(test.folder.join("key.json"), key.expose()).unwrap();
    let logins = scene.infisical.logins();
    good.recovers("edited").await;
    assert_eq!(scene.infisical.logins(), logins);
    scene.infisical.state().expire_tokens(None).unwrap();
    good.recovers("edited again").await;
    scene.holds("b", &[("A", "edited again"), ("B", "two")]).await;

    // The file is gone, and with it the next login.
    fs::remove_file(test.folder.join("key.json")).unwrap();
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("a").await;
    let message = scene.failed("a", "InvalidCredentials").await;
    assert!(message.contains("key.json"), "{message}");
    assert_eq!(scene.data("a").await["A"], "edited again");
}

#[tokio::test]
async fn the_environment_names_the_file_where_no_resource_does() {
    let test = Test::new().await;
    for name in ["INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH", "GOOGLE_APPLICATION_CREDENTIALS"] {
        let around = Around { variables: vec![(name, test.path("key.json"))], ..test.around() };
        let operator = start(&test.scene, around).await;
        test.scene.infisical_secret("a", gcp_iam_auth("cloud", None)).await;
        test.scene.holds("a", &GOOD).await;
        test.scene.synced("a").await;
        operator.stop().await;
    }
    assert_eq!(test.google.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_a_key_file_is_told_apart_and_the_secret_stays() {
    let test = Test::new().await;
    let scene = &test.scene;
    let _operator = start(scene, test.around()).await;
    scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&test.path("key.json")))).await;
    let good = LastGood::of(scene, "a").await;
    scene.infisical_secret("a", gcp_iam_auth("stranger", Some(&test.path("key.json")))).await;
    good.stays("LoginFailed", &["GCP service account not allowed."]).await;

    let key: Value = serde_json::from_str(&fs::read_to_string(test.folder.join("key.json")).unwrap()).unwrap();
    let with = |changes: Value| integration::merged(key.clone(), &changes).to_string();
    let another = test.google.change(|project| project.add_key(&test.email).unwrap());
    let another: Value = serde_json::from_str(another.expose()).unwrap();
    for (file, content, reason, says) in [
        ("not.json", "----".to_owned(), "InvalidCredentials", "is not JSON"),
        ("no-email.json", with(json!({"client_email": null})), "InvalidCredentials", "has no client_email"),
        ("no-key.json", with(json!({"private_key": null})), "InvalidCredentials", "has no private_key"),
        ("half.json", with(json!({"private_key": "-----BEGIN PRIVATE KEY-----\ncanary"})), "InvalidCredentials", "private_key of key-file"),
        ("person.json", json!({"type": "authorized_user", "refresh_token": "canary"}).to_string(), "InvalidCredentials", "authorized_user"),
        ("mixed.json", with(json!({"private_key": another["private_key"]})), "LoginFailed", "invalid signature"),
        ("unknown.json", with(json!({"private_key_id": "00ff"})), "LoginFailed", "secret or public key must be provided"),
    ] {
        fs::write(test.folder.join(file), content).unwrap();
        scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&test.path(file)))).await;
        let message = good.stays(reason, &[says]).await;
        assert!(!message.contains("canary"), "{message}");
    }
    let outside = text(&mount(scene, "outside", "key.json", "canary").join("key.json"));
    for (path, says) in [
        (test.path("missing.json"), "missing.json"),
        (outside, "does not lie below"),
        ("/etc/passwd".to_owned(), "the folder of mount \"gcp\""),
    ] {
        scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&path))).await;
        good.stays("InvalidCredentials", &[says]).await;
    }
}

#[tokio::test]
async fn without_a_key_file_google_signs_or_says_why_not() {
    let test = Test::new().await;
    let (scene, google) = (&test.scene, &test.google);
    let _operator = start(scene, test.around()).await;
    scene.infisical_secret("a", gcp_iam_auth("cloud", None)).await;
    let good = LastGood::of(scene, "a").await;
    let signing = format!("POST /v1/projects/-/serviceAccounts/{}:signJwt", test.email);
    assert_eq!(google.asked().iter().filter(|line| **line == signing).count(), 1, "{:?}", google.asked());
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("a").await;
    scene.synced("a").await;

    type Change = fn(&mut Project, &str);
    let broken: [(Change, &str, &str, &str); 6] = [
        (|project, _| project.instance.full_scope = false, "scope", "InvalidCredentials", "lacks the scope cloud-platform"),
        (
            |project, _| {
                project.instance.full_scope = true;
                project.signing_api = false;
            },
            "api",
            "InvalidCredentials",
            "enable iamcredentials.googleapis.com",
        ),
        (
            |project, email| {
                project.signing_api = true;
                project.account_mut(email).unwrap().may_sign = false;
            },
            "right",
            "InvalidCredentials",
            "roles/iam.serviceAccountTokenCreator",
        ),
        (|project, _| project.iam_credentials = Conduct::Html, "html", "PluginServiceUnavailable", "no JSON with signedJwt"),
        (|project, _| project.iam_credentials = Conduct::Silent, "silent", "PluginServiceUnavailable", "did not answer in time"),
        (
            |project, _| project.instance.account = Some("shop-4711.svc.id.goog".into()),
            "bare",
            "InvalidCredentials",
            "is no Google service account",
        ),
    ];
    for (change, name, reason, says) in broken {
        google.change(|project| change(project, &test.email));
        scene.infisical_secret("a", gcp_iam_auth(name, None)).await;
        good.stays(reason, &[says]).await;
    }
}

#[tokio::test]
async fn an_untrusted_server_gets_no_token() {
    let test = Test::new().await;
    let around = test.around();
    let _operator = test
        .scene
        .start_with(|options| {
            options.plugins.dev_origins = around.origins;
            options.plugins.mounts.insert("gcp".into(), test.folder.clone());
        })
        .await;
    test.scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&test.path("key.json")))).await;
    let message = test.scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("mounts:gcp"), "{message}");
    assert_eq!(test.scene.infisical.logins(), 0);
}

#[tokio::test]
async fn the_sample_syncs() {
    let test = Test::new().await;
    sample_place(&test.scene);
    let _operator = start(&test.scene, test.around()).await;
    sample(&test.scene, "gcp-iam-auth.yaml", "cloud", &[("/var/run/secrets/gcp/key.json", &test.path("key.json"))]).await;
    test.scene.holds("gcp-iam-auth", &GOOD).await;
}

#[tokio::test]
async fn the_manuals_infisical_auth_becomes_ready() {
    let test = Test::new().await;
    let _operator = start(&test.scene, test.around()).await;
    let more = [("<machine-identity-id>", &id("cloud")), ("</path-to-service-account-key-file.json>", &test.path("key.json"))];
    super::as_in_the_manual(&test.scene, "gcp-iam", &more.map(|(placeholder, value)| (placeholder, value.as_str()))).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let test = Test::new().await;
    let _operator = start(&test.scene, test.around()).await;
    test.scene.infisical_secret("a", gcp_iam_auth("cloud", Some(&test.path("key.json")))).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&test.scene, "a", "cloud").await;
}
