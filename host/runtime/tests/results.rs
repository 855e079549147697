//! What templates, generators and policies answer, and what of it is refused. Components by hand, since no SDK would let them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test ends so")]
use hostile::{Bench, CANARY, Plugin, caller, component::Hand, secret};
use runtime::{Decision, Entry, EvaluateCall, Failure, GenerateCall, Generated, Limits, RenderCall, Rendering, SourceSecret, Verdict};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::sync::Arc;

/// A `rendered` and an `output` in bytes.
const RENDERED: usize = 32;
const OUTPUT: usize = 24;

async fn render(answer: Hand, options: Value, keys: &[&str]) -> Result<Rendering, Failure> {
    let bench = Bench::new(&[Plugin::new("by-hand", "template", answer.build())]).await;
    assert_eq!(bench.runtime.plugins()["by-hand"].error, None);
    let source = SourceSecret {
        key: "A".into(),
        value: Arc::new(secret(CANARY)),
        path: "/".into(),
        comment: String::new().into(),
        tags: vec!["tag".into()],
    };
    let call = RenderCall {
        plugin: "by-hand".into(),
        dot: "infisical-secret",
        options,
        entries: keys.iter().map(|key| Entry { key: (*key).into(), source: "{{ .A }}".into() }).collect(),
        secrets: Arc::new(vec![source]),
        imports: Arc::default(),
        caller: caller("a"),
    };
    bench.runtime.render(call).await
}

fn template(pairs: &[(&str, &str)]) -> Hand {
    Hand::plain("template", "by-hand", "1.0.0").pairs(4, RENDERED, pairs)
}

#[tokio::test]
async fn a_rendering_has_the_keys_that_were_asked_for() {
    let rendering = render(template(&[("a", "1"), ("b", "2")]), json!({}), &["a", "b"]).await.unwrap_or_else(|failure| panic!("{failure}"));
    let values: Vec<_> = rendering.entries.iter().map(|entry| (entry.key.as_str(), entry.value.expose_secret())).collect();
    assert_eq!(values, [("a", b"1".as_slice()), ("b", b"2".as_slice())]);
    let bad = |result: Result<Rendering, Failure>| matches!(result, Err(Failure::BadResult(_)));
    assert!(bad(render(template(&[("a", "1"), ("c", "2")]), json!({}), &["a", "b"]).await));
    assert!(bad(render(template(&[("a", "1"), ("a", "2")]), json!({}), &["a", "b"]).await));
    assert!(bad(render(template(&[("", "1")]), json!({"bulk": true}), &["a"]).await));
    assert!(render(template(&[("c", "1")]), json!({"bulk": true}), &["a"]).await.is_ok());
    assert!(render(template(&[("c", "1")]), json!({"scope": "keys-and-values"}), &["a"]).await.is_ok());
    assert!(bad(render(template(&[("c", "1")]), json!({"scope": "values", "bulk": "true"}), &["a"]).await));
}

#[tokio::test]
async fn an_error_of_a_template_quotes_no_secret() {
    // result: error (1), its case internal (5), its text.
    let text = format!("can't parse {CANARY}\nat line 2");
    let answer = Hand::plain("template", "by-hand", "1.0.0").word(0, 1).word(4, 5).text(8, text.as_bytes());
    let failure = render(answer, json!({}), &["a"]).await.err().unwrap();
    assert!(matches!(&failure, Failure::Internal(text) if text == "can't parse *** at line 2"), "{failure:?}");
}

#[tokio::test]
async fn a_string_that_is_none_is_a_bad_result() {
    let answer = Hand::plain("template", "by-hand", "1.0.0").word(0, 1).word(4, 5).text(8, b"\xff\xfe");
    assert!(matches!(render(answer, json!({}), &["a"]).await, Err(Failure::BadResult(_))));
    let outside = Hand::plain("template", "by-hand", "1.0.0").word(0, 1).word(4, 5).word(8, u32::MAX - 8).word(12, 4);
    assert!(matches!(render(outside, json!({}), &["a"]).await, Err(Failure::BadResult(_) | Failure::Trapped(_))));
    let case = Hand::plain("template", "by-hand", "1.0.0").word(0, 7);
    assert!(matches!(render(case, json!({}), &["a"]).await, Err(Failure::BadResult(_) | Failure::Trapped(_))));
}

async fn generate(answer: Hand, limits: Limits) -> Result<Generated, Failure> {
    let bench = Bench::limited(&[Plugin::new("by-hand", "generator", answer.build())], limits).await;
    bench.runtime.generate(GenerateCall { plugin: "by-hand".into(), settings: json!({}), caller: caller("a") }).await
}

#[tokio::test]
async fn generated_values_are_unique_and_bounded() {
    let answer = |pairs: &[(&str, &str)]| Hand::plain("generator", "by-hand", "1.0.0").pairs(4, OUTPUT, pairs);
    let generated = generate(answer(&[("password", "x")]), Limits::default()).await.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(generated.outputs.len(), 1);
    assert!(matches!(generate(answer(&[("a", "1"), ("a", "2")]), Limits::default()).await, Err(Failure::BadResult(_))));
    let small = Limits { result: 10, ..Limits::default() };
    assert!(generate(answer(&[("12345", "12345")]), small.clone()).await.is_ok());
    assert!(matches!(generate(answer(&[("12345", "123456")]), small).await, Err(Failure::BadResult(_))));
}

async fn evaluate(answer: Hand) -> Result<Verdict, Failure> {
    let bench = Bench::new(&[Plugin::new("by-hand", "policy", answer.build())]).await;
    let call = EvaluateCall {
        plugin: "by-hand".into(),
        settings: Value::Null,
        stage: "before-login",
        subject: json!({"kind": "InfisicalSecret"}),
        caller: caller("a"),
    };
    bench.runtime.evaluate(call).await
}

#[tokio::test]
async fn a_policy_decides_and_its_failure_is_one() {
    let answer = || Hand::plain("policy", "by-hand", "1.0.0");
    assert_eq!(evaluate(answer()).await.ok().unwrap(), Verdict { decision: Decision::Allow, texts: vec![] });
    assert_eq!(evaluate(answer().word(4, 2)).await.ok().unwrap().decision, Decision::Deny);
    assert!(matches!(evaluate(answer().body("unreachable")).await, Err(Failure::Trapped(_))));
}

#[tokio::test]
async fn all_memory_counts_however_it_is_taken() {
    let grow = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    assert!(matches!(evaluate(Hand::plain("policy", "by-hand", "1.0.0").body(grow)).await, Err(Failure::OutOfMemory(_))));
    let table = "(drop (table.grow $t (ref.null func) (i32.const 30000))) unreachable";
    let answer = Hand::plain("policy", "by-hand", "1.0.0").extra("(table $t 1 funcref)").body(table);
    assert!(matches!(evaluate(answer).await, Err(Failure::Budget("table elements"))));
}
