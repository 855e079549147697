//! One file per login method: from a resource to a synced Secret, and what is said where one thing is wrong.
mod alicloud;
mod aws;
mod azure;
mod clouds;
mod gcp_iam;
mod gcp_id_token;
mod jwt;
mod kubernetes;
mod ldap;
mod oci;
mod oidc;
mod service_token;
mod tls_cert;
mod token;
mod universal;

use infisical_dev_server::{Config, Operation, Seed, stable_id};
use integration::{Identity, Scene, merged, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use std::{fs, os::unix::fs::symlink, path::Path, sync::Mutex};
use support::Target;

/// What every resource of these tests reads.
pub const GOOD: [(&str, &str); 2] = [("A", "one"), ("B", "two")];

/// Adds an identity that may read project `shop`, with these login blocks. Its id is [`id`] of its name.
pub fn identity(config: &mut Config, name: &str, login: Value) {
    let identity = merged(json!({"name": name}), &login);
    let project = json!({"slug": "shop", "members": {name: {"role": "viewer"}}});
    let mut more = Seed::parse(&json!({"identities": [identity], "projects": [project]}).to_string()).unwrap();
    config.seed.identities.append(&mut more.identities);
    config.seed.projects[0].members.append(&mut more.projects[0].members);
}

/// Of an identity that [`identity`] added.
pub fn id(name: &str) -> String {
    stable_id("identity", name)
}

/// A resource that logs in by this block of `spec.authentication`, with the usual scope.
pub fn by(block: &str, fields: Value) -> Value {
    let scope = json!({"secretsScope": {"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/"}});
    json!({"spec": {"authentication": {"universalAuth": null, block: merged(scope, &fields)}}})
}

/// A resource that logs in by a plugin, as the identity of this name.
pub fn by_plugin(plugin: &str, name: &str, settings: Value, inputs: &[Value]) -> Value {
    let identity = json!({"name": "identity-id", "value": id(name)});
    let inputs: Vec<_> = std::iter::once(identity).chain(inputs.iter().cloned()).collect();
    by("plugin", json!({"name": plugin, "settings": settings, "inputs": inputs}))
}

/// An input that is a key of a Secret.
pub fn key(input: &str, secret: &str, key: &str) -> Value {
    json!({"name": input, "secretKeyRef": {"secretName": secret, "key": key}})
}

/// Puts a Secret with one key in the place of one that may be there.
pub async fn put(scene: &Scene, secret: &str, data: &[(&str, &str)]) {
    let data: serde_json::Map<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    scene.apply(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "stringData": data})).await;
}

/// Writes a token as Kubernetes lays out a projected volume: behind links, of which one is swapped at each rotation.
pub fn project(mount: &Path, file: &str, token: &str) {
    let version = (0..).map(|number| format!("..{number}")).find(|name| !mount.join(name).exists()).unwrap();
    fs::create_dir_all(mount.join(&version)).unwrap();
    fs::write(mount.join(&version).join(file), token).unwrap();
    symlink(&version, mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    if !mount.join(file).exists() {
        symlink(Path::new("..data").join(file), mount.join(file)).unwrap();
    }
}

/// Applies a sample of this project, for the namespace of a test and as the identity of this name.
pub async fn sample(scene: &Scene, file: &str, name: &str, more: &[(&str, &str)]) {
    let text = fs::read_to_string(Target::workspace().join("deploy/samples/infisicalsecret").join(file)).unwrap();
    let text = text.replace("amespace: default", &format!("amespace: {}", scene.namespace.name()));
    let text = text.replace("<id of the machine identity>", &id(name));
    let text = more.iter().fold(text, |text, (placeholder, value)| {
        assert!(text.contains(placeholder), "{file} has no {placeholder}");
        text.replace(placeholder, value)
    });
    scene.namespace.apply(&text).await.unwrap();
}

/// Infisical's manual of the kind InfisicalAuth, every method.
const MANUAL: &str = include_str!("../../data/infisical-auth.yaml");

/// Applies the InfisicalAuth that the manual shows for a method, with all that leads to and from it, for the namespace and the
/// server of a test; all of it becomes Ready, and its Secret holds [`GOOD`].
pub async fn as_in_the_manual(scene: &Scene, method: &str, more: &[(&str, &str)]) {
    let text = MANUAL
        .replace("amespace: default", &format!("amespace: {}", scene.namespace.name()))
        .replace("address: https://app.infisical.com", &format!("address: {}", scene.infisical.url()))
        .replace("<method>", method);
    let text = more.iter().fold(text, |text, (placeholder, value)| {
        assert!(text.contains(placeholder), "the manual has no {placeholder}");
        text.replace(placeholder, value)
    });
    let others = |document: &&str| document.contains("kind: InfisicalAuth\n") && !document.contains(&format!("\n  method: {method}\n"));
    let mine: Vec<_> = text.split("\n---\n").filter(|document| !others(document)).collect();
    assert_eq!(mine.len(), 4, "{mine:?}");
    let objects = scene.namespace.apply(&mine.join("\n---\n")).await.unwrap();
    scene.holds("managed-by-the-manual", &GOOD).await;
    scene.all_ready(&objects).await;
}

/// A Secret as it was when all was well.
pub struct LastGood<'a> {
    scene: &'a Scene,
    name: &'static str,
    before: Mutex<Identity>,
}

impl<'a> LastGood<'a> {
    /// Waits until the resource is in sync.
    pub async fn of(scene: &'a Scene, name: &'static str) -> Self {
        scene.holds(name, &GOOD).await;
        scene.synced(name).await;
        Self { scene, name, before: Mutex::new(scene.identity::<Secret>(name).await) }
    }

    /// The resource fails for this reason, saying all this, and its Secret is untouched. Gives the message.
    pub async fn stays(&self, reason: &str, says: &[&str]) -> String {
        let message = until(format_args!("{} to fail with {reason} and {says:?}", self.name), async || {
            let found = self.scene.failed(self.name, reason).await;
            if says.iter().all(|text| found.contains(text)) { Ok(found) } else { Err(found) }
        })
        .await;
        let now = self.scene.identity::<Secret>(self.name).await;
        assert_eq!(now, *self.before.lock().unwrap(), "the Secret was written");
        message
    }

    /// A change at the server arrives, and makes another last good state.
    pub async fn recovers(&self, value: &str) {
        self.scene.set("A", value);
        self.scene.holds(self.name, &[("A", value), ("B", "two")]).await;
        let now = self.scene.identity::<Secret>(self.name).await;
        *self.before.lock().unwrap() = now;
    }
}

/// So many logins, renewals and revocations.
pub fn token_calls(scene: &Scene) -> [u64; 3] {
    [Operation::Login, Operation::Renew, Operation::Revoke].map(|operation| scene.infisical.calls().count(operation))
}
