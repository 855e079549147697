//! The resources of a run, of one kind, and how they are made.
use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};
use support::Namespace;

/// What the peers' clients use at most, and enough to keep two cores busy.
pub const CONNECTIONS: usize = 16;

#[derive(clap::Args, Clone, Debug)]
pub struct Resources {
    /// Of which kind.
    #[arg(long, value_enum, default_value_t = Kind::InfisicalSecret)]
    pub kind: Kind,
    /// How many.
    #[arg(long, default_value_t = 1000)]
    pub n: usize,
    /// Folders that they share.
    #[arg(long, default_value_t = 20)]
    pub folders: usize,
    /// Their interval.
    #[arg(long, default_value = "60s")]
    pub interval: String,
    /// Whether they ask for instant updates.
    #[arg(long)]
    pub instant: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    #[value(name = "infisicalsecret")]
    InfisicalSecret,
    #[value(name = "infisicalstaticsecret")]
    InfisicalStaticSecret,
}

impl Kind {
    pub const fn plural(self) -> &'static str {
        match self {
            Self::InfisicalSecret => "infisicalsecrets",
            Self::InfisicalStaticSecret => "infisicalstaticsecrets",
        }
    }
}

pub fn resource(number: usize) -> String {
    format!("resource-{number}")
}

pub fn target(number: usize) -> String {
    format!("target-{number}")
}

impl Resources {
    /// The client of the kind.
    pub fn api(&self, namespace: &Namespace) -> Api<DynamicObject> {
        match self.kind {
            Kind::InfisicalSecret => dynamic(namespace, "v1alpha1", "InfisicalSecret"),
            Kind::InfisicalStaticSecret => dynamic(namespace, "v1beta1", "InfisicalStaticSecret"),
        }
    }

    /// Makes all, with what they refer to.
    pub async fn create(&self, namespace: &Namespace, address: &str) -> anyhow::Result<()> {
        namespace.secret("credentials", [("clientId", "bench"), ("clientSecret", "bench")]).await?;
        if self.kind == Kind::InfisicalStaticSecret {
            for (kind, manifest) in chain(namespace.name(), address) {
                dynamic(namespace, "v1beta1", kind).create(&PostParams::default(), &serde_json::from_value(manifest)?).await?;
            }
        }
        let api = self.api(namespace);
        let made = stream::iter(0..self.n).map(|number| {
            let (api, manifest) = (api.clone(), self.manifest(namespace.name(), address, number));
            async move {
                api.create(&PostParams::default(), &serde_json::from_value(manifest)?).await.context("a resource")?;
                anyhow::Ok(())
            }
        });
        made.buffer_unordered(CONNECTIONS).try_collect::<()>().await
    }

    fn manifest(&self, namespace: &str, address: &str, number: usize) -> Value {
        let folder = format!("/app{}", number % self.folders);
        match self.kind {
            Kind::InfisicalSecret => json!({
                "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": { "name": resource(number) },
                "spec": {
                    "hostAPI": address,
                    "syncConfig": { "resyncInterval": self.interval, "instantUpdates": self.instant },
                    "authentication": { "universalAuth": {
                        "credentialsRef": { "secretName": "credentials", "secretNamespace": namespace },
                        "secretsScope": { "projectSlug": "bench", "envSlug": "dev", "secretsPath": folder },
                    } },
                    "managedKubeSecretReferences": [{ "secretName": target(number), "secretNamespace": namespace }],
                },
            }),
            Kind::InfisicalStaticSecret => json!({
                "apiVersion": "secrets.infisical.com/v1beta1", "kind": "InfisicalStaticSecret", "metadata": { "name": resource(number) },
                "spec": {
                    "infisicalAuthRef": { "name": "bench", "namespace": namespace },
                    "syncOptions": { "refreshInterval": self.interval, "instantUpdates": self.instant },
                    "sources": [{ "projectSlug": "bench", "environmentSlug": "dev", "secretPath": folder }],
                    "targets": [{ "kind": "Secret", "name": target(number), "namespace": namespace, "creationPolicy": "Orphan" }],
                },
            }),
        }
    }
}

fn dynamic(namespace: &Namespace, version: &str, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("secrets.infisical.com", version, kind));
    Api::namespaced_with(namespace.cluster().client().clone(), namespace.name(), &resource)
}

fn chain(namespace: &str, address: &str) -> [(&'static str, Value); 2] {
    let key = |key: &str| json!({ "name": "credentials", "namespace": namespace, "key": key });
    let manifest = |kind: &str, spec: Value| json!({ "apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": { "name": "bench" }, "spec": spec });
    let login = json!({
        "infisicalConnectionRef": { "name": "bench", "namespace": namespace },
        "method": "universal",
        "universal": { "clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret") },
    });
    [
        ("InfisicalConnection", manifest("InfisicalConnection", json!({ "address": address }))),
        ("InfisicalAuth", manifest("InfisicalAuth", login)),
    ]
}
