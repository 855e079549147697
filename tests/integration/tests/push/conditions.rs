//! What a resource says: the conditions of the peer, with its polarity where tooling goes by it, and `Ready`.
use super::*;
use infisical_dev_server::{Action, Fault, Rule, Subject};

impl World {
    async fn condition_is(&self, kind: &str, status: &str) -> String {
        let kind = format!("secrets.infisical.com/{kind}");
        until(format_args!("{kind}={status}"), async || {
            let conditions = self.status("app").await.conditions;
            let found = conditions.into_iter().find(|condition| condition.type_ == kind).ok_or("it is missing")?;
            if found.status == status { Ok(found.message) } else { Err(format!("{found:?}")) }
        })
        .await
    }

    fn deny(&self, action: Action) {
        let rule = Rule {
            inverted: true,
            subject: Subject::Secrets,
            actions: vec![action],
            environment: None,
            secret_path: None,
            secret_name: None,
        };
        self.infisical.state().add_rule("shop", "app", rule).unwrap();
    }
}

#[tokio::test]
async fn every_condition_says_what_its_name_says() {
    let world = World::new().await;
    world.set_remote("THEIRS", "x");
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.pushed("app").await;
    for kind in ["Reconcile", "FailedToCreateSecrets", "FailedToUpdateSecrets", "FailedToReplaceSecrets", "FailedToDeleteSecrets"] {
        world.condition_is(kind, "False").await;
    }
    world.condition_is("Authenticated", "True").await;

    [Action::Create, Action::Edit, Action::Delete].into_iter().for_each(|action| world.deny(action));
    world.source(&[("A", "2"), ("B", "3"), ("THEIRS", "y")]).await;
    let message = world.fails("app", "PermissionDenied").await;
    assert!(message.contains("create on secrets"), "{message}");
    assert!(world.condition_is("FailedToCreateSecrets", "True").await.contains('B'));
    assert!(world.condition_is("FailedToUpdateSecrets", "True").await.contains('A'));
    assert!(world.condition_is("FailedToReplaceSecrets", "True").await.contains("THEIRS"));
    world.condition_is("FailedToDeleteSecrets", "False").await;
    world.condition_is("Reconcile", "True").await;
    world.condition_is("Authenticated", "True").await;
}

/// Calls are batches, which the server takes or refuses as a whole.
#[tokio::test]
async fn a_secret_that_is_refused_is_named_and_the_others_are_pushed() {
    let world = World::new().await;
    let rule = Rule {
        inverted: true,
        subject: Subject::Secrets,
        actions: vec![Action::Create],
        environment: None,
        secret_path: None,
        secret_name: Some("FORBIDDEN".into()),
    };
    world.infisical.state().add_rule("shop", "app", rule).unwrap();
    let names: Vec<_> = (0..20).map(|number| format!("K{number}")).collect();
    let mut data: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).chain([("FORBIDDEN", "v")]).collect();
    world.source(&data).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    let message = world.fails("app", "PermissionDenied").await;
    assert!(message.contains("Infisical refuses to create FORBIDDEN: ") && message.contains("create on secrets"), "{message}");
    assert!(world.condition_is("FailedToCreateSecrets", "True").await.ends_with(": FORBIDDEN"));
    assert_eq!((world.all_remote().len(), world.managed("app").await.len()), (20, 20));
    assert_eq!(world.status("app").await.pending, None);
    let writes = world.writes();
    assert!(writes <= 1 + 2 * 5, "{writes} calls for one of 21");

    // From then on it costs a call of its own.
    data.push(("MORE", "v"));
    world.source(&data).await;
    until("both calls", async || if world.writes() == writes + 2 { Ok(()) } else { Err(world.writes()) }).await;
    assert_eq!(world.remote("MORE").as_deref(), Some("v"));
    world.infisical.state().set_membership("shop", "app", Some(Membership { role: Role::Member, rules: Vec::new() })).unwrap();
    world.annotate("app", "secrets.infisical.com/resync", "1").await;
    world.pushed("app").await;
    assert_eq!(world.all_remote().len(), 22);
    world.condition_is("FailedToCreateSecrets", "False").await;
}

#[tokio::test]
async fn an_outage_is_said_and_made_good_and_a_wrong_login_is_another_fault() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    for fault in [Fault::Status(502), Fault::Cut, Fault::Html] {
        world.infisical.faults().next(Operation::WriteSecret, 1, fault);
    }
    world.push("app", replace_and_delete()).await;
    world.ready_if("app", "an outage", |ready| ready.status == "False").await;
    world.pushed("app").await;
    world.remote_is(&[("A", "1")]).await;
    // The answer that was cut off was of a write that was made.
    assert_eq!(world.managed("app").await, ["A"]);
    world.secret_of("credentials", &[("clientId", "app-client"), ("clientSecret", "wrong")]).await;
    world.fails("app", "LoginFailed").await;
    world.condition_is("Authenticated", "False").await;
}

#[tokio::test]
async fn credentials_that_are_gone_are_a_failed_login_and_a_source_that_is_gone_is_none() {
    let world = World::new().await;
    world.source(&[("A", "1")]).await;
    let _operator = world.start().await;
    world.push("app", json!({})).await;
    world.pushed("app").await;
    world.delete_secret("source").await;
    world.fails("app", "SecretNotFound").await;
    world.condition_is("Authenticated", "True").await;
    world.delete_secret("credentials").await;
    let message = world.condition_is("Authenticated", "False").await;
    assert!(message.contains("credentialsRef") && message.contains("create it"), "{message}");
}

/// Somebody creates a secret between the read and the write.
#[tokio::test]
async fn a_write_that_finds_the_folder_changed_is_decided_anew() {
    let world = World::new().await;
    world.source(&[("A", "1"), ("B", "2")]).await;
    world.infisical.faults().on(Operation::WriteSecret, Fault::Hang);
    let _operator = world.start().await;
    world.push("app", json!({})).await;
    until("a write to hang", async || {
        if world.infisical.calls().read(|log| log.in_flight()) > 0 && world.status("app").await.pending.is_some() {
            Ok(())
        } else {
            Err("none")
        }
    })
    .await;
    world.set_remote("A", "theirs");
    world.infisical.faults().clear();
    world.remote_is(&[("A", "theirs"), ("B", "2")]).await;
    world.pushed("app").await;
    assert_eq!(world.managed("app").await, ["B"]);
}
