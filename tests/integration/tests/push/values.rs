//! Values are compared as the server keeps them, and every text can be pushed.
use super::*;

#[tokio::test]
async fn a_value_that_the_server_trims_is_pushed_once_and_an_empty_one_is_a_value() {
    let world = World::new().await;
    world.source(&[("EMPTY", ""), ("FULL", "x"), ("LINES", "\n a\n\n"), ("REFERENCE", "${FULL}"), ("SPACE", "a ")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    let stored = [("EMPTY", ""), ("FULL", "x"), ("LINES", "a\n"), ("REFERENCE", "${FULL}"), ("SPACE", "a")];
    world.remote_is(&stored).await;
    world.pushed("app").await;
    world.look_again("app").await;
    world.pushed("app").await;
    assert_eq!(world.writes(), 1);
    // An update to the empty text arrives.
    world.source(&[("EMPTY", ""), ("FULL", ""), ("LINES", "a\n"), ("REFERENCE", "${FULL}"), ("SPACE", "a")]).await;
    world.remote_is(&[("EMPTY", ""), ("FULL", ""), ("LINES", "a\n"), ("REFERENCE", "${FULL}"), ("SPACE", "a")]).await;
    assert_eq!(world.writes(), 2);
}

#[tokio::test]
async fn a_value_that_is_no_text_holds_up_no_other_and_says_what_to_do() {
    let world = World::new().await;
    let mut secret = Secret::default();
    secret.metadata.name = Some("source".into());
    let data = [("BINARY", &b"\xff\xfe-canary"[..]), ("TEXT", b"t")];
    secret.data = Some(data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.to_vec()))).collect());
    world.namespace.api::<Secret>().create(&PostParams::default(), &secret).await.unwrap();
    let _operator = world.start().await;
    world.push("app", json!({})).await;
    let message = world.fails("app", "InvalidValue").await;
    assert!(message.contains("key \"BINARY\"") && message.contains("encodeBase64") && !message.contains("canary"), "{message}");
    world.remote_is(&[("TEXT", "t")]).await;
    let template =
        json!({"data": {"BINARY": "{{ encodeBase64 .BINARY.Value }}", "WHERE": "{{ .TEXT.SecretPath }}"}, "includeAllSecrets": true});
    world.patch("app", json!({"push": {"secret": {"template": template}}})).await;
    world.pushed("app").await;
    assert_eq!((world.remote("WHERE").as_deref(), world.remote("BINARY").as_deref()), (Some("/push"), Some("//4tY2FuYXJ5")));
}

#[tokio::test]
async fn older_servers_get_batches_too() {
    let world = World::new().await;
    world.infisical.set_v4(false);
    world.source(&[("A", "1"), ("B", "2")]).await;
    let _operator = world.start().await;
    world.push("app", replace_and_delete()).await;
    world.remote_is(&[("A", "1"), ("B", "2")]).await;
    world.pushed("app").await;
    world.source(&[("A", "3")]).await;
    world.remote_is(&[("A", "3")]).await;
    let calls = world.infisical.calls().all();
    let done = calls.iter().filter(|call| call.operation == Operation::WriteSecret && call.status == Some(200));
    assert!(done.map(|call| call.path.as_str()).all(|path| path == "/api/v3/secrets/batch/raw"));
}
