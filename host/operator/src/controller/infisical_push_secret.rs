//! InfisicalPushSecret.
//!
//! 1. Dereference: read its Secret, its generators and what its login refers to, once.
//! 2. Plan: decide, without any client.
//! 3. Session: take the access token of its identity, shared with all that have the same.
//! 4. Read: take the last result of its folder, shared too, or have it read. What is to be written is decided on a read of this
//!    very pass.
//! 5. Render: what it wants to be there.
//! 6. Decide, without any client.
//! 7. Write: first note in the status what is about to be written, then write it in batches.
//! 8. Record and report, in one write of the status.
//!
//! When the resource is deleted: see [`clean_up`].
mod clean_up;
mod ended;
mod moved;

use super::{Context, Follow, finalizer, suspend, sync::panicked};
use crate::{
    cluster::collection,
    dereference::{self, SecretData},
    effect::Effect,
    generate::{self, Generator},
    object::ObjectRef,
    outcome::{Class, Fault, Outcome, Stage, failed},
    plan::{self, Owner, PUSH_SOURCE, PushPlan},
    push::{
        self, Kind, approval,
        decide::{Change, Decision, New, Rules, decide},
        memory::Kept,
        record::{Place, Record, Remaking},
        source::{self, Wanted},
        write::{Failed, Makes, Writer, Written},
    },
    read::{ReadError, ReadKey, Snapshot},
    reason,
    report::{Reported, Said, StatusWrite, said},
    session::Session,
    trigger::{Cause, Wish},
};
use api::{v1alpha1::InfisicalPushSecret, well_known::finalizer::PUSH_SECRET};
use ended::{Summary, gone};
use futures::FutureExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Resource, ResourceExt, runtime::controller::Action};
use std::{
    collections::{BTreeMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// Without an interval a folder is read only when there is a cause to.
const NEVER: Duration = Duration::MAX;

/// While something waits for an approval, which nobody tells of.
const APPROVED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// While a write that was cut off may still arrive.
const ARRIVED_WITHIN: Duration = Duration::from_secs(60);

impl Reported for InfisicalPushSecret {
    fn said(&self, outcome: &Outcome, _: &[Condition], _: k8s_openapi::jiff::Timestamp) -> Vec<Said> {
        said::push_secret::said(outcome, None)
    }
}

/// Tells the shared parts of resources that come and go.
#[derive(Clone)]
pub struct Pusher(pub Arc<Context>);

impl Follow<InfisicalPushSecret> for Pusher {
    /// What a resource wrote is its own as soon as it is seen, so that after a start nobody else takes it.
    fn seen(&mut self, resource: &InfisicalPushSecret) {
        self.0.pushes.seen(&Owner::of(resource), &Record::of(resource.status.as_ref()));
    }

    fn gone(&mut self, object: ObjectRef) {
        self.0.forget(&object);
    }
}

/// How a pass ended.
struct Ended {
    outcome: Outcome,
    /// What could not be written, where the pass came so far.
    failed: Option<Failed>,
    /// Nothing is left to be reported.
    gone: bool,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, failed: None, gone: false }
    }
}

/// Reconciles one resource and reports how it ended.
pub async fn reconcile(resource: Arc<InfisicalPushSecret>, context: Arc<Context>) -> Action {
    let began = Instant::now();
    let object = ObjectRef::of(&*resource);
    let mut wish = context.triggers.wish(&object);
    let deleting = resource.meta().deletion_timestamp.is_some();
    if deleting && !finalizer::has(&*resource, PUSH_SECRET) {
        context.release(&object);
        return Action::await_change();
    }
    if !deleting && let Some(rest) = suspend::hold(&*resource, &object, &context).await {
        return rest;
    }
    let shown = Record::of(resource.status.as_ref());
    let mut kept = context.pushes.take(&object, &resource.uid().unwrap_or_default(), shown, resource.resource_version().as_deref());
    let pass = async {
        match deleting {
            true => clean_up::clean_up(&resource, &object, &context, &mut kept).await,
            false => pass(&resource, &object, &context, &mut wish, &mut kept).await.unwrap_or_else(Ended::from),
        }
    };
    // A panic would end all queues at once.
    let ended = AssertUnwindSafe(pass).catch_unwind().await.unwrap_or_else(|_| panicked().into());
    if !deleting {
        wish.end(&context.triggers, &object);
    }
    if ended.gone {
        context.release(&object);
        return Action::await_change();
    }
    let Ended { outcome, failed, .. } = ended;
    // Where something is to be deleted later, the session is kept: the credentials may be the next to go, and then the resource.
    if !deleting && !plan::deletes(&resource, &mut Vec::new()) {
        context.release_if_unplanned(&object, &outcome);
    }
    let said = |_: &[Condition], _| said::push_secret::said(&outcome, failed.as_ref());
    // The peer's definition wants this member, so that even a first failure must say it.
    kept.record.managed.get_or_insert_default();
    let more = kept.record.patch(&kept.stored);
    let written = context.reports.report_more(&*resource, &object, &outcome, began.elapsed(), said, more).await;
    if let StatusWrite::Made(made) = &written {
        kept.stored(made.clone());
    }
    context.pushes.keep(&object, kept);
    context.next(&object, &outcome, &written)
}

/// What a pass is about.
struct Planned {
    plan: PushPlan,
    secret: Option<Arc<SecretData>>,
    generators: Vec<Result<Generator, Fault>>,
}

impl Planned {
    fn failed(&self, stage: Stage) -> impl Fn(Fault) -> Outcome {
        failed(stage, Some(&self.plan.login.method))
    }
}

async fn pass(
    resource: &InfisicalPushSecret,
    object: &ObjectRef,
    context: &Context,
    wish: &mut Wish,
    kept: &mut Kept,
) -> Result<Ended, Outcome> {
    let began = Instant::now();
    let owner = Owner::of(resource);
    let planned = planned(resource, object, context).await?;
    let plan = &planned.plan;
    let session = context.session(object, &plan.login)?;
    let key = subscribe(object, context, plan, &session, kept);
    let mut not_before = wish.not_before().max(kept.not_before);
    if wish.not_before().is_some() {
        kept.refused.look_again();
    }
    let mut wanted: Option<Wanted> = None;
    let mut total = Written::default();
    let mut again = true;
    loop {
        let snapshot = read(object, context, &planned, &key, not_before).await?;
        wish.met();
        let place = place(&planned, &session).await?;
        let left_behind = moved::settle(&owner, context, &planned, &session, &place, kept).await?;
        let wanted = match &mut wanted {
            Some(wanted) => wanted,
            none => none.insert(want(object, context, &planned).await?),
        };
        wanted.notices.extend(left_behind);
        let there = push::folder(&snapshot.contents);
        if let Some(secret) = &planned.secret {
            kept.seen.see(secret, &kept.record);
        }
        approval::settle(&mut kept.record, &wanted.wishes, &there, &mut kept.asked);
        let mut unwanted = kept.record.awaited(Kind::Create);
        unwanted.retain(|key| !wanted.wishes.contains_key(key));
        let left_open = (!unwanted.is_empty()).then(|| ended::left_open(object, kept, &unwanted));
        let (mut decision, source) = decided(&owner, context, resource, &planned, &place, wanted, &there, kept);
        approval::hold_back(&mut decision, &mut kept.asked, &kept.seen, &source);
        let last = !again || decision.writes_nothing();
        if !decision.writes_nothing() && snapshot.read_at < began {
            // Others may have written since.
            not_before = Some(began);
            continue;
        }
        let summary = Summary::of(&decision);
        if let Some(fault) = left_open {
            // Events of one reason are counted as one, and another may follow when the resource goes.
            context.reports.warn(resource, &Fault { reason: reason::APPROVAL_UNWANTED, ..fault }).await;
        }
        kept.record = decision.record.clone();
        let mut written = match note(resource, object, context, &planned, kept, &decision, &there).await? {
            false => return Ok(gone()),
            true => {
                let folder = infisical::Folder { project_id: place.project_id, environment: place.environment, path: place.path };
                let writer = Writer { session: &session, folder, there: &there, source: &source, last };
                writer.write(decision, kept, &Generators { object, context, planned: &planned }).await
            }
        };
        if written.any || written.fault.is_some() {
            kept.not_before = Some(Instant::now());
        }
        total.any |= written.any;
        total.notices.append(&mut written.notices);
        if written.conflict && !last {
            again = false;
            not_before = kept.not_before;
            continue;
        }
        total.failed = written.failed;
        total.fault = written.fault;
        let notices = session.notices().iter().map(|notice| Fault::new("PluginNotice", Class::UserFix, notice.as_str())).collect();
        return Ok(ended::ended(object, &planned, std::mem::take(wanted), total, summary, kept, notices));
    }
}

/// Steps 1 and 2.
async fn planned(resource: &InfisicalPushSecret, object: &ObjectRef, context: &Context) -> Result<Planned, Outcome> {
    context.cluster.begin(object);
    let found = async {
        let found = dereference::resource(&context.cluster, resource, &context.settings).await;
        let mut found = found.map_err(|fault| (Stage::Credentials, fault))?;
        let pushed = |fault| (Stage::Dereference, fault);
        let source = plan::source_secret(resource).map_err(pushed)?;
        if let Some(name) = &source {
            found.read_secret(&context.cluster, object, name).await.map_err(pushed)?;
        }
        let secret = source.and_then(|name| found.secrets.get(&name).cloned().flatten());
        Ok((found, secret))
    };
    let found = found.await;
    context.cluster.end(object);
    let refused = |(stage, fault)| failed(stage, None)(fault);
    let (found, secret) = found.map_err(refused)?;
    let plan = plan::push_secret(resource, &found, &context.settings).map_err(refused)?;
    if let (Some(source), None) = (&plan.source, &secret) {
        let message =
            format!("{object}: {PUSH_SOURCE}: there is no Secret {}; create it, nothing is pushed or deleted until then", source.secret);
        return Err(failed(Stage::Dereference, None)(Fault::new(reason::SECRET_NOT_FOUND, Class::UserFix, message)));
    }
    let references: Vec<_> = plan.generators.iter().map(|generated| (generated.place.clone(), generated.reference.clone())).collect();
    let generators = context.generators.find(object, &references).await;
    Ok(Planned { plan, secret, generators })
}

fn subscribe(object: &ObjectRef, context: &Context, plan: &PushPlan, session: &Arc<Session>, kept: &Kept) -> Option<ReadKey> {
    let mut interval = plan.interval.unwrap_or(NEVER);
    if kept.record.waiting.is_some() {
        interval = interval.min(APPROVED_WITHIN);
    }
    if !kept.record.pending.is_empty() {
        interval = interval.min(ARRIVED_WITHIN);
    }
    context.reads.subscribe(object, session, std::slice::from_ref(&plan.read), interval).into_iter().next()
}

/// Step 4.
async fn read(
    object: &ObjectRef,
    context: &Context,
    planned: &Planned,
    key: &Option<ReadKey>,
    not_before: Option<Instant>,
) -> Result<Arc<Snapshot>, Outcome> {
    let Some(key) = key else {
        return Err(planned.failed(Stage::Read)(Fault::new("Bug", Class::Bug, "a read has no key; report this")));
    };
    context.reads.get(object, key, not_before).await.map_err(|error| match error {
        ReadError::Pending(fault) => Outcome::Waiting(fault),
        ReadError::Failed { stage, fault } => {
            let fault = planned.plan.login.placed(stage, fault);
            let missing = stage == Stage::Read && fault.reason == "NotFound";
            planned.failed(stage)(if missing { no_folder(object, fault) } else { fault })
        }
    })
}

fn no_folder(object: &ObjectRef, fault: Fault) -> Fault {
    let message = format!(
        "{object}: spec.destination: {}; create the folder in Infisical, which is not done from here, or correct spec.destination",
        fault.message
    );
    Fault { reason: reason::FOLDER_NOT_FOUND, message, ..fault }
}

async fn place(planned: &Planned, session: &Arc<Session>) -> Result<Place, Outcome> {
    let read = &planned.plan.read;
    // The read has just looked it up.
    let project_id = session.project_id(&read.project).await.map_err(|error| planned.failed(error.stage())(error.into()))?;
    Ok(Place {
        host: planned.plan.login.server.address.to_string(),
        project_id,
        environment: read.environment.clone(),
        path: read.path.clone(),
    })
}

/// Step 5.
async fn want(object: &ObjectRef, context: &Context, planned: &Planned) -> Result<Wanted, Outcome> {
    let Planned { plan, secret, generators } = planned;
    let wanted = source::wanted(&context.runtime, plan, secret.as_deref(), generators, &object.namespace).await;
    wanted.map_err(|fault| {
        let message = format!("{object}: {}; nothing is pushed or deleted until it is mended", fault.message);
        planned.failed(Stage::Render)(Fault { message, ..fault })
    })
}

/// Step 6.
#[expect(clippy::too_many_arguments, reason = "it is where all of them come together")]
fn decided(
    owner: &Owner,
    context: &Context,
    resource: &InfisicalPushSecret,
    planned: &Planned,
    place: &Place,
    wanted: &Wanted,
    there: &push::Folder,
    kept: &Kept,
) -> (Decision, String) {
    let Planned { plan, secret, .. } = planned;
    let (held, concerned) = context.pushes.claim(owner, place, wanted.wishes.keys(), &kept.record);
    wake(context, &concerned);
    let unwanted = kept.record.managed.iter().flat_map(BTreeMap::values);
    let passed_on = unwanted.filter(|key| context.pushes.wanted_by_another(owner, place, key));
    let unwanted: Vec<_> = passed_on.filter(|key| !wanted.wishes.contains_key(*key)).cloned().collect();
    let claimed = held.into_keys().chain(unwanted).collect();
    let rules = Rules {
        replace: plan.replace,
        delete: plan.delete,
        regenerate: plan.regenerate.as_deref(),
        doubtful: wanted.empty,
        seen: Some(&kept.seen),
        now: context.clock.date(),
    };
    let decision = decide(&wanted.wishes, there, &kept.record, rules, &claimed);
    let asked_by = (&resource.spec.push, &plan.regenerate, plan.replace, plan.delete);
    (decision, approval::source(&asked_by, secret.as_ref().map(|secret| secret.version.as_str())))
}

fn wake(context: &Context, concerned: &HashSet<ObjectRef>) {
    concerned.iter().for_each(|other| context.triggers.wake(other, Cause::Target));
}

/// Puts on the finalizer, and notes in the status what is about to be written and is not ours yet, and what is about to be made
/// anew. False: the resource is gone.
async fn note(
    resource: &InfisicalPushSecret,
    object: &ObjectRef,
    context: &Context,
    planned: &Planned,
    kept: &mut Kept,
    decision: &Decision,
    there: &push::Folder,
) -> Result<bool, Outcome> {
    let requests = context.cluster.requests();
    // Not only before the first write: the policy may be newer than that, and a restored object has lost its finalizer.
    if planned.plan.delete && (kept.record.is_to_be_undone() || !decision.writes_nothing()) {
        let added = finalizer::add(requests, resource, PUSH_SECRET).await;
        if added.map_err(planned.failed(Stage::Apply))?.is_none() {
            return Ok(false);
        }
    }
    if decision.writes_nothing() {
        return Ok(true);
    }
    let now = context.clock.date();
    let not_ours = decision.create.iter().chain(decision.update.iter().filter(|change| !change.ours));
    let not_ours: Vec<_> = not_ours.map(|change| (change.key.clone(), now)).collect();
    kept.record.remaking = decision.update.iter().filter_map(|change| remaking(change, there)).collect();
    if not_ours.is_empty() && kept.record.remaking.is_empty() {
        return Ok(true);
    }
    kept.record.pending.extend(not_ours);
    let patch = serde_json::json!({ "status": kept.record.patch(&kept.stored) });
    let address = collection::<InfisicalPushSecret>(&object.namespace);
    match requests.merge_status::<InfisicalPushSecret>(Effect::WriteStatus, address, &object.name, &patch).await {
        Ok(made) => {
            kept.stored(made.resource_version());
            Ok(true)
        }
        Err(error) if error.code() == 404 => Ok(false),
        Err(error) => {
            Err(planned.failed(Stage::Apply)(error.fault(&format!("note in the status of {object} what is pushed"), std::iter::empty())))
        }
    }
}

/// What is noted of a value that is made once, before another one takes its place. A server that tells no versions can't be asked
/// afterwards.
fn remaking(change: &Change, there: &push::Folder) -> Option<(String, Remaking)> {
    let New::Once(_, made) = &change.value else { return None };
    let version = there.get(&change.key)?.version?;
    Some((change.key.clone(), Remaking { made: made.clone(), version }))
}

/// The generators of a pass.
struct Generators<'a> {
    object: &'a ObjectRef,
    context: &'a Context,
    planned: &'a Planned,
}

impl Makes for Generators<'_> {
    async fn make(&self, index: usize) -> Result<generate::Made, Fault> {
        let Self { object, context, planned } = self;
        match planned.generators.get(index) {
            Some(Ok(generator)) => generate::generate(&context.runtime, object, generator, &context.settings).await,
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(Fault::new("Bug", Class::Bug, "there is no such generator; report this")),
        }
    }
}
