//! The objects to be kept, checked so far that nothing is written where one of them can't be.
use super::{
    CreationPolicy, Metadata, Target, TargetKind, Template,
    field::{self, fault},
    settings::TEMPLATE,
};
use crate::{
    object::ObjectRef,
    outcome::{Class, Fault},
    reason,
};
use api::{
    names,
    text::Text,
    v1alpha1::{InfisicalSecretSpec, SecretTemplate, TemplateMetadata},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A target as the resource writes it, of either kind.
struct Written<'a> {
    kind: TargetKind,
    field: String,
    fields: [&'static str; 2],
    name: Option<&'a str>,
    namespace: Option<&'a str>,
    secret_type: &'a str,
    policy: Option<&'a str>,
    template: Option<&'a SecretTemplate>,
}

/// The targets of a resource, in its order.
///
/// # Errors
/// None, both forms, one twice, or one that can't be; the first that is wrong.
pub fn targets(object: &ObjectRef, spec: &InfisicalSecretSpec, warnings: &mut Vec<Fault>) -> Result<Vec<Target>, Fault> {
    let written = written(object, spec)?;
    if written.is_empty() {
        let message = "no target; fill in spec.managedKubeSecretReferences, spec.managedKubeConfigMapReferences or \
                       spec.managedSecretReference";
        return Err(fault(object, reason::NO_TARGET, message));
    }
    let mut seen = BTreeMap::new();
    let mut targets: Vec<Target> = Vec::with_capacity(written.len());
    for written in written {
        let target = target(object, &written, warnings)?;
        if let Some(first) = seen.insert((target.kind, target.name.clone()), written.field.clone()) {
            let message = format!("{first} and {} are both {} {}; keep one of them", written.field, target.kind, target.name);
            return Err(fault(object, reason::AMBIGUOUS_TARGET, message));
        }
        targets.push(target);
    }
    Ok(targets)
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
        secret_type: "",
        policy: map.creation_policy.text(),
        template: map.template.as_ref(),
    });
    Ok(secrets.chain(maps).collect())
}

fn target(object: &ObjectRef, written: &Written<'_>, warnings: &mut Vec<Fault>) -> Result<Target, Fault> {
    let [name_field, namespace_field] = written.fields.map(|name| format!("{}.{name}", written.field));
    let name = field::name(object, reason::INVALID_TARGET, (written.namespace, &namespace_field), (written.name, &name_field))?;
    let policy = policy(object, written, warnings);
    if policy == CreationPolicy::Owner && name.namespace != object.namespace {
        let message = format!(
            "{}.creationPolicy is Owner, but the target is in namespace {:?} and owner references don't reach across namespaces; use \
             Orphan, or a target in {:?}",
            written.field, name.namespace, object.namespace
        );
        return Err(fault(object, reason::OWNER_ELSEWHERE, message));
    }
    let place = format!("{}.template", written.field);
    let template = written.template.map(|written| template(object, &place, written, warnings)).transpose()?;
    let metadata = written.template.and_then(|template| template.metadata.as_ref());
    let metadata = metadata.map(|written| metadata_of(object, &place, written)).transpose()?.flatten();
    Ok(Target {
        kind: written.kind,
        name,
        field: written.field.clone(),
        secret_type: written.secret_type.into(),
        policy,
        template,
        metadata,
    })
}

fn policy(object: &ObjectRef, written: &Written<'_>, warnings: &mut Vec<Fault>) -> CreationPolicy {
    match written.policy {
        Some("Owner") => CreationPolicy::Owner,
        None | Some("Orphan") => CreationPolicy::Orphan,
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            let message = format!("{}.creationPolicy is {other:?} and treated as Orphan; write Owner or Orphan", written.field);
            warnings.push(fault(object, reason::UNKNOWN_VALUE, message));
            CreationPolicy::Orphan
        }
    }
}

fn template(object: &ObjectRef, place: &str, written: &SecretTemplate, warnings: &mut Vec<Fault>) -> Result<Template, Fault> {
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
    let mut options = json!({ "missing-key": "error" });
    let mut plugin = TEMPLATE.to_owned();
    if let Some(written) = &written.plugin {
        plugin = written.name.text().ok_or_else(|| wrong(".plugin.name is empty; name a template plugin".into()))?.into();
        if let (Value::Object(options), Some(given)) = (&mut options, &written.settings) {
            options.extend(given.clone());
        }
    }
    Ok(Template { plugin, dot: "infisical-secret", options, include_all, entries })
}

/// None where both are empty: then the labels and annotations of the resource are copied.
fn metadata_of(object: &ObjectRef, place: &str, written: &TemplateMetadata) -> Result<Option<Metadata>, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_TEMPLATE, format!("{place}.metadata{message}"));
    let (labels, annotations) = (written.labels.clone().unwrap_or_default(), written.annotations.clone().unwrap_or_default());
    for (key, value) in &labels {
        names::qualified(key).map_err(|error| wrong(format!(".labels: {error}")))?;
        names::label_value(value).map_err(|error| wrong(format!(".labels[{key:?}]: {error}")))?;
    }
    for key in annotations.keys() {
        names::qualified(key).map_err(|error| wrong(format!(".annotations: {error}")))?;
    }
    Ok((!labels.is_empty() || !annotations.is_empty()).then_some(Metadata { labels, annotations }))
}
