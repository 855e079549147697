use super::*;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair,
    signature::{self, RSA_PKCS1_SHA256},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use plugin_sdk::{
    http::Response,
    testing::{Failure, Host, Sent},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;
use std::{cell::RefCell, rc::Rc, time::Duration};

const KEY: &str = include_str!("../tests/golden/key.json");
const PATH: &str = "/var/run/secrets/gcp/key.json";

fn recorded() -> Value {
    serde_json::from_str(include_str!("../tests/golden/recorded.json")).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

/// A host at the recorded time that signs for real.
fn host() -> Host {
    let recorded = recorded();
    Host::new().now(Duration::from_secs(recorded["now"].as_u64().unwrap())).input("identity-id", text(&recorded, "/identity")).signer(
        |asked| {
            assert_eq!((asked.algorithm, asked.passphrase), ("rsa-pkcs1-sha256", None));
            let unreadable = || Error::Credentials("the key is not a private key in PEM".into());
            let Ok(PrivateKeyDer::Pkcs8(key)) = PrivateKeyDer::from_pem_slice(asked.key) else { return Err(unreadable()) };
            let pair = KeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| unreadable())?;
            let mut made = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), asked.data, &mut made).unwrap();
            Ok(made)
        },
    )
}

fn posted(host: &Host, settings: Value) -> Result<Value, Failure> {
    host.authenticate::<GcpIam>(&settings.to_string()).map(|login| {
        let posted = login.posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/gcp-auth/login");
        posted.body
    })
}

/// The kind and text of a refusal, which quotes nothing of the private key.
fn refusal(failure: Failure) -> (&'static str, String) {
    let (kind, text) = match failure {
        Failure::Plugin(Error::Unavailable(found)) => ("unavailable", found.text),
        Failure::Plugin(Error::Credentials(text)) => ("credentials", text),
        other => panic!("{other:?}"),
    };
    assert!(!text.contains("MII") && !text.contains("PRIVATE KEY"), "{text}");
    // Longer ones would be cut by the host.
    assert!(text.len() <= 256, "{} {text}", text.len());
    (kind, text)
}

/// The key file with other members; null takes one away.
fn key_with(changes: Value) -> String {
    let mut key: Value = serde_json::from_str(KEY).unwrap();
    let members = key.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    members.retain(|_, value| !value.is_null());
    key.to_string()
}

#[test]
fn signs_byte_for_byte_as_google_auth_does() {
    let recorded = recorded();
    let body = posted(&host().file("gcp", PATH, KEY), json!({"key-file": PATH})).unwrap();
    assert_eq!(body, json!({"identityId": recorded["identity"], "jwt": recorded["token"]}));
}

#[test]
fn the_file_is_named_by_the_setting_then_by_the_environment() {
    let [ours, googles] = VARIABLES;
    let other = key_with(json!({"private_key_id": "00ff"}));
    let host = host().file("gcp", "a", KEY).file("gcp", "b", other);
    let golden = recorded()["token"].clone();
    for (host, settings, is_golden) in [
        (host.clone().variable(ours, "b").variable(googles, "b"), json!({"key-file": " a "}), true),
        (host.clone().variable(ours, "a").variable(googles, "b"), json!({}), true),
        (host.clone().variable(ours, " ").variable(googles, "a"), json!({}), true),
        (host.clone().variable(ours, "b").variable(googles, "a"), json!({}), false),
        (host.clone().variable(ours, "b").variable(googles, "a").withhold(&format!("environment:{ours}")), json!({}), true),
    ] {
        assert_eq!(posted(&host, settings).unwrap()["jwt"] == golden, is_golden);
    }
}

#[test]
fn what_is_wrong_with_a_key_file_is_said_by_its_member() {
    for (content, words) in [
        ("no json".to_owned(), "is not JSON"),
        (key_with(json!({"client_email": null})), "has no client_email"),
        (key_with(json!({"client_email": "deployer"})), "has a client_email that is not an address"),
        (key_with(json!({"client_email": {"a": "b@c"}})), "has a client_email that is not"),
        (key_with(json!({"private_key_id": null})), "has no private_key_id"),
        (key_with(json!({"private_key_id": "\"x\""})), "has a private_key_id that is not the id"),
        (key_with(json!({"private_key": null})), "has no private_key; mount"),
        (key_with(json!({"private_key": "half a key"})), "private_key of key-file \"/var/run/secrets/gcp/key.json\": the key is not"),
        (json!({"type": "authorized_user", "refresh_token": "1//x"}).to_string(), "is the login of a person (authorized_user)"),
        (json!({"type": "external_account", "credential_source": {}}).to_string(), "workload identity federation (external_account)"),
        (json!({"type": "impersonated_service_account", "source_credentials": {}}).to_string(), "is an impersonation"),
        (json!({"installed": {}}).to_string(), "is an OAuth client"),
        ("[]".to_owned(), "has no client_email"),
    ] {
        let (kind, text) = refusal(posted(&host().file("gcp", PATH, content.clone()), json!({"key-file": PATH})).unwrap_err());
        assert_eq!(kind, "credentials");
        assert!(text.starts_with("key-file \"/var/run") || text.starts_with("private_key of key-file"), "{text}");
        assert!(text.contains(words), "{content}: {text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named_with_what_names_it() {
    let (_, text) = refusal(posted(&host(), json!({"key-file": "/etc/key.json"})).unwrap_err());
    assert!(text.starts_with("key-file: ") && text.contains("/etc/key.json"), "{text}");
    let host = host().variable("GOOGLE_APPLICATION_CREDENTIALS", "/etc/key.json");
    let (_, text) = refusal(posted(&host, json!({})).unwrap_err());
    assert!(text.starts_with("GOOGLE_APPLICATION_CREDENTIALS: "), "{text}");
    let denied = posted(&host.file("gcp", "/etc/key.json", KEY).withhold("mounts:gcp"), json!({}));
    assert_eq!(denied, Err(Failure::Denied(vec!["mounts:gcp".into()])));
}

#[test]
fn only_two_members_are_revealed() {
    for member in ["client_email", "private_key_id"] {
        let capability = format!("reveal:mounts/gcp#/{member}");
        let denied = posted(&host().file("gcp", PATH, KEY).withhold(&capability), json!({"key-file": PATH}));
        assert_eq!(denied, Err(Failure::Denied(vec![capability])));
    }
    let descriptor = Host::describe::<GcpIam>().unwrap();
    let needs = descriptor["needs"].as_array().unwrap().iter().map(|need| need["capability"].as_str().unwrap());
    assert_eq!(needs.filter(|need| need.starts_with("reveal:")).count(), 2);
}

/// A machine of Google Cloud, and the API that signs.
fn google(signs: (u16, &'static str)) -> (Host, Rc<RefCell<Vec<Sent>>>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = asked.clone();
    let host = host().http(move |sent| {
        seen.borrow_mut().push(sent.clone());
        let google = vec![("metadata-flavor".into(), b"Google".to_vec())];
        let (status, headers, body) = match sent.url.rsplit('/').next().unwrap() {
            "email" => (200, google, "deployer@shop-4711.iam.gserviceaccount.com"),
            "token" => (200, google, r#"{"access_token": "access", "expires_in": 3599, "token_type": "Bearer"}"#),
            _ => (signs.0, vec![], signs.1),
        };
        Ok(Response { status, headers, body: body.into() })
    });
    (host, asked)
}

#[test]
fn without_a_file_google_signs_and_is_asked_as_its_own_libraries_ask() {
    let recorded = recorded();
    let (host, asked) = google((200, r#"{"keyId": "k", "signedJwt": "a.b.c"}"#));
    assert_eq!(posted(&host, json!({})).unwrap(), json!({"identityId": recorded["identity"], "jwt": "a.b.c"}));
    let asked = asked.take();
    let [_, token, sign] = asked.as_slice() else { panic!("{}", asked.len()) };
    let path = token.url.strip_prefix("http://169.254.169.254").unwrap();
    assert_eq!((token.method.as_str(), path), ("GET", text(&recorded, "/metadata/0/path")));

    let header = |name: &str| sign.headers.iter().find(|(key, _)| key == name).map(|(_, value)| String::from_utf8(value.clone()).unwrap());
    let wanted = &recorded["sign_jwt"];
    assert_eq!((sign.method.as_str(), sign.url.as_str()), (text(wanted, "/method"), text(wanted, "/url")));
    assert_eq!(header("authorization").as_deref(), wanted["authorization"].as_str());
    assert_eq!(header("content-type").as_deref(), wanted["content_type"].as_str());
    // The claims are those of a token that we sign ourselves: Infisical's clients leave its end out, and it never ends.
    let body: Value = serde_json::from_slice(&sign.body).unwrap();
    let claims = text(&recorded, "/token").split('.').nth(1).unwrap().to_owned();
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert_eq!(text(&body, "/payload").as_bytes(), BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap());
}

#[test]
fn google_says_no_in_several_ways_and_each_is_told_apart() {
    for (status, body, kind, words) in [
        (
            403,
            r#"{"error": {"code": 403, "message": "Permission 'iam.serviceAccounts.signJwt' denied on resource (or it may not exist).", "status": "PERMISSION_DENIED", "details": [{"reason": "IAM_PERMISSION_DENIED"}]}}"#,
            "credentials",
            "roles/iam.serviceAccountTokenCreator on itself (Permission",
        ),
        (
            403,
            r#"{"error": {"message": "IAM Service Account Credentials API has not been used in project 1 before or it is disabled.", "details": [{"reason": "SERVICE_DISABLED"}]}}"#,
            "credentials",
            "enable iamcredentials.googleapis.com",
        ),
        (
            403,
            r#"{"error": {"message": "Request had insufficient authentication scopes.", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}}"#,
            "credentials",
            "lacks the scope cloud-platform",
        ),
        (
            401,
            r#"{"error": {"message": "Request had invalid authentication credentials."}}"#,
            "credentials",
            "status 401: Request had invalid",
        ),
        (429, "{}", "unavailable", "status 429"),
        (502, "<html>", "unavailable", "status 502: no reason given"),
        (200, "<html>", "unavailable", "no JSON with signedJwt"),
        (200, r#"{"signedJwt": ""}"#, "unavailable", "no JSON with signedJwt"),
    ] {
        let (found, text) = refusal(posted(&google((status, body)).0, json!({})).unwrap_err());
        assert_eq!(found, kind, "{text}");
        assert!(text.contains(words), "{body}: {text}");
    }
}

#[test]
fn a_machine_without_a_service_account_is_named() {
    for (email, token, kind, words) in [
        ("shop-4711.svc.id.goog", "{}", "credentials", "runs as \"shop-4711.svc.id.goog\", which is no Google service account"),
        ("a@b.iam.gserviceaccount.com", "{}", "unavailable", "no JSON with access_token"),
        ("a@b.iam.gserviceaccount.com", "<html>", "unavailable", "no JSON with access_token"),
    ] {
        let host = host().http(move |sent| {
            let body = if sent.url.ends_with("/email") { email } else { token };
            Ok(Response { status: 200, headers: vec![("metadata-flavor".into(), b"Google".to_vec())], body: body.into() })
        });
        let (found, text) = refusal(posted(&host, json!({})).unwrap_err());
        assert_eq!(found, kind, "{text}");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_recorded_token_verifies() {
    let recorded = recorded();
    let token = text(&recorded, "/token");
    let (signed, made) = token.rsplit_once('.').unwrap();
    let PrivateKeyDer::Pkcs8(key) =
        PrivateKeyDer::from_pem_slice(text(&serde_json::from_str(KEY).unwrap(), "/private_key").as_bytes()).unwrap()
    else {
        panic!()
    };
    let pair = KeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    use signature::KeyPair as _;
    let public = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    public.verify(signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(made).unwrap()).unwrap();
}
