//! A source that is missing, fails or is suddenly empty deletes nothing; any change of it is seen at once.
use super::*;

#[tokio::test]
async fn a_missing_or_emptied_source_or_a_template_that_fails_deletes_nothing() {
    let world = World::new().await;
    world.source(&[("A", "1"), ("B", "2")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.remote_is(&[("A", "1"), ("B", "2")]).await;
    world.pushed("app").await;

    world.source(&[]).await;
    let message = world.fails("app", "SourceEmpty").await;
    assert!(message.contains("A, B") && message.contains("nothing is deleted"), "{message}");
    world.delete_secret("source").await;
    let message = world.fails("app", "SecretNotFound").await;
    assert!(message.contains("spec.push.secret: there is no Secret") && message.contains("create it"), "{message}");
    world.remote_is(&[("A", "1"), ("B", "2")]).await;

    world.source(&[("A", "1"), ("B", "2")]).await;
    world.pushed("app").await;
    world.patch("app", json!({"push": {"secret": {"template": {"data": {"ONLY": "{{ fail \"no\" }}"}}}}})).await;
    let message = world.fails("app", "TemplateFailed").await;
    assert!(message.contains("spec.push.secret.template") && message.contains("nothing is pushed or deleted"), "{message}");
    world.remote_is(&[("A", "1"), ("B", "2")]).await;
    world.patch("app", json!({"push": {"secret": {"template": {"data": {"ONLY": "{{ .A.Value }}!"}}}}})).await;
    world.remote_is(&[("ONLY", "1!")]).await;
    world.pushed("app").await;
}

/// The peer writes `<no value>` and says that all is well.
#[tokio::test]
async fn a_template_that_names_what_is_not_there_warns_or_fails_as_it_is_told() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    let template = |more: Value| merged(json!({"data": {"X": "{{ .NOPE.Value }}"}}), &more);
    world.push("app", json!({"spec": {"push": {"secret": {"template": template(json!({"missingKey": "error"}))}}}})).await;
    world.fails("app", "TemplateFailed").await;
    assert_eq!(world.all_remote().len(), 0);
    world.push("app", json!({"spec": {"push": {"secret": {"template": template(json!({"missingKey": "default"}))}}}})).await;
    let ready = world.pushed("app").await;
    assert!(ready.message.contains("warning") && ready.message.contains("<no value>"), "{}", ready.message);
}

/// Values of random functions are made once, as in targets.
#[tokio::test]
async fn a_rendered_random_value_is_pushed_once() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    let template = json!({"data": {"RANDOM": "{{ randAlphaNum 20 }}"}});
    world.push("app", json!({"spec": {"updatePolicy": "Replace", "push": {"secret": {"template": template}}}})).await;
    world.pushed("app").await;
    let value = world.remote("RANDOM");
    world.look_again("app").await;
    assert_eq!((world.remote("RANDOM"), world.writes()), (value.clone(), 1));
    // The source is another one now.
    world.source(&[("A", "2")]).await;
    until("another value", async || if world.remote("RANDOM") == value { Err("the same") } else { Ok(()) }).await;
}

/// The version of a Secret moves with its labels too.
#[tokio::test]
async fn a_label_on_the_secret_makes_no_rendered_value_anew_and_its_data_does() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let operator = world.start().await;
    let template = json!({"data": {"RANDOM": "{{ randAlphaNum 20 }}"}});
    world.push("app", merged(replace_and_delete(), &json!({"spec": {"push": {"secret": {"template": template}}}}))).await;
    world.pushed("app").await;
    let value = world.remote("RANDOM");
    let label = async |value: &str| {
        let api: Api<Secret> = world.namespace.api();
        let patch = json!({"metadata": {"labels": {"team": value}, "annotations": {"note": value}}});
        api.patch("source", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    label("a").await;
    world.look_again("app").await;
    operator.stop().await;
    let operator = world.start().await;
    world.look_again("app").await;
    world.pushed("app").await;
    assert_eq!((&world.remote("RANDOM"), world.writes()), (&value, 1));

    // While no operator runs, nobody knows what was written to it: the value stays, and that is said.
    operator.stop().await;
    label("b").await;
    let _operator = world.start().await;
    let event = world.event("app", "ValueKept").await;
    assert!(event.contains("RANDOM") && event.contains("secrets.infisical.com/regenerate"), "{event}");
    world.look_again("app").await;
    assert_eq!((&world.remote("RANDOM"), world.writes()), (&value, 1));
    world.source(&[("A", "2")]).await;
    until("another value", async || if world.remote("RANDOM") == value { Err("the same") } else { Ok(()) }).await;
}

/// Who asks for a fresh look gets it, whatever comes between.
#[tokio::test]
async fn a_forced_look_that_fails_is_made_up_for() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.set_remote("A", "drift");
    world.infisical.faults().next(Operation::ListSecrets, 2, infisical_dev_server::Fault::Status(502));
    world.annotate("app", "secrets.infisical.com/resync", "1").await;
    world.remote_is(&[("A", "1")]).await;
    world.pushed("app").await;
}

#[tokio::test]
async fn unrelated_secrets_and_spec_errors_are_told_apart() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("path", json!({"spec": {"destination": {"secretsPath": "/a/../b"}}})).await;
    let message = world.fails("path", "InvalidScope").await;
    assert!(message.contains("spec.destination.secretsPath"), "{message}");
    // As the peer stores a block that nobody filled in.
    world.push("nothing", json!({"spec": {"push": {"secret": {"secretName": "", "secretNamespace": ""}}}})).await;
    world.fails("nothing", "InvalidSpec").await;
    assert_eq!(world.infisical.calls().total(), 0);
    world.push("app", json!({})).await;
    world.pushed("app").await;
    let calls = world.infisical.calls().total();
    world.secret_of("unrelated", &[("A", "1")]).await;
    // A change of the source is seen after that of the other Secret, which caused nothing.
    world.source(&[("A", "1"), ("B", "2")]).await;
    world.remote_is(&[("A", "1"), ("B", "2")]).await;
    assert!(world.infisical.calls().total() <= calls + 2, "a read and a write");
}
