//! What a namespace may use, and what stands for values that it leaves empty.
use super::*;
use crate::plan::grants::Ambient;

fn named(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn ambient_sources_are_for_trusted_servers_and_for_the_namespaces_that_are_named() {
    let aws = |host: &str| {
        format!("hostAPI: {host}\n{}", login_block("  awsIamAuth: {identityId: i, secretsScope: {projectId: p, envSlug: dev}}\n"))
    };
    let ambient = |host: &str, settings: &Settings| plan_with(&Cluster::default(), &aws(host), settings).unwrap().login.ambient;
    let (own, cloud) = ("https://vault.example", "https://app.infisical.com");
    let all = Settings::default();
    assert_eq!((ambient(cloud, &all), ambient(own, &all)), (Ambient::Granted, Ambient::UntrustedServer));
    for (names, answer) in [(&["team", "x"][..], Ambient::Granted), (&["x"], Ambient::OtherNamespace), (&[], Ambient::OtherNamespace)] {
        let settings = Settings { ambient_namespaces: Some(named(names)), ..Settings::default() };
        assert_eq!(ambient(cloud, &settings), answer, "{names:?}");
        assert_eq!(ambient(own, &settings), Ambient::UntrustedServer);
    }
}

#[test]
fn a_plugin_may_be_for_some_namespaces_only() {
    let only =
        |plugin: &str, names: &[&str]| Settings { plugin_namespaces: [(plugin.to_owned(), named(names))].into(), ..Settings::default() };
    let cluster = with_credentials();
    assert!(plan_with(&cluster, UNIVERSAL, &only("universal", &["x", "team"])).is_ok());
    assert!(plan_with(&cluster, UNIVERSAL, &only("aws", &["x"])).is_ok());
    refused(
        plan_with(&cluster, UNIVERSAL, &only("universal", &["x"])),
        reason::PLUGIN_NOT_GRANTED,
        &["spec.authentication.universalAuth", "\"universal\"", "namespace \"team\"", "--plugin-namespace universal=team"],
    );
    let templated = UNIVERSAL.replace("secretNamespace: team}]", "secretNamespace: team, template: {includeAllSecrets: true}}]");
    refused(
        plan_with(&cluster, &templated, &only("go-template", &["x"])),
        reason::PLUGIN_NOT_GRANTED,
        &["spec.managedKubeSecretReferences[0].template.engine", "--plugin-namespace go-template=team"],
    );
}

#[test]
fn an_account_of_another_namespace_is_ambient() {
    let block = KUBERNETES.replace("namespace: team", "namespace: other");
    let spec = login_block(&block.replace("    secretsScope", "    autoCreateServiceAccountToken: true\n    secretsScope"));
    let settings = Settings { ambient_namespaces: Some(named(&["other"])), ..Settings::default() };
    refused(
        plan_with(&Cluster::default(), &spec, &settings),
        reason::AMBIENT_NOT_GRANTED,
        &["other/runner", "an account of namespace \"team\"", "--ambient-namespaces"],
    );
    let own = spec.replace("namespace: other", "namespace: team");
    assert!(plan_with(&Cluster::default(), &own, &settings).is_ok());
}

fn variables(set: &[(&'static str, &str)]) -> Settings {
    let value = |text: &str| Arc::new(SecretBytes::from(text.as_bytes().to_vec()));
    Settings { credentials: set.iter().map(|(name, text)| (*name, value(text))).collect(), ..Settings::default() }
}

#[test]
fn variables_stand_for_what_is_left_empty_and_for_nothing_else() {
    let set = variables(&[
        ("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", "operators-id"),
        ("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", CANARY),
        ("INFISICAL_GCP_AUTH_IDENTITY_ID", "operators-google"),
        ("INFISICAL_AZURE_AUTH_CLIENT_ID", "operators-azure"),
    ]);
    let half = Cluster::default().secret("credentials", &[("clientId", "id")]);
    let made = plan_with(&half, UNIVERSAL, &set).unwrap();
    assert_eq!((text(&made, "client-id"), text(&made, "client-secret")), ("id".into(), CANARY.into()));
    refused(plan(&half, UNIVERSAL), reason::SECRET_KEY_NOT_FOUND, &["\"clientSecret\""]);
    // A Secret that is not there at all is rather a slip of the pen.
    refused(plan_with(&Cluster::default(), UNIVERSAL, &set), reason::SECRET_NOT_FOUND, &["team/credentials"]);

    let scope = "secretsScope: {projectId: p, envSlug: dev}";
    let google = login_block(&format!("  gcpIamAuth: {{serviceAccountKeyFilePath: /k, {scope}}}"));
    assert_eq!(text(&plan_with(&half, &google, &set).unwrap(), "identity-id"), "operators-google");
    let azure = |more: &str| login_block(&format!("  azureAuth: {{identityId: i, {more}{scope}}}"));
    assert_eq!(plan_with(&half, &azure(""), &set).unwrap().login.settings, json!({"client-id": "operators-azure"}));
    let own = plan_with(&half, &azure("azureManagedIdentityClientId: mine, "), &set).unwrap();
    assert_eq!(own.login.settings, json!({"client-id": "mine"}));

    let by_name = login_block(&format!("  plugin: {{name: universal, {scope}}}"));
    assert_eq!(text(&plan_with(&half, &by_name, &set).unwrap(), "client-id"), "operators-id");
}

#[test]
fn variables_are_the_operators_own_and_go_to_trusted_servers_only() {
    let set = variables(&[("INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", CANARY)]);
    let half = Cluster::default().secret("credentials", &[("clientId", "id")]);
    let elsewhere = format!("hostAPI: https://evil.example\n{UNIVERSAL}");
    let says = ["INFISICAL_UNIVERSAL_AUTH_CLIENT_SECRET", "client-secret"];
    refused(plan_with(&half, &elsewhere, &set), reason::AMBIENT_NOT_GRANTED, &[says[0], says[1], "--trusted-host"]);
    let narrowed = Settings { ambient_namespaces: Some(named(&["x"])), ..set };
    refused(plan_with(&half, UNIVERSAL, &narrowed), reason::AMBIENT_NOT_GRANTED, &[says[0], says[1], "--ambient-namespaces"]);
}

#[test]
fn variables_are_read_only_where_the_administrator_says_so() {
    let environment = [("INFISICAL_UNIVERSAL_AUTH_CLIENT_ID", " id\n"), ("INFISICAL_LDAP_AUTH_IDENTITY_ID", " "), ("PATH", "/bin")];
    let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    let arguments = crate::cli::normalise(["infisical-operator".into()]);
    let crate::cli::Command::Run(run) = <crate::cli::Cli as clap::Parser>::parse_from(arguments).command else { panic!() };
    let mut options = run.options().unwrap();
    options.plugins.environment = environment;
    assert!(Settings::new(&options).unwrap().credentials.is_empty());
    options.env_credentials = true;
    let read = Settings::new(&options).unwrap().credentials;
    assert_eq!(read.keys().collect::<Vec<_>>(), [&"INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"]);
    assert_eq!(read["INFISICAL_UNIVERSAL_AUTH_CLIENT_ID"].expose_secret(), b"id");
}
