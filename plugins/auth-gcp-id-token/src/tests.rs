use super::*;
use plugin_sdk::{
    http::Response,
    testing::{Failure, Host, Sent},
};
use serde_json::{Value, json};
use std::{cell::RefCell, rc::Rc};

fn google(body: &str) -> Result<Response, Error> {
    Ok(Response { status: 200, headers: vec![("metadata-flavor".into(), b"Google".to_vec())], body: body.into() })
}

/// Logs in with an answer of the metadata server; what was asked, and what would be posted.
fn login(identity: &str, answer: &'static str) -> (Vec<Sent>, Result<Value, Failure>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = asked.clone();
    let host = Host::new().input("identity-id", identity).http(move |sent| {
        seen.borrow_mut().push(sent.clone());
        google(answer)
    });
    let posted = host.authenticate::<GcpIdToken>("{}").map(|login| {
        let posted = login.posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/gcp-auth/login");
        posted.body
    });
    (asked.take(), posted)
}

#[test]
fn asks_as_googles_own_library_does() {
    let recorded: Value = serde_json::from_str(include_str!("../tests/golden/recorded.json")).unwrap();
    let (identity, token) = (recorded["identity"].as_str().unwrap(), recorded["token"].as_str().unwrap());
    let (asked, posted) = login(&format!(" {identity}\n"), "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjE4OTM0NTYwMDB9.c2lnbmF0dXJl\n");
    assert_eq!(posted.unwrap(), json!({"identityId": identity, "jwt": token}));
    let asked: Vec<_> = asked
        .iter()
        .map(|sent| {
            let (_, flavor) = sent.headers.iter().find(|(name, _)| name == "metadata-flavor").unwrap();
            json!({
                "method": sent.method,
                "path": sent.url.strip_prefix("http://169.254.169.254").unwrap(),
                "metadata_flavor": String::from_utf8_lossy(flavor),
            })
        })
        .collect();
    assert_eq!(Value::from(asked), recorded["asked"]);
}

#[test]
fn an_identity_can_not_write_more_of_the_query() {
    let (asked, _) = login("id&audience=other#x y", "a.b.c");
    assert!(asked[0].url.ends_with("identity?audience=id%26audience%3Dother%23x%20y&format=full"), "{}", asked[0].url);
}

#[test]
fn an_answer_that_is_no_token_is_not_posted() {
    for answer in ["<html></html>", "", "a.b", "a..c", "a.b.c.d", r#"{"error": "x"}"#] {
        let (_, posted) = login("id", answer);
        let Err(Failure::Plugin(Error::Unavailable(found))) = posted else { panic!("{answer}") };
        assert!(found.text.contains("no id token"), "{}", found.text);
    }
}

#[test]
fn an_identity_is_needed() {
    assert_eq!(login(" ", "a.b.c").1, Err(Failure::MissingInput("identity-id".into())));
}
