//! Leader election on the Lease of Infisical's Go operator, by the rules of client-go, so that the two never lead together.
//!
//! A Lease is written only over the version that was read, so of several candidates one succeeds. It has run out when it was
//! not seen to change for its duration, by the own monotonic clock: clocks of machines need not agree. The lead is lost when
//! someone else holds the Lease, or when it could not be renewed for ten seconds: five before another may take it.
use crate::{
    effect::{self, Effect},
    options::LeaderOptions,
};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// The Go operator's name for it.
pub const LEASE: &str = "cf2b8c44.infisical.com";

/// As controller-runtime has them.
const TIMING: Timing = Timing { lease: Duration::from_secs(15), renew: Duration::from_secs(10), retry: Duration::from_secs(2) };

#[derive(Clone, Copy, Debug)]
struct Timing {
    /// Others wait for so long after the last renewal.
    lease: Duration,
    /// A leader gives up after so long without one.
    renew: Duration,
    /// Between two attempts.
    retry: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Waiting,
    Leading,
    Lost,
}

/// A candidate in its own task. Dropped without [`Self::release`] it ends as a crash does: others wait for the Lease to run out.
pub struct Leadership {
    stand: watch::Receiver<Stand>,
    ending: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Leadership {
    /// Begins to stand for election.
    #[must_use]
    pub fn stand(client: Client, options: &LeaderOptions) -> Self {
        Self::begin(client, options, TIMING)
    }

    fn begin(client: Client, options: &LeaderOptions, timing: Timing) -> Self {
        let candidate = Candidate {
            api: Api::namespaced(client, &options.namespace),
            namespace: options.namespace.clone(),
            identity: options.identity.clone(),
            timing,
            observed: None,
        };
        let (sender, stand) = watch::channel(Stand::Waiting);
        let ending = CancellationToken::new();
        let task = AbortOnDropHandle::new(tokio::spawn(candidate.run(sender, ending.clone())));
        Self { stand, ending, task }
    }

    /// Waits until it leads. False: stopped before.
    pub async fn won(&mut self, stop: &CancellationToken) -> bool {
        tokio::select! {
            won = self.stand.wait_for(|stand| *stand != Stand::Waiting) => won.is_ok_and(|stand| *stand == Stand::Leading),
            () = stop.cancelled() => false,
        }
    }

    /// Waits until the lead is lost.
    pub async fn lost(&mut self) {
        // An error means that the task ended, which is a loss too.
        let _ = self.stand.wait_for(|stand| *stand == Stand::Lost).await;
    }

    /// Gives the lead back, if it is still there, so that the next one need not wait for the Lease to run out.
    pub async fn release(self) {
        self.ending.cancel();
        if self.task.await.is_err() {
            tracing::error!("leader election ended by a panic");
        }
    }
}

/// A Lease as it was read, and when it was first seen so.
struct Observed {
    lease: Lease,
    since: Instant,
}

struct Candidate {
    api: Api<Lease>,
    namespace: String,
    identity: String,
    timing: Timing,
    observed: Option<Observed>,
}

impl Candidate {
    async fn run(mut self, stand: watch::Sender<Stand>, ending: CancellationToken) {
        let may_hold = tokio::select! {
            acquired = self.acquire() => {
                tracing::info!(lease = LEASE, namespace = self.namespace, "leading");
                stand.send_replace(Stand::Leading);
                tokio::select! {
                    () = self.keep(acquired) => false,
                    () = ending.cancelled() => true,
                }
            }
            // An attempt that was cut may have succeeded all the same.
            () = ending.cancelled() => true,
        };
        if may_hold {
            self.give_back().await;
        }
        stand.send_replace(Stand::Lost);
    }

    /// Ends when it leads, with the instant from which it does at least.
    async fn acquire(&mut self) -> Instant {
        let mut said = String::new();
        loop {
            let began = Instant::now();
            match self.attempt_in_time(began + self.timing.renew).await {
                Ok(true) => return began,
                Ok(false) => said.clear(),
                Err(problem) if problem == said => {}
                Err(problem) => {
                    let place = format!("{}/{LEASE}", self.namespace);
                    tracing::warn!(
                        lease = place,
                        problem,
                        "can't stand for election; the role must allow to get, create and update Leases"
                    );
                    said = problem;
                }
            }
            // Candidates that began together must not go on together.
            sleep(self.timing.retry.mul_f64(1.0 + rand::random::<f64>())).await;
        }
    }

    /// Renews until the lead is lost.
    async fn keep(&mut self, mut renewed: Instant) {
        loop {
            sleep(self.timing.retry).await;
            let (began, deadline) = (Instant::now(), renewed + self.timing.renew);
            match self.attempt_in_time(deadline).await {
                Ok(true) => renewed = began,
                Ok(false) => return tracing::error!(holder = self.holder(), "the Lease was taken by another"),
                Err(problem) if Instant::now() < deadline => tracing::warn!(problem, "the Lease could not be renewed; trying again"),
                Err(problem) => return tracing::error!(problem, "the Lease could not be renewed in time"),
            }
        }
    }

    /// One hanging request must not use up all the time for renewing.
    async fn attempt_in_time(&mut self, deadline: Instant) -> Result<bool, String> {
        let deadline = deadline.min(Instant::now() + self.timing.renew / 2);
        match timeout_at(deadline, self.attempt()).await {
            Ok(attempt) => attempt.map_err(|error| crate::report::brief(&error)),
            Err(_) => Err("the API server gave no answer in time".into()),
        }
    }

    /// Takes the Lease or renews it. False: another holds it.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        // A leader knows the version that it wrote.
        if self.holder() == self.identity && self.write().await? {
            return Ok(true);
        }
        loop {
            let live = self.api.get_opt(LEASE).await?;
            self.observe(live);
            if self.is_held_by_another() {
                return Ok(false);
            }
            // What is ours and was changed meanwhile, a label perhaps, is read again; of what is free another was quicker.
            if self.write().await? || self.holder() != self.identity {
                return Ok(self.holder() == self.identity);
            }
        }
    }

    /// False: it was changed meanwhile, or is not there any more.
    async fn write(&mut self) -> Result<bool, kube::Error> {
        let lease = self.taken();
        let written = match lease.metadata.resource_version {
            Some(_) => effect::make(Effect::HoldLead, self.api.replace(LEASE, &PostParams::default(), &lease)).await,
            None => effect::make(Effect::HoldLead, self.api.create(&PostParams::default(), &lease)).await,
        };
        match written {
            Ok(lease) => {
                self.observe(Some(lease));
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(kube::Error::Api(status)) if status.code == 404 && self.observed.is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Only over a version that bears our name: whoever took it meanwhile keeps it.
    async fn give_back(&mut self) {
        let patience = self.timing.retry;
        let back = async {
            let live = self.api.get_opt(LEASE).await?;
            self.observe(live);
            if self.holder() != self.identity {
                return Ok(());
            }
            let mut lease = self.taken();
            if let Some(spec) = &mut lease.spec {
                // As client-go does: nobody holds it, and nobody waits for it.
                spec.holder_identity = Some(String::new());
                spec.lease_duration_seconds = Some(1);
                spec.acquire_time.clone_from(&spec.renew_time);
            }
            effect::make(Effect::GiveLeadBack, self.api.replace(LEASE, &PostParams::default(), &lease)).await.map(drop)
        };
        match timeout(patience, back).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = crate::report::brief(&error), "the Lease could not be given back"),
            Err(_) => tracing::warn!("the Lease could not be given back in time"),
        }
    }

    fn observe(&mut self, live: Option<Lease>) {
        let before = self.observed.take();
        self.observed = live.map(|lease| {
            let since = before.filter(|before| before.lease.spec == lease.spec).map_or_else(Instant::now, |before| before.since);
            Observed { lease, since }
        });
    }

    fn spec(&self) -> Option<&LeaseSpec> {
        self.observed.as_ref()?.lease.spec.as_ref()
    }

    fn holder(&self) -> &str {
        self.spec().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
    }

    fn is_held_by_another(&self) -> bool {
        let Some(observed) = &self.observed else { return false };
        let seconds = self.spec().and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        let duration = seconds.map_or(self.timing.lease, Duration::from_secs);
        !matches!(self.holder(), holder if holder.is_empty() || holder == self.identity) && observed.since.elapsed() < duration
    }

    /// The Lease with us as its holder from now on, else as it was read.
    fn taken(&self) -> Lease {
        let mut lease = self.observed.as_ref().map(|observed| observed.lease.clone()).unwrap_or_default();
        lease.metadata.name = Some(LEASE.into());
        let now = Some(MicroTime(Timestamp::now()));
        let is_first = self.observed.is_none();
        let is_ours = self.holder() == self.identity;
        let spec = lease.spec.get_or_insert_default();
        if !is_ours {
            spec.acquire_time.clone_from(&now);
            spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default() + i32::from(!is_first));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(self.timing.lease.as_secs()).ok();
        spec.renew_time = now;
        lease
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use k8s_openapi::jiff::SignedDuration;
    use support::{ControlPlane, Namespace};

    /// Short, so that no test waits long; a second is the shortest that a Lease can say.
    const SHORT: Timing = Timing { lease: Duration::from_secs(2), renew: Duration::from_secs(1), retry: Duration::from_millis(100) };

    async fn cluster() -> (ControlPlane, Namespace) {
        let control_plane = ControlPlane::shared().await.unwrap();
        let namespace = control_plane.cluster().namespace().await.unwrap();
        (control_plane, namespace)
    }

    fn candidate(namespace: &Namespace, identity: &str) -> Leadership {
        let options = LeaderOptions { namespace: namespace.name().into(), identity: identity.into() };
        Leadership::begin(namespace.cluster().client().clone(), &options, SHORT)
    }

    async fn wins(leadership: &mut Leadership) {
        assert!(timeout(Duration::from_secs(30), leadership.won(&CancellationToken::new())).await.unwrap());
    }

    async fn spec(namespace: &Namespace) -> LeaseSpec {
        namespace.api::<Lease>().get(LEASE).await.unwrap().spec.unwrap()
    }

    /// As another holder writes it, over whatever is there.
    async fn held(namespace: &Namespace, holder: &str, seconds: i32, renewed: Timestamp) {
        let api = namespace.api::<Lease>();
        let mut lease = api.get_opt(LEASE).await.unwrap().unwrap_or_default();
        lease.metadata.name = Some(LEASE.into());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(seconds),
            acquire_time: Some(MicroTime(renewed)),
            renew_time: Some(MicroTime(renewed)),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        });
        match lease.metadata.resource_version {
            Some(_) => api.replace(LEASE, &PostParams::default(), &lease).await.unwrap(),
            None => api.create(&PostParams::default(), &lease).await.unwrap(),
        };
    }

    #[tokio::test]
    async fn of_many_that_come_together_one_leads_and_gives_back_as_client_go_does() {
        let (_control_plane, namespace) = cluster().await;
        let mut all: Vec<_> = (0..8).map(|number| candidate(&namespace, &format!("candidate-{number}"))).collect();
        let (_, first, _) = futures::future::select_all(all.iter_mut().map(|one| Box::pin(wins(one)))).await;
        let winner = all.swap_remove(first);
        // Longer than the Lease lasts: it is renewed.
        let stop = CancellationToken::new();
        let others = join_all(all.iter_mut().map(|one| one.won(&stop)));
        assert!(timeout(SHORT.lease * 2, others).await.is_err(), "two lead");
        drop(all);
        let held = spec(&namespace).await;
        assert_eq!((held.lease_transitions, held.lease_duration_seconds), (Some(0), Some(2)));
        winner.release().await;
        let free = spec(&namespace).await;
        assert_eq!((free.holder_identity.as_deref(), free.lease_duration_seconds), (Some(""), Some(1)));
        assert_eq!((free.lease_transitions, free.acquire_time), (Some(0), free.renew_time));
    }

    #[tokio::test]
    async fn a_lease_that_was_given_back_is_taken_at_once() {
        let (_control_plane, namespace) = cluster().await;
        held(&namespace, "", 3600, Timestamp::now()).await;
        let mut ours = candidate(&namespace, "ours");
        wins(&mut ours).await;
        let taken = spec(&namespace).await;
        assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("ours"), Some(4)));
    }

    #[tokio::test]
    async fn a_lease_runs_out_by_not_changing_whatever_the_clock_of_its_holder_says() {
        let (_control_plane, namespace) = cluster().await;
        let now = Timestamp::now();
        // Its clock is an hour slow: it looks as if it had run out long ago.
        held(&namespace, "slow", 2, now - SignedDuration::from_hours(1)).await;
        let began = Instant::now();
        wins(&mut candidate(&namespace, "ours")).await;
        assert!(began.elapsed() >= Duration::from_secs(2), "taken from a holder that may live: {:?}", began.elapsed());
        // And an hour fast.
        held(&namespace, "fast", 1, now + SignedDuration::from_hours(1)).await;
        wins(&mut candidate(&namespace, "ours")).await;
    }

    #[tokio::test]
    async fn whoever_took_the_lease_keeps_it() {
        let (_control_plane, namespace) = cluster().await;
        let mut ours = candidate(&namespace, "ours");
        wins(&mut ours).await;
        held(&namespace, "other", 3600, Timestamp::now()).await;
        timeout(SHORT.renew, ours.lost()).await.unwrap();
        ours.release().await;
        let kept = spec(&namespace).await;
        assert_eq!((kept.holder_identity.as_deref(), kept.lease_duration_seconds), (Some("other"), Some(3600)));
    }

    #[tokio::test]
    async fn a_lease_that_was_deleted_is_made_again() {
        let (_control_plane, namespace) = cluster().await;
        let mut ours = candidate(&namespace, "ours");
        wins(&mut ours).await;
        namespace.api::<Lease>().delete(LEASE, &kube::api::DeleteParams::default()).await.unwrap();
        let made = namespace.eventually("a new Lease", async || namespace.api::<Lease>().get(LEASE).await).await.unwrap();
        assert_eq!(made.spec.unwrap().holder_identity.as_deref(), Some("ours"));
    }

    #[tokio::test]
    async fn the_lead_is_lost_when_the_lease_can_be_renewed_no_more() {
        let (_control_plane, namespace) = cluster().await;
        let mut ours = candidate(&namespace, "ours");
        wins(&mut ours).await;
        // The namespace's end takes the Lease, and forbids to make another.
        let api: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(namespace.cluster().client().clone());
        api.delete(namespace.name(), &kube::api::DeleteParams::default()).await.unwrap();
        timeout(Duration::from_secs(30), ours.lost()).await.unwrap();
    }
}
