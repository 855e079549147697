//! Each mistake is answered with the input that it is in, and never with the input's value.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use auth_alicloud::AliCloud;
use plugin_sdk::{
    Error,
    testing::{Failure, Host},
};

fn host() -> Host {
    let host = Host::new().signer(|_| Ok(vec![7; 20]));
    host.input("identity-id", "id-1").input("access-key-id", "LTAI5tExample\n").input("access-key-secret", "secret")
}

#[test]
fn a_key_that_infisical_can_not_verify_is_refused_here() {
    for (id, problem) in [
        ("STS.canary4711", "is the id of a temporary key"),
        ("canary-4711", "other characters than letters and digits"),
        ("LTAI5t canary", "other characters than letters and digits"),
    ] {
        let Some(Failure::Plugin(Error::Credentials(text))) = host().input("access-key-id", id).authenticate::<AliCloud>("{}").err() else {
            panic!("{id} was taken")
        };
        assert!(text.starts_with("input \"access-key-id\" ") && text.contains(problem) && !text.contains("canary"), "{text}");
        assert!(text.len() <= 256, "it would be cut: {text}");
    }
}

#[test]
fn each_login_has_a_nonce_of_its_own() {
    let nonce = |seed| {
        let posted = host().seed([seed; 32]).authenticate::<AliCloud>("{}").unwrap().posted().unwrap();
        posted.body.get("SignatureNonce").unwrap().as_str().unwrap().to_owned()
    };
    assert_ne!(nonce(1), nonce(2));
    assert_eq!(nonce(1).len(), 32);
}

#[test]
fn what_is_missing_is_named() {
    for input in ["identity-id", "access-key-id", "access-key-secret"] {
        let failure = host().input(input, " \n").authenticate::<AliCloud>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput(input.into())));
    }
}

#[test]
fn settings_and_withheld_capabilities_are_refused() {
    assert!(matches!(host().authenticate::<AliCloud>(r#"{"region": "cn-hangzhou"}"#).err(), Some(Failure::Settings(_))));
    for capability in ["signing", "clock", "random"] {
        let failure = host().withhold(capability).authenticate::<AliCloud>("{}").err();
        assert_eq!(failure, Some(Failure::Denied(vec![capability.into()])));
    }
}
