//! Resources that their owner has suspended by annotation.
//!
//! Promised: no read, no login, no repair, no restart, and no session held, until the annotation is taken away; then the
//! next pass begins with a fresh read, as after any change by a user. What the last pass said stays, and one condition says that
//! this is so. The targets stay claimed, so that no other resource takes them meanwhile. Deletion is done as ever, so a kind asks
//! here after it has looked for that.
use super::Context;
use crate::{object::ObjectRef, report::Reported};
use api::well_known::annotation::SUSPEND;
use kube::{Resource, ResourceExt, runtime::controller::Action};

/// Whether nothing is to be done for the resource. Only `"true"` counts.
#[must_use]
pub fn is_suspended<K: Resource>(resource: &K) -> bool {
    resource.annotations().get(SUSPEND).is_some_and(|value| value == "true")
}

/// For a resource that is suspended, lets go of what is held for it and says so; what a reconcile is to return then. None: it
/// is not.
pub async fn hold<K: Reported>(resource: &K, object: &ObjectRef, context: &Context) -> Option<Action> {
    if !is_suspended(resource) {
        return None;
    }
    context.release(object);
    let said = context.reports.suspended(resource, object).await;
    Some(context.rest(object, &said))
}
