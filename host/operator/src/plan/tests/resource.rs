//! The whole of a plan, and what of a resource is neither login, target nor server.
use super::*;

#[test]
fn the_plan_says_how_to_log_in_what_to_read_and_where_to_put_it() {
    let plan = plan(&with_credentials(), UNIVERSAL).unwrap();
    assert_eq!((plan.login.plugin.as_str(), plan.login.method.as_str()), ("universal", "UNIVERSAL_MACHINE_IDENTITY"));
    assert_eq!((text(&plan, "client-id"), text(&plan, "client-secret")), ("id".into(), CANARY.into()));
    assert_eq!(plan.login.settings, json!({}));
    assert_eq!(plan.login.server.address, infisical::Address::parse("https://app.infisical.com").unwrap());
    assert!(plan.login.server.trusted && plan.login.server.ca.is_none());
    let read = &plan.reads[0];
    assert_eq!((&read.project, read.environment.as_str(), read.path.as_str()), (&ProjectRef::Slug("shop".into()), "prod", "/app"));
    assert!(read.expand_references && read.include_imports && !read.recursive && read.secret.is_none());
    let target = &plan.targets[0];
    assert_eq!((target.kind, &target.name, target.policy), (TargetKind::Secret, &Name::new("team", "app"), CreationPolicy::Orphan));
    assert_eq!((target.field.as_str(), &target.template, &target.metadata), ("spec.managedKubeSecretReferences[0]", &None, &None));
    assert_eq!(plan.interval, Duration::from_secs(60));
    assert_eq!(warned(&plan), []);
}

#[test]
fn intervals_in_both_forms() {
    let cluster = with_credentials();
    for (spec, seconds) in [
        ("", 60),
        ("resyncInterval: 10", 10),
        ("resyncInterval: 0", 60),
        ("syncConfig: {}", 60),
        ("syncConfig: {resyncInterval: ''}", 60),
        ("syncConfig: {resyncInterval: 2m}", 120),
        ("resyncInterval: 10\nsyncConfig: {resyncInterval: 1h}", 3600),
        ("resyncInterval: 10\nsyncConfig: {}", 60),
        ("syncConfig: {resyncInterval: 0s}", 60),
        ("syncConfig: {resyncInterval: 0m}", 60),
    ] {
        let plan = plan(&cluster, &universal(spec)).map(|plan| plan.interval.as_secs()).map_err(|fault| fault.message);
        assert_eq!(plan, Ok(seconds), "{spec}");
    }
    // The peer takes its default for these, so they work.
    for (spec, seconds, says) in [
        ("resyncInterval: 3", 5, "spec.resyncInterval: \"3\" is too short; at least 5s; until then 5s is used"),
        ("resyncInterval: -1", 60, "spec.resyncInterval: \"-1\" is no interval"),
        ("syncConfig: {resyncInterval: 4s}", 5, "spec.syncConfig.resyncInterval: \"4s\" is too short"),
        ("syncConfig: {resyncInterval: 1m30s}", 60, "spec.syncConfig.resyncInterval: \"1m30s\" is no interval"),
    ] {
        let plan = plan(&cluster, &universal(spec)).unwrap();
        let warning = warned(&plan).into_iter().find(|(reason, _)| *reason == reason::INVALID_INTERVAL);
        assert!(warning.is_some_and(|(_, message)| message.contains(says)), "{spec}: {:?}", warned(&plan));
        assert_eq!(plan.interval.as_secs(), seconds, "{spec}");
    }
}

#[test]
fn deprecated_fields_are_warnings() {
    let cluster = with_credentials();
    let plan = |spec: &str| plan(&cluster, &universal(spec)).unwrap();
    let old = plan("resyncInterval: 10\ninstantUpdates: true");
    assert_eq!(warned(&old).iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [reason::DEPRECATED, reason::DEPRECATED]);
    assert!(warned(&old)[0].1.contains("spec.resyncInterval is deprecated; use spec.syncConfig.resyncInterval"));
    let both = plan("resyncInterval: 10\nsyncConfig: {instantUpdates: false}");
    assert!(warned(&both)[0].1.contains("spec.syncConfig is used in its place"));
}

#[test]
fn instant_updates_have_an_interval_of_their_own_where_the_user_names_none() {
    let cluster = with_credentials();
    let seconds = |spec: &str| {
        let plan = plan(&cluster, &universal(spec)).unwrap();
        (plan.interval.as_secs(), plan.instant.map(|interval| interval.as_secs()))
    };
    assert_eq!(seconds("syncConfig: {instantUpdates: true}"), (60, Some(3600)));
    assert_eq!(seconds("instantUpdates: true"), (60, Some(3600)));
    assert_eq!(seconds("syncConfig: {instantUpdates: true, resyncInterval: 30s}"), (30, Some(30)));
    assert_eq!(seconds("resyncInterval: 20\ninstantUpdates: true"), (20, Some(20)));
    assert_eq!(seconds("instantUpdates: true\nsyncConfig: {}"), (60, None));
    assert_eq!(seconds("syncConfig: {instantUpdates: false}"), (60, None));
}

#[test]
fn a_scope_that_can_not_be_read_is_refused() {
    let cluster = with_credentials();
    let scope = |fields: &str| UNIVERSAL.replace("{projectSlug: shop, envSlug: prod, secretsPath: /app/}", &format!("{{{fields}}}"));
    let place = "spec.authentication.universalAuth.secretsScope";
    for (fields, says) in [
        ("envSlug: prod", "neither projectId nor projectSlug"),
        ("envSlug: prod, projectId: '', projectSlug: ' '", "neither projectId nor projectSlug"),
        ("envSlug: prod, projectId: a, projectSlug: b", "projectId (\"a\") and projectSlug (\"b\") are both"),
        ("envSlug: '', projectId: a", ".envSlug is empty"),
        ("envSlug: prod, projectId: a, secretName: K, recursive: true", ".secretName is \"K\" while recursive is true"),
        ("envSlug: prod, projectId: a, secretsPath: /a/../b", ".secretsPath: \"/a/../b\""),
    ] {
        refused(plan(&cluster, &scope(fields)), reason::INVALID_SCOPE, &[place, says]);
    }
    let one = plan(&cluster, &scope("envSlug: prod, projectId: a, secretName: K, recursive: false")).unwrap();
    assert_eq!((one.reads[0].secret.as_deref(), one.reads[0].path.as_str()), (Some("K"), "/"));
}

#[test]
fn an_object_that_the_peer_wrote_back_whole_means_what_its_user_wrote() {
    let empty = "{envSlug: '', secretsPath: '', projectSlug: '', recursive: false}";
    let spec = format!(
        "{UNIVERSAL}hostAPI: ''
resyncInterval: 0
instantUpdates: false
tls: {{caRef: {{secretName: '', secretNamespace: '', key: ''}}}}
tokenSecretReference: {{secretName: '', secretNamespace: ''}}
managedSecretReference: {{secretName: '', secretNamespace: '', secretType: Opaque, creationPolicy: Orphan}}
managedKubeConfigMapReferences: null
"
    );
    let blocks = format!(
        "authentication:
  serviceToken: {{serviceTokenSecretReference: {{secretName: '', secretNamespace: ''}}, secretsScope: {{envSlug: '', secretsPath: ''}}}}
  serviceAccount: {{serviceAccountSecretReference: {{secretName: '', secretNamespace: ''}}, projectId: '', environmentName: ''}}
  kubernetesAuth: {{identityId: '', serviceAccountRef: {{name: '', namespace: ''}}, secretsScope: {empty}, serviceAccountTokenAudiences: null}}
  awsIamAuth: {{identityId: '', secretsScope: {empty}}}
  azureAuth: {{identityId: '', resource: '', secretsScope: {empty}}}
  gcpIdTokenAuth: {{identityId: '', secretsScope: {empty}}}
  gcpIamAuth: {{identityId: '', serviceAccountKeyFilePath: '', secretsScope: {empty}}}
  ldapAuth: {{identityId: '', credentialsRef: {{secretName: '', secretNamespace: ''}}, secretsScope: {empty}}}
"
    );
    let plan = plan(&with_credentials(), &spec.replace("authentication:\n", &blocks)).unwrap();
    assert_eq!((plan.login.plugin.as_str(), warned(&plan)), ("universal", vec![]));
}

#[test]
fn an_empty_spec_is_a_fault_with_a_message() {
    refused(plan(&Cluster::default(), "{}"), reason::NO_TARGET, &["no target"]);
    let resource = resource("{}");
    assert_eq!(
        infisical_secret(&resource, &References::default(), &Settings::default()).err().map(|(stage, fault)| (stage, fault.class)),
        Some((Stage::Plan, Class::UserFix))
    );
}

/// The samples, each against the Secrets and accounts of its own file.
#[test]
fn every_sample_has_a_plan() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/samples/infisicalsecret");
    let mut methods = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let documents: Vec<serde_json::Value> =
            serde_yaml::Deserializer::from_str(&text).map(|document| serde::Deserialize::deserialize(document).unwrap()).collect();
        let name = |document: &serde_json::Value| Name::new("default", document["metadata"]["name"].as_str().unwrap());
        let mut cluster = Cluster::default();
        for document in &documents {
            if document["kind"] == "Secret" {
                let mut data: BTreeMap<String, String> = serde_json::from_value(document["stringData"].clone()).unwrap_or_default();
                if document["type"] == "kubernetes.io/service-account-token" {
                    data.insert("token".into(), "filled by a controller".into());
                }
                cluster.secrets.insert(name(document), data);
            }
            if document["kind"] == "ServiceAccount" {
                let secrets = document["secrets"].as_array().into_iter().flatten();
                cluster.accounts.insert(name(document), secrets.map(|secret| secret["name"].as_str().unwrap().into()).collect());
            }
        }
        for document in documents.iter().filter(|document| document["kind"] == "InfisicalSecret") {
            let resource: InfisicalSecret = serde_json::from_value(document.clone()).unwrap();
            let settings = Settings::default();
            let found = futures::executor::block_on(dereference::resource(&cluster, &resource, &settings)).unwrap();
            let plan = infisical_secret(&resource, &found, &settings).unwrap_or_else(|(_, fault)| panic!("{}", fault.message));
            methods.insert(plan.login.method.clone());
        }
    }
    let tried = ::api::dialect::INFISICAL_SECRET.iter().filter(|method| method.block != "serviceAccount" && method.block != "plugin");
    assert!({ tried }.all(|method| methods.contains(method.strategy)), "{methods:?}");
    let plugins = methods.iter().filter(|method| method.starts_with("PLUGIN ")).count();
    assert!(plugins >= 2, "{methods:?}");
}
