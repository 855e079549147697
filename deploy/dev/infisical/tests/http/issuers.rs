//! JWT and OIDC auth: what verifies, and how each thing that does not is refused.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use infisical_dev_server::{Config, Issuer, Seed};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::client::{Answer, Site};

struct Scene {
    site: Site,
    issuer: Issuer,
}

impl Scene {
    /// Identities `static` and `set` (JWT auth), `oidc` and `open` (OIDC auth, the latter without further bounds).
    async fn new() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let bounds = json!({
            "boundIssuer": issuer.url(), "boundAudiences": "infisical, https://*.example", "boundSubject": "job:*",
            "boundClaims": {"team": "blue, red", "kubernetes.namespace": "ci-*"},
        });
        let with = |more: Value| merged(&bounds, &more);
        let seed = json!({"identities": [
            {"name": "static", "id": "static", "jwtAuth": with(json!({"publicKeys": [issuer.public_key()]}))},
            {"name": "set", "id": "set", "jwtAuth": with(json!({"jwksUrl": issuer.jwks_url()}))},
            {"name": "oidc", "id": "oidc", "oidcAuth": with(json!({
                "oidcDiscoveryUrl": issuer.url(), "claimMetadataMapping": {"who": "sub"}, "accessTokenTTL": 77,
            }))},
            {"name": "open", "id": "open", "oidcAuth": {"oidcDiscoveryUrl": issuer.url(), "boundIssuer": issuer.url()}},
        ]});
        let site = Site::with(Config::new(Seed::parse(&seed.to_string()).unwrap())).await;
        Self { site, issuer }
    }

    async fn login(&self, identity: &str, jwt: &str) -> Answer {
        let method = if matches!(identity, "static" | "set") { "jwt" } else { "oidc" };
        self.site.post(&format!("/api/v1/auth/{method}-auth/login"), json!({"identityId": identity, "jwt": jwt})).await
    }

    async fn refused(&self, identity: &str, jwt: &str) -> (u16, String) {
        let (status, _, message) = self.login(identity, jwt).await.refusal();
        assert!(!message.contains(jwt), "{message}");
        (status, message)
    }

    fn token(&self, changes: Value) -> String {
        self.issuer.token(&merged(&claims(), &changes)).unwrap()
    }
}

fn claims() -> Value {
    json!({"aud": ["other", "infisical"], "sub": "job:7", "team": "red", "kubernetes": {"namespace": "ci-1"}})
}

fn merged(base: &Value, more: &Value) -> Value {
    let mut all = base.as_object().unwrap().clone();
    all.extend(more.as_object().unwrap().clone());
    Value::Object(all)
}

const ALL: [&str; 3] = ["static", "set", "oidc"];

#[tokio::test]
async fn a_good_token_logs_in_by_every_way_to_its_key() {
    let scene = Scene::new().await;
    for identity in ALL {
        assert_eq!(scene.login(identity, &scene.token(json!({}))).await.status, 200, "{identity}");
        assert_eq!(scene.login(identity, &scene.token(json!({"aud": "https://a.example"}))).await.status, 200, "{identity}");
    }
    let answer = scene.login("oidc", &scene.token(json!({}))).await.json();
    assert_eq!(answer["expiresIn"], 77);
    let token = answer["accessToken"].as_str().unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap();
    assert_eq!((&claims["authMethod"], &claims["identityAuth"]), (&json!("oidc-auth"), &json!({"oidc": {"claims": {"who": "job:7"}}})));
}

#[tokio::test]
async fn what_is_bound_is_required_and_each_refusal_says_what() {
    let scene = Scene::new().await;
    let url = scene.issuer.url();
    for (changes, jwt, oidc) in [
        (
            json!({"iss": "https://elsewhere"}),
            (403, "issuer mismatch".into()),
            (401, format!("Access denied: jwt issuer invalid. expected: {url}")),
        ),
        (json!({"sub": "user:7"}), (403, "subject not allowed".into()), (403, "Access denied: OIDC subject not allowed.".into())),
        (json!({"sub": null}), (401, "token has no subject field".into()), (403, "Access denied: OIDC subject not allowed.".into())),
        (json!({"aud": ["other"]}), (401, "token audience not allowed".into()), (401, "Access denied: OIDC audience not allowed.".into())),
        (json!({"aud": null}), (401, "token has no audience field".into()), (401, "Access denied: OIDC audience not allowed.".into())),
        (json!({"team": "green"}), (401, "claim mismatch for field team".into()), (401, "Access denied: OIDC claim not allowed.".into())),
        (json!({"team": null}), (401, "token has no team field".into()), (401, "Access denied: token has no team field".into())),
        (
            json!({"kubernetes": {"namespace": "prod"}}),
            (401, "claim mismatch for field kubernetes.namespace".into()),
            (401, "Access denied: OIDC claim not allowed.".into()),
        ),
    ] {
        let token = scene.token(changes.clone());
        let jwt: (u16, String) = jwt;
        for identity in ["static", "set"] {
            assert_eq!(scene.refused(identity, &token).await, (jwt.0, format!("Access denied: {}", jwt.1)), "{identity} {changes}");
        }
        assert_eq!(scene.refused("oidc", &token).await, oidc, "{changes}");
    }
    assert_eq!(scene.site.server.logins(), 0);
}

#[tokio::test]
async fn times_signatures_and_algorithms_are_judged() {
    let scene = Scene::new().await;
    let now = jiff::Timestamp::now().as_second();
    let forged = {
        let other = Issuer::start().await.unwrap();
        let stolen_id = jsonwebtoken::decode_header(scene.token(json!({}))).unwrap().kid;
        other.token_with(stolen_id, &merged(&claims(), &json!({"iss": scene.issuer.url()}))).unwrap()
    };
    let good = scene.token(json!({}));
    let kid = jsonwebtoken::decode_header(&good).unwrap().kid;
    // The public key as a MAC's secret, which a careless verifier would accept.
    let confused = {
        let header = Header { kid: kid.clone(), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(scene.issuer.public_key().as_bytes());
        jsonwebtoken::encode(&header, &merged(&claims(), &json!({"iss": scene.issuer.url(), "exp": now + 60})), &key).unwrap()
    };
    let unsigned = {
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "kid": kid}).to_string());
        format!("{header}.{}.", good.split('.').nth(1).unwrap())
    };
    let cut = good.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    for (token, fault) in [
        (scene.token(json!({"exp": now - 1})), "jwt expired"),
        (scene.token(json!({"exp": "soon"})), "invalid exp value"),
        (scene.token(json!({"nbf": now + 60})), "jwt not active"),
        (forged, "invalid signature"),
        (cut, "invalid signature"),
        (confused, "invalid algorithm"),
        (unsigned, "jwt signature is required"),
    ] {
        for identity in ALL {
            let all = format!("Access denied: JWT verification failed with all keys. Errors - {fault}");
            let wanted = if identity == "static" { all } else { format!("Access denied: {fault}") };
            assert_eq!(scene.refused(identity, &token).await, (401, wanted), "{identity}");
        }
    }
    for identity in ALL {
        assert_eq!(scene.refused(identity, "no.token").await, (401, "Invalid JWT".into()), "{identity}");
    }
    scene.site.server.state().clock().advance(std::time::Duration::from_secs(3601));
    assert_eq!(scene.refused("oidc", &good).await.1, "Access denied: jwt expired", "the server's clock counts");
}

#[tokio::test]
async fn keys_are_found_by_id_or_tried_and_a_rotated_one_is_gone() {
    let scene = Scene::new().await;
    let before = scene.token(json!({}));
    let nameless = scene.issuer.token_with(None, &claims()).unwrap();
    assert_eq!(scene.login("oidc", &nameless).await.status, 200);
    assert_eq!(scene.login("set", &nameless).await.status, 200);
    scene.issuer.rotate().unwrap();
    assert!(scene.refused("oidc", &before).await.1.contains("was not found in the OIDC provider's JWKS endpoint"));
    assert_eq!(scene.refused("set", &before).await, (500, "Something went wrong".into()));
    assert!(scene.refused("oidc", &nameless).await.1.contains("with any available signing key. invalid signature"));
    assert_eq!(scene.login("oidc", &scene.token(json!({}))).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_gone_and_an_identity_without_the_method_are_told_apart() {
    let scene = Scene::new().await;
    let token = scene.token(json!({}));
    let unknown = scene.refused("nobody", &token).await;
    assert_eq!(unknown, (404, "OIDC auth method not found for identity, did you configure OIDC auth?".into()));
    let Scene { site, issuer } = scene;
    drop(issuer);
    let gone = site.post("/api/v1/auth/oidc-auth/login", json!({"identityId": "open", "jwt": token})).await.refusal();
    assert_eq!(gone.0, 401);
    assert!(gone.2.starts_with("Access denied: Failed to fetch OIDC discovery document from http://127.0.0.1:"), "{}", gone.2);
}
