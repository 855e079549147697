//! What reconciles share.
use crate::{
    chain::Chains,
    clock::Clock,
    cluster::{Cluster, Namespaces},
    generate::Generators,
    instant::InstantUpdates,
    lease::Purse,
    object::ObjectRef,
    outcome::{Class, Outcome, Stage, failed},
    plan::{
        Faulty, Login, Planned, Settings, Target,
        spread::{Spread, spread},
    },
    push::memory::Pushes,
    read::Reads,
    reload::Reloader,
    report::{Backoff, Reports, StatusWrite, next_pass, status_again},
    session::{Session, Sessions},
    target::Targets,
    trigger::{Cause, Triggers},
};
use futures::future::join_all;
use kube::runtime::controller::Action;
use runtime::Runtime;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The parts of a running operator, as reconciles need them.
pub struct Context {
    pub settings: Settings,
    pub cluster: Cluster,
    pub namespaces: Namespaces,
    pub runtime: Runtime,
    pub sessions: Sessions,
    pub reads: Reads,
    pub instant: InstantUpdates,
    pub targets: Targets,
    pub reloader: Reloader,
    pub reports: Reports,
    pub chains: Chains,
    pub generators: Generators,
    pub pushes: Pushes,
    /// Credentials of leases.
    pub purse: Purse,
    /// How long a lease that was replaced lives on.
    pub lease_hand_over: Duration,
    pub clock: Arc<dyn Clock>,
    pub triggers: Arc<Triggers>,
    /// Every resource that was seen, with its faults in a row.
    pub known: Mutex<HashMap<ObjectRef, Backoff>>,
}

impl Context {
    /// When the resource is to be tried again, if by nothing else.
    pub fn next(&self, object: &ObjectRef, outcome: &Outcome, status: &StatusWrite) -> Action {
        self.wait(object, outcome, status).map_or_else(Action::await_change, Action::requeue)
    }

    /// As [`Self::next`], of a resource that no clock of a read wakes: at the latest after so long, or after as long as the
    /// server asked for.
    pub fn next_within(&self, longest: Duration, object: &ObjectRef, outcome: &Outcome, status: &StatusWrite) -> Action {
        Action::requeue(self.wait_within(longest, object, outcome, status))
    }

    /// As [`Self::next_within`]: how long to wait.
    pub fn wait_within(&self, longest: Duration, object: &ObjectRef, outcome: &Outcome, status: &StatusWrite) -> Duration {
        let asked = match outcome {
            Outcome::Waiting(fault) | Outcome::Failed { fault, .. } => fault.retry_after.unwrap_or_default(),
            Outcome::Synced(_) | Outcome::Unchanged(_) => Duration::ZERO,
        };
        let longest = longest.mul_f64(1.0 + 0.1 * rand::random::<f64>()).max(asked);
        self.wait(object, outcome, status).map_or(longest, |wait| wait.min(longest))
    }

    /// How long to wait before the resource is tried again. None: nothing but a change asks for that.
    pub fn wait(&self, object: &ObjectRef, outcome: &Outcome, status: &StatusWrite) -> Option<Duration> {
        next_pass(self.known().entry(object.clone()).or_default(), outcome, status, rand::random())
    }

    /// When a resource for which nothing is to be done is looked at again, if by nothing else.
    pub fn rest(&self, object: &ObjectRef, status: &StatusWrite) -> Action {
        let mut known = self.known();
        let backoff = known.entry(object.clone()).or_default();
        backoff.rest();
        status_again(backoff, status, rand::random()).map_or_else(Action::await_change, Action::requeue)
    }

    /// Digest of the component that serves under a name; empty where none does, and the call will say so.
    #[must_use]
    pub fn plugin_digest(&self, name: &str) -> String {
        self.runtime.plugins().get(name).map(|info| info.digest.clone()).unwrap_or_default()
    }

    /// The session of a login, which the resource has from then on.
    ///
    /// # Errors
    /// The outcome that says why there is none.
    pub fn session(&self, object: &ObjectRef, login: &Arc<Login>) -> Result<Arc<Session>, Outcome> {
        let leased = self.sessions.lease(object, login, &self.plugin_digest(&login.plugin));
        leased.map_err(|error| failed(error.stage(), Some(&login.method))(error.into()))
    }

    /// The session by which is taken away what a resource that is being deleted made at a server: that of its own login, or, where
    /// it can't be planned any more since its credentials went first, the session that it still has.
    ///
    /// # Errors
    /// The outcome of the login, or the one that is given in its place.
    pub fn last_session(&self, object: &ObjectRef, login: Result<&Arc<Login>, Outcome>) -> Result<Arc<Session>, Outcome> {
        match login {
            Ok(login) => self.session(object, login),
            Err(outcome) => self.sessions.of(object).ok_or(outcome),
        }
    }

    /// Where the targets of a resource are to be, as far as is known now; it is woken when that changes. Asks for nothing.
    pub fn known_places(&self, object: &ObjectRef, planned: &Planned) -> Spread {
        let Planned { targets, faulty } = planned;
        self.namespaces.select(object, targets.iter().filter_map(|target| target.selector.clone()).collect());
        let found = |target: &Target| target.selector.as_ref().map(|selector| self.namespaces.known_to_match(selector));
        spread(object, targets, faulty, &targets.iter().map(found).collect::<Vec<_>>())
    }

    /// Where the targets of a resource are to be; it is woken when that changes.
    pub async fn places(&self, object: &ObjectRef, targets: &[Target], faulty: &[Faulty]) -> Spread {
        self.namespaces.select(object, targets.iter().filter_map(|target| target.selector.clone()).collect());
        let found = join_all(targets.iter().map(|target| async {
            match &target.selector {
                Some(selector) => Some(self.namespaces.matching(selector).await),
                None => None,
            }
        }));
        spread(object, targets, faulty, &found.await)
    }

    /// The resource is gone, or can't be followed: nothing is kept for it.
    pub fn release(&self, object: &ObjectRef) {
        self.instant.leave(object);
        self.reads.unsubscribe(object);
        self.sessions.release(object);
    }

    /// A resource that only its user can mend, before anything is sent for it, holds no session and no read meanwhile.
    pub fn release_if_unplanned(&self, object: &ObjectRef, outcome: &Outcome) {
        if let Outcome::Failed { stage: Stage::Dereference | Stage::Plan | Stage::Credentials, fault, .. } = outcome
            && matches!(fault.class, Class::UserFix | Class::Denied)
        {
            self.release(object);
        }
    }

    /// The resource is gone.
    pub fn forget(&self, object: &ObjectRef) {
        self.release(object);
        self.chains.forget(object);
        self.generators.forget(object);
        // What it kept others from writing is theirs now.
        self.pushes.forget(object).iter().for_each(|other| self.triggers.wake(other, Cause::Target));
        self.purse.forget(object);
        self.targets.forget(object);
        self.namespaces.forget(object);
        self.reports.forget(object);
        self.triggers.forget(object);
        self.known().remove(object);
    }

    /// A plugin was swapped: whoever uses it must be done again, and few enough swaps happen to ask everybody.
    pub fn wake_all(&self, cause: Cause) {
        let objects: Vec<_> = self.known().keys().cloned().collect();
        objects.iter().for_each(|object| self.triggers.wake(object, cause));
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ObjectRef, Backoff>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
