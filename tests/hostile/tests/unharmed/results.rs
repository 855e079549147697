//! Plugins that answer what is no answer.
use crate::arena::{Arena, Attack, fails};
use hostile::{CANARY, Plugin, caller, component::Hand, hostile, secret};
use runtime::{Entry, EvaluateCall, Failure, GenerateCall, RenderCall, SourceSecret};
use serde_json::json;
use std::sync::Arc;

/// Bytes of a `rendered` and of an `output`.
const RENDERED: usize = 32;
const OUTPUT: usize = 24;

#[tokio::test]
async fn logins_that_break_the_contract() {
    let arena = Arena::new(&[hostile()]).await;
    arena
        .each(&[
            Attack::new("bad-path", "BadResult", "path"),
            Attack::new("twice-field", "BadResult", "twice"),
            Attack::new("host-field", "BadResult", "organizationSlug"),
            Attack::new("bad-header", "BadResult", "x-identity-"),
            Attack::new("bad-encoding", "BadResult", "encoding"),
            Attack::new("bad-placeholder", "BadResult", "placeholder"),
            Attack::new("large-result", "BadResult", "more than 64 KiB"),
            Attack::new("giant-result", "Budget", "bytes in one transfer"),
            Attack::new("many-fields", "Budget", "bytes in one transfer"),
            Attack::new("giant-error", "Internal", "too long to be shown"),
            Attack::new("leak-in-unavailable", "Unavailable", "no answer to ***"),
        ])
        .await;
    let proved = arena.attack(arena.bench.act("many-notices")).await.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(proved.notices.len(), 8);
}

#[tokio::test]
async fn renderings_that_break_the_contract() {
    let hand = |name: &str| Hand::plain("template", name, "1.0.0");
    let error = |name: &str, text: &[u8]| hand(name).word(0, 1).word(4, 5).text(8, text);
    let cases = [
        ("twice", hand("twice").pairs(4, RENDERED, &[("a", "1"), ("a", "2")]), "twice"),
        ("unasked", hand("unasked").pairs(4, RENDERED, &[("b", "1")]), "nobody asked for"),
        ("escape", hand("escape").pairs(4, RENDERED, &[("../../x", "1")]), "nobody asked for"),
        ("empty", hand("empty").pairs(4, RENDERED, &[("", "1")]), "empty"),
        ("control", hand("control").pairs(4, RENDERED, &[("a\nb", "1")]), "control characters"),
        ("no-text", error("no-text", b"\xff\xfe"), "utf-8"),
        ("no-memory", hand("no-memory").word(4, u32::MAX - 8).word(8, 1), ""),
        ("giant-list", hand("giant-list").word(4, 8192).word(8, u32::MAX / 8), ""),
        ("no-case", hand("no-case").word(0, 7), ""),
    ];
    let plugins: Vec<_> = cases.iter().map(|(name, hand, _)| Plugin::new(name, "template", hand.clone().build())).collect();
    let arena = Arena::new(&plugins).await;
    for (name, _, said) in cases {
        let failure = arena.attack(render(&arena, name)).await.err().unwrap_or_else(|| panic!("{name} succeeds"));
        fails(name, &failure, "BadResult", said);
    }
}

async fn render(arena: &Arena, plugin: &str) -> Result<(), Failure> {
    let source =
        SourceSecret { key: "A".into(), value: Arc::new(secret(CANARY)), path: "/".into(), comment: String::new().into(), tags: vec![] };
    let call = RenderCall {
        plugin: plugin.into(),
        dot: "infisical-secret",
        options: json!({}),
        entries: vec![Entry { key: "a".into(), source: "{{ .A }}".into() }],
        secrets: Arc::new(vec![source]),
        imports: Arc::default(),
        caller: caller("attacker"),
    };
    arena.bench.runtime.render(call).await.map(drop)
}

#[tokio::test]
async fn values_and_verdicts_that_break_the_contract() {
    let twice = Hand::plain("generator", "twice", "1.0.0").pairs(4, OUTPUT, &[("a", "1"), ("a", "2")]);
    let undecided = Hand::plain("policy", "undecided", "1.0.0").word(4, 9);
    let arena =
        Arena::new(&[Plugin::new("twice", "generator", twice.build()), Plugin::new("undecided", "policy", undecided.build())]).await;
    let call = GenerateCall { plugin: "twice".into(), settings: json!({}), caller: caller("attacker") };
    let failure = arena.attack(arena.bench.runtime.generate(call)).await.err().unwrap();
    fails("twice", &failure, "BadResult", "twice");
    let call = EvaluateCall {
        plugin: "undecided".into(),
        settings: json!({}),
        stage: "before-login",
        subject: json!({}),
        caller: caller("attacker"),
    };
    let failure = arena.attack(arena.bench.runtime.evaluate(call)).await.err().unwrap();
    fails("undecided", &failure, "BadResult", "");
}
