//! New versions that must not come to serve: the version before serves on while they are tried, and after.
use crate::arena::{Arena, presentable, with_universal};
use hostile::{Plugin, caller, component::Hand, write_bundle};
use runtime::{CompileLimits, EvaluateCall};
use serde_json::json;
use std::time::Duration;

fn hand(version: &str) -> Hand {
    Hand::plain("policy", "by-hand", version)
}

fn plugin(version: &'static str, wasm: Vec<u8>) -> Plugin {
    Plugin { version, ..Plugin::new("by-hand", "policy", wasm) }
}

/// The neighbour calls, and so do users of the version before.
async fn refused(arena: &Arena, bad: Plugin) -> String {
    let runtime = &arena.bench.runtime;
    let serves = async || {
        let (settings, subject) = (json!({}), json!({}));
        let call = EvaluateCall { plugin: "by-hand".into(), settings, stage: "before-login", subject, caller: caller("a") };
        runtime.evaluate(call).await.unwrap_or_else(|failure| panic!("the version before does not serve: {failure}"))
    };
    arena
        .attack(async {
            write_bundle(arena.bench.bundle.path(), &with_universal(&[bad]));
            let tried = arena.bench.until(|runtime| runtime.plugins()["by-hand"].error.is_some());
            tokio::pin!(tried);
            while tokio::time::timeout(Duration::from_millis(1), &mut tried).await.is_err() {
                serves().await;
            }
            serves().await;
        })
        .await;
    assert_eq!(runtime.plugins()["by-hand"].descriptor.as_ref().unwrap().version, "1.0.0");
    let error = arena.bench.error("by-hand");
    presentable(&error);
    // The good one again, so that the next bad one is a change.
    write_bundle(arena.bench.bundle.path(), &with_universal(&[plugin("1.0.0", hand("1.0.0").build())]));
    arena.bench.until(|runtime| runtime.plugins()["by-hand"].error.is_none()).await;
    error
}

#[tokio::test]
async fn compile_bombs_end_by_a_limit_of_the_child() {
    let functions = |count: usize| "(func (result i32) (i32.add (i32.const 1) (i32.const 2)))".repeat(count);
    let many = plugin("2.0.0", hand("2.0.0").extra(&functions(50_000)).build());
    for (limits, said) in [
        (CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() }, "took longer than 1s"),
        (CompileLimits { wall: Duration::from_millis(100), ..CompileLimits::default() }, "took longer than 100ms"),
        (CompileLimits { memory: 64 << 20, ..CompileLimits::default() }, "bytes of memory"),
        // More than the neighbour's plugin has.
        (CompileLimits { component: 300_000, ..CompileLimits::default() }, "more than 300000 bytes"),
    ] {
        // Compiled with room before, so that both good ones come from the cache.
        let good = plugin("1.0.0", hand("1.0.0").build());
        drop(Arena::new(std::slice::from_ref(&good)).await);
        let arena = Arena::with(&[good], |config| config.compile_limits = limits).await;
        let error = refused(&arena, many.clone()).await;
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn code_that_is_hard_to_compile_ends_in_an_error() {
    let depth = 60_000;
    let nested = format!("{} {}", "block ".repeat(depth), "end ".repeat(depth));
    let giant = format!("(func $giant (local i32) {})", "(local.set 0 (i32.add (local.get 0) (i32.const 1)))".repeat(300_000));
    let arena = Arena::with(&[plugin("1.0.0", hand("1.0.0").build())], |config| {
        config.compile_limits = CompileLimits { cpu: Duration::from_secs(2), ..CompileLimits::default() };
    })
    .await;
    // Whether the first two are compiled in time depends on the machine, so what they are refused for is that they end in a trap.
    let start = "(func $start unreachable) (start $start)";
    for extra in [format!("(func $nested {nested})"), giant] {
        let bad = plugin("2.0.0", hand("2.0.0").extra(&format!("{extra} {start}")).build());
        let error = refused(&arena, bad).await;
        assert!(["compil", "can't describe itself"].iter().any(|said| error.contains(said)), "{error}");
    }
}

#[tokio::test]
async fn versions_that_hang_trap_or_lie() {
    let arena = Arena::new(&[plugin("1.0.0", hand("1.0.0").build())]).await;
    for (bad, said) in [
        (hand("2.0.0").extra("(func $start (loop (br 0))) (start $start)"), "CPU time"),
        (hand("2.0.0").describing("(loop (br 0))"), "CPU time"),
        (hand("2.0.0").describing("unreachable"), "trapped"),
        (hand("9.9.9"), "calls itself version 9.9.9"),
        (Hand::plain("policy", "universal", "2.0.0"), "calls itself \"universal\""),
    ] {
        let error = refused(&arena, plugin("2.0.0", bad.build())).await;
        assert!(error.contains(said), "{said}: {error}");
    }
}
