//! Plugins that use up CPU, memory or stack, or end in a trap.
use crate::arena::{Arena, Attack, fails};
use hostile::{Plugin, caller, component::Hand, hostile};
use runtime::{EvaluateCall, Failure};
use serde_json::json;

#[tokio::test]
async fn loops_in_calls() {
    let arena = Arena::new(&[hostile()]).await;
    arena.each(&[Attack::new("loop", "TimedOut", "CPU time"), Attack::new("loop-in-check", "TimedOut", "CPU time")]).await;
}

#[tokio::test]
async fn memory_without_end() {
    let arena = Arena::new(&[hostile()]).await;
    arena
        .each(&[
            Attack::new("allocate", "OutOfMemory", "more memory than its limit of 33554432 bytes"),
            Attack::new("allocate-politely", "Internal", "no memory"),
        ])
        .await;
}

#[tokio::test]
async fn recursion_and_traps() {
    let arena = Arena::new(&[hostile()]).await;
    arena
        .each(&[
            Attack::new("recurse", "Trapped", "recursion too deep"),
            Attack::new("recurse-large", "Trapped", "recursion too deep"),
            Attack::new("trap", "Trapped", "lib.rs:"),
            Attack::new("trap-in-check", "Trapped", "lib.rs:"),
        ])
        .await;
}

/// What no compiler would make: in the functions that the host calls on the way to a call and from it.
#[tokio::test]
async fn loops_in_what_surrounds_a_call() {
    const FOREVER: &str = "(loop (br 0))";
    let hand = |name: &str| Hand::plain("policy", name, "1.0.0");
    let copies = "(loop (memory.fill (i32.const 1048576) (i32.const 1) (i32.const 29360128)) (br 0))";
    let growth = "(loop (drop (memory.grow (i32.const 1))) (br 0))";
    let cases = [
        ("evaluate", hand("evaluate").body(FOREVER), "TimedOut", "CPU time"),
        ("check", hand("check").checking(FOREVER), "TimedOut", "CPU time"),
        ("realloc", hand("realloc").reallocating(FOREVER), "TimedOut", "CPU time"),
        ("realloc-trap", hand("realloc-trap").reallocating("unreachable"), "Trapped", "unreachable"),
        ("realloc-astray", hand("realloc-astray").reallocating("(return (i32.const -16))"), "BadResult", ""),
        ("copies", hand("copies").memory("480").body(copies), "TimedOut", "CPU time"),
        ("growth", hand("growth").body(growth), "TimedOut", "CPU time"),
        ("division", hand("division").body("(drop (i32.div_u (i32.const 1) (i32.const 0)))"), "Trapped", "divide by zero"),
        ("outside", hand("outside").body("(drop (i32.load (i32.const -4)))"), "Trapped", "out of bounds"),
    ];
    let plugins: Vec<_> = cases.iter().map(|(name, hand, ..)| Plugin::new(name, "policy", hand.clone().build())).collect();
    let arena = Arena::new(&plugins).await;
    for (name, _, reason, said) in cases {
        assert_eq!(arena.bench.runtime.plugins()[name].error, None);
        let failure = arena.attack(evaluate(&arena, name)).await;
        fails(name, &failure, reason, said);
    }
}

async fn evaluate(arena: &Arena, plugin: &str) -> Failure {
    let call =
        EvaluateCall { plugin: plugin.into(), settings: json!({}), stage: "before-login", subject: json!({}), caller: caller("attacker") };
    arena.bench.runtime.evaluate(call).await.err().unwrap_or_else(|| panic!("{plugin} succeeds"))
}
