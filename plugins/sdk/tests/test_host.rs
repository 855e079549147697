//! The test host does what the operator does: places credentials, checks results, grants and denies.
#![forbid(unsafe_code)]
use plugin_sdk::{
    Descriptor, Encoding, Error, Input, Need, NoSettings, Plugin, Violation,
    authenticator::{self, Authenticator, Exchange, Field, JsonField, Proved},
    clock, environment,
    generator::{self, Generated, Generator, Output},
    http, mounts,
    policy::{self, Decision, Policy, Verdict},
    random,
    signing::{Algorithm, Signer},
    template::{self, Rendered, Rendering, Template},
    testing::{Failure, Host},
    volatile,
};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// A login that uses every import.
struct Everything;

#[derive(Deserialize)]
struct Settings {
    region: String,
}

impl Plugin for Everything {
    type Settings = Settings;

    fn descriptor() -> Descriptor {
        Descriptor::new("everything", "1.2.3", "Uses every import.")
            .settings(json!({"type": "object", "properties": {"region": {"type": "string"}}, "required": ["region"]}))
            .input(Input::required("secret", "A secret."))
            .input(Input::optional("user", "A user.").not_sensitive())
            .need(Need::required("clock", "To date."))
            .need(Need::required("signing", "To sign."))
            .need(Need::required("mounts:keys", "To read the key."))
            .need(Need::required("reveal:mounts/keys#/email", "To name the account."))
            .need(Need::optional("environment:AWS_*", "To find the region."))
            .need(Need::optional("http:https://sts.example.com", "To ask."))
    }

    fn check(settings: &Settings) -> Vec<Violation> {
        let wrong = settings.region.contains(' ');
        wrong.then(|| Violation::new("/region", "has a blank")).into_iter().collect()
    }
}

impl Authenticator for Everything {
    fn authenticate(request: authenticator::Request<Settings>) -> Result<Proved, Error> {
        let file = mounts::open("keys", "key.json")?;
        let email = file.select("/email")?.reveal_text()?;
        let key = file.select("/key")?;
        let date = clock::now()?.as_secs();
        let signature = Signer::new(&key, Algorithm::HmacSha256).key_suffix("&").sign(format!("{email} {date}").as_bytes())?;
        let secret = request.credential("secret")?;
        let body = http::Content::text("a=").credential(&secret, Encoding::Form).then("&b=1");
        let response = http::Request::new("POST", "https://sts.example.com/token")
            .header("Authorization", http::Content::basic("user", &secret))
            .body(body)
            .send()?;
        let document = json!({"region": request.settings.region, "deep": [{"$credential": "secret", "encoding": "base64"}]});
        let json = JsonField { document, credentials: vec![("secret".into(), secret)], encoding: Encoding::Raw };
        let exchange = Exchange::to("everything-auth")
            .text("email", email)
            .text("signature", String::from_utf8_lossy(&signature))
            .text("status", response.status.to_string())
            .text("variable", environment::get("AWS_REGION")?.unwrap_or_default())
            .text("user", request.text("user").unwrap_or("none"))
            .field("json", Field::Json(json))
            .header("x-identity-date", Field::Text(date.to_string()));
        Ok(Proved::from(exchange).notice("used everything"))
    }
}

plugin_sdk::export_authenticator!(Everything);

fn host() -> Host {
    Host::new()
        .now(Duration::from_secs(1000))
        .input("secret", "p&q\n")
        .file("keys", "key.json", r#"{"email": "me@example.com", "key": "k"}"#)
        .variable("AWS_REGION", "eu")
        .signer(|signed| {
            assert_eq!((signed.key, signed.algorithm), (b"k".as_slice(), "hmac-sha256"));
            assert_eq!(signed.extensions, [("key-suffix".to_owned(), "&".to_owned())]);
            Ok([b"signed ", signed.data].concat())
        })
        .http(|sent| {
            assert_eq!(sent.headers, [("authorization".to_owned(), b"Basic dXNlcjpwJnEK".to_vec())]);
            assert_eq!(sent.body, b"a=p%26q%0A&b=1");
            Ok(http::Response { status: 201, headers: vec![], body: vec![] })
        })
}

const SETTINGS: &str = r#"{"region": "north"}"#;

#[test]
fn puts_a_login_together() {
    let posted = host().input("user", " me ").authenticate::<Everything>(SETTINGS).unwrap().posted().unwrap();
    assert_eq!(posted.path, "/v1/auth/everything-auth/login");
    assert_eq!(
        posted.body,
        json!({
            "email": "me@example.com", "signature": "signed me@example.com 1000", "status": "201", "variable": "eu", "user": "me",
            "json": {"region": "north", "deep": ["cCZxCg=="]}
        })
    );
    assert_eq!(posted.headers, [("x-identity-date".to_owned(), "1000".to_owned())]);
    assert_eq!(posted.notices, ["used everything"]);
}

#[test]
fn what_is_withheld_is_denied_by_name() {
    for capability in ["clock", "signing", "mounts:keys", "reveal:mounts/keys#/email", "http:https://sts.example.com"] {
        let failure = host().withhold(capability).authenticate::<Everything>(SETTINGS).err();
        assert_eq!(failure, Some(Failure::Denied(vec![capability.into()])));
    }
    let failure = host().withhold("environment:AWS_*").authenticate::<Everything>(SETTINGS).err();
    assert_eq!(failure, Some(Failure::Denied(vec!["environment:AWS_REGION".into()])));
}

#[test]
fn settings_are_checked_by_schema_and_by_the_plugin() {
    let pointer = |settings: &str| match host().authenticate::<Everything>(settings).err() {
        Some(Failure::Settings(violations) | Failure::Plugin(Error::Settings(violations))) => violations[0].pointer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pointer("{}"), "");
    assert_eq!(pointer(r#"{"region": 5}"#), "/region");
    assert_eq!(pointer(r#"{"region": "a b"}"#), "/region");
}

#[test]
fn outside_of_a_call_everything_is_denied() {
    assert!(matches!(clock::now(), Err(Error::Denied(_))));
    assert!(matches!(random::fill(&mut [0]), Err(Error::Denied(_))));
}

/// Makes two rows of random bytes.
struct Dice;

impl Plugin for Dice {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("dice", "1.0.0", "Rolls.").need(Need::required("random", "To roll."))
    }
}

fn roll() -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; 16];
    random::fill(&mut bytes)?;
    Ok(bytes)
}

impl Generator for Dice {
    fn generate(_: generator::Request<NoSettings>) -> Result<Generated, Error> {
        let output = |key: &str| Ok(Output { key: key.into(), value: roll()? });
        Ok(Generated { outputs: vec![output("one")?, output("two")?], notices: vec![] })
    }
}

impl Template for Dice {
    fn render(request: template::Request) -> Result<Rendering, Error> {
        let render = |entry: template::Entry| {
            let (value, volatile) = volatile::watch(|| if entry.source == "roll" { roll() } else { Ok(vec![]) });
            Ok(Rendered { key: entry.key, value: value?, volatile, missing: 0 })
        };
        Ok(Rendering { entries: request.entries.into_iter().map(render).collect::<Result<_, Error>>()?, notices: vec![] })
    }
}

plugin_sdk::export_generator!(Dice);
plugin_sdk::export_template!(Dice);

#[test]
fn random_numbers_come_from_one_stream_that_the_host_seeds() {
    let roll = |seed: u8| {
        let generated = Host::new().seed([seed; 32]).generate::<Dice>("{}").unwrap_or_else(|failure| panic!("{failure:?}"));
        generated.outputs.into_iter().map(|output| output.value).collect::<Vec<_>>()
    };
    let first = roll(1);
    assert_ne!(first[0], first[1]);
    assert_eq!(first, roll(1));
    assert_ne!(first, roll(2));
    let failure = Host::new().withhold("random").generate::<Dice>("{}").err();
    assert_eq!(failure, Some(Failure::Denied(vec!["random".into()])));
}

#[test]
fn only_what_used_random_numbers_is_volatile() {
    let entries = [("a", "plain"), ("b", "roll"), ("c", "plain")];
    let Ok(rendering) = Host::new().render::<Dice>("infisical-secret", "{}", &entries, vec![]) else { panic!() };
    assert_eq!(rendering.entries.iter().map(|entry| entry.volatile).collect::<Vec<_>>(), [false, true, false]);
    let twice = Host::new().render::<Dice>("infisical-secret", "{}", &[("a", ""), ("a", "")], vec![]);
    assert!(matches!(twice, Err(Failure::BadResult(_))));
}

/// Refuses one namespace.
struct Fence;

impl Plugin for Fence {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("fence", "1.0.0", "Fences.")
    }
}

impl Policy for Fence {
    fn evaluate(request: policy::Request<NoSettings>) -> Result<Verdict, Error> {
        let inside = request.stage != "before-login" || request.subject.get("namespace") == Some(&"inside".into());
        Ok(if inside { Verdict::allow() } else { Verdict::deny("outside of the fence") })
    }
}

plugin_sdk::export_policy!(Fence);

#[test]
fn a_policy_decides_on_a_subject() {
    let decide = |stage: &str, namespace: &str| Host::new().evaluate::<Fence>("{}", stage, json!({"namespace": namespace})).unwrap();
    assert_eq!(decide("before-login", "inside").decision, Decision::Allow);
    assert_eq!(decide("before-login", "elsewhere").texts, ["outside of the fence"]);
    assert_eq!(decide("another", "elsewhere").decision, Decision::Allow);
}

/// Says things that no descriptor may say.
struct Nameless;

impl Plugin for Nameless {
    type Settings = NoSettings;

    fn descriptor() -> Descriptor {
        Descriptor::new("No Name", "one", "")
    }
}

#[test]
fn a_descriptor_is_checked() {
    assert!(Host::describe::<Everything>().is_ok());
    assert!(matches!(Host::describe::<Nameless>(), Err(Failure::BadResult(_))));
}
