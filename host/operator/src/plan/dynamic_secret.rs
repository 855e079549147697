//! The plan of an InfisicalDynamicSecret.
use super::{
    Login, Settings, Target,
    field::{self, fault},
    login, scope, target,
};
use crate::{
    dereference::References,
    lease::Source,
    object::ObjectRef,
    outcome::{Fault, Stage},
    reason,
};
use api::{interval, text::Text, v1alpha1::InfisicalDynamicSecret};
use infisical::ProjectRef;
use std::{sync::Arc, time::Duration};

/// As Infisical's manual has it.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The plan for one resource.
pub struct DynamicPlan {
    pub login: Arc<Login>,
    pub source: Source,
    /// None: as the dynamic secret says.
    pub ttl: Option<Duration>,
    /// Leases are revoked when they are replaced and when the resource goes.
    pub revokes: bool,
    pub target: Target,
    /// Worth a warning, but no obstacle.
    pub warnings: Vec<Fault>,
}

/// The target of a resource, which follows from nothing else.
///
/// # Errors
/// As [`dynamic_secret`].
pub fn dynamic_target(resource: &InfisicalDynamicSecret) -> Result<Target, Fault> {
    written(&ObjectRef::of(resource), resource, &mut Vec::new())
}

/// What is to be done for a resource.
///
/// # Errors
/// The first thing in the resource, or in what it refers to, that a user has to mend, and at which step.
pub fn dynamic_secret(resource: &InfisicalDynamicSecret, found: &References, settings: &Settings) -> Result<DynamicPlan, (Stage, Fault)> {
    let object = ObjectRef::of(resource);
    let planning = |fault| (Stage::Plan, fault);
    let mut warnings = Vec::new();
    let target = written(&object, resource, &mut warnings).map_err(planning)?;
    let ttl = ttl(&object, resource).map_err(planning)?;
    let revokes = revokes(&object, resource, &mut warnings);
    let login = login::of(resource, found, settings, &mut warnings).map_err(|fault| (Stage::Credentials, fault))?;
    let source = dynamic_source(resource, &login.server.address.to_string()).map_err(planning)?;
    Ok(DynamicPlan { login: Arc::new(login), source, ttl, revokes, target, warnings })
}

/// Whether its leases are revoked, which decides on its finalizer before anything else is known.
#[must_use]
pub fn revokes_leases(resource: &InfisicalDynamicSecret) -> bool {
    revokes(&ObjectRef::of(resource), resource, &mut Vec::new())
}

/// The TTL of its leases, as far as the spec says a good one.
#[must_use]
pub fn lease_ttl(resource: &InfisicalDynamicSecret) -> Option<Duration> {
    ttl(&ObjectRef::of(resource), resource).ok().flatten()
}

fn written(object: &ObjectRef, resource: &InfisicalDynamicSecret, warnings: &mut Vec<Fault>) -> Result<Target, Fault> {
    const FIELD: &str = "spec.managedSecretReference";
    let reference = resource.spec.managed_secret_reference.as_ref();
    let reference = reference.ok_or_else(|| fault(object, reason::NO_TARGET, format!("{FIELD} is empty; name the Secret to be made")))?;
    if reference.template.is_some() {
        let message = format!("{FIELD}.template is not used: the Secret holds the credentials as the dynamic secret gives them; remove it");
        warnings.push(fault(object, reason::NOT_SERVED, message));
    }
    let name = field::name(
        object,
        reason::INVALID_TARGET,
        (reference.secret_namespace.text(), &format!("{FIELD}.secretNamespace")),
        (reference.secret_name.text(), &format!("{FIELD}.secretName")),
    )?;
    let policy = target::policy(object, FIELD, reference.creation_policy.text(), &name, false, warnings)?;
    Ok(Target {
        kind: super::TargetKind::Secret,
        name,
        selector: None,
        field: FIELD.to_owned(),
        secret_type: reference.secret_type.text().unwrap_or_default().to_owned(),
        policy,
        template: None,
        metadata: None,
        labelled_once: true,
    })
}

fn ttl(object: &ObjectRef, resource: &InfisicalDynamicSecret) -> Result<Option<Duration>, Fault> {
    let Some(text) = resource.spec.lease_ttl.text() else { return Ok(None) };
    let wrong = |problem: String| fault(object, reason::INVALID_INTERVAL, format!("spec.leaseTTL: {problem}"));
    let ttl = interval::parse(text).map_err(|error| wrong(error.to_string()))?;
    if ttl > LONGEST {
        let found: String = text.chars().take(32).collect();
        return Err(wrong(format!("{found:?} is too long; at most 1d, and less than the max TTL of the dynamic secret")));
    }
    Ok(Some(ttl))
}

fn revokes(object: &ObjectRef, resource: &InfisicalDynamicSecret, warnings: &mut Vec<Fault>) -> bool {
    match resource.spec.lease_revocation_policy.text() {
        Some("Revoke") => true,
        None | Some("None") => false,
        Some(other) => {
            let other: String = other.chars().take(64).collect();
            let message = format!("spec.leaseRevocationPolicy is {other:?} and treated as None; write Revoke or None");
            warnings.push(fault(object, reason::UNKNOWN_VALUE, message));
            false
        }
    }
}

/// The dynamic secret of a resource, at a server of that address.
///
/// # Errors
/// A field is missing, or can't be what it says.
pub fn dynamic_source(resource: &InfisicalDynamicSecret, server: &str) -> Result<Source, Fault> {
    const FIELD: &str = "spec.dynamicSecret";
    let object = ObjectRef::of(resource);
    let wrong = |message: String| fault(&object, reason::INVALID_SCOPE, format!("{FIELD}{message}"));
    let details = resource.spec.dynamic_secret.clone().unwrap_or_default();
    let name = details.secret_name.text().ok_or_else(|| wrong(".secretName is empty; name the dynamic secret".into()))?;
    let environment = details.environment_slug.text();
    let environment = environment.ok_or_else(|| wrong(".environmentSlug is empty; name an environment, for example prod".into()))?;
    let project = match (details.project_id.text(), details.project_slug.text()) {
        (Some(id), None) => ProjectRef::Id(id.to_owned()),
        (None, Some(slug)) => ProjectRef::Slug(slug.to_owned()),
        (None, None) => return Err(wrong(": neither projectId nor projectSlug is filled in; fill in one of them".into())),
        (Some(id), Some(slug)) => {
            return Err(wrong(format!(": projectId ({id:?}) and projectSlug ({slug:?}) are both filled in; keep one of them")));
        }
    };
    Ok(Source {
        server: server.to_owned(),
        project,
        environment: environment.to_owned(),
        path: scope::path(details.secrets_path.text()).map_err(|error| wrong(format!(".secretsPath: {error}")))?,
        name: name.to_lowercase(),
        namespace: details.kubernetes_namespace.text().map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::CreationPolicy;
    use serde_json::{Value, json};

    fn resource(spec: Value) -> InfisicalDynamicSecret {
        let object = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalDynamicSecret",
            "metadata": {"name": "a", "namespace": "n"}, "spec": spec,
        });
        serde_json::from_value(object).unwrap()
    }

    fn source(details: Value) -> Result<Source, Fault> {
        dynamic_source(&resource(json!({"dynamicSecret": details})), "https://a/api")
    }

    #[test]
    fn a_dynamic_secret_is_named_in_one_spelling() {
        let found =
            source(json!({"secretName": "DB", "projectId": "p1", "projectSlug": "", "environmentSlug": "dev", "secretsPath": "app/"}));
        let found = found.unwrap();
        assert_eq!((found.name.as_str(), found.path.as_str(), found.project), ("db", "/app", ProjectRef::Id("p1".into())));
    }

    #[test]
    fn what_is_missing_is_named_by_its_field() {
        let whole = json!({"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev"});
        for (change, part) in [
            (json!({"secretName": ""}), "spec.dynamicSecret.secretName is empty"),
            (json!({"environmentSlug": null}), "spec.dynamicSecret.environmentSlug is empty"),
            (json!({"projectSlug": ""}), "neither projectId nor projectSlug"),
            (json!({"projectId": "p1"}), "both filled in"),
            (json!({"secretsPath": "/a/../b"}), "spec.dynamicSecret.secretsPath"),
        ] {
            let mut details = whole.clone();
            details.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let fault = source(details).unwrap_err();
            assert!(fault.reason == "InvalidScope" && fault.message.contains(part), "{fault:?}");
        }
        assert_eq!(dynamic_target(&resource(json!({}))).unwrap_err().reason, "TargetMissing");
    }

    #[test]
    fn ttl_and_policy_are_optional_and_bounded() {
        let object = ObjectRef { kind: "InfisicalDynamicSecret", namespace: "n".into(), name: "a".into() };
        let of = |text: &str| ttl(&object, &resource(json!({"leaseTTL": text})));
        assert_eq!((of("").unwrap(), of("24h").unwrap(), of("5s").unwrap()), (None, Some(LONGEST), Some(Duration::from_secs(5))));
        for text in ["4s", "0m", "86401s", "1w", "soon"] {
            assert_eq!(of(text).unwrap_err().reason, "InvalidInterval", "{text}");
        }
        let policy = |text: &str| revokes_leases(&resource(json!({"leaseRevocationPolicy": text})));
        assert!(policy("Revoke") && !policy("None") && !policy("") && !policy("revoke"));
    }

    #[test]
    fn an_owner_reference_does_not_reach_across_namespaces() {
        let target = |namespace: &str| {
            let reference = json!({"secretName": "a", "secretNamespace": namespace, "creationPolicy": "Owner"});
            dynamic_target(&resource(json!({"managedSecretReference": reference})))
        };
        assert_eq!(target("other").unwrap_err().reason, "OwnerInOtherNamespace");
        let found = target("n").unwrap();
        assert!(found.labelled_once && found.policy == CreationPolicy::Owner);
    }
}
