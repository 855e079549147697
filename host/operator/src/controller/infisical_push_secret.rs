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
//! When the resource is deleted: take away what it wrote, then the finalizer. As long as that fails, the finalizer stays.
use super::{Context, Follow, finalizer, suspend, sync::panicked};
use crate::{
    cluster::collection,
    dereference::{self, SecretData},
    effect::Effect,
    generate::{self, Generator},
    object::ObjectRef,
    outcome::{Class, Done, Fault, Outcome, Stage, failed},
    plan::{self, Owner, PUSH_SOURCE, PushPlan},
    push::{
        self, Wish, approval,
        decide::{Change, Decision, New, Rules, decide},
        left,
        memory::Kept,
        record::{Place, Record, Remaking},
        source::{self, Wanted},
        write::{Failed, Makes, Writer, Written},
    },
    read::{ReadError, ReadKey, ReadRequest, Snapshot},
    reason,
    report::{Reported, Said, StatusWrite, said},
    session::Session,
    trigger::{Cause, Trigger},
};
use api::{v1alpha1::InfisicalPushSecret, well_known::finalizer::PUSH_SECRET};
use futures::FutureExt;
use jiff::Timestamp;
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

    fn refused(&mut self, watch: &str, refused: bool) {
        self.0.reports.watched::<InfisicalPushSecret>(watch, refused);
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
    let trigger = context.triggers.take(&object);
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
            true => clean_up(&resource, &object, &context, &mut kept).await,
            false => pass(&resource, &object, &context, trigger, &mut kept).await.unwrap_or_else(Ended::from),
        }
    };
    // A panic would end all queues at once.
    let ended = AssertUnwindSafe(pass).catch_unwind().await.unwrap_or_else(|_| panicked().into());
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
    trigger: Option<Trigger>,
    kept: &mut Kept,
) -> Result<Ended, Outcome> {
    let began = Instant::now();
    let owner = Owner::of(resource);
    let planned = planned(resource, object, context).await?;
    let plan = &planned.plan;
    let session = lease(object, context, plan)?;
    let key = subscribe(object, context, plan, &session, kept);
    let mut not_before = trigger.and_then(|trigger| trigger.not_before).max(kept.not_before);
    let mut wanted: Option<Wanted> = None;
    let mut total = Written::default();
    let mut again = true;
    loop {
        let snapshot = read(object, context, &planned, &key, not_before).await?;
        let place = place(&planned, &session).await?;
        let left_behind = settle(&owner, context, &planned, &session, &place, kept).await?;
        let wanted = match &mut wanted {
            Some(wanted) => wanted,
            none => none.insert(want(object, context, &planned).await?),
        };
        wanted.notices.extend(left_behind);
        let there = push::folder(&snapshot.contents);
        let (mut decision, source) = decided(&owner, context, resource, &planned, &place, wanted, &there, kept);
        approval::hold_back(&mut decision, &mut kept.asked, &source);
        let last = !again || decision.writes_nothing();
        if !decision.writes_nothing() && snapshot.read_at < began {
            // Others may have written since.
            not_before = Some(began);
            continue;
        }
        let summary = Summary::of(&decision);
        kept.record = decision.record.clone();
        let mut written = match note(resource, object, context, &planned, kept, &decision, &there).await? {
            false => return Ok(gone()),
            true => {
                let folder = infisical::Folder { project_id: place.project_id, environment: place.environment, path: place.path };
                let writer = Writer { session: &session, folder, there: &there, source: &source };
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
        return Ok(ended(object, &planned, std::mem::take(wanted), total, summary, kept, notices));
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

fn lease(object: &ObjectRef, context: &Context, plan: &PushPlan) -> Result<Arc<Session>, Outcome> {
    let digest = context.plugin_digest(&plan.login.plugin);
    context.sessions.lease(object, &plan.login, &digest).map_err(|error| Outcome::Failed {
        stage: error.stage(),
        fault: error.into(),
        method: Some(plan.login.method.clone()),
    })
}

fn subscribe(object: &ObjectRef, context: &Context, plan: &PushPlan, session: &Arc<Session>, kept: &Kept) -> Option<ReadKey> {
    let mut interval = plan.interval.unwrap_or(NEVER);
    if kept.record.waiting.is_some() {
        interval = interval.min(APPROVED_WITHIN);
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

/// Makes the record one of this folder. What was written to another is taken away there, if the policy says so; at another server
/// it stays, since the credentials are this one's.
async fn settle(
    owner: &Owner,
    context: &Context,
    planned: &Planned,
    session: &Arc<Session>,
    place: &Place,
    kept: &mut Kept,
) -> Result<Option<Fault>, Outcome> {
    let Some(before) = kept.record.pushed_to.clone().filter(|before| before != place) else {
        kept.record.pushed_to = Some(place.clone());
        return Ok(None);
    };
    let names = kept.record.names();
    let there = format!("{} of environment {} of project {} at {}", before.path, before.environment, before.project_id, before.host);
    let left = |why: &str| {
        let message = format!("{}: {} stay in folder {there}: {why}", owner.object, said::push_secret::listed(&names));
        (!names.is_empty()).then(|| Fault::new(reason::LEFT_BEHIND, Class::UserFix, message))
    };
    let left_behind = if before.host != place.host {
        left("it is another server's, for which these credentials are not")
    } else if !planned.plan.delete {
        left("deletionPolicy is not Delete")
    } else {
        let failed = |fault: Fault| {
            let message = format!(
                "{}: what was pushed to folder {there} can't be deleted there: {}; until then nothing is pushed to the new one, or set \
                 deletionPolicy to None to leave it",
                owner.object, fault.message
            );
            planned.failed(Stage::Apply)(Fault { message, ..fault })
        };
        let taken = left::take(session, owner, &before, kept, &context.pushes).await;
        let taken = taken.map_err(|error| failed(error.into()))?;
        if let Some((_, fault)) = taken.fault {
            return Err(failed(fault));
        }
        match kept.record.waiting.is_some() {
            true => left("their deletion there waits for an approval, after which nobody looks"),
            false => None,
        }
    };
    kept.asked.clear();
    kept.record = Record { managed: Some(BTreeMap::new()), pushed_to: Some(place.clone()), ..Record::default() };
    Ok(left_behind)
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
    let rules = Rules { replace: plan.replace, delete: plan.delete, regenerate: plan.regenerate.as_deref(), doubtful: wanted.empty };
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
    let now = Timestamp::now();
    let not_ours = decision.create.iter().chain(decision.update.iter().filter(|change| !change.ours));
    kept.record.pending = not_ours.map(|change| (change.key.clone(), now)).collect();
    kept.record.remaking = decision.update.iter().filter_map(|change| remaking(change, there)).collect();
    if kept.record.pending.is_empty() && kept.record.remaking.is_empty() {
        return Ok(true);
    }
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

/// What a decision says beside its writes.
struct Summary {
    kept: Vec<String>,
    withheld: Vec<String>,
    claimed: Vec<String>,
}

impl Summary {
    fn of(decision: &Decision) -> Self {
        Self { kept: decision.kept.clone(), withheld: decision.withheld.clone(), claimed: decision.claimed.clone() }
    }
}

/// Step 8: what came of it all. What a user has to mend goes before what a person has to approve.
fn ended(
    object: &ObjectRef,
    planned: &Planned,
    wanted: Wanted,
    written: Written,
    summary: Summary,
    kept: &Kept,
    notices: Vec<Fault>,
) -> Ended {
    let Written { any, failed, fault, notices: made, .. } = written;
    let listed = |names: &[String]| said::push_secret::listed(names);
    let mend = |reason, message: String| (Stage::Apply, Fault::new(reason, Class::UserFix, format!("{object}: {message}")));
    let fault = fault
        .map(|(stage, fault)| (stage, planned.plan.login.placed(stage, Fault { message: format!("{object}: {}", fault.message), ..fault })))
        .or_else(|| wanted.faults.into_iter().next().map(|fault| (Stage::Render, fault)))
        .or_else(|| {
            let names = listed(&summary.claimed);
            let message = format!(
                "spec.destination: another InfisicalPushSecret pushes {names} to the same folder and was first; take them out of one of \
                 the two, or push to another folder"
            );
            (!summary.claimed.is_empty()).then(|| mend(reason::SECRET_CLAIMED, message))
        })
        .or_else(|| {
            let message = format!(
                "{PUSH_SOURCE}: it gives no secret at all, and {} were pushed from it before; that may be a mistake, so nothing is deleted; \
                 fill the Secret, or delete this resource",
                listed(&summary.withheld)
            );
            (!summary.withheld.is_empty()).then(|| mend(reason::SOURCE_EMPTY, message))
        });
    let outcome = match (fault, &kept.record.waiting) {
        (Some((stage, fault)), _) => planned.failed(stage)(fault),
        (None, Some(_)) => Outcome::Waiting(pending(object, kept)),
        (None, None) => {
            let secrets = wanted.wishes.values().filter(|wish| !matches!(wish, Wish::Unwritable)).count();
            let mut warnings = planned.plan.warnings.clone();
            warnings.extend(notices.into_iter().chain(wanted.notices).chain(made));
            if !summary.kept.is_empty() {
                let message = format!(
                    "{object}: Infisical holds other values of {}, which stay since updatePolicy is not Replace",
                    listed(&summary.kept)
                );
                warnings.push(Fault::new(reason::VALUE_KEPT, Class::UserFix, message));
            }
            let done = Done { method: planned.plan.login.method.clone(), secrets, warnings, ..Done::default() };
            if any { Outcome::Synced(done) } else { Outcome::Unchanged(done) }
        }
    };
    Ended { outcome, failed: Some(failed), gone: false }
}

/// What waits for an approval.
fn pending(object: &ObjectRef, kept: &Kept) -> Fault {
    let waiting = kept.record.waiting.clone().unwrap_or_default();
    let changes: Vec<_> = waiting.secrets.iter().map(|(key, change)| format!("{change} {key}")).collect();
    let requests = if waiting.requests.is_empty() { String::new() } else { format!(" (requests {})", waiting.requests.join(", ")) };
    let message = format!(
        "{object}: a policy of the folder asks for an approval: {}{requests}; approve it in Infisical. It is asked for again only when \
         what is to be pushed changes",
        said::push_secret::listed(&changes)
    );
    // Nothing is gained by asking soon again.
    Fault::new(reason::APPROVAL_PENDING, Class::UserFix, message)
}

fn gone() -> Ended {
    Ended { outcome: Outcome::Unchanged(Done::default()), failed: None, gone: true }
}

/// The resource is being deleted: takes away what it wrote, then the finalizer.
async fn clean_up(resource: &InfisicalPushSecret, object: &ObjectRef, context: &Context, kept: &mut Kept) -> Ended {
    let ended = match taken_away(resource, object, context, kept).await {
        Ok(None) => finalizer::remove(context.cluster.requests(), resource, PUSH_SECRET).await.map_err(|mut fault| {
            // Nothing else will wake it.
            fault.class = Class::Transient;
            Outcome::Failed { stage: Stage::Apply, fault, method: None }
        }),
        Ok(Some(waiting)) => Err(Outcome::Waiting(waiting)),
        Err((stage, fault)) => {
            let names = kept.record.names();
            let message = format!(
                "{object}: it is deleted as soon as {} are deleted in Infisical, which failed: {}; mend that, or set \
                 spec.deletionPolicy to None to leave them there",
                said::push_secret::listed(&names),
                fault.message
            );
            Err(Outcome::Failed { stage, fault: Fault { message, ..fault }, method: None })
        }
    };
    match ended {
        Ok(()) => gone(),
        Err(outcome) => outcome.into(),
    }
}

/// Whether all that a resource wrote is taken away; else what it waits for.
async fn taken_away(
    resource: &InfisicalPushSecret,
    object: &ObjectRef,
    context: &Context,
    kept: &mut Kept,
) -> Result<Option<Fault>, (Stage, Fault)> {
    if !kept.record.is_to_be_undone() || !plan::deletes(resource, &mut Vec::new()) {
        return Ok(None);
    }
    let (session, read) = own_session(resource, object, context).await?;
    let failed = |stage, fault| (stage, fault);
    let place = match (kept.record.pushed_to.clone(), read) {
        (Some(place), _) if place.host != session.server() => {
            tracing::warn!(%object, place.host, "what was pushed stays at a server that the resource no longer names");
            return Ok(None);
        }
        (Some(place), _) => place,
        // As the peer recorded it.
        (None, Some(read)) => {
            let project_id = session.project_id(&read.project).await.map_err(|error| failed(error.stage(), error.into()))?;
            Place { host: session.server(), project_id, environment: read.environment, path: read.path }
        }
        (None, None) => {
            let message = "nothing tells to which folder it pushed, and its spec can't be planned";
            return Err((Stage::Plan, Fault::new(reason::INVALID_SPEC, Class::UserFix, message)));
        }
    };
    let taken = left::take(&session, &Owner::of(resource), &place, kept, &context.pushes).await;
    let taken = taken.map_err(|error| failed(error.stage(), error.into()))?;
    match taken.fault {
        Some((stage, fault)) => Err(failed(stage, fault)),
        None if kept.record.waiting.is_some() => Ok(Some(pending(object, kept))),
        None => Ok(None),
    }
}

/// The resource's own login, and the folder of its spec. Its Secret and generators may be gone already; where its credentials are,
/// the session that it still has is its own too.
async fn own_session(
    resource: &InfisicalPushSecret,
    object: &ObjectRef,
    context: &Context,
) -> Result<(Arc<Session>, Option<ReadRequest>), (Stage, Fault)> {
    context.cluster.begin(object);
    let found = dereference::resource(&context.cluster, resource, &context.settings).await;
    context.cluster.end(object);
    let plan = match found {
        Ok(found) => plan::push_secret(resource, &found, &context.settings),
        Err(fault) => Err((Stage::Credentials, fault)),
    };
    match (plan, context.sessions.of(object)) {
        (Ok(plan), _) => {
            let digest = context.plugin_digest(&plan.login.plugin);
            let session = context.sessions.lease(object, &plan.login, &digest);
            let session = session.map_err(|error| (error.stage(), plan.login.placed(error.stage(), error.into())))?;
            Ok((session, Some(plan.read)))
        }
        (Err(_), Some(session)) => Ok((session, None)),
        (Err(failed), None) => Err(failed),
    }
}
