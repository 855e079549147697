//! What is overwritten and deleted is what the policies say, at first and later.
use super::*;

#[tokio::test]
async fn without_policies_nothing_is_ever_overwritten_or_deleted() {
    let world = World::new().await;
    world.set_remote("THEIRS", "before");
    world.source(&[("NEW", "1"), ("THEIRS", "mine")]).await;
    let _operator = world.start().await;
    world.push("app", json!({})).await;
    let ready = world.pushed("app").await;
    world.remote_is(&[("NEW", "1"), ("THEIRS", "before")]).await;
    assert!(ready.message.contains("warning") && ready.message.contains("THEIRS"), "{}", ready.message);
    assert_eq!(world.managed("app").await, ["NEW"]);

    // Not even what this resource made, and drift stays; what is missing is made.
    world.source(&[("NEW", "2"), ("MORE", "3"), ("THEIRS", "mine")]).await;
    world.remote_is(&[("MORE", "3"), ("NEW", "1"), ("THEIRS", "before")]).await;
    world.source(&[("MORE", "3")]).await;
    world.look_again("app").await;
    world.pushed("app").await;
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[("MORE", "3"), ("NEW", "1"), ("THEIRS", "before")]).await;
}

#[tokio::test]
async fn with_replace_what_differs_is_overwritten_and_drift_reverted() {
    let world = World::new().await;
    world.set_remote("THEIRS", "before");
    world.set_remote("EQUAL", "same");
    world.source(&[("NEW", "1"), ("THEIRS", "mine"), ("EQUAL", "same")]).await;
    let _operator = world.start().await;
    world.push("app", json!({"spec": {"updatePolicy": "Replace", "resyncInterval": "5s"}})).await;
    world.remote_is(&[("EQUAL", "same"), ("NEW", "1"), ("THEIRS", "mine")]).await;
    world.pushed("app").await;
    assert_eq!(world.managed("app").await, ["NEW", "THEIRS"]);
    world.set_remote("NEW", "drift");
    world.remote_is(&[("EQUAL", "same"), ("NEW", "1"), ("THEIRS", "mine")]).await;
    // Deleted by somebody: made again.
    world.infisical.state().delete_secret(&world.place(), "NEW").unwrap();
    world.remote_is(&[("EQUAL", "same"), ("NEW", "1"), ("THEIRS", "mine")]).await;
}

#[tokio::test]
async fn a_key_that_is_gone_is_deleted_only_with_delete_and_only_if_it_is_ours() {
    let world = World::new().await;
    world.set_remote("THEIRS", "1");
    world.source(&[("A", "1"), ("B", "2"), ("THEIRS", "1")]).await;
    let _operator = world.start().await;
    world.push("app", json!({})).await;
    world.remote_is(&[("A", "1"), ("B", "2"), ("THEIRS", "1")]).await;
    world.pushed("app").await;
    world.source(&[("A", "1")]).await;
    world.look_again("app").await;
    world.pushed("app").await;
    world.remote_is(&[("A", "1"), ("B", "2"), ("THEIRS", "1")]).await;
    world.patch("app", json!({"deletionPolicy": "Delete"})).await;
    world.remote_is(&[("A", "1"), ("THEIRS", "1")]).await;
    world.pushed("app").await;
    assert_eq!(world.managed("app").await, ["A"]);
}

/// Drift is looked for at the interval; without one only when there is a cause.
#[tokio::test]
async fn a_quiet_resource_reads_and_writes_nothing() {
    let world = World::new().await;
    world.source(&[("A", "1"), ("B", "2")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.remote_is(&[("A", "1"), ("B", "2")]).await;
    // One batch.
    assert_eq!(world.writes(), 1);
    let version = world.resources().get("app").await.unwrap().resource_version();
    world.look_again("app").await;
    let after = world.resources().get("app").await.unwrap();
    assert_eq!((world.writes(), after.status.unwrap().managed_secrets.unwrap().len()), (1, 2));
    assert_ne!(after.metadata.resource_version, version, "the annotation was written");
    let secret: Api<Secret> = world.namespace.api();
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    secret.patch("source", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    world.look_again("app").await;
    assert_eq!(world.writes(), 1);
}
