use super::world::World;
use anyhow::Result;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use operator::{dereference::Lookup, object::ObjectRef, trigger::Cause};
use runtime::TokenFailure;
use secrecy::ExposeSecret;
use std::sync::Arc;
use support::{ControlPlane, Metrics};

fn user(world: &World, name: &str) -> ObjectRef {
    ObjectRef { kind: "InfisicalSecret", namespace: world.namespace.name().into(), name: name.into() }
}

#[tokio::test]
async fn a_thousand_resources_with_one_reference_cost_one_read() -> Result<()> {
    // Alone: the requests of the API server are counted.
    let world = World::on(ControlPlane::exclusive().await?).await?;
    world.namespace.secret("credentials", [("clientId", "id")]).await?;
    let name = world.name("credentials");
    let gets = async || {
        let text = world.control_plane.client().request_text(http::Request::get("/metrics").body(Vec::new())?).await?;
        anyhow::Ok(Metrics::parse(&text).sum("apiserver_request_total", &[("resource", "secrets"), ("verb", "GET")]))
    };
    let before = gets().await?;
    let users: Vec<_> = (0..1000).map(|number| user(&world, &format!("u-{number}"))).collect();
    let looks = users.iter().map(|user| world.cluster.secret(user, &name));
    for found in futures::future::join_all(looks).await {
        assert!(found.unwrap().unwrap().data.contains_key("clientId"));
    }
    for user in &users {
        world.cluster.secret(user, &name).await.unwrap();
    }
    assert_eq!(gets().await? - before, 1.0);
    Ok(())
}

#[tokio::test]
async fn a_changed_reference_wakes_all_who_refer_to_it_and_is_read_anew() -> Result<()> {
    let world = World::new().await?;
    let (one, two, gone) = (user(&world, "one"), user(&world, "two"), user(&world, "gone"));
    let name = world.name("credentials");
    for user in [&one, &two, &gone] {
        assert!(world.cluster.secret(user, &name).await.unwrap().is_none());
    }
    world.cluster.forget(&gone);
    world.namespace.secret("credentials", [("clientSecret", "first")]).await?;
    for user in [&one, &two] {
        assert_eq!(world.woken(user).await?, Cause::Reference);
    }
    let value = async |user: &ObjectRef| {
        let found = world.cluster.secret(user, &name).await.unwrap()?;
        Some(String::from_utf8_lossy(found.data.get("clientSecret")?.expose_secret()).into_owned())
    };
    assert_eq!(value(&one).await.as_deref(), Some("first"));
    world.namespace.secret("credentials", [("clientSecret", "second")]).await?;
    assert_eq!(world.woken(&one).await?, Cause::Reference);
    assert_eq!(value(&one).await.as_deref(), Some("second"));
    // One that no longer refers to it is left in peace.
    world.triggers.take(&two);
    world.cluster.begin(&two);
    world.cluster.end(&two);
    world.secrets().delete("credentials", &DeleteParams::default()).await?;
    assert_eq!(world.woken(&one).await?, Cause::Reference);
    assert_eq!(value(&one).await, None);
    assert_eq!((world.triggers.take(&two), world.triggers.take(&gone)), (None, None));
    Ok(())
}

#[tokio::test]
async fn config_maps_and_service_accounts_are_looked_up() -> Result<()> {
    let world = World::new().await?;
    let one = user(&world, "one");
    assert!(world.cluster.config_map(&one, &world.name("settings")).await.unwrap().is_none());
    world.namespace.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {hostAPI: 'http://x'}}").await?;
    assert_eq!(world.woken(&one).await?, Cause::Reference);
    let found = world.cluster.config_map(&one, &world.name("settings")).await.unwrap().unwrap();
    assert_eq!(found.get("hostAPI").map(String::as_str), Some("http://x"));
    world.namespace.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: old}, secrets: [{name: b}, {name: a}]}").await?;
    assert_eq!(world.cluster.service_account_secrets(&world.name("old")).await.unwrap(), Some(vec!["b".into(), "a".into()]));
    assert_eq!(world.cluster.service_account_secrets(&world.name("none")).await.unwrap(), None);
    Ok(())
}

#[tokio::test]
async fn a_token_is_made_for_the_audiences_that_are_named() -> Result<()> {
    let world = World::new().await?;
    let source = world.cluster.token_source(world.name("default"), false);
    let token = source.token(vec!["infisical".into()]).await.unwrap();
    let review = |audience: &str| TokenReview {
        spec: TokenReviewSpec {
            token: Some(String::from_utf8(token.expose_secret().to_vec()).unwrap()),
            audiences: Some(vec![audience.into()]),
        },
        ..TokenReview::default()
    };
    let reviews: Api<TokenReview> = Api::all(world.control_plane.client().clone());
    let ok = |review: TokenReview| review.status.is_some_and(|status| status.authenticated == Some(true));
    assert!(ok(reviews.create(&PostParams::default(), &review("infisical")).await?));
    assert!(!ok(reviews.create(&PostParams::default(), &review("other")).await?));
    Ok(())
}

#[tokio::test]
async fn a_token_for_the_kubernetes_api_goes_to_trusted_servers_only() -> Result<()> {
    let world = World::new().await?;
    let untrusted = world.cluster.token_source(world.name("default"), false);
    assert!(matches!(untrusted.token(vec![]).await, Err(TokenFailure::Denied(text)) if text.contains("--trusted-host")));
    let trusted: Arc<dyn runtime::TokenSource> = world.cluster.token_source(world.name("default"), true);
    assert!(trusted.token(vec![]).await.is_ok());
    let missing = world.cluster.token_source(world.name("missing"), true);
    assert!(matches!(missing.token(vec![]).await, Err(TokenFailure::Credentials(text)) if text.contains("missing")));
    Ok(())
}
