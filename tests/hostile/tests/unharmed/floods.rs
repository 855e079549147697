//! Plugins that call the host too often, or wait in it.
use crate::{
    arena::{Arena, Attack, fails, short},
    server,
};
use hostile::hostile;
use runtime::{Limits, World};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn floods_of_host_calls() {
    server::start();
    let arena = Arena::new(&[hostile()]).await;
    arena
        .each(&[
            Attack::new("flood-calls", "Budget", "cheap host calls"),
            Attack::new("flood-handles", "Budget", "open handles"),
            Attack::new("flood-log", "Budget", "cheap host calls"),
            Attack::new("flood-http", "Budget", "http requests"),
            Attack::new("giant-argument", "Budget", "bytes in one transfer"),
        ])
        .await;
}

#[tokio::test]
async fn a_canary_in_the_log_is_taken_out() {
    let arena = Arena::new(&[hostile()]).await;
    assert!(arena.attack(arena.bench.act("log-canary")).await.is_ok());
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let url = format!("{}/silent", server::start());
    let arena = Arena::with(&[hostile()], |config| {
        config.limits.insert(World::Authenticator, Limits { wall: Duration::from_secs(2), ..short() });
    })
    .await;
    arena.each(&[Attack::new("hang-in-http", "Unavailable", "did not answer in time").with("url", url)]).await;
}

/// Calls that hang take all places of their plugin; others of that plugin are told so, and served once they are gone.
#[tokio::test]
async fn a_queue_behind_calls_that_hang() {
    let url = format!("{}/queue", server::start());
    let arena = Arena::with(&[hostile()], |config| {
        config.limits.insert(World::Authenticator, Limits { concurrency: 2, ..short() });
    })
    .await;
    let hang = |namespace: &'static str| arena.bench.act_with(namespace, json!({"do": "hang-in-http", "url": url}));
    let attack = async {
        tokio::select! {
            _ = async { tokio::join!(hang("a"), hang("b")) } => panic!("a call that hangs ends"),
            result = async { server::queued(2).await; arena.bench.act_in("c", "behave").await } => result,
        }
    };
    let failure = arena.attack(attack).await.err().expect("there are more places than two");
    fails("behave", &failure, "Busy", "too many calls");
    arena.behaves("c").await;
}
