//! Secrets, batches, folders and imports as clients change them.
use infisical_dev_server::Place;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Site, pairs};

fn at(site: &Site, more: Value) -> Value {
    let mut body =
        json!({ "projectId": site.project("shop"), "workspaceId": site.project("shop"), "environment": "dev", "secretPath": "/app" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_secret_is_created_changed_renamed_and_deleted() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    for path in ["/api/v3/secrets/raw", "/api/v4/secrets"] {
        let one = format!("{path}/NEW");
        let created = site.change(Method::POST, &token, &one, at(&site, json!({ "secretValue": "  v \n\n" }))).await.json();
        assert_eq!((&created["secret"]["secretValue"], &created["secret"]["version"]), (&json!("v\n"), &json!(1)));
        assert!(created["secret"].get("secretPath").is_none());
        let again = site.change(Method::POST, &token, &one, at(&site, json!({ "secretValue": "v" }))).await.refusal();
        assert_eq!(again, (400, "BadRequest".into(), "Secret already exists".into()));
        let changed = site.change(Method::PATCH, &token, &one, at(&site, json!({ "secretValue": "w" }))).await.json();
        assert_eq!((&changed["secret"]["secretValue"], &changed["secret"]["version"]), (&json!("w"), &json!(2)));
        let clash = site.change(Method::PATCH, &token, &one, at(&site, json!({ "newSecretName": "PORT" }))).await;
        assert_eq!(clash.status, 400);
        let renamed = site.change(Method::PATCH, &token, &one, at(&site, json!({ "newSecretName": "NEWER" }))).await.json();
        assert_eq!((&renamed["secret"]["secretKey"], &renamed["secret"]["secretValue"]), (&json!("NEWER"), &json!("w")));
        assert_eq!(site.change(Method::DELETE, &token, &one, at(&site, json!({}))).await.refusal().2, "Secret with name NEW not found");
        assert_eq!(site.change(Method::DELETE, &token, &format!("{path}/NEWER"), at(&site, json!({}))).await.status, 200);
    }
}

#[tokio::test]
async fn bad_writes_are_told_apart() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let post = async |name: &str, more: Value| {
        site.change(Method::POST, &token, &format!("/api/v3/secrets/raw/{name}"), at(&site, more)).await.refusal()
    };
    assert_eq!(post("A%3AB", json!({ "secretValue": "x" })).await.0, 422);
    assert_eq!(post("X", json!({})).await.1, "ValidationFailure");
    assert_eq!(post("X", json!({ "secretValue": "x", "type": "personal" })).await.2, "Must be user to create personal secret");
    assert_eq!(post("X", json!({ "secretValue": "x", "tagIds": ["nope"] })).await.0, 404);
    let folder = post("X", json!({ "secretValue": "x", "secretPath": "/nope" })).await;
    assert_eq!(folder.2, "Folder with path '/nope' in environment with slug 'dev' not found");
    let nowhere = site.change(Method::POST, &token, "/api/v3/secrets/raw/X", json!({ "environment": "dev", "secretValue": "x" })).await;
    assert_eq!(nowhere.refusal().2, "You must provide projectSlug or workspaceId");
}

#[tokio::test]
async fn a_guarded_folder_answers_200_and_writes_nothing() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let body = at(&site, json!({ "secretPath": "/guarded", "secretValue": "x" }));
    let answer = site.change(Method::POST, &token, "/api/v3/secrets/raw/X", body).await;
    assert_eq!(answer.status, 200);
    assert!(answer.json()["approval"]["id"].is_string() && answer.json().get("secret").is_none());
    assert_eq!(site.server.state().value(&Place::new("shop", "dev", "guarded"), "X"), None);
}

#[tokio::test]
async fn a_batch_is_all_or_nothing() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let send = async |method: Method, secrets: Value, more: Value| {
        let mut body = at(&site, more);
        body["secrets"] = secrets;
        site.change(method, &token, "/api/v4/secrets/batch", body).await
    };
    let two = json!([{ "secretKey": "A", "secretValue": "1" }, { "secretKey": "B", "secretValue": "2" }]);
    assert_eq!(send(Method::POST, two.clone(), json!({})).await.json()["secrets"].as_array().unwrap().len(), 2);
    assert_eq!(send(Method::POST, two, json!({})).await.refusal().2, "Secret already exists: A,B");
    let mixed = json!([{ "secretKey": "A", "secretValue": "9" }, { "secretKey": "C", "secretValue": "3" }]);
    assert_eq!(send(Method::PATCH, mixed.clone(), json!({})).await.refusal().2, "Secret does not exist: C in path /app");
    let spoiled = json!([{ "secretKey": "D", "secretValue": "4" }, { "secretKey": "E:F", "secretValue": "5" }]);
    assert_eq!(send(Method::POST, spoiled, json!({})).await.status, 422);
    let list = async || pairs(&site.list(&token, "&secretPath=/app").await.json()["secrets"]).len();
    assert_eq!(list().await, 3);
    assert_eq!(send(Method::PATCH, mixed, json!({ "mode": "upsert" })).await.status, 200);
    assert_eq!(list().await, 4);
    assert_eq!(send(Method::DELETE, json!([{ "secretKey": "A" }, { "secretKey": "C" }]), json!({})).await.status, 200);
    assert_eq!(list().await, 2);
}

#[tokio::test]
async fn folders_are_made_like_mkdir_p_and_removed() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let project = site.project("shop");
    let body = |more: Value| {
        let mut body = json!({ "projectId": project, "environment": "dev" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let make = json!({ "name": "c", "path": "a/b/" });
    let made = site.change(Method::POST, &token, "/api/v2/folders", body(make.clone())).await.json();
    assert_eq!(made["folder"]["path"], "/a/b/c");
    let again = site.change(Method::POST, &token, "/api/v1/folders", body(make)).await.json();
    assert_eq!(again["folder"]["id"], made["folder"]["id"]);
    let list = async |path: &str, more: &str| {
        let query = format!("/api/v2/folders?projectId={project}&environment=dev&path={path}{more}");
        let body = site.get(&token, &query).await.json();
        body["folders"].as_array().unwrap().iter().map(|folder| folder["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("/a", "").await, ["b"]);
    assert_eq!(list("/a", "&recursive=true").await, ["b", "c"]);
    let bad = site.change(Method::POST, &token, "/api/v2/folders", body(json!({ "name": "x y" }))).await.refusal();
    assert!(bad.2.contains("Invalid folder name"), "{}", bad.2);
    let removed = site.change(Method::DELETE, &token, "/api/v2/folders/a", body(json!({ "path": "/" }))).await;
    assert_eq!(removed.status, 200, "{removed:?}");
    assert!(!list("/", "").await.contains(&"a".to_owned()));
    let missing = site.get(&token, &format!("/api/v2/folders?projectId={project}&environment=nope")).await.refusal();
    assert!(missing.2.starts_with("Environment with slug 'nope'"));
}

#[tokio::test]
async fn imports_are_added_moved_and_removed() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let project = site.project("shop");
    let body = |import: Value| json!({ "projectId": project, "environment": "dev", "path": "/app", "import": import });
    for path in ["/base", "/shared"] {
        let made = site.change(Method::POST, &token, "/api/v2/secret-imports", body(json!({ "environment": "dev", "path": path }))).await;
        assert_eq!(made.status, 200, "{made:?}");
    }
    let query = format!("/api/v2/secret-imports?projectId={project}&environment=dev&path=/app");
    let imports = site.get(&token, &query).await.json()["secretImports"].clone();
    assert_eq!((&imports[0]["importPath"], &imports[1]["position"]), (&json!("/base"), &json!(2)));
    let id = imports[1]["id"].as_str().unwrap();
    let moved = site.change(Method::PATCH, &token, &format!("/api/v2/secret-imports/{id}"), body(json!({ "position": 1 }))).await;
    assert_eq!(moved.json()["secretImport"]["position"], 1);
    assert_eq!(site.list(&token, "&secretPath=/app").await.json()["imports"][0]["secretPath"], "/shared");
    let gone = site.change(Method::DELETE, &token, &format!("/api/v2/secret-imports/{id}"), body(json!({}))).await;
    assert_eq!(gone.status, 200);
    assert_eq!(site.get(&token, &query).await.json()["secretImports"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_for_approval_is_kept_until_a_person_decides() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let (state, place) = (site.server.state(), Place::new("shop", "dev", "/guarded"));
    let send = async |method: Method, secrets: Value| {
        let body = at(&site, json!({ "secretPath": "/guarded", "secrets": secrets }));
        let answer = site.change(method, &token, "/api/v4/secrets/batch", body).await;
        assert_eq!((answer.status, answer.json().get("secrets")), (200, None));
        answer.json()["approval"]["id"].as_str().unwrap().to_owned()
    };
    let made = send(Method::POST, json!([{ "secretKey": "A", "secretValue": " 1 " }, { "secretKey": "B", "secretValue": "2" }])).await;
    assert_eq!(state.requests(&place), [(made.clone(), vec!["A".to_owned(), "B".to_owned()])]);
    state.approve(&place, &made).unwrap();
    assert_eq!((state.value(&place, "A").as_deref(), state.requests(&place).len()), (Some("1"), 0));
    let id = state.secret_id(&place, "A");
    let changed = send(Method::PATCH, json!([{ "secretKey": "A", "secretValue": "9" }])).await;
    let deleted = send(Method::DELETE, json!([{ "secretKey": "B" }])).await;
    assert_eq!((state.value(&place, "A").as_deref(), state.value(&place, "B").as_deref()), (Some("1"), Some("2")));
    state.approve(&place, &changed).unwrap();
    state.reject(&place, &deleted).unwrap();
    assert_eq!((state.value(&place, "A").as_deref(), state.value(&place, "B").as_deref()), (Some("9"), Some("2")));
    assert_eq!(state.secret_id(&place, "A"), id);
    assert!(state.approve(&place, &deleted).is_err());
}
