//! One test's part of the world.
use crate::{
    clock::MovedClock,
    doomed::Doomed,
    look::{Event, Identity, event_of, text},
    manifest::merged,
    operator::{Child, Running},
    recorder::Recorder,
    refusal::Refusal,
    shared,
};
use ::operator::{
    clock::SystemClock,
    options::{Options, PluginOptions},
};
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::{Config, KubernetesApi, Operation, Place, Seed, Server};
use k8s_openapi::{
    api::{core::v1::Secret, events::v1::Event as EventObject},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Display,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use support::{ControlPlane, Namespace, wait_for};

/// Long enough for a machine that compiles something else meanwhile; a test that passes never waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Project `shop`, environments `dev` and `prod`; identity `app` logs in with a client secret, `pod` with the token of any
/// service account, `pod-with-audience` with one for `https://app.infisical.com`.
const SEED: &str = r#"
organization: {slug: acme}
identities:
  - name: app
    universalAuth: {clientId: app-client, clientSecrets: [app-secret]}
  - name: other
    universalAuth: {clientId: other-client, clientSecrets: [other-secret]}
  - name: pod
    id: 99999999-aaaa-4bbb-8ccc-dddddddddddd
    kubernetesAuth: {}
  - name: pod-with-audience
    id: 88888888-aaaa-4bbb-8ccc-dddddddddddd
    kubernetesAuth: {allowedAudience: "https://app.infisical.com"}
projects:
  - slug: shop
    id: 33333333-4444-4555-8666-777777777777
    members: {app: {role: viewer}, other: {role: viewer}, pod: {role: viewer}, pod-with-audience: {role: viewer}}
    environments:
      - slug: dev
        folders:
          /: {secrets: {A: one, B: two}}
          /app: {secrets: {C: three}}
      - slug: prod
        folders:
          /: {secrets: {A: uno}}
serviceTokens: []
"#;

/// A namespace, an Infisical dev server, and the means to start operators that serve this namespace alone.
pub struct Scene {
    /// The control plane, shared with other tests.
    pub plane: ControlPlane,
    /// This test's own.
    pub namespace: Namespace,
    /// This test's own, too.
    pub infisical: Server,
    folder: tempfile::TempDir,
}

impl Scene {
    /// The usual seed: in `/` of `dev` are `A=one` and `B=two`, in `/app` is `C=three`.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With another configuration of the Infisical dev server.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        shared::show_logs();
        let plane = ControlPlane::shared().await.unwrap();
        shared::establish(&plane).await;
        Self::on(plane, change).await
    }

    /// On an audited control plane of its own, for an operator that serves all namespaces.
    pub async fn alone() -> Self {
        shared::show_logs();
        let plane = ControlPlane::audited().await.unwrap();
        plane.cluster().establish(api::crds::crds()).await.unwrap();
        Self::on(plane, |_| {}).await
    }

    /// In another control plane, which knows the custom resources or will.
    pub async fn on(plane: ControlPlane, change: impl FnOnce(&mut Config)) -> Self {
        let namespace = plane.namespace().await.unwrap();
        let mut config = Config::new(Seed::parse(SEED).unwrap());
        config.kubernetes = Some(KubernetesApi::from_kubeconfig(plane.kubeconfig()).unwrap());
        config.page = false;
        change(&mut config);
        let infisical = Server::start(config).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        namespace.secret("credentials", [("clientId", "app-client"), ("clientSecret", "app-secret")]).await.unwrap();
        Self { plane, namespace, infisical, folder }
    }

    /// Another dev server with the usual seed.
    pub async fn another_server(&self, change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::new(Seed::parse(SEED).unwrap());
        config.kubernetes = Some(KubernetesApi::from_kubeconfig(self.plane.kubeconfig()).unwrap());
        change(&mut config);
        Server::start(config).await.unwrap()
    }

    /// For files of this test; gone with it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How an operator is run that serves this namespace alone.
    pub async fn options(&self) -> Options {
        Options {
            namespaces: vec![self.namespace.name().into()],
            kubeconfig: Some(self.plane.kubeconfig().into()),
            host_api: None,
            trusted_hosts: Vec::new(),
            organisation: None,
            // Other tests must not see the settings of this one.
            config_namespace: self.namespace.name().into(),
            token_request_system_accounts: Vec::new(),
            ambient_namespaces: None,
            plugin_namespaces: Vec::new(),
            env_credentials: false,
            lease_hand_over: Duration::from_secs(2),
            plugins: PluginOptions {
                bundle: shared::default_bundle().await.folder.clone(),
                shipped_cache: None,
                cache: shared::cache().await.into(),
                compiler: shared::program().await.into(),
                mounts: BTreeMap::new(),
                environment: BTreeMap::new(),
                private_egress: false,
                dev_origins: Vec::new(),
                withheld: Vec::new(),
            },
            leader: None,
            metrics: None,
            health: None,
        }
    }

    /// Starts an operator in this process and waits until it is ready.
    pub async fn start(&self) -> Running {
        Running::start(Arc::new(SystemClock), self.options().await).await
    }

    /// As [`Self::start`], with other options.
    pub async fn start_with(&self, change: impl FnOnce(&mut Options)) -> Running {
        let mut options = self.options().await;
        change(&mut options);
        Running::start(Arc::new(SystemClock), options).await
    }

    /// As [`Self::start_with`], by another clock.
    pub async fn start_by(&self, clock: &Arc<MovedClock>, change: impl FnOnce(&mut Options)) -> Running {
        let mut options = self.options().await;
        change(&mut options);
        Running::start(Arc::<MovedClock>::clone(clock), options).await
    }

    /// Starts the operator's program as a child and waits until it is ready.
    pub async fn child(&self, arguments: &[&str]) -> Child {
        shared::cache().await;
        Child::start(self, arguments).await
    }

    /// Starts the operator's test build as a child, which can be told where to kill itself.
    pub async fn doomed(&self, arguments: &[&str]) -> Doomed {
        shared::cache().await;
        Doomed::start(self, arguments).await
    }

    /// A way to the API server that notes what is asked: give its kubeconfig to an operator.
    pub async fn recorder(&self) -> Recorder {
        Recorder::start(self.plane.client().clone(), self.folder()).await
    }

    /// An InfisicalSecret that reads `/` of `dev` as `app` every 5 s into the Secret of the same name, with changes as
    /// [`merged`] has them.
    #[must_use]
    pub fn manifest(&self, name: &str, changes: &Value) -> Value {
        let namespace = self.namespace.name();
        let base = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1",
            "kind": "InfisicalSecret",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "hostAPI": self.infisical.url(),
                "syncConfig": {"resyncInterval": "5s"},
                "authentication": {"universalAuth": {
                    "credentialsRef": {"secretName": "credentials", "secretNamespace": namespace},
                    "secretsScope": {"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/"},
                }},
                "managedKubeSecretReferences": [{"secretName": name, "secretNamespace": namespace}],
            },
        });
        merged(base, changes)
    }

    /// Applies a manifest.
    pub async fn apply(&self, manifest: &Value) -> DynamicObject {
        self.namespace.apply(&manifest.to_string()).await.unwrap().remove(0)
    }

    /// Applies [`Self::manifest`].
    pub async fn infisical_secret(&self, name: &str, changes: Value) {
        self.apply(&self.manifest(name, &changes)).await;
    }

    /// Asks for a fresh read of a resource, as a user would.
    pub async fn resync(&self, name: &str) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let value = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        self.annotate::<InfisicalSecret>(name, "secrets.infisical.com/resync", Some(&value)).await;
    }

    /// Sets an annotation of an object, or takes it away.
    pub async fn annotate<K>(&self, name: &str, annotation: &str, value: Option<&str>)
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + serde::de::DeserializeOwned
            + std::fmt::Debug,
    {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        let api: Api<K> = self.namespace.api();
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Writes the ConfigMap of global settings.
    pub async fn config(&self, data: &[(&str, &str)]) {
        self.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "infisical-config"}, "data": pairs(data)})).await;
    }

    /// A place of project `shop`, environment `dev`.
    #[must_use]
    pub fn dev(&self, path: &str) -> Place {
        Place::new("shop", "dev", path)
    }

    /// Sets a secret at the server in `/` of `dev`.
    pub fn set(&self, key: &str, value: &str) {
        self.infisical.state().set_secret(&self.dev("/"), key, value).unwrap();
    }

    /// The folder with the machine code of the default bundle.
    pub async fn cache(&self) -> &'static Path {
        shared::cache().await
    }

    /// A token of identity `app`, as a person would get one.
    pub async fn access_token(&self) -> String {
        self.token("app-secret").await
    }

    /// As [`Self::access_token`], by another client secret.
    pub async fn token(&self, client_secret: &str) -> String {
        let body = json!({"clientId": "app-client", "clientSecret": client_secret}).to_string();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/api/v1/auth/universal-auth/login", self.infisical.url()));
        let answer = request.header("content-type", "application/json").body(body).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    /// The resource as it stands.
    pub async fn resource(&self, name: &str) -> InfisicalSecret {
        self.namespace.api().get(name).await.unwrap()
    }

    /// Waits until the resource is `Ready` for its present generation.
    pub async fn synced(&self, name: &str) -> Condition {
        self.ready(name, "True", "Synced").await
    }

    /// Waits until each of these that has a `Ready` condition to come is Ready in its present generation.
    pub async fn all_ready(&self, objects: &[DynamicObject]) {
        let ours =
            |object: &&DynamicObject| object.types.as_ref().is_some_and(|types| types.api_version.starts_with("secrets.infisical.com/"));
        for object in objects.iter().filter(ours) {
            let types = object.types.as_ref().unwrap();
            let kind = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
            let namespace = object.namespace().unwrap_or_else(|| self.namespace.name().into());
            let api: Api<DynamicObject> = Api::namespaced_with(self.plane.client().clone(), &namespace, &kind);
            until(format_args!("{} {} to be Ready", types.kind, object.name_any()), async || {
                let found = api.get(&object.name_any()).await.map_err(|error| error.to_string())?;
                let conditions = found.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
                let ready = conditions.iter().find(|condition| condition["type"] == "Ready").cloned().unwrap_or_default();
                let current = ready["observedGeneration"].as_i64() == found.metadata.generation;
                if current && ready["status"] == "True" { Ok(()) } else { Err(ready.to_string()) }
            })
            .await;
        }
    }

    /// Waits until the resource has failed for this reason in its present generation; gives the message.
    pub async fn failed(&self, name: &str, reason: &str) -> String {
        self.ready(name, "False", reason).await.message
    }

    /// Waits until the resource has failed in its present generation, whatever the reason; gives the message.
    pub async fn failed_somehow(&self, name: &str) -> String {
        self.ready_if(name, "Ready=False", |ready| ready.status == "False").await.message
    }

    /// Waits for `Ready` with this status and reason in the present generation.
    pub async fn ready(&self, name: &str, status: &str, reason: &str) -> Condition {
        let what = format!("Ready={status} ({reason})");
        self.ready_if(name, &what, |ready| ready.status == status && ready.reason == reason).await
    }

    async fn ready_if(&self, name: &str, what: &str, wanted: impl Fn(&Condition) -> bool) -> Condition {
        let api: Api<InfisicalSecret> = self.namespace.api();
        until(format_args!("{name} to be {what}"), async || {
            let resource = api.get(name).await.map_err(|error| error.to_string())?;
            let conditions = resource.status.map(|status| status.conditions).unwrap_or_default();
            let Some(ready) = conditions.into_iter().find(|condition| condition.type_ == "Ready") else {
                return Err(String::from("it has no condition Ready"));
            };
            let current = ready.observed_generation == resource.metadata.generation;
            if current && wanted(&ready) { Ok(ready) } else { Err(format!("{ready:?}")) }
        })
        .await
    }

    /// A condition of the resource, which must be there.
    pub async fn condition(&self, name: &str, kind: &str) -> Condition {
        let conditions = self.resource(name).await.status.unwrap().conditions;
        conditions.into_iter().find(|condition| condition.type_ == kind).unwrap_or_else(|| panic!("{name} has no condition {kind}"))
    }

    /// Events of a resource.
    pub async fn events(&self, name: &str) -> Vec<Event> {
        let api: Api<EventObject> = self.namespace.api();
        let list = api.list(&ListParams::default().fields(&format!("regarding.name={name}"))).await.unwrap();
        list.items.into_iter().map(event_of).collect()
    }

    /// Waits for an Event of a resource; gives its text.
    pub async fn event(&self, name: &str, reason: &str) -> String {
        until(format_args!("an Event {reason} of {name}"), async || {
            let events = self.events(name).await;
            let found = events.iter().find(|event| event.reason == reason).map(|event| event.text.clone());
            found.ok_or_else(|| format!("{events:?}"))
        })
        .await
    }

    /// A Secret of this namespace.
    pub async fn secret(&self, name: &str) -> Secret {
        self.namespace.api().get(name).await.unwrap_or_else(|error| panic!("Secret {name}: {error}"))
    }

    /// Its data as text.
    pub async fn data(&self, name: &str) -> BTreeMap<String, String> {
        text(self.secret(name).await)
    }

    /// Waits until a Secret holds exactly this.
    pub async fn holds(&self, name: &str, wanted: &[(&str, &str)]) {
        let wanted = pairs(wanted);
        let api: Api<Secret> = self.namespace.api();
        until(format_args!("Secret {name} to hold {wanted:?}"), async || match api.get_opt(name).await {
            Ok(Some(secret)) => {
                let found = text(secret);
                if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
            }
            Ok(None) => Err(String::from("it is not there")),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }

    /// Tells whether an object was written since.
    pub async fn identity<K>(&self, name: &str) -> Identity
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
            + Clone
            + serde::de::DeserializeOwned
            + std::fmt::Debug,
    {
        let api: Api<K> = self.namespace.api();
        Identity::of(&api.get_metadata(name).await.unwrap_or_else(|error| panic!("{name}: {error}")).metadata)
    }

    /// Lets nobody update a Deployment.
    pub async fn refuse_updates(&self, deployment: &str) -> Refusal {
        Refusal::new(self, deployment).await
    }

    /// Deletes a Secret.
    pub async fn delete_secret(&self, name: &str) {
        let api: Api<Secret> = self.namespace.api();
        api.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until so many more calls of one kind were answered than there were at the time of the call.
    pub async fn calls(&self, operation: Operation, more: u64) {
        let wanted = self.infisical.calls().count(operation) + more;
        let calls = self.infisical.calls().wait_for_calls(operation, wanted);
        tokio::time::timeout(PATIENCE, calls).await.unwrap_or_else(|_| panic!("waited for {more} more calls of {operation:?}"));
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Looks until the look succeeds.
pub async fn until<T, E: Display>(what: impl Display, look: impl AsyncFnMut() -> Result<T, E>) -> T {
    wait_for(what, PATIENCE, look).await.unwrap_or_else(|error| panic!("{error}"))
}
