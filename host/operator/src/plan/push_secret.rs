//! The plan of an InfisicalPushSecret.
use super::{
    Login, Settings, Template,
    field::{self, fault},
    login, scope, target,
};
use crate::{
    dereference::References,
    object::{Name, ObjectRef},
    outcome::{Fault, Stage},
    read::ReadRequest,
    reason,
};
use api::{
    interval,
    text::Text,
    v1alpha1::{GeneratorReference, InfisicalPushSecret, PushSecretSource},
    well_known::annotation::REGENERATE,
};
use infisical::ProjectRef;
use kube::ResourceExt;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Where the Secret is written, for messages.
pub const SOURCE: &str = "spec.push.secret";

/// What is to be done for one resource.
pub struct PushPlan {
    pub login: Arc<Login>,
    /// The folder.
    pub read: ReadRequest,
    /// Between two looks at it. None: only a change here is a cause to look.
    pub interval: Option<Duration>,
    /// Overwrite what differs.
    pub replace: bool,
    /// Delete what this resource wrote, when it is no longer wanted.
    pub delete: bool,
    pub source: Option<Source>,
    pub generators: Vec<Generated>,
    /// Value of the annotation that asks for fresh values.
    pub regenerate: Option<String>,
    /// Worth a warning, but no obstacle.
    pub warnings: Vec<Fault>,
}

/// A Secret whose keys are pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub secret: Name,
    pub template: Option<Template>,
}

/// A value to be generated.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Name of the secret in Infisical.
    pub key: String,
    /// Where its generator is named, for messages.
    pub place: String,
    pub reference: Option<GeneratorReference>,
}

/// What is to be done for a resource.
///
/// # Errors
/// The first thing in the resource, or in what its login refers to, that a user has to mend, and at which step.
pub fn push_secret(resource: &InfisicalPushSecret, found: &References, settings: &Settings) -> Result<PushPlan, (Stage, Fault)> {
    let object = ObjectRef::of(resource);
    let planning = |fault| (Stage::Plan, fault);
    let mut warnings = Vec::new();
    let source = source(&object, resource, settings, &mut warnings).map_err(planning)?;
    let generators = generators(&object, resource).map_err(planning)?;
    if source.is_none() && generators.is_empty() {
        let message = "spec.push names nothing to push; fill in spec.push.secret or spec.push.generators";
        return Err(planning(fault(&object, reason::INVALID_SPEC, message)));
    }
    let read = destination(&object, resource).map_err(planning)?;
    let interval = resource.spec.resync_interval.text().map(interval::parse).transpose();
    let wrong = |error| planning(fault(&object, reason::INVALID_INTERVAL, format!("spec.resyncInterval: {error}")));
    let interval = interval.map_err(wrong)?;
    let replace = policy(&object, "updatePolicy", resource.spec.update_policy.text(), "Replace", &mut warnings);
    let delete = deletes(resource, &mut warnings);
    let login = login::of(resource, found, settings, &mut warnings).map_err(|fault| (Stage::Credentials, fault))?;
    let regenerate = resource.annotations().get(REGENERATE).cloned();
    Ok(PushPlan { login: Arc::new(login), read, interval, replace, delete, source, generators, regenerate, warnings })
}

/// Whether what a resource wrote is deleted once it is no longer wanted.
pub fn deletes(resource: &InfisicalPushSecret, warnings: &mut Vec<Fault>) -> bool {
    policy(&ObjectRef::of(resource), "deletionPolicy", resource.spec.deletion_policy.text(), "Delete", warnings)
}

/// The Secret whose keys are pushed, which is to be looked up whatever else is wrong with the resource.
///
/// # Errors
/// A reference that can't be a name.
pub fn source_secret(resource: &InfisicalPushSecret) -> Result<Option<Name>, Fault> {
    written(resource).map(|written| secret_name(&ObjectRef::of(resource), written)).transpose()
}

/// Objects that the peer wrote may carry the block with empty names.
fn written(resource: &InfisicalPushSecret) -> Option<&PushSecretSource> {
    let written = resource.spec.push.as_ref()?.secret.as_ref()?;
    (written.secret_name.text().is_some() || written.secret_namespace.text().is_some()).then_some(written)
}

fn secret_name(object: &ObjectRef, written: &PushSecretSource) -> Result<Name, Fault> {
    let [name, namespace] = ["secretName", "secretNamespace"].map(|part| format!("{SOURCE}.{part}"));
    let parts = ((written.secret_namespace.text(), namespace.as_str()), (written.secret_name.text(), name.as_str()));
    field::name(object, reason::INVALID_SPEC, parts.0, parts.1)
}

fn source(
    object: &ObjectRef,
    resource: &InfisicalPushSecret,
    settings: &Settings,
    warnings: &mut Vec<Fault>,
) -> Result<Option<Source>, Fault> {
    let Some(written) = written(resource) else { return Ok(None) };
    let secret = secret_name(object, written)?;
    let place = format!("{SOURCE}.template");
    let template = written.template.as_ref().map(|template| target::template_of(object, &place, template, warnings)).transpose()?;
    if let Some(template) = &template {
        settings.may_use(object, &format!("{place}.engine"), &template.plugin)?;
    }
    Ok(Some(Source { secret, template }))
}

fn generators(object: &ObjectRef, resource: &InfisicalPushSecret) -> Result<Vec<Generated>, Fault> {
    let written = resource.spec.push.iter().flat_map(|push| push.generators.iter().flatten()).enumerate();
    let mut keys = BTreeSet::new();
    let generated = written.map(|(index, written)| {
        let place = format!("spec.push.generators[{index}]");
        let wrong = |message: String| fault(object, reason::INVALID_SPEC, format!("{place}.destinationSecretName{message}"));
        let key = written.destination_secret_name.text().ok_or_else(|| wrong(" is empty; name the secret in Infisical".into()))?;
        name(key).map_err(|problem| wrong(format!(": {problem}")))?;
        if !keys.insert(key.to_owned()) {
            return Err(wrong(format!(" is {key:?}, as is an earlier one; keep one of them")));
        }
        Ok(Generated { key: key.to_owned(), place: format!("{place}.generatorRef"), reference: written.generator_ref.clone() })
    });
    generated.collect()
}

/// Whether Infisical takes a name.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn name(key: &str) -> Result<(), String> {
    if key.is_empty() || matches!(key, "." | "..") || key.contains([':', '/']) {
        let found: String = key.chars().take(64).collect();
        return Err(format!("{found:?} can't be the name of a secret in Infisical, which has no colon and no slash; choose another"));
    }
    Ok(())
}

fn destination(object: &ObjectRef, resource: &InfisicalPushSecret) -> Result<ReadRequest, Fault> {
    let wrong = |message: String| fault(object, reason::INVALID_SCOPE, format!("spec.destination{message}"));
    let written = resource.spec.destination.clone().unwrap_or_default();
    let project = match (written.project_id.text(), written.project_slug.text()) {
        (Some(id), None) => ProjectRef::Id(id.into()),
        (None, Some(slug)) => ProjectRef::Slug(slug.into()),
        (None, None) => return Err(wrong(": neither projectId nor projectSlug is filled in; fill in one of them".into())),
        (Some(id), Some(slug)) => {
            return Err(wrong(format!(": projectId ({id:?}) and projectSlug ({slug:?}) are both filled in; keep one of them")));
        }
    };
    let environment = written.environment_slug.text();
    let environment = environment.ok_or_else(|| wrong(".environmentSlug is empty; name an environment, for example prod".into()))?;
    let path = written.secrets_path.text().ok_or_else(|| wrong(".secretsPath is empty; name a folder, for example /".into()))?;
    Ok(ReadRequest {
        project,
        environment: environment.into(),
        path: scope::path(Some(path)).map_err(|error| wrong(format!(".secretsPath: {error}")))?,
        recursive: false,
        // What is compared is what is stored.
        expand_references: false,
        include_imports: false,
        tags: Vec::new(),
        secret: None,
    })
}

/// Whether a policy has the one value that has a meaning.
fn policy(object: &ObjectRef, field: &str, written: Option<&str>, meaning: &str, warnings: &mut Vec<Fault>) -> bool {
    match written {
        Some(found) if found == meaning => true,
        None | Some("None") => false,
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            let message = format!("spec.{field} is {other:?} and treated as None; write {meaning} or None");
            warnings.push(fault(object, reason::UNKNOWN_VALUE, message));
            false
        }
    }
}
