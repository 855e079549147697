//! The operator is killed between two effects of a push: nothing is lost, nothing leaks.
use super::*;
use operator::effect::{Effect, Moment};

/// Kills it there while it pushes; then, after a restart, all is pushed, known as ours, and taken away with the resource.
async fn pushes_all_the_same(moment: Moment, effect: Effect) {
    let world = World::new().await;
    world.source(&[("A", "1"), ("B", "2")]).await;
    let mut operator = world.doomed(&[]).await;
    operator.ready().await;
    operator.kill_at(moment, effect);
    world.push("app", replace_and_delete()).await;
    operator.died(moment, effect).await;

    let _operator = world.start().await;
    world.pushed("app").await;
    assert_eq!(world.managed("app").await, ["A", "B"], "{moment} {effect}");
    assert_eq!(world.status("app").await.pending, None);
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

#[tokio::test]
async fn before_and_after_each_effect_of_a_first_push() {
    pushes_all_the_same(Moment::After, Effect::AddFinalizer).await;
    pushes_all_the_same(Moment::After, Effect::CreateSecrets).await;
    pushes_all_the_same(Moment::Before, Effect::CreateSecrets).await;
}

#[tokio::test]
async fn between_the_deletion_at_the_server_and_that_of_the_finalizer() {
    for (moment, effect) in [(Moment::After, Effect::DeleteSecrets), (Moment::Before, Effect::RemoveFinalizer)] {
        let world = World::new().await;
        world.source(&[("A", "1")]).await;
        let mut operator = world.doomed(&[]).await;
        operator.ready().await;
        world.push("app", replace_and_delete()).await;
        world.pushed("app").await;
        operator.kill_at(moment, effect);
        world.delete("app").await;
        operator.died(moment, effect).await;
        let _operator = world.start().await;
        world.is_gone("app").await;
        world.remote_is(&[]).await;
    }
}

/// A value that nobody else knows is not lost when it is made and not yet recorded.
#[tokio::test]
async fn between_the_making_of_a_generated_value_and_its_record() {
    let world = World::new().await;
    world
        .apply(&json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "UUID",
            "metadata": {"name": "u", "namespace": world.namespace.name()}, "spec": {},
        }))
        .await;
    let mut operator = world.doomed(&[]).await;
    operator.ready().await;
    operator.kill_at(Moment::After, Effect::CreateSecrets);
    let push = json!({"secret": null, "generators": [{"destinationSecretName": "G", "generatorRef": {"kind": "UUID", "name": "u"}}]});
    world.push("app", merged(json!({"spec": {"push": push}}), &replace_and_delete())).await;
    operator.died(Moment::After, Effect::CreateSecrets).await;
    let made = world.remote("G");
    assert!(made.is_some());
    let _operator = world.start().await;
    world.pushed("app").await;
    assert_eq!((world.remote("G"), world.managed("app").await), (made, vec!["G".to_owned()]));
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}
