//! What users find in the manuals applies and syncs, with only the server and the references adapted.
use integration::Scene;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use std::fs;
use support::Target;

/// The sample of Infisical's manual, every login block filled in, as users copy it.
const MANUAL: &str = include_str!("../data/manual-sample.yaml");

#[tokio::test]
async fn the_sample_of_the_manual_applies_and_syncs() {
    let scene = Scene::new().await;
    scene.infisical.state().set_secret(&scene.dev("/app"), "D", "four").unwrap();
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    scene.namespace.secret("universal-auth-credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
    let text = MANUAL
        .replace("https://app.infisical.com", &scene.infisical.url())
        .replace("amespace: default", &format!("amespace: {namespace}"))
        .replace("new-ob-em", "shop");
    scene.namespace.apply(&text).await.unwrap();
    scene.holds("managed-secret", &[("A", "one"), ("B", "two"), ("C", "three"), ("D", "four")]).await;
    let ready = scene.synced("infisicalsecret-sample").await;
    assert!(ready.message.contains("universalAuth is used"), "{}", ready.message);
    let secret = scene.secret("managed-secret").await;
    assert_eq!(secret.labels()["label-to-be-passed-to-managed-secret"], "sample-value");
    assert_eq!(secret.annotations()["example.com/annotation-to-be-passed-to-managed-secret"], "sample-value");
    assert!(secret.owner_references().is_empty());
    // Every ten seconds.
    scene.set("A", "edited");
    scene.holds("managed-secret", &[("A", "edited"), ("B", "two"), ("C", "three"), ("D", "four")]).await;
}

const WITH_AUDIENCE: &str = "88888888-aaaa-4bbb-8ccc-dddddddddddd";

/// A sample of this project, for the namespace, server and identities of a test.
fn sample(scene: &Scene, name: &str) -> String {
    let path = Target::workspace().join("deploy/samples/infisicalsecret").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.replace("amespace: default", &format!("amespace: {}", scene.namespace.name()))
        .replace("https://app.infisical.com/api", &scene.infisical.url())
        .replace("<client id of the machine identity>", "app-client")
        .replace("<client secret>", "app-secret")
        .replace(
            "<id of the machine identity>",
            if text.contains("udiences:") { WITH_AUDIENCE } else { "99999999-aaaa-4bbb-8ccc-dddddddddddd" },
        )
        .replace("<id of the project>", "33333333-4444-4555-8666-777777777777")
}

#[tokio::test]
async fn the_samples_of_this_project_sync() {
    let scene = Scene::new().await;
    let server = scene.infisical.state();
    for (environment, path, key, value) in [
        ("dev", "/", "DB_USER", "user"),
        ("dev", "/", "DB_PASSWORD", "password"),
        ("dev", "/", "DB_HOST", "db"),
        ("dev", "/", "REGISTRY_AUTH", "YTpi"),
        ("dev", "/settings", "LOG_LEVEL", "info"),
        ("prod", "/app", "DATABASE_URL", "postgres://"),
    ] {
        let place = infisical_dev_server::Place::new("shop", environment, path);
        server.create_folder(&place).unwrap();
        server.set_secret(&place, key, value).unwrap();
    }
    let url = scene.infisical.url();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    let token = scene.access_token().await;
    for name in [
        "universal-auth.yaml",
        "kubernetes-auth.yaml",
        "kubernetes-auth-token-secret.yaml",
        "plugin.yaml",
        "templates.yaml",
        "config-maps.yaml",
        "deprecated-fields.yaml",
        "auto-reload.yaml",
    ] {
        let text = sample(&scene, name).replace("<access token of the machine identity>", &token);
        for object in scene.namespace.apply(&text).await.unwrap_or_else(|error| panic!("{name}: {error:#}")) {
            let kind = object.types.as_ref().unwrap().kind.clone();
            // Needs a service token, which the dev server gives to nobody.
            let spec = object.data.get("spec").cloned().unwrap_or_default();
            if kind == "InfisicalSecret"
                && spec.pointer("/authentication/serviceToken").is_none()
                && spec.get("tokenSecretReference").is_none()
            {
                let resource = object.name_any();
                println!("{name}: {resource}");
                scene.synced(&resource).await;
            }
        }
    }
    assert_eq!(scene.data("templates-database").await["url"], "postgres://user:password@db/shop");
    let maps: Api<ConfigMap> = scene.namespace.api();
    assert_eq!(maps.get("settings-file").await.unwrap().data.unwrap()["app.conf"], "level = info\n");
    let registry = scene.secret("templates-registry").await;
    assert_eq!(registry.type_.as_deref(), Some("kubernetes.io/dockerconfigjson"));
}

#[tokio::test]
async fn printer_columns_show_what_matters() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    scene.infisical_secret("good", json!({})).await;
    scene.infisical_secret("bad", json!({"spec": {"hostAPI": "ftp://infisical.example.com"}})).await;
    scene.synced("good").await;
    scene.failed("bad", "InvalidAddress").await;
    let path = format!("/apis/secrets.infisical.com/v1alpha1/namespaces/{}/infisicalsecrets", scene.namespace.name());
    let request = http::Request::get(path).header("accept", "application/json;as=Table;g=meta.k8s.io;v=v1").body(Vec::new()).unwrap();
    let table: Value = scene.plane.client().request(request).await.unwrap();
    let columns: Vec<_> =
        table["columnDefinitions"].as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap().to_owned()).collect();
    let rows: Vec<Vec<String>> = table["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["cells"].as_array().unwrap().iter().map(|cell| cell.as_str().unwrap_or_default().to_owned()).collect())
        .collect();
    let cell = |row: &[String], name: &str| row[columns.iter().position(|column| column == name).unwrap()].clone();
    for (name, ready, reason) in [("good", "True", "Synced"), ("bad", "False", "InvalidAddress")] {
        let row = rows.iter().find(|row| row[0] == name).unwrap();
        assert_eq!((cell(row, "Ready"), cell(row, "Reason")), (ready.into(), reason.into()));
    }
    assert!(scene.namespace.api::<Secret>().get_opt("bad").await.unwrap().is_none());
}
