//! What a reconcile does of a kind that keeps targets in step with what it reads.
//!
//! 1. Dereference: read all that it refers to in the cluster, once.
//! 2. Plan: decide, without any client.
//! 3. Session: take the access token of its identity, shared with all that have the same.
//! 4. Read: take the last result of its folder, shared too, or have it read.
//! 5. Render each target by its template plugin.
//! 6. Apply: create or replace what differs, then remove what it no longer names.
//! 7. Reload: restart the workloads that follow what changed.
//!
//! A target that fails holds no other up. Each step's fault says at which stage it came, and leaves the targets as they were.
use super::{Context, Follow, finalizer, suspend};
use crate::{
    cluster::Key,
    object::ObjectRef,
    outcome::{Class, Done, Fault, Outcome, Stage, failed},
    plan::{
        CreationPolicy, Desired, Dialect, Owner, Plan, Planned, Target, TargetKind,
        spread::{Placed, Spread},
    },
    read::{Pace, ReadError},
    reason,
    reload::Followed,
    render::{self, Source},
    report::{Reported, StatusWrite},
    rights::Blind,
    target::{Applied, Change, key},
    trigger::Wish,
};
use futures::{FutureExt, future::join_all};
use kube::runtime::controller::Action;
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// Of very old versions of the Go operator. It serves nothing, but keeps a resource from being deleted.
const LEGACY_FINALIZER: &str = "secrets.finalizers.infisical.com";

/// On a resource that owns targets by a selector: garbage collection does not reach other namespaces.
const TARGETS_FINALIZER: &str = "secrets.infisical.com/targets";

/// Of Kubernetes, on what is deleted without its dependents.
const ORPHAN_FINALIZER: &str = "orphan";

/// Faults of targets that are told at once.
const SHOWN: usize = 3;

/// A kind that keeps targets in step with what it reads.
pub trait Synced: Reported + Send + Sync + 'static {
    /// The targets that it names, which follow from nothing else.
    ///
    /// # Errors
    /// It names none.
    fn targets(&self) -> Result<Planned, Fault>;

    /// What is to be done for it, with all that it refers to.
    ///
    /// # Errors
    /// The stage that failed, and why.
    fn plan(&self, context: &Context) -> impl Future<Output = Result<Plan, (Stage, Fault)>> + Send;
}

/// Tells the shared parts of resources that come and go.
#[derive(Clone)]
pub struct Follower(pub Arc<Context>);

impl<K: Synced> Follow<K> for Follower {
    /// Targets are claimed as soon as a resource is seen, so that after a start the older of two claimants is still first; those that
    /// can't be kept as they are written, too. Its reconcile says why.
    fn seen(&mut self, resource: &K) {
        if let Ok(planned) = resource.targets() {
            let places = self.0.known_places(&ObjectRef::of(resource), &planned);
            self.0.targets.declare_spread(&Owner::of(resource), &places);
        }
    }

    fn gone(&mut self, object: ObjectRef) {
        self.0.forget(&object);
    }
}

/// Reconciles one resource and reports how it ended.
pub async fn reconcile<K: Synced>(resource: Arc<K>, context: Arc<Context>) -> Action {
    let began = Instant::now();
    let object = ObjectRef::of(&*resource);
    let mut wish = context.triggers.wish(&object);
    if resource.meta().deletion_timestamp.is_some() {
        return deleting(&*resource, &object, &context).await;
    }
    if let Some(rest) = suspend::hold(&*resource, &object, &context).await {
        return rest;
    }
    // A panic would end all queues at once.
    let pass = AssertUnwindSafe(pass(&*resource, &object, &context, &mut wish)).catch_unwind().await;
    let outcome = pass.unwrap_or_else(|_| Err(panicked())).unwrap_or_else(|failed| failed);
    wish.end(&context.triggers, &object);
    context.release_if_unplanned(&object, &outcome);
    let written = context.reports.report(&*resource, &object, &outcome, began.elapsed()).await;
    context.next(&object, &outcome, &written)
}

async fn pass<K: Synced>(resource: &K, object: &ObjectRef, context: &Context, wish: &mut Wish) -> Result<Outcome, Outcome> {
    let owner = Owner::of(resource);
    context.cluster.begin(object);
    let plan = resource.plan(context).await;
    context.cluster.end(object);
    let plan = plan.map_err(|(stage, fault)| failed(stage, None)(fault))?;
    let method = plan.login.method.as_str();
    let spread = context.places(object, &plan.targets, &plan.faulty).await;
    context.targets.declare_spread(&owner, &spread);
    let targets = spread.targets();
    let Spread { placed, faults: misplaced, unknown: _, held: _, warnings: places } = spread;
    let Read { source, notices, stale } = read(object, context, &plan, wish).await?;
    let owns_elsewhere = plan.targets.iter().any(|target| target.selector.is_some() && target.policy == CreationPolicy::Owner);
    if owns_elsewhere {
        let added = finalizer::add(context.cluster.requests(), resource, TARGETS_FINALIZER).await;
        if added.map_err(failed(Stage::Apply, Some(method)))?.is_none() {
            let message = format!("{object} is being deleted");
            return Err(Outcome::Waiting(Fault::new(reason::DELETED, Class::Transient, message)));
        }
    }
    let mut rendered = render_all(&plan.targets, context, &source, &object.namespace).await;
    let remarks: Vec<_> = rendered.iter_mut().flatten().flat_map(|desired| std::mem::take(&mut desired.notices)).collect();
    let applied = apply_all(&owner, &placed, &rendered, plan.interval, context).await;
    let (applied, fault) = settle(applied, misplaced, method);
    // A target that failed may be the successor of the one to be removed.
    let (pruned, unpruned) = match &fault {
        None => match prune(resource, &owner, &targets, owns_elsewhere, context).await {
            Ok(pruned) => (pruned, None),
            Err(fault) => (Vec::new(), Some(failed(Stage::Apply, Some(method))(fault))),
        },
        Some(_) => (Vec::new(), None),
    };
    let followed: Vec<_> = applied
        .iter()
        // The peer's InfisicalSecret restarts for Secrets alone.
        .filter(|(target, _)| target.kind == TargetKind::Secret || plan.dialect == Dialect::StaticSecret)
        .map(|(target, applied)| Followed {
            kind: target.kind,
            name: &target.name,
            version: &applied.version,
            data_changed: applied.data_changed,
            // The peer's InfisicalStaticSecret notes only what it restarts.
            noted_at_first_sight: plan.dialect == Dialect::InfisicalSecret,
        })
        .collect();
    let reloaded = context.reloader.reload(&followed).await;
    if let Some(outcome) = stale.or(fault).or(unpruned) {
        return Err(outcome);
    }
    if let Some(fault) = reloaded.faults.into_iter().next() {
        return Err(failed(Stage::Reload, Some(method))(fault));
    }
    let written = !pruned.is_empty() || applied.iter().any(|(_, applied)| applied.change != Change::Unchanged);
    let done = Done {
        method: method.to_owned(),
        secrets: source.merged.len(),
        workloads: reloaded.followers,
        restarted: reloaded.restarted,
        blind: Blind { targets: context.cluster.blind_to(targets.iter().map(key)), workloads: reloaded.unseen },
        warnings: plan
            .warnings
            .iter()
            .cloned()
            .chain(places)
            .chain(notices)
            .chain(remarks)
            .chain(applied.into_iter().filter_map(|(_, applied)| applied.warning))
            .chain(reloaded.warnings)
            .collect(),
    };
    Ok(if written || done.restarted > 0 { Outcome::Synced(done) } else { Outcome::Unchanged(done) })
}

pub(super) fn panicked() -> Outcome {
    let message = "reconciling panicked; the log of the operator says where: report this";
    failed(Stage::Plan, None)(Fault::new("InternalError", Class::Bug, message))
}

/// Deletes what is owned and no longer named; a resource that owns nothing elsewhere needs no finalizer after that.
async fn prune<K: Synced>(
    resource: &K,
    owner: &Owner,
    targets: &[Target],
    owns_elsewhere: bool,
    context: &Context,
) -> Result<Vec<Key>, Fault> {
    let pruned = context.targets.prune(owner, targets).await?;
    // What is not known to be left elsewhere is still to be looked for.
    if !owns_elsewhere && context.targets.sees_all() {
        finalizer::remove(context.cluster.requests(), resource, TARGETS_FINALIZER).await?;
    }
    Ok(pruned)
}

/// What the targets are to hold.
struct Read {
    source: Source,
    /// What the plugin of the login has to say.
    notices: Vec<Fault>,
    /// Some of the source can't be read now: of that it is the last good one, by which a target is repaired all the same.
    stale: Option<Outcome>,
}

async fn read(object: &ObjectRef, context: &Context, plan: &Plan, wish: &mut Wish) -> Result<Read, Outcome> {
    let method = Some(plan.login.method.as_str());
    let session = context.session(object, &plan.login)?;
    let keys = context.reads.subscribe(object, &session, &plan.reads, Pace { interval: plan.interval, live: plan.instant });
    let not_before = wish.not_before();
    let all = join_all(keys.iter().map(|key| context.reads.get(object, key, not_before))).await;
    let (mut snapshots, mut stale) = (Vec::with_capacity(keys.len()), None);
    for (key, got) in keys.iter().zip(all) {
        let outcome = match got {
            Ok(snapshot) => {
                snapshots.push(snapshot);
                continue;
            }
            Err(ReadError::Pending(fault)) => Outcome::Waiting(fault),
            Err(ReadError::Failed { stage, fault }) => failed(stage, method)(plan.login.placed(stage, fault)),
        };
        match context.reads.last(key) {
            Some(snapshot) => snapshots.push(snapshot),
            None => {
                // What it followed was read by another login, or not with all of its sources.
                context.instant.leave(object);
                return Err(outcome);
            }
        }
        // A failure says more than that an answer is awaited.
        if stale.is_none() || matches!(outcome, Outcome::Failed { .. }) {
            stale = Some(outcome);
        }
    }
    if stale.is_none() {
        wish.met();
    }
    if plan.instant.is_some() {
        let followed: Vec<_> = keys.into_iter().zip(snapshots.iter().cloned()).collect();
        context.instant.follow(object, &session, &followed, not_before.is_some() && stale.is_none()).await;
    } else {
        context.instant.leave(object);
    }
    let of_plugin = session.notices();
    let of_plugin = of_plugin.iter().map(|notice| Fault::new("PluginNotice", Class::UserFix, notice.as_str()));
    let notices = of_plugin.chain(context.instant.notice(object)).collect();
    Ok(Read { source: Source::of(plan.dialect, &snapshots), notices, stale })
}

type Rendering = Result<Desired, (Stage, Fault)>;

async fn render_all(targets: &[Target], context: &Context, source: &Source, namespace: &str) -> Vec<Rendering> {
    let mut all = Vec::with_capacity(targets.len());
    for target in targets {
        let desired = render::desired(&context.runtime, target, source, namespace).await;
        all.push(desired.map_err(|fault| (Stage::Render, fault)));
    }
    all
}

type Application<'a> = (&'a Target, Result<Applied, (Stage, Fault)>);

/// What was rendered once for a target is applied wherever it is to be.
async fn apply_all<'a>(
    owner: &Owner,
    placed: &'a [Placed],
    rendered: &[Rendering],
    interval: Duration,
    context: &Context,
) -> Vec<Application<'a>> {
    let apply = placed.iter().filter_map(|placed| Some((&placed.target, rendered.get(placed.of)?))).map(|(target, desired)| async move {
        let applied = match desired {
            Ok(desired) => context.targets.apply_within(interval, owner, target, desired).await.map_err(|fault| (Stage::Apply, fault)),
            Err(fault) => Err(fault.clone()),
        };
        (target, applied)
    });
    join_all(apply).await
}

/// Those that succeeded, and one fault for all the others: how many there are, what the first ones say, and when the one that ends by
/// itself soonest is to be tried again.
fn settle<'a>(applied: Vec<Application<'a>>, misplaced: Vec<Fault>, method: &str) -> (Vec<(&'a Target, Applied)>, Option<Outcome>) {
    let targets = applied.len() + misplaced.len();
    let mut good = Vec::new();
    let mut faults: Vec<_> = misplaced.into_iter().map(|fault| (Stage::Apply, fault)).collect();
    for (target, applied) in applied {
        match applied {
            Ok(applied) => good.push((target, applied)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        return (good, None);
    }
    let mut messages: Vec<&str> = Vec::new();
    for (_, fault) in &faults {
        // Of two that name the same, both say so.
        if !messages.contains(&fault.message.as_str()) {
            messages.push(&fault.message);
        }
    }
    let more = if messages.len() > SHOWN { "; …" } else { "" };
    messages.truncate(SHOWN);
    let message = format!("{} of {targets} targets failed: {}{more}", faults.len(), messages.join("; "));
    let soon = faults.iter().find(|(_, fault)| !matches!(fault.class, Class::UserFix | Class::Denied));
    let soon = soon.map(|(_, fault)| (fault.class, fault.retry_after));
    let first = faults.into_iter().next().map(|(stage, mut fault)| {
        if targets > 1 {
            fault.message = message;
        }
        if let Some((class, retry_after)) = soon {
            (fault.class, fault.retry_after) = (class, retry_after);
        }
        failed(stage, Some(method))(fault)
    });
    (good, first)
}

/// Owned targets go by garbage collection, but for those in other namespaces; others stay.
async fn deleting<K: Synced>(resource: &K, object: &ObjectRef, context: &Context) -> Action {
    context.release(object);
    match let_go(resource, context).await {
        Ok(()) => Action::await_change(),
        Err(mut fault) => {
            // Nothing else will wake it.
            fault.class = Class::Transient;
            tracing::warn!(%object, reason = fault.reason, fault.message, "a deletion is held up");
            context.next(object, &Outcome::Waiting(fault), &StatusWrite::NotNeeded)
        }
    }
}

async fn let_go<K: Synced>(resource: &K, context: &Context) -> Result<(), Fault> {
    let requests = context.cluster.requests();
    if finalizer::has(resource, TARGETS_FINALIZER) {
        // As garbage collection does: who deletes with `--cascade=orphan` keeps them.
        if !finalizer::has(resource, ORPHAN_FINALIZER) {
            context.targets.remove_elsewhere(&Owner::of(resource)).await?;
        }
        finalizer::remove(requests, resource, TARGETS_FINALIZER).await?;
    }
    finalizer::remove(requests, resource, LEGACY_FINALIZER).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::target;

    fn outcome(faults: &[(&str, Class)], misplaced: &[&str]) -> (usize, Stage, Fault) {
        let good = target("good");
        let applied = Applied { change: Change::Unchanged, data_changed: false, version: String::new(), warning: None };
        let fault = |message: &str, class| Fault::new("X", class, message);
        let mut all: Vec<Application<'_>> = vec![(&good, Ok(applied))];
        all.extend(faults.iter().map(|(message, class)| (&good, Err((Stage::Render, fault(message, *class))))));
        let (good, outcome) = settle(all, misplaced.iter().map(|message| fault(message, Class::UserFix)).collect(), "X");
        let Some(Outcome::Failed { stage, fault, .. }) = outcome else { panic!("{outcome:?}") };
        (good.len(), stage, fault)
    }

    #[test]
    fn faults_of_targets_are_told_together() {
        let (good, stage, fault) = outcome(&[("c", Class::UserFix), ("d", Class::UserFix)], &["a", "b"]);
        assert_eq!((good, stage, fault.class), (1, Stage::Apply, Class::UserFix));
        assert_eq!(fault.message, "4 of 5 targets failed: a; b; c; …");
        assert_eq!(outcome(&[], &["a", "a", "b"]).2.message, "3 of 4 targets failed: a; b");
        let (_, stage, fault) = outcome(&[("c", Class::UserFix)], &[]);
        assert_eq!((stage, fault.message.as_str()), (Stage::Render, "1 of 2 targets failed: c"));
    }

    #[test]
    fn what_ends_by_itself_is_tried_soon_whatever_else_is_wrong() {
        let (_, _, fault) = outcome(&[("down", Class::Transient)], &["wrong"]);
        assert_eq!((fault.class, fault.message.as_str()), (Class::Transient, "2 of 3 targets failed: wrong; down"));
    }
}
