//! AWS auth, with logins that botocore signed; and the services of AWS as a client without a library meets them.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infisical_dev_server::aws::{Account, Aws, Metadata, Role};
use infisical_dev_server::{Conduct, Config, Generation, Issuer, Seed};
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const ACCOUNT: &str = "123456789012";
const IDENTITY: &str = "11111111-2222-4333-8444-555555555555";
const USER: &str = "arn:aws:iam::123456789012:user/recorded";
const ASSUMED: &str = "arn:aws:sts::123456789012:assumed-role/app/session";

fn recorded(index: usize) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../../../../plugins/auth-aws/tests/golden/signatures.json")).unwrap();
    all["cases"][index].clone()
}

/// A server that knows the keys of one recorded login, at the time when that was signed.
struct Scene {
    aws: Aws,
    site: Site,
    login: Value,
}

impl Scene {
    async fn new(index: usize, arn: &str, auth: Value) -> Self {
        Self::with(index, arn, auth, |_| {}).await
    }

    async fn with(index: usize, arn: &str, auth: Value, change: impl FnOnce(&mut Config)) -> Self {
        let recorded = recorded(index);
        let text = |name: &str| recorded[name].as_str();
        let signed_at = Timestamp::from_second(recorded["time"].as_i64().unwrap()).unwrap();
        let end = signed_at + SignedDuration::from_hours(1);
        let mut account = Account::new(ACCOUNT);
        let token = text("sessionToken").map(|token| (token, end));
        account.add_key(text("accessKeyId").unwrap(), text("secretAccessKey").unwrap(), token, arn);
        let aws = Aws::start(account).await.unwrap();
        aws.clock().stop_at(signed_at);
        let seed = json!({"identities": [{"name": "aws", "id": IDENTITY, "awsAuth": auth}, {"name": "other", "id": "other"}]});
        let mut config = Config { sts: Some(aws.url()), ..Config::new(Seed::parse(&seed.to_string()).unwrap()) };
        change(&mut config);
        Self { site: Site::with(config).await, aws, login: recorded["login"].clone() }
    }

    async fn login(&self) -> Answer {
        self.site.post("/api/v1/auth/aws-auth/login", self.login.clone()).await
    }

    async fn refused(&self) -> (u16, String) {
        let (status, _, message) = self.login().await.refusal();
        (status, message)
    }

    /// Changes one of the headers in the login.
    fn set(mut self, name: &str, value: &str) -> Self {
        let headers = STANDARD.decode(self.login["iamRequestHeaders"].as_str().unwrap()).unwrap();
        let mut headers: Value = serde_json::from_slice(&headers).unwrap();
        headers[name] = value.into();
        self.login["iamRequestHeaders"] = STANDARD.encode(headers.to_string()).into();
        self
    }
}

const WRONG: (u16, &str) = (500, "Something went wrong");

fn as_text(refused: &(u16, String)) -> (u16, &str) {
    (refused.0, refused.1.as_str())
}

#[tokio::test]
async fn a_signed_request_logs_in() {
    for (index, arn) in [(0, USER), (1, ASSUMED), (4, USER), (5, ASSUMED), (6, USER)] {
        let scene = Scene::new(index, arn, json!({"accessTokenTTL": 77})).await;
        let answer = scene.login().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["expiresIn"], 77);
    }
}

#[tokio::test]
async fn who_may_log_in_is_judged_by_what_sts_says() {
    for (arn, auth) in [
        (USER, json!({"allowedAccountIds": "1, 123456789012"})),
        (USER, json!({"allowedPrincipalArns": USER})),
        (ASSUMED, json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:role/app"})),
        (ASSUMED, json!({"allowedPrincipalArns": "arn:aws:iam::1:role/a, arn:aws:sts::123456789012:assumed-role/app"})),
        (ASSUMED, json!({"allowedPrincipalArns": "arn:aws:iam::*:role/*"})),
    ] {
        assert_eq!(Scene::new(1, arn, auth.clone()).await.login().await.status, 200, "{auth}");
    }
    let account = Scene::new(1, ASSUMED, json!({"allowedAccountIds": "1,2"})).await;
    assert_eq!(as_text(&account.refused().await), (401, "Access denied: AWS account ID not allowed."));
    let principal = Scene::new(1, ASSUMED, json!({"allowedPrincipalArns": "arn:aws:iam::123456789012:role/other"})).await;
    let said = "Access denied: AWS principal ARN not allowed. [principal-arn=arn:aws:iam::123456789012:role/app]";
    assert_eq!(as_text(&principal.refused().await), (401, said));
    let mut stranger = Scene::new(0, USER, json!({})).await;
    stranger.login["identityId"] = "other".into();
    assert_eq!(stranger.refused().await.0, 404);
}

#[tokio::test]
async fn what_sts_refuses_is_an_internal_error() {
    let changed = Scene::new(0, USER, json!({})).await.set("X-Amz-Date", "20260101T000001Z");
    assert_eq!(as_text(&changed.refused().await), WRONG);
    let unknown = Scene::new(0, USER, json!({})).await;
    unknown.aws.change(Account::revoke_keys);
    assert_eq!(as_text(&unknown.refused().await), WRONG);
    let elsewhere = Scene::new(0, USER, json!({})).await.set("Host", "sts.eu-west-1.amazonaws.com");
    assert_eq!(as_text(&elsewhere.refused().await), WRONG);
    let garbled = Scene::new(0, USER, json!({})).await.set("Authorization", "Bearer x");
    assert_eq!(as_text(&garbled.refused().await), (400, "Invalid AWS region"));
    let without = Scene::with(0, USER, json!({}), |config| config.sts = None).await;
    assert_eq!(as_text(&without.refused().await), WRONG);
}

#[tokio::test]
async fn a_login_may_be_sent_again_for_a_quarter_of_an_hour() {
    let scene = Scene::new(0, USER, json!({})).await;
    let clock = scene.aws.clock();
    assert_eq!(scene.login().await.status, 200);
    clock.advance(std::time::Duration::from_secs(900));
    assert_eq!(scene.login().await.status, 200);
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(as_text(&scene.refused().await), WRONG);
    clock.stop_at(Timestamp::from_second(recorded(0)["time"].as_i64().unwrap() - 901).unwrap());
    assert_eq!(as_text(&scene.refused().await), WRONG);
}

#[tokio::test]
async fn aws_china_is_reached_by_an_endpoint_of_the_older_generation_only() {
    let endpoint = json!({"stsEndpoint": "https://sts.cn-north-1.amazonaws.com.cn/"});
    assert_eq!(as_text(&Scene::new(2, USER, endpoint.clone()).await.refused().await), WRONG);
    let older = Scene::with(2, USER, endpoint, |config| config.generation = Generation::Mid).await;
    assert_eq!(older.login().await.status, 200);
}

/// AWS with a trusted issuer, a role that its subject `pod` may assume, and a client that says what it got.
struct Services {
    aws: Aws,
    issuer: Issuer,
    client: Client,
}

impl Services {
    async fn new() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let mut account = Account::new(ACCOUNT);
        account.providers.insert(issuer.url(), "sts.amazonaws.com".into());
        account.roles.insert("app".into(), Role { web_identities: vec![(issuer.url(), "pod".into())] });
        account.instance.role = Some("node".into());
        account.tasks.insert("task-1".into(), "app".into());
        account.associations.insert("pod".into(), "app".into());
        Self { aws: Aws::start(account).await.unwrap(), issuer, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.aws.url()))
    }

    async fn send(request: RequestBuilder) -> (u16, String) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn session(&self, seconds: &str) -> (u16, String) {
        Self::send(self.request(Method::PUT, "/latest/api/token").header("x-aws-ec2-metadata-token-ttl-seconds", seconds)).await
    }

    async fn metadata(&self, session: &str, path: &str) -> (u16, String) {
        Self::send(self.request(Method::GET, path).header("x-aws-ec2-metadata-token", session)).await
    }

    async fn assume(&self, role: &str, token: &str, accept: &str) -> (u16, String) {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", role)
            .append_pair("RoleSessionName", "me")
            .append_pair("WebIdentityToken", token)
            .finish();
        Self::send(self.request(Method::POST, "/").header("accept", accept).body(form)).await
    }
}

const APP: &str = "arn:aws:iam::123456789012:role/app";

#[tokio::test]
async fn a_web_identity_gets_keys_in_json_and_in_xml() {
    let services = Services::new().await;
    let token = services.issuer.token(&json!({"aud": "sts.amazonaws.com", "sub": "pod"})).unwrap();
    let (status, json) = services.assume(APP, &token, "application/json").await;
    assert_eq!(status, 200, "{json}");
    let answer: Value = serde_json::from_str(&json).unwrap();
    let keys = &answer["AssumeRoleWithWebIdentityResponse"]["AssumeRoleWithWebIdentityResult"]["Credentials"];
    assert!(keys["AccessKeyId"].as_str().unwrap().starts_with("ASIA") && keys["Expiration"].is_i64());
    let (status, xml) = services.assume(APP, &token, "*/*").await;
    assert_eq!(status, 200);
    assert!(xml.starts_with("<AssumeRoleWithWebIdentityResponse xmlns="), "{xml}");
    assert!(xml.contains("<Credentials><AccessKeyId>ASIA") && xml.contains("Z</Expiration>"), "{xml}");
}

#[tokio::test]
async fn each_wrong_web_identity_is_refused_by_its_code() {
    let services = Services::new().await;
    let token = |claims: Value| services.issuer.token(&claims).unwrap();
    let stranger = Issuer::start().await.unwrap();
    let good = || token(json!({"aud": "sts.amazonaws.com", "sub": "pod"}));
    let cases = [
        (APP, token(json!({"aud": "sts.amazonaws.com", "sub": "other"})), 403, "AccessDenied"),
        ("arn:aws:iam::123456789012:role/none", good(), 403, "AccessDenied"),
        ("arn:aws:iam::999999999999:role/app", good(), 403, "AccessDenied"),
        (APP, token(json!({"aud": "another", "sub": "pod"})), 400, "InvalidIdentityToken"),
        (APP, token(json!({"aud": "sts.amazonaws.com", "sub": "pod", "exp": 1})), 400, "ExpiredTokenException"),
        (APP, stranger.token(&json!({"sub": "pod"})).unwrap(), 400, "InvalidIdentityToken"),
        (
            APP,
            stranger.token(&json!({"iss": services.issuer.url(), "aud": "sts.amazonaws.com", "sub": "pod"})).unwrap(),
            400,
            "InvalidIdentityToken",
        ),
        (APP, "no token".to_owned(), 400, "InvalidIdentityToken"),
        ("", good(), 400, "ValidationError"),
    ];
    for (role, token, status, code) in cases {
        let (found, body) = services.assume(role, &token, "application/json").await;
        assert_eq!(found, status, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["Error"]["Code"], code, "{body}");
        assert!(!body.to_string().contains(&token));
        assert!(services.assume(role, &token, "text/xml").await.1.contains(&format!("<Code>{code}</Code>")));
    }
    services.aws.change(|account| account.providers.insert("http://127.0.0.1:1".into(), "sts.amazonaws.com".into()));
    let unreachable = token(json!({"iss": "http://127.0.0.1:1", "aud": "sts.amazonaws.com", "sub": "pod"}));
    assert!(services.assume(APP, &unreachable, "application/json").await.1.contains("IDPCommunicationError"));
}

#[tokio::test]
async fn the_metadata_service_wants_a_session() {
    let services = Services::new().await;
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(services.metadata("", ROLES).await.0, 401);
    for seconds in ["0", "21601", "soon"] {
        assert_eq!(services.session(seconds).await.0, 400);
    }
    let forwarded = services.request(Method::PUT, "/latest/api/token").header("x-aws-ec2-metadata-token-ttl-seconds", "60");
    assert_eq!(Services::send(forwarded.header("x-forwarded-for", "10.0.0.1")).await.0, 403);
    let (status, session) = services.session("60").await;
    assert_eq!(status, 200);
    assert_eq!(services.metadata(&session, ROLES).await, (200, "node".to_owned()));
    let keys: Value = serde_json::from_str(&services.metadata(&session, &format!("{ROLES}node")).await.1).unwrap();
    assert_eq!((keys["Code"].as_str(), keys["Token"].is_string()), (Some("Success"), true));
    assert_eq!(services.metadata(&session, &format!("{ROLES}other")).await.0, 404);
    let document = services.metadata(&session, "/latest/dynamic/instance-identity/document").await.1;
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["region"], "eu-central-1");
    services.aws.clock().advance(std::time::Duration::from_secs(61));
    assert_eq!(services.metadata(&session, ROLES).await.0, 401);
    services.aws.change(|account| account.instance.metadata = Metadata::Disabled);
    assert_eq!(services.session("60").await.0, 403);
    services.aws.change(|account| account.conduct = Conduct::Huge);
    assert_eq!(services.session("60").await.1.len(), 5 << 20);
}

#[tokio::test]
async fn containers_get_the_keys_of_their_role() {
    let services = Services::new().await;
    let get = |path: &str, token: Option<&str>| {
        let request = services.request(Method::GET, path);
        Services::send(token.into_iter().fold(request, |request, token| request.header("authorization", token)))
    };
    assert_eq!(get("/v2/credentials/task-1", None).await.0, 200);
    assert!(get("/v2/credentials/task-2", None).await.1.contains("InvalidIdInRequest"));
    let token = |claims: Value| services.issuer.token(&claims).unwrap();
    let pod = token(json!({"aud": ["pods.eks.amazonaws.com"], "sub": "pod"}));
    assert_eq!(get("/v1/credentials", Some(&pod)).await.0, 200);
    for (token, code) in [
        (None, "MissingToken"),
        (Some(token(json!({"aud": "pods.eks.amazonaws.com", "sub": "other"}))), "AccessDeniedException"),
        (Some(token(json!({"aud": "sts.amazonaws.com", "sub": "pod"}))), "InvalidIdentityToken"),
        (Some(token(json!({"aud": "pods.eks.amazonaws.com", "sub": "pod", "exp": 1}))), "ExpiredTokenException"),
    ] {
        let (status, body) = get("/v1/credentials", token.as_deref()).await;
        assert!(status == 400 && body.contains(code), "{status} {body}");
    }
}
