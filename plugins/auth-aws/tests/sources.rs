//! Where keys and region come from, and what is said where they don't.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
use auth_aws::Aws;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use plugin_sdk::{
    Error,
    http::Response,
    testing::{Failure, Host, Sent},
};
use serde_json::{Value, json};
use std::{cell::RefCell, rc::Rc, time::Duration};

/// The access key id that was signed with, the region, and the headers.
#[derive(Debug)]
struct Signed {
    id: String,
    region: String,
    headers: Value,
}

fn login(host: &Host, settings: Value) -> Result<Signed, Failure> {
    let host = host.clone().input("identity-id", "id-1");
    let posted = host.authenticate::<Aws>(&settings.to_string())?.posted().unwrap();
    assert_eq!(posted.body["identityId"], "id-1");
    let headers = BASE64_STANDARD.decode(posted.body["iamRequestHeaders"].as_str().unwrap()).unwrap();
    let headers: Value = serde_json::from_slice(&headers).unwrap();
    let scope = headers["Authorization"].as_str().unwrap().split(['=', ',']).nth(1).unwrap().to_owned();
    let scope: Vec<_> = scope.split('/').collect();
    Ok(Signed { id: scope[0].into(), region: scope[2].into(), headers })
}

/// What a user reads, and how the failure is classed.
fn failure(host: &Host, settings: Value) -> (&'static str, String) {
    let (class, text) = match login(host, settings).unwrap_err() {
        Failure::Plugin(Error::Credentials(text)) => ("credentials", text),
        Failure::Plugin(Error::Unavailable(gone)) => ("unavailable", gone.text),
        Failure::Plugin(Error::Settings(violations)) => ("settings", format!("{} {}", violations[0].pointer, violations[0].message)),
        Failure::Settings(violations) => ("schema", format!("{} {}", violations[0].pointer, violations[0].message)),
        Failure::Denied(capabilities) => ("denied", capabilities.join(", ")),
        other => panic!("{other:?}"),
    };
    assert!(text.len() <= 256, "the host cuts it: {} {text}", text.len());
    (class, text)
}

fn says(host: &Host, settings: Value, class: &str, parts: &[&str]) {
    let (found, text) = failure(host, settings);
    assert_eq!(found, class, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

fn region() -> Host {
    Host::new().variable("AWS_REGION", "eu-central-1")
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Result<Response, Error> {
    Ok(Response { status, headers: vec![("date".into(), b"Thu, 01 Jan 2026 00:00:01 GMT".to_vec())], body: body.into() })
}

fn keys(id: &str) -> String {
    json!({"Code": "Success", "AccessKeyId": id, "SecretAccessKey": "secret", "Token": "token", "Expiration": "2026-01-01T06:00:00Z"})
        .to_string()
}

/// The metadata service of an instance in `us-west-2` with the role `node`; `change` may answer in its place.
fn instance(host: Host, change: impl Fn(&Sent) -> Option<Result<Response, Error>> + 'static) -> Host {
    host.http(move |sent| {
        assert_eq!(sent.timeout, Some(Duration::from_secs(2)), "a short patience");
        if let Some(changed) = change(sent) {
            return changed;
        }
        let header = |name: &str| sent.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
        let path = sent.url.strip_prefix("http://169.254.169.254").or(sent.url.strip_prefix("http://[fd00:ec2::254]")).unwrap();
        if sent.method == "PUT" {
            assert_eq!((path, header("x-aws-ec2-metadata-token-ttl-seconds")), ("/latest/api/token", Some(b"300".to_vec())));
            return answer(200, "session==");
        }
        assert_eq!(header("x-aws-ec2-metadata-token"), Some(b"session==".to_vec()));
        match path {
            "/latest/meta-data/iam/security-credentials/" => answer(200, "node\n"),
            "/latest/meta-data/iam/security-credentials/node" => answer(200, keys("ASIANODE")),
            "/latest/dynamic/instance-identity/document" => answer(200, r#"{"region": "us-west-2", "accountId": "1"}"#),
            _ => answer(404, ""),
        }
    })
}

fn unreachable() -> Result<Response, Error> {
    Err(Error::unavailable("http://169.254.169.254 did not answer in time"))
}

#[test]
fn the_first_source_that_is_set_up_is_used() {
    let file = "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\nregion = eu-west-3\n";
    let environment = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let shared = [("AWS_SHARED_CREDENTIALS_FILE", "/aws/credentials")];
    let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/irsa/token"), ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")];
    let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1")];
    let host = |variables: &[&[(&str, &str)]]| {
        let host = region().file("aws", "/aws/credentials", file).file("aws-web-identity", "/irsa/token", "jwt").http(|sent| {
            if sent.url.starts_with("https://sts.") {
                let credentials = json!({"AccessKeyId": "ASIAWEB", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": 1.8e9});
                let body = json!({"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials": credentials}}});
                answer(200, body.to_string())
            } else if sent.url.starts_with("http://169.254.170.2/") {
                answer(200, keys("ASIATASK"))
            } else if sent.url.ends_with("/token") {
                answer(200, "session")
            } else if sent.url.ends_with("/node") {
                answer(200, keys("ASIANODE"))
            } else {
                answer(200, "node")
            }
        });
        variables.iter().copied().flatten().fold(host, |host, (name, value)| host.variable(name, value))
    };
    for (variables, id) in [
        (&[&environment[..], &shared, &web, &container][..], "AKIAENV"),
        (&[&shared, &web, &container], "AKIAFILE"),
        (&[&web, &container], "ASIAWEB"),
        (&[&container], "ASIATASK"),
        (&[], "ASIANODE"),
    ] {
        assert_eq!(login(&host(variables), json!({})).unwrap().id, id);
    }
    let all = host(&[&environment, &shared, &web, &container]);
    for (source, id) in [
        ("chain", "AKIAENV"),
        ("environment", "AKIAENV"),
        ("shared-file", "AKIAFILE"),
        ("web-identity", "ASIAWEB"),
        ("container", "ASIATASK"),
        ("imds", "ASIANODE"),
    ] {
        assert_eq!(login(&all, json!({"source": source})).unwrap().id, id);
    }
}

#[test]
fn where_nothing_is_set_up_all_that_was_tried_is_listed() {
    let tried = [
        "no AWS keys: no AWS_ACCESS_KEY_ID; no AWS_SHARED_CREDENTIALS_FILE; no AWS_WEB_IDENTITY_TOKEN_FILE; no AWS_CONTAINER_CREDENTIALS_*_URI;",
        "did not answer in time",
        "hop limit",
    ];
    says(&instance(region(), |_| Some(unreachable())), json!({}), "unavailable", &tried);
    let no_role = |sent: &Sent| sent.url.ends_with("/security-credentials/").then(|| answer(404, ""));
    says(&instance(region(), no_role), json!({}), "credentials", &["no AWS_ACCESS_KEY_ID", "has no IAM role for this instance"]);
    let off = region().variable("AWS_EC2_METADATA_DISABLED", "true");
    says(&off, json!({}), "credentials", &["no AWS_ACCESS_KEY_ID", "AWS_EC2_METADATA_DISABLED"]);
    says(&region(), json!({"source": "environment"}), "credentials", &["no AWS keys: no AWS_ACCESS_KEY_ID"]);
}

#[test]
fn keys_of_the_environment_come_whole() {
    let id = region().variable("AWS_ACCESS_KEY_ID", "AKIA");
    says(&id, json!({}), "credentials", &["AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"]);
    says(&region().variable("AWS_SECRET_ACCESS_KEY", "canary"), json!({}), "credentials", &["AWS_ACCESS_KEY_ID is not"]);
    let whole = id.variable("AWS_SECRET_ACCESS_KEY", " s ").variable("AWS_SESSION_TOKEN", "t==\n");
    assert_eq!(login(&whole, json!({})).unwrap().headers["X-Amz-Security-Token"], "t==");
    let broken = whole.clone().variable("AWS_SESSION_TOKEN", "canary\ncanary");
    says(&broken, json!({}), "credentials", &["the session token of the environment"]);
    assert!(!failure(&broken, json!({})).1.contains("canary"));
    let ended = whole.variable("AWS_CREDENTIAL_EXPIRATION", "2025-12-31T23:59:59Z");
    says(&ended, json!({}), "credentials", &["have expired (AWS_CREDENTIAL_EXPIRATION)"]);
}

#[test]
fn profiles_of_a_shared_file() {
    let file = "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = dev\n\
                [dev]\naws_access_key_id = AKIADEV\naws_secret_access_key = s\naws_session_token = t\nregion = ap-south-1\n\
                [half]\naws_access_key_id = AKIAHALF\n";
    let host = Host::new().file("aws", "credentials", file);
    let signed = login(&host, json!({"profile": "dev"})).unwrap();
    assert_eq!((signed.id.as_str(), signed.region.as_str()), ("AKIADEV", "ap-south-1"));
    assert_eq!(signed.headers["X-Amz-Security-Token"], "t");
    let by_variable = host.clone().variable("AWS_PROFILE", "dev").variable("AWS_REGION", "eu-west-1");
    assert_eq!(login(&by_variable, json!({"source": "shared-file"})).unwrap().region, "eu-west-1");
    says(&host, json!({"source": "shared-file"}), "credentials", &["the profile \"default\" has role_arn"]);
    says(&host, json!({"profile": "half"}), "credentials", &["\"half\" lacks", "aws_secret_access_key"]);
    says(&host, json!({"profile": "gone"}), "credentials", &["no profile \"gone\"; it has: default, dev, half"]);
    says(&Host::new(), json!({"profile": "dev"}), "credentials", &["mount \"aws\" has no file \"credentials\""]);
    says(&host.withhold("reveal:mounts/aws"), json!({"profile": "dev"}), "denied", &["reveal:mounts/aws"]);
}

fn pod() -> Host {
    region()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token")
        .variable("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app")
        .file("aws-web-identity", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token", "header.claims+/=.signature")
}

#[test]
fn a_web_identity_is_sent_to_sts_of_the_region() {
    let seen = Rc::new(RefCell::new(None));
    let kept = seen.clone();
    let host = pod().variable("AWS_REGION", "cn-north-1").variable("AWS_ROLE_SESSION_NAME", "me@pod").http(move |sent| {
        kept.replace(Some(sent.clone()));
        answer(
            200,
            "<AssumeRoleWithWebIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleWithWebIdentityResult>\
             <Credentials><AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>2026-01-01T01:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        )
    });
    assert_eq!(login(&host, json!({})).unwrap().id, "ASIAWEB");
    let sent = seen.take().unwrap();
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", "https://sts.cn-north-1.amazonaws.com.cn/"));
    assert_eq!(
        String::from_utf8(sent.body).unwrap(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fapp\
         &RoleSessionName=me%40pod&WebIdentityToken=header.claims%2B%2F%3D.signature"
    );
}

#[test]
fn what_sts_says_of_a_web_identity_is_handed_on() {
    let refused = |status: u16, code: &str| {
        let body = json!({"Error": {"Code": code, "Message": "because", "Type": "Sender"}}).to_string();
        pod().http(move |_| answer(status, body.clone()))
    };
    for (status, code, class, part) in [
        (400, "ExpiredTokenException", "unavailable", "the web identity token of this pod has expired"),
        (400, "InvalidIdentityToken", "credentials", "does not accept the web identity token of this pod: because"),
        (403, "AccessDenied", "credentials", "may not assume arn:aws:iam::123456789012:role/app"),
        (400, "IDPCommunicationError", "unavailable", "can't reach the issuer"),
        (403, "RegionDisabledException", "credentials", "RegionDisabledException: because"),
        (400, "Throttling", "unavailable", "400 Throttling"),
        (503, "ServiceUnavailable", "unavailable", "503 ServiceUnavailable"),
    ] {
        says(&refused(status, code), json!({}), class, &[part]);
    }
    says(&pod().http(|_| answer(200, "<html>")), json!({}), "unavailable", &["something else than keys"]);
    says(&pod().http(|_| answer(403, "<html>")), json!({}), "unavailable", &["something else than JSON or XML"]);
    let lost = pod()
        .http(|_| Err(Error::unavailable("the response of https://sts.eu-central-1.amazonaws.com has a body of more than 1048576 bytes")));
    says(&lost, json!({}), "unavailable", &["a body of more than 1048576 bytes"]);
    let half = region().variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/token");
    says(&half, json!({}), "credentials", &["AWS_ROLE_ARN is not set", "annotated"]);
    let unread = region().variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/token").variable("AWS_ROLE_ARN", "arn");
    says(&unread, json!({}), "credentials", &["mount \"aws-web-identity\" has no file \"/token\""]);
    let denied = pod().withhold("http:https://sts.*.amazonaws.com").http(|_| answer(200, ""));
    says(&denied, json!({}), "denied", &["http:https://sts.eu-central-1.amazonaws.com"]);
}

#[test]
fn a_broken_source_is_not_passed_over() {
    let broken = pod().http(|sent| {
        assert!(sent.url.starts_with("https://sts."), "the instance was asked: {}", sent.url);
        answer(400, json!({"Error": {"Code": "ExpiredTokenException"}}).to_string())
    });
    assert!(failure(&broken, json!({})).1.starts_with("the web identity token"));
}

#[test]
fn container_credentials_are_asked_for_with_their_token() {
    let with = |variables: &'static [(&str, &str)], url: &'static str, token: Option<&'static str>| {
        let host = region().file("aws-pod-identity", "/eks/token", "from-file").http(move |sent| {
            assert_eq!(sent.url, url);
            assert_eq!(sent.timeout, Some(Duration::from_secs(2)));
            let header = sent.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.clone());
            assert_eq!(header, token.map(|token| token.as_bytes().to_vec()));
            answer(200, keys("ASIATASK"))
        });
        let host = variables.iter().fold(host, |host, (name, value)| host.variable(name, value));
        assert_eq!(login(&host, json!({})).unwrap().id, "ASIATASK");
    };
    const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const FILE: (&str, &str) = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/eks/token");
    const TEXT: (&str, &str) = ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "from-variable");
    const RELATIVE: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");
    with(&[RELATIVE], "http://169.254.170.2/v2/credentials/1", None);
    with(&[RELATIVE, (FULL, "http://169.254.170.23/v1/credentials")], "http://169.254.170.2/v2/credentials/1", None);
    with(&[(FULL, "http://169.254.170.23/v1/credentials"), FILE, TEXT], "http://169.254.170.23/v1/credentials", Some("from-file"));
    with(&[(FULL, "http://[fd00:ec2::23]/v1/credentials"), TEXT], "http://[fd00:ec2::23]/v1/credentials", Some("from-variable"));
}

#[test]
fn container_credentials_that_are_refused() {
    let pod = || region().variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials");
    let refused = pod().http(|_| answer(400, json!({"code": "AccessDeniedException", "message": "no association"}).to_string()));
    says(
        &refused,
        json!({}),
        "credentials",
        &["refused this pod or task (400 AccessDeniedException no association)", "a role is associated"],
    );
    says(&pod().http(|_| answer(500, "")), json!({}), "unavailable", &["169.254.170.23 answered 500"]);
    says(&pod().http(|_| answer(200, "<html>")), json!({}), "unavailable", &["something else than keys as JSON"]);
    let ended = keys("a").replace("2026-01-01T06", "2025-12-31T06");
    says(&pod().http(move |_| answer(200, ended.clone())), json!({}), "unavailable", &["have expired"]);
    for url in [
        "http://169.254.170.2.evil.example/x",
        "http://10.0.0.1/",
        "https://example.com/keys",
        "http://169.254.170.2",
        "ftp://169.254.170.2/",
    ] {
        let host = region().variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
        says(&host, json!({}), "credentials", &["none of the addresses that AWS gives out"]);
    }
    let relative = region().variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil.example/");
    says(&relative, json!({}), "credentials", &["does not begin with /"]);
}

#[test]
fn keys_and_region_of_an_instance() {
    let signed = login(&instance(Host::new(), |_| None), json!({})).unwrap();
    assert_eq!((signed.id.as_str(), signed.region.as_str()), ("ASIANODE", "us-west-2"));
    assert_eq!(signed.headers["X-Amz-Security-Token"], "token");
    let only_v6 = |sent: &Sent| (!sent.url.starts_with("http://[fd00:ec2::254]/")).then(|| answer(500, ""));
    let v6 = instance(Host::new().variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"), only_v6);
    assert_eq!(login(&v6, json!({})).unwrap().id, "ASIANODE");
    let elsewhere = Host::new().variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1/").http(|_| answer(200, ""));
    says(&elsewhere, json!({}), "denied", &["http:http://10.0.0.1"]);
}

#[test]
fn each_way_in_which_an_instance_fails_is_told_apart() {
    let status = |path: &'static str, status: u16, body: &'static str| {
        instance(region(), move |sent| sent.url.ends_with(path).then(|| answer(status, body)))
    };
    let imds = || json!({"source": "imds"});
    says(
        &instance(region(), |_| Some(unreachable())),
        imds(),
        "unavailable",
        &["no metadata service", "did not answer in time", "hop limit"],
    );
    says(&status("/api/token", 403, ""), imds(), "credentials", &["switched off for this instance (403)", "web identity or pod identity"]);
    says(&status("/api/token", 404, ""), imds(), "credentials", &["does not know", "version 2 (404)"]);
    says(&status("/api/token", 200, "<html> <body>"), imds(), "unavailable", &["something else than a session token"]);
    says(&status("/security-credentials/", 401, ""), imds(), "unavailable", &["its own session token (401)"]);
    says(&status("/security-credentials/", 200, "../secrets"), imds(), "unavailable", &["the name of a role"]);
    says(&status("/node", 200, "<html>"), imds(), "unavailable", &["keys as JSON"]);
    says(&status("/node", 200, r#"{"Code": "AssumeRoleUnauthorizedAccess"}"#), imds(), "credentials", &["AssumeRoleUnauthorizedAccess"]);
    says(&status("/node", 500, ""), imds(), "unavailable", &["answered 500"]);
    let ahead = instance(region().now(Duration::from_secs(1_767_225_600 + 3600)), |_| None);
    says(&ahead, json!({}), "unavailable", &["3599 s ahead of", "NTP"]);
    says(&ahead, imds(), "unavailable", &["the clock of this node is 3599 s ahead of", "NTP"]);
}

#[test]
fn the_region_is_looked_for_and_judged() {
    let keys = || Host::new().variable("AWS_ACCESS_KEY_ID", "AKIA").variable("AWS_SECRET_ACCESS_KEY", "s");
    let both = keys().variable("AWS_REGION", "eu-west-1").variable("AWS_DEFAULT_REGION", "eu-west-2");
    assert_eq!(login(&both, json!({"region": "eu-west-3"})).unwrap().region, "eu-west-3");
    assert_eq!(login(&both, json!({})).unwrap().region, "eu-west-1");
    assert_eq!(login(&keys().variable("AWS_DEFAULT_REGION", "eu-west-2"), json!({})).unwrap().region, "eu-west-2");
    assert_eq!(login(&instance(keys(), |_| None), json!({})).unwrap().region, "us-west-2");

    says(
        &instance(keys(), |_| Some(unreachable())),
        json!({}),
        "unavailable",
        &["no AWS region: set AWS_REGION", "`region`", "did not answer"],
    );
    let document = |body: &'static str| instance(keys(), move |sent| sent.url.ends_with("/document").then(|| answer(200, body)));
    says(&document("<html>"), json!({}), "unavailable", &["JSON with a region"]);
    says(&document(r#"{"region": "us-iso-east-1"}"#), json!({}), "credentials", &["the instance's region: \"us-iso-east-1\" is no region"]);
    says(&keys().variable("AWS_REGION", "mars"), json!({}), "credentials", &["AWS_REGION: \"mars\" is no region", "eu-central-1"]);
    says(&keys(), json!({"region": "us-iso-east-1"}), "settings", &["/region", "\"us-iso-east-1\" is no region"]);
    says(&keys(), json!({"region": "EU"}), "schema", &["/region"]);
    let off = keys().variable("AWS_EC2_METADATA_DISABLED", "true");
    says(&off, json!({}), "credentials", &["no AWS region", "AWS_EC2_METADATA_DISABLED"]);
}

#[test]
fn settings_are_named_by_their_place() {
    says(&region(), json!({"source": "vault"}), "schema", &["/source"]);
    says(&region(), json!({"source": "imds", "profile": "x"}), "settings", &["/profile", "only for the source shared-file"]);
    says(&region(), json!({"profile": ""}), "schema", &["/profile"]);
    says(&region(), json!({"regoin": "eu-west-1"}), "schema", &["regoin"]);
    assert_eq!(Host::new().authenticate::<Aws>("{}").err(), Some(Failure::MissingInput("identity-id".into())));
}

#[test]
fn what_the_administrator_took_back_is_named() {
    says(&region().withhold("environment:AWS_*"), json!({}), "denied", &["environment:AWS_"]);
    let imds = region().withhold("http:http://169.254.169.254").http(|_| answer(200, ""));
    says(&imds, json!({}), "denied", &["http:http://169.254.169.254"]);
    says(&region().withhold("clock"), json!({}), "denied", &["clock"]);
}
