//! A cluster to work with, whoever started it.
use crate::wait::{TimedOut, wait_for};
use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::{Namespace as NamespaceObject, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DynamicObject, ObjectMeta, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::GroupVersionKind,
    discovery::{Scope, pinned_kind},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// Field manager of what tests and the demo apply.
const MANAGER: &str = "development";

/// A cluster, as the administrator of its kubeconfig.
#[derive(Clone)]
pub struct Cluster {
    kubeconfig: PathBuf,
    client: Client,
}

impl Cluster {
    /// The current context of a kubeconfig file.
    ///
    /// # Errors
    /// The file is none.
    pub async fn open(kubeconfig: &Path) -> Result<Self> {
        let config = Kubeconfig::read_from(kubeconfig)?;
        let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
        Ok(Self { kubeconfig: kubeconfig.into(), client: Client::try_from(config)? })
    }

    /// The file that [`Self::open`] read.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A client; it belongs to the tokio runtime that it was made in.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A client that is nobody but the bearer of this token.
    ///
    /// # Errors
    /// The kubeconfig is gone.
    pub async fn client_with_token(&self, token: String) -> Result<Client> {
        let mut kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        for user in &mut kubeconfig.auth_infos {
            user.auth_info = Some(kube::config::AuthInfo { token: Some(token.clone().into()), ..Default::default() });
        }
        let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
        Ok(Client::try_from(config)?)
    }

    /// Whether the API server says that it is ready.
    ///
    /// # Errors
    /// It does not answer, or says that it is not.
    pub async fn ready(&self) -> Result<()> {
        let answer = self.client.request_text(http::Request::get("/readyz").body(Vec::new())?).await?;
        ensure!(answer == "ok", "{answer}");
        Ok(())
    }

    /// A new namespace with its default service account, for one test.
    ///
    /// # Errors
    /// As [`Self::namespace_named`].
    pub async fn namespace(&self) -> Result<Namespace> {
        self.make_namespace(ObjectMeta { generate_name: Some("test-".into()), ..ObjectMeta::default() }).await
    }

    /// A namespace, made if missing, with its default service account.
    ///
    /// # Errors
    /// It can't be made, or no controller makes the service account.
    pub async fn namespace_named(&self, name: &str) -> Result<Namespace> {
        let namespaces: Api<NamespaceObject> = Api::all(self.client.clone());
        if namespaces.get_opt(name).await?.is_some() {
            return Ok(Namespace { cluster: self.clone(), name: name.into() });
        }
        self.make_namespace(ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }).await
    }

    async fn make_namespace(&self, metadata: ObjectMeta) -> Result<Namespace> {
        let namespaces: Api<NamespaceObject> = Api::all(self.client.clone());
        let made = namespaces.create(&PostParams::default(), &NamespaceObject { metadata, ..NamespaceObject::default() }).await?;
        let namespace = Namespace { cluster: self.clone(), name: made.name_any() };
        let accounts: Api<ServiceAccount> = namespace.api();
        let what = format!("the default service account of {}", namespace.name);
        wait_for(what, Duration::from_secs(30), async || accounts.get("default").await).await?;
        Ok(namespace)
    }

    /// Applies the documents of a YAML text (server-side, taking over fields of others) in their order, and gives them as
    /// the API server stored them. A document without a namespace goes to `namespace`.
    ///
    /// # Errors
    /// No YAML, a kind that the API server does not know, or what it says against a document; with the document's name.
    pub async fn apply(&self, yaml: &str, namespace: &str) -> Result<Vec<DynamicObject>> {
        let mut applied = Vec::new();
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let document = serde_json::Value::deserialize(document).context("a document is no YAML")?;
            if document.is_null() {
                continue;
            }
            let object: DynamicObject = serde_json::from_value(document).context("a document is no Kubernetes object")?;
            let Some(types) = object.types.clone() else { bail!("{} has no kind", object.name_any()) };
            let name = format!("{} {}", types.kind, object.name_any());
            let kind = GroupVersionKind::try_from(&types).with_context(|| format!("apiVersion of {name}"))?;
            let (resource, capabilities) = pinned_kind(&self.client, &kind).await.with_context(|| name.clone())?;
            let api: Api<DynamicObject> = match capabilities.scope {
                Scope::Cluster => Api::all_with(self.client.clone(), &resource),
                Scope::Namespaced => {
                    Api::namespaced_with(self.client.clone(), object.namespace().as_deref().unwrap_or(namespace), &resource)
                }
            };
            let parameters = PatchParams::apply(MANAGER).force();
            applied.push(api.patch(&object.name_any(), &parameters, &Patch::Apply(&object)).await.with_context(|| name)?);
        }
        Ok(applied)
    }

    /// Applies definitions of custom resources and waits until they are served.
    ///
    /// # Errors
    /// A definition is refused or never served.
    pub async fn establish(&self, definitions: impl IntoIterator<Item = CustomResourceDefinition>) -> Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut names = Vec::new();
        for definition in definitions {
            let name = definition.name_any();
            let parameters = PatchParams::apply(MANAGER).force();
            api.patch(&name, &parameters, &Patch::Apply(&definition)).await.with_context(|| name.clone())?;
            names.push(name);
        }
        for name in names {
            wait_for(format_args!("{name} to be established"), Duration::from_secs(30), async || {
                let definition = api.get(&name).await?;
                let conditions = definition.status.and_then(|status| status.conditions).unwrap_or_default();
                let established = conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True");
                ensure!(established, "not yet");
                anyhow::Ok(())
            })
            .await?;
        }
        Ok(())
    }
}

/// A namespace of a cluster.
#[derive(Clone)]
pub struct Namespace {
    cluster: Cluster,
    name: String,
}

impl Namespace {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that it is in.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Objects of one kind in it.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.cluster.client.clone(), &self.name)
    }

    /// As [`Cluster::apply`], with this namespace for documents without one.
    ///
    /// # Errors
    /// As [`Cluster::apply`].
    pub async fn apply(&self, yaml: &str) -> Result<Vec<DynamicObject>> {
        self.cluster.apply(yaml, &self.name).await
    }

    /// Creates or replaces an `Opaque` Secret with these values.
    ///
    /// # Errors
    /// What the API server says against it.
    pub async fn secret(&self, name: &str, data: impl IntoIterator<Item = (&str, &str)>) -> Result<()> {
        let data: BTreeMap<_, _> = data.into_iter().collect();
        let secret = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        let api: Api<k8s_openapi::api::core::v1::Secret> = self.api();
        api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&secret)).await?;
        Ok(())
    }

    /// A token of a service account of this namespace, valid for an hour, for the API server where `audiences` is empty.
    ///
    /// # Errors
    /// The account is not there.
    pub async fn service_account_token(&self, account: &str, audiences: &[&str]) -> Result<String> {
        let accounts: Api<ServiceAccount> = self.api();
        let audiences = audiences.iter().map(ToString::to_string).collect();
        let request = TokenRequest {
            spec: TokenRequestSpec { audiences, expiration_seconds: Some(3600), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
        Ok(answer.status.context("the API server gave no token")?.token)
    }

    /// Waits until a look at this namespace succeeds; as [`wait_for`], with half a minute of patience.
    ///
    /// # Errors
    /// As [`wait_for`].
    pub async fn eventually<T, E: std::fmt::Display>(
        &self,
        what: impl std::fmt::Display,
        look: impl AsyncFnMut() -> Result<T, E>,
    ) -> Result<T, TimedOut> {
        wait_for(what, Duration::from_secs(30), look).await
    }
}
