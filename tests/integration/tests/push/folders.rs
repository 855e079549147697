//! Folders: one that does not exist, and another one than before.
use super::*;

#[tokio::test]
async fn a_folder_that_does_not_exist_is_not_made_and_its_making_is_noticed() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", json!({"spec": {"destination": {"secretsPath": "/nowhere"}}})).await;
    let message = world.fails("app", "FolderNotFound").await;
    assert!(message.contains("spec.destination") && message.contains("/nowhere") && message.contains("create the folder"), "{message}");
    assert_eq!(world.writes(), 0);
    let folder = world.dev("/nowhere");
    world.infisical.state().create_folder(&folder).unwrap();
    // A failure that is younger than a second is not looked past.
    let mut count = 0;
    until("the folder to be noticed", async || {
        count += 1;
        world.annotate("app", "secrets.infisical.com/resync", &count.to_string()).await;
        world.infisical.state().value(&folder, "A").ok_or("nothing is pushed")
    })
    .await;
    world.pushed("app").await;
}

#[tokio::test]
async fn what_was_pushed_to_the_folder_of_before_is_taken_along_or_left_as_the_policy_says() {
    let world = World::new().await;
    let next = world.dev("/next");
    world.infisical.state().create_folder(&next).unwrap();
    world.set_remote("THEIRS", "1");
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.remote_is(&[("A", "1"), ("THEIRS", "1")]).await;
    world.pushed("app").await;
    world.patch("app", json!({"destination": {"secretsPath": "/next"}})).await;
    world.remote_is(&[("THEIRS", "1")]).await;
    world.pushed("app").await;
    assert_eq!(world.infisical.state().value(&next, "A").as_deref(), Some("1"));
    world.patch("app", json!({"deletionPolicy": "None", "destination": {"secretsPath": "/push"}})).await;
    world.remote_is(&[("A", "1"), ("THEIRS", "1")]).await;
    world.pushed("app").await;
    assert_eq!(world.infisical.state().value(&next, "A").as_deref(), Some("1"));
    assert_eq!(world.status("app").await.pushed_to.unwrap().secrets_path.as_deref(), Some("/push"));
}
