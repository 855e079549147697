//! InfisicalDynamicSecret: a lease, kept alive, and its credentials as a Secret.
//!
//! 1. Dereference and plan, as for every kind; our finalizer goes on where leases are to be revoked.
//! 2. Session: take the access token of its identity.
//! 3. Hand: the credentials that are known, in this process or in the Secret.
//! 4. Decide, without any client: keep, renew, replace.
//! 5. Lease: do so at the server. Before a lease is made, that is recorded.
//! 6. Apply: credentials and lease id go into the Secret in one write.
//! 7. Record the lease in the status, beside the one that it replaces.
//! 8. Reload: restart the workloads that follow the Secret, if its lease is another one.
//! 9. Settle: revoke what was replaced, and take it off the record.
//!
//! A step that fails leaves the credentials as they are, in the Secret too: they are good until their lease ends, and the fault
//! says until when. Whatever is done at the server follows from the status as the API server has it, not as the watch shows it.
mod clean_up;
mod work;

use super::{Context, Follow, finalizer, suspend, sync::panicked};
use crate::{
    dereference,
    lease::{Credentials, Hand, Held, LATE, Ledger, Reason, Situation, Step, decide},
    object::ObjectRef,
    outcome::{Class, Done, Fault, Outcome, Stage, failed},
    plan::{self, DynamicPlan, Owner},
    reason,
    reload::Followed,
    report::{Reported, Said, said},
    rights::Blind,
    target::{Applied, Change, key},
    trigger::Trigger,
};
use api::{
    v1alpha1::InfisicalDynamicSecret,
    well_known::{annotation, finalizer::DYNAMIC_SECRET as FINALIZER},
};
use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp as Time};
use kube::{ResourceExt, runtime::controller::Action};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};
use work::Work;

/// A resource that is due is looked at no more often than this: clocks differ, and a second is nothing to a lease.
const SOONEST: Duration = Duration::from_secs(1);

/// As long as a session waits after a refused login.
const AGAIN_AFTER_FAULT: Duration = Duration::from_secs(60);

/// Tells the shared parts of resources that come and go.
#[derive(Clone)]
pub struct Leaser(pub Arc<Context>);

impl Follow<InfisicalDynamicSecret> for Leaser {
    /// Its target is claimed as soon as it is seen.
    fn seen(&mut self, resource: &InfisicalDynamicSecret) {
        if let Ok(target) = plan::dynamic_target(resource) {
            self.0.targets.declare(&Owner::of(resource), &[target]);
        }
    }

    fn gone(&mut self, object: ObjectRef) {
        self.0.forget(&object);
    }
}

impl Reported for InfisicalDynamicSecret {
    fn said(&self, outcome: &Outcome, _: &[Condition], _: Time) -> Vec<Said> {
        said::dynamic_secret::said(outcome)
    }
}

/// How a pass ended, and when the next one is due if nothing happens before.
struct Ended {
    outcome: Outcome,
    next: Option<Timestamp>,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, next: None }
    }
}

/// Reconciles one resource and reports how it ended.
pub async fn reconcile(resource: Arc<InfisicalDynamicSecret>, context: Arc<Context>) -> Action {
    let began = Instant::now();
    let object = ObjectRef::of(&*resource);
    let trigger = context.triggers.take(&object);
    if resource.metadata.deletion_timestamp.is_none()
        && let Some(rest) = suspend::hold(&*resource, &object, &context).await
    {
        return rest;
    }
    let ended = async {
        if resource.metadata.deletion_timestamp.is_some() {
            return clean_up::clean_up(&resource, &object, &context).await;
        }
        Some(pass(&resource, &object, &context, trigger).await.unwrap_or_else(|ended| ended))
    };
    // A panic would end all queues at once.
    let ended = AssertUnwindSafe(ended).catch_unwind().await.unwrap_or_else(|_| Some(panicked().into()));
    let Some(Ended { outcome, next }) = ended else { return Action::await_change() };
    // Where leases are to be revoked, the session is kept: the credentials may be the next to go, and then the resource.
    if !plan::revokes_leases(&resource) {
        context.release_if_unplanned(&object, &outcome);
    }
    let written = context.reports.report(&*resource, &object, &outcome, began.elapsed()).await;
    // A refusal may be over long before the lease is, and nobody tells; whoever waits longer may let it end.
    let again = match &outcome {
        Outcome::Failed { .. } => Some(context.wait_within(AGAIN_AFTER_FAULT, &object, &outcome, &written)),
        _ => context.wait(&object, &outcome, &written),
    };
    soonest(again, next, context.clock.date()).map_or_else(Action::await_change, Action::requeue)
}

/// A failure has its own clock, and the lease goes on by its own: whichever is first.
fn soonest(again: Option<Duration>, next: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let due = next.map(|next| Duration::try_from(next.duration_since(now)).unwrap_or_default().max(SOONEST));
    again.into_iter().chain(due).min()
}

async fn planned(resource: &InfisicalDynamicSecret, object: &ObjectRef, context: &Context) -> Result<DynamicPlan, Outcome> {
    context.cluster.begin(object);
    let found = dereference::resource(&context.cluster, resource, &context.settings).await;
    context.cluster.end(object);
    let found = found.map_err(failed(Stage::Credentials, None))?;
    plan::dynamic_secret(resource, &found, &context.settings).map_err(|(stage, fault)| failed(stage, None)(fault))
}

async fn pass(resource: &InfisicalDynamicSecret, object: &ObjectRef, context: &Context, trigger: Option<Trigger>) -> Result<Ended, Ended> {
    let work = begin(resource, object, context).await?;
    let mut hand = work.hand().await?;
    let mut ledger = Ledger::of(resource.status.as_ref());
    let looked = trigger.is_some_and(|trigger| trigger.not_before.is_some());
    let (mut fault, mut cut_off, mut warnings) = (None, None, Vec::new());
    let is_kept = matches!(step(&work, &ledger, hand.as_deref()), Step::Keep { .. });
    if !is_kept || !is_settled(&ledger, hand.as_deref()) || looked {
        let mut record = work.record().await?;
        cut_off = record.ledger.requested;
        fault = lease(&work, &mut record, &mut hand, looked).await.err();
        (ledger, warnings) = (record.ledger, record.warnings);
    }
    let Some(hand) = hand else { return Err(fault.unwrap_or_else(|| changed(object)).into()) };
    // Whatever fails from here on, the lease is renewed when that is due.
    let next = due(&work, &ledger, &hand);
    let after = |outcome| Ended { outcome, next };
    let applied = match (work.apply(&hand).await, fault) {
        (Ok(applied), None) => applied,
        (Ok(_), Some(fault)) => return Err(after(work.with_end(fault, &ledger, &hand))),
        (Err(outcome), fault) => return Err(after(fault.unwrap_or(outcome))),
    };
    keep(&work, ledger, &hand, applied, cut_off, warnings).await.map_err(after)
}

/// When the lease is to be looked after, if that is later than now.
fn due(work: &Work<'_>, ledger: &Ledger, hand: &Credentials) -> Option<Timestamp> {
    match step(work, ledger, Some(hand)) {
        Step::Keep { until } => Some(until),
        _ => None,
    }
}

/// What comes before the first look at the lease.
async fn begin<'a>(resource: &InfisicalDynamicSecret, object: &'a ObjectRef, context: &'a Context) -> Result<Work<'a>, Outcome> {
    let plan = planned(resource, object, context).await?;
    let owner = Owner::of(resource);
    context.targets.declare(&owner, std::slice::from_ref(&plan.target));
    if plan.revokes {
        let added = finalizer::add(context.cluster.requests(), resource, FINALIZER).await;
        added.map_err(failed(Stage::BeforeLogin, None))?.ok_or_else(|| changed(object))?;
    }
    let session = context.session(object, &plan.login)?;
    Ok(Work { context, object, owner, generation: resource.metadata.generation, plan, session })
}

/// What comes after the Secret holds the credentials: record, reload, settle. `cut_off` is since when an earlier try to make a
/// lease has not been heard of.
async fn keep(
    work: &Work<'_>,
    mut ledger: Ledger,
    hand: &Credentials,
    applied: Applied,
    cut_off: Option<Timestamp>,
    mut warnings: Vec<Fault>,
) -> Result<Ended, Outcome> {
    let now = work.now();
    let cut_off = cut_off.filter(|since| now < *since + LATE);
    let unrecorded = hand.held.as_ref().filter(|held| ledger.lease.as_ref().is_none_or(|lease| lease.id != held.id));
    if let Some(held) = unrecorded {
        ledger = work.write(&Ledger { requested: cut_off, ..ledger.with(held.clone(), work.plan.revokes, now) }).await?;
    } else if ledger.requested != cut_off {
        ledger = work.write(&Ledger { requested: cut_off, ..ledger }).await?;
    }
    work.prune().await?;
    let target = &work.plan.target;
    let followed = Followed {
        kind: target.kind,
        name: &target.name,
        version: &applied.version,
        data_changed: applied.data_changed,
        noted_at_first_sight: true,
    };
    let reloaded = work.context.reloader.reload(&[followed]).await;
    // Workloads that could not be restarted go on with the credentials of before, which end: nothing else brings them back here
    // in time.
    if let Some(fault) = reloaded.faults.into_iter().next() {
        let fault = Fault { class: Class::Transient, ..fault };
        return Err(failed(Stage::Reload, Some(&work.plan.login.method))(fault));
    }
    warnings.extend(work.plan.warnings.iter().cloned());
    warnings.extend(work.session.notices().iter().map(|notice| Fault::new("PluginNotice", Class::UserFix, notice.as_str())));
    warnings.extend(applied.warning);
    let (ledger, settled) = work.settle(ledger, &mut warnings).await?;
    let until = due(work, &ledger, hand).unwrap_or_else(|| work.now());
    let done = Done {
        method: work.plan.login.method.clone(),
        secrets: hand.data.len(),
        workloads: reloaded.followers,
        restarted: reloaded.restarted,
        blind: Blind { targets: work.context.cluster.blind_to(std::iter::once(key(target))), workloads: reloaded.unseen },
        warnings,
    };
    let wrote = unrecorded.is_some() || applied.change != Change::Unchanged || done.restarted > 0;
    let outcome = if wrote { Outcome::Synced(done) } else { Outcome::Unchanged(done) };
    let late = cut_off.map(|since| since + LATE);
    Ok(Ended { outcome, next: [until].into_iter().chain(settled).chain(late).min() })
}

/// The resource was changed while it was looked at: the watch will say so.
fn changed(object: &ObjectRef) -> Outcome {
    let message = format!("{object} was changed meanwhile; it is looked at again");
    Outcome::Waiting(Fault::new(reason::WRITE_CONFLICT, Class::Transient, message))
}

fn step(work: &Work<'_>, ledger: &Ledger, hand: Option<&Credentials>) -> Step {
    decide(&Situation {
        wanted: &work.plan.source,
        ttl: work.plan.ttl,
        reroll: work.owner.annotations.get(annotation::REROLL).map(String::as_str),
        ledger,
        hand: hand.map(|hand| Hand { id: &hand.id, held: hand.held.as_ref(), end: hand.end }),
        now: work.now(),
    })
}

/// Whether the status says all that is so, and nothing that is still to be done.
fn is_settled(ledger: &Ledger, hand: Option<&Credentials>) -> bool {
    let recorded = ledger.lease.as_ref().map(|lease| lease.id.as_str());
    ledger.requested.is_none() && ledger.superseded.is_empty() && recorded == hand.map(|hand| hand.id.as_str())
}

/// Does at the server what is to be done.
async fn lease(work: &Work<'_>, record: &mut work::Record, hand: &mut Option<Arc<Credentials>>, looked: bool) -> Result<(), Outcome> {
    if record.ledger.requested.is_some() {
        work.sweep(record, hand.as_deref()).await?;
    }
    let mut next = step(work, &record.ledger, hand.as_deref());
    if let (Step::LookAt, Some(found)) = (next, hand.as_ref()) {
        *hand = work.look_at(record, found).await?;
        next = step(work, &record.ledger, hand.as_deref());
    }
    if next == Step::Replace(Reason::Moved) && work.goes_by_another_name(record).await? {
        next = step(work, &record.ledger, hand.as_deref());
    }
    if let (Step::Keep { .. }, true, Some(found)) = (next, looked, hand.as_ref())
        && !work.lives(&found.id).await?
    {
        next = Step::Replace(Reason::Gone);
    }
    if let (Step::Renew, Some(found)) = (next, hand.as_ref())
        && !work.renew(record, found).await?
    {
        next = Step::Replace(Reason::Refused);
    }
    if let Step::Replace(reason) = next {
        // The only trace of one that could not be recorded.
        if let Some(held) = hand.as_ref().and_then(|hand| hand.held.as_ref())
            && record.ledger.lease.as_ref().is_none_or(|lease| lease.id != held.id)
        {
            record.ledger = record.ledger.leaving(held, work.plan.revokes, work.now());
        }
        let made = work.make(record, reason).await?;
        *hand = Some(Arc::clone(&made));
        // Each pass would make another one.
        if let Step::Replace(_) = step(work, &record.ledger, Some(&made)) {
            // Those of earlier tries go meanwhile; what can't be revoked now stays on record.
            if let Ok((settled, _)) = work.settle(record.ledger.clone(), &mut record.warnings).await {
                record.ledger = settled;
            }
            return Err(work.over(&made));
        }
    }
    Ok(())
}

/// Its uid, by which its leases are known.
fn uid(resource: &InfisicalDynamicSecret) -> String {
    resource.uid().unwrap_or_default()
}

/// The end of what is at hand.
fn end_of(held: Option<&Held>, own: Option<Timestamp>) -> Option<Timestamp> {
    held.map(|held| held.expires).into_iter().chain(own).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_sleep_over_the_renewal() {
        let now = Timestamp::UNIX_EPOCH;
        let at = |second| Timestamp::from_second(second).ok();
        let wait = |again: Option<u64>, next| soonest(again.map(Duration::from_secs), next, now).map(|wait| wait.as_secs());
        assert_eq!((wait(Some(64), at(40)), wait(Some(2), at(40))), (Some(40), Some(2)));
        assert_eq!((wait(Some(64), None), wait(None, at(40)), wait(None, None)), (Some(64), Some(40), None));
        // What is over already is not asked for without end.
        assert_eq!(wait(None, at(-5)), Some(SOONEST.as_secs()));
    }
}
