//! Host calls that were not granted: denied, and reported by name whatever the plugin says about it.
use crate::arena::{Arena, Attack, fails};
use hostile::{CANARY, Plugin, call, caller, hostile};
use runtime::{Ambient, Caller, Failure};
use serde_json::json;
use std::fs;

const REFUSED: [(&str, &str); 9] = [
    ("mount", "mounts:elsewhere"),
    ("http", "http:http://elsewhere.invalid"),
    ("environment", "environment:PATH"),
    ("sign", "signing"),
    ("make-key", "keys"),
    ("token", "service-account"),
    ("clock", "clock"),
    ("random", "random"),
    ("reveal", "reveal:input/canary"),
];

/// The folder and the variable are there: it is the missing grant that guards them.
async fn arena(plugin: Plugin) -> (Arena, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), CANARY).unwrap();
    let arena = Arena::with(&[plugin], |config| {
        config.mounts.insert("elsewhere".into(), folder.path().to_owned());
        config.environment.insert("PATH".into(), CANARY.into());
    })
    .await;
    (arena, folder)
}

#[tokio::test]
async fn each_capability_is_refused_by_name() {
    let (arena, _folder) = arena(Plugin { grants: vec![], ..hostile() }).await;
    let attacks: Vec<_> = REFUSED.iter().map(|(deed, capability)| Attack::new(deed, "NotGranted", capability)).collect();
    arena.each(&attacks).await;
}

#[tokio::test]
async fn a_plugin_that_blames_something_else_is_not_believed() {
    let (arena, _folder) = arena(Plugin { grants: vec![], ..hostile() }).await;
    let attacks: Vec<_> = REFUSED.iter().map(|(deed, capability)| Attack::new(deed, "NotGranted", capability).with("lie", true)).collect();
    arena.each(&attacks).await;
    for (deed, expected) in REFUSED {
        match arena.bench.act_with("exact", json!({"do": deed, "lie": true})).await {
            Err(Failure::NotGranted { plugin, capability, ambient: false }) => {
                assert_eq!((plugin.as_str(), capability.as_str()), ("hostile", expected));
            }
            other => panic!("{deed}: {:?}", other.err()),
        }
    }
    arena.each(&[Attack::new("invent-denial", "Denied", "mounts:everything")]).await;
    assert!(arena.attack(arena.bench.act("ignore-denial")).await.is_ok());
}

/// A grant of what the descriptor does not ask for gives nothing.
#[tokio::test]
async fn what_a_plugin_does_not_ask_for_is_refused_even_if_granted() {
    let all = ["mounts:elsewhere", "http:http://elsewhere.invalid", "environment:PATH", "signing", "keys", "service-account", "random"];
    let (arena, _folder) = arena(hostile().grants(&all)).await;
    let attacks: Vec<_> = REFUSED
        .iter()
        .filter(|(_, capability)| all.contains(capability))
        .map(|(deed, capability)| Attack::new(deed, "NotGranted", capability))
        .collect();
    assert_eq!(attacks.len(), all.len());
    arena.each(&attacks).await;
}

#[tokio::test]
async fn ambient_sources_are_refused_towards_an_untrusted_server() {
    let jail = tempfile::tempdir().unwrap();
    fs::write(jail.path().join("file"), CANARY).unwrap();
    let arena = Arena::with(&[hostile()], |config| drop(config.mounts.insert("jail".into(), jail.path().to_owned()))).await;
    for (settings, capability) in [
        (json!({"do": "escape-mount", "path": "file", "lie": true}), "mounts:jail"),
        (json!({"do": "hang-in-http", "lie": true}), "http:http://127.66.6.6:6666"),
    ] {
        let untrusted = Caller { ambient: Ambient::Withheld, ..caller("attacker") };
        let failure = arena.attack(arena.bench.runtime.authenticate(call("hostile", settings, &[], untrusted))).await.err().unwrap();
        fails(capability, &failure, "NotGranted", "in this call");
        assert!(matches!(failure, Failure::NotGranted { capability: found, ambient: true, .. } if found == capability));
    }
}
