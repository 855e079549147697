//! What an InfisicalSecret reads and keeps.
use super::{Refusal, auth::Login, document, namespace, template};
use crate::plan::{self, CreationPolicy, Planned};
use api::{
    dialect::Scope,
    interval,
    text::Text,
    v1alpha1::{InfisicalSecret, InfisicalSecretSpec, MachineIdentityScope, ManagedKubeSecretConfig, SecretTemplate},
    v1beta1::{InfisicalStaticSecret, InfisicalStaticSecretSpec, ObjectReference, StaticMetadata, StaticSource, StaticTarget, SyncOptions},
    well_known::GROUP,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::Value;

/// Where no interval was set.
const INTERVAL: &str = "60s";

/// An InfisicalStaticSecret but for its name and its login.
pub(super) struct Body {
    pub comments: Vec<String>,
    /// One of the comments says that something comes out differently.
    pub attention: bool,
    source: StaticSource,
    targets: Vec<StaticTarget>,
    sync: SyncOptions,
}

impl Body {
    /// What a resource comes to.
    pub fn of(resource: &InfisicalSecret, login: &Login) -> Result<Self, Refusal> {
        let mut comments = Vec::new();
        let source = source(login, &mut comments)?;
        let sync = sync(&resource.spec)?;
        let targets = targets(resource, &mut comments)?;
        let attention = comments.iter().chain(&login.notes).any(|comment| comment.starts_with("attention:"));
        Ok(Self { comments, attention, source, targets, sync })
    }

    /// With its name and the name of its InfisicalAuth, which is in the same namespace.
    pub fn document(&self, resource: &InfisicalSecret, name: &str, auth: &str) -> Value {
        let namespace = namespace(resource);
        let spec = InfisicalStaticSecretSpec {
            infisical_auth_ref: Some(ObjectReference { name: Some(auth.into()), namespace: Some(namespace.clone()) }),
            sync_options: Some(self.sync.clone()),
            sources: Some(vec![self.source.clone()]),
            targets: Some(self.targets.clone()),
        };
        let mut made = InfisicalStaticSecret::new(name, spec);
        made.metadata.namespace = Some(namespace);
        // Targets without metadata of their own get these.
        let kept = |name: &str| !name.starts_with("kubectl.kubernetes.io/") && !name.starts_with(&format!("{GROUP}/"));
        let labels = resource.labels().clone();
        let annotations: std::collections::BTreeMap<_, _> =
            resource.annotations().iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        made.metadata.labels = (!labels.is_empty()).then_some(labels);
        made.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
        document(&made)
    }
}

fn source(login: &Login, comments: &mut Vec<String>) -> Result<StaticSource, Refusal> {
    if login.block.method.scope != Scope::Machine {
        return Err("this login has no scope that can be converted".into());
    }
    let place = login.block.path("/secretsScope");
    let scope = login.block.fields.get("secretsScope").map(MachineIdentityScope::deserialize);
    let scope = scope.transpose().map_err(|_| format!("{place} has a field of a wrong type"))?.unwrap_or_default();
    if let Some(secret) = scope.secret_name.text() {
        return Err(format!(
            "{place}.secretName is {secret:?}, but an InfisicalStaticSecret reads whole folders; put the secret in a folder of its own"
        ));
    }
    let [id, slug] = [&scope.project_id, &scope.project_slug].map(|text| text.text().map(str::to_owned));
    if id.is_some() == slug.is_some() {
        return Err(format!("{place}: fill in one of projectId and projectSlug"));
    }
    let recursive = scope.recursive.filter(|recursive| *recursive);
    if recursive.is_some() {
        comments.push(
            "attention: of a key that is in several folders the first in the answer counts for v1beta1, the last for v1alpha1".into(),
        );
    }
    Ok(StaticSource {
        project_id: id,
        project_slug: slug,
        environment_slug: Some(scope.env_slug.text().ok_or_else(|| format!("{place}.envSlug is empty"))?.to_owned()),
        secret_path: Some(scope.secrets_path.text().unwrap_or("/").to_owned()),
        tag_slugs: scope.tag_slugs.clone(),
        recursive,
    })
}

fn sync(spec: &InfisicalSecretSpec) -> Result<SyncOptions, Refusal> {
    let (text, instant) = match &spec.sync_config {
        Some(sync) => (sync.resync_interval.text().filter(|text| !is_zero(text)).map(str::to_owned), sync.instant_updates),
        None => (spec.resync_interval.filter(|seconds| *seconds != 0).map(|seconds| format!("{seconds}s")), spec.instant_updates),
    };
    let text = text.unwrap_or_else(|| INTERVAL.to_owned());
    interval::parse(&text).map_err(|error| format!("the interval: {error}"))?;
    Ok(SyncOptions { refresh_interval: Some(text), instant_updates: instant.filter(|instant| *instant) })
}

fn targets(resource: &InfisicalSecret, comments: &mut Vec<String>) -> Result<Vec<StaticTarget>, Refusal> {
    let planned = plan::targets(resource).and_then(Planned::whole).map_err(|fault| fault.message)?;
    planned
        .iter()
        .zip(written(&resource.spec))
        .map(|(target, (template, selector))| {
            let metadata = target
                .metadata
                .clone()
                .map(|metadata| StaticMetadata { annotations: Some(metadata.annotations), labels: Some(metadata.labels) });
            let converted = template.map(|written| template::convert(written, &target.field)).transpose()?;
            let (template, notes) = converted.unwrap_or_default();
            comments.extend(notes);
            let in_vain = target.is_owned_in_vain(&namespace(resource));
            if in_vain {
                comments.push(format!("{}.creationPolicy: Owner has no effect in another namespace: it is Orphan here", target.field));
            }
            Ok(StaticTarget {
                name: Some(target.name.name.clone()),
                namespace: Some(target.name.namespace.clone()).filter(|_| selector.is_none()),
                namespace_selector: selector.cloned(),
                kind: Some(target.kind.to_string()),
                secret_type: Some(target.secret_type.clone()).filter(|kind| !kind.is_empty()),
                creation_policy: Some(if target.policy == CreationPolicy::Owner && !in_vain { "Owner" } else { "Orphan" }.to_owned()),
                template,
                metadata,
            })
        })
        .collect()
}

/// Template and selector of each target, in the order in which a plan has them.
fn written(spec: &InfisicalSecretSpec) -> Vec<(Option<&SecretTemplate>, Option<&LabelSelector>)> {
    let named = |one: &&ManagedKubeSecretConfig| one.secret_name.text().is_some() || one.secret_namespace.text().is_some();
    let single = spec.managed_secret_reference.iter().filter(named);
    let secrets = single.chain(spec.managed_kube_secret_references.iter().flatten());
    let secrets = secrets.map(|one| (one.template.as_ref(), one.namespace_selector.as_ref()));
    let maps = spec.managed_kube_config_map_references.iter().flatten();
    secrets.chain(maps.map(|one| (one.template.as_ref(), one.namespace_selector.as_ref()))).collect()
}

/// Which is as good as none.
fn is_zero(interval: &str) -> bool {
    matches!(interval::parse(interval), Err(interval::IntervalError::Zero(_)))
}
