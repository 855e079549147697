//! The objects to be kept, each checked so far that it is not written where it can't be.
use super::{
    CreationPolicy, Metadata, Planned, Target, TargetKind, Template,
    field::{self, fault},
    planned, template,
};
use crate::{
    cluster::Key,
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    reason,
};
use api::{
    names,
    text::Text,
    v1alpha1::{InfisicalSecretSpec, SecretTemplate, TemplateMetadata},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;
use std::{collections::BTreeMap, sync::Arc};

/// A target as the resource writes it, of either kind.
struct Written<'a> {
    kind: TargetKind,
    field: String,
    fields: [&'static str; 2],
    name: Option<&'a str>,
    namespace: Option<&'a str>,
    selector: Option<&'a LabelSelector>,
    secret_type: &'a str,
    policy: Option<&'a str>,
    template: Option<&'a SecretTemplate>,
}

/// The targets of a resource, in its order.
///
/// # Errors
/// There is none, or both forms are filled in.
pub fn targets(object: &ObjectRef, spec: &InfisicalSecretSpec, warnings: &mut Vec<Fault>) -> Result<Planned, Fault> {
    let written = written(object, spec)?;
    if written.is_empty() {
        let message = "no target; fill in spec.managedKubeSecretReferences, spec.managedKubeConfigMapReferences or \
                       spec.managedSecretReference";
        return Err(fault(object, reason::NO_TARGET, message));
    }
    let targets = written.iter().map(|written| planned::Written {
        field: written.field.clone(),
        named: named(Some(written.kind), written.namespace, written.name, written.selector),
        target: target(object, written, warnings),
    });
    Ok(Planned::of(object, targets))
}

/// The object that a target names, if it is a single one that can be.
pub(super) fn named(
    kind: Option<TargetKind>,
    namespace: Option<&str>,
    name: Option<&str>,
    selector: Option<&LabelSelector>,
) -> Option<Key> {
    let (kind, namespace, name) = (kind.filter(|_| selector.is_none())?, namespace?, name?);
    let can_be = names::namespace(namespace).is_ok() && names::object(name).is_ok();
    can_be.then(|| Key { kind, name: Name::new(namespace, name) })
}

fn written<'a>(object: &ObjectRef, spec: &'a InfisicalSecretSpec) -> Result<Vec<Written<'a>>, Fault> {
    let list = spec.managed_kube_secret_references.iter().flatten();
    let list = list.enumerate().map(|(index, secret)| (format!("spec.managedKubeSecretReferences[{index}]"), secret));
    // Objects that the peer wrote carry the single form with empty names.
    let single = spec.managed_secret_reference.as_ref();
    let single = single.filter(|secret| secret.secret_name.text().is_some() || secret.secret_namespace.text().is_some());
    let single = single.map(|secret| ("spec.managedSecretReference".to_owned(), secret));
    if single.is_some() && spec.managed_kube_secret_references.iter().flatten().next().is_some() {
        let message = "spec.managedSecretReference and spec.managedKubeSecretReferences are both filled in; move the first into the \
                       list";
        return Err(fault(object, reason::AMBIGUOUS_TARGET, message));
    }
    let secrets = single.into_iter().chain(list).map(|(field, secret)| Written {
        kind: TargetKind::Secret,
        field,
        fields: ["secretName", "secretNamespace"],
        name: secret.secret_name.text(),
        namespace: secret.secret_namespace.text(),
        selector: secret.namespace_selector.as_ref(),
        secret_type: secret.secret_type.text().unwrap_or_default(),
        policy: secret.creation_policy.text(),
        template: secret.template.as_ref(),
    });
    let maps = spec.managed_kube_config_map_references.iter().flatten().enumerate().map(|(index, map)| Written {
        kind: TargetKind::ConfigMap,
        field: format!("spec.managedKubeConfigMapReferences[{index}]"),
        fields: ["configMapName", "configMapNamespace"],
        name: map.config_map_name.text(),
        namespace: map.config_map_namespace.text(),
        selector: map.namespace_selector.as_ref(),
        secret_type: "",
        policy: map.creation_policy.text(),
        template: map.template.as_ref(),
    });
    Ok(secrets.chain(maps).collect())
}

fn target(object: &ObjectRef, written: &Written<'_>, warnings: &mut Vec<Fault>) -> Result<Target, Fault> {
    let [name_field, namespace_field] = written.fields.map(|name| format!("{}.{name}", written.field));
    let place = Place { field: &written.field, namespace: (written.namespace, &namespace_field), selector: written.selector };
    let (name, selector) = place.of(object, (written.name, &name_field))?;
    let policy = policy(object, &written.field, written.policy, &name, true, warnings)?;
    let place = format!("{}.template", written.field);
    let template = written.template.map(|written| template_of(object, &place, written, warnings)).transpose()?;
    let metadata = written.template.and_then(|template| template.metadata.as_ref());
    let metadata = metadata
        .map(|TemplateMetadata { labels, annotations }| {
            metadata_of(object, &format!("{place}.metadata"), labels.as_ref(), annotations.as_ref())
        })
        .transpose()?;
    // Where both are empty, the labels and annotations of the resource are copied.
    let metadata = metadata.filter(|metadata| !metadata.labels.is_empty() || !metadata.annotations.is_empty());
    Ok(Target {
        kind: written.kind,
        name,
        selector,
        field: written.field.clone(),
        secret_type: written.secret_type.into(),
        policy,
        template,
        metadata,
        labelled_once: false,
    })
}

/// In which namespace a target is, or in which.
pub(super) struct Place<'a> {
    pub field: &'a str,
    pub namespace: (Option<&'a str>, &'a str),
    pub selector: Option<&'a LabelSelector>,
}

impl Place<'_> {
    /// Name and selector, of which the one has a namespace where the other is missing.
    ///
    /// # Errors
    /// Both are filled in, or neither, or one can't be.
    pub fn of(&self, object: &ObjectRef, name: (Option<&str>, &str)) -> Result<(Name, Option<Arc<Selector>>), Fault> {
        let wrong = |message: String| fault(object, reason::INVALID_TARGET, message);
        let Some(selector) = self.selector else {
            return Ok((field::name(object, reason::INVALID_TARGET, self.namespace, name)?, None));
        };
        let place = format!("{}.namespaceSelector", self.field);
        if let (Some(namespace), field) = self.namespace {
            return Err(wrong(format!("{field} ({namespace:?}) and {place} are both filled in; keep one of them")));
        }
        let selector = Selector::try_from(selector.clone()).map_err(|error| {
            wrong(format!("{place}: {error}; an operator is In or NotIn with values, or Exists or DoesNotExist without"))
        })?;
        let (name, name_field) = (name.0.ok_or_else(|| wrong(format!("{} is empty; fill it in", name.1)))?, name.1);
        names::object(name).map_err(|error| wrong(format!("{name_field}: {error}")))?;
        Ok((Name::new("", name), Some(Arc::new(selector))))
    }
}

/// What becomes of a target when its resource goes. `elsewhere`: it may be owned in another namespace, too, by a selector; or what
/// is there decides, when it is written.
///
/// # Errors
/// An owner reference would reach across namespaces.
pub(super) fn policy(
    object: &ObjectRef,
    field: &str,
    written: Option<&str>,
    target: &Name,
    elsewhere: bool,
    warnings: &mut Vec<Fault>,
) -> Result<CreationPolicy, Fault> {
    match written {
        Some("Owner") if elsewhere || target.namespace == object.namespace => Ok(CreationPolicy::Owner),
        Some("Owner") => {
            let message = format!(
                "{field}.creationPolicy is Owner, but the target is in namespace {:?} and owner references don't reach across \
                 namespaces; use Orphan, or a target in {:?}",
                target.namespace, object.namespace
            );
            Err(fault(object, reason::OWNER_ELSEWHERE, message))
        }
        None | Some("Orphan") => Ok(CreationPolicy::Orphan),
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            let message = format!("{field}.creationPolicy is {other:?} and treated as Orphan; write Owner or Orphan");
            warnings.push(fault(object, reason::UNKNOWN_VALUE, message));
            Ok(CreationPolicy::Orphan)
        }
    }
}

/// How a template renders, by its fields.
///
/// # Errors
/// A key that can't be one; a value of `missingKey` that is none.
pub(super) fn template_of(object: &ObjectRef, place: &str, written: &SecretTemplate, warnings: &mut Vec<Fault>) -> Result<Template, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_TEMPLATE, format!("{place}{message}"));
    let entries = written.data.clone().unwrap_or_default();
    for key in entries.keys() {
        names::data_key(key).map_err(|error| wrong(format!(".data: {error}")))?;
    }
    let include_all = written.include_all_secrets.unwrap_or(false);
    if entries.is_empty() && !include_all {
        let message = format!("{place} has no data, so the target is empty; set includeAllSecrets to true or add data");
        warnings.push(Fault::new(reason::INVALID_TEMPLATE, Class::UserFix, format!("{object}: {message}")));
    }
    let (plugin, options) = template::Written {
        engine: written.engine.as_ref(),
        settings: written.engine_settings.as_ref(),
        missing_key: written.missing_key.as_ref(),
        bulk: false,
    }
    .engine(object, place)?;
    Ok(Template { plugin, dot: "infisical-secret", options, include_all, entries })
}

/// Labels and annotations of a target, which Kubernetes must take.
///
/// # Errors
/// A name or a value that can't be.
pub(super) fn metadata_of(
    object: &ObjectRef,
    place: &str,
    labels: Option<&BTreeMap<String, String>>,
    annotations: Option<&BTreeMap<String, String>>,
) -> Result<Metadata, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_TEMPLATE, format!("{place}{message}"));
    let (labels, annotations) = (labels.cloned().unwrap_or_default(), annotations.cloned().unwrap_or_default());
    for (key, value) in &labels {
        names::qualified(key).map_err(|error| wrong(format!(".labels: {error}")))?;
        names::label_value(value).map_err(|error| wrong(format!(".labels[{key:?}]: {error}")))?;
    }
    for key in annotations.keys() {
        names::qualified(key).map_err(|error| wrong(format!(".annotations: {error}")))?;
    }
    Ok(Metadata { labels, annotations })
}
