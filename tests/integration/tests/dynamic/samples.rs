//! What users find in the manuals applies and ends Ready, with only the server and the references adapted.
use super::{database, may_lease, place, short_leases, synced};
use infisical_dev_server::{CredentialType, DynamicSecretSeed, KubernetesInputs, Place, Provider};
use integration::Scene;
use kube::ResourceExt;
use serde_json::json;
use std::fs;
use support::Target;

const PLACEHOLDER: &str = "-----BEGIN CERTIFICATE-----\n    <one or more certificates as PEM>\n    -----END CERTIFICATE-----";

#[tokio::test]
async fn the_samples_of_dynamic_secrets_end_ready() {
    let scene = Scene::with(short_leases).await;
    may_lease(&scene.infisical);
    let namespace = scene.namespace.name();
    let state = scene.infisical.state();
    state.create_folder(&Place::new("shop", "dev", "/databases")).unwrap();
    let settings = || database("1h", Some("24h"), false, &json!({}));
    state.set_dynamic_secret(&place("dev"), "postgres", settings()).unwrap();
    state.set_dynamic_secret(&Place::new("shop", "dev", "/databases"), "postgres", settings()).unwrap();
    let inputs = KubernetesInputs {
        credential_type: CredentialType::Static,
        namespace: namespace.to_owned(),
        service_account_name: "default".to_owned(),
        ..KubernetesInputs::default()
    };
    let provider = Provider::Kubernetes(inputs);
    let settings = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: Some("24h".into()), refuses_renewal: false, provider };
    state.set_dynamic_secret(&place("dev"), "cluster-token", settings).unwrap();
    let url = scene.infisical.url();
    let authority = rcgen::generate_simple_self_signed(["infisical.example.com".to_owned()]).unwrap().cert.pem();
    let _operator = scene.start_with(|options| options.host_api = Some(url)).await;
    let folder = Target::workspace().join("deploy/samples/infisicaldynamicsecret");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let text = text
            .replace("amespace: default", &format!("amespace: {namespace}"))
            .replace("https://app.infisical.com/api", &scene.infisical.url())
            .replace("<client id of the machine identity>", "app-client")
            .replace("<client secret>", "app-secret")
            .replace(PLACEHOLDER, &authority.replace('\n', "\n    "))
            .replace("<id of the project>", "33333333-4444-4555-8666-777777777777");
        for object in scene.namespace.apply(&text).await.unwrap_or_else(|error| panic!("{}: {error:#}", file.display())) {
            if object.types.as_ref().unwrap().kind == "InfisicalDynamicSecret" {
                println!("{}: {}", file.display(), object.name_any());
                synced(&scene, &object.name_any()).await;
            }
        }
    }
}
