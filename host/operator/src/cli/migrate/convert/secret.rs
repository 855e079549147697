//! What an InfisicalSecret reads and keeps.
use super::{Refusal, auth::Login, document, namespace, same, template};
use crate::{
    plan::{self, CreationPolicy, Planned},
    target::is_tracking,
};
use api::{
    dialect::Scope,
    interval,
    text::Text,
    v1alpha1::{InfisicalSecret, InfisicalSecretSpec, MachineIdentityScope, ManagedKubeSecretConfig, SecretTemplate},
    v1beta1::{InfisicalStaticSecret, InfisicalStaticSecretSpec, ObjectReference, StaticMetadata, StaticSource, StaticTarget, SyncOptions},
    well_known::{
        GROUP,
        annotation::{COPY_TRACKING_KEYS, SUSPEND},
    },
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Where no interval was set.
const INTERVAL: &str = "60s";
/// The same with instant updates.
const INSTANT_INTERVAL: &str = "1h";
/// Of annotations that Helm reads.
const HELM: &str = "helm.sh/";

/// An InfisicalStaticSecret but for its name and its login.
pub(super) struct Body {
    pub comments: Vec<String>,
    source: StaticSource,
    targets: Vec<StaticTarget>,
    sync: SyncOptions,
}

impl Body {
    /// What a resource comes to.
    pub fn of(resource: &InfisicalSecret, login: &Login) -> Result<Self, Refusal> {
        let mut comments = metadata(resource);
        let source = source(login, &mut comments)?;
        let sync = sync(&resource.spec, &mut comments)?;
        let targets = targets(resource, &mut comments)?;
        Ok(Self { comments, source, targets, sync })
    }

    /// With the name of its InfisicalAuth, which is in the same namespace.
    pub fn spec(&self, namespace: &str, auth: &str) -> InfisicalStaticSecretSpec {
        InfisicalStaticSecretSpec {
            infisical_auth_ref: Some(ObjectReference { name: Some(auth.into()), namespace: Some(namespace.into()) }),
            sync_options: Some(self.sync.clone()),
            sources: Some(vec![self.source.clone()]),
            targets: Some(self.targets.clone()),
        }
    }

    /// With its name and that of its InfisicalAuth.
    pub fn document(&self, resource: &InfisicalSecret, name: &str, auth: &str) -> Value {
        let namespace = namespace(resource);
        let mut made = InfisicalStaticSecret::new(name, self.spec(&namespace, auth));
        made.metadata.namespace = Some(namespace);
        // Targets without metadata of their own get these.
        let labels: BTreeMap<_, _> = resource.labels().clone().into_iter().filter(|(name, _)| !is_tracking(name)).collect();
        let annotations: BTreeMap<_, _> = resource.annotations().clone().into_iter().filter(|(name, _)| stays(name)).collect();
        made.metadata.labels = (!labels.is_empty()).then_some(labels);
        made.metadata.annotations = (!annotations.is_empty()).then_some(annotations);
        document(&made)
    }
}

/// Annotations that mean the same on the new resource. Those of ours that ask for something once do not.
fn stays(annotation: &str) -> bool {
    let of_a_tool = is_tracking(annotation) || annotation.starts_with(HELM);
    let ours = annotation.starts_with(&format!("{GROUP}/")) && ![SUSPEND, COPY_TRACKING_KEYS].contains(&annotation);
    !(of_a_tool || ours)
}

/// Says what is left out, and what goes on.
fn metadata(resource: &InfisicalSecret) -> Vec<String> {
    let of_a_tool = |name: &&String| (is_tracking(name) || name.starts_with(HELM)) && !name.starts_with("kubectl.kubernetes.io/");
    let labels = resource.labels().keys().filter(|name| is_tracking(name));
    let left: Vec<_> = labels.chain(resource.annotations().keys().filter(of_a_tool)).map(String::as_str).collect();
    let is_set = |name: &str| resource.annotations().get(name).is_some_and(|value| value == "true");
    let mut comments = Vec::new();
    if !left.is_empty() {
        let copied = is_set(COPY_TRACKING_KEYS);
        let (attention, lose) = if copied { ("attention: ", ", and the targets lose them") } else { ("", "") };
        comments.push(format!(
            "{attention}{} left out: by them a tool knows what it manages, and it does not manage this object yet{lose}",
            left.join(", ")
        ));
    }
    if is_set(SUSPEND) {
        comments.push("Suspended, as the InfisicalSecret is.".into());
    }
    comments
}

/// Whether two specs of InfisicalStaticSecrets say the same but for what follows from the way that they are switched to: the policy
/// that is set to Orphan for it, and the name of the login.
pub(super) fn same_but_for_what_follows(one: &Value, other: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        if let Some(spec) = value.as_object_mut() {
            spec.remove("infisicalAuthRef");
        }
        let targets = value.get_mut("targets").and_then(Value::as_array_mut);
        targets.into_iter().flatten().filter_map(Value::as_object_mut).for_each(|target| drop(target.remove("creationPolicy")));
        value
    };
    same(&bare(one), &bare(other))
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

fn sync(spec: &InfisicalSecretSpec, comments: &mut Vec<String>) -> Result<SyncOptions, Refusal> {
    let (text, instant) = match &spec.sync_config {
        Some(sync) => (sync.resync_interval.text().filter(|text| !is_zero(text)).map(str::to_owned), sync.instant_updates),
        None => (spec.resync_interval.filter(|seconds| *seconds != 0).map(|seconds| format!("{seconds}s")), spec.instant_updates),
    };
    let instant = instant.filter(|instant| *instant);
    let text = match (text, instant) {
        (Some(text), _) => text,
        (None, None) => INTERVAL.to_owned(),
        (None, Some(_)) => {
            comments.push(format!(
                "attention: refreshInterval is {INSTANT_INTERVAL}, as without an interval while events come in; while none do, the \
                 InfisicalSecret is read every {INTERVAL}"
            ));
            INSTANT_INTERVAL.to_owned()
        }
    };
    interval::parse(&text).map_err(|error| format!("the interval: {error}"))?;
    Ok(SyncOptions { refresh_interval: Some(text), instant_updates: instant })
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
