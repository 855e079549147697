//! A resource that is deleted takes away what it wrote, and goes only after that.
use super::*;
use infisical_dev_server::Fault;

const FINALIZER: &str = "pushsecret.secrets.infisical.com/finalizer";

#[tokio::test]
async fn only_what_is_ours_is_deleted_and_finalizers_of_others_stay() {
    let world = World::new().await;
    world.set_remote("EQUAL", "1");
    world.set_remote("THEIRS", "1");
    world.source(&[("A", "1"), ("EQUAL", "1")]).await;
    let _operator = world.start().await;
    world.push("app", merged(replace_and_delete(), &json!({"metadata": {"finalizers": ["example.com/other"]}}))).await;
    world.pushed("app").await;
    assert!(world.resources().get("app").await.unwrap().finalizers().iter().any(|finalizer| finalizer == FINALIZER));
    // Renamed by somebody, who looks after it now.
    world.source(&[("A", "1"), ("EQUAL", "1"), ("RENAMED", "x")]).await;
    world.remote_is(&[("A", "1"), ("EQUAL", "1"), ("RENAMED", "x"), ("THEIRS", "1")]).await;
    world.delete("app").await;
    world.remote_is(&[("EQUAL", "1"), ("THEIRS", "1")]).await;
    until("our finalizer to go", async || {
        let resource = world.resources().get("app").await.map_err(|error| error.to_string())?;
        if resource.finalizers() == ["example.com/other"] { Ok(()) } else { Err(format!("{:?}", resource.finalizers())) }
    })
    .await;
    let patch = json!({"metadata": {"finalizers": null}});
    world.resources().patch("app", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    world.is_gone("app").await;
}

/// What was pushed before the policy said so goes too; and a restored object has no finalizer.
#[tokio::test]
async fn a_policy_that_comes_later_and_a_finalizer_that_is_lost_leave_nothing_behind() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", json!({"spec": {"updatePolicy": "Replace"}})).await;
    world.pushed("app").await;
    assert!(world.resources().get("app").await.unwrap().finalizers().is_empty());
    let guarded = async || {
        until("our finalizer", async || {
            let resource = world.resources().get("app").await.map_err(|error| error.to_string())?;
            if resource.finalizers() == [FINALIZER] { Ok(()) } else { Err(format!("{:?}", resource.finalizers())) }
        })
        .await;
    };
    world.patch("app", json!({"deletionPolicy": "Delete"})).await;
    guarded().await;
    let patch = json!({"metadata": {"finalizers": null}});
    world.resources().patch("app", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    world.look_again("app").await;
    guarded().await;
    assert_eq!(world.writes(), 1);
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

#[tokio::test]
async fn while_the_server_is_down_the_resource_stays_and_says_so() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.infisical.faults().on(Operation::WriteSecret, Fault::Status(500));
    world.delete("app").await;
    let message = world.ready_if("app", "app to say so", |ready| ready.status == "False").await.message;
    assert!(message.contains("it is deleted as soon as A are deleted in Infisical") && message.contains("deletionPolicy"), "{message}");
    let event = world.event("app", "ServerError").await;
    assert!(event.contains("deletionPolicy"), "{event}");
    assert_eq!(world.resources().get("app").await.unwrap().finalizers(), [FINALIZER]);
    world.infisical.faults().clear();
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

/// The server may have been slow rather than down.
#[tokio::test]
async fn a_write_that_was_cut_off_is_waited_for_and_taken_away_when_it_arrives() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.infisical.faults().on(Operation::WriteSecret, Fault::Status(504));
    let is_cut_off = async |name: &str| {
        world.push(name, replace_and_delete()).await;
        world.ready_if(name, "a failure", |ready| ready.status == "False").await;
        world.delete(name).await;
        let message = world.ready_is(name, "Unknown", "WriteCutOff").await.message;
        assert!(message.contains("A were written") && message.contains("until") && message.contains("deletionPolicy"), "{message}");
    };
    is_cut_off("let-go").await;
    world.patch("let-go", json!({"deletionPolicy": "None"})).await;
    world.is_gone("let-go").await;
    is_cut_off("app").await;
    world.infisical.faults().clear();
    world.set_remote("A", "1");
    world.annotate("app", "secrets.infisical.com/resync", "1").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

/// In a namespace that is deleted, its Secrets may go first.
#[tokio::test]
async fn credentials_that_go_first_hold_nothing_up() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.delete_secret("source").await;
    world.delete_secret("credentials").await;
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

#[tokio::test]
async fn where_nobody_can_log_in_any_more_the_user_is_told_and_can_let_go() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    operator.stop().await;
    world.delete_secret("credentials").await;
    world.delete("app").await;
    let _operator = world.start().await;
    world.ready_if("app", "app to say so", |ready| ready.reason == "SecretNotFound" && ready.message.contains("deletionPolicy")).await;
    world.patch("app", json!({"deletionPolicy": "None"})).await;
    world.is_gone("app").await;
    world.remote_is(&[("A", "1")]).await;
}

/// A folder that is gone holds nothing of ours.
#[tokio::test]
async fn a_folder_that_is_gone_holds_no_deletion_up() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.infisical.state().delete_folder(&world.place()).unwrap();
    world.delete("app").await;
    world.is_gone("app").await;
}

/// The peer's operator logs in wherever another resource did last.
#[tokio::test]
async fn clean_up_goes_to_the_resource_s_own_server_after_a_restart() {
    let world = World::new().await;
    let other = world.another_server(|_| {}).await;
    world.source(&[("A", "1")]).await;
    let operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    operator.stop().await;
    world.delete("app").await;
    let _operator = world.start().await;
    world.push("elsewhere", json!({"spec": {"hostAPI": other.url(), "destination": {"secretsPath": "/"}}})).await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
    // The key is there already, so it only reads.
    world.pushed("elsewhere").await;
    assert_eq!(other.calls().count(Operation::WriteSecret), 0);
}
