//! A plugin that keeps failing is held off where it fails, and nowhere else.
use crate::arena::{Arena, fails, with_universal};
use hostile::{Plugin, caller, component::Hand, hostile, write_bundle};
use runtime::{EvaluateCall, Failure};
use serde_json::json;

/// Faults that hold a plugin off, and namespaces where it is held off that hold it off whole.
const FAULTS: usize = 5;
const NAMESPACES: [&str; 3] = ["a", "b", "c"];

async fn fail_until_held_off(arena: &Arena, namespace: &str) {
    for _ in 0..FAULTS {
        let failure = arena.bench.act_in(namespace, "trap").await.err().unwrap();
        fails("trap", &failure, "Trapped", "lib.rs:");
    }
    let failure = arena.bench.act_in(namespace, "behave").await.err().unwrap();
    fails("behave", &failure, "HeldOff", "failed too often");
    assert!(failure.retry_after().is_some_and(|after| after.as_secs() <= 30));
}

#[tokio::test]
async fn a_tenant_whose_calls_fail_holds_a_plugin_off_for_itself() {
    let arena = Arena::new(&[hostile()]).await;
    arena.attack(fail_until_held_off(&arena, "a")).await;
    arena.behaves("b").await;
}

/// Another plugin is none of their business.
#[tokio::test]
async fn a_plugin_that_fails_everywhere_is_held_off_whole() {
    let arena = Arena::new(&[hostile()]).await;
    arena
        .attack(async {
            for namespace in NAMESPACES {
                fail_until_held_off(&arena, namespace).await;
            }
            let failure = arena.bench.act_in("other", "behave").await.err().unwrap();
            fails("behave", &failure, "HeldOff", "failed too often");
        })
        .await;
}

/// Wrong settings, missing rights and other mistakes of a tenant are no faults of the plugin.
#[tokio::test]
async fn mistakes_of_a_tenant_hold_nothing_off() {
    let arena = Arena::new(&[Plugin { grants: vec![], ..hostile() }]).await;
    arena
        .attack(async {
            for _ in 0..2 * FAULTS {
                for (deed, reason) in [("no-such-deed", "Settings"), ("reveal", "NotGranted"), ("invent-denial", "Denied")] {
                    fails(deed, &arena.bench.act_in("a", deed).await.err().unwrap(), reason, "");
                }
            }
            arena.behaves("a").await;
        })
        .await;
}

#[tokio::test]
async fn a_new_version_begins_anew() {
    let version = |version: &'static str, body: &str| {
        let hand = Hand::plain("policy", "moody", version).body(body);
        Plugin { version, ..Plugin::new("moody", "policy", hand.build()) }
    };
    let arena = Arena::new(&[version("1.0.0", "unreachable")]).await;
    let evaluate = async || {
        let (settings, subject) = (json!({}), json!({}));
        let call = EvaluateCall { plugin: "moody".into(), settings, stage: "before-login", subject, caller: caller("a") };
        arena.bench.runtime.evaluate(call).await
    };
    arena
        .attack(async {
            for _ in 0..FAULTS {
                assert!(matches!(evaluate().await, Err(Failure::Trapped(_))));
            }
            assert!(matches!(evaluate().await, Err(Failure::HeldOff(_))));
            write_bundle(arena.bench.bundle.path(), &with_universal(&[version("1.0.1", "")]));
            let newer = |info: &runtime::PluginInfo| info.descriptor.as_ref().is_some_and(|descriptor| descriptor.version == "1.0.1");
            arena.bench.until(|runtime| newer(&runtime.plugins()["moody"])).await;
            assert!(evaluate().await.is_ok());
        })
        .await;
}
