//! Resources that write to Infisical: pushes and leases.
use crate::{Scene, merged};
use infisical_dev_server::{Database, DynamicSecretSeed, Membership, Provider, Role};
use serde_json::{Map, Value, json};

impl Scene {
    /// Lets the identity `app` write to the new folder `/push` of `dev`, and lease from the database `db` in its `/`, an hour by
    /// default.
    pub fn may_write(&self) {
        let state = self.infisical.state();
        state.set_membership("shop", "app", Some(Membership { role: Role::Member, rules: Vec::new() })).unwrap();
        state.create_folder(&self.dev("/push")).unwrap();
        let provider = Provider::Database(Database { extra: Map::new() });
        let database = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: None, refuses_renewal: false, provider };
        state.set_dynamic_secret(&self.dev("/"), "db", database).unwrap();
    }

    /// An InfisicalPushSecret of the Secret `source` to `/push`, which replaces and deletes, with changes as [`merged`] has them.
    #[must_use]
    pub fn push_manifest(&self, name: &str, changes: &Value) -> Value {
        let spec = json!({
            "destination": {"projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/push"},
            "push": {"secret": {"secretName": "source", "secretNamespace": self.namespace.name()}},
            "updatePolicy": "Replace", "deletionPolicy": "Delete",
        });
        merged(self.writer("InfisicalPushSecret", name, &spec), changes)
    }

    /// An InfisicalDynamicSecret of the database `db` into the Secret of the same name, which revokes, with changes.
    #[must_use]
    pub fn lease_manifest(&self, name: &str, changes: &Value) -> Value {
        let spec = json!({
            "dynamicSecret": {"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/"},
            "leaseTTL": "1h", "leaseRevocationPolicy": "Revoke",
            "managedSecretReference": {"secretName": name, "secretNamespace": self.namespace.name(), "creationPolicy": "Owner"},
        });
        merged(self.writer("InfisicalDynamicSecret", name, &spec), changes)
    }

    /// Waits until a secret of `/push` is this, or is not there.
    pub async fn pushed(&self, key: &str, wanted: Option<&str>) {
        self.pushed_to("/push", key, wanted).await;
    }

    /// As [`Self::pushed`], in another folder of `dev`.
    pub async fn pushed_to(&self, folder: &str, key: &str, wanted: Option<&str>) {
        crate::until(format_args!("{key} of {folder} to be {wanted:?}"), async || {
            let found = self.infisical.state().value(&self.dev(folder), key);
            if found.as_deref() == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }

    fn writer(&self, kind: &str, name: &str, spec: &Value) -> Value {
        let namespace = self.namespace.name();
        let credentials = json!({"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}});
        let common = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace},
            "spec": {"hostAPI": self.infisical.url(), "authentication": {"universalAuth": credentials}},
        });
        merged(common, &json!({ "spec": spec }))
    }
}
