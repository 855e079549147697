//! What the plugin signs is what Oracle's SDK for Python signed; `golden/record.py` recorded that.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
use auth_oci::Oci;
use aws_lc_rs::{rand::SystemRandom, rsa::KeyPair, signature::RSA_PKCS1_SHA256};
use plugin_sdk::testing::Host;
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};

#[derive(Deserialize)]
struct Recorded {
    key: String,
    passphrase: Option<String>,
    now: u64,
    inputs: BTreeMap<String, String>,
    headers: Value,
}

/// All of the recorded keys are forms of this one, which the host opens; here it is at hand.
fn sign(data: &[u8]) -> Vec<u8> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(include_bytes!("../../../host/runtime/tests/fixtures/keys/pkcs8.pem")).unwrap();
    let key = KeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).unwrap();
    signature
}

#[test]
fn signs_as_oracles_sdk_does() {
    let cases: Vec<Recorded> = serde_json::from_str(include_str!("golden/recorded.json")).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let key =
            std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/runtime/tests/fixtures/keys").join(&case.key)).unwrap();
        let (wanted_key, wanted_passphrase) = (key.clone(), case.passphrase.clone());
        let mut host =
            Host::new().now(Duration::from_secs(case.now)).input("identity-id", "id-1").input("private-key", key).signer(move |signed| {
                assert_eq!((signed.algorithm, signed.extensions), ("rsa-pkcs1-sha256", &[][..]));
                assert_eq!((signed.key, signed.passphrase), (&*wanted_key, wanted_passphrase.as_deref().map(str::as_bytes)));
                Ok(sign(signed.data))
            });
        for (name, value) in &case.inputs {
            host = host.input(name, value.as_bytes());
        }
        if let Some(passphrase) = &case.passphrase {
            host = host.input("private-key-passphrase", passphrase.as_bytes());
        }
        let posted = host.authenticate::<Oci>("{}").unwrap().posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/oci-auth/login");
        assert_eq!(posted.body, json!({"identityId": "id-1", "userOcid": case.inputs["user-id"], "headers": case.headers}), "{}", case.key);
        assert!(posted.headers.is_empty() && posted.client_identity.is_none());
    }
}
