//! Files that are no plugins, or that want what no plugin may have. Each is refused by what is wrong with it, and nothing
//! of it runs or stays.
use crate::arena::{Arena, presentable, with_universal};
use hostile::{Plugin, call, caller, component::Hand, hostile, write_bundle};
use runtime::{Failure, Runtime};
use serde_json::json;
use std::fs;

/// Puts them beside the plugin that the neighbour calls; all must be refused with these words.
async fn refused(cases: &[(&str, Plugin)]) {
    let arena = Arena::new(&[]).await;
    let plugins: Vec<_> = cases.iter().map(|(_, plugin)| plugin.clone()).collect();
    arena
        .attack(async {
            write_bundle(arena.bench.bundle.path(), &with_universal(&plugins));
            arena.bench.until(|runtime| runtime.plugins().len() == plugins.len() + 1).await;
        })
        .await;
    for (said, plugin) in cases {
        let info = arena.bench.runtime.plugins()[&plugin.name].clone();
        assert!(info.descriptor.is_none(), "{} serves", plugin.name);
        let error = info.error.unwrap();
        assert!(error.contains(said), "{}: {error}", plugin.name);
        presentable(&error);
        let failure = arena.bench.runtime.authenticate(call(&plugin.name, json!({}), &[], caller("a"))).await.err().unwrap();
        assert!(matches!(failure, Failure::NotReady { .. } | Failure::NotFound { .. }), "{failure}");
    }
}

fn file(name: &str, wasm: Vec<u8>) -> Plugin {
    Plugin::new(name, "authenticator", wasm)
}

fn text(name: &str, text: &str) -> Plugin {
    file(name, wat::parse_str(text).unwrap())
}

fn policy(name: &str, change: impl FnOnce(Hand) -> Hand) -> Plugin {
    Plugin::new(name, "policy", change(Hand::plain("policy", name, "1.0.0")).build())
}

#[tokio::test]
async fn files_that_are_no_components() {
    let good = hostile().wasm;
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    refused(&[
        ("not WebAssembly", file("empty", vec![])),
        ("not WebAssembly", file("wat", b"(component)".to_vec())),
        ("not WebAssembly", file("machine-code", machine_code())),
        ("not WebAssembly", file("magic", flipped(1))),
        ("does not compile", file("version", flipped(4))),
        ("does not compile", file("header-only", good[..8].iter().copied().chain([1]).collect())),
        ("does not compile", file("truncated", good[..good.len() / 2].to_vec())),
        ("does not compile", file("trailing", good.iter().copied().chain(*b"trailing").collect())),
        ("core module", text("core", "(module)")),
    ])
    .await;
}

/// What the host itself would load, were it in its cache.
fn machine_code() -> Vec<u8> {
    let (bundle, shipped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_bundle(bundle.path(), &[policy("code", |hand| hand)]);
    Runtime::ship(bundle.path(), shipped.path()).unwrap();
    let files = fs::read_dir(shipped.path()).unwrap().map(|entry| entry.unwrap().path());
    let code = files.filter(|path| !path.ends_with("manifest.json")).map(|path| fs::read(path).unwrap()).next().unwrap();
    assert!(code.len() > 1000);
    code
}

/// A bit may fall where it does no harm; then it serves, else it is refused. In no case is anybody else harmed.
#[tokio::test]
async fn files_with_flipped_bits() {
    let arena = Arena::new(&[]).await;
    let good = policy("flipped", |hand| hand);
    for step in 0..24 {
        let mut bad = good.clone();
        let at = 8 + (bad.wasm.len() - 8) * step / 24;
        bad.wasm[at] ^= 1 << (step % 8);
        arena
            .attack(async {
                write_bundle(arena.bench.bundle.path(), &with_universal(&[bad.clone()]));
                arena.bench.runtime.refresh().await.unwrap();
            })
            .await;
        let info = arena.bench.runtime.plugins()["flipped"].clone();
        assert_eq!(info.digest, bad.entry()["digest"]);
        presentable(&info.error.unwrap_or_default());
        write_bundle(arena.bench.bundle.path(), &with_universal(&[]));
        arena.bench.runtime.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn components_of_another_world_or_with_other_imports() {
    let import = |name: &str, import: &str| text(name, &format!(r#"(component (import "{import}" (instance)))"#));
    refused(&[
        ("not of world authenticator", text("no-world", "(component)")),
        ("but of policy", Plugin { world: "authenticator", ..policy("world", |hand| hand) }),
        ("imports \"wasi:filesystem/types@0.2.0\"", import("wasi", "wasi:filesystem/types@0.2.0")),
        ("imports \"wasi:sockets/tcp@0.2.6\"", import("sockets", "wasi:sockets/tcp@0.2.6")),
        ("imports \"infisical:plugin/admin@0.1.0\"", import("admin", "infisical:plugin/admin@0.1.0")),
        ("imports \"infisical:plugin/log@0.1.7\"", import("patch", "infisical:plugin/log@0.1.7")),
        ("imports \"infisical:plugin/log\"", import("no-version", "infisical:plugin/log")),
        ("imports \"evil:plugin/log@0.1.0\"", import("package", "evil:plugin/log@0.1.0")),
        ("imports \"exec\"", text("function", r#"(component (import "exec" (func (param "command" string))))"#)),
        (
            "imports \"by:foreign/log\"",
            policy("steal", |hand| {
                hand.importing(
                    "package by:foreign; interface log { steal: func(); }",
                    "by:foreign/log",
                    r#"(import "by:foreign/log" "steal" (func $steal))"#,
                )
                .body("(call $steal)")
            }),
        ),
    ])
    .await;
}

#[tokio::test]
async fn memories_and_tables_that_are_too_large_or_too_many() {
    refused(&[
        ("memory", policy("four-gigabytes", |hand| hand.memory("65536"))),
        ("memory", policy("over-the-limit", |hand| hand.memory("1000"))),
        ("memor", policy("many-memories", |hand| hand.extra(&"(memory 1)".repeat(99)))),
        ("table", policy("large-table", |hand| hand.extra("(table 10000000 funcref)"))),
        ("table", policy("many-tables", |hand| hand.extra(&"(table 1 funcref)".repeat(99)))),
        ("memory64", text("memory64", "(component (core module (memory i64 1)))")),
        ("threads", text("shared", "(component (core module (memory 1 1 shared)))")),
        ("not of world", file("nested", nested(5000))),
    ])
    .await;
}

/// Components within components.
fn nested(depth: usize) -> Vec<u8> {
    const HEADER: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const COMPONENT: u8 = 4;
    (0..depth).fold(HEADER.to_vec(), |inner, _| {
        let mut outer = [HEADER.as_slice(), &[COMPONENT]].concat();
        // The length, seven bits to a byte.
        let mut left = inner.len();
        while left > 0x7f {
            outer.push((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        outer.push(left as u8);
        outer.extend(inner);
        outer
    })
}

#[tokio::test]
async fn descriptors_that_lie_or_are_none() {
    let described = |name: &str, descriptor: serde_json::Value| policy(name, |hand| hand.described_as(descriptor.to_string().as_bytes()));
    let with = |name: &str, member: &str, value: serde_json::Value| {
        let mut descriptor = json!({"name": name, "version": "1.0.0", "summary": ""});
        descriptor[member] = value;
        described(name, descriptor)
    };
    let mut definitions = serde_json::Map::new();
    for number in 0..40 {
        let next = json!({"$ref": format!("#/$defs/{}", number + 1)});
        definitions.insert(number.to_string(), json!({"allOf": [next, next]}));
    }
    definitions.insert("40".into(), json!({}));
    refused(&[
        ("calls itself \"universal\"", policy("other-name", |_| Hand::plain("policy", "universal", "1.0.0"))),
        ("calls itself version 2.0.0", policy("other-version", |_| Hand::plain("policy", "other-version", "2.0.0"))),
        ("bytes", with("oversized", "extra", "x".repeat(80 << 10).into())),
        ("bytes in one transfer", policy("giant", |hand| hand.memory("480").described_as(&vec![b' '; 8 << 20]))),
        ("not JSON", policy("no-json", |hand| hand.described_as(b"{\"name\": \"no-json\""))),
        ("not JSON", policy("deep", |hand| hand.described_as("[".repeat(10_000).as_bytes()))),
        ("describe itself", policy("no-text", |hand| hand.described_as(b"\xff\xfe"))),
        ("descriptor is wrong", described("no-object", json!([]))),
        ("is not a capability", with("need", "needs", json!([{"capability": "files:/etc", "reason": ""}]))),
        ("needs signing, which is not granted", with("wish", "needs", json!([{"capability": "signing", "reason": ""}]))),
        ("values, at most", with("exponential", "settings", json!({"$ref": "#/$defs/0", "$defs": definitions}))),
        ("circle", with("circle", "settings", json!({"$ref": "#"}))),
        ("JSON Schema", with("pattern", "settings", json!({"type": "object", "patternProperties": {"^(((a{99}){99}){99}){99}$": true}}))),
        ("JSON Schema", with("elsewhere", "settings", json!({"$ref": "file:///etc/passwd"}))),
    ])
    .await;
}
