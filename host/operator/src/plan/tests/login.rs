//! Which method is used, and what it is given.
use super::*;

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

/// What keeps from logging in is told apart from the rest, since a condition of its own says it.
#[test]
fn what_the_login_lacks_is_a_step_of_its_own() {
    let stage = |cluster: &Cluster, spec: &str| {
        let resource = resource(spec);
        let found = futures::executor::block_on(dereference::resource(cluster, &resource, &Settings::default())).unwrap();
        infisical_secret(&resource, &found, &Settings::default()).err().map(|(stage, _)| stage)
    };
    let service_token = "  serviceToken: {serviceTokenSecretReference: {secretName: t, secretNamespace: team}, secretsScope: {envSlug: e}}";
    let half = Cluster::default().secret("credentials", &[("clientId", "id")]);
    let no_service_token = Cluster::default().secret("t", &[("infisicalToken", "an access token")]);
    for (cluster, spec) in [
        (Cluster::default(), UNIVERSAL.to_owned()),
        (half, UNIVERSAL.to_owned()),
        (Cluster::default(), login_block("  {}")),
        (no_service_token, login_block(service_token)),
        (Cluster::default(), login_block(KUBERNETES)),
        (with_credentials(), universal("hostAPI: vault.example")),
    ] {
        assert_eq!(stage(&cluster, &spec), Some(Stage::Credentials), "{spec}");
    }
    for spec in [UNIVERSAL.replace("envSlug: prod", "envSlug: ''"), UNIVERSAL.replace("secretName: app,", "secretName: '',")] {
        assert_eq!(stage(&with_credentials(), &spec), Some(Stage::Plan), "{spec}");
    }
}

#[test]
fn a_half_filled_reference_is_named() {
    let spec = UNIVERSAL.replace("secretNamespace: team}\n    secretsScope", "secretNamespace: ''}\n    secretsScope");
    refused(plan(&with_credentials(), &spec), reason::INVALID_SPEC, &["credentialsRef.secretNamespace is empty"]);
    let spec = UNIVERSAL.replace("secretName: credentials", "secretName: ../nodes");
    refused(plan(&with_credentials(), &spec), reason::INVALID_SPEC, &["credentialsRef.secretName", "../nodes"]);
}

/// Left behind when a resource went over to another method.
#[test]
fn a_block_that_half_names_its_secret_is_passed_over_with_a_warning() {
    let auto = KUBERNETES.replace("    secretsScope", "    autoCreateServiceAccountToken: true\n    secretsScope");
    let half = UNIVERSAL.replace("secretNamespace: team}\n    secretsScope", "secretNamespace: ''}\n    secretsScope");
    let both = half.replace("authentication:\n", &format!("authentication:\n{auto}"));
    let plan = plan(&with_credentials(), &both).unwrap();
    assert_eq!(plan.login.plugin, "kubernetes");
    let warnings = warned(&plan);
    assert!(warnings.iter().any(|(_, text)| text.contains("universalAuth.credentialsRef.secretNamespace is empty")), "{warnings:?}");
    assert!(warnings.iter().any(|(reason, _)| *reason == reason::SEVERAL_METHODS), "{warnings:?}");
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

    // Before there were scopes the token alone knew what to read.
    let oldest =
        "managedSecretReference: {secretName: app, secretNamespace: team}\ntokenSecretReference: {secretName: old, secretNamespace: team}";
    let oldest = plan(&cluster, oldest).unwrap();
    assert_eq!((&oldest.reads[0].project, oldest.reads[0].environment.as_str()), (&ProjectRef::OfToken, ""));
    assert_eq!((oldest.login.plugin.as_str(), oldest.reads[0].path.as_str()), ("service-token", "/"));

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
