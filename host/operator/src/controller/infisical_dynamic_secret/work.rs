//! The steps of a pass over an InfisicalDynamicSecret, each with what it needs.
use super::{changed, end_of, uid};
use crate::{
    cluster::collection,
    controller::Context,
    effect::Effect,
    lease::{Credentials, Held, LATE, Ledger, Reason, Superseded, calls, digest, ledger, version},
    object::ObjectRef,
    outcome::{Class, Fault, Outcome, Stage, failed},
    plan::{Data, Desired, DynamicPlan, Owner, Version},
    reason,
    session::{Session, SessionError},
    target::Applied,
};
use api::{text::Text, v1alpha1::InfisicalDynamicSecret, well_known::annotation};
use infisical::LeasePlace;
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// After a lease that was over when it was made.
const AGAIN_AFTER_OVER: Duration = Duration::from_secs(5 * 60);

/// A pass under way.
pub struct Work<'a> {
    pub context: &'a Context,
    pub object: &'a ObjectRef,
    pub owner: Owner,
    /// Of the spec that the plan was made of.
    pub generation: Option<i64>,
    pub plan: DynamicPlan,
    pub session: Arc<Session>,
}

/// The status as the API server has it.
pub struct Record {
    pub ledger: Ledger,
    /// Worth saying, but no obstacle.
    pub warnings: Vec<Fault>,
    version: Option<String>,
}

impl Work<'_> {
    /// The time by which all is judged.
    pub fn now(&self) -> Timestamp {
        self.context.clock.date()
    }

    /// The credentials that are known: in this process, else in the Secret. A Secret of someone else is refused.
    pub async fn hand(&self) -> Result<Option<Arc<Credentials>>, Outcome> {
        let purse = &self.context.purse;
        if let Some(known) = purse.get(self.object, &self.owner.uid) {
            return Ok(Some(known));
        }
        let held = self.context.targets.look(&self.owner, &self.plan.target).await.map_err(self.failed(Stage::Apply))?;
        let found = held.and_then(|held| Credentials::of_secret(&self.owner.uid, &held.annotations, &held.data));
        Ok(found.map(|found| purse.put(self.object, &self.owner.uid, found)))
    }

    /// Reads the status. What was made of a spec that is another one by now is not acted upon.
    pub async fn record(&self) -> Result<Record, Outcome> {
        let now = fetch(self.context, self.object).await.map_err(self.failed(Stage::Dereference))?;
        let same = |now: &InfisicalDynamicSecret| {
            uid(now) == self.owner.uid && now.metadata.generation == self.generation && now.metadata.deletion_timestamp.is_none()
        };
        match now.filter(same) {
            Some(now) => Ok(Record { ledger: Ledger::of(now.status.as_ref()), warnings: Vec::new(), version: now.resource_version() }),
            None => Err(changed(self.object)),
        }
    }

    /// Writes the status, whatever it was.
    pub async fn write(&self, ledger: &Ledger) -> Result<Ledger, Outcome> {
        write(self.context, self.object, ledger).await.map_err(self.failed(Stage::Apply))?;
        Ok(ledger.clone())
    }

    /// Revokes what a try before made and could not record. Where the server does not tell, it runs out by itself; what it does
    /// not revoke is left to [`Self::settle`]. Neither keeps a lease that lives from its renewal.
    pub async fn sweep(&self, record: &mut Record, hand: Option<&Credentials>) -> Result<(), Outcome> {
        let place = self.place().await?;
        let made = record.ledger.made(self.now());
        let listed = match calls::list(&self.session, &self.plan.source, &place).await {
            Ok(listed) => listed,
            Err(error) if calls::has_none(&error) => return Ok(()),
            Err(error) if calls::is_definite(&error) => {
                record.warnings.extend(self.plan.revokes.then(|| self.unlisted(error)));
                return Ok(());
            }
            Err(error) => return Err(self.refused(error)),
        };
        let strays = ledger::strays(&listed, &self.owner.uid, &record.ledger, hand.map(|hand| hand.id.as_str()));
        for stray in strays.into_iter().cloned().collect::<Vec<_>>() {
            tracing::warn!(object = %self.object, lease = stray.id, revoked = self.plan.revokes, "a lease was made and not recorded");
            if self.plan.revokes
                && let Err(error) = calls::revoke(&self.session, &place, &stray.id).await
            {
                tracing::warn!(object = %self.object, lease = stray.id, %error, "that lease could not be revoked yet");
                record.ledger.superseded.push(Superseded::stray(&stray, self.plan.source.recorded(&place), &made));
            }
        }
        Ok(())
    }

    fn unlisted(&self, error: SessionError) -> Fault {
        let fault = Fault::from(error);
        let message = format!(
            "{}: a lease may have been made whose answer was lost, and the server does not list the leases: {}; such a lease is not \
             revoked and ends by its TTL; let the identity lease dynamic secrets there",
            self.object, fault.message
        );
        Fault::new(reason::LEASE_NOT_REVOKED, Class::UserFix, message)
    }

    /// Asks about the lease that the Secret names and that nobody recorded. None: it is not ours, or is no more.
    pub async fn look_at(&self, record: &Record, found: &Credentials) -> Result<Option<Arc<Credentials>>, Outcome> {
        let place = self.place().await?;
        let answer = calls::look(&self.session, &self.plan.source, &place, &found.id).await.map_err(|error| self.refused(error))?;
        let mark = ledger::mark(&self.owner.uid);
        // One that was made for another resource, from which this Secret was restored or taken over, stays that one's.
        let ours = answer.filter(|answer| answer.lease.mark.as_ref().is_none_or(|found| *found == mark));
        let Some(answer) = ours else {
            self.context.purse.forget(self.object);
            return Ok(None);
        };
        let made = record.ledger.made(self.now());
        let held = ledger::found(&answer.lease, &self.plan.source, &place, &answer.dynamic_secret, self.reroll(), &made);
        let known = Credentials::new(found.id.clone(), Some(held), found.data.clone());
        Ok(Some(self.context.purse.put(self.object, &self.owner.uid, known)))
    }

    /// Whether what the spec names is the dynamic secret of the recorded lease, under another name: its project, environment, folder
    /// or itself was renamed, or its project is named by id instead of slug. Then that is recorded.
    pub async fn goes_by_another_name(&self, record: &mut Record) -> Result<bool, Outcome> {
        let Some(lease) = record.ledger.lease.clone() else { return Ok(false) };
        let place = self.place().await?;
        let source = self.plan.source.recorded(&place);
        let before = lease.source.clone().unwrap_or_default();
        if (&before.server, &before.kubernetes_namespace) != (&source.server, &source.kubernetes_namespace) {
            return Ok(false);
        }
        let listed = match calls::list(&self.session, &self.plan.source, &place).await {
            Ok(listed) => listed,
            // What is wrong with it is said when a lease of it is made.
            Err(error) if calls::is_definite(&error) => return Ok(false),
            Err(error) => return Err(self.refused(error)),
        };
        let is_known = listed.iter().any(|listed| listed.id == lease.id);
        if is_known {
            let lease = Some(Held { source: Some(source), ..lease });
            record.ledger = self.write(&Ledger { lease, ..record.ledger.clone() }).await?;
        }
        Ok(is_known)
    }

    /// Whether the server still knows the lease.
    pub async fn lives(&self, id: &str) -> Result<bool, Outcome> {
        let place = self.place().await?;
        let found = calls::look(&self.session, &self.plan.source, &place, id).await.map_err(|error| self.refused(error))?;
        Ok(found.is_some())
    }

    /// Renews and records. False: the server refuses.
    pub async fn renew(&self, record: &mut Record, hand: &Credentials) -> Result<bool, Outcome> {
        let place = self.place().await?;
        let renewed = match calls::renew(&self.session, &place, &hand.id, self.plan.ttl).await {
            Ok(renewed) => renewed,
            Err(error) if calls::is_refusal(&error) => {
                tracing::info!(object = %self.object, lease = hand.id, %error, "the lease is not renewed; another one takes its place");
                return Ok(false);
            }
            Err(error) => return Err(self.refused(error)),
        };
        let before = record.ledger.lease.as_ref().filter(|lease| lease.id == hand.id).or(hand.held.as_ref());
        if let Some(before) = before {
            let after = record.ledger.with(before.renewed(&renewed, self.plan.ttl), self.plan.revokes, self.now());
            record.ledger = self.write(&Ledger { requested: record.ledger.requested, ..after }).await?;
        }
        Ok(true)
    }

    /// Makes a lease: noted in the status before, known to this process after.
    pub async fn make(&self, record: &mut Record, why: Reason) -> Result<Arc<Credentials>, Outcome> {
        // What could not be stored is not made.
        self.context.targets.look(&self.owner, &self.plan.target).await.map_err(self.failed(Stage::Apply))?;
        self.session.establish().await.map_err(|error| self.refused(error))?;
        let place = self.place().await?;
        // What an earlier try may have made has been looked for, and is again until then.
        let asked = self.now();
        let earlier = record.ledger.requested.filter(|since| asked < *since + LATE);
        self.announce(record).await?;
        let DynamicPlan { source, ttl, .. } = &self.plan;
        let made = match calls::create(&self.session, source, &place, *ttl, &self.owner.uid).await {
            Ok(made) => made,
            Err(error) => {
                if calls::is_definite(&error) || !matches!(error, SessionError::Call(_)) {
                    record.ledger = self.write(&Ledger { requested: earlier, ..record.ledger.clone() }).await?;
                }
                return Err(self.refused(error));
            }
        };
        tracing::info!(object = %self.object, lease = made.lease.id, expires = %made.lease.expires, ?why, "made a lease");
        let held = ledger::found(&made.lease, source, &place, &made.dynamic_secret, self.reroll(), &(asked..=self.now()));
        let life = Duration::try_from(held.expires.duration_since(held.created)).ok();
        let held = Held { ttl: life, ..held };
        let data: Data = made.data.into_iter().map(|(key, value)| (key, Arc::new(value))).collect();
        let credentials = Credentials::new(made.lease.id, Some(held), data);
        Ok(self.context.purse.put(self.object, &self.owner.uid, credentials))
    }

    /// A lease that was just made and is over already.
    pub fn over(&self, made: &Credentials) -> Outcome {
        let (now, name) = (ledger::whole(self.now()), &self.plan.source.name);
        let over = match (made.end, made.held.as_ref().map(|held| held.expires)) {
            (Some(token), lease) if lease.is_none_or(|lease| token < lease) => format!(
                "holds a token that ends at {token}, and by the operator's clock it is {now}; let {name:?} give tokens that last, and compare \
                 the clock of what signs them with that of the operator's node"
            ),
            (_, Some(lease)) => format!("ended at {lease}, and it is {now}: it took too long to be made; write a longer spec.leaseTTL"),
            (_, None) => format!("is over, and it is {now}"),
        };
        let message = format!(
            "{}: spec.dynamicSecret: lease {}, which the server has just made, {over}; another lease is tried in five minutes",
            self.object, made.id
        );
        // Each try is a lease, which nobody revokes under the policy None.
        let fault = Fault { retry_after: Some(AGAIN_AFTER_OVER), ..Fault::new(reason::LEASE_OVER, Class::UserFix, message) };
        self.failed(Stage::Read)(fault)
    }

    /// Notes that a lease is about to be made, at the very version of the resource that was read: of two processes one succeeds.
    async fn announce(&self, record: &mut Record) -> Result<(), Outcome> {
        let requested = ledger::whole(self.now());
        let ledger = Ledger { requested: Some(requested), ..record.ledger.clone() };
        let mut patch = json!({ "metadata": { "resourceVersion": record.version, "uid": self.owner.uid } });
        if let (Some(patch), serde_json::Value::Object(status)) = (patch.as_object_mut(), ledger.patch()) {
            patch.extend(status);
        }
        let requests = self.context.cluster.requests();
        let address = collection::<InfisicalDynamicSecret>(&self.object.namespace);
        match requests.merge_status::<InfisicalDynamicSecret>(Effect::WriteStatus, address, &self.object.name, &patch).await {
            Ok(made) => {
                record.ledger = ledger;
                record.version = made.resource_version();
                Ok(())
            }
            Err(error) if matches!(error.code(), 404 | 409) => Err(changed(self.object)),
            Err(error) => Err(self.failed(Stage::Apply)(error.fault("write the status", std::iter::empty()))),
        }
    }

    /// Writes credentials and the id of their lease into the Secret, in one request, if it does not hold them.
    pub async fn apply(&self, hand: &Credentials) -> Result<Applied, Outcome> {
        let desired = Desired {
            data: hand.data.clone(),
            version: Version::Fixed(version(&hand.id)),
            volatile: Default::default(),
            inputs: digest(&self.owner.uid, &hand.id, &hand.data),
            notices: Vec::new(),
        };
        self.context.targets.apply(&self.owner, &self.plan.target, &desired).await.map_err(self.failed(Stage::Apply))
    }

    /// Deletes a Secret that the spec no longer names and that is owned.
    pub async fn prune(&self) -> Result<(), Outcome> {
        let targets = std::slice::from_ref(&self.plan.target);
        self.context.targets.prune(&self.owner, targets).await.map(drop).map_err(self.failed(Stage::Apply))
    }

    /// Revokes what was replaced, once whoever uses the Secret had time to take its new content. Gives the ledger as it is then,
    /// and when the next is due.
    pub async fn settle(&self, ledger: Ledger, warnings: &mut Vec<Fault>) -> Result<(Ledger, Option<Timestamp>), Outcome> {
        let (mut left, mut next, mut fault) = (Vec::new(), None, None);
        let now = self.now();
        for before in &ledger.superseded {
            if !self.plan.revokes || before.is_over(now) {
                continue;
            }
            let due = before.due(self.context.lease_hand_over);
            if due > now {
                next = next.into_iter().chain([due]).min();
                left.push(before.clone());
                continue;
            }
            let place = match &before.source {
                None => Some(self.place().await?),
                Some(source) => calls::recorded_place(&self.session, source).await,
            };
            let Some(place) = place else {
                let server = before.source.as_ref().and_then(|source| source.server.text()).unwrap_or_default();
                let message = format!(
                    "{}: lease {}, which was replaced, is at {server}, where this resource no longer logs in: it is not revoked and \
                     ends by itself",
                    self.object, before.id
                );
                warnings.push(Fault::new(reason::LEASE_NOT_REVOKED, Class::UserFix, message));
                continue;
            };
            match calls::revoke(&self.session, &place, &before.id).await {
                Ok(calls::Revoked::Now) => {}
                Ok(calls::Revoked::Later) => {
                    tracing::warn!(object = %self.object, lease = before.id, "the server could not revoke a lease yet, and tries again");
                }
                Err(error) => {
                    left.push(before.clone());
                    fault = Some(self.refused(error));
                }
            }
        }
        let settled = Ledger { superseded: left, ..ledger.clone() };
        if settled != ledger {
            self.write(&settled).await?;
        }
        match fault {
            Some(fault) => Err(fault),
            None => Ok((settled, next)),
        }
    }

    /// A failure with what it means for the credentials in the Secret.
    pub fn with_end(&self, outcome: Outcome, ledger: &Ledger, hand: &Credentials) -> Outcome {
        let held = ledger.lease.as_ref().filter(|lease| lease.id == hand.id).or(hand.held.as_ref());
        let (Outcome::Failed { stage, mut fault, method }, Some(end)) = (outcome.clone(), end_of(held, hand.end)) else { return outcome };
        let verb = if end <= self.now() { "ended" } else { "are good until" };
        fault.message = format!("{}; the credentials in Secret {} {verb} {end}", fault.message, self.plan.target.name);
        Outcome::Failed { stage, fault, method }
    }

    async fn place(&self) -> Result<LeasePlace, Outcome> {
        calls::place(&self.session, &self.plan.source).await.map_err(|error| self.refused(error))
    }

    fn reroll(&self) -> Option<&str> {
        self.owner.annotations.get(annotation::REROLL).map(String::as_str)
    }

    fn failed(&self, stage: Stage) -> impl Fn(Fault) -> Outcome {
        failed(stage, Some(&self.plan.login.method))
    }

    /// What the server or the login says against a call, with the place where it is written.
    pub fn refused(&self, error: SessionError) -> Outcome {
        let stage = error.stage();
        let field = if self.plan.ttl.is_some() && calls::is_about_ttl(&error) { "spec.leaseTTL" } else { "spec.dynamicSecret" };
        let mut fault = self.plan.login.placed(stage, error.into());
        if stage != Stage::Login {
            let source = &self.plan.source;
            fault.message =
                format!("{}: {field}: {:?} in {} of {:?}: {}", self.object, source.name, source.path, source.environment, fault.message);
        }
        self.failed(stage)(fault)
    }
}

/// The resource as the API server has it.
pub async fn fetch(context: &Context, object: &ObjectRef) -> Result<Option<InfisicalDynamicSecret>, Fault> {
    let address = collection::<InfisicalDynamicSecret>(&object.namespace);
    let now = context.cluster.requests().get::<InfisicalDynamicSecret>(address, &object.name).await;
    now.map_err(|error| error.fault(&format!("get {object}"), std::iter::empty()))
}

/// Writes a ledger into the status.
pub async fn write(context: &Context, object: &ObjectRef, ledger: &Ledger) -> Result<(), Fault> {
    let address = collection::<InfisicalDynamicSecret>(&object.namespace);
    let requests = context.cluster.requests();
    let written = requests.merge_status::<InfisicalDynamicSecret>(Effect::WriteStatus, address, &object.name, &ledger.patch()).await;
    match written {
        Ok(_) => Ok(()),
        // Deleted meanwhile: nothing is left to record it for.
        Err(error) if error.code() == 404 => Ok(()),
        Err(error) => Err(error.fault(&format!("record the lease of {object}"), std::iter::empty())),
    }
}
