//! Plans from YAML as users write it, against a cluster of a few objects.
use super::*;
use crate::{
    dereference::{self, Lookup, References, SecretData},
    object::ObjectRef,
    outcome::Class,
    reason,
};
use ::api::v1alpha1::InfisicalSecret;
use infisical::ProjectRef;
use secrecy::ExposeSecret;
use serde_json::json;
use std::sync::Mutex;

const CANARY: &str = "canary-51c9";

/// A cluster of these objects, and what was asked of it.
#[derive(Default)]
struct Cluster {
    secrets: BTreeMap<Name, BTreeMap<String, String>>,
    config: Option<Vec<(&'static str, &'static str)>>,
    config_denied: bool,
    accounts: BTreeMap<Name, Vec<String>>,
    asked: Mutex<Vec<String>>,
}

impl Cluster {
    fn secret(mut self, name: &str, data: &[(&str, &str)]) -> Self {
        self.secrets.insert(Name::new("team", name), data.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
        self
    }

    fn config(mut self, data: &[(&'static str, &'static str)]) -> Self {
        self.config = Some(data.to_vec());
        self
    }

    fn account(mut self, name: &str, secrets: &[&str]) -> Self {
        self.accounts.insert(Name::new("team", name), secrets.iter().map(ToString::to_string).collect());
        self
    }

    fn ask(&self, what: impl Into<String>) {
        self.asked.lock().unwrap().push(what.into());
    }
}

impl Lookup for Cluster {
    async fn secret(&self, _: &ObjectRef, name: &Name) -> Result<Option<Arc<SecretData>>, Fault> {
        self.ask(name.to_string());
        let bytes = |value: &str| Arc::new(SecretBytes::from(value.as_bytes().to_vec()));
        let data = |data: &BTreeMap<String, String>| data.iter().map(|(key, value)| (key.clone(), bytes(value))).collect();
        Ok(self.secrets.get(name).map(|found| Arc::new(SecretData { name: name.clone(), data: data(found) })))
    }

    async fn config_map(&self, _: &ObjectRef, _: &Name) -> Result<Option<Arc<BTreeMap<String, String>>>, Fault> {
        if self.config_denied {
            return Err(Fault::new("Forbidden", Class::Denied, "no right"));
        }
        let data = |data: &Vec<(&str, &str)>| data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ok(self.config.as_ref().map(|found| Arc::new(data(found))))
    }

    async fn service_account_secrets(&self, name: &Name) -> Result<Option<Vec<String>>, Fault> {
        self.ask(format!("account {name}"));
        Ok(self.accounts.get(name).cloned())
    }
}

fn resource(spec: &str) -> InfisicalSecret {
    let spec: serde_json::Value = serde_yaml::from_str(spec).unwrap();
    serde_json::from_value(json!({
        "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret",
        "metadata": {"name": "app", "namespace": "team"}, "spec": spec,
    }))
    .unwrap()
}

fn plan_with(cluster: &Cluster, spec: &str, settings: &Settings) -> Result<Plan, Fault> {
    let resource = resource(spec);
    let found = futures::executor::block_on(dereference::infisical_secret(cluster, &resource, settings))?;
    infisical_secret(&resource, &found, settings)
}

fn plan(cluster: &Cluster, spec: &str) -> Result<Plan, Fault> {
    plan_with(cluster, spec, &Settings::default())
}

/// The fault must name the object, have this reason, and say all of these.
fn refused(plan: Result<Plan, Fault>, reason: &str, says: &[&str]) {
    let fault = plan.err().unwrap_or_else(|| panic!("{reason} expected"));
    assert_eq!(fault.reason, reason, "{}", fault.message);
    for text in says.iter().chain(&["InfisicalSecret team/app: "]) {
        assert!(fault.message.contains(text), "{text:?} is missing in: {}", fault.message);
    }
    assert!(!fault.message.contains(CANARY), "{}", fault.message);
}

fn warned(plan: &Plan) -> Vec<(&'static str, &str)> {
    plan.warnings.iter().map(|fault| (fault.reason, fault.message.as_str())).collect()
}

fn with_credentials() -> Cluster {
    Cluster::default().secret("credentials", &[("clientId", "id"), ("clientSecret", CANARY)])
}

const UNIVERSAL: &str = "
authentication:
  universalAuth:
    credentialsRef: {secretName: credentials, secretNamespace: team}
    secretsScope: {projectSlug: shop, envSlug: prod, secretsPath: /app/}
managedKubeSecretReferences: [{secretName: app, secretNamespace: team}]
";

fn universal(more: &str) -> String {
    format!("{UNIVERSAL}{more}")
}

/// A login block with a target.
fn login_block(block: &str) -> String {
    format!("managedKubeSecretReferences: [{{secretName: app, secretNamespace: team}}]\nauthentication:\n{block}")
}

const KUBERNETES: &str = "  kubernetesAuth:
    identityId: identity
    serviceAccountRef: {name: runner, namespace: team}
    secretsScope: {projectId: p1, envSlug: prod}
";

fn text(plan: &Plan, input: &str) -> String {
    String::from_utf8(plan.login.inputs[input].expose_secret().to_vec()).unwrap()
}

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
fn no_method_and_missing_credentials_are_told_apart() {
    let cluster = Cluster::default();
    refused(plan(&cluster, &login_block("  {}")), reason::NO_METHOD, &["spec.authentication", "universalAuth", "plugin"]);
    refused(
        plan(&cluster, UNIVERSAL),
        reason::SECRET_NOT_FOUND,
        &["spec.authentication.universalAuth.credentialsRef", "no Secret team/credentials", "\"clientId\"", "create it"],
    );
    let half = Cluster::default().secret("credentials", &[("clientId", "id")]);
    refused(plan(&half, UNIVERSAL), reason::SECRET_KEY_NOT_FOUND, &["\"clientSecret\" of Secret team/credentials is missing"]);
    let blank = Cluster::default().secret("credentials", &[("clientId", "id"), ("clientSecret", "\n")]);
    refused(plan(&blank, UNIVERSAL), reason::SECRET_KEY_NOT_FOUND, &["is empty"]);
    let other = Cluster::default().secret("credentials", &[("user", CANARY)]);
    refused(plan(&other, UNIVERSAL), reason::SECRET_KEY_NOT_FOUND, &["\"clientId\" of Secret team/credentials is missing"]);
}

#[test]
fn a_half_filled_reference_is_named() {
    let spec = UNIVERSAL.replace("secretNamespace: team}\n    secretsScope", "secretNamespace: ''}\n    secretsScope");
    refused(plan(&with_credentials(), &spec), reason::INVALID_SPEC, &["credentialsRef.secretNamespace is empty"]);
    let spec = UNIVERSAL.replace("secretName: credentials", "secretName: ../nodes");
    refused(plan(&with_credentials(), &spec), reason::INVALID_SPEC, &["credentialsRef.secretName", "../nodes"]);
}

#[test]
fn of_several_methods_the_first_in_the_fixed_order_is_used_with_a_warning() {
    let spec = universal("").replace("authentication:\n", &format!("authentication:\n{KUBERNETES}  awsIamAuth: {{identityId: i}}\n"));
    for _ in 0..20 {
        let plan = plan(&with_credentials(), &spec).unwrap();
        assert_eq!(plan.login.plugin, "universal");
        let warnings = warned(&plan);
        assert_eq!((warnings.len(), warnings[0].0), (1, reason::SEVERAL_METHODS));
        assert!(warnings[0].1.contains("universalAuth, kubernetesAuth, awsIamAuth; universalAuth is used"), "{}", warnings[0].1);
    }
}

#[test]
fn a_block_whose_secret_is_gone_is_passed_over_and_said_so() {
    let spec = universal("").replace(
        "authentication:\n",
        &format!(
            "authentication:\n{}",
            KUBERNETES.replace("    secretsScope", "    autoCreateServiceAccountToken: true\n    secretsScope")
        ),
    );
    let cluster = Cluster::default();
    let plan = plan(&cluster, &spec).unwrap();
    assert_eq!(plan.login.plugin, "kubernetes");
    assert!(warned(&plan)[0].1.contains("kubernetesAuth is used, the first of them whose credentials are there"));
    assert_eq!(*cluster.asked.lock().unwrap(), ["team/credentials"]);
}

#[test]
fn nothing_is_read_beyond_the_method_that_is_used() {
    let spec = universal("").replace("authentication:\n", &format!("authentication:\n{KUBERNETES}"));
    let cluster = with_credentials();
    plan(&cluster, &spec).unwrap();
    assert_eq!(*cluster.asked.lock().unwrap(), ["team/credentials"]);
}

#[test]
fn kubernetes_asks_for_a_token_where_it_may() {
    let auto = KUBERNETES.replace(
        "    secretsScope",
        "    autoCreateServiceAccountToken: true\n    serviceAccountTokenAudiences: [infisical]\n    secretsScope",
    );
    let plan = plan(&Cluster::default(), &login_block(&auto)).unwrap();
    assert_eq!((plan.login.plugin.as_str(), plan.login.method.as_str()), ("kubernetes", "KUBERNETES_AUTH_MACHINE_IDENTITY"));
    assert_eq!(plan.login.settings, json!({"audiences": ["infisical"]}));
    assert_eq!(plan.login.service_account, Some(Name::new("team", "runner")));
    assert_eq!(text(&plan, "identity-id"), "identity");
    assert!(!plan.login.inputs.contains_key("token"));
    assert_eq!(plan.reads[0].project, ProjectRef::Id("p1".into()));
}

#[test]
fn a_long_lived_token_comes_from_the_first_secret_of_the_account() {
    let spec = login_block(KUBERNETES);
    let cluster = Cluster::default().account("runner", &["runner-token", "other"]).secret("runner-token", &[("token", CANARY)]);
    // Audiences are those of a requested token.
    let audiences = spec.replace("    secretsScope", "    serviceAccountTokenAudiences: [infisical]\n    secretsScope");
    for spec in [spec, audiences] {
        let plan = plan(&cluster, &spec).unwrap();
        assert_eq!((text(&plan, "token"), &plan.login.service_account), (CANARY.into(), &None));
        assert_eq!(plan.login.settings, json!({"source": "token-secret"}));
    }
}

#[test]
fn a_missing_long_lived_token_says_what_to_set() {
    let spec = login_block(KUBERNETES);
    let says = ["spec.authentication.kubernetesAuth", "set spec.authentication.kubernetesAuth.autoCreateServiceAccountToken to true"];
    refused(plan(&Cluster::default(), &spec), reason::SERVICE_ACCOUNT_NOT_FOUND, &["no ServiceAccount team/runner"]);
    let bare = Cluster::default().account("runner", &[]);
    refused(plan(&bare, &spec), reason::SERVICE_ACCOUNT_TOKEN_MISSING, &[says[0], says[1], "since 1.24"]);
    let gone = Cluster::default().account("runner", &["runner-token"]);
    refused(plan(&gone, &spec), reason::SERVICE_ACCOUNT_TOKEN_MISSING, &[says[1], "Secret team/runner-token"]);
    let keyless = Cluster::default().account("runner", &["runner-token"]).secret("runner-token", &[("ca.crt", "x")]);
    refused(plan(&keyless, &spec), reason::SERVICE_ACCOUNT_TOKEN_MISSING, &[says[1], "no key \"token\""]);
}

#[test]
fn an_account_of_another_namespace_needs_a_trusted_server() {
    let spec = |namespace: &str, host: &str| {
        let block = KUBERNETES.replace("namespace: team", &format!("namespace: {namespace}"));
        let block = block.replace("    secretsScope", "    autoCreateServiceAccountToken: true\n    secretsScope");
        format!("hostAPI: {host}\n{}", login_block(&block))
    };
    let cluster = Cluster::default();
    let (own, cloud) = ("https://vault.example", "https://eu.infisical.com/api");
    assert!(plan(&cluster, &spec("team", own)).is_ok());
    assert!(plan(&cluster, &spec("other", cloud)).is_ok());
    refused(plan(&cluster, &spec("other", own)), reason::AMBIENT_NOT_GRANTED, &["other/runner", own, "--trusted-host"]);
    let trusting = Settings { trusted: [own.to_owned()].into(), ..Settings::default() };
    assert!(plan_with(&cluster, &spec("other", own), &trusting).is_ok());
    refused(plan_with(&cluster, &spec("kube-system", cloud), &trusting), reason::AMBIENT_NOT_GRANTED, &["--token-request-system-account"]);
    let listed = Settings { system_accounts: ["kube-system/runner".to_owned()].into(), ..Settings::default() };
    assert!(plan_with(&cluster, &spec("kube-system", cloud), &listed).is_ok());
}

#[test]
fn a_service_token_is_found_in_both_places_and_cleaned() {
    let block = "  serviceToken:
    serviceTokenSecretReference: {secretName: NEW, secretNamespace: team}
    secretsScope: {envSlug: prod, secretsPath: /, recursive: true}
";
    let cluster = Cluster::default().secret("new", &[("infisicalToken", "st.a.b .c\n")]).secret("old", &[("infisicalToken", "st.o.l.d")]);
    let new = plan(&cluster, &login_block(&block.replace("NEW", "new"))).unwrap();
    assert_eq!((new.login.plugin.as_str(), new.login.method.as_str()), ("service-token", "SERVICE_TOKEN"));
    assert_eq!(text(&new, "token"), "st.a.b.c");
    assert_eq!((&new.reads[0].project, new.reads[0].recursive), (&ProjectRef::OfToken, true));

    let spec = format!("tokenSecretReference: {{secretName: old, secretNamespace: team}}\n{}", login_block(&block.replace("NEW", "''")));
    let old = plan(&cluster, &spec).unwrap();
    assert_eq!(text(&old, "token"), "st.o.l.d");
    assert_eq!(warned(&old)[0].0, reason::DEPRECATED);

    let access = Cluster::default().secret("new", &[("infisicalToken", CANARY)]);
    refused(
        plan(&access, &login_block(&block.replace("NEW", "new"))),
        reason::INVALID_CREDENTIALS,
        &["\"infisicalToken\" of Secret team/new", "begins with st.", "spec.authentication.plugin"],
    );
}

#[test]
fn the_legacy_account_is_refused_with_its_successor() {
    let block = "  serviceAccount:
    serviceAccountSecretReference: {secretName: s, secretNamespace: team}
    projectId: p
    environmentName: dev
";
    let cluster = Cluster::default().secret("s", &[("serviceAccountAccessKey", CANARY)]);
    for cluster in [cluster, Cluster::default()] {
        refused(plan(&cluster, &login_block(block)), reason::UNSUPPORTED, &["spec.authentication.serviceAccount", "universalAuth"]);
    }
}

#[test]
fn every_cloud_method_has_its_plugin_settings_and_inputs() {
    let scope = "secretsScope: {projectId: p, envSlug: dev}";
    let cluster = Cluster::default().secret("ldap", &[("username", "u"), ("password", CANARY)]);
    for (block, plugin, method, settings) in [
        (format!("awsIamAuth: {{identityId: i, {scope}}}"), "aws", "AWS_IAM_MACHINE_IDENTITY", json!({})),
        (
            format!("azureAuth: {{identityId: i, resource: 'https://r/&client_id=c', azureManagedIdentityClientId: '', {scope}}}"),
            "azure",
            "AZURE_MACHINE_IDENTITY",
            json!({"resource": "https://r/&client_id=c"}),
        ),
        (format!("gcpIdTokenAuth: {{identityId: i, {scope}}}"), "gcp-id-token", "GCP_ID_TOKEN_MACHINE_IDENTITY", json!({})),
        (
            format!("gcpIamAuth: {{identityId: i, serviceAccountKeyFilePath: /k, {scope}}}"),
            "gcp-iam",
            "GCP_IAM_MACHINE_IDENTITY",
            json!({"key-file": "/k"}),
        ),
        (format!("gcpIamAuth: {{identityId: i, {scope}}}"), "gcp-iam", "GCP_IAM_MACHINE_IDENTITY", json!({})),
        (
            format!("ldapAuth: {{identityId: i, credentialsRef: {{secretName: ldap, secretNamespace: team}}, {scope}}}"),
            "ldap",
            "LDAP_MACHINE_IDENTITY",
            json!({}),
        ),
    ] {
        let plan = plan(&cluster, &login_block(&format!("  {block}"))).unwrap();
        assert_eq!((plan.login.plugin.as_str(), plan.login.method.as_str(), &plan.login.settings), (plugin, method, &settings));
        assert_eq!(text(&plan, "identity-id"), "i");
        assert_eq!(plan.login.inputs.contains_key("password"), plugin == "ldap");
    }
    let nameless = login_block(&format!("  gcpIamAuth: {{serviceAccountKeyFilePath: /k, {scope}}}"));
    refused(plan(&cluster, &nameless), reason::INVALID_SPEC, &["spec.authentication.gcpIamAuth.identityId is empty"]);
}

const PLUGIN: &str = "  plugin:
    name: oidc
    settings: {audience: infisical, nested: {a: [1]}}
    inputs:
    - {name: identity-id, value: i}
    - {name: token, secretKeyRef: {secretName: oidc, key: jwt}}
    - {name: extra, secretKeyRef: {secretName: none, secretNamespace: team, key: k, optional: true}}
    serviceAccountRef: {name: runner, namespace: team}
    secretsScope: {projectId: p, envSlug: dev}
";

#[test]
fn a_plugin_block_stands_on_equal_footing() {
    let cluster = Cluster::default().secret("oidc", &[("jwt", CANARY)]);
    let plan = plan(&cluster, &login_block(PLUGIN)).unwrap();
    assert_eq!((plan.login.plugin.as_str(), plan.login.method.as_str()), ("oidc", "PLUGIN oidc"));
    assert_eq!(plan.login.settings, json!({"audience": "infisical", "nested": {"a": [1]}}));
    assert_eq!(plan.login.inputs.keys().collect::<Vec<_>>(), ["identity-id", "token"]);
    assert_eq!((text(&plan, "token"), &plan.login.service_account), (CANARY.into(), &Some(Name::new("team", "runner"))));
}

#[test]
fn a_plugin_block_names_what_is_wrong_in_it() {
    let cluster = Cluster::default();
    let place = "spec.authentication.plugin.inputs[1]";
    refused(plan(&cluster, &login_block(PLUGIN)), reason::SECRET_NOT_FOUND, &[place, "no Secret team/oidc", "\"jwt\""]);
    let cluster = cluster.secret("oidc", &[("jwt", CANARY)]);
    for (from, to, says) in [
        ("name: token, ", "", ".name is empty"),
        ("name: token, ", "name: identity-id, ", "earlier one"),
        ("name: token, ", "name: token, value: x, ", "both filled in"),
        (", secretKeyRef: {secretName: oidc, key: jwt}", "", "neither value nor secretKeyRef"),
        (", key: jwt", "", ".secretKeyRef.key is empty"),
        ("secretName: oidc", "secretName: ''", ".secretKeyRef.secretName is empty"),
    ] {
        refused(plan(&cluster, &login_block(&PLUGIN.replace(from, to))), reason::INVALID_SPEC, &[place, says]);
    }
}

#[test]
fn no_target_both_forms_and_one_twice_are_refused() {
    let cluster = with_credentials();
    let none = UNIVERSAL.replace("managedKubeSecretReferences", "ignored");
    refused(plan(&cluster, &none), reason::NO_TARGET, &["spec.managedKubeSecretReferences"]);
    // As the peer stores it.
    let empty = format!("{none}managedSecretReference: {{secretName: '', secretNamespace: ''}}\n");
    refused(plan(&cluster, &empty), reason::NO_TARGET, &[]);
    let both = universal("managedSecretReference: {secretName: b, secretNamespace: team}\n");
    refused(plan(&cluster, &both), reason::AMBIGUOUS_TARGET, &["spec.managedSecretReference and spec.managedKubeSecretReferences"]);
    let single = format!("{none}managedSecretReference: {{secretName: b, secretNamespace: team}}\n");
    assert_eq!(plan(&cluster, &single).unwrap().targets[0].field, "spec.managedSecretReference");
    let twice = UNIVERSAL.replace("[{", "[{secretName: app, secretNamespace: team}, {");
    let fields = "spec.managedKubeSecretReferences[0] and spec.managedKubeSecretReferences[1] are both Secret team/app";
    refused(plan(&cluster, &twice), reason::AMBIGUOUS_TARGET, &[fields]);
    // Kubernetes keeps the names of the two kinds apart.
    let map = universal("managedKubeConfigMapReferences: [{configMapName: app, configMapNamespace: team}]\n");
    let plan = plan(&cluster, &map).unwrap();
    assert_eq!((plan.targets[1].kind, plan.targets[1].field.as_str()), (TargetKind::ConfigMap, "spec.managedKubeConfigMapReferences[0]"));
}

#[test]
fn a_target_that_can_not_be_is_refused_before_anything_is_done() {
    let cluster = with_credentials();
    let target = |fields: &str| UNIVERSAL.replace("{secretName: app, secretNamespace: team}", &format!("{{{fields}}}"));
    let place = "spec.managedKubeSecretReferences[0]";
    let owner = target("secretName: app, secretNamespace: other, creationPolicy: Owner");
    refused(plan(&cluster, &owner), reason::OWNER_ELSEWHERE, &[place, "creationPolicy is Owner", "\"other\"", "use Orphan"]);
    refused(plan(&cluster, &target("secretName: App, secretNamespace: team")), reason::INVALID_TARGET, &[place, ".secretName", "\"App\""]);
    refused(plan(&cluster, &target("secretName: app, secretNamespace: ''")), reason::INVALID_TARGET, &[place, ".secretNamespace is empty"]);
    let own = plan(&cluster, &target("secretName: app, secretNamespace: team, creationPolicy: Owner, secretType: a/b")).unwrap();
    assert_eq!((own.targets[0].policy, own.targets[0].secret_type.as_str()), (CreationPolicy::Owner, "a/b"));
    let odd = plan(&cluster, &target("secretName: app, secretNamespace: other, creationPolicy: owner")).unwrap();
    assert_eq!((odd.targets[0].policy, warned(&odd)[0].0), (CreationPolicy::Orphan, reason::UNKNOWN_VALUE));
}

#[test]
fn a_template_becomes_entries_options_and_metadata() {
    let cluster = with_credentials();
    let target = |template: &str| {
        UNIVERSAL.replace(
            "{secretName: app, secretNamespace: team}",
            &format!("{{secretName: app, secretNamespace: team, template: {template}}}"),
        )
    };
    let full = plan(
        &cluster,
        &target("{includeAllSecrets: true, data: {A: '{{ .A.Value }}'}, metadata: {labels: {a: b}, annotations: {x/y: z}}}"),
    );
    let full = full.unwrap();
    let template = full.targets[0].template.as_ref().unwrap();
    assert_eq!((template.plugin.as_str(), template.dot, template.include_all), ("go-template", "infisical-secret", true));
    assert_eq!((&template.options, &template.entries["A"]), (&json!({"missing-key": "error"}), &"{{ .A.Value }}".to_owned()));
    let metadata = full.targets[0].metadata.as_ref().unwrap();
    assert_eq!((metadata.labels["a"].as_str(), metadata.annotations["x/y"].as_str()), ("b", "z"));

    let other =
        plan(&cluster, &target("{data: {A: x}, metadata: {}, plugin: {name: jinja, settings: {missing-key: default, scope: values}}}"))
            .unwrap();
    let template = other.targets[0].template.as_ref().unwrap();
    assert_eq!((template.plugin.as_str(), &template.options), ("jinja", &json!({"missing-key": "default", "scope": "values"})));
    assert_eq!((template.include_all, &other.targets[0].metadata), (false, &None));

    let empty = plan(&cluster, &target("{}")).unwrap();
    assert!(warned(&empty)[0].1.contains("includeAllSecrets"));
    for (template, says) in [
        ("{data: {'a b': x}}", ".template.data: \"a b\" can't be a key"),
        ("{data: {A: x}, metadata: {labels: {a: 'b c'}}}", ".template.metadata.labels[\"a\"]: \"b c\""),
        ("{data: {A: x}, metadata: {annotations: {'a b': c}}}", ".template.metadata.annotations: \"a b\""),
        ("{data: {A: x}, plugin: {name: ''}}", ".template.plugin.name is empty"),
    ] {
        refused(plan(&cluster, &target(template)), reason::INVALID_TEMPLATE, &[says]);
    }
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
    ] {
        let plan = plan(&cluster, &universal(spec)).map(|plan| plan.interval.as_secs()).map_err(|fault| fault.message);
        assert_eq!(plan, Ok(seconds), "{spec}");
    }
    for (spec, field) in [
        ("resyncInterval: 3", "spec.resyncInterval: \"3\" is too short"),
        ("resyncInterval: -1", "spec.resyncInterval"),
        ("syncConfig: {resyncInterval: 0m}", "spec.syncConfig.resyncInterval: \"0m\" is too short"),
        ("syncConfig: {resyncInterval: 1m30s}", "spec.syncConfig.resyncInterval: \"1m30s\" is no interval"),
    ] {
        refused(plan(&cluster, &universal(spec)), reason::INVALID_INTERVAL, &[field]);
    }
}

#[test]
fn deprecated_fields_and_wishes_not_served_are_warnings() {
    let cluster = with_credentials();
    let plan = |spec: &str| plan(&cluster, &universal(spec)).unwrap();
    let old = plan("resyncInterval: 10\ninstantUpdates: true");
    assert_eq!(
        warned(&old).iter().map(|(reason, _)| *reason).collect::<Vec<_>>(),
        [reason::DEPRECATED, reason::DEPRECATED, reason::NOT_SERVED]
    );
    assert!(warned(&old)[0].1.contains("spec.resyncInterval is deprecated; use spec.syncConfig.resyncInterval"));
    let both = plan("resyncInterval: 10\nsyncConfig: {instantUpdates: false}");
    assert!(warned(&both)[0].1.contains("spec.syncConfig is used in its place"));
    assert_eq!(warned(&plan("syncConfig: {instantUpdates: true}"))[0].0, reason::NOT_SERVED);
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
fn the_address_comes_from_the_resource_then_the_config_map_then_the_environment() {
    let address = |text: &str| infisical::Address::parse(text).unwrap();
    let settings = Settings { host: Some(address("https://env.example/api")), ..Settings::default() };
    let plan = |cluster: &Cluster, spec: &str| plan_with(cluster, &universal(spec), &settings).unwrap().login.server.clone();
    let global = with_credentials().config(&[("hostAPI", "https://global.example")]);
    let own = plan(&global, "hostAPI: https://own.example/");
    assert_eq!((own.address, own.trusted), (address("https://own.example"), false));
    let config = plan(&global, "hostAPI: ''");
    assert_eq!((config.address, config.trusted), (address("https://global.example"), true));
    // A ConfigMap that only names a CA, or that can't be read, leaves the address to the environment.
    for cluster in [with_credentials().config(&[]), with_credentials(), Cluster { config_denied: true, ..with_credentials() }] {
        let env = plan(&cluster, "");
        assert_eq!((env.address, env.trusted), (address("https://env.example"), true));
    }
    assert!(plan(&global, "hostAPI: https://us.infisical.com").trusted);
    assert!(!plan(&global, "hostAPI: http://us.infisical.com").trusted);
    assert!(!plan(&global, "hostAPI: https://us.infisical.com:8443").trusted);
}

#[test]
fn a_bad_address_is_named_with_its_place() {
    let cluster = with_credentials();
    refused(
        plan(&cluster, &universal("hostAPI: vault.example")),
        reason::INVALID_ADDRESS,
        &["spec.hostAPI", "\"vault.example\"", "write it like"],
    );
    let global = with_credentials().config(&[("hostAPI", "ftp://x")]);
    refused(
        plan(&global, UNIVERSAL),
        reason::INVALID_CONFIG,
        &["hostAPI of ConfigMap infisical-operator-system/infisical-config", "ftp://x"],
    );
    assert!(plan(&global, &universal("hostAPI: https://own.example")).is_ok());
}

#[test]
fn the_ca_comes_from_the_resource_then_the_config_map() {
    let spec = universal("tls: {caRef: {secretName: ca, secretNamespace: team, key: ca.crt}}\n");
    let ca = |plan: Plan| plan.login.server.ca.as_ref().map(|ca| String::from_utf8(ca.to_vec()).unwrap());
    let cluster = with_credentials().secret("ca", &[("ca.crt", "own")]).secret("global", &[("pem", "global")]);
    let cluster = cluster.config(&[("tls.caRef.secretName", "global"), ("tls.caRef.secretNamespace", "team"), ("tls.caRef.key", "pem")]);
    assert_eq!(ca(plan(&cluster, &spec).unwrap()).as_deref(), Some("own"));
    assert_eq!(ca(plan(&cluster, UNIVERSAL).unwrap()).as_deref(), Some("global"));
    let stored = universal("tls: {caRef: {secretName: '', secretNamespace: '', key: ''}}\n");
    assert_eq!(ca(plan(&with_credentials(), &stored).unwrap()), None);
}

#[test]
fn a_missing_ca_is_named() {
    let spec = universal("tls: {caRef: {secretName: ca, secretNamespace: team, key: ca.crt}}\n");
    let place = "spec.tls.caRef.secretName";
    refused(plan(&with_credentials(), &spec), reason::SECRET_NOT_FOUND, &[place, "no Secret team/ca", "\"ca.crt\""]);
    let keyless = with_credentials().secret("ca", &[("tls.crt", "x")]);
    refused(plan(&keyless, &spec), reason::SECRET_KEY_NOT_FOUND, &[place, "Secret team/ca has no key \"ca.crt\""]);
    refused(plan(&keyless, &spec.replace("key: ca.crt", "key: ''")), reason::INVALID_SPEC, &["spec.tls.caRef.key is empty"]);
    let half = with_credentials().config(&[("tls.caRef.secretName", "ca")]);
    refused(plan(&half, UNIVERSAL), reason::INVALID_CONFIG, &["tls.caRef.secretNamespace of ConfigMap"]);
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
        infisical_secret(&resource, &References::default(), &Settings::default()).err().map(|fault| fault.class),
        Some(Class::UserFix)
    );
}

#[test]
fn settings_name_the_flag_of_a_bad_address() {
    use crate::cli::{Cli, Command};
    use clap::Parser;
    let settings = |flag: &str, value: &str| {
        let Command::Run(run) = Cli::try_parse_from(["infisical-operator", "run", flag, value]).unwrap().command else { panic!("run") };
        Settings::new(&run.options().unwrap())
    };
    let error = settings("--trusted-host", "vault").unwrap_err().to_string();
    assert!(error.starts_with("--trusted-host: \"vault\""), "{error}");
    let error = settings("--host-api", "vault").unwrap_err().to_string();
    assert!(error.starts_with("INFISICAL_HOST_API: \"vault\""), "{error}");
    assert_eq!(settings("--trusted-host", "https://Vault.example/api").unwrap().trusted, ["https://vault.example".to_owned()].into());
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
            let found = futures::executor::block_on(dereference::infisical_secret(&cluster, &resource, &settings)).unwrap();
            let plan = infisical_secret(&resource, &found, &settings).unwrap_or_else(|fault| panic!("{}", fault.message));
            methods.insert(plan.login.method.clone());
        }
    }
    let tried = ::api::dialect::INFISICAL_SECRET.iter().filter(|method| method.block != "serviceAccount" && method.block != "plugin");
    assert!(tried.clone().all(|method| methods.contains(method.strategy)), "{methods:?}");
    assert_eq!(methods.len(), tried.count() + 2, "{methods:?}");
}
