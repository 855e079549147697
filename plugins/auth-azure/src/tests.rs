use super::*;
use plugin_sdk::{
    http::Response,
    testing::{Failure, Host, Sent},
};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

const FILE: &str = "/var/run/secrets/azure/tokens/azure-identity-token";
const GOOD: &str = r#"{"access_token": "header.claims.signature", "expires_in": "3599"}"#;

fn recorded() -> Value {
    serde_json::from_str(include_str!("../tests/golden/recorded.json")).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

/// A host on which workload identity is set up as its webhook does it.
fn aks() -> Host {
    let recorded = recorded();
    Host::new()
        .variable("AZURE_FEDERATED_TOKEN_FILE", FILE)
        .variable("AZURE_CLIENT_ID", text(&recorded, "/client"))
        .variable("AZURE_TENANT_ID", text(&recorded, "/tenant"))
        .variable("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
        .file("azure", FILE, text(&recorded, "/assertion"))
}

/// Logs in with one answer to all requests; what was asked, and what would be posted.
fn login(host: Host, settings: Value, status: u16, body: &'static str) -> (Vec<Sent>, Result<Value, Failure>) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let seen = asked.clone();
    let host = host.input("identity-id", " id-1\n").http(move |sent| {
        seen.borrow_mut().push(sent.clone());
        Ok(Response { status, headers: vec![("retry-after".into(), b"17".to_vec())], body: body.into() })
    });
    let posted = host.authenticate::<Azure>(&settings.to_string()).map(|login| {
        let posted = login.posted().unwrap();
        assert_eq!(posted.path, "/v1/auth/azure-auth/login");
        posted.body
    });
    (asked.take(), posted)
}

fn header<'a>(sent: &'a Sent, name: &str) -> &'a str {
    let found = sent.headers.iter().find(|(key, _)| key == name);
    std::str::from_utf8(&found.unwrap_or_else(|| panic!("no header {name}")).1).unwrap()
}

fn pairs(form: &str) -> BTreeMap<String, String> {
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    form.split('&').map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name.into(), decode(value))).collect()
}

/// Path and query of a request, the query decoded: libraries escape more or less of it.
fn parts(address: &str) -> (&str, BTreeMap<String, String>) {
    let (path, query) = address.split_once('?').unwrap();
    (path, pairs(query))
}

fn refusal(failure: Failure) -> (&'static str, String) {
    let (kind, text) = match failure {
        Failure::Plugin(Error::Unavailable(found)) => (if found.retry_after == Some(17) { "later" } else { "unavailable" }, found.text),
        Failure::Plugin(Error::Credentials(text)) => ("credentials", text),
        Failure::Plugin(Error::Settings(violations)) => ("settings", format!("{} {}", violations[0].pointer, violations[0].message)),
        other => panic!("{other:?}"),
    };
    // Longer ones would be cut by the host.
    assert!(text.len() <= 256, "{} {text}", text.len());
    (kind, text)
}

#[test]
fn asks_imds_as_azures_own_library_does() {
    let recorded = recorded();
    let client = text(&recorded, "/client");
    for (settings, name) in [
        (json!({}), "system_assigned"),
        (json!({"resource": "https://management.azure.com/"}), "system_assigned"),
        (json!({"client-id": client}), "user_assigned"),
        (json!({"resource": format!("https://management.azure.com/&client_id={client}")}), "user_assigned"),
        (json!({"resource": format!("resource=https%3A%2F%2Fmanagement.azure.com%2F&client_id={client}")}), "user_assigned"),
    ] {
        let (asked, posted) = login(Host::new(), settings.clone(), 200, GOOD);
        assert_eq!(posted.unwrap(), json!({"identityId": "id-1", "jwt": "header.claims.signature"}));
        let [sent] = asked.as_slice() else { panic!("{settings}") };
        assert_eq!(sent.method, text(&recorded[name], "/method"));
        assert_eq!(header(sent, "metadata"), text(&recorded[name], "/metadata"));
        let url = sent.url.strip_prefix("http://169.254.169.254").unwrap();
        assert_eq!(parts(url), parts(text(&recorded[name], "/path")), "{settings}");
        assert!(sent.timeout.is_some_and(|timeout| timeout <= Duration::from_secs(5)));
    }
}

#[test]
fn exchanges_the_projected_token_as_azures_own_library_does() {
    let recorded = recorded();
    for settings in [json!({}), json!({"source": "workload-identity", "resource": "https://management.azure.com"})] {
        let (asked, posted) = login(aks(), settings, 200, GOOD);
        assert_eq!(posted.unwrap()["jwt"], "header.claims.signature");
        let [sent] = asked.as_slice() else { panic!() };
        let recorded = &recorded["workload_identity"];
        assert_eq!((sent.method.as_str(), &*sent.url), ("POST", &*format!("{}{}", text(recorded, "/origin"), text(recorded, "/path"))));
        assert_eq!(header(sent, "content-type"), "application/x-www-form-urlencoded");
        let form: BTreeMap<String, String> = serde_json::from_value(recorded["form"].clone()).unwrap();
        assert_eq!(pairs(std::str::from_utf8(&sent.body).unwrap()), form);
    }
}

#[test]
fn settings_come_before_the_webhooks_variables() {
    let settings = json!({"client-id": "other", "tenant-id": "t/1", "token-file": "own", "resource": "api://vault"});
    let host = aks().file("azure", "own", "a+b").variable("AZURE_AUTHORITY_HOST", "login.microsoftonline.us");
    let (asked, posted) = login(host, settings, 200, GOOD);
    assert!(posted.is_ok());
    assert_eq!(asked[0].url, "https://login.microsoftonline.us/t%2F1/oauth2/v2.0/token");
    let form = pairs(std::str::from_utf8(&asked[0].body).unwrap());
    assert_eq!((&*form["client_id"], &*form["client_assertion"], &*form["scope"]), ("other", "a+b", "api://vault/.default"));
}

#[test]
fn the_source_is_found_or_said() {
    let imds = |asked: &[Sent]| asked[0].url.starts_with("http://169.254.169.254/");
    assert!(imds(&login(Host::new(), json!({}), 200, GOOD).0));
    assert!(!imds(&login(aks(), json!({}), 200, GOOD).0));
    assert!(imds(&login(aks(), json!({"source": "managed-identity"}), 200, GOOD).0));
    assert!(imds(&login(aks().withhold("environment:AZURE_FEDERATED_TOKEN_FILE"), json!({}), 200, GOOD).0));
}

#[test]
fn imds_says_no_in_several_ways_and_each_is_told_apart() {
    let with_id = json!({"client-id": "cid-1"});
    for (settings, status, body, kind, words) in [
        (
            json!({}),
            400,
            r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
            "credentials",
            "no managed identity is assigned to the machine",
        ),
        (
            with_id,
            400,
            r#"{"error":"invalid_request","error_description":"Identity not found"}"#,
            "credentials",
            "client id \"cid-1\" is assigned",
        ),
        (
            json!({}),
            400,
            r#"{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request"}"#,
            "settings",
            "/client-id is missing: the machine",
        ),
        (
            json!({"resource": "api://none"}),
            400,
            r#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource principal named api://none was not found in the tenant named Contoso. This can happen if the application has not been installed"}"#,
            "settings",
            "/resource names \"api://none\", which the tenant does not know",
        ),
        (
            json!({}),
            400,
            r#"{"error":"bad_request","error_description":"Required metadata header not specified"}"#,
            "credentials",
            "status 400: Required metadata",
        ),
        (json!({}), 403, "Forbidden", "credentials", "status 403: no reason given"),
        (json!({}), 429, "", "later", "busy or being updated (status 429"),
        (json!({}), 503, "", "later", "status 503"),
        (json!({}), 404, "<html>", "unavailable", "status 404; check that no proxy"),
        (json!({}), 302, "", "unavailable", "status 302"),
        (json!({}), 200, "<html></html>", "unavailable", "answered 200 with no JSON"),
        (json!({}), 200, "[]", "unavailable", "JSON without access_token"),
        (json!({}), 200, r#"{"access_token": ""}"#, "unavailable", "JSON without access_token"),
    ] {
        let found = refusal(login(Host::new(), settings, status, body).1.unwrap_err());
        assert_eq!(found.0, kind, "{body}: {}", found.1);
        assert!(found.1.contains(words), "{body}: {}", found.1);
    }
}

#[test]
fn entra_says_no_by_number() {
    for (status, body, kind, words) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS700024: Client assertion is not within its valid time range. Current time: 2026","error_codes":[700024]}"#,
            "credentials",
            "azure-identity-token has expired",
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"AADSTS700213: No matching federated identity record found for presented assertion subject 'system:serviceaccount:a:b'.","error_codes":[700213]}"#,
            "credentials",
            "has no federated credential",
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_description":"AADSTS700016: Application with identifier 'x' was not found in the directory 'Contoso'."}"#,
            "settings",
            "/client-id is",
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"AADSTS90002: Tenant 'x' not found. Check to make sure you have the correct tenant ID","error_codes":[90002]}"#,
            "settings",
            "AZURE_AUTHORITY_HOST for another cloud",
        ),
        (400, r#"{"error":"invalid_resource","error_codes":[500011]}"#, "settings", "/resource names"),
        (401, r#"{"error":"invalid_client","error_codes":[50013]}"#, "credentials", "can't verify the projected token"),
        (401, r#"{"error":"invalid_client","error_description":"AADSTS7000229: disabled"}"#, "credentials", "AADSTS7000229: disabled"),
        (429, "{}", "later", "busy"),
        (502, "<html>", "later", "status 502"),
        (404, "<html>", "unavailable", "is Entra's login endpoint"),
        (200, "<html>", "unavailable", "no JSON"),
    ] {
        let found = refusal(login(aks(), json!({}), status, body).1.unwrap_err());
        assert_eq!(found.0, kind, "{body}: {}", found.1);
        assert!(found.1.contains(words), "{body}: {}", found.1);
        assert!(!found.1.contains("eyJ"), "{}", found.1);
    }
}

#[test]
fn services_that_do_not_answer_are_named_with_the_cause() {
    for (host, words) in
        [(Host::new(), "(IMDS): http://x did not answer in time; run"), (aks(), "token endpoint: http://x did not answer in time")]
    {
        let host = host.input("identity-id", "id").http(|_| Err(Error::unavailable("http://x did not answer in time")));
        let (kind, text) = refusal(host.authenticate::<Azure>("{}").err().unwrap());
        assert_eq!(kind, "unavailable");
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn what_is_missing_or_misplaced_is_named() {
    let source = "workload-identity";
    for (host, settings, words) in [
        (Host::new(), json!({"source": source}), "/token-file is missing, and AZURE_FEDERATED_TOKEN_FILE is not set"),
        (aks().variable("AZURE_TENANT_ID", " "), json!({}), "/tenant-id is missing, and AZURE_TENANT_ID"),
        (aks().variable("AZURE_CLIENT_ID", ""), json!({}), "/client-id is missing, and AZURE_CLIENT_ID"),
        (Host::new(), json!({"source": "managed-identity", "tenant-id": "t"}), "/tenant-id is only for the source workload-identity"),
        (
            Host::new(),
            json!({"resource": "https://a/&client_id=1", "client-id": "2"}),
            "/client-id is another than the client_id in /resource (1)",
        ),
        (Host::new(), json!({"resource": "https://a/&object_id=1"}), "/resource has \"object_id\""),
    ] {
        let (kind, text) = refusal(login(host, settings, 200, GOOD).1.unwrap_err());
        assert_eq!(kind, "settings");
        assert!(text.contains(words), "{text}");
    }
    let (kind, text) = refusal(login(aks().variable("AZURE_FEDERATED_TOKEN_FILE", "/etc/other"), json!({}), 200, GOOD).1.unwrap_err());
    assert_eq!(kind, "credentials");
    assert!(text.contains("/etc/other"), "{text}");
    assert!(matches!(login(Host::new(), json!({"client_id": "x"}), 200, GOOD).1, Err(Failure::Settings(_))));
}

#[test]
fn a_login_endpoint_that_is_not_entras_is_not_asked() {
    let (asked, failure) = login(aks().variable("AZURE_AUTHORITY_HOST", "https://login.example.com"), json!({}), 200, GOOD);
    assert!(asked.is_empty());
    assert_eq!(failure, Err(Failure::Denied(vec!["http:https://login.example.com".into()])));
}
