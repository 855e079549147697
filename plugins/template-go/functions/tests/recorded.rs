//! Calls whose results were recorded from Go: see `recorded/README.md`.
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use go_template_engine::{Context, Error, Host, Limits, MissingKey, Options, Template, Value};
use go_template_functions::{Dialect, functions};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recorded {
    call: String,
    infisical: Outcome,
    /// Where it is another one than Infisical's.
    external: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    output: Option<String>,
    base64: Option<String>,
    error: Option<String>,
}

/// None of the recorded calls needs it.
struct Nothing;

impl Host for Nothing {
    fn random(&mut self, _: &mut [u8]) -> Result<(), Error> {
        Err(Error::new("no randomness here"))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        Err(Error::new("no clock here"))
    }

    fn key(&mut self, _: &str) -> Result<Vec<u8>, Error> {
        Err(Error::new("no keys here"))
    }
}

/// The type, the text and the JSON of what the call gives.
fn call(dialect: Dialect, call: &str) -> Result<Vec<u8>, String> {
    call_on(dialect, call, &Value::Nil)
}

fn call_on(dialect: Dialect, call: &str, dot: &Value) -> Result<Vec<u8>, String> {
    let source = format!("{{{{ $r := {call} }}}}{{{{ printf \"%T\" $r }}}}|{{{{ $r }}}}|{{{{ toJson $r }}}}");
    let limits = Limits::default();
    let options = Options { functions: functions(dialect), delimiters: ("{{", "}}"), missing_key: MissingKey::Invalid };
    let template = Template::parse("out", &source, options, &limits).map_err(|problem| problem.message)?;
    let output = template.execute(&mut Context::new(&mut Nothing, &limits), dot).map_err(|problem| problem.message)?;
    Ok(output.text)
}

fn check(dialect: Dialect, recorded: &Recorded, expected: &Outcome) -> Option<String> {
    let found = call(dialect, &recorded.call);
    let fits = match (&found, expected) {
        (Ok(found), Outcome { output: Some(output), .. }) => found == output.as_bytes(),
        (Ok(found), Outcome { base64: Some(output), .. }) => STANDARD.encode(found) == *output,
        // Texts of errors leave out what may be a secret, so that only their being errors counts.
        (Err(_), Outcome { error: Some(_), .. }) => true,
        _ => false,
    };
    let expected = expected.output.as_ref().or(expected.base64.as_ref()).or(expected.error.as_ref());
    (!fits).then(|| {
        format!(
            "{dialect:?} {}\n  is    {:?}\n  in Go {expected:?}",
            recorded.call,
            found.map(|found| String::from_utf8_lossy(&found).into_owned())
        )
    })
}

#[test]
fn calls_give_what_go_gives() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("recorded/calls.jsonl").lines() {
        let recorded: Recorded = serde_json::from_str(line).unwrap();
        for dialect in [Dialect::InfisicalSecret, Dialect::StaticSecret] {
            wrong.extend(check(dialect, &recorded, &recorded.infisical));
        }
        wrong.extend(check(Dialect::ExternalSecret, &recorded, recorded.external.as_ref().unwrap_or(&recorded.infisical)));
        count += 1;
    }
    assert!(count > 1_500, "only {count} calls are recorded");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn errors_are_worded_as_in_go_where_nothing_is_left_out() {
    for (call_text, error) in [
        ("mustRegexMatch \"[z-a]\" \"\"", "error calling mustRegexMatch: error parsing regexp: invalid character class range: `z-a`"),
        (
            "regexFind \"a**\" \"\"",
            "error calling regexFind: regexp: Compile(`a**`): error parsing regexp: invalid nested repetition operator: `**`",
        ),
        ("mustFromJson \"[1 2]\"", "error calling mustFromJson: invalid character '2' after array element"),
        ("mustToDate \"2006\" \"x\"", "error calling mustToDate: parsing time \"x\" as \"2006\": cannot parse \"x\" as \"2006\""),
        (
            "urlParse \"http://a b/\"",
            "error calling urlParse: unable to parse url: parse \"http://a b/\": invalid character \" \" in host name",
        ),
        ("semverCompare \"bad\" \"1\"", "error calling semverCompare: improper constraint: bad"),
        ("div 1 0", "error calling div: runtime error: integer divide by zero"),
        ("first \"a\"", "error calling first: Cannot find first on type string"),
        ("dig \"a\" 1", "error calling dig: dig needs at least three arguments"),
        ("repeat -1 \"a\"", "error calling repeat: strings: negative Repeat count"),
        ("fail \"no host\"", "error calling fail: no host"),
    ] {
        assert_eq!(call(Dialect::StaticSecret, call_text).unwrap_err(), error);
    }
}

#[test]
fn what_an_error_quotes_is_left_out_where_it_may_be_a_secret() {
    let canary = Value::string("canary(://%zz");
    for template in [
        "mustToDate \"2006\" .",
        "mustToDate . \"x\"",
        "mustFromJson .",
        "urlParse .",
        "urlJoin (dict \"userinfo\" .)",
        "semver .",
        "semverCompare . \"1\"",
        "mustRegexMatch . \"\"",
        "regexFind . \"\"",
        "mustDateModify . (toDate \"2006\" \"2024\")",
        "fail .",
    ] {
        let error = call_on(Dialect::StaticSecret, template, &canary).unwrap_err();
        assert!(!error.contains("canary"), "{template}: {error}");
    }
}

#[test]
fn what_arguments_make_large_ends_in_an_error_that_names_the_limit() {
    for template in [
        "repeat 1000000000 \"abcdefgh\"",
        "until 1000000000",
        "untilStep 0 9223372036854775807 1",
        "seq 1000000000",
        "replace \"\" (repeat 1000000 \"x\") (repeat 1000 \"y\")",
        "wrapWith 1 (repeat 1000000 \"x\") (repeat 1000 \"y\")",
        "indent 1000000 (repeat 1000 \"\\n\")",
        "regexReplaceAll \"\" (repeat 1000 \"y\") (repeat 1000000 \"x\")",
    ] {
        let error = call(Dialect::StaticSecret, template).unwrap_err();
        assert!(error.contains("more than"), "{template}: {error}");
    }
    let error = call(Dialect::StaticSecret, "mustRegexMatch (repeat 20 \"(\\\\pL{900})\") \"a\"").unwrap_err();
    assert!(error.contains("expression too large (more than 8 MiB when compiled)"), "{error}");
}
