//! Lists and single reads: references, imports, recursion, tags, entity tags, the two generations.
use infisical_dev_server::{Generation, Operation, Place};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Site, pairs, value};

#[tokio::test]
async fn a_list_shows_every_member() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let body = site.list(&token, "&secretPath=/app/").await.json();
    let row = &body["secrets"][0];
    assert_eq!(body["secrets"].as_array().unwrap().len(), 1);
    for (member, wanted) in [
        ("secretKey", json!("PORT")),
        ("secretValue", json!("8080")),
        ("secretPath", json!("/app")),
        ("environment", json!("dev")),
        ("workspace", json!(site.project("shop"))),
        ("type", json!("shared")),
        ("version", json!(1)),
        ("secretValueHidden", json!(false)),
        ("secretComment", json!("")),
        ("tags", json!([])),
    ] {
        assert_eq!(row[member], wanted, "{member}");
    }
    assert_eq!(row["id"], row["_id"]);
    assert!(row["updatedAt"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn references_are_expanded_as_far_as_they_go() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let body = site.list(&token, "").await.json();
    let secrets = &body["secrets"];
    assert_eq!(value(secrets, "URL"), Some("postgres://db.internal/${app.MISSING}"));
    assert_eq!(value(secrets, "CROSS"), Some("leaf prod.internal"));
    assert_eq!(value(secrets, "LOOP"), Some("<[${LOOP}]>"));
    let raw = site.list(&token, "&expandSecretReferences=false").await.json();
    assert_eq!(value(&raw["secrets"], "CROSS"), Some("${dev.app.deep.LEAF} ${prod.HOST}"));
}

#[tokio::test]
async fn deep_references_stop_and_odd_texts_stay() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let place = Place::new("shop", "dev", "/app");
    for index in 0..14 {
        site.server.state().set_secret(&place, &format!("D{index}"), &format!("${{D{}}}", index + 1)).unwrap();
    }
    site.server.state().set_secret(&place, "ODD", "${} ${a b} $PORT {PORT} ${PORT ${PORT}").unwrap();
    let body = site.list(&token, "&secretPath=/app").await.json();
    assert_eq!(value(&body["secrets"], "D0"), Some("${D11}"));
    assert_eq!(value(&body["secrets"], "ODD"), Some("${} ${a b} $PORT {PORT} ${PORT 8080"));
}

#[tokio::test]
async fn imports_come_in_order_with_what_they_import() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let body = site.list(&token, "").await.json();
    let imports = body["imports"].as_array().unwrap();
    let places: Vec<_> =
        imports.iter().map(|import| (import["environment"].as_str().unwrap(), import["secretPath"].as_str().unwrap())).collect();
    assert_eq!(places, [("dev", "/shared"), ("prod", "/")]);
    // References in an import are resolved where it stands, and a key of a deeper import comes later.
    assert_eq!(pairs(&imports[0]["secrets"]), [("COMMON", "from-shared!"), ("HOST", "from-shared"), ("BASE", "base")]);
    assert_eq!(imports[0]["secrets"][0]["workspace"], "");
    assert!(imports[0]["secrets"][0].get("secretPath").is_none());
    let plain = site.list(&token, "&includeImports=true&expandSecretReferences=false").await.json();
    let keys: Vec<_> = pairs(&plain["imports"][0]["secrets"]).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["COMMON", "HOST", "BASE", "COMMON"]);
    for off in ["&includeImports=false", "&include_imports=false"] {
        assert!(site.list(&token, off).await.json().get("imports").is_none());
    }
}

#[tokio::test]
async fn one_secret_is_found_in_the_folder_then_in_the_last_import() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let project = site.project("shop");
    let get = |version: &str, name: &str, more: &str| {
        let (kind, member) = if version == "v4" { ("secrets", "projectId") } else { ("secrets/raw", "workspaceId") };
        format!("/api/{version}/{kind}/{name}?{member}={project}&environment=dev{more}")
    };
    for version in ["v3", "v4"] {
        assert_eq!(site.get(&token, &get(version, "HOST", "")).await.json()["secret"]["secretValue"], "db.internal");
        assert_eq!(site.get(&token, &get(version, "COMMON", "")).await.json()["secret"]["secretValue"], "from-prod");
        let missing = site.get(&token, &get(version, "NOPE", "")).await.refusal();
        assert_eq!(missing, (404, "NotFound".into(), "Secret with name 'NOPE' not found".into()));
        let folder = site.get(&token, &get(version, "HOST", "&secretPath=/nope")).await.refusal();
        assert_eq!((folder.0, folder.1.as_str()), (404, "GetSecretByName"));
    }
    assert_eq!(site.get(&token, "/api/v4/secrets/X?projectId=p").await.refusal().2, "Missing environment");
    let id = site.get(&token, &get("v4", "HOST", "")).await.json()["secret"]["id"].as_str().unwrap().to_owned();
    assert_eq!(site.get(&token, &format!("/api/v4/secrets/id/{id}")).await.json()["secret"]["secretKey"], "HOST");
}

#[tokio::test]
async fn recursion_walks_and_tags_select() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let body = site.list(&token, "&secretPath=/app&recursive=true").await.json();
    let rows: Vec<_> = body["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["secretPath"].as_str().unwrap(), row["secretKey"].as_str().unwrap()))
        .collect();
    assert_eq!(rows, [("/app/deep", "LEAF"), ("/app", "PORT"), ("/app/deep", "PORT")]);
    for filter in ["tagSlugs=red,blue", "metadataFilter=key=tier,value=gold"] {
        assert_eq!(pairs(&site.list(&token, &format!("&{filter}")).await.json()["secrets"]), [("TAGGED", "t")]);
    }
    for filter in ["tagSlugs=red", "metadataFilter=key=tier,value=tin"] {
        assert!(pairs(&site.list(&token, &format!("&{filter}")).await.json()["secrets"]).is_empty());
    }
}

#[tokio::test]
async fn what_is_missing_is_404_in_its_own_words() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let shop = site.project("shop");
    let refusal = async |query: &str| site.get(&token, &format!("/api/v4/secrets?{query}")).await.refusal();
    let folder = refusal(&format!("projectId={shop}&environment=dev&secretPath=nope")).await;
    assert_eq!((folder.0, folder.1.as_str()), (404, "SecretPathNotFound"));
    assert!(folder.2.starts_with("Folder with path '/nope' in environment 'dev' was not found."), "{}", folder.2);
    let environment = refusal(&format!("projectId={shop}&environment=nope&recursive=true")).await;
    assert_eq!(environment.2, format!("Environment with slug 'nope' in project with ID {shop} not found"));
    assert_eq!(refusal("projectId=nope&environment=dev").await.2, "Project with nope not found");
    assert_eq!(refusal("environment=dev").await.0, 422);
    assert_eq!(refusal(&format!("projectId={shop}&environment=dev&recursive=yes")).await.1, "ValidationFailure");
    let neither = site.get(&token, "/api/v3/secrets/raw?environment=dev").await.refusal();
    assert_eq!(neither, (400, "BadRequest".into(), "Missing project id or environment".into()));
}

#[tokio::test]
async fn projects_have_three_shapes() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let id = site.project("shop");
    for path in ["/api/v1/projects/slug/shop", "/api/v2/workspace/shop"] {
        let body = site.get(&token, path).await.json();
        assert_eq!((&body["id"], &body["slug"], &body["_id"]), (&json!(id), &json!("shop"), &json!(id)), "{path}");
        assert_eq!(body["environments"][1]["slug"], "prod");
    }
    for (path, member) in [(format!("/api/v1/projects/{id}"), "project"), (format!("/api/v1/workspace/{id}"), "workspace")] {
        assert_eq!(site.get(&token, &path).await.json()[member]["slug"], "shop");
    }
    assert_eq!(site.get(&token, "/api/v1/workspace/slug/shop").await.status, 404);
    assert_eq!(site.get(&token, "/api/v1/projects").await.json()["projects"].as_array().unwrap().len(), 1);
    assert_eq!(site.get(&token, "/api/v1/projects/slug/nope").await.refusal().2, "Project with slug 'nope' not found");
    assert_eq!(site.get(&token, "/api/v1/projects/slug/N%20o").await.status, 422);
    assert_eq!(site.get(&token, "/api/v1/projects/slug/private").await.refusal().1, "ProjectMembershipNotFound");
}

#[tokio::test]
async fn an_unchanged_list_is_304_until_a_byte_changes() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    let path = format!("/api/v3/secrets/raw?workspaceId={}&environment=dev&secretPath=/app", site.project("shop"));
    let again = |tag: String| site.send(site.request(Method::GET, &path).bearer_auth(&token).header("if-none-match", tag));
    let first = site.get(&token, &path).await;
    let tag = first.etag();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let same = again(tag.clone()).await;
    assert_eq!((same.status, same.text.as_str(), same.etag()), (304, "", tag.clone()));
    for other in [format!("W/{tag}"), "*".to_owned(), format!("{tag}, \"x\"")] {
        assert_eq!(again(other).await.status, 200);
    }
    site.server.state().set_secret(&Place::new("shop", "dev", "/app"), "PORT", "8080").unwrap();
    let changed = again(tag).await;
    // The same value, but a new version and date.
    assert_eq!((changed.status, changed.json()["secrets"][0]["version"].clone()), (200, json!(2)));
    assert_eq!(site.server.calls().read(|log| log.with_status(Operation::ListSecrets, 304)), 1);
}

#[tokio::test]
async fn the_middle_generation_has_other_defaults() {
    let site = Site::start().await;
    site.server.set_generation(Generation::Mid);
    let token = site.login("reader").await;
    let body = site.list(&token, "").await.json();
    assert_eq!(value(&body["secrets"], "CROSS"), Some("${dev.app.deep.LEAF} ${prod.HOST}"));
    assert_eq!(body.get("imports"), None);
    let asked = site.list(&token, "&expandSecretReferences=true&include_imports=true").await.json();
    assert_eq!(value(&asked["secrets"], "CROSS"), Some("leaf prod.internal"));
    assert!(asked["imports"].is_array());
}

#[tokio::test]
async fn an_old_server_has_no_v4() {
    let site = Site::start().await;
    let token = site.login("reader").await;
    site.server.set_v4(false);
    let answer = site.list(&token, "").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json().get("reqId"), None::<&Value>);
    assert_eq!(site.get(&token, "/api/v1/projects/slug/shop").await.status, 404);
    assert_eq!(site.get(&token, "/api/v1/workspace/slug/shop").await.json()["slug"], "shop");
    let old = "/api/v3/secrets/raw?workspaceSlug=shop&environment=dev&secretPath=/app";
    assert_eq!(pairs(&site.get(&token, old).await.json()["secrets"]), [("PORT", "8080")]);
}

#[tokio::test]
async fn a_service_token_reads_its_scope_whatever_it_asks() {
    let site = Site::start().await;
    let asked = site.get("st.one.secret", "/api/v3/secrets/raw?workspaceId=x&environment=y&secretPath=/z").await;
    assert_eq!(pairs(&asked.json()["secrets"]), [("PORT", "8080")]);
    let own = site.get("st.one.secret.key", "/api/v2/service-token").await.json();
    assert_eq!((&own["workspace"], &own["permissions"]), (&json!(site.project("shop")), &json!(["read"])));
    assert_eq!(site.get("st.two.secret", "/api/v2/service-token").await.refusal().2, "Service token with ID 'two' not found");
    assert_eq!(site.get("st.one.wrong", "/api/v2/service-token").await.refusal().2, "Invalid service token");
    let refused = site.get("st.one.secret", "/api/v1/projects/slug/shop").await.refusal();
    assert_eq!((refused.0, refused.1.as_str()), (403, "Forbidden access to /api/v1/projects/slug/shop"));
}
