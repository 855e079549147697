//! What users find in the manual, and this project's own samples, apply and end ready.
use super::*;
use std::fs;
use support::Target;

/// The sample of Infisical's manual, every login block filled in, as users copy it.
const MANUAL: &str = r#"
apiVersion: secrets.infisical.com/v1alpha1
kind: InfisicalPushSecret
metadata:
  name: infisical-push-secret-demo
spec:
  resyncInterval: 1m
  hostAPI: https://app.infisical.com/api
  updatePolicy: Replace
  deletionPolicy: Delete
  destination:
    projectId: <project-id>
    environmentSlug: <env-slug>
    secretsPath: <secret-path>
  push:
    secret:
      secretName: push-secret-demo
      secretNamespace: default
  authentication:
    awsIamAuth:
      identityId: <machine-identity-id>
    azureAuth:
      identityId: <machine-identity-id>
    gcpIamAuth:
      identityId: <machine-identity-id>
      serviceAccountKeyFilePath: </path-to-service-account-key-file.json>
    gcpIdTokenAuth:
      identityId: <machine-identity-id>
    kubernetesAuth:
      identityId: <machine-identity-id>
      serviceAccountRef:
        name: <secret-name>
        namespace: <secret-namespace>
    universalAuth:
      credentialsRef:
        secretName: <secret-name>
        secretNamespace: <secret-namespace>
---
apiVersion: v1
kind: Secret
metadata:
  name: push-secret-demo
  namespace: default
stringData:
  API_KEY: some-api-key
  DATABASE_URL: postgres://127.0.0.1:5432
  ENCRYPTION_KEY: fabcc12-a22-facbaa4-11aa568aab
"#;

#[tokio::test]
async fn the_sample_of_the_manual_applies_and_is_pushed() {
    let world = World::new().await;
    let _operator = world.start().await;
    let text = MANUAL
        .replace("https://app.infisical.com", &world.infisical.url())
        .replace("amespace: default", &format!("amespace: {}", world.namespace.name()))
        .replace("<secret-namespace>", world.namespace.name())
        .replace("<secret-name>", "credentials")
        .replace("<project-id>", "33333333-4444-4555-8666-777777777777")
        .replace("<env-slug>", "dev")
        .replace("<secret-path>", "/push");
    world.namespace.apply(&text).await.unwrap();
    let ready = world.pushed("infisical-push-secret-demo").await;
    assert!(ready.message.contains("Pushed 3 secrets") && ready.message.contains("universalAuth is used"), "{}", ready.message);
    assert_eq!(world.remote("ENCRYPTION_KEY").as_deref(), Some("fabcc12-a22-facbaa4-11aa568aab"));
}

/// The peer ships one with certificates and keys that can't render: it calls a function that nobody has.
#[tokio::test]
async fn certificates_and_keys_render_and_a_function_that_is_none_is_named() {
    let world = World::new().await;
    world.source(&[("JWK", r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#), ("TEXT", "aGk=")]).await;
    let _operator = world.start().await;
    let template = json!({"data": {"PARSED": "{{ (fromJsonStringToJson .JWK.Value).crv }}"}});
    world.push("app", merged(replace_and_delete(), &json!({"spec": {"push": {"secret": {"template": template}}}}))).await;
    let message = world.fails("app", "TemplateFailed").await;
    assert!(message.contains("spec.push.secret.template") && message.contains("fromJsonStringToJson"), "{message}");
    assert_eq!(world.writes(), 0);

    let both = "{{ $c := genSelfSignedCertWithKey \"db\" nil (list \"db.local\") 1 (genPrivateKey \"ecdsa\") }}{{ print $c.Cert $c.Key";
    let template = json!({"data": {
        "PARSED": "{{ (fromJson .JWK.Value).crv }}",
        "PUBLIC_KEY": "{{ jwkPublicKeyPem .JWK.Value }}",
        "DECODED": "{{ decodeBase64ToBytes .TEXT.Value }}",
        "CERTIFICATE": format!("{both} | filterPEM \"CERTIFICATE\" }}}}"),
        "KEY_STORE": "{{ $c := genSelfSignedCertWithKey \"db\" nil nil 1 (genPrivateKey \"ecdsa\") }}{{ pemToPkcs12 $c.Cert $c.Key }}",
    }});
    world.patch("app", json!({"push": {"secret": {"template": template}}})).await;
    world.pushed("app").await;
    let pushed = world.all_remote();
    assert_eq!((pushed["PARSED"].as_str(), pushed["DECODED"].as_str()), ("Ed25519", "hi"));
    assert!(pushed["PUBLIC_KEY"].starts_with("-----BEGIN PUBLIC KEY-----") && pushed["KEY_STORE"].starts_with("MI"));
    assert!(pushed["CERTIFICATE"].starts_with("-----BEGIN CERTIFICATE-----") && !pushed["CERTIFICATE"].contains("PRIVATE"));
    // Fresh keys are made once.
    world.look_again("app").await;
    assert_eq!((world.all_remote(), world.writes()), (pushed, 1));
}

#[tokio::test]
async fn the_samples_of_this_project_are_pushed() {
    let world = World::new().await;
    for path in ["/push/template", "/push/jinja", "/push/generated"] {
        world.infisical.state().create_folder(&world.dev(path)).unwrap();
    }
    let url = world.infisical.url();
    let _operator = world.start_with(|options| options.host_api = Some(url)).await;
    for (file, names) in [
        ("universal-auth.yaml", &["push-universal"][..]),
        ("template.yaml", &["push-template", "push-jinja"]),
        ("generators.yaml", &["push-generated"]),
    ] {
        let path = Target::workspace().join("deploy/samples/infisicalpushsecret").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let text = text
            .replace("amespace: default", &format!("amespace: {}", world.namespace.name()))
            .replace("https://app.infisical.com/api", &world.infisical.url())
            .replace("<client id of the machine identity>", "app-client")
            .replace("<client secret>", "app-secret")
            .replace("<id of the project>", "33333333-4444-4555-8666-777777777777");
        world.namespace.apply(&text).await.unwrap_or_else(|error| panic!("{file}: {error:#}"));
        for name in names {
            world.pushed(name).await;
        }
    }
    let value = |path: &str, key: &str| world.infisical.state().value(&world.dev(path), key).unwrap();
    assert_eq!(value("/push/template", "DATABASE_URL"), "postgres://user:password@db/shop");
    assert_eq!(
        (value("/push/template", "CERTIFICATE"), value("/push/jinja", "DATABASE_URL")),
        ("/v8A".into(), value("/push/template", "DATABASE_URL"))
    );
    assert_eq!(value("/push/generated", "DB_PASSWORD").chars().count(), 32);
    assert_eq!(value("/push/generated", "INSTANCE_ID").chars().count(), 36);
}
