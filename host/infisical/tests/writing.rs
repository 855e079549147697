//! Writing secrets: against the development server in each of its generations, and what is sent to older ones.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod support;

use infisical::{
    Address, Class, Client, ClientConfig, Error, Fields, Folder, ListRequest, Listed, LoginRequest, NewSecret, Token, Written, stored,
};
use infisical_dev_server::{Config, Generation, Place, Seed, Server};
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use support::{failed, json, no_route};

const PROJECT: &str = "33333333-4444-4555-8666-777777777777";

struct Site {
    server: Server,
    client: Client,
    token: Token,
    folder: Folder,
    name: String,
}

impl Site {
    async fn start(generation: Generation, v4: bool) -> Self {
        let server = Server::start(Config { generation, v4, ..Config::new(Seed::demo().unwrap()) }).await.unwrap();
        let client = Client::new(ClientConfig::new(Address::parse(&server.url()).unwrap(), "test")).unwrap();
        let members = serde_json::json!({"clientId": "demo-client", "clientSecret": "demo-client-secret"});
        let login = LoginRequest {
            path: "/v1/auth/universal-auth/login".into(),
            fields: Fields::new(members.as_object().unwrap().clone()),
            headers: Vec::new(),
            client_identity: None,
            organisation: None,
        };
        let token = client.login(&login).await.unwrap().token;
        server.state().create_folder(&Place::new("demo", "dev", "/push")).unwrap();
        let folder = Folder { project_id: PROJECT.into(), environment: "dev".into(), path: "/push".into() };
        Self { server, client, token, folder, name: format!("{generation:?}, v4: {v4}") }
    }

    async fn create(&self, pairs: &[(&str, &str)]) -> Result<Written, Error> {
        self.client.create_secrets(&self.token, &self.folder, &new(pairs)).await
    }

    async fn update(&self, pairs: &[(&str, &str)]) -> Result<Written, Error> {
        self.client.update_secrets(&self.token, &self.folder, &new(pairs)).await
    }

    async fn delete(&self, keys: &[&str]) -> Result<Written, Error> {
        self.client.delete_secrets(&self.token, &self.folder, keys).await
    }

    /// Key, value and id of all.
    async fn list(&self) -> Vec<(String, String, String)> {
        let request = ListRequest {
            project_id: PROJECT.into(),
            environment: "dev".into(),
            path: "/push".into(),
            recursive: false,
            expand_references: false,
            include_imports: false,
            tags: Vec::new(),
        };
        let Ok(Listed::Modified(listing)) = self.client.list_secrets(&self.token, &request, None).await else { panic!("no list") };
        assert!(listing.secrets.iter().all(|secret| secret.created.is_some()), "{}", self.name);
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        listing.secrets.into_iter().map(|secret| (secret.key, text(secret.value.expose_secret()), secret.id)).collect()
    }
}

fn new<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<NewSecret<'a>> {
    pairs.iter().map(|(key, value)| NewSecret { key, value }).collect()
}

fn ids(written: Written) -> BTreeMap<String, String> {
    match written {
        Written::Done(ids) => ids,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_generation_creates_changes_and_deletes_in_one_call_each() {
    for (generation, v4) in [(Generation::Newest, true), (Generation::Newest, false), (Generation::Mid, true), (Generation::Mid, false)] {
        let site = Site::start(generation, v4).await;
        let name = &site.name;
        let untrimmed = [("A", " one\n\n"), ("EMPTY", ""), ("REFERENCE", "${A}!"), ("SPACE", "\u{feff}x \u{85}")];
        let made = ids(site.create(&untrimmed).await.unwrap());
        let wanted: Vec<_> =
            untrimmed.iter().map(|(key, value)| ((*key).to_owned(), stored(value).into_owned(), made[*key].clone())).collect();
        assert_eq!(site.list().await, wanted, "{name}");
        // An empty text is a value like others.
        let changed = ids(site.update(&[("A", ""), ("EMPTY", "full")]).await.unwrap());
        assert_eq!((changed["A"] == made["A"], changed.len()), (true, 2), "{name}");
        let values = site.list().await.into_iter().map(|(_, value, _)| value).collect::<Vec<_>>();
        assert_eq!(values[..2], [String::new(), "full".into()], "{name}");
        ids(site.delete(&["A", "EMPTY", "REFERENCE", "SPACE"]).await.unwrap());
        assert_eq!(site.list().await, [], "{name}");
        let paths = site.server.calls().all();
        let writes = paths.iter().filter(|call| call.path.contains("batch") && call.status == Some(200)).count();
        assert_eq!(writes, 3, "{name}");
    }
}

#[tokio::test]
async fn a_batch_that_is_refused_changes_nothing_and_repeats_no_value() {
    let site = Site::start(Generation::Newest, true).await;
    site.create(&[("A", "1")]).await.unwrap();
    let exists = failed(site.create(&[("B", "2"), ("A", "canary-value")]).await);
    assert!(matches!(&exists, Error::Refused { status: 400, .. }) && exists.to_string().contains("already exists: A"), "{exists}");
    let gone = failed(site.update(&[("A", "9"), ("C", "3")]).await);
    assert!(matches!(&gone, Error::Refused { status: 404, .. }), "{gone}");
    assert!(matches!(failed(site.delete(&["A", "C"]).await), Error::Refused { status: 404, .. }));
    let elsewhere = Folder { path: "/nowhere".into(), ..site.folder.clone() };
    let missing = failed(site.client.create_secrets(&site.token, &elsewhere, &new(&[("A", "1")])).await);
    assert!(matches!(&missing, Error::Refused { status: 404, .. }) && missing.to_string().contains("/nowhere"), "{missing}");
    assert_eq!(site.list().await.len(), 1);
    site.server.state().set_membership("demo", "demo", None).unwrap();
    assert_eq!(failed(site.create(&[("B", "2")]).await).class(), Class::Denied);
}

#[tokio::test]
async fn a_request_for_approval_is_no_success() {
    let site = Site::start(Generation::Newest, true).await;
    site.create(&[("A", "1")]).await.unwrap();
    site.server.state().set_approvals("demo", "dev", &["/push"]).unwrap();
    for written in [site.create(&[("B", "2")]).await, site.update(&[("A", "2")]).await, site.delete(&["A"]).await] {
        assert!(matches!(written, Ok(Written::Approval { id: Some(_) })));
    }
    assert_eq!(site.list().await.len(), 1);
    let place = Place::new("demo", "dev", "/push");
    for (id, _) in site.server.state().requests(&place) {
        site.server.state().approve(&place, &id).unwrap();
    }
    assert_eq!(site.list().await.into_iter().map(|(key, value, _)| (key, value)).collect::<Vec<_>>(), [("B".into(), "2".into())]);
}

/// Such a server answers the batch as its router does, and each secret by itself.
#[tokio::test]
async fn a_server_without_batches_gets_one_call_for_each_secret() {
    let server = support::Server::start(|seen| match seen.uri.path().rsplit_once('/') {
        Some(("/api/v3/secrets/raw", key)) => {
            json(200, &format!(r#"{{"secret":{{"id":"id-{key}","secretKey":"{key}","secretValue":"x"}}}}"#))
        }
        _ => no_route(seen),
    })
    .await;
    let client = server.client();
    let folder = Folder { project_id: "p".into(), environment: "dev".into(), path: String::new() };
    let written = client.create_secrets(&support::token(), &folder, &new(&[("A", "canary"), ("B", "")])).await.unwrap();
    assert_eq!(ids(written), BTreeMap::from([("A".into(), "id-A".into()), ("B".into(), "id-B".into())]));
    client.delete_secrets(&support::token(), &folder, &["A"]).await.unwrap();
    let seen = server.seen();
    let calls: Vec<_> = seen.iter().map(|seen| format!("{} {}", seen.method, seen.uri.path())).collect();
    assert_eq!(
        calls,
        [
            "POST /api/v4/secrets/batch",
            "POST /api/v3/secrets/batch/raw",
            "POST /api/v3/secrets/raw/A",
            "POST /api/v3/secrets/raw/B",
            "DELETE /api/v3/secrets/batch/raw",
            "DELETE /api/v3/secrets/raw/A",
        ]
    );
    assert_eq!(
        seen[3].body,
        r#"{"workspaceId":"p","environment":"dev","secretPath":"/","secretKey":"B","secretValue":"","type":"shared"}"#
    );
    assert!(!seen[5].body.contains("secretValue"));
}

#[tokio::test]
async fn what_such_a_server_did_before_it_failed_is_told() {
    let server = support::Server::start(|seen| match seen.uri.path().rsplit_once('/') {
        Some(("/api/v3/secrets/raw", "A")) => json(200, r#"{"secret":{"secretKey":"A","secretValue":"x"}}"#),
        Some(("/api/v3/secrets/raw", _)) => json(400, r#"{"reqId":"r","error":"BadRequest","message":"Secret already exists"}"#),
        _ => no_route(seen),
    })
    .await;
    let folder = Folder { project_id: "p".into(), environment: "dev".into(), path: String::new() };
    let write = async |pairs| server.client().create_secrets(&support::token(), &folder, &new(pairs)).await;
    let Ok(Written::Partly { done, error }) = write(&[("A", "1"), ("B", "2"), ("C", "3")]).await else { panic!("not partly") };
    assert_eq!(done, BTreeMap::from([("A".into(), String::new())]));
    assert!(matches!(error, Error::Refused { status: 400, .. }), "{error}");
    assert!(write(&[("B", "2")]).await.is_err());
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_no_success_and_no_value_comes_back() {
    let folder = Folder { project_id: "p".into(), environment: "dev".into(), path: "/".into() };
    let empty = support::Server::start(|_| json(200, "{}")).await;
    let error = failed(empty.client().create_secrets(&support::token(), &folder, &new(&[("A", "x")])).await);
    assert_eq!(error.reason(), "NotInfisical");
    let echo = support::Server::start(|_| json(400, r#"{"error":"BadRequest","message":"no: canary-value"}"#)).await;
    let error = failed(echo.client().update_secrets(&support::token(), &folder, &new(&[("A", "canary-value")])).await);
    assert!(!error.to_string().contains("canary"), "{error}");
}
