//! Which server, with which CA, and whether it is trusted.
use super::*;

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
    // A ConfigMap that only names a CA leaves the address to the environment.
    for cluster in [with_credentials().config(&[]), with_credentials()] {
        let env = plan(&cluster, "");
        assert_eq!((env.address, env.trusted), (address("https://env.example"), true));
    }
    assert!(plan(&global, "hostAPI: https://us.infisical.com").trusted);
    assert!(!plan(&global, "hostAPI: http://us.infisical.com").trusted);
    assert!(!plan(&global, "hostAPI: https://us.infisical.com:8443").trusted);
}

/// As with the peer, for which the ConfigMap is none of a connection's business; where there is no variable, which the charts
/// always set, the peer has no address at all.
#[test]
fn a_connection_goes_by_the_environment_before_the_config_map() {
    let address = |text: &str| infisical::Address::parse(text).unwrap();
    let global = || {
        let keys = [("tls.caRef.secretName", "global"), ("tls.caRef.secretNamespace", "team"), ("tls.caRef.key", "pem")];
        let config: Vec<_> = keys.into_iter().chain([("hostAPI", "https://global.example")]).collect();
        Cluster::default().secret("global", &[("pem", "global")]).config(&config)
    };
    let user = ObjectRef { kind: "InfisicalAuth", namespace: "team".into(), name: "login".into() };
    let server = |connection: Option<&str>, settings: &Settings| {
        let connection = connection.map(|spec| {
            let spec: serde_json::Value = serde_yaml::from_str(spec).unwrap();
            let object = json!({
                "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalConnection",
                "metadata": {"name": "server", "namespace": "team"}, "spec": spec,
            });
            serde_json::from_value::<::api::v1beta1::InfisicalConnection>(object).unwrap()
        });
        let found = futures::executor::block_on(dereference::connection(&global(), &user, connection.as_ref(), settings)).unwrap();
        let server = chain::server_of(&user, connection.as_ref(), &found, settings).unwrap();
        (server.address, server.trusted, server.ca.is_some())
    };
    let set = Settings { host: Some(address("https://env.example/api")), ..Settings::default() };
    assert_eq!(server(Some("{}"), &set), (address("https://env.example"), true, false));
    assert_eq!(server(Some("{address: ''}"), &Settings::default()), (address("https://global.example"), true, true));
    assert_eq!(server(Some("{address: 'https://own.example'}"), &set), (address("https://own.example"), false, false));
    // Without a connection the global server is meant.
    assert_eq!(server(None, &set), (address("https://global.example"), true, true));
}

#[test]
fn a_config_map_that_may_not_be_read_is_none_only_where_some_namespaces_are_served() {
    let denied = Cluster { config_denied: true, ..with_credentials() };
    let scoped = Settings { scoped: true, ..Settings::default() };
    assert!(plan_with(&denied, UNIVERSAL, &scoped).is_ok());
    // Else credentials would go to another server than before.
    assert_eq!(plan(&denied, UNIVERSAL).map(|_| ()).unwrap_err().reason, "Forbidden");
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
fn a_connection_to_the_server_of_the_config_map_is_trusted() {
    let server = |cluster: &Cluster, address: &str| {
        let connection: api::v1beta1::InfisicalConnection = serde_json::from_value(json!({
            "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalConnection",
            "metadata": {"name": "own", "namespace": "team"}, "spec": {"address": address},
        }))
        .unwrap();
        let (object, settings) = (ObjectRef::of(&connection), Settings::default());
        let found = futures::executor::block_on(dereference::connection(cluster, &object, Some(&connection), &settings))?;
        chain::server_of(&object, Some(&connection), &found, &settings)
    };
    let ca = [("tls.caRef.secretName", "ca"), ("tls.caRef.secretNamespace", "team"), ("tls.caRef.key", "pem")];
    let global = || Cluster::default().config(&[&[("hostAPI", "https://own.example/api")][..], &ca].concat()).secret("ca", &[("pem", "x")]);
    let own = server(&global(), "https://own.example").unwrap();
    assert!(own.trusted && own.ca.is_none(), "trusted, without the CA of others");
    assert!(!server(&global(), "https://other.example").unwrap().trusted);
    let asked = global();
    server(&asked, "https://own.example").unwrap();
    assert!(asked.asked.lock().unwrap().is_empty(), "a CA that is not wanted is not read");
    assert!(server(&global(), "").unwrap().ca.is_some());
    // Who may not read the settings trusts nobody by them, and goes on.
    let denied = Cluster { config_denied: true, ..Cluster::default() };
    assert!(!server(&denied, "https://own.example").unwrap().trusted);
    assert_eq!(server(&denied, "").err().unwrap().reason, "Forbidden");
    assert!(server(&denied, "https://eu.infisical.com").unwrap().trusted);
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
