//! The plugin `tls-cert`: a client certificate, shown in a real handshake.
use super::{LastGood, by_plugin, identity, key, put, token_calls};
use infisical_dev_server::Tls;
use integration::{Scene, merged};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "ours");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key as PEM.
    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// With a server that asks for certificates, and its own authority in a Secret.
async fn scene(authority: &Authority) -> Scene {
    let auth = json!({"tlsCertAuth": {"caCertificate": authority.0.pem(), "allowedCommonNames": "app"}});
    let scene = Scene::with(|config| {
        config.tls = Some(Tls::default());
        identity(config, "robot", auth);
    })
    .await;
    put(&scene, "infisical-ca", &[("ca.crt", scene.infisical.ca_pem().unwrap())]).await;
    scene
}

fn resource(scene: &Scene) -> Value {
    let inputs = [key("certificate", "client-certificate", "tls.crt"), key("private-key", "client-certificate", "tls.key")];
    let ca = json!({"secretName": "infisical-ca", "secretNamespace": scene.namespace.name(), "key": "ca.crt"});
    merged(by_plugin("tls-cert", "robot", json!({}), &inputs), &json!({"spec": {"tls": {"caRef": ca}}}))
}

async fn show(scene: &Scene, (certificate, key): (&str, &str)) {
    put(scene, "client-certificate", &[("tls.crt", certificate), ("tls.key", key)]).await;
}

#[tokio::test]
async fn a_certificate_logs_in_and_each_wrong_one_says_why() {
    let authority = Authority::new();
    let scene = scene(&authority).await;
    let _operator = scene.start().await;
    let (certificate, private) = authority.issue("app", |_| {});
    show(&scene, (&certificate, &private)).await;
    scene.infisical_secret("a", resource(&scene)).await;
    let good = LastGood::of(&scene, "a").await;

    let other = authority.issue("other", |_| {});
    let forged = Authority::new().issue("app", |_| {});
    let expired = authority.issue("app", |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.issue("app", |params| params.not_before = date_time_ymd(2999, 1, 1));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_owned();
    for (shown, reason, says) in [
        (&other, "LoginFailed", "common name not allowed"),
        (&forged, "LoginFailed", "not issued by the provided CA"),
        (&expired, "LoginFailed", "has expired"),
        (&early, "LoginFailed", "not yet valid"),
        (&(certificate.clone(), other.1.clone()), "LoginNotSendable", "does not belong to the client certificate"),
        (&(certificate.clone(), encrypted), "LoginNotSendable", "is encrypted"),
        (&(private.clone(), certificate.clone()), "LoginNotSendable", "no certificate in the client certificate"),
        (&(certificate.clone(), String::new()), "SecretKeyNotFound", "tls.key"),
    ] {
        show(&scene, (&shown.0, &shown.1)).await;
        good.stays(reason, &[says]).await;
    }
    let renewed = authority.issue("app", |_| {});
    show(&scene, (&renewed.0, &renewed.1)).await;
    good.recovers("edited").await;
}

#[tokio::test]
async fn a_certificate_needs_its_key_and_an_address_with_tls() {
    let authority = Authority::new();
    let scene = scene(&authority).await;
    let _operator = scene.start().await;
    let (certificate, private) = authority.issue("app", |_| {});
    show(&scene, (&certificate, &private)).await;
    let alone = by_plugin("tls-cert", "robot", json!({}), &[key("certificate", "client-certificate", "tls.crt")]);
    scene.infisical_secret("a", alone).await;
    let message = scene.failed("a", "InvalidCredentials").await;
    assert!(message.contains("\"private-key\" is missing"), "{message}");
    let plain = scene.another_server(|_| {}).await;
    scene.infisical_secret("b", merged(resource(&scene), &json!({"spec": {"hostAPI": plain.url(), "tls": null}}))).await;
    let message = scene.failed("b", "LoginNotSendable").await;
    assert!(message.contains("use an https:// address"), "{message}");
    assert_eq!((plain.calls().total(), token_calls(&scene)[0]), (0, 0), "something was sent all the same");
}

#[tokio::test]
async fn a_token_that_the_server_ends_costs_one_login() {
    let authority = Authority::new();
    let scene = scene(&authority).await;
    let _operator = scene.start().await;
    let (certificate, private) = authority.issue("app", |_| {});
    show(&scene, (&certificate, &private)).await;
    scene.infisical_secret("a", resource(&scene)).await;
    let good = LastGood::of(&scene, "a").await;
    scene.infisical.state().revoke_tokens(None).unwrap();
    scene.resync("a").await;
    good.recovers("edited").await;
    assert_eq!(token_calls(&scene)[0], 2);
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let authority = Authority::new();
    let scene = scene(&authority).await;
    let _operator = scene.start().await;
    let (certificate, private) = authority.issue("app", |_| {});
    show(&scene, (&certificate, &private)).await;
    scene.infisical_secret("a", resource(&scene)).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "robot").await;
}
