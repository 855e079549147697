//! A generated value is made once and kept.
use super::*;

impl World {
    /// A Password of this namespace with this length.
    async fn password(&self, length: u32) {
        self.apply(&json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password",
            "metadata": {"name": "p", "namespace": self.namespace.name()}, "spec": {"length": length},
        }))
        .await;
    }

    async fn generated(&self, changes: Value) {
        let push =
            json!({"secret": null, "generators": [{"destinationSecretName": "G", "generatorRef": {"kind": "Password", "name": "p"}}]});
        self.push("app", merged(json!({"spec": {"push": push}}), &changes)).await;
    }

    async fn another(&self, before: &str) -> String {
        until("another value", async || match self.remote("G") {
            Some(value) if value != before => Ok(value),
            other => Err(format!("{:?}", other.is_some())),
        })
        .await
    }
}

#[tokio::test]
async fn a_value_is_made_once_whatever_passes_and_restarts_come_and_anew_when_asked() {
    let world = World::new().await;
    world.password(12).await;
    let operator = world.start().await;
    world.generated(replace_and_delete()).await;
    world.pushed("app").await;
    let first = world.remote("G").unwrap();
    assert_eq!(first.chars().count(), 12);
    world.look_again("app").await;
    operator.stop().await;
    let _operator = world.start().await;
    world.look_again("app").await;
    assert_eq!((world.remote("G").as_ref(), world.writes()), (Some(&first), 1));
    // A default that is written out is no other setting; another length is.
    world.password(16).await;
    let second = world.another(&first).await;
    assert_eq!(second.chars().count(), 16);
    world.annotate("app", "secrets.infisical.com/regenerate", "1").await;
    let third = world.another(&second).await;
    world.pushed("app").await;
    world.look_again("app").await;
    assert_eq!((world.remote("G"), world.writes()), (Some(third), 3));
}

#[tokio::test]
async fn without_replace_a_value_that_is_there_stays_and_that_is_said() {
    let world = World::new().await;
    world.password(12).await;
    let _operator = world.start().await;
    world.generated(json!({})).await;
    world.pushed("app").await;
    let first = world.remote("G").unwrap();
    world.password(16).await;
    let ready = world.ready_if("app", "a warning", |ready| ready.message.contains("warning")).await;
    assert!(ready.status == "True" && ready.message.contains('G') && ready.message.contains("updatePolicy"), "{}", ready.message);
    assert_eq!((world.remote("G").unwrap(), world.writes()), (first, 1));
}

#[tokio::test]
async fn a_generator_that_is_not_there_holds_up_nothing_else_and_its_making_is_noticed() {
    let world = World::new().await;
    world.source(&[("A", "1"), ("G", "from the Secret")]).await;
    let _operator = world.start().await;
    let secret = json!({"secretName": "source", "secretNamespace": world.namespace.name()});
    world.generated(json!({"spec": {"push": {"secret": secret}}})).await;
    let message = world.fails("app", "GeneratorNotFound").await;
    assert!(message.contains("spec.push.generators[0].generatorRef"), "{message}");
    world.remote_is(&[("A", "1")]).await;
    world.password(12).await;
    world.pushed("app").await;
    assert_eq!(world.remote("G").unwrap().chars().count(), 12);
}
