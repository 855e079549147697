//! The plugin `jwt`: a token in a Secret, or in a file that something rotates.
use super::{GOOD, LastGood, by_plugin, id, identity, key, project, put, sample, token_calls};
use infisical_dev_server::Issuer;
use integration::Scene;
use serde_json::json;
use std::fs;

async fn scene(issuer: &Issuer) -> Scene {
    let bounds = json!({"boundIssuer": issuer.url(), "boundAudiences": "infisical", "boundSubject": "job:*"});
    let with = |keys| json!({"jwtAuth": integration::merged(bounds.clone(), &keys)});
    let (by_key, by_set) = (with(json!({"publicKeys": [issuer.public_key()]})), with(json!({"jwksUrl": issuer.jwks_url()})));
    Scene::with(|config| {
        identity(config, "by-key", by_key);
        identity(config, "by-set", by_set);
    })
    .await
}

#[tokio::test]
async fn a_token_of_a_secret_logs_in_and_each_wrong_one_says_why() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let _operator = scene.start().await;
    let token = |claims| issuer.token(&integration::merged(json!({"aud": "infisical", "sub": "job:1"}), &claims)).unwrap();
    put(&scene, "ci", &[("token", &format!("{}\n", token(json!({}))))]).await;
    scene.infisical_secret("a", by_plugin("jwt", "by-key", json!({}), &[key("token", "ci", "token")])).await;
    let good = LastGood::of(&scene, "a").await;
    for (wrong, says) in [
        (token(json!({"exp": 1_700_000_000})), "the token has expired"),
        (token(json!({"aud": "other"})), "the audience of the token"),
        (token(json!({"sub": "user:1"})), "the claim sub"),
        (token(json!({"iss": "https://elsewhere"})), "the claim iss"),
        (Issuer::start().await.unwrap().token(&json!({})).unwrap(), "another key has signed the token"),
        ("not-a-token".to_owned(), "no JSON Web Token"),
    ] {
        put(&scene, "ci", &[("token", &wrong)]).await;
        let message = good.stays("LoginFailed", &[says]).await;
        assert!(!message.contains(&wrong), "{message}");
    }
    put(&scene, "ci", &[("token", &token(json!({"jti": "fresh"})))]).await;
    good.recovers("edited").await;
}

/// By the block that newer versions of the peer have. What names no namespace is of the resource's own.
#[tokio::test]
async fn an_infisical_auth_has_a_block_for_it() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let _operator = scene.start().await;
    let token = issuer.token(&json!({"aud": "infisical", "sub": "job:1"})).unwrap();
    put(&scene, "ci", &[("token", &token), ("identity", &id("by-set"))]).await;
    let named = |kind: &str, name: &str, spec| json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let from = |key: &str| json!({"name": "ci", "key": key});
    let connection = named("InfisicalConnection", "server", json!({"address": scene.infisical.url()}));
    let block = json!({"identityIdRef": from("identity"), "jwtRef": from("token")});
    let auth = named("InfisicalAuth", "login", json!({"infisicalConnectionRef": {"name": "server"}, "method": "jwt", "jwt": block}));
    let spec = json!({
        "infisicalAuthRef": {"name": "login"}, "syncOptions": {"refreshInterval": "5s"},
        "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}],
        "targets": [{"name": "x", "kind": "Secret", "creationPolicy": "Owner"}],
    });
    let mut objects = Vec::new();
    for object in [connection, auth, named("InfisicalStaticSecret", "x", spec)] {
        objects.push(scene.apply(&object).await);
    }
    scene.holds("x", &GOOD).await;
    scene.all_ready(&objects).await;
}

#[tokio::test]
async fn a_rotated_file_is_used_at_the_next_login_and_causes_none() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let mount = scene.folder().join("tokens");
    let token = || issuer.token(&json!({"aud": "infisical", "sub": "job:1"})).unwrap();
    project(&mount, "ci", &token());
    let url = scene.infisical.url();
    let _operator = scene
        .start_with(|options| {
            options.trusted_hosts = vec![url];
            options.plugins.mounts.insert("tokens".into(), mount.clone());
        })
        .await;
    scene.infisical_secret("a", by_plugin("jwt", "by-set", json!({"path": mount.join("ci")}), &[])).await;
    scene.infisical_secret("b", by_plugin("jwt", "by-set", json!({}), &[json!({"name": "token-path", "value": "ci"})])).await;
    let good = LastGood::of(&scene, "a").await;
    scene.holds("b", &GOOD).await;
    assert_eq!(token_calls(&scene), [2, 0, 0]);

    // The old token verifies no more, and neither session asks.
    issuer.rotate().unwrap();
    project(&mount, "ci", &token());
    good.recovers("edited").await;
    assert_eq!(token_calls(&scene), [2, 0, 0]);
    scene.infisical.state().expire_tokens(None).unwrap();
    good.recovers("edited again").await;
    scene.holds("b", &[("A", "edited again"), ("B", "two")]).await;
    assert_eq!(token_calls(&scene), [4, 0, 0]);

    fs::remove_file(mount.join("ci")).unwrap();
    scene.infisical.state().expire_tokens(None).unwrap();
    scene.resync("a").await;
    scene.failed("a", "InvalidCredentials").await;
    assert_eq!(scene.data("a").await["A"], "edited again");
}

#[tokio::test]
async fn a_file_goes_to_trusted_servers_only_and_must_lie_in_the_mount() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let (mount, other) = (scene.folder().join("tokens"), scene.folder().join("other"));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("token"), "canary").unwrap();
    project(&mount, "ci", &issuer.token(&json!({"aud": "infisical", "sub": "job:1"})).unwrap());
    let mounts = [("tokens".to_owned(), mount.clone()), ("other".to_owned(), other.clone())];
    let operator = scene.start_with(|options| options.plugins.mounts = mounts.clone().into()).await;
    let by_path = |path: &str| by_plugin("jwt", "by-key", json!({"path": path}), &[]);
    scene.infisical_secret("a", by_path("ci")).await;
    let message = scene.failed("a", "AmbientNotGranted").await;
    assert!(message.contains("mounts:tokens") && message.contains("--trusted-host"), "{message}");
    assert_eq!(scene.infisical.calls().total(), 0, "something was sent all the same");
    operator.stop().await;

    let url = scene.infisical.url();
    let _operator = scene
        .start_with(|options| {
            options.trusted_hosts = vec![url];
            options.plugins.mounts = mounts.into();
        })
        .await;
    let good = LastGood::of(&scene, "a").await;
    let in_other = other.join("token");
    for (path, reason, says) in [
        ("missing", "InvalidCredentials", ["\"missing\"", "mount \"tokens\""]),
        ("/etc/passwd", "InvalidCredentials", ["\"/etc/passwd\"", "lies in no mount"]),
        (in_other.to_str().unwrap(), "CapabilityNotGranted", ["mounts:other", "\"jwt\""]),
        ("../other/token", "InvalidSettings", ["/path", "`..`"]),
        (" ", "InvalidSettings", ["/path", "\\S"]),
    ] {
        scene.infisical_secret("a", by_path(path)).await;
        good.stays(reason, &says).await;
    }
    scene.infisical_secret("a", by_plugin("jwt", "by-key", json!({"path": null}), &[])).await;
    good.stays("InvalidCredentials", &["`token`", "`path`", "`token-path`"]).await;
}

#[tokio::test]
async fn the_sample_syncs() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    let token = issuer.token(&json!({"aud": "infisical", "sub": "job:1"})).unwrap();
    sample(&scene, "jwt-auth.yaml", "by-key", &[("<JSON Web Token>", &token)]).await;
    scene.holds("jwt-auth", &GOOD).await;
}

#[tokio::test]
async fn whatever_ends_its_token_it_goes_on() {
    let issuer = Issuer::start().await.unwrap();
    let scene = scene(&issuer).await;
    let _operator = scene.start().await;
    put(&scene, "ci", &[("token", &issuer.token(&json!({"aud": "infisical", "sub": "job:1"})).unwrap())]).await;
    scene.infisical_secret("a", by_plugin("jwt", "by-key", json!({}), &[key("token", "ci", "token")])).await;
    crate::heals::whatever_ends_its_token_it_goes_on(&scene, "a", "by-key").await;
}
