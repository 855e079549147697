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

impl World {
    fn approve(&self, request: usize) {
        self.infisical.state().approve(&self.place(), &self.requests()[request].0).unwrap();
    }

    /// Waits until so many requests are open.
    async fn open_requests(&self, count: usize) {
        until(format_args!("{count} open requests"), async || {
            let found = self.requests().len();
            if found == count { Ok(()) } else { Err(found.to_string()) }
        })
        .await;
    }
}

/// Nobody can make the same value again, so that the approval shows in what is there.
#[tokio::test]
async fn an_approved_update_of_a_generated_value_is_not_asked_for_again() {
    let world = World::new().await;
    let password = async |length: u32| {
        world
            .apply(&json!({
                "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password",
                "metadata": {"name": "p", "namespace": world.namespace.name()}, "spec": {"length": length},
            }))
            .await;
    };
    password(12).await;
    let operator = world.start().await;
    let push = json!({"secret": null, "generators": [{"destinationSecretName": "G", "generatorRef": {"kind": "Password", "name": "p"}}]});
    world.push("app", merged(json!({"spec": {"push": push}}), &replace_and_delete())).await;
    world.pushed("app").await;
    world.infisical.state().set_approvals("shop", "dev", &["/push"]).unwrap();
    let is_approved = async |length: usize| {
        world.look_again("app").await;
        world.pushed("app").await;
        world.look_again("app").await;
        assert_eq!((world.remote("G").unwrap().len(), world.requests().len()), (length, 0));
        assert!(world.status("app").await.approval.is_none());
    };

    password(16).await;
    world.open_requests(1).await;
    world.ready_is("app", "Unknown", "ApprovalPending").await;
    world.look_again("app").await;
    world.approve(0);
    is_approved(16).await;

    // As well when the process that knew the value is gone, and it is approved while none runs or after that.
    password(20).await;
    world.open_requests(1).await;
    world.ready_is("app", "Unknown", "ApprovalPending").await;
    operator.stop().await;
    world.approve(0);
    let operator = world.start().await;
    is_approved(20).await;

    password(24).await;
    world.open_requests(1).await;
    world.ready_is("app", "Unknown", "ApprovalPending").await;
    operator.stop().await;
    let _operator = world.start().await;
    world.look_again("app").await;
    world.open_requests(1).await;
    world.approve(0);
    is_approved(24).await;
    assert_eq!(world.writes(), 4);
    // It is ours as before.
    world.infisical.state().set_approvals("shop", "dev", &[]).unwrap();
    world.delete("app").await;
    world.is_gone("app").await;
    world.remote_is(&[]).await;
}

/// Infisical tells nobody but users of a rejection.
#[tokio::test]
async fn what_was_rejected_is_not_asked_for_again_until_it_is_another_value() {
    let world = guarded().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.ready_is("app", "Unknown", "ApprovalPending").await;
    world.infisical.state().reject(&world.place(), &world.requests()[0].0).unwrap();
    world.look_again("app").await;
    // A label is no other value.
    let secret: Api<Secret> = world.namespace.api();
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    secret.patch("source", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    world.look_again("app").await;
    assert_eq!((world.requests().len(), world.writes()), (0, 1));
    world.ready_is("app", "Unknown", "ApprovalPending").await;
    world.source(&[("A", "2")]).await;
    world.open_requests(1).await;
    world.approve(0);
    world.look_again("app").await;
    world.pushed("app").await;
    world.remote_is(&[("A", "2")]).await;
}

/// A creation that nobody has approved holds no deletion up: Infisical would not tell that it was rejected.
#[tokio::test]
async fn a_creation_that_waits_is_looked_for_before_its_resource_goes_and_else_said_to_be_open() {
    let world = guarded().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("approved", replace_and_delete()).await;
    world.ready_is("approved", "Unknown", "ApprovalPending").await;
    world.approve(0);
    world.infisical.state().set_approvals("shop", "dev", &[]).unwrap();
    world.delete("approved").await;
    world.is_gone("approved").await;
    world.remote_is(&[]).await;

    world.infisical.state().set_approvals("shop", "dev", &["/push"]).unwrap();
    world.push("open", replace_and_delete()).await;
    world.ready_is("open", "Unknown", "ApprovalPending").await;
    let request = world.requests()[0].0.clone();
    // As when it is no longer wanted.
    world.source(&[("A", "1"), ("B", "2")]).await;
    world.open_requests(2).await;
    world.source(&[("A", "1")]).await;
    let event = world.event("open", "ApprovalUnwanted").await;
    assert!(event.contains("create B"), "{event}");
    world.delete("open").await;
    world.is_gone("open").await;
    let event = world.event("open", "ApprovalLeftOpen").await;
    assert!(event.contains("create A") && event.contains(&request) && event.contains("reject it"), "{event}");
}
