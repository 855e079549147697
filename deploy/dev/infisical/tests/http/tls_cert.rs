//! TLS certificate auth over real handshakes: who shows which certificate, and who holds its key.
use infisical_dev_server::{Config, Seed, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use reqwest::{Certificate, Identity};
use serde_json::json;

use crate::client::{Answer, Site};

const NOW: &str = "2026-03-01T12:00:00Z";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        format!("{}{}", params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

async fn start(authority: &Authority) -> Site {
    let auth = |names: &str| json!({ "caCertificate": authority.0.pem(), "allowedCommonNames": names });
    let seed = json!({ "identities": [
        { "name": "robot", "id": "robot", "tlsCertAuth": auth("app, job") },
        { "name": "any", "id": "any", "tlsCertAuth": auth("") },
        { "name": "none", "id": "none" },
    ] });
    let seed = Seed::parse(&seed.to_string()).unwrap();
    let site = Site::with(Config { tls: Some(Tls::default()), ..Config::new(seed) }).await;
    site.server.state().clock().stop_at(NOW.parse().unwrap());
    site
}

async fn login(site: &Site, identity: &str, shown: Option<&str>) -> Answer {
    let ca = Certificate::from_pem(site.server.ca_pem().unwrap().as_bytes()).unwrap();
    let mut client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]);
    if let Some(pem) = shown {
        client = client.identity(Identity::from_pem(pem.as_bytes()).unwrap());
    }
    let request = client.build().unwrap().post(format!("{}/api/v1/auth/tls-cert-auth/login", site.server.url()));
    site.send(request.json(&json!({ "identityId": identity }))).await
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_let_in() {
    let authority = Authority::new("ours");
    let site = start(&authority).await;
    let client = |params: &mut CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (identity, shown) in
        [("robot", authority.issue("app", client)), ("robot", authority.issue("job", |_| {})), ("any", authority.issue("whoever", client))]
    {
        assert_eq!(login(&site, identity, Some(&shown)).await.status, 200, "{identity}");
    }
    // Who shows none is served all the same.
    assert_eq!(site.send(site.request(reqwest::Method::GET, "/api/status")).await.status, 200);
}

#[tokio::test]
async fn each_refusal_names_its_cause() {
    let authority = Authority::new("ours");
    // The same name, another key.
    let forged = Authority::new("ours");
    let site = start(&authority).await;
    let day = |year| rcgen::date_time_ymd(year, 1, 1);
    for (identity, shown, status, message) in [
        ("robot", None, 400, "Missing TLS certificate in header"),
        (
            "none",
            Some(authority.issue("app", |_| {})),
            404,
            "TLS Certificate auth method not found for identity, did you configure TLS Certificate auth?",
        ),
        ("robot", Some(forged.issue("app", |_| {})), 401, "Access denied: Certificate not issued by the provided CA."),
        ("robot", Some(Authority::new("theirs").issue("app", |_| {})), 401, "Access denied: Certificate not issued by the provided CA."),
        ("robot", Some(authority.issue("app", |params| params.not_after = day(2026))), 401, "Access denied: Certificate has expired."),
        ("robot", Some(authority.issue("app", |params| params.not_before = day(2027))), 401, "Access denied: Certificate not yet valid."),
        (
            "robot",
            Some(authority.issue("app", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])),
            401,
            "Access denied: Certificate is not permitted for client authentication.",
        ),
        ("robot", Some(authority.issue("other", |_| {})), 401, "Access denied: TLS Certificate Auth common name not allowed."),
        ("robot", Some(authority.issue("app, job", |_| {})), 401, "Access denied: TLS Certificate Auth common name not allowed."),
    ] {
        let refusal = login(&site, identity, shown.as_deref()).await.refusal();
        assert_eq!((refusal.0, refusal.2.as_str()), (status, message));
    }
    assert_eq!(site.server.logins(), 0);
}

#[tokio::test]
async fn a_certificate_in_a_header_is_none() {
    let authority = Authority::new("ours");
    let shown = authority.issue("app", |_| {});
    let encoded: String = url::form_urlencoded::byte_serialize(shown.as_bytes()).collect();
    for site in [start(&authority).await, Site::start().await] {
        let request = site.request(reqwest::Method::POST, "/api/v1/auth/tls-cert-auth/login");
        let request = request.header("x-identity-tls-cert-auth-client-cert", &encoded).json(&json!({ "identityId": "robot" }));
        assert_eq!(site.send(request).await.refusal().2, "Missing TLS certificate in header");
    }
}
