//! Azure auth, and the services of Azure that are played beside it.
use infisical_dev_server::azure::{Application, Azure, FederatedCredential, ManagedIdentity, Tenant};
use infisical_dev_server::{Conduct, Config, Issuer, Seed};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Site};

const TENANT: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const MANAGEMENT: &str = "https://management.azure.com/";

struct Scene {
    site: Site,
    azure: Azure,
    issuer: Issuer,
    client: reqwest::Client,
}

impl Scene {
    /// Identity `app`, for the principals of a machine and of the application `pods`.
    async fn new() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let mut tenant = Tenant::new(TENANT);
        let machine =
            |name: &str| ManagedIdentity { client_id: name.into(), principal_id: format!("{name}-principal"), system_assigned: false };
        tenant.managed_identities.extend([machine("machine"), machine("stranger")]);
        let trusted = FederatedCredential {
            issuer: issuer.url(),
            subject: "system:serviceaccount:infisical:operator".into(),
            audience: "api://AzureADTokenExchange".into(),
        };
        tenant.applications.push(Application { client_id: "pods".into(), principal_id: "pods-principal".into(), federated: vec![trusted] });
        let azure = Azure::start(tenant).await.unwrap();
        let seed = json!({"identities": [{"name": "app", "id": "app", "azureAuth": {
            "tenantId": TENANT, "allowedServicePrincipalIds": "machine-principal, pods-principal", "accessTokenTTL": 77,
        }}]});
        let config = Config { entra: Some(azure.url()), ..Config::new(Seed::parse(&seed.to_string()).unwrap()) };
        Self { site: Site::with(config).await, azure, issuer, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn login(&self, jwt: &str) -> Answer {
        self.site.post("/api/v1/auth/azure-auth/login", json!({"identityId": "app", "jwt": jwt})).await
    }

    async fn refused(&self, jwt: &str) -> (u16, String) {
        let (status, _, message) = self.login(jwt).await.refusal();
        assert!(!message.contains(jwt), "{message}");
        (status, message)
    }

    /// What IMDS says to a request with this query behind the version.
    async fn imds(&self, query: &str) -> (u16, Value) {
        let url = format!("{}/metadata/identity/oauth2/token?api-version=2018-02-01&{query}", self.azure.url());
        let response = self.client.request(Method::GET, url).header("metadata", "true").send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// What Entra says to an assertion with these claims, and other fields of the form.
    async fn entra(&self, claims: Value, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut all =
            json!({"sub": "system:serviceaccount:infisical:operator", "aud": ["api://AzureADTokenExchange"]}).as_object().unwrap().clone();
        all.extend(claims.as_object().unwrap().clone());
        let assertion = self.issuer.token(&all.into()).unwrap();
        self.exchange(&assertion, fields).await
    }

    async fn exchange(&self, assertion: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut form = std::collections::BTreeMap::from([
            ("tenant", TENANT),
            ("client_id", "pods"),
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
            ("scope", "https://management.azure.com/.default"),
        ]);
        form.extend(fields.iter().copied());
        let tenant = form.remove("tenant").unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.post(format!("{}/{tenant}/oauth2/v2.0/token", self.azure.url()));
        let response = request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
        (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }
}

fn token(answer: (u16, Value)) -> String {
    assert_eq!(answer.0, 200, "{}", answer.1);
    answer.1["access_token"].as_str().unwrap().to_owned()
}

fn code(answer: (u16, Value)) -> (u16, u64) {
    (answer.0, answer.1["error_codes"][0].as_u64().unwrap_or_default())
}

#[tokio::test]
async fn a_managed_identity_and_a_workload_identity_log_in() {
    let scene = Scene::new().await;
    let machine = token(scene.imds(&format!("resource={MANAGEMENT}&client_id=machine")).await);
    let answer = scene.login(&machine).await;
    assert_eq!((answer.status, &answer.json()["expiresIn"]), (200, &json!(77)));
    // Its audience lacks the slash that the identity's resource has.
    let pods = token(scene.entra(json!({}), &[]).await);
    assert_eq!(scene.login(&pods).await.status, 200);
    assert_eq!(scene.site.server.logins(), 2);
}

#[tokio::test]
async fn the_server_refuses_what_is_not_of_its_tenant() {
    let scene = Scene::new().await;
    let stranger = token(scene.imds(&format!("resource={MANAGEMENT}&client_id=stranger")).await);
    assert_eq!(scene.refused(&stranger).await, (401, "Service principal 'stranger-principal' not allowed".into()));

    let now = jiff::Timestamp::now().as_second();
    let claims = |more: Value| {
        let mut all = json!({"iss": format!("https://sts.windows.net/{TENANT}/"), "aud": MANAGEMENT, "tid": TENANT, "oid": "machine-principal", "exp": now + 60});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.azure.token(&all).unwrap()
    };
    assert_eq!(scene.login(&claims(json!({}))).await.status, 200);
    for (more, status, words) in [
        (json!({"aud": "https://vault.azure.net"}), 403, "jwt audience invalid. expected: https://management.azure.com"),
        (json!({"aud": "https://vault.azure.net/"}), 403, "jwt audience invalid. expected: https://management.azure.com/"),
        (json!({"iss": "https://sts.windows.net/other/"}), 403, "jwt issuer invalid. expected: https://sts.windows.net/0a1b"),
        (json!({"tid": "other"}), 401, "Tenant ID mismatch"),
        (json!({"exp": now - 1}), 403, "Your token has expired. Please re-authenticate."),
    ] {
        let (found, message) = scene.refused(&claims(more)).await;
        assert!(found == status && message.contains(words), "{found} {message}");
    }

    let another = Azure::start(Tenant::new(TENANT)).await.unwrap();
    let forged = another.token(&json!({"oid": "machine-principal"})).unwrap();
    assert_eq!(scene.refused(&forged).await, (401, "Invalid signing key".into()));
    let cut = claims(json!({})).rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert_eq!(scene.refused(&cut).await, (403, "invalid signature".into()));
    assert_eq!(scene.refused("no token").await.0, 500);
}

#[tokio::test]
async fn imds_says_no_as_azures_does() {
    let scene = Scene::new().await;
    let bare = scene.client.get(format!("{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x", scene.azure.url()));
    assert_eq!(bare.send().await.unwrap().status(), 400);
    let description = |answer: (u16, Value)| answer.1["error_description"].as_str().unwrap().to_owned();
    assert!(description(scene.imds(&format!("resource={MANAGEMENT}")).await).starts_with("Multiple user assigned identities exist"));
    assert_eq!(description(scene.imds(&format!("resource={MANAGEMENT}&client_id=none")).await), "Identity not found");
    assert!(description(scene.imds("resource=api://none&client_id=machine").await).starts_with("AADSTS500011"));
    scene.azure.change(|tenant| tenant.managed_identities.truncate(1));
    token(scene.imds(&format!("resource={MANAGEMENT}")).await);
    scene.azure.change(|tenant| tenant.managed_identities.clear());
    assert_eq!(description(scene.imds(&format!("resource={MANAGEMENT}")).await), "Identity not found");
    scene.azure.change(|tenant| tenant.imds = Conduct::Busy);
    let busy = scene.client.get(format!("{}/metadata/identity/oauth2/token", scene.azure.url())).send().await.unwrap();
    assert_eq!((busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    scene.azure.change(|tenant| tenant.imds = Conduct::Huge);
    let huge = scene.client.get(format!("{}/metadata/identity/oauth2/token", scene.azure.url())).send().await.unwrap();
    assert_eq!(huge.text().await.unwrap().len(), 5 << 20);
}

#[tokio::test]
async fn entra_verifies_the_projected_token_and_says_no_by_number() {
    let scene = Scene::new().await;
    let now = jiff::Timestamp::now().as_second();
    for (claims, fields, wanted) in [
        (json!({"exp": now - 1}), &[][..], (401, 700_024)),
        (json!({"iss": "http://127.0.0.1:1"}), &[], (400, 700_211)),
        (json!({"sub": "system:serviceaccount:other:operator"}), &[], (400, 700_213)),
        (json!({"aud": ["https://kubernetes.default.svc"]}), &[], (400, 700_212)),
        (json!({}), &[("tenant", "other")], (400, 90_002)),
        (json!({}), &[("client_id", "other")], (400, 700_016)),
        (json!({}), &[("scope", "api://none/.default")], (400, 500_011)),
        (json!({}), &[("scope", "https://management.azure.com/")], (400, 1_002_012)),
        (json!({}), &[("client_assertion_type", "")], (401, 7_000_216)),
        (json!({}), &[("grant_type", "password")], (400, 900_144)),
    ] {
        assert_eq!(code(scene.entra(claims.clone(), fields).await), wanted, "{claims} {fields:?}");
    }
    assert_eq!(code(scene.exchange("no token", &[]).await), (401, 50_027));
    let good =
        scene.issuer.token(&json!({"sub": "system:serviceaccount:infisical:operator", "aud": "api://AzureADTokenExchange"})).unwrap();
    token(scene.exchange(&good, &[]).await);
    let cut = good.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert_eq!(code(scene.exchange(&cut, &[]).await), (401, 50_013));
    scene.issuer.rotate().unwrap();
    assert_eq!(code(scene.exchange(&good, &[]).await), (401, 50_013));
    assert!(scene.azure.asked().iter().all(|line| line == "POST /oauth2/v2.0/token"));
}
