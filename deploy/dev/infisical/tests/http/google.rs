//! Google Cloud auth, and the services of Google that are played beside it.
use infisical_dev_server::google::{Google, Project};
use infisical_dev_server::{Conduct, Config, Seed};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::client::{Answer, Site};

struct Scene {
    site: Site,
    google: Google,
    email: String,
    client: reqwest::Client,
}

impl Scene {
    /// Identities `machine` and `account` of the two types, for the account that the instance runs as.
    async fn new() -> Self {
        let mut project = Project::new("shop-4711");
        let email = project.add_account("deployer").unwrap();
        project.add_account("stranger").unwrap();
        project.instance.account = Some(email.clone());
        let google = Google::start(project).await.unwrap();
        let bounds = json!({"allowedServiceAccounts": format!("other@x.iam.gserviceaccount.com, {email}"), "allowedProjects": "shop-4711", "allowedZones": "europe-west1-b, europe-west1-c"});
        let with = |kind: &str| {
            let mut all = bounds.clone();
            all["type"] = kind.into();
            all
        };
        let seed = json!({"identities": [
            {"name": "machine", "id": "machine", "gcpAuth": with("gce")}, {"name": "account", "id": "account", "gcpAuth": with("iam")},
        ]});
        let config = Config { google: Some(google.url()), ..Config::new(Seed::parse(&seed.to_string()).unwrap()) };
        Self { site: Site::with(config).await, google, email, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn login(&self, identity: &str, jwt: &str) -> Answer {
        self.site.post("/api/v1/auth/gcp-auth/login", json!({"identityId": identity, "jwt": jwt})).await
    }

    async fn refused(&self, identity: &str, jwt: &str) -> (u16, String) {
        let (status, _, message) = self.login(identity, jwt).await.refusal();
        assert!(!message.contains(jwt), "{message}");
        (status, message)
    }

    /// What the metadata server says.
    async fn metadata(&self, what: &str) -> (u16, String) {
        let url = format!("{}/computeMetadata/v1/instance/service-accounts/default/{what}", self.google.url());
        let response = self.client.get(url).header("metadata-flavor", "Google").send().await.unwrap();
        assert_eq!(response.headers()["metadata-flavor"], "Google");
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn sign(&self, account: &str, bearer: &str, payload: &str) -> (u16, Value) {
        let url = format!("{}/v1/projects/-/serviceAccounts/{}:signJwt", self.google.url(), account.replace('@', "%40"));
        let response = self.client.post(url).bearer_auth(bearer).json(&json!({"payload": payload})).send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn access(&self) -> String {
        let (_, body) = self.metadata("token").await;
        serde_json::from_str::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned()
    }
}

/// Signs with a key file.
fn signed(file: &str, claims: &Value) -> String {
    let file: Value = serde_json::from_str(file).unwrap();
    let header = Header { kid: file["private_key_id"].as_str().map(str::to_owned), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(file["private_key"].as_str().unwrap().as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn an_id_token_of_the_instance_logs_in() {
    let scene = Scene::new().await;
    let (_, token) = scene.metadata("identity?audience=machine&format=full").await;
    assert_eq!(scene.login("machine", &token).await.status, 200);
    // Without the full format nobody can say where the machine is, and nobody asks.
    let (_, brief) = scene.metadata("identity?audience=machine").await;
    assert_eq!(scene.login("machine", &brief).await.status, 200);
    // What Google's library refuses is an internal error.
    let (_, other) = scene.metadata("identity?audience=account&format=full").await;
    assert_eq!(scene.refused("machine", &other).await.0, 500);
    for (zone, words) in [("us-east1-a", "Access denied: GCP zone not allowed."), ("europe-west1-c", "")] {
        scene.google.change(|project| project.instance.zone = zone.into());
        let (_, token) = scene.metadata("identity?audience=machine&format=full").await;
        let answer = scene.login("machine", &token).await;
        assert_eq!(answer.status, if words.is_empty() { 200 } else { 401 });
        assert!(answer.text.contains(words), "{}", answer.text);
    }
}

#[tokio::test]
async fn id_tokens_are_judged() {
    let scene = Scene::new().await;
    let now = jiff::Timestamp::now().as_second();
    let claims = |more: Value| {
        let mut all = json!({"iss": "https://accounts.google.com", "aud": "machine", "email": scene.email, "iat": now, "exp": now + 60});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.google.id_token(&all).unwrap()
    };
    assert_eq!(scene.login("machine", &claims(json!({}))).await.status, 200);
    assert_eq!(scene.login("machine", &claims(json!({"iat": now - 400, "exp": now - 299}))).await.status, 200);
    for more in [
        json!({"iat": now - 400, "exp": now - 310}),
        json!({"iat": now + 400}),
        json!({"exp": null}),
        json!({"iss": "accounts.google.com"}),
        json!({"aud": "account"}),
    ] {
        assert_eq!(scene.refused("machine", &claims(more.clone())).await.0, 500, "{more}");
    }
    let engine = |project: &str| json!({"google": {"compute_engine": {"project_id": project, "zone": "europe-west1-b"}}});
    assert_eq!(scene.refused("machine", &claims(engine("other"))).await, (401, "Access denied: GCP project not allowed.".into()));
    let stranger = claims(json!({"email": "stranger@shop-4711.iam.gserviceaccount.com"}));
    assert_eq!(scene.refused("machine", &stranger).await, (401, "Access denied: GCP service account not allowed.".into()));
    let another = Google::start(Project::new("shop-4711")).await.unwrap();
    let forged = another.id_token(&json!({"iss": "https://accounts.google.com", "aud": "machine", "email": scene.email})).unwrap();
    assert_eq!(scene.refused("machine", &forged).await.0, 500);
}

#[tokio::test]
async fn a_token_of_an_account_logs_in_by_its_own_key_or_googles() {
    let scene = Scene::new().await;
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({"sub": scene.email, "aud": "account", "exp": now + 60});
    let file = scene.google.change(|project| project.add_key(&scene.email)).unwrap();
    let own = signed(file.expose(), &claims);
    assert_eq!(scene.login("account", &own).await.status, 200);
    let (status, answer) = scene.sign(&scene.email, &scene.access().await, &claims.to_string()).await;
    assert_eq!(status, 200);
    assert_eq!(scene.login("account", answer["signedJwt"].as_str().unwrap()).await.status, 200);

    for (claims, status, words) in [
        (json!({"sub": scene.email, "aud": "machine"}), 401, "Invalid audience in GCP IAM Token"),
        (json!({"sub": "deployer@example.com", "aud": "account"}), 401, "Invalid service account identifier"),
        (json!({"sub": scene.email, "aud": "account", "exp": now - 1}), 403, "Your token has expired. Please re-authenticate."),
        // Signed by another than it names.
        (json!({"sub": "stranger@shop-4711.iam.gserviceaccount.com", "aud": "account"}), 403, "secret or public key must be provided"),
        (json!({"sub": "nobody@shop-4711.iam.gserviceaccount.com", "aud": "account"}), 500, "Something went wrong"),
    ] {
        assert_eq!(scene.refused("account", &signed(file.expose(), &claims)).await, (status, words.into()), "{claims}");
    }
    let stranger = "stranger@shop-4711.iam.gserviceaccount.com";
    let theirs = scene.google.account_token(stranger, &json!({"sub": stranger, "aud": "account"})).unwrap();
    assert_eq!(scene.refused("account", &theirs).await, (401, "Access denied: GCP service account not allowed.".into()));
    let cut = own.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert_eq!(scene.refused("account", &cut).await, (403, "invalid signature".into()));
    scene.google.change(|project| project.delete_keys(&scene.email));
    assert_eq!(scene.refused("account", &own).await, (403, "secret or public key must be provided".into()));
}

#[tokio::test]
async fn the_metadata_server_says_no_as_googles_does() {
    let scene = Scene::new().await;
    let bare = scene.client.get(format!("{}/computeMetadata/v1/instance/service-accounts/default/email", scene.google.url()));
    assert_eq!(bare.send().await.unwrap().status(), 403);
    assert_eq!(scene.metadata("email").await, (200, scene.email.clone()));
    assert_eq!(scene.metadata("identity").await.0, 400);
    assert_eq!(scene.metadata("scopes").await.0, 404);
    scene.google.change(|project| project.instance.account = None);
    assert_eq!(scene.metadata("email").await.0, 404);
    scene.google.change(|project| project.instance.metadata = Conduct::Html);
    let page = scene.client.get(format!("{}/computeMetadata/v1/instance/service-accounts/default/email", scene.google.url()));
    let page = page.send().await.unwrap();
    assert!(page.status().is_success() && !page.headers().contains_key("metadata-flavor"));
}

#[tokio::test]
async fn google_signs_for_who_may_and_says_why_not() {
    let scene = Scene::new().await;
    let access = scene.access().await;
    let reason = |answer: (u16, Value)| (answer.0, answer.1["error"]["details"][0]["reason"].as_str().unwrap_or_default().to_owned());
    let stranger = "stranger@shop-4711.iam.gserviceaccount.com";
    assert_eq!(reason(scene.sign(stranger, &access, "{}").await), (403, "IAM_PERMISSION_DENIED".into()));
    assert_eq!(reason(scene.sign(&scene.email, "ya29.made-up", "{}").await), (401, "ACCESS_TOKEN_EXPIRED".into()));
    assert_eq!(scene.sign(&scene.email, &access, "no json").await.0, 400);
    let end = jiff::Timestamp::now().as_second() + 13 * 3600;
    assert_eq!(scene.sign(&scene.email, &access, &json!({"exp": end}).to_string()).await.0, 400);
    scene.google.change(|project| project.signing_api = false);
    assert_eq!(reason(scene.sign(&scene.email, &access, "{}").await), (403, "SERVICE_DISABLED".into()));
    scene.google.change(|project| project.instance.full_scope = false);
    assert_eq!(reason(scene.sign(&scene.email, &access, "{}").await), (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT".into()));
    scene.google.clock().advance(std::time::Duration::from_secs(3600));
    assert_eq!(reason(scene.sign(&scene.email, &access, "{}").await), (401, "ACCESS_TOKEN_EXPIRED".into()));
}
