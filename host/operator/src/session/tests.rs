use super::*;
use crate::{
    clock::manual::until,
    outcome::{Class, Fault, Stage},
    plan::Server,
    testing::{CANARY, FakeInfisical, Scripted, World, login, login_with, user},
};
use futures::future::join_all;
use infisical::{ListRequest, ProjectRef};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
};

const DIGEST: &str = "sha256:1";

async fn list(session: &Arc<Session>) -> Result<(), SessionError> {
    let request = ListRequest {
        project_id: "p".into(),
        environment: "dev".into(),
        path: "/".into(),
        recursive: false,
        expand_references: true,
        include_imports: true,
        tags: Vec::new(),
    };
    let request = &request;
    session.call(Effect::ReadSecrets, |client, token| async move { client.list_secrets(&token, request, None).await.map(drop) }).await
}

async fn server() -> FakeInfisical {
    let server = FakeInfisical::start().await;
    server.script().folders.insert("/".into(), BTreeMap::from([("A".to_owned(), CANARY.to_owned())]));
    server
}

#[tokio::test]
async fn a_thousand_users_log_in_once() {
    let (server, world) = (server().await, World::new());
    let tasks = (0..1000).map(|number| {
        let session = world.sessions.lease(&user(number), &login(&server.address, CANARY), DIGEST).unwrap();
        tokio::spawn(async move { list(&session).await })
    });
    for done in join_all(tasks).await {
        done.unwrap().unwrap();
    }
    assert_eq!((server.logins(), world.prover.calls.load(Ordering::SeqCst), server.lists()), (1, 1, 1000));
    assert!(server.script().logins[0].contains(CANARY));
    let text = world.metrics.text().unwrap();
    assert!(text.contains(r#"infisical_operator_logins_total{plugin="fake",outcome="ok"} 1"#), "{text}");
    assert!(text.contains(r#"infisical_operator_infisical_calls_total{operation="login",status="200"} 1"#), "{text}");
}

#[tokio::test]
async fn a_changed_input_is_a_new_session_and_the_old_token_goes_with_its_last_user() {
    let (server, world) = (server().await, World::new());
    let (old, new) = (login(&server.address, "old"), login(&server.address, "new"));
    let first = world.sessions.lease(&user(1), &old, DIGEST).unwrap();
    world.sessions.lease(&user(2), &old, DIGEST).unwrap();
    list(&first).await.unwrap();

    let rotated = world.sessions.lease(&user(1), &new, DIGEST).unwrap();
    assert_ne!(rotated.key(), first.key());
    list(&rotated).await.unwrap();
    assert_eq!((server.logins(), world.sessions.len()), (2, 2));
    assert!(server.script().revoked.is_empty(), "user 2 still needs it");

    world.sessions.lease(&user(2), &new, DIGEST).unwrap();
    until("the old token is revoked", || server.script().revoked == ["token-1"]).await;
    assert!(matches!(list(&first).await, Err(SessionError::Ended)));
    list(&rotated).await.unwrap();

    world.sessions.release(&user(1));
    world.sessions.release(&user(2));
    until("the new token is revoked", || server.script().revoked == ["token-1", "token-2"]).await;
    assert!(world.sessions.is_empty());
}

#[tokio::test]
async fn whatever_a_login_depends_on_makes_another_session() {
    let world = World::new();
    let address = "http://127.0.0.1:1";
    let base = login(address, "s");
    let account = crate::object::Name::new("n", "sa");
    let others = [
        login("http://127.0.0.1:2", "s"),
        login("http://127.0.0.1:1/sub", "s"),
        login(address, "t"),
        login_with(address, "s", |login| login.server.ca = Some(Arc::new(b"ca".to_vec()))),
        login_with(address, "s", |login| login.ambient = crate::plan::Ambient::Granted),
        login_with(address, "s", |login| login.ambient = crate::plan::Ambient::OtherNamespace),
        login_with(address, "s", |login| login.organisation = Some("o".into())),
        login_with(address, "s", |login| login.plugin = "other".into()),
        login_with(address, "s", |login| login.settings = serde_json::json!({"a": 1})),
        login_with(address, "s", |login| login.service_account = Some(account)),
    ];
    let mut keys: Vec<_> = others.iter().map(|login| SessionKey::of(login, DIGEST)).collect();
    keys.extend([SessionKey::of(&base, DIGEST), SessionKey::of(&base, "sha256:2")]);
    let distinct: BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    let elsewhere = login_with(address, "s", |login| {
        login.namespace = "other".into();
        login.method = "OTHER".into();
    });
    assert_eq!(SessionKey::of(&base, DIGEST), SessionKey::of(&elsewhere, DIGEST));
    drop(world);
}

#[tokio::test]
async fn a_token_that_an_older_plugin_proved_is_not_used() {
    let (server, world) = (server().await, World::new());
    let login = login(&server.address, CANARY);
    list(&world.sessions.lease(&user(1), &login, "sha256:1").unwrap()).await.unwrap();
    list(&world.sessions.lease(&user(1), &login, "sha256:2").unwrap()).await.unwrap();
    assert_eq!(server.logins(), 2);
    until("the older token is revoked", || server.script().revoked == ["token-1"]).await;
}

#[tokio::test]
async fn an_expired_token_is_replaced_once_for_all_and_the_call_repeated() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    server.invalidate();
    let calls = join_all((0..8).map(|_| list(&session))).await;
    assert!(calls.into_iter().all(|done| done.is_ok()));
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_token_that_others_used_up_is_replaced_again() {
    let (server, world) = (server().await, World::new());
    for (uses, logins) in [(1, 16), (3, 6)] {
        server.script().uses = Some(uses);
        server.script().logins.clear();
        let session = world.sessions.lease(&user(1), &login(&server.address, &uses.to_string()), DIGEST).unwrap();
        for _ in 0..2 {
            let calls = join_all((0..8).map(|_| list(&session))).await;
            assert!(calls.into_iter().all(|done| done.is_ok()), "{uses}");
        }
        // Not one more than the uses make necessary.
        assert_eq!(server.logins(), logins);
    }
}

#[tokio::test]
async fn a_missing_permission_logs_nobody_in_again() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    server.script().refuse_read = Some(Scripted::error(403, "PermissionDenied"));
    for _ in 0..3 {
        let fault = Fault::from(list(&session).await.unwrap_err());
        assert_eq!((fault.reason, fault.class), ("PermissionDenied", Class::Denied));
    }
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn a_fresh_token_that_is_refused_causes_no_storm() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    server.script().refuse_read = Some(Scripted::error(401, "UnauthorizedError"));
    for _ in 0..50 {
        let fault = Fault::from(list(&session).await.unwrap_err());
        assert_eq!(fault.reason, "Unauthorized");
    }
    assert_eq!(server.logins(), 2);
    server.script().refuse_read = None;
    world.clock.advance(Duration::from_secs(50));
    list(&session).await.unwrap();
}

#[tokio::test]
async fn a_refused_login_is_remembered_and_tried_again_later() {
    let (server, world) = (server().await, World::new());
    server.script().refuse_login = Some(Scripted::error(401, "UnauthorizedError"));
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let failures = join_all((0..50).map(|_| list(&session))).await;
    for failure in failures {
        let error = failure.unwrap_err();
        assert_eq!(error.stage(), Stage::Login);
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
        assert_eq!(Fault::from(error).reason, "LoginFailed");
    }
    assert_eq!(server.logins(), 1);
    // The server counts failures for 30 s and locks the identity at the third.
    world.clock.advance(Duration::from_secs(39));
    let wait = Fault::from(list(&session).await.unwrap_err()).retry_after.unwrap();
    assert_eq!(server.logins(), 1);
    world.clock.advance(wait);
    server.script().refuse_login = None;
    list(&session).await.unwrap();
    assert_eq!(server.logins(), 2);
}

#[tokio::test]
async fn a_server_that_asks_for_silence_gets_it_from_the_whole_session() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let other = world.sessions.lease(&user(2), &login(&server.address, "other"), DIGEST).unwrap();
    list(&session).await.unwrap();
    server.script().refuse_read = Some(Scripted::error(429, "RateLimitExceeded").after(30));
    assert_eq!(Fault::from(list(&session).await.unwrap_err()).retry_after, Some(Duration::from_secs(30)));
    server.script().refuse_read = None;
    world.clock.advance(Duration::from_secs(10));
    let fault = Fault::from(list(&session).await.unwrap_err());
    assert_eq!((fault.reason, fault.retry_after), ("RateLimited", Some(Duration::from_secs(20))));
    list(&other).await.unwrap();
    world.clock.advance(Duration::from_secs(20));
    list(&session).await.unwrap();

    server.invalidate();
    server.script().refuse_login = Some(Scripted::error(429, "RateLimitExceeded").after(90));
    let fault = Fault::from(list(&session).await.unwrap_err());
    assert_eq!((fault.reason, fault.retry_after), ("RateLimited", Some(Duration::from_secs(90))));
    let logins = server.logins();
    world.clock.advance(Duration::from_secs(89));
    assert_eq!(Fault::from(list(&session).await.unwrap_err()).retry_after, Some(Duration::from_secs(1)));
    assert_eq!(server.logins(), logins);
}

async fn stream(session: &Arc<Session>) -> SessionError {
    let request = infisical::SubscribeRequest { project_id: "p".into(), places: Vec::new() };
    session.subscribe(&request).await.err().unwrap()
}

#[tokio::test]
async fn silence_asked_of_a_stream_is_told_to_the_stream_and_leaves_reads_alone() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    for status in [429, 503] {
        server.script().refuse_stream = Some(Scripted::error(status, "X").after(300));
        assert_eq!(stream(&session).await.asked(), Some(Duration::from_secs(300)));
        list(&session).await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_is_refused_to_a_stream_alone_is_replaced_once_and_reads_go_on() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    server.script().refuse_stream = Some(Scripted::error(401, "UnauthorizedError"));
    for _ in 0..5 {
        list(&session).await.unwrap();
        let refused = stream(&session).await;
        assert!(matches!(refused, SessionError::Call(_)), "{refused}");
        list(&session).await.unwrap();
    }
    assert_eq!(server.logins(), 2, "once for all tries");
    // One that has ended is replaced by the next read.
    server.invalidate();
    stream(&session).await;
    list(&session).await.unwrap();
    assert_eq!(server.logins(), 3);
}

#[tokio::test]
async fn a_proof_that_fails_is_told_from_a_refusal() {
    let (server, world) = (server().await, World::new());
    *world.prover.fail.lock().unwrap() = Some(runtime::Failure::Trapped("unreachable".into()));
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let fault = Fault::from(list(&session).await.unwrap_err());
    assert_eq!((fault.reason, fault.class), ("PluginTrapped", Class::Plugin));
    assert_eq!(server.logins(), 0);
    *world.prover.fail.lock().unwrap() = None;
    world.clock.advance(Duration::from_secs(2));
    list(&session).await.unwrap();
    assert_eq!(&*session.notices(), ["deprecated"]);
}

/// An account without a token, a file that is not there: the server knows nothing of it, and nothing says when it is mended.
#[tokio::test]
async fn a_proof_without_its_credentials_is_tried_again_within_seconds() {
    let (server, world) = (server().await, World::new());
    *world.prover.fail.lock().unwrap() = Some(runtime::Failure::Credentials("service account n/app is not there".into()));
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    for longest in [1.25, 2.5, 5.0, 10.0, 20.0, 40.0, 75.0, 75.0] {
        let fault = Fault::from(list(&session).await.unwrap_err());
        assert_eq!((fault.reason, fault.class), ("InvalidCredentials", Class::Transient));
        world.clock.advance(Duration::from_secs_f64(longest));
    }
    *world.prover.fail.lock().unwrap() = None;
    list(&session).await.unwrap();
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_at_seventy_percent_of_its_life() {
    let (server, world) = (server().await, World::new());
    server.script().expires_in = 100;
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    for renewals in 1..=3 {
        until("the refresh waits", || world.clock.sleeping() == [Duration::from_secs(70)]).await;
        world.clock.advance(Duration::from_secs(69));
        assert_eq!(server.script().renewals, renewals - 1);
        world.clock.advance(Duration::from_secs(1));
        until("it is renewed", || server.script().renewals == renewals).await;
    }
    until("the last is in use", || world.clock.sleeping().len() == 1).await;
    server.script().valid.retain(|token| token == "token-4");
    list(&session).await.unwrap();
    assert_eq!((server.logins(), server.script().revoked.len()), (1, 0));
}

#[tokio::test]
async fn at_its_greatest_age_a_token_is_replaced_by_a_login_with_a_fresh_proof() {
    let (server, world) = (server().await, World::new());
    (server.script().expires_in, server.script().max_ttl) = (100, 100);
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    until("the refresh waits", || world.clock.sleeping().len() == 1).await;
    world.clock.advance(Duration::from_secs(70));
    until("the first token is given back", || server.script().revoked == ["token-1"]).await;
    {
        let script = server.script();
        assert_eq!((script.logins.len(), script.renewals), (2, 0));
        assert!(script.logins[0].contains(r#""proof":1"#) && script.logins[1].contains(r#""proof":2"#));
    }
    list(&session).await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_is_refused_becomes_a_login() {
    let (server, world) = (server().await, World::new());
    server.script().expires_in = 100;
    server.script().refuse_renewal = Some(Scripted::error(401, "UnauthorizedError"));
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    until("the refresh waits", || world.clock.sleeping().len() == 1).await;
    world.clock.advance(Duration::from_secs(70));
    until("a second login", || server.logins() == 2).await;
}

#[tokio::test]
async fn an_outage_at_the_time_of_refresh_leaves_the_token_in_use() {
    let (server, world) = (server().await, World::new());
    server.script().expires_in = 100;
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    server.script().refuse_renewal = Some(Scripted::error(503, "Unavailable"));
    until("the refresh waits", || world.clock.sleeping().len() == 1).await;
    world.clock.advance(Duration::from_secs(70));
    until("it failed and waits", || server.script().renewals == 1 && world.clock.sleeping().len() == 1).await;
    list(&session).await.unwrap();
    server.script().refuse_renewal = None;
    world.clock.advance(Duration::from_secs(2));
    until("it is renewed", || server.script().renewals == 2).await;
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn a_short_life_is_used_to_its_end_and_not_refreshed_ahead() {
    for (expires_in, lives) in [(10, Duration::from_secs(10)), (0, Duration::from_secs(3600))] {
        let (server, world) = (server().await, World::new());
        server.script().expires_in = expires_in;
        let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
        for _ in 0..5 {
            list(&session).await.unwrap();
        }
        world.clock.advance(lives - Duration::from_millis(1));
        list(&session).await.unwrap();
        assert_eq!((server.logins(), server.script().renewals), (1, 0), "expiresIn {expires_in}");
        world.clock.advance(Duration::from_millis(1));
        list(&session).await.unwrap();
        assert_eq!(server.logins(), if expires_in == 0 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn a_token_given_as_it_is_is_neither_renewed_nor_revoked() {
    let (server, world) = (server().await, World::new());
    server.script().valid.insert("given".into());
    *world.prover.as_it_is.lock().unwrap() = Some("given".into());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    world.sessions.shutdown().await;
    let script = server.script();
    assert_eq!((script.logins.len(), script.renewals, script.revoked.len()), (0, 0, 0));
}

#[tokio::test]
async fn shutdown_revokes_every_token_and_refuses_what_comes_after() {
    let (server, world) = (server().await, World::new());
    let mut sessions = Vec::new();
    for number in 0..20 {
        let session = world.sessions.lease(&user(number), &login(&server.address, &format!("secret-{number}")), DIGEST).unwrap();
        list(&session).await.unwrap();
        sessions.push(session);
    }
    world.sessions.shutdown().await;
    assert_eq!(server.script().revoked.len(), 20);
    assert!(matches!(list(&sessions[0]).await, Err(SessionError::Ended)));
    let late = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST);
    assert!(matches!(late, Err(SessionError::Ended)));
}

#[tokio::test]
async fn shutdown_waits_five_seconds_for_a_server_that_hangs() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    until("only the refresh waits", || world.clock.sleeping().len() == 1).await;
    server.close();
    let shutdown = tokio::spawn({
        let sessions = world.sessions.clone();
        async move { sessions.shutdown().await }
    });
    until("it waits", || world.clock.sleeping() == [Duration::from_secs(5)]).await;
    assert!(!shutdown.is_finished());
    world.clock.advance(Duration::from_secs(5));
    shutdown.await.unwrap();
}

#[tokio::test]
async fn a_token_that_arrives_after_the_end_is_revoked() {
    let (server, world) = (server().await, World::new());
    server.close();
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let call = tokio::spawn(async move { list(&session).await });
    until("the login is under way", || server.in_flight.load(Ordering::SeqCst) == 1).await;
    world.sessions.release(&user(1));
    server.open();
    assert!(matches!(call.await.unwrap(), Err(SessionError::Ended)));
    until("it is revoked", || server.script().revoked == ["token-1"]).await;
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_end_the_login_of_the_others() {
    let (server, world) = (server().await, World::new());
    server.close();
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let spawn = || {
        let session = session.clone();
        tokio::spawn(async move { list(&session).await })
    };
    let (first, second) = (spawn(), spawn());
    until("the login is under way", || server.in_flight.load(Ordering::SeqCst) == 1).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    server.open();
    second.await.unwrap().unwrap();
    assert_eq!(server.logins(), 1);
}

#[tokio::test]
async fn each_tenant_speaks_to_its_own_server_with_its_own_ca() {
    let (one, two, world) = (server().await, server().await, World::new());
    let first = world.sessions.lease(&user(1), &login(&one.address, "of-one"), DIGEST).unwrap();
    let second = world.sessions.lease(&user(2), &login(&two.address, "of-two"), DIGEST).unwrap();
    let (a, b) = tokio::join!(list(&first), list(&second));
    a.and(b).unwrap();
    for (server, own) in [(&one, "of-one"), (&two, "of-two")] {
        assert!(server.script().logins.iter().all(|body| body.contains(own)));
        assert_eq!(server.logins(), 1);
    }

    let mut hosts = Hosts::default();
    let clock: Arc<dyn Clock> = world.clock.clone();
    let settings = ClientSettings::new("test", None);
    let with_ca = |ca: Option<&[u8]>| Server { ca: ca.map(|ca| Arc::new(ca.to_vec())), ..login(&one.address, "x").server.clone() };
    let (none, ours, other) = (
        hosts.of(&with_ca(None), &settings, &clock),
        hosts.of(&with_ca(Some(b"1")), &settings, &clock),
        hosts.of(&with_ca(Some(b"2")), &settings, &clock),
    );
    assert!(!none.shares_client_with(&ours) && !ours.shares_client_with(&other) && !none.shares_client_with(&other));
    assert!(ours.shares_client_with(&hosts.of(&with_ca(Some(b"1")), &settings, &clock)));
}

#[tokio::test]
async fn a_host_that_hangs_stalls_nobody_else() {
    let (hanging, fine, world) = (server().await, server().await, World::new());
    hanging.close();
    let stuck: Vec<_> = (0..30)
        .map(|number| {
            let session = world.sessions.lease(&user(number), &login(&hanging.address, &format!("secret-{number}")), DIGEST).unwrap();
            tokio::spawn(async move { list(&session).await })
        })
        .collect();
    until("its lane is full", || hanging.in_flight.load(Ordering::SeqCst) == host::CALLS_PER_ORIGIN).await;
    let session = world.sessions.lease(&user("fine"), &login(&fine.address, CANARY), DIGEST).unwrap();
    list(&session).await.unwrap();
    hanging.open();
    for done in join_all(stuck).await {
        done.unwrap().unwrap();
    }
    assert_eq!(hanging.most_in_flight.load(Ordering::SeqCst), host::CALLS_PER_ORIGIN);
}

#[tokio::test]
async fn who_stands_in_line_before_a_host_that_hangs_gives_up_in_time() {
    let (hanging, world) = (server().await, World::new());
    hanging.close();
    let spawn = |number: usize| {
        let session = world.sessions.lease(&user(number), &login(&hanging.address, &format!("secret-{number}")), DIGEST).unwrap();
        tokio::spawn(async move { list(&session).await })
    };
    let before: Vec<_> = (0..host::CALLS_PER_ORIGIN).map(spawn).collect();
    until("its lane is full", || hanging.in_flight.load(Ordering::SeqCst) == host::CALLS_PER_ORIGIN).await;
    let last = spawn(99);
    until("it stands in line", || world.clock.sleeping() == [Duration::from_secs(30)]).await;
    world.clock.advance(Duration::from_secs(30));
    let fault = Fault::from(last.await.unwrap().unwrap_err());
    assert_eq!((fault.reason, fault.class), ("TimedOut", Class::Transient));
    before.into_iter().for_each(|task| task.abort());
}

#[tokio::test]
async fn a_plugin_can_hold_a_session_off_for_an_hour_at_most() {
    let world = World::new();
    *world.prover.fail.lock().unwrap() = Some(runtime::Failure::Unavailable {
        after: Some(Duration::from_secs(u32::MAX.into())),
        text: "the metadata service did not answer".into(),
    });
    let session = world.sessions.lease(&user(1), &login("http://127.0.0.1:1", CANARY), DIGEST).unwrap();
    list(&session).await.unwrap_err();
    let fault = Fault::from(list(&session).await.unwrap_err());
    assert_eq!(fault.retry_after, Some(Duration::from_secs(3600)));
}

#[tokio::test]
async fn there_is_a_bound_on_sessions_and_a_change_needs_no_second_place() {
    let world = World::with(|config| config.limit = 2);
    let lease = |user_name: u8, secret: &str| world.sessions.lease(&user(user_name), &login("http://127.0.0.1:1", secret), DIGEST);
    lease(1, "a").unwrap();
    lease(2, "b").unwrap();
    lease(3, "a").unwrap();
    let error = lease(4, "c").err().unwrap();
    assert!(matches!(error, SessionError::TooMany(2)));
    assert_eq!(Fault::from(error).reason, "TooManySessions");
    lease(2, "c").unwrap();
    assert_eq!(world.sessions.len(), 2);
}

#[tokio::test]
async fn a_slug_is_looked_up_once_for_all_reads() {
    let (server, world) = (server().await, World::new());
    let session = world.sessions.lease(&user(1), &login(&server.address, CANARY), DIGEST).unwrap();
    let slug = ProjectRef::Slug("slug".into());
    for id in join_all((0..20).map(|_| session.project_id(&slug))).await {
        assert_eq!(id.unwrap(), "project-1");
    }
    assert_eq!(server.script().lookups, 1);
    session.forget_project(&slug).await;
    session.project_id(&slug).await.unwrap();
    assert_eq!(server.script().lookups, 2);
    world.clock.advance(Duration::from_secs(30 * 60));
    session.project_id(&slug).await.unwrap();
    assert_eq!(server.script().lookups, 3);
    assert_eq!(session.project_id(&ProjectRef::Id("as it is".into())).await.unwrap(), "as it is");
}

#[tokio::test]
async fn a_bad_ca_is_said_and_nothing_is_sent() {
    let (server, world) = (server().await, World::new());
    let login = login_with(&server.address, CANARY, |login| login.server.ca = Some(Arc::new(b"no pem".to_vec())));
    let session = world.sessions.lease(&user(1), &login, DIGEST).unwrap();
    let fault = Fault::from(list(&session).await.unwrap_err());
    assert_eq!((fault.reason, fault.class), ("InvalidCaBundle", Class::UserFix));
    assert_eq!(server.logins(), 0);
}
