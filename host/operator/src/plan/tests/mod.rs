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
        Ok(self.secrets.get(name).map(|found| Arc::new(SecretData { name: name.clone(), version: String::new(), data: data(found) })))
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
    let found = futures::executor::block_on(dereference::resource(cluster, &resource, settings))?;
    infisical_secret(&resource, &found, settings).map_err(|(_, fault)| fault)
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
mod grants;
mod identity;
mod login;
mod push;
mod resource;
mod server;
mod static_secret;
mod target;
