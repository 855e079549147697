//! What is done for an InfisicalPushSecret that is being deleted: what it wrote is taken away where its policy says so, and only
//! then our finalizer goes.
//!
//! As long as that fails, or waits for an approval, or a write that was cut off may still arrive, the resource stays and says so;
//! with the policy None it goes at once. A request to create something that nobody has approved yet holds nothing up, since
//! Infisical does not tell when it is rejected: it is said in an Event that it is still open. The login is that of the resource
//! itself, at its own server.
use super::{Ended, ended, gone};
use crate::{
    controller::{Context, finalizer},
    dereference,
    object::ObjectRef,
    outcome::{Class, Fault, Outcome, Stage, failed},
    plan::{self, Owner, PushPlan},
    push::{Kind, left, memory::Kept, record::Place},
    reason,
    report::said,
    session::SessionError,
};
use api::{v1alpha1::InfisicalPushSecret, well_known::finalizer::PUSH_SECRET};

/// Takes away what it wrote, then the finalizer.
pub async fn clean_up(resource: &InfisicalPushSecret, object: &ObjectRef, context: &Context, kept: &mut Kept) -> Ended {
    if kept.record.is_to_be_undone()
        && plan::deletes(resource, &mut Vec::new())
        && let Err(outcome) = taken_away(resource, object, context, kept).await
    {
        return outcome.into();
    }
    match finalizer::remove(context.cluster.requests(), resource, PUSH_SECRET).await {
        Ok(()) => gone(),
        Err(mut fault) => {
            // Nothing else will wake it.
            fault.class = Class::Transient;
            failed(Stage::Apply, None)(fault).into()
        }
    }
}

async fn taken_away(resource: &InfisicalPushSecret, object: &ObjectRef, context: &Context, kept: &mut Kept) -> Result<(), Outcome> {
    let names: Vec<_> = kept.record.names().into_iter().chain(kept.record.pending.keys().cloned()).collect();
    let held = |outcome| held(object, &names, outcome);
    let by_session = |error: SessionError| held(failed(error.stage(), None)(error.into()));
    let planned = planned(resource, object, context).await;
    let session = context.last_session(object, planned.as_ref().map(|plan| &plan.login).map_err(Clone::clone)).map_err(&held)?;
    let place = match (kept.record.pushed_to.clone(), planned) {
        (Some(place), _) if place.host != session.server() => {
            tracing::warn!(%object, place.host, "what was pushed stays at a server that the resource no longer names");
            return Ok(());
        }
        (Some(place), _) => place,
        // As the peer recorded it.
        (None, Ok(PushPlan { read, .. })) => {
            let project_id = session.project_id(&read.project).await.map_err(by_session)?;
            Place { host: session.server(), project_id, environment: read.environment, path: read.path }
        }
        (None, Err(_)) => {
            let message = "nothing tells to which folder it pushed, and its spec can't be planned";
            return Err(held(failed(Stage::Plan, None)(Fault::new(reason::INVALID_SPEC, Class::UserFix, message))));
        }
    };
    let taken = left::take(&session, &Owner::of(resource), &place, kept, &context.pushes, context.clock.date()).await;
    let taken = taken.map_err(by_session)?;
    if let Some((stage, fault)) = taken.fault {
        return Err(held(failed(stage, None)(fault)));
    }
    if !kept.record.awaited(Kind::Delete).is_empty() {
        let fault = ended::pending(object, kept);
        let message = format!("{}; it is deleted after that, or set spec.deletionPolicy to None to leave them there", fault.message);
        return Err(Outcome::Waiting(Fault { message, ..fault }));
    }
    if let Some(fault) = ended::cut_off(object, kept, "it is not deleted") {
        return Err(Outcome::Waiting(fault));
    }
    let creations = kept.record.awaited(Kind::Create);
    if !creations.is_empty() {
        context.reports.warn(resource, &ended::left_open(object, kept, &creations)).await;
    }
    Ok(())
}

/// Its Secret and its generators may be gone already, and are not needed.
async fn planned(resource: &InfisicalPushSecret, object: &ObjectRef, context: &Context) -> Result<PushPlan, Outcome> {
    context.cluster.begin(object);
    let found = dereference::resource(&context.cluster, resource, &context.settings).await;
    context.cluster.end(object);
    let found = found.map_err(failed(Stage::Credentials, None))?;
    plan::push_secret(resource, &found, &context.settings).map_err(|(stage, fault)| failed(stage, None)(fault))
}

fn held(object: &ObjectRef, names: &[String], outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { stage, fault, method } => {
            let message = format!(
                "{object}: it is deleted as soon as {} are deleted in Infisical, which failed: {}; mend that, or set \
                 spec.deletionPolicy to None to leave them there",
                said::push_secret::listed(names),
                fault.message
            );
            Outcome::Failed { stage, fault: Fault { message, ..fault }, method }
        }
        other => other,
    }
}
