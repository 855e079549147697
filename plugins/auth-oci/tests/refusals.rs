//! Each mistake is answered with the input that it is in, and never with the input's value.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
use auth_oci::Oci;
use plugin_sdk::{
    Error,
    testing::{Failure, Host},
};

const USER: &str = "ocid1.user.oc1..aaaaaaaaexample";

fn host() -> Host {
    let host = Host::new().signer(|_| Ok(vec![7; 256]));
    [
        ("identity-id", "id-1"),
        ("user-id", USER),
        ("tenancy-id", "ocid1.tenancy.oc1..aaaaaaaatenancy"),
        ("fingerprint", "b5:eb:ee:8e:28:bb:00:a3:bf:4b:73:7f:da:df:68:18"),
        ("region", "us-ashburn-1"),
        ("private-key", "the key"),
    ]
    .into_iter()
    .fold(host, |host, (name, value)| host.input(name, value))
}

fn refused(host: &Host) -> String {
    match host.authenticate::<Oci>("{}") {
        Err(Failure::Plugin(Error::Credentials(text))) => {
            assert!(text.len() <= 256, "it would be cut: {text}");
            text
        }
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn each_input_is_checked_and_named() {
    for (input, values, problem) in [
        (
            "user-id",
            &["canary-4711", "ocid1.user.oc1", "ocid1.user.oc1..", "ocid1.user.oc1..a/../b", "ocid2.user.oc1..aaaa"][..],
            "is no OCID",
        ),
        ("user-id", &["ocid1.tenancy.oc1..canary-4711"], "is the OCID of a tenancy, and must be that of a user"),
        ("tenancy-id", &["ocid1.user.oc1..canary-4711"], "is the OCID of a user, and must be that of a tenancy"),
        ("tenancy-id", &["ocid1.tenancy.oc2..canary-4711"], "commercial realm only"),
        (
            "fingerprint",
            &["canary-4711", "b5ebee8e28bb00a3bf4b737fdadf6818", "b5:eb:ee:8e:28:bb:00:a3:bf:4b:73:7f:da:df:68", "SHA256:canary"],
            "16 pairs of hexadecimal digits",
        ),
        (
            "region",
            &["IAD", "US-ASHBURN-1", "us-gov-ashburn-1", "us-ashburn-10", "us-ashburn-0", "canary.evil/x#", "us--1"],
            "us-ashburn-1",
        ),
    ] {
        for value in values {
            let text = refused(&host().input(input, *value));
            assert!(text.starts_with(&format!("input {input:?} ")) && text.contains(problem), "{value}: {text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }
}

#[test]
fn a_fingerprint_in_capitals_is_the_same_one() {
    let upper = host().input("fingerprint", "B5:EB:EE:8E:28:BB:00:A3:BF:4B:73:7F:DA:DF:68:18\n");
    let posted = upper.authenticate::<Oci>("{}").unwrap().posted().unwrap();
    let authorization = posted.body.pointer("/headers/authorization").unwrap().as_str().unwrap();
    assert!(authorization.contains("/b5:eb:ee:8e:28:bb:00:a3:bf:4b:73:7f:da:df:68:18\""), "{authorization}");
}

#[test]
fn a_key_that_can_not_be_used_is_said_of_its_input() {
    let host = host().signer(|signed| Err(Error::Credentials(format!("as the host says, {}", signed.passphrase.is_some()))));
    assert_eq!(refused(&host), "input \"private-key\", without \"private-key-passphrase\": as the host says, false");
    let host = host.input("private-key-passphrase", "open-sesame");
    assert_eq!(refused(&host), "input \"private-key\", with \"private-key-passphrase\": as the host says, true");
}

#[test]
fn what_is_missing_is_named() {
    for input in ["identity-id", "user-id", "tenancy-id", "fingerprint", "region", "private-key"] {
        let failure = host().input(input, " \n").authenticate::<Oci>("{}").err();
        assert_eq!(failure, Some(Failure::MissingInput(input.into())));
    }
}

#[test]
fn settings_and_withheld_capabilities_are_refused() {
    assert!(matches!(host().authenticate::<Oci>(r#"{"region": "us-ashburn-1"}"#).err(), Some(Failure::Settings(_))));
    for capability in ["signing", "clock"] {
        let failure = host().withhold(capability).authenticate::<Oci>("{}").err();
        assert_eq!(failure, Some(Failure::Denied(vec![capability.into()])));
    }
}
