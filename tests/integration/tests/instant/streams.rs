//! What streams carry, and how they come back.
use super::{caught_up, hourly, open, static_secret, with_scope};
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::{Fault, Generation, Operation, Place, Seed, Server, Tls};
use integration::{Scene, until};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_change_arrives_at_once_by_every_kind_from_every_generation() {
    for generation in [Generation::Newest, Generation::Mid] {
        let scene = Scene::with(|config| config.generation = generation).await;
        scene.infisical.streams().set_heartbeat(Duration::from_millis(100));
        let operator = scene.start().await;
        scene.infisical_secret("older", hourly()).await;
        static_secret(&scene, "newer", json!([{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/app"}])).await;
        scene.holds("older", &[("A", "one"), ("B", "two")]).await;
        scene.holds("newer", &[("C", "three")]).await;
        open(&scene, 1).await;
        caught_up(&scene, 2).await;

        let began = Instant::now();
        scene.set("A", "changed");
        scene.infisical.state().set_secret(&scene.dev("/app"), "D", "made").unwrap();
        scene.holds("older", &[("A", "changed"), ("B", "two")]).await;
        scene.holds("newer", &[("C", "three"), ("D", "made")]).await;
        scene.infisical.state().delete_secret(&scene.dev("/"), "B").unwrap();
        scene.holds("older", &[("A", "changed")]).await;
        // Seconds on an idle machine; an hour without events.
        assert!(began.elapsed() < Duration::from_secs(30), "{generation:?}: {:?}", began.elapsed());
        let metrics = operator.metrics().await;
        assert_eq!(metrics.sum("infisical_operator_event_streams", &[("state", "connected")]), 1.0);
        assert!(metrics.sum("infisical_operator_events_total", &[]) >= 3.0);
        assert_eq!((scene.infisical.calls().count(Operation::Subscribe), scene.infisical.logins()), (1, 1));
        operator.stop().await;
        open(&scene, 0).await;
    }
}

#[tokio::test]
async fn what_is_told_of_while_a_read_is_refused_is_read_soon() {
    let scene = Scene::new().await;
    scene.infisical.streams().set_heartbeat(Duration::from_millis(100));
    let _operator = scene.start().await;
    scene.infisical_secret("a", hourly()).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    open(&scene, 1).await;
    caught_up(&scene, 1).await;
    let faults = scene.infisical.faults();
    // Long enough for an event in the middle of a read.
    faults.set_latency(Duration::from_secs(2));
    faults.next(Operation::ListSecrets, 1, Fault::Status(404));
    scene.resync("a").await;
    let under_way = || scene.infisical.calls().read(infisical_dev_server::CallLog::in_flight);
    until("a read", async || if under_way() > 0 { Ok(()) } else { Err("none") }).await;
    scene.set("A", "edited");
    // A folder that is not there is looked for again after five minutes, else.
    scene.event("a", "NotFound").await;
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    scene.synced("a").await;
}

#[tokio::test]
async fn all_resources_of_a_project_share_a_stream_and_a_crowd_of_changes_is_few_reads() {
    const FOLDERS: u64 = 3;
    let scene = Scene::with(|config| config.seed = Seed::uniform(FOLDERS as usize, 1)).await;
    scene.namespace.secret("credentials", [("clientId", "bench"), ("clientSecret", "bench-secret")]).await.unwrap();
    let _operator = scene.start().await;
    for number in 0..9 {
        let scope = json!({"projectSlug": "bench", "secretsPath": format!("/f{}", number % FOLDERS)});
        scene.infisical_secret(&format!("r{number}"), with_scope(hourly(), scope)).await;
    }
    for number in 0..9 {
        scene.holds(&format!("r{number}"), &[("KEY_0", &format!("value-{}-0", number % FOLDERS))]).await;
    }
    open(&scene, 1).await;
    caught_up(&scene, FOLDERS).await;
    let reads = |folder: &str| {
        let asked = format!("secretPath=%2F{folder}&");
        scene.infisical.calls().all().iter().filter(|call| call.operation == Operation::ListSecrets && call.query.contains(&asked)).count()
    };
    let before = ["f0", "f1", "f2"].map(reads);
    let began = Instant::now();
    for change in 0..50 {
        scene.infisical.state().set_secret(&Place::new("bench", "dev", "/f1"), "KEY_0", &format!("v{change}")).unwrap();
    }
    for number in [1, 4, 7] {
        scene.holds(&format!("r{number}"), &[("KEY_0", "v49")]).await;
    }
    let seconds = began.elapsed().as_secs() as usize;
    let after = ["f0", "f1", "f2"].map(reads);
    assert!(after[1] - before[1] <= 2 + seconds, "{} reads for 50 events in {seconds} s", after[1] - before[1]);
    assert_eq!([after[0], after[2]], [before[0], before[2]], "folders that did not change were read");
    let calls = scene.infisical.calls();
    assert_eq!((calls.count(Operation::Subscribe), calls.count(Operation::Project), scene.infisical.logins()), (1, 1, 1));
}

#[tokio::test]
async fn sources_by_slug_by_id_and_recursive_share_a_stream_and_are_all_heard() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical.state().create_folder(&scene.dev("/app/deep")).unwrap();
    let sources = json!([
        {"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/app"},
        {"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/app", "recursive": true},
        {"projectId": "33333333-4444-4555-8666-777777777777", "environmentSlug": "prod", "secretPath": "/"},
    ]);
    static_secret(&scene, "all", sources).await;
    scene.holds("all", &[("A", "uno"), ("C", "three")]).await;
    open(&scene, 1).await;
    caught_up(&scene, 3).await;
    scene.infisical.state().set_secret(&scene.dev("/app/deep"), "DEEP", "found").unwrap();
    scene.holds("all", &[("A", "uno"), ("C", "three"), ("DEEP", "found")]).await;
    scene.infisical.state().set_secret(&Place::new("shop", "prod", "/"), "A", "due").unwrap();
    scene.holds("all", &[("A", "due"), ("C", "three"), ("DEEP", "found")]).await;
    assert_eq!(scene.infisical.calls().count(Operation::Subscribe), 1);
}

#[tokio::test]
async fn what_is_imported_is_heard_and_so_is_an_import() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical.state().set_imports(&scene.dev("/app"), &[("prod", "/")]).unwrap();
    scene.infisical_secret("a", with_scope(hourly(), json!({"secretsPath": "/app"}))).await;
    scene.holds("a", &[("A", "uno"), ("C", "three")]).await;
    open(&scene, 1).await;
    caught_up(&scene, 1).await;
    scene.infisical.state().set_secret(&Place::new("shop", "prod", "/"), "A", "due").unwrap();
    scene.holds("a", &[("A", "due"), ("C", "three")]).await;
    scene.infisical.state().set_imports(&scene.dev("/app"), &[("dev", "/")]).unwrap();
    scene.holds("a", &[("A", "one"), ("B", "two"), ("C", "three")]).await;
    scene.set("B", "heard");
    scene.holds("a", &[("A", "one"), ("B", "heard"), ("C", "three")]).await;
}

#[tokio::test]
async fn what_changed_while_a_stream_was_down_arrives_when_it_is_back() {
    let scene = Scene::new().await;
    let streams = scene.infisical.streams();
    let _operator = scene.start().await;
    scene.infisical_secret("a", hourly()).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    open(&scene, 1).await;
    caught_up(&scene, 1).await;
    for (number, over) in
        [|scene: &Scene| scene.infisical.streams().end(), |scene: &Scene| scene.infisical.streams().cut()].iter().enumerate()
    {
        // Nobody is told of this.
        streams.silence(true);
        let value = format!("unheard-{number}");
        scene.set("A", &value);
        over(&scene);
        streams.silence(false);
        scene.holds("a", &[("A", &value), ("B", "two")]).await;
        open(&scene, 1).await;
    }
    // The server restarts.
    scene.infisical.faults().refuse_connections(true);
    open(&scene, 0).await;
    scene.set("A", "changed-meanwhile");
    scene.infisical.faults().refuse_connections(false);
    scene.holds("a", &[("A", "changed-meanwhile"), ("B", "two")]).await;
    open(&scene, 1).await;
    // Whatever was missed was read; from here on it is heard again.
    scene.set("A", "heard");
    scene.holds("a", &[("A", "heard"), ("B", "two")]).await;
    assert_eq!(scene.infisical.logins(), 1);
}

#[tokio::test]
async fn a_stream_whose_token_was_revoked_comes_back_with_another_one() {
    let scene = Scene::new().await;
    scene.infisical.streams().set_revalidation(Duration::from_millis(50));
    let _operator = scene.start().await;
    scene.infisical_secret("a", hourly()).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    open(&scene, 1).await;
    scene.infisical.state().revoke_tokens(None).unwrap();
    until("another login", async || match scene.infisical.logins() {
        1 => Err("one login"),
        _ => Ok(()),
    })
    .await;
    open(&scene, 1).await;
    scene.set("A", "changed");
    scene.holds("a", &[("A", "changed"), ("B", "two")]).await;
    assert_eq!(scene.infisical.logins(), 2);
}

#[tokio::test]
async fn a_stream_ends_with_the_wish_and_with_the_resource() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    for name in ["a", "b"] {
        scene.infisical_secret(name, hourly()).await;
        scene.synced(name).await;
    }
    open(&scene, 1).await;
    let api: Api<InfisicalSecret> = scene.namespace.api();
    let off = json!({"spec": {"syncConfig": {"instantUpdates": false}}});
    api.patch("a", &PatchParams::default(), &Patch::Merge(off)).await.unwrap();
    scene.synced("a").await;
    assert_eq!(scene.infisical.streams().open(), 1, "b needs it");
    api.delete("b", &DeleteParams::default()).await.unwrap();
    open(&scene, 0).await;
    // The last one ended its session's stream, not the session.
    assert_eq!(scene.infisical.calls().count(Operation::Revoke), 0);
}

/// Nobody came with a token or a credential of another server.
fn only_friends(server: &Server) {
    let strangers: Vec<_> = server.calls().all().into_iter().filter(|call| call.status.is_none_or(|status| status >= 400)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[tokio::test]
async fn a_stream_of_one_tenant_never_reaches_anothers_server() {
    let tls = |config: &mut infisical_dev_server::Config| config.tls = Some(Tls::default());
    let scene = Scene::with(tls).await;
    let other = scene.another_server(tls).await;
    other.state().rotate_client_secret("app", "secret-of-the-other").unwrap();
    other.state().set_secret(&Place::new("shop", "dev", "/"), "A", "other").unwrap();
    let namespace = scene.namespace.name();
    scene.namespace.secret("others", [("clientId", "app-client"), ("clientSecret", "secret-of-the-other")]).await.unwrap();
    scene.namespace.secret("ca", [("ca.crt", scene.infisical.ca_pem().unwrap())]).await.unwrap();
    scene.namespace.secret("other-ca", [("ca.crt", other.ca_pem().unwrap())]).await.unwrap();
    let of = |server: &Server, ca: &str, credentials: &str| -> Value {
        json!({"spec": {
            "hostAPI": server.url(),
            "syncConfig": {"instantUpdates": true, "resyncInterval": "1h"},
            "tls": {"caRef": {"secretName": ca, "secretNamespace": namespace, "key": "ca.crt"}},
            "authentication": {"universalAuth": {"credentialsRef": {"secretName": credentials}}},
        }})
    };
    let _operator = scene.start().await;
    scene.infisical_secret("here", of(&scene.infisical, "ca", "credentials")).await;
    scene.infisical_secret("moving", of(&scene.infisical, "ca", "credentials")).await;
    scene.infisical_secret("there", of(&other, "other-ca", "others")).await;
    scene.holds("there", &[("A", "other"), ("B", "two")]).await;
    scene.holds("moving", &[("A", "one"), ("B", "two")]).await;
    open(&scene, 1).await;
    tokio::time::timeout(super::PATIENCE, other.streams().wait_for_open(1)).await.unwrap();
    // The streams end while a resource moves: each is opened again where it was.
    scene.infisical.streams().end();
    other.streams().end();
    scene.infisical_secret("moving", of(&other, "other-ca", "others")).await;
    scene.holds("moving", &[("A", "other"), ("B", "two")]).await;
    for (server, name) in [(&scene.infisical, "here"), (&other, "there")] {
        let subscribed = server.calls().wait_for_calls(Operation::Subscribe, 2);
        tokio::time::timeout(super::PATIENCE, subscribed).await.unwrap();
        server.state().set_secret(&Place::new("shop", "dev", "/"), "A", name).unwrap();
        scene.holds(name, &[("A", name), ("B", "two")]).await;
        only_friends(server);
        assert_eq!((server.logins(), server.streams().open()), (1, 1));
    }
}
