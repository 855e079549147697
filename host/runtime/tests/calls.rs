//! Calls of real plugins: what goes in, what comes out, and what is refused on the way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]
use hostile::{Bench, CANARY, Plugin, call, caller, hostile, posted, secret, workspace_guest};
use runtime::{Ambient, AuthCall, Caller, Failure, TokenFailure, TokenFuture, TokenSource};
use serde_json::json;
use std::{
    fs,
    sync::{Arc, Mutex},
};

fn universal() -> Plugin {
    workspace_guest("universal")
}

#[tokio::test]
async fn a_login_is_put_together_from_handles() {
    let bench = Bench::new(&[universal()]).await;
    let call = call("universal", json!({}), &[("client-id", "abc\n"), ("client-secret", "s3cret-canary\n")], caller("a"));
    let proved = bench.runtime.authenticate(call).await.unwrap_or_else(|failure| panic!("{failure}"));
    let (path, fields) = posted(&proved);
    assert_eq!(path, "/v1/auth/universal-auth/login");
    assert_eq!(fields, json!({"clientId": "abc", "clientSecret": "s3cret-canary"}));
    assert_eq!(proved.digest, bench.runtime.plugins()["universal"].digest);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let bench = Bench::new(&[universal(), hostile()]).await;
    let login = |plugin, settings, inputs: &[(&str, &str)]| bench.runtime.authenticate(call(plugin, settings, inputs, caller("a")));
    let failure = login("universal", json!({}), &[("client-id", "abc")]).await.err().unwrap();
    assert!(matches!(&failure, Failure::Credentials(text) if text.contains("client-secret")), "{failure}");
    let failure = login("universal", json!({"regoin": 1}), &[("client-id", "a"), ("client-secret", "b")]).await.err().unwrap();
    assert!(matches!(&failure, Failure::Settings(_)), "{failure}");
    let failure = login("hostile", json!({"do": 4}), &[]).await.err().unwrap();
    assert!(matches!(&failure, Failure::Settings(found) if found[0].pointer == "/do"), "{failure}");
    let failure = login("hostile", json!({"do": "nothing-known"}), &[]).await.err().unwrap();
    assert!(matches!(&failure, Failure::Settings(_)), "{failure}");
    let failure = login("univresal", json!({}), &[]).await.err().unwrap();
    assert!(matches!(&failure, Failure::NotFound { available, .. } if available == "hostile, universal"), "{failure}");
}

#[tokio::test]
async fn nothing_is_left_of_one_call_for_the_next() {
    let bench = Bench::new(&[hostile()]).await;
    for _ in 0..3 {
        assert_eq!(posted(&bench.act("behave").await.ok().unwrap()).1, json!({"calls": "1"}));
    }
}

#[tokio::test]
async fn a_result_that_breaks_the_contract_is_refused() {
    let bench = Bench::new(&[hostile()]).await;
    for deed in ["bad-path", "twice-field", "host-field", "bad-header", "bad-encoding", "bad-placeholder", "large-result"] {
        let failure = bench.act_in(deed, deed).await.err().unwrap_or_else(|| panic!("{deed} succeeds"));
        assert!(matches!(failure, Failure::BadResult(_)), "{deed}: {failure:?}");
        assert!(!failure.to_string().contains(CANARY));
    }
}

#[tokio::test]
async fn texts_of_a_guest_are_cut_and_cleaned() {
    let bench = Bench::new(&[hostile()]).await;
    assert_eq!(bench.act("many-notices").await.ok().unwrap().notices.len(), 8);
    let failure = bench.fails("giant-error").await.to_string();
    assert!(failure.len() < 400 && !failure.contains(char::is_control), "{failure}");
}

#[tokio::test]
async fn what_is_not_granted_is_denied_and_reported_from_the_hosts_own_list() {
    let bench = Bench::new(&[hostile()]).await;
    for (deed, expected) in [
        ("mount", "mounts:elsewhere"),
        ("http", "http:http://elsewhere.invalid"),
        ("environment", "environment:PATH"),
        ("token", "service-account"),
        ("random", "random"),
    ] {
        match bench.fails(deed).await {
            Failure::NotGranted { plugin, capability, ambient: false } => {
                assert_eq!((plugin.as_str(), capability.as_str()), ("hostile", expected));
            }
            other => panic!("{deed}: {other:?}"),
        }
    }
    // One that goes on without what it was denied has done nothing wrong, and one that invents a denial is believed only as a
    // refusal of its own.
    assert!(bench.act("ignore-denial").await.is_ok());
    assert!(matches!(bench.fails("invent-denial").await, Failure::Denied(_)));
}

#[tokio::test]
async fn needs_without_grants_and_grants_that_were_withheld_are_denied() {
    let bench = Bench::new(&[Plugin { grants: vec![], ..hostile() }]).await;
    assert!(matches!(bench.fails("reveal").await, Failure::NotGranted { capability, .. } if capability == "reveal:input/canary"));
    let withheld = runtime::Grants::parse(["reveal:input/canary"]).unwrap();
    let bench = Bench::with(&[hostile()], |config| drop(config.withheld.insert("hostile".into(), withheld))).await;
    assert!(matches!(bench.fails("reveal").await, Failure::NotGranted { capability, .. } if capability == "reveal:input/canary"));
}

#[tokio::test]
async fn ambient_sources_are_withheld_from_calls_towards_untrusted_servers() {
    let jail = tempfile::tempdir().unwrap();
    let bench = Bench::with(&[hostile()], |config| drop(config.mounts.insert("jail".into(), jail.path().to_owned()))).await;
    let escape =
        |ambient| bench.runtime.authenticate(call("hostile", json!({"do": "escape-mount"}), &[], Caller { ambient, ..caller("a") }));
    let failure = escape(Ambient::Withheld).await.err().unwrap();
    assert!(matches!(&failure, Failure::NotGranted { capability, ambient: true, .. } if capability == "mounts:jail"), "{failure}");
    fs::write(jail.path().parent().unwrap().join("outside"), CANARY).unwrap();
    let failure = escape(Ambient::Granted).await.err().unwrap();
    assert!(matches!(&failure, Failure::Credentials(_)), "{failure}");
    assert!(!failure.to_string().contains(CANARY));
}

/// Makes tokens that name what was asked.
struct Tokens(Mutex<Vec<Vec<String>>>);

impl TokenSource for Tokens {
    fn token(&self, audiences: Vec<String>) -> TokenFuture<'_> {
        self.0.lock().unwrap().push(audiences);
        Box::pin(async { Ok(secret("a.service.account.token")) })
    }
}

/// Has none.
struct NoTokens(TokenFailure);

impl TokenSource for NoTokens {
    fn token(&self, _: Vec<String>) -> TokenFuture<'_> {
        Box::pin(async { Err(self.0.clone()) })
    }
}

fn kubernetes() -> Plugin {
    workspace_guest("kubernetes").grants(&["service-account", "mounts:service-account"])
}

fn with_account(source: impl TokenSource + 'static) -> AuthCall {
    let caller = Caller { service_account: Some(Arc::new(source)), ..caller("a") };
    call("kubernetes", json!({"source": "token-request"}), &[("identity-id", "abc")], caller)
}

#[tokio::test]
async fn a_token_of_the_service_account_is_placed_unseen() {
    let bench = Bench::new(&[kubernetes()]).await;
    let proved = bench.runtime.authenticate(with_account(Tokens(Mutex::default()))).await;
    let proved = proved.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(posted(&proved).1, json!({"identityId": "abc", "jwt": "a.service.account.token"}));
    let failure =
        bench.runtime.authenticate(with_account(NoTokens(TokenFailure::Credentials("no such account".into())))).await.err().unwrap();
    assert!(matches!(&failure, Failure::Credentials(text) if text.contains("no such account")), "{failure}");
    let failure = bench.runtime.authenticate(with_account(NoTokens(TokenFailure::Unavailable))).await.err().unwrap();
    assert!(matches!(&failure, Failure::Unavailable { after: None, text } if text.contains("API server")), "{failure}");
    let failure = bench.runtime.authenticate(with_account(NoTokens(TokenFailure::Denied("another namespace".into())))).await.err().unwrap();
    assert!(matches!(&failure, Failure::NotGranted { .. }), "{failure}");
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_held_off_where_it_fails() {
    let bench = Bench::new(&[hostile()]).await;
    for _ in 0..5 {
        assert!(matches!(bench.act_in("a", "trap").await, Err(Failure::Trapped(_))));
    }
    let failure = bench.act_in("a", "behave").await.err().unwrap();
    assert!(matches!(failure, Failure::HeldOff(_)) && failure.retry_after().is_some(), "{failure}");
    assert!(bench.act_in("b", "behave").await.is_ok());
}
