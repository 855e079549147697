//! The plan of an InfisicalStaticSecret.
use super::{Dialect, Login, Plan, Planned, Settings, Target, TargetKind, Template, field::fault, planned, scope, target, template};
use crate::{object::ObjectRef, outcome::Fault, read::ReadRequest, reason};
use api::{
    interval, names,
    text::Text,
    v1beta1::{InfisicalStaticSecret, StaticSource, StaticTarget, StaticTemplate},
};
use infisical::ProjectRef;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Where one template makes all keys of a target, it is known by this name.
const BULK: &str = "template.data";

/// What is to be done for a resource, with the login that its InfisicalAuth gives.
///
/// # Errors
/// The first thing in the resource that a user has to mend.
pub fn static_secret(resource: &InfisicalStaticSecret, login: Login, settings: &Settings) -> Result<Plan, Fault> {
    let object = ObjectRef::of(resource);
    let mut warnings = Vec::new();
    let interval = interval(&object, resource)?;
    let reads = reads(&object, resource)?;
    let Planned { targets, faulty } = written(&object, resource, &mut warnings)?.granted(&object, settings, "engineVersion").some()?;
    // Its interval is always the user's own.
    let wanted = resource.spec.sync_options.as_ref().and_then(|sync| sync.instant_updates) == Some(true);
    let instant = wanted && scope::instant(&object, "spec.syncOptions.instantUpdates", &reads, &mut warnings);
    let instant = instant.then_some(interval);
    Ok(Plan { dialect: Dialect::StaticSecret, login: Arc::new(login), reads, targets, faulty, interval, instant, warnings })
}

/// The targets of a resource, which follow from nothing else.
///
/// # Errors
/// It names none.
pub fn static_targets(resource: &InfisicalStaticSecret) -> Result<Planned, Fault> {
    written(&ObjectRef::of(resource), resource, &mut Vec::new())
}

fn interval(object: &ObjectRef, resource: &InfisicalStaticSecret) -> Result<Duration, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_INTERVAL, format!("spec.syncOptions.refreshInterval{message}"));
    let written = resource.spec.sync_options.as_ref().and_then(|sync| sync.refresh_interval.text());
    let written = written.ok_or_else(|| wrong(" is empty; write how often to read, for example 60s".into()))?;
    interval::parse(written).map_err(|error| wrong(format!(": {error}")))
}

fn reads(object: &ObjectRef, resource: &InfisicalStaticSecret) -> Result<Vec<ReadRequest>, Fault> {
    let sources = resource.spec.sources.as_deref().unwrap_or_default();
    if sources.is_empty() {
        return Err(fault(object, reason::INVALID_SCOPE, "spec.sources is empty; name at least one folder to read"));
    }
    sources.iter().enumerate().map(|(index, source)| read(object, &format!("spec.sources[{index}]"), source)).collect()
}

fn read(object: &ObjectRef, place: &str, source: &StaticSource) -> Result<ReadRequest, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_SCOPE, format!("{place}{message}"));
    let project = match (source.project_id.text(), source.project_slug.text()) {
        (Some(id), None) => ProjectRef::Id(id.into()),
        (None, Some(slug)) => ProjectRef::Slug(slug.into()),
        (None, None) => return Err(wrong(": neither projectId nor projectSlug is filled in; fill in one of them".into())),
        (Some(id), Some(slug)) => {
            return Err(wrong(format!(": projectId ({id:?}) and projectSlug ({slug:?}) are both filled in; keep one of them")));
        }
    };
    let environment = source.environment_slug.text();
    let environment = environment.ok_or_else(|| wrong(".environmentSlug is empty; name an environment, for example prod".into()))?;
    let path = source.secret_path.text().ok_or_else(|| wrong(".secretPath is empty; name a folder, for example /".into()))?;
    Ok(ReadRequest {
        project,
        environment: environment.into(),
        path: scope::path(Some(path)).map_err(|error| wrong(format!(".secretPath: {error}")))?,
        recursive: source.recursive.unwrap_or(false),
        expand_references: true,
        include_imports: true,
        tags: scope::tags(source.tag_slugs.as_deref().unwrap_or_default()),
        secret: None,
    })
}

fn written(object: &ObjectRef, resource: &InfisicalStaticSecret, warnings: &mut Vec<Fault>) -> Result<Planned, Fault> {
    let written = resource.spec.targets.as_deref().unwrap_or_default();
    if written.is_empty() {
        return Err(fault(object, reason::NO_TARGET, "spec.targets is empty; name at least one Secret or ConfigMap"));
    }
    let targets = written.iter().enumerate().map(|(index, written)| {
        let field = format!("spec.targets[{index}]");
        let named =
            target::named(kind_of_target(written), written.namespace.text(), written.name.text(), written.namespace_selector.as_ref());
        planned::Written { named, target: target_of(object, field.clone(), written, warnings), field }
    });
    Ok(Planned::of(object, targets))
}

fn kind_of_target(written: &StaticTarget) -> Option<TargetKind> {
    match written.kind.text() {
        Some("Secret") => Some(TargetKind::Secret),
        Some("ConfigMap") => Some(TargetKind::ConfigMap),
        _ => None,
    }
}

fn target_of(object: &ObjectRef, place: String, written: &StaticTarget, warnings: &mut Vec<Fault>) -> Result<Target, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_TARGET, format!("{place}{message}"));
    let [name_field, namespace_field] = ["name", "namespace"].map(|part| format!("{place}.{part}"));
    let own = written.namespace_selector.is_none().then_some(object.namespace.as_str());
    let namespace = (written.namespace.text().or(own), namespace_field.as_str());
    let named = target::Place { field: &place, namespace, selector: written.namespace_selector.as_ref() };
    let (name, selector) = named.of(object, (written.name.text(), name_field.as_str()))?;
    let kind = kind_of_target(written).ok_or_else(|| {
        let found: String = written.kind.text().unwrap_or_default().chars().take(64).collect();
        wrong(format!(".kind is {found:?}; write Secret or ConfigMap"))
    })?;
    let secret_type = written.secret_type.text().unwrap_or_default();
    if kind == TargetKind::ConfigMap && !secret_type.is_empty() {
        return Err(wrong(format!(".secretType is {secret_type:?}, but a ConfigMap has no type; remove it, or make kind Secret")));
    }
    let policy = target::policy(object, &place, written.creation_policy.text(), &name, true, warnings)?;
    let template = written.template.as_ref().map(|written| template_of(object, &format!("{place}.template"), written)).transpose()?;
    let metadata = written
        .metadata
        .as_ref()
        .map(|written| target::metadata_of(object, &format!("{place}.metadata"), written.labels.as_ref(), written.annotations.as_ref()));
    let metadata = metadata.transpose()?;
    Ok(Target { kind, name, selector, field: place, secret_type: secret_type.into(), policy, template, metadata, labelled_once: false })
}

fn template_of(object: &ObjectRef, place: &str, written: &StaticTemplate) -> Result<Template, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_TEMPLATE, format!("{place}{message}"));
    match written.engine_version.text() {
        Some("v1") => {}
        other => {
            let found: String = other.unwrap_or_default().chars().take(64).collect();
            return Err(wrong(format!(".engineVersion is {found:?}; write v1")));
        }
    }
    let entries = match &written.data {
        Value::String(text) => BTreeMap::from([(BULK.to_owned(), text.clone())]),
        Value::Object(members) => members
            .iter()
            .map(|(key, text)| {
                names::data_key(key).map_err(|error| wrong(format!(".data: {error}")))?;
                let text = text.as_str().ok_or_else(|| wrong(format!(".data[{key:?}] is {}; write a template as text", kind_of(text))))?;
                Ok((key.clone(), text.to_owned()))
            })
            .collect::<Result<_, Fault>>()?,
        other => {
            return Err(wrong(format!(".data is {}; write an object of templates, or one template as text", kind_of(other))));
        }
    };
    let (plugin, options) = template::Written {
        engine: written.engine.as_ref(),
        settings: written.engine_settings.as_ref(),
        missing_key: written.missing_key.as_ref(),
        bulk: written.data.is_string(),
    }
    .engine(object, place)?;
    Ok(Template { plugin, dot: "static-secret", options, include_all: false, entries })
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "missing",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
