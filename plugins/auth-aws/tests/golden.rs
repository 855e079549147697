//! Logins, byte for byte as botocore signs them; `golden/record.py` records them anew.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
use auth_aws::Aws;
use plugin_sdk::testing::Host;
use serde_json::{Value, json};
use std::time::Duration;

fn recorded() -> Value {
    serde_json::from_str(include_str!("golden/signatures.json")).unwrap()
}

#[test]
fn logins_are_those_that_botocore_signs() {
    let recorded = recorded();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() >= 7);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let mut host = Host::new()
            .now(Duration::from_secs(case["time"].as_u64().unwrap()))
            .input("identity-id", case["login"]["identityId"].as_str().unwrap())
            .variable("AWS_REGION", text("region"))
            .variable("AWS_ACCESS_KEY_ID", text("accessKeyId"))
            .variable("AWS_SECRET_ACCESS_KEY", text("secretAccessKey"));
        if let Some(token) = case["sessionToken"].as_str() {
            host = host.variable("AWS_SESSION_TOKEN", token);
        }
        let posted = host.authenticate::<Aws>("{}").unwrap_or_else(|failure| panic!("{}: {failure:?}", text("name"))).posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/aws-auth/login");
        assert_eq!(posted.body, case["login"], "{}", text("name"));
    }
}

#[test]
fn every_region_that_botocore_knows_has_its_host() {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let recorded = recorded();
    let hosts = recorded["hosts"].as_object().unwrap();
    assert!(hosts.len() > 30, "{}", hosts.len());
    for (region, sts) in hosts {
        let settings = json!({"region": region}).to_string();
        let host = Host::new().input("identity-id", "id").variable("AWS_ACCESS_KEY_ID", "a").variable("AWS_SECRET_ACCESS_KEY", "s");
        let posted = host.authenticate::<Aws>(&settings).unwrap_or_else(|failure| panic!("{region}: {failure:?}")).posted().unwrap();
        let headers = BASE64_STANDARD.decode(posted.body["iamRequestHeaders"].as_str().unwrap()).unwrap();
        let headers: Value = serde_json::from_slice(&headers).unwrap();
        assert_eq!(&headers["Host"], sts, "{region}");
    }
}
