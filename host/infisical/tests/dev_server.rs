//! The client against the development server, in each of its generations: both are written after the same wire reference, so
//! what one assumes the other must answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use infisical::{
    AccessToken, Address, Class, Client, ClientConfig, Error, Fields, LeasePlace, LeaseRequest, ListRequest, Listed, Listing, LoginRequest,
    SecretRequest, Token,
};
use infisical_dev_server::{Config, Fault, Generation, Operation, Place, Seed, Server, TokenBounds};
use secrecy::ExposeSecret;
use std::time::Duration;
use support::failed;

const PROJECT: &str = "33333333-4444-4555-8666-777777777777";

async fn start(generation: Generation, v4: bool) -> (Server, Client) {
    let server = Server::start(Config { generation, v4, ..Config::new(Seed::demo().unwrap()) }).await.unwrap();
    let client = Client::new(ClientConfig::new(Address::parse(&server.url()).unwrap(), "test")).unwrap();
    (server, client)
}

fn credentials(secret: &str) -> LoginRequest {
    let members = serde_json::json!({"clientId": "demo-client", "clientSecret": secret});
    LoginRequest {
        path: "/v1/auth/universal-auth/login".into(),
        fields: Fields::new(members.as_object().unwrap().clone()),
        headers: Vec::new(),
        client_identity: None,
        organisation: None,
    }
}

async fn login(client: &Client) -> AccessToken {
    client.login(&credentials("demo-client-secret")).await.unwrap()
}

fn folder(path: &str, all: bool) -> ListRequest {
    ListRequest {
        project_id: PROJECT.into(),
        environment: "dev".into(),
        path: path.into(),
        recursive: false,
        expand_references: all,
        include_imports: all,
        tags: Vec::new(),
    }
}

async fn list(client: &Client, token: &Token, request: &ListRequest) -> Listing {
    match client.list_secrets(token, request, None).await.unwrap() {
        Listed::Modified(listing) => listing,
        Listed::NotModified => panic!("not modified"),
    }
}

fn value(listing: &Listing, key: &str) -> String {
    let secret = listing.secrets.iter().find(|secret| secret.key == key).unwrap();
    String::from_utf8(secret.value.expose_secret().to_vec()).unwrap()
}

#[tokio::test]
async fn every_generation_gives_the_same_data() {
    for (generation, v4) in [(Generation::Newest, true), (Generation::Newest, false), (Generation::Mid, true), (Generation::Mid, false)] {
        let (_server, client) = start(generation, v4).await;
        let token = login(&client).await.token;
        let name = format!("{generation:?}, v4: {v4}");

        assert_eq!(client.project_by_slug(&token, "demo").await.unwrap().id, PROJECT, "{name}");
        assert_eq!(client.project_by_id(&token, PROJECT).await.unwrap().slug, "demo", "{name}");
        // The flags are said, so that no default of the server shows.
        let all = list(&client, &token, &folder("/", true)).await;
        assert_eq!(value(&all, "DATABASE_URL"), "postgres://demo:correct-horse-battery-staple@db.demo.internal:5432/demo", "{name}");
        assert_eq!((all.imports.len(), all.imports[0].path.as_str(), all.imports[0].secrets.len()), (1, "/shared", 2), "{name}");
        let password = all.secrets.iter().find(|secret| secret.key == "DATABASE_PASSWORD").unwrap();
        assert_eq!((password.comment.expose_secret(), &*password.tags), ("Rotated every spring", &["database".to_owned()][..]), "{name}");
        let plain = list(&client, &token, &folder("/", false)).await;
        assert!(value(&plain, "DATABASE_URL").contains("${DATABASE_USER}") && plain.imports.is_empty(), "{name}");
        let tagged = list(&client, &token, &ListRequest { tags: vec!["database".into()], ..folder("/", true) }).await;
        assert_eq!(tagged.secrets.len(), 1, "{name}");
        let deep = list(&client, &token, &ListRequest { recursive: true, ..folder("/", true) }).await;
        assert!(deep.secrets.iter().any(|secret| secret.key == "SESSION_KEY" && secret.path == "/app/web"), "{name}");

        let one = SecretRequest {
            project_id: PROJECT.into(),
            environment: "dev".into(),
            path: "/".into(),
            name: "GREETING".into(),
            expand_references: true,
            include_imports: true,
        };
        let Listed::Modified(found) = client.get_secret(&token, &one, None).await.unwrap() else { panic!("not modified") };
        assert_eq!(value(&found, "GREETING"), "hello from Infisical", "{name}");
        let error = failed(client.get_secret(&token, &SecretRequest { name: "NONE".into(), ..one }, None).await);
        assert!(matches!(error, Error::Refused { status: 404, .. }), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_entity_tag_holds_until_something_changes() {
    let (server, client) = start(Generation::Newest, true).await;
    let token = login(&client).await.token;
    let etag = list(&client, &token, &folder("/", true)).await.etag;
    assert!(matches!(client.list_secrets(&token, &folder("/", true), etag.as_ref()).await, Ok(Listed::NotModified)));
    server.state().set_secret(&Place::new("demo", "dev", "/"), "GREETING", "changed").unwrap();
    let Ok(Listed::Modified(listing)) = client.list_secrets(&token, &folder("/", true), etag.as_ref()).await else {
        panic!("the change is not seen");
    };
    assert_eq!(value(&listing, "GREETING"), "changed");
}

#[tokio::test]
async fn a_token_lives_is_renewed_and_ends_as_the_server_says() {
    let (server, client) = start(Generation::Newest, true).await;
    let first = login(&client).await;
    assert_eq!((first.expires_in, first.max_ttl), (Some(Duration::from_secs(7200)), Some(Duration::from_secs(86400))));
    let renewed = client.renew(&first.token).await.unwrap();
    list(&client, &renewed.token, &folder("/", true)).await;
    client.revoke(&renewed.token).await.unwrap();
    for token in [&first.token, &renewed.token] {
        let error = failed(client.list_secrets(token, &folder("/", true), None).await);
        assert_eq!(error.class(), Class::Unauthorized, "{error}");
    }

    let second = login(&client).await.token;
    server.state().expire_tokens(None).unwrap();
    let error = failed(client.list_secrets(&second, &folder("/", true), None).await);
    assert!(matches!(&error, Error::Refused { status: 403, error, .. } if error == "TokenError"), "{error}");
    assert_eq!(error.class(), Class::Unauthorized);

    server.state().set_token_bounds("demo", TokenBounds { ttl: 0, max_ttl: 0, ..TokenBounds::DEFAULT }).unwrap();
    let endless = login(&client).await;
    assert!(endless.expires_in.is_some_and(|life| life > Duration::from_secs(86400)), "the token's own life counts, not the 0");
}

#[tokio::test]
async fn the_server_s_refusals_have_their_classes() {
    let (server, client) = start(Generation::Newest, true).await;
    let error = failed(client.login(&credentials("wrong-secret")).await);
    assert!(matches!(error, Error::Refused { status: 401, .. }) && !error.to_string().contains("wrong-secret"), "{error}");

    let token = login(&client).await.token;
    let missing = failed(client.list_secrets(&token, &folder("/none", true), None).await);
    assert!(missing.class() == Class::UserFix && missing.to_string().contains("/none"), "{missing}");
    let slug = failed(client.project_by_slug(&token, "nowhere").await);
    assert_eq!(slug.class(), Class::UserFix, "{slug}");

    server.state().hide_values("demo", "demo").unwrap();
    let hidden = failed(client.list_secrets(&token, &folder("/", true), None).await);
    assert_eq!((hidden.reason(), hidden.class()), ("Hidden", Class::Denied), "{hidden}");
    server.state().set_membership("demo", "demo", None).unwrap();
    let stranger = failed(client.list_secrets(&token, &folder("/", true), None).await);
    assert_eq!(stranger.class(), Class::Denied, "{stranger}");
}

#[tokio::test]
async fn the_server_s_outages_have_their_classes() {
    let (server, client) = start(Generation::Newest, true).await;
    let token = login(&client).await.token;
    for (fault, class, reason) in [
        (Fault::Status(503), Class::Transient, "Refused"),
        (Fault::Unavailable { retry_after: Some(7) }, Class::Transient, "Refused"),
        (Fault::RateLimited { retry_after: 7 }, Class::Transient, "Refused"),
        (Fault::Cut, Class::Transient, "Unreachable"),
        (Fault::Html, Class::NotInfisical, "NotInfisical"),
    ] {
        server.faults().on(Operation::ListSecrets, fault);
        let error = failed(client.list_secrets(&token, &folder("/", true), None).await);
        assert_eq!((error.class(), error.reason()), (class, reason), "{error}");
        let asked = matches!(fault, Fault::Unavailable { .. } | Fault::RateLimited { .. });
        assert_eq!(error.retry_after(), asked.then_some(Duration::from_secs(7)), "{error}");
        server.faults().clear();
    }
    list(&client, &token, &folder("/", true)).await;
}

const LEASES: &str = r#"
identities:
  - {name: demo, universalAuth: {clientId: demo-client, clientSecrets: [demo-client-secret]}}
projects:
  - slug: demo
    members: {demo: {role: member}}
    environments:
      - slug: dev
        folders:
          /db: {dynamicSecrets: {main: {defaultTTL: 1h, maxTTL: 3h, provider: {database: {extra: {PORT: 5432}}}}}}
"#;

#[tokio::test]
async fn leases_are_made_renewed_found_and_revoked() {
    let server = Server::start(Config::new(Seed::parse(LEASES).unwrap())).await.unwrap();
    let client = Client::new(ClientConfig::new(Address::parse(&server.url()).unwrap(), "test")).unwrap();
    let token = login(&client).await.token;
    let place = LeasePlace { project_slug: "demo".into(), environment: "dev".into(), path: "/db".into() };
    let request = LeaseRequest { place: place.clone(), name: "main".into(), ttl: None, namespace: None, mark: "me".into() };
    let made = client.create_lease(&token, &request).await.unwrap();
    assert_eq!(made.dynamic_secret.max_ttl.as_deref(), Some("3h"));
    let text = |key: &str| String::from_utf8(made.data[key].expose_secret().to_vec()).unwrap();
    assert_eq!(text("PORT"), "5432");
    assert!(server.state().database_lets_in(&text("DB_USERNAME"), &text("DB_PASSWORD")));

    let id = made.lease.id.as_str();
    let renewed = client.renew_lease(&token, &place, id, Some("2h")).await.unwrap();
    assert_eq!(renewed.expires.duration_since(made.lease.expires).as_secs(), 7_200);
    let found = client.get_lease(&token, &place, id).await.unwrap();
    assert_eq!((&found.lease, found.dynamic_secret.name.as_str()), (&renewed, "main"));
    assert_eq!(client.list_leases(&token, &place, "main").await.unwrap(), [renewed]);
    let beyond = failed(client.renew_lease(&token, &place, id, None).await);
    assert!(matches!(&beyond, Error::Refused { status: 400, .. }), "{beyond}");
    let large = failed(client.create_lease(&token, &LeaseRequest { ttl: Some("4h".into()), ..request }).await);
    assert!(matches!(&large, Error::Refused { status: 400, message, .. } if message.contains("max TTL")), "{large}");

    assert!(!client.revoke_lease(&token, &place, id).await.unwrap());
    assert!(!server.state().database_lets_in(&text("DB_USERNAME"), &text("DB_PASSWORD")));
    let gone = failed(client.revoke_lease(&token, &place, id).await);
    assert!(matches!(&gone, Error::Refused { status: 404, .. }), "{gone}");
}
