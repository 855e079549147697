use super::*;
use plugin_sdk::{
    Descriptor, NoSettings, Plugin,
    authenticator::{Authenticator, Exchange, Proved, Request},
    http::Response,
    testing::{Failure, Host},
};

/// A plugin that hands on what the server says.
struct Asker;

impl Plugin for Asker {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("asker", "0.0.0", "Asks.").need(need("To ask."))
    }
}

impl Authenticator for Asker {
    fn authenticate(_: Request<NoSettings>) -> Result<Proved, Error> {
        Ok(Exchange::to("gcp-auth").text("said", service_account("email")?).into())
    }
}

fn said(status: u16, flavor: &'static str, body: &'static [u8]) -> Result<String, Failure> {
    let host = Host::new().http(move |sent| {
        assert_eq!((sent.method.as_str(), sent.url.as_str()), ("GET", format!("{BASE}email").as_str()));
        assert_eq!(sent.headers, [("metadata-flavor".to_owned(), b"Google".to_vec())]);
        assert!(sent.timeout.is_some_and(|timeout| timeout <= Duration::from_secs(5)));
        Ok(Response { status, headers: vec![("metadata-flavor".into(), flavor.into())], body: body.to_vec() })
    });
    host.authenticate::<Asker>("{}").map(|login| login.posted().unwrap().body["said"].as_str().unwrap().to_owned())
}

fn text(failure: Failure) -> (&'static str, String) {
    match failure {
        Failure::Plugin(Error::Unavailable(found)) => ("unavailable", found.text),
        Failure::Plugin(Error::Credentials(text)) => ("credentials", text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_server_says_is_handed_on_without_space_around_it() {
    assert_eq!(said(200, "Google", b" a@b\n").unwrap(), "a@b");
}

#[test]
fn each_refusal_says_what_to_do() {
    for (status, flavor, body, kind, words) in [
        (200, "", b"<html>".as_slice(), "unavailable", "not Google's metadata server"),
        (404, "Amazon", b"", "unavailable", "status 404) is not Google's"),
        (404, "Google", b"", "credentials", "has no Google service account"),
        (
            403,
            "Google",
            b"\nUnable to generate identity token; IAM returned 403 Forbidden\nmore",
            "credentials",
            "iam.workloadIdentityUser) (Unable to generate",
        ),
        (503, "Google", b"try later", "unavailable", "status 503: try later"),
        (200, "Google", b"\xff\xfe", "unavailable", "no text"),
    ] {
        let (found, message) = text(said(status, flavor, body).unwrap_err());
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(words), "{message}");
        // Longer ones would be cut by the host.
        assert!(message.len() <= 256, "{} {message}", message.len());
    }
}

#[test]
fn a_server_that_does_not_answer_is_named_with_the_cause_and_the_way_out() {
    let host = Host::new().http(|_| Err(Error::unavailable("http://169.254.169.254 did not answer in time")));
    let (kind, message) = text(host.authenticate::<Asker>("{}").err().unwrap());
    assert_eq!(kind, "unavailable");
    assert!(message.contains("did not answer in time; run the operator on Google Cloud"), "{message}");
    assert!(message.len() <= 256, "{}", message.len());
    let denied = Host::new().withhold(CAPABILITY).authenticate::<Asker>("{}").err().unwrap();
    assert_eq!(denied, Failure::Denied(vec![CAPABILITY.into()]));
}

#[test]
fn words_are_the_first_line_bounded() {
    assert_eq!(words("\n  first \nsecond"), "first");
    assert_eq!(words(""), "no reason given");
    assert_eq!(words(&"x".repeat(500)).len(), 120);
}
