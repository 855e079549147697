//! Objects of a cluster, read as whoever runs the command. Nothing is written: the only requests that are no reads are the API
//! server's own reviews of rights.
use super::{
    finding::Finding,
    rules::cluster::{RIGHTS, Right, denied},
    world::{Definitions, Fetch, Objects, Owned, Seen, Unseen, Workload, World},
};
use crate::{
    cluster::{Requests, collection},
    object::Name,
    plan::TargetKind,
};
use anyhow::Context;
use api::{v1alpha1::ClusterGenerator, well_known::GROUP};
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment, StatefulSet},
        authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
        core::v1::{ConfigMap, Secret, ServiceAccount},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, PartialObjectMeta, PostParams},
};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

/// Objects in one answer.
const PAGE: u32 = 500;

/// Fetches single objects from the API server.
pub(crate) struct Live {
    requests: Requests,
    unseen: Unseen,
}

/// Lists what there is in these namespaces; none means all.
///
/// # Errors
/// A kind of ours that is installed can't be listed. What else can't be is noted.
pub(crate) async fn read(client: &Client, namespaces: &[String]) -> anyhow::Result<World<Live>> {
    let unseen = Unseen::default();
    let reader = Reader { client, namespaces, unseen: unseen.clone() };
    let definitions = reader.definitions().await;
    let mut objects = Objects {
        secrets: reader.resources(definitions.as_ref()).await?,
        pushes: reader.resources(definitions.as_ref()).await?,
        dynamics: reader.resources(definitions.as_ref()).await?,
        statics: reader.resources(definitions.as_ref()).await?,
        auths: reader.resources(definitions.as_ref()).await?,
        connections: reader.resources(definitions.as_ref()).await?,
        passwords: reader.resources(definitions.as_ref()).await?,
        uuids: reader.resources(definitions.as_ref()).await?,
        clusters: reader.cluster_generators().await,
        definitions,
        ..Objects::default()
    };
    objects.workloads.extend(reader.workloads::<Deployment>("Deployment", |workload| workload.spec.map(|spec| spec.template)).await);
    objects.workloads.extend(reader.workloads::<StatefulSet>("StatefulSet", |workload| workload.spec.map(|spec| spec.template)).await);
    objects.workloads.extend(reader.workloads::<DaemonSet>("DaemonSet", |workload| workload.spec.map(|spec| spec.template)).await);
    // An owner is in the namespace of what it owns.
    let secrets = objects.secrets.iter().filter_map(ResourceExt::namespace);
    let owners: BTreeSet<String> = secrets.chain(objects.statics.iter().filter_map(ResourceExt::namespace)).collect();
    for namespace in &owners {
        objects.owned.extend(reader.owned::<Secret>(TargetKind::Secret, namespace).await);
        objects.owned.extend(reader.owned::<ConfigMap>(TargetKind::ConfigMap, namespace).await);
    }
    let fetch = Live { requests: Requests::new(client.clone()), unseen: unseen.clone() };
    Ok(World { objects, fetch, complete: true, keys: BTreeSet::new(), unseen, refused: Vec::new() })
}

struct Reader<'a> {
    client: &'a Client,
    namespaces: &'a [String],
    unseen: Unseen,
}

impl Reader<'_> {
    /// By name, with their annotations. None: they may not be read.
    async fn definitions(&self) -> Option<Definitions> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        match api.list_metadata(&ListParams::default()).await {
            Ok(all) => {
                let ours = all.items.into_iter().filter(|one| one.name_any().ends_with(&format!(".{GROUP}")));
                Some(ours.map(|one| (one.name_any(), one.metadata.annotations.unwrap_or_default())).collect())
            }
            Err(error) => {
                self.unseen.note(format!("definitions of resources: {}", short(&error)));
                None
            }
        }
    }

    async fn resources<K>(&self, definitions: Option<&Definitions>) -> anyhow::Result<Vec<K>>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let name = format!("{}.{GROUP}", K::plural(&()));
        if definitions.is_some_and(|definitions| !definitions.contains_key(&name)) {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for api in self.apis::<K>() {
            match pages(&api).await {
                // A kind that is not installed.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                found => all.extend(found.with_context(|| format!("list {}", K::plural(&())))?),
            }
        }
        Ok(all)
    }

    /// They belong to no namespace, so whoever may read some namespaces only may not read them.
    async fn cluster_generators(&self) -> Option<Vec<ClusterGenerator>> {
        match pages(&Api::all(self.client.clone())).await {
            Ok(all) => Some(all),
            // The kind is not installed.
            Err(kube::Error::Api(status)) if status.code == 404 => Some(Vec::new()),
            Err(error) => {
                self.unseen.note(format!("ClusterGenerators: {}", short(&error)));
                None
            }
        }
    }

    async fn workloads<K>(
        &self,
        kind: &'static str,
        template: impl Fn(K) -> Option<k8s_openapi::api::core::v1::PodTemplateSpec>,
    ) -> Vec<Workload>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let mut all = Vec::new();
        for api in self.apis::<K>() {
            match pages(&api).await {
                Ok(found) => all.extend(found.into_iter().filter_map(|workload| {
                    let metadata = workload.meta().clone();
                    Workload::of(kind, &metadata, &template(workload)?)
                })),
                Err(error) => self.unseen.note(format!("{kind}s: {}", short(&error))),
            }
        }
        all
    }

    /// Only their metadata: no value leaves the API server.
    async fn owned<K>(&self, kind: TargetKind, namespace: &str) -> Vec<Owned>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let mut parameters = ListParams::default().limit(PAGE);
        let mut all = Vec::new();
        loop {
            match api.list_metadata(&parameters).await {
                Ok(page) => {
                    all.extend(page.items.iter().filter_map(|PartialObjectMeta { metadata, .. }| Owned::of(kind, metadata)));
                    match page.metadata.continue_.filter(|token| !token.is_empty()) {
                        Some(token) => parameters.continue_token = Some(token),
                        None => return all,
                    }
                }
                Err(error) => {
                    self.unseen.note(format!("{kind}s of namespace {namespace}: {}", short(&error)));
                    return all;
                }
            }
        }
    }

    fn apis<K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>>(&self) -> Vec<Api<K>> {
        match self.namespaces {
            [] => vec![Api::all(self.client.clone())],
            some => some.iter().map(|namespace| Api::namespaced(self.client.clone(), namespace)).collect(),
        }
    }
}

async fn pages<K: Resource + Clone + DeserializeOwned + Debug>(api: &Api<K>) -> kube::Result<Vec<K>> {
    let mut parameters = ListParams::default().limit(PAGE);
    let mut all = Vec::new();
    loop {
        let page = api.list(&parameters).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters.continue_token = Some(token),
            None => return Ok(all),
        }
    }
}

/// What the API server says, without what was sent or answered.
fn short(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::SerdeError(_) => "an answer can't be decoded".into(),
        _ => "the API server can't be reached".into(),
    }
}

impl Live {
    async fn get<K: Resource<DynamicType = ()> + DeserializeOwned>(&self, name: &Name) -> Seen<K> {
        match self.requests.get::<K>(collection::<K>(&name.namespace), &name.name).await {
            Ok(Some(object)) => Seen::There(object),
            Ok(None) => Seen::Absent,
            Err(error) => {
                let doing = format!("get {} {name}", K::kind(&()));
                self.unseen.note(error.fault(&doing, std::iter::empty()).message);
                Seen::Unknown
            }
        }
    }
}

impl Fetch for Live {
    async fn secret(&self, name: &Name) -> Seen<Secret> {
        self.get(name).await
    }

    async fn config_map(&self, name: &Name) -> Seen<ConfigMap> {
        self.get(name).await
    }

    async fn account(&self, name: &Name) -> Seen<Vec<String>> {
        match self.get::<ServiceAccount>(name).await {
            Seen::There(account) => Seen::There(account.secrets.into_iter().flatten().filter_map(|secret| secret.name).collect()),
            Seen::Absent => Seen::Absent,
            Seen::Unknown => Seen::Unknown,
        }
    }
}

/// What the operator's account may not do, in these namespaces or, if there are none, everywhere.
///
/// # Errors
/// The API server does not let the caller ask.
pub(crate) async fn rights(client: &Client, account: &Name, namespaces: &[String], config: &Name) -> anyhow::Result<Vec<Finding>> {
    let served: BTreeSet<String> = client.list_api_groups().await?.groups.into_iter().map(|group| group.name).collect();
    let mut findings = Vec::new();
    for right in RIGHTS.iter().filter(|right| right.group.is_empty() || served.contains(right.group)) {
        let mut missing = BTreeMap::<&str, Vec<&str>>::new();
        let right = &right.of(!namespaces.is_empty());
        for (place, name) in right.places(account, namespaces, config) {
            for verb in right.verbs {
                let mut granted = false;
                for verb in verb.split('|') {
                    granted = granted || allowed(client, account, right, verb, (place, name)).await?;
                }
                if !granted {
                    missing.entry(place.unwrap_or_default()).or_default().push(verb);
                }
            }
        }
        for (place, verbs) in missing {
            let mut finding = denied(right, &verbs);
            if !place.is_empty() {
                finding.message = format!("in namespace {place} {}", finding.message);
            }
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// `place` is a namespace, None for all, and the name of one object, None for all.
async fn allowed(client: &Client, account: &Name, right: &Right, verb: &str, place: (Option<&str>, Option<&str>)) -> anyhow::Result<bool> {
    let (resource, subresource) = match right.resource.split_once('/') {
        Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
        None => (right.resource, None),
    };
    let (namespace, name) = place;
    let attributes = ResourceAttributes {
        group: Some(right.group.to_owned()),
        resource: Some(resource.to_owned()),
        subresource,
        verb: Some(verb.to_owned()),
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SubjectAccessReviewSpec {
        user: Some(format!("system:serviceaccount:{}:{}", account.namespace, account.name)),
        groups: Some(vec![
            "system:serviceaccounts".into(),
            format!("system:serviceaccounts:{}", account.namespace),
            "system:authenticated".into(),
        ]),
        resource_attributes: Some(attributes),
        ..SubjectAccessReviewSpec::default()
    };
    let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
    let api: Api<SubjectAccessReview> = Api::all(client.clone());
    let answer = api.create(&PostParams::default(), &review).await.context("the rights of the service account can't be asked for")?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
