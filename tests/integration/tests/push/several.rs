//! Two resources that push one secret to one folder: one has it, the other says so.
use super::*;

impl World {
    async fn young_and_old(&self) {
        self.secret_of("source", &[("K", "old"), ("A", "1")]).await;
        self.secret_of("source-2", &[("K", "young"), ("B", "2")]).await;
    }

    fn young(&self) -> Value {
        merged(replace_and_delete(), &json!({"spec": {"push": {"secret": {"secretName": "source-2"}}}}))
    }
}

#[tokio::test]
async fn the_first_keeps_it_and_the_other_takes_over_when_it_lets_go() {
    let world = World::new().await;
    world.young_and_old().await;
    let operator = world.start().await;
    world.push("old", replace_and_delete()).await;
    world.pushed("old").await;
    world.push("young", world.young()).await;
    let message = world.fails("young", "SecretClaimed").await;
    assert!(message.contains('K') && message.contains("another InfisicalPushSecret"), "{message}");
    world.remote_is(&[("A", "1"), ("B", "2"), ("K", "old")]).await;
    // The same after a restart, whoever comes first.
    operator.stop().await;
    let writes = world.writes();
    let _operator = world.start().await;
    world.look_again("young").await;
    world.look_again("old").await;
    world.fails("young", "SecretClaimed").await;
    assert_eq!(world.writes(), writes);
    // What the other wants is not deleted for it.
    world.delete("old").await;
    world.is_gone("old").await;
    world.pushed("young").await;
    world.remote_is(&[("B", "2"), ("K", "young")]).await;
}
