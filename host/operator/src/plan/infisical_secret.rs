//! The plan of an InfisicalSecret.
use super::{
    Dialect, Plan, Planned, Settings,
    field::fault,
    login::{self, LogsIn},
    scope, server,
    settings::{INSTANT_INTERVAL, INTERVAL},
    target,
};
use crate::{
    dereference::References,
    object::ObjectRef,
    outcome::{Fault, Stage},
    reason,
};
use api::{
    interval::{self, IntervalError},
    text::Text,
    v1alpha1::{InfisicalSecret, InfisicalSecretSpec},
};
use std::{sync::Arc, time::Duration};

/// The targets of a resource, which follow from nothing else.
///
/// # Errors
/// It names none, or in both forms.
pub fn targets(resource: &InfisicalSecret) -> Result<Planned, Fault> {
    target::targets(&ObjectRef::of(resource), &resource.spec, &mut Vec::new())
}

/// What is to be done for a resource.
///
/// # Errors
/// The first thing in the resource, or in what it refers to, that a user has to mend, and at which step.
pub fn infisical_secret(resource: &InfisicalSecret, found: &References, settings: &Settings) -> Result<Plan, (Stage, Fault)> {
    let object = ObjectRef::of(resource);
    let spec = &resource.spec;
    let planning = |fault| (Stage::Plan, fault);
    let logging_in = |fault| (Stage::Credentials, fault);
    let mut warnings = deprecated(&object, spec);
    let planned = target::targets(&object, spec, &mut warnings).map_err(planning)?;
    let Planned { targets, faulty } = planned.granted(&object, settings, "engine").some().map_err(planning)?;
    let interval = interval(&object, spec, &mut warnings);
    let block = login::choose(resource, found, &mut warnings).map_err(logging_in)?;
    let read = scope::read(&object, &block).map_err(planning)?;
    let server = server::server(&resource.server(&object), found, settings).map_err(logging_in)?;
    let login = login::login(&object, &block, server, found, settings).map_err(logging_in)?;
    let reads = vec![read];
    let instant = instant(spec).is_some_and(|field| scope::instant(&object, field, &reads, &mut warnings));
    Ok(Plan {
        dialect: Dialect::InfisicalSecret,
        login: Arc::new(login),
        reads,
        targets,
        faulty,
        interval: interval.unwrap_or(INTERVAL),
        instant: instant.then_some(interval.unwrap_or(INSTANT_INTERVAL)),
        warnings,
    })
}

/// `syncConfig` replaces the deprecated fields wherever it is there, even empty. Zero is what the peer writes for nothing. None:
/// the user names none.
///
/// The peer takes its default for what is no interval, so a resource with such a one works: it goes on, with a warning.
fn interval(object: &ObjectRef, spec: &InfisicalSecretSpec, warnings: &mut Vec<Fault>) -> Option<Duration> {
    let (field, written) = match &spec.sync_config {
        Some(sync) => ("spec.syncConfig.resyncInterval", sync.resync_interval.text().map(interval::parse)),
        None => ("spec.resyncInterval", spec.resync_interval.map(interval::of_seconds)),
    };
    let (error, used) = match written? {
        Ok(interval) => return Some(interval),
        Err(IntervalError::Zero(_)) => return None,
        Err(error @ IntervalError::TooShort(_)) => (error, Some(interval::SHORTEST)),
        Err(error) => (error, None),
    };
    let instead = if used.is_some() { "5s is used" } else { "the default of 60s is used" };
    warnings.push(fault(object, reason::INVALID_INTERVAL, format!("{field}: {error}; until then {instead}")));
    used
}

/// Where events are asked for, if they are.
fn instant(spec: &InfisicalSecretSpec) -> Option<&'static str> {
    let (wanted, field) = match &spec.sync_config {
        Some(sync) => (sync.instant_updates, "spec.syncConfig.instantUpdates"),
        None => (spec.instant_updates, "spec.instantUpdates"),
    };
    (wanted == Some(true)).then_some(field)
}

fn deprecated(object: &ObjectRef, spec: &InfisicalSecretSpec) -> Vec<Fault> {
    let sync = spec.sync_config.as_ref();
    let token = spec.token_secret_reference.as_ref().is_some_and(|old| old.secret_name.text().is_some());
    let fields = [
        (spec.resync_interval.is_some_and(|seconds| seconds != 0), "spec.resyncInterval", "spec.syncConfig.resyncInterval"),
        (spec.instant_updates == Some(true), "spec.instantUpdates", "spec.syncConfig.instantUpdates"),
        (token, "spec.tokenSecretReference", "spec.authentication.serviceToken"),
    ];
    let used = fields.into_iter().filter(|(used, ..)| *used);
    used.map(|(_, field, successor)| {
        let replaced =
            if sync.is_some() && successor.starts_with("spec.syncConfig") { " and spec.syncConfig is used in its place" } else { "" };
        fault(object, reason::DEPRECATED, format!("{field} is deprecated{replaced}; use {successor}"))
    })
    .collect()
}
