//! Without events: the interval counts, the resource stays ready, and its user is told why, once.
use super::{PATIENCE, caught_up, hourly, open, ready_says, with_scope};
use infisical_dev_server::{Action, Membership, NO_PLAN, NO_PLAN_OLDER, Operation, Role, Rule, Subject};
use integration::Scene;
use reqwest::Response;
use serde_json::{Value, json};

fn often() -> Value {
    json!({"spec": {"syncConfig": {"instantUpdates": true, "resyncInterval": "5s"}}})
}

#[tokio::test]
async fn a_plan_without_events_is_said_and_the_interval_stays() {
    for words in [NO_PLAN, NO_PLAN_OLDER] {
        let scene = Scene::new().await;
        scene.infisical.streams().refuse_plan(Some(words));
        let operator = scene.start().await;
        scene.infisical_secret("a", often()).await;
        let message = ready_says(&scene, "a", |message| message.contains(words)).await;
        assert!(message.contains("read at the interval") && message.contains("asked again in an hour"), "{message}");
        assert!(scene.event("a", "InstantUpdatesUnavailable").await.contains(words));
        let resource = scene.identity::<api::v1alpha1::InfisicalSecret>("a").await;
        scene.calls(Operation::ListSecrets, 2).await;
        scene.set("A", "polled");
        scene.holds("a", &[("A", "polled"), ("B", "two")]).await;
        assert_eq!(scene.infisical.calls().count(Operation::Subscribe), 1, "it is asked once");
        assert_eq!(scene.identity::<api::v1alpha1::InfisicalSecret>("a").await, resource, "it is said once");
        let events = scene.events("a").await;
        assert_eq!(events.iter().filter(|event| event.reason == "InstantUpdatesUnavailable").count(), 1);
        assert_eq!(operator.metrics().await.sum("infisical_operator_event_streams", &[("state", "refused")]), 1.0);
    }
}

#[tokio::test]
async fn while_others_have_all_streams_it_polls_and_then_takes_the_first_that_is_free() {
    let scene = Scene::new().await;
    let token = scene.access_token().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"projectId": "33333333-4444-4555-8666-777777777777", "register": [{"event": "secret:create"}]}).to_string();
    let mut others: Vec<Response> = Vec::new();
    for _ in 0..5 {
        let request = client.post(format!("{}/api/v1/events/subscribe/project-events", scene.infisical.url()));
        let request = request.bearer_auth(&token).header("content-type", "application/json").body(body.clone());
        others.push(request.send().await.unwrap().error_for_status().unwrap());
    }
    let _operator = scene.start().await;
    scene.infisical_secret("a", often()).await;
    ready_says(&scene, "a", |message| message.contains("Too many active connections")).await;
    assert!(scene.infisical.calls().read(|log| log.with_status(Operation::Subscribe, 429)) >= 1);
    scene.set("A", "polled");
    scene.holds("a", &[("A", "polled"), ("B", "two")]).await;
    drop(others.pop());
    let calls = scene.infisical.calls();
    let subscribed = calls.wait_for(|log| log.with_status(Operation::Subscribe, 200) == 6);
    tokio::time::timeout(PATIENCE, subscribed).await.unwrap();
    open(&scene, 5).await;
    ready_says(&scene, "a", |message| !message.contains("instant")).await;
}

#[tokio::test]
async fn an_identity_that_may_hear_of_a_part_only_hears_of_that() {
    let scene = Scene::new().await;
    let rule = |subject, actions: Vec<Action>| Rule {
        inverted: false,
        subject,
        actions,
        environment: Some("dev".into()),
        secret_path: None,
        secret_name: None,
    };
    let all = vec![Action::SubscribeOnCreated, Action::SubscribeOnUpdated, Action::SubscribeOnDeleted, Action::SubscribeOnImportMutations];
    let member =
        Membership { role: Role::NoAccess, rules: vec![rule(Subject::Secrets, vec![Action::Read]), rule(Subject::SecretEvents, all)] };
    scene.infisical.state().set_membership("shop", "app", Some(member)).unwrap();
    let _operator = scene.start().await;
    // By id: the identity may not look for projects.
    let scope = json!({"projectSlug": null, "projectId": "33333333-4444-4555-8666-777777777777", "secretsPath": "/app"});
    scene.infisical_secret("a", with_scope(hourly(), scope)).await;
    scene.holds("a", &[("C", "three")]).await;
    open(&scene, 1).await;
    caught_up(&scene, 1).await;
    scene.infisical.state().set_secret(&scene.dev("/app"), "C", "heard").unwrap();
    scene.holds("a", &[("C", "heard")]).await;
    let calls = scene.infisical.calls();
    let asked = calls.read(|log| (log.with_status(Operation::Subscribe, 403), log.with_status(Operation::Subscribe, 200)));
    assert_eq!(asked, (1, 1), "the project was refused, the environment was not");
    assert!(!scene.synced("a").await.message.contains("instant"));
}

#[tokio::test]
async fn an_identity_that_may_hear_of_nothing_is_told_which_right_it_lacks() {
    let scene = Scene::new().await;
    let deny = Rule {
        inverted: true,
        subject: Subject::SecretEvents,
        actions: vec![Action::SubscribeOnUpdated],
        environment: None,
        secret_path: None,
        secret_name: None,
    };
    scene.infisical.state().add_rule("shop", "app", deny).unwrap();
    let _operator = scene.start().await;
    scene.infisical_secret("a", often()).await;
    let message = ready_says(&scene, "a", |message| message.contains("Secret Events")).await;
    assert!(message.contains("403"), "{message}");
    scene.set("A", "polled");
    scene.holds("a", &[("A", "polled"), ("B", "two")]).await;
    assert_eq!(scene.infisical.calls().count(Operation::Subscribe), 3, "for the project, the environment and the folder");
}
