//! Plans of an InfisicalPushSecret.
use super::*;
use ::api::v1alpha1::InfisicalPushSecret;

const LOGIN: &str = "authentication: {universalAuth: {credentialsRef: {secretName: credentials, secretNamespace: team}}}";
const DESTINATION: &str = "destination: {projectSlug: shop, environmentSlug: dev, secretsPath: app/}";
const SOURCE: &str = "push: {secret: {secretName: source, secretNamespace: other}}";

fn push(parts: &[&str]) -> Result<PushPlan, Fault> {
    let spec: serde_json::Value = serde_yaml::from_str(&parts.join("\n")).unwrap();
    let resource: InfisicalPushSecret = serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalPushSecret",
        "metadata": {"name": "app", "namespace": "team"}, "spec": spec,
    }))
    .unwrap();
    let settings = Settings::default();
    let found = futures::executor::block_on(dereference::resource(&with_credentials(), &resource, &settings))?;
    push_secret(&resource, &found, &settings).map_err(|(_, fault)| fault)
}

fn refused(parts: &[&str], reason: &str, says: &[&str]) {
    let fault = push(parts).err().unwrap_or_else(|| panic!("{reason} expected"));
    assert_eq!(fault.reason, reason, "{}", fault.message);
    for text in says.iter().chain(&["InfisicalPushSecret team/app: "]) {
        assert!(fault.message.contains(text), "{text:?} is missing in: {}", fault.message);
    }
}

#[test]
fn what_is_not_said_is_none() {
    let plan = push(&[LOGIN, DESTINATION, SOURCE]).unwrap();
    assert_eq!((plan.replace, plan.delete, plan.interval, plan.warnings.len()), (false, false, None, 0));
    assert_eq!((plan.read.path.as_str(), &plan.read.project), ("/app", &ProjectRef::Slug("shop".into())));
    assert!(!plan.read.expand_references && !plan.read.include_imports && !plan.read.recursive);
    assert_eq!(plan.source.unwrap().secret, Name::new("other", "source"));
}

#[test]
fn policies_have_one_meaning_each_and_anything_else_is_none_with_a_warning() {
    let plan = push(&[LOGIN, DESTINATION, SOURCE, "updatePolicy: Replace\ndeletionPolicy: Delete\nresyncInterval: 1m"]).unwrap();
    assert_eq!((plan.replace, plan.delete, plan.interval), (true, true, Some(Duration::from_secs(60))));
    let plan = push(&[LOGIN, DESTINATION, SOURCE, "updatePolicy: replace\ndeletionPolicy: None\nresyncInterval: ''"]).unwrap();
    assert_eq!((plan.replace, plan.delete, plan.interval), (false, false, None));
    assert!(plan.warnings[0].message.contains("spec.updatePolicy is \"replace\" and treated as None; write Replace or None"));
}

#[test]
fn what_can_not_be_meant_is_refused_with_its_field() {
    refused(&[LOGIN, DESTINATION], reason::INVALID_SPEC, &["spec.push names nothing"]);
    refused(&[LOGIN, DESTINATION, "push: {secret: {secretName: a}}"], reason::INVALID_SPEC, &["spec.push.secret.secretNamespace is empty"]);
    refused(&[LOGIN, DESTINATION, SOURCE, "resyncInterval: 1m30s"], reason::INVALID_INTERVAL, &["spec.resyncInterval"]);
    refused(&[LOGIN, SOURCE], reason::INVALID_SCOPE, &["spec.destination: neither projectId nor projectSlug"]);
    let both = "destination: {projectSlug: a, projectId: b, environmentSlug: dev, secretsPath: /}";
    refused(&[LOGIN, SOURCE, both], reason::INVALID_SCOPE, &["both filled in"]);
    refused(&[LOGIN, SOURCE, "destination: {projectId: b, secretsPath: /}"], reason::INVALID_SCOPE, &["environmentSlug is empty"]);
    refused(&[LOGIN, SOURCE, "destination: {projectId: b, environmentSlug: e}"], reason::INVALID_SCOPE, &["secretsPath is empty"]);
    refused(&[DESTINATION, SOURCE], reason::NO_METHOD, &["spec.authentication"]);
}

#[test]
fn generated_secrets_have_names_of_their_own() {
    let generators = |all: &str| format!("push: {{generators: [{all}]}}");
    let one = "{destinationSecretName: G, generatorRef: {kind: UUID, name: u}}";
    let plan = push(&[LOGIN, DESTINATION, &generators(one)]).unwrap();
    assert_eq!((plan.generators[0].key.as_str(), plan.generators[0].place.as_str()), ("G", "spec.push.generators[0].generatorRef"));
    refused(
        &[LOGIN, DESTINATION, &generators(&format!("{one}, {one}"))],
        reason::INVALID_SPEC,
        &["generators[1].destinationSecretName", "earlier"],
    );
    refused(&[LOGIN, DESTINATION, &generators("{destinationSecretName: 'a:b'}")], reason::INVALID_SPEC, &["no colon and no slash"]);
    refused(&[LOGIN, DESTINATION, &generators("{}")], reason::INVALID_SPEC, &["destinationSecretName is empty"]);
}
