//! What is to be written, from the object as it is and as it is to be. Pure.
//!
//! Promised: foreign labels, annotations, finalizers and owner references are carried over; the data is compared value by
//! value; an object that a peer wrote for the same resource and data needs no write.
use super::{
    metadata::{Copied, wanted},
    object::{Object, same_data},
    ownership, volatile,
};
use crate::{
    outcome::{Class, Fault},
    plan::{Desired, Owner, Target, TargetKind},
    reason,
};
use api::well_known::annotation;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The type of a Secret that names none.
const OPAQUE: &str = "Opaque";

/// What is to be done.
pub(crate) enum Step {
    Nothing,
    Create(Object),
    /// Carries the resourceVersion that was compared.
    Replace(Object),
}

/// The result of a comparison.
pub(crate) struct Compared {
    pub step: Step,
    /// Whether the values differ, and not only what surrounds them.
    pub data_changed: bool,
    /// Value of the version annotation once this is done.
    pub version: String,
    /// To be remembered: the target has volatile values and no note of what they were made of.
    pub remember: Option<String>,
    /// Works, but should be mended.
    pub warning: Option<Fault>,
}

/// Compares. `remembered` as for [`volatile::settle`].
pub(crate) fn compare(
    live: Option<&Object>,
    owner: &Owner,
    target: &Target,
    desired: &Desired,
    remembered: Option<&str>,
) -> Result<Compared, Fault> {
    if let Some(live) = live {
        ownership::judge(live, owner, target)?;
    }
    let owned_in_vain = target.is_owned_in_vain(&owner.object.namespace);
    if live.is_none() && owned_in_vain {
        return Err(ownership::in_vain(owner, target));
    }
    let settled = volatile::settle(live, owner, desired, remembered);
    let references = ownership::owner_references(live, owner, target.is_owned_by_reference(&owner.object.namespace));
    let remember = settled.digest.clone().filter(|_| settled.unwritten);
    let clean = wanted(live, owner, target, &settled.version, Copied::Clean);
    let Some(live) = live else {
        let mut annotations = clean.annotations;
        annotations.extend(settled.digest.map(|digest| (annotation::INPUTS.to_owned(), digest)));
        let metadata = ObjectMeta {
            name: Some(target.name.name.clone()),
            namespace: Some(target.name.namespace.clone()),
            labels: Some(clean.labels),
            annotations: Some(annotations),
            owner_references: Some(references),
            ..ObjectMeta::default()
        };
        let secret_type = (target.kind == TargetKind::Secret).then(|| secret_type(target).to_owned());
        let object = Object { metadata, data: settled.data, secret_type, immutable: None };
        let step = Step::Create(object);
        return Ok(Compared { step, data_changed: true, version: settled.version, remember: None, warning: None });
    };
    let data_changed = !same_data(&live.data, &settled.data);
    if data_changed && live.immutable == Some(true) {
        return Err(immutable(target));
    }
    let in_vain = owned_in_vain.then(|| ownership::left_behind(owner, target));
    let warning = type_warning(live, target).or(in_vain);
    let noted = live.annotation(annotation::INPUTS);
    let noted_right = settled.digest.is_none() || settled.unwritten || noted == settled.digest.as_deref();
    let mut peers = wanted(Some(live), owner, target, &settled.version, Copied::AsThePeer);
    if ownership::is_unversioned(live, owner, target) {
        peers.annotations.remove(annotation::VERSION);
    }
    let unchanged = !data_changed
        && noted_right
        && references == live.metadata.owner_references.clone().unwrap_or_default()
        && (is_as(live, &clean) || is_as(live, &peers));
    if unchanged {
        return Ok(Compared { step: Step::Nothing, data_changed, version: settled.version, remember, warning });
    }
    let mut annotations = clean.annotations;
    annotations.remove(annotation::INPUTS);
    annotations.extend(settled.digest.map(|digest| (annotation::INPUTS.to_owned(), digest)));
    let mut object = live.clone();
    object.data = settled.data;
    object.metadata.labels = Some(clean.labels);
    object.metadata.annotations = Some(annotations);
    object.metadata.owner_references = Some(references);
    // The server's own notes: they are not ours to send back.
    object.metadata.managed_fields = None;
    Ok(Compared { step: Step::Replace(object), data_changed, version: settled.version, remember: None, warning })
}

/// Whether labels and annotations are so, whatever is noted of volatile values.
fn is_as(live: &Object, wanted: &super::metadata::Wanted) -> bool {
    let labels = live.metadata.labels.as_ref().map_or(wanted.labels.is_empty(), |labels| *labels == wanted.labels);
    let others = |pair: &(&String, &String)| pair.0 != annotation::INPUTS;
    let annotations = live.metadata.annotations.iter().flatten().filter(others);
    labels && annotations.eq(wanted.annotations.iter().filter(others))
}

fn secret_type(target: &Target) -> &str {
    if target.secret_type.is_empty() { OPAQUE } else { &target.secret_type }
}

/// A Secret's type can't be changed. Its data is kept up to date all the same: deleting it is for its user to decide.
fn type_warning(live: &Object, target: &Target) -> Option<Fault> {
    let wanted = secret_type(target);
    let found = live.secret_type.as_deref().filter(|found| !found.is_empty()).unwrap_or(OPAQUE);
    if target.kind != TargetKind::Secret || found == wanted {
        return None;
    }
    let Target { field, name, .. } = target;
    let message = format!(
        "{field}.secretType: Secret {name} has the type {found}, and a Secret's type can't be changed to {wanted}: its data is kept \
         up to date with the type it has; delete it to have it made anew, or set secretType: {found}"
    );
    Some(Fault::new(reason::SECRET_TYPE_IMMUTABLE, Class::UserFix, message))
}

fn immutable(target: &Target) -> Fault {
    let Target { field, kind, name, .. } = target;
    let message = format!("{field}: {kind} {name} is immutable and its data is out of date: delete it to have it made anew, not immutable");
    Fault::new(reason::TARGET_IMMUTABLE, Class::UserFix, message)
}

#[cfg(test)]
mod tests;
