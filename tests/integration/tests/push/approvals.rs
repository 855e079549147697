//! Where a policy asks for an approval nothing is written; that is said, and asked for once.
use super::*;

async fn guarded() -> World {
    let world = World::new().await;
    world.infisical.state().set_approvals("shop", "dev", &["/push"]).unwrap();
    world
}

impl World {
    fn requests(&self) -> Vec<(String, Vec<String>)> {
        self.infisical.state().requests(&self.place())
    }
}

#[tokio::test]
async fn what_waits_is_said_and_not_asked_for_again_until_it_changes() {
    let world = guarded().await;
    world.source(&[("A", "1"), ("B", "2")]).await;
    let operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    let waiting = world.ready_is("app", "Unknown", "ApprovalPending").await;
    let [(request, keys)] = &world.requests()[..] else { panic!("one request is expected") };
    assert_eq!(keys, &["A", "B"]);
    assert!(waiting.message.contains("create A, create B") && waiting.message.contains(request), "{}", waiting.message);
    world.look_again("app").await;
    assert_eq!(world.writes(), 1);

    // Nor by the next process.
    operator.stop().await;
    let _operator = world.start().await;
    world.look_again("app").await;
    assert_eq!((world.writes(), world.requests().len()), (1, 1));

    // Another value is another request.
    world.source(&[("A", "1"), ("B", "3")]).await;
    until("a second request", async || if world.requests().len() == 2 { Ok(()) } else { Err("none") }).await;

    let requests = world.requests();
    world.infisical.state().approve(&world.place(), &requests[1].0).unwrap();
    world.infisical.state().reject(&world.place(), &requests[0].0).unwrap();
    world.look_again("app").await;
    world.pushed("app").await;
    assert_eq!(world.managed("app").await, ["A", "B"]);
    assert!(world.status("app").await.approval.is_none());
}

#[tokio::test]
async fn a_deletion_that_waits_for_an_approval_keeps_the_resource() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    world.infisical.state().set_approvals("shop", "dev", &["/push"]).unwrap();
    world.delete("app").await;
    let waiting = world.ready_if("app", "app to wait", |ready| ready.reason == "ApprovalPending").await;
    assert!(waiting.message.contains("delete A"), "{}", waiting.message);
    world.annotate("app", "secrets.infisical.com/resync", "1").await;
    let [(request, _)] = &world.requests()[..] else { panic!("one request is expected") };
    world.infisical.state().approve(&world.place(), request).unwrap();
    world.annotate("app", "secrets.infisical.com/resync", "2").await;
    world.is_gone("app").await;
    assert_eq!(world.writes(), 2);
}
