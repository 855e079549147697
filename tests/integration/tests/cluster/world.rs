//! A namespace with one resource, and the parts of the operator that speak to its cluster.
use anyhow::Result;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use operator::{
    cluster::{Cluster, Requests, Scope},
    object::{Name, ObjectRef},
    plan::{CreationPolicy, Data, Desired, Owner, Target, TargetKind, Version},
    reload::Reloader,
    target::Targets,
    trigger::{Cause, Triggers},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use support::{ControlPlane, Namespace};
use tokio::task::JoinSet;

pub struct World {
    pub control_plane: ControlPlane,
    pub namespace: Namespace,
    pub triggers: Arc<Triggers>,
    pub cluster: Cluster,
    pub targets: Targets,
    pub reloader: Reloader,
    _tasks: JoinSet<()>,
}

impl World {
    pub async fn new() -> Result<Self> {
        Self::on(ControlPlane::shared().await?).await
    }

    pub async fn on(control_plane: ControlPlane) -> Result<Self> {
        control_plane.establish(api::crds::crds()).await?;
        let namespace = control_plane.namespace().await?;
        let client = control_plane.client().clone();
        Ok(Self::with(control_plane, namespace, client).await)
    }

    /// Ready, with that client.
    pub async fn with(control_plane: ControlPlane, namespace: Namespace, client: Client) -> Self {
        Self::declaring(control_plane, namespace, client, None).await
    }

    /// Ready, with targets that were known before the first list.
    pub async fn declaring(
        control_plane: ControlPlane,
        namespace: Namespace,
        client: Client,
        declared: Option<(&Owner, &[Target])>,
    ) -> Self {
        let triggers = Arc::<Triggers>::default();
        let scope = Scope::Namespaces(vec![namespace.name().to_owned()]);
        let cluster = Cluster::new(Requests::new(client), Arc::clone(&triggers), &scope);
        let targets = Targets::new(cluster.clone());
        let reloader = Reloader::new(cluster.clone(), &scope);
        if let Some((owner, all)) = declared {
            targets.declare(owner, all);
        }
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let cluster = cluster.clone();
            async move { cluster.run().await }
        });
        tasks.spawn({
            let reloader = reloader.clone();
            async move { reloader.run().await }
        });
        cluster.ready().await;
        reloader.ready().await;
        Self { control_plane, namespace, triggers, cluster, targets, reloader, _tasks: tasks }
    }

    /// The same cluster as an operator that just started sees it.
    pub async fn restarted(self) -> Self {
        let Self { control_plane, namespace, _tasks, .. } = self;
        drop(_tasks);
        let client = control_plane.client().clone();
        Self::with(control_plane, namespace, client).await
    }

    /// From now on nothing is heard of the cluster.
    pub async fn deafen(&mut self) {
        self._tasks.shutdown().await;
    }

    pub fn name(&self, name: &str) -> Name {
        Name::new(self.namespace.name(), name)
    }

    /// A resource that really is there: the garbage collector deletes what is owned by none.
    pub async fn owner(&self, name: &str) -> Result<Owner> {
        let resource = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalSecret", "metadata": {"name": name}, "spec": {},
        });
        let applied: DynamicObject = self.namespace.apply(&resource.to_string()).await?.remove(0);
        Ok(Owner {
            object: ObjectRef { kind: "InfisicalSecret", namespace: self.namespace.name().into(), name: name.into() },
            api_version: "secrets.infisical.com/v1alpha1".into(),
            uid: applied.uid().unwrap(),
            created: applied.creation_timestamp().map(|time| time.0),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        })
    }

    pub fn target(&self, name: &str) -> Target {
        Target {
            kind: TargetKind::Secret,
            name: self.name(name),
            field: "spec.managedKubeSecretReferences[0]".into(),
            secret_type: String::new(),
            selector: None,
            policy: CreationPolicy::Owner,
            template: None,
            metadata: None,
            labelled_once: false,
        }
    }

    pub fn secrets(&self) -> Api<Secret> {
        self.namespace.api()
    }

    /// As somebody else would.
    pub async fn edit(&self, name: &str, patch: Value) -> Result<Secret> {
        Ok(self.secrets().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Waits until that resource is woken.
    pub async fn woken(&self, resource: &ObjectRef) -> Result<Cause> {
        let look = async || self.triggers.take(resource).ok_or("it is not");
        Ok(self.namespace.eventually(format!("{resource} to be woken"), look).await?.cause)
    }

    /// Waits until the watch has told of everything that happened before.
    pub async fn caught_up(&self) -> Result<()> {
        let resource = ObjectRef { kind: "InfisicalSecret", namespace: self.namespace.name().into(), name: "marker".into() };
        let owner = Owner { object: resource.clone(), uid: "marker".into(), ..self.owner("marker").await? };
        let marker = Target { policy: CreationPolicy::Orphan, ..self.target("marker") };
        self.targets.declare(&owner, &[marker]);
        self.namespace.secret("marker", [("at", "now")]).await?;
        self.edit("marker", json!({"metadata": {"labels": {"touched": now()}}})).await?;
        self.woken(&resource).await?;
        self.targets.forget(&resource);
        Ok(())
    }
}

/// Differs at each call, so that a patch is a change.
fn now() -> String {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos().to_string()
}

pub fn desired(pairs: &[(&str, &str)]) -> Desired {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), Arc::new(value.as_bytes().to_vec().into()))).collect();
    Desired { data, version: Version::Of(version), volatile: Default::default(), inputs: String::new(), notices: Vec::new() }
}

pub fn version(data: &Data) -> String {
    api::version::v1alpha1(data.iter().map(|(key, value)| (key.as_str(), value.expose_secret())))
}

pub fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a str> {
    std::str::from_utf8(&secret.data.as_ref()?.get(key)?.0).ok()
}
