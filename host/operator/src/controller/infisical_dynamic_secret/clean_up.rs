//! What is done for an InfisicalDynamicSecret that is being deleted: its leases are revoked where its policy says so, and only
//! then our finalizer goes.
//!
//! The login is that of the resource itself, at its own server. Where its credentials went with it, the session that is still
//! open is used. What can't be revoked holds the resource, and it says so; a lease that has ended by itself holds nothing.
use super::{Ended, FINALIZER, planned, uid, work};
use crate::{
    controller::{Context, finalizer},
    lease::{Ledger, Source, calls, ledger, of_version},
    object::ObjectRef,
    outcome::{Fault, Outcome, Stage, failed},
    plan,
    session::{Session, SessionError},
};
use api::{text::Text, v1alpha1::InfisicalDynamicSecret};
use infisical::LeasePlace;
use jiff::Timestamp;
use std::sync::Arc;

/// A lease that is to be revoked.
struct Owed {
    id: String,
    expires: Option<Timestamp>,
    place: LeasePlace,
}

/// None: done, or nothing of ours.
pub async fn clean_up(resource: &InfisicalDynamicSecret, object: &ObjectRef, context: &Context) -> Option<Ended> {
    let requests = context.cluster.requests();
    if finalizer::has(resource, FINALIZER) {
        if plan::revokes_leases(resource)
            && let Err(ended) = revoke_all(resource, object, context).await
        {
            return Some(ended);
        }
        if let Err(fault) = finalizer::remove(requests, resource, FINALIZER).await {
            return Some(failed(Stage::Apply, None)(fault).into());
        }
    }
    context.purse.forget(object);
    context.release(object);
    None
}

async fn revoke_all(resource: &InfisicalDynamicSecret, object: &ObjectRef, context: &Context) -> Result<(), Ended> {
    let now = work::fetch(context, object).await.map_err(failed(Stage::Dereference, None))?;
    let Some(now) = now.filter(|now| uid(now) == uid(resource)) else { return Ok(()) };
    let mut ledger = Ledger::of(now.status.as_ref());
    let time = context.clock.date();
    let open_until = ledger.open_until(plan::lease_ttl(&now)).filter(|until| *until > time);
    if open_until.is_none() {
        ledger.requested = None;
    }
    // Made by this process, and not recorded yet.
    let made = context.purse.get(object, &uid(resource)).and_then(|known| known.held.clone());
    if let Some(made) = made.filter(|made| ledger.lease.as_ref().is_none_or(|lease| lease.id != made.id)) {
        ledger = Ledger { requested: ledger.requested, ..ledger.with(made, true, time) };
    }
    let lives = ledger.lease.as_ref().is_some_and(|lease| lease.expires > time);
    if !lives && ledger.superseded.iter().all(|lease| lease.is_over(time)) && ledger.requested.is_none() {
        return Ok(());
    }
    let planned = planned(resource, object, context).await;
    let login = planned.as_ref().map(|plan| &plan.login).map_err(|outcome| stays(object, outcome.clone()));
    let session = context.last_session(object, login)?;
    let source = plan::dynamic_source(resource, &session.server()).map_err(|fault| stays(object, failed(Stage::Plan, None)(fault)))?;
    let mut owed = owed(object, &session, &source, &ledger, time).await?;
    let mut holds = None;
    if let Some(until) = open_until {
        match strays(resource, &session, &source, &ledger, time).await {
            Ok(strays) => owed.extend(strays),
            Err(error) => {
                let stage = error.stage();
                let fault = unlisted(object, until, error.into());
                holds = Some(Ended { outcome: failed(stage, None)(fault), next: Some(until) });
            }
        }
    }
    // What can be revoked is, whatever holds the rest.
    for lease in &owed {
        match calls::revoke(&session, &lease.place, &lease.id).await {
            Ok(_) => tracing::info!(%object, lease = lease.id, "revoked a lease"),
            Err(error) => {
                let stage = error.stage();
                let fault = held(object, lease, error.into());
                holds = Some(Ended { outcome: failed(stage, None)(fault), next: lease.expires });
            }
        }
    }
    if let Some(ended) = holds {
        return Err(ended);
    }
    let Ok(target) = plan::dynamic_target(resource) else { return Ok(()) };
    let is_over = |version: &str| of_version(version).is_some_and(|id| owed.iter().any(|lease| lease.id == id));
    context.targets.empty(&target, is_over).await.map_err(failed(Stage::Apply, None))?;
    Ok(())
}

fn stays(object: &ObjectRef, outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed { stage, fault, method } => {
            let message = format!(
                "{}; {object} stays until its leases are revoked or have ended, or until the finalizer {FINALIZER} is removed by hand",
                fault.message
            );
            Outcome::Failed { stage, fault: Fault { message, ..fault }, method }
        }
        other => other,
    }
}

/// The leases that are recorded and live.
async fn owed(object: &ObjectRef, session: &Arc<Session>, source: &Source, ledger: &Ledger, now: Timestamp) -> Result<Vec<Owed>, Ended> {
    let refused = |error: SessionError| Ended::from(stays(object, failed(error.stage(), None)(error.into())));
    let lease = ledger.lease.iter().map(|lease| (&lease.id, Some(lease.expires), &lease.source));
    let before = ledger.superseded.iter().map(|lease| (&lease.id, lease.expires, &lease.source));
    let mut owed = Vec::new();
    for (id, expires, from) in lease.chain(before) {
        if expires.is_some_and(|end| end <= now) {
            continue;
        }
        let place = match from {
            None => Some(calls::place(session, source).await.map_err(refused)?),
            Some(from) => calls::recorded_place(session, from).await,
        };
        match place {
            Some(place) => owed.push(Owed { id: id.clone(), expires, place }),
            None => {
                let server = from.as_ref().and_then(|from| from.server.text()).unwrap_or_default();
                tracing::warn!(%object, lease = id, server, "a lease at a server where the resource no longer logs in ends by itself");
            }
        }
    }
    Ok(owed)
}

/// Leases whose making was cut off.
async fn strays(
    resource: &InfisicalDynamicSecret,
    session: &Arc<Session>,
    source: &Source,
    ledger: &Ledger,
    now: Timestamp,
) -> Result<Vec<Owed>, SessionError> {
    let place = calls::place(session, source).await?;
    let listed = match calls::list(session, source, &place).await {
        Err(error) if calls::has_none(&error) => Vec::new(),
        listed => listed?,
    };
    let strays = ledger::strays(&listed, &uid(resource), ledger, None).into_iter();
    let end = |lease| ledger::times(lease, &ledger.made(now)).1;
    Ok(strays.map(|lease| Owed { id: lease.id.clone(), expires: Some(end(lease)), place: place.clone() }).collect())
}

fn unlisted(object: &ObjectRef, until: Timestamp, fault: Fault) -> Fault {
    let message = format!(
        "could not look for a lease whose making was cut off: {}; {object} stays until the server lists the leases, until {until}, when \
         such a lease has ended, or until the finalizer {FINALIZER} is removed by hand",
        fault.message
    );
    Fault { message, ..fault }
}

fn held(object: &ObjectRef, owed: &Owed, fault: Fault) -> Fault {
    let end = owed.expires.map_or_else(String::new, |end| format!(" or has ended at {end}"));
    let message = format!(
        "could not revoke lease {}: {}; {object} stays until it is revoked{end}, or until the finalizer {FINALIZER} is removed by hand",
        owed.id, fault.message
    );
    Fault { message, ..fault }
}
