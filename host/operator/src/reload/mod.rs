//! Restarts workloads that opted in when a Secret or ConfigMap that they read has changed: once per change, with one write per workload.
//!
//! Deployments, StatefulSets, DaemonSets and, where they are installed, Argo's Rollouts are watched by their metadata alone; whole
//! ones are read only of those that opted in, and again only when their spec changes. A Rollout that refers to a Deployment for its
//! pods reads what that one reads, and is restarted by the pod template of that one, which Argo follows.
//!
//! What can go wrong: a write fails, or the operator ends between a Secret and its workloads. What a workload runs with is
//! noted on it, and what it is owed beyond that in memory, so the next pass makes up for it. A workload that can't be looked at is the
//! fault of those alone that it is known to read; it is looked at again after a pause, or when its spec changes. Under a role that
//! may not patch, workloads are replaced instead, whole and at the version that was read.
mod consumes;
mod decide;
mod kind;
mod looks;
mod readers;
mod rollouts;
mod workloads;

pub(crate) use consumes::{Consumed, consumes};
pub use decide::Followed;

use crate::{
    cluster::{Cluster, Health, Keep, RequestError, Scope, Sighting, Watched, follow},
    effect::Effect,
    object::Name,
    outcome::{Class, Fault},
    reason,
};
use api::well_known::annotation::{AUTO_RELOAD, MANAGED_CONFIG_MAP_PREFIX, MANAGED_SECRET_PREFIX};
use decide::{Notes, Part, decide};
use futures::future::join_all;
use k8s_openapi::{
    api::apps::v1::{DaemonSet, Deployment, StatefulSet},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kind::Kind;
use kube::runtime::watcher::Event;
use looks::ToLook;
pub(crate) use looks::{Known, Reads};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    sync::{mpsc, watch as signal},
    task::JoinSet,
};
use workloads::{Workload, Workloads};

/// How often a workload is read and replaced again because it was changed meanwhile.
const ATTEMPTS: usize = 5;

/// The wish of a workload's owner, and our notes.
struct Notable;

impl Keep for Notable {
    fn keeps(annotation: &str) -> bool {
        annotation == AUTO_RELOAD || is_note(annotation)
    }
}

/// Whether an annotation says what pods run with.
fn is_note(annotation: &str) -> bool {
    [MANAGED_SECRET_PREFIX, MANAGED_CONFIG_MAP_PREFIX].iter().any(|prefix| annotation.starts_with(prefix))
}

/// What came of a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Workloads that opted in and read one of the targets.
    pub followers: usize,
    /// Of these, restarted in this pass.
    pub restarted: usize,
    /// One for each workload that is known to read them and could not be looked at or restarted; the next pass makes up for it.
    pub faults: Vec<Fault>,
    /// Why there may be more of them: one for each watch that the role refuses.
    pub unseen: Vec<Fault>,
    /// One for each workload of which it is not known whether it reads them.
    pub warnings: Vec<Fault>,
}

/// What a pass finds of a workload.
enum Visit {
    /// It reads none of the targets, or is gone.
    Apart,
    /// It reads one.
    Follows { restarted: bool },
    /// It can't be looked at, and nothing says that it reads one.
    Unknown(Fault),
}

/// Knows and restarts workloads. Clones share the same.
#[derive(Clone)]
pub struct Reloader {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    workloads: Mutex<Workloads>,
    health: signal::Sender<Health>,
    /// Workloads of which is to be found out what they read, with whoever has such a target to be woken.
    looks: mpsc::UnboundedSender<ToLook>,
    /// Taken by the task that does so.
    to_look: Mutex<Option<mpsc::UnboundedReceiver<ToLook>>>,
    /// The role may not patch that kind: found out once.
    put_only: [AtomicBool; Kind::ALL.len()],
    /// Whether the API server serves Rollouts; None: not asked yet.
    rollouts: signal::Sender<Option<bool>>,
}

impl Reloader {
    /// Nothing is watched until [`Self::run`] is polled.
    #[must_use]
    pub fn new(cluster: Cluster, scope: &Scope) -> Self {
        let parts = scope.watches().into_iter().flat_map(|namespace| Kind::ALL.map(|kind| (kind.resource(), namespace.clone())));
        let health = signal::Sender::new(Health::of(parts));
        let (looks, to_look) = mpsc::unbounded_channel();
        let inner = Inner {
            cluster,
            workloads: Mutex::default(),
            health,
            looks,
            to_look: Mutex::new(Some(to_look)),
            put_only: Default::default(),
            rollouts: signal::Sender::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Runs the watches. Ends only when it is dropped. To be called once.
    pub async fn run(&self) {
        let parts = self.inner.health.borrow().parts();
        let mut tasks = JoinSet::new();
        for (resource, namespace) in parts {
            let reloader = self.clone();
            tasks.spawn(async move {
                match Kind::of(resource) {
                    Kind::Deployment => reloader.watch::<Deployment>(Kind::Deployment, namespace, false).await,
                    Kind::StatefulSet => reloader.watch::<StatefulSet>(Kind::StatefulSet, namespace, false).await,
                    Kind::DaemonSet => reloader.watch::<DaemonSet>(Kind::DaemonSet, namespace, false).await,
                    Kind::Rollout => reloader.watch_rollouts(namespace).await,
                }
            });
        }
        let reloader = self.clone();
        tasks.spawn(async move { reloader.look_for_rollouts().await });
        let to_look = self.inner.to_look.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(to_look) = to_look {
            let reloader = self.clone();
            tasks.spawn(async move { reloader.look_at_all(to_look).await });
        }
        while tasks.join_next().await.is_some() {}
    }

    pub async fn ready(&self) {
        crate::cluster::ready(&self.inner.health).await;
    }

    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.inner.health.borrow().is_settled()
    }

    /// Which watches are refused, and what that costs.
    #[must_use]
    pub fn degraded(&self) -> Vec<Fault> {
        self.inner.health.borrow().faults()
    }

    /// How the watches fare, now and from now on.
    pub(crate) fn health(&self) -> signal::Receiver<Health> {
        self.inner.health.subscribe()
    }

    /// Brings the workloads that read these up to date. To be called at the end of each pass, whether or not anything
    /// changed; where nothing is to be done it costs no request.
    pub async fn reload(&self, secrets: &[Followed<'_>]) -> Reloaded {
        let namespaces: BTreeSet<&str> = secrets.iter().map(|secret| secret.name.namespace.as_str()).collect();
        let workloads = self.workloads().to_visit(secrets);
        let results = join_all(workloads.iter().map(|workload| self.bring_up_to_date(workload, secrets))).await;
        let mut reloaded = Reloaded { unseen: self.unseen(&namespaces), ..Reloaded::default() };
        for result in results {
            match result {
                Ok(Visit::Apart) => {}
                Ok(Visit::Follows { restarted }) => {
                    reloaded.followers += 1;
                    reloaded.restarted += usize::from(restarted);
                }
                Ok(Visit::Unknown(fault)) => reloaded.warnings.push(fault),
                Err(fault) => reloaded.faults.push(fault),
            }
        }
        reloaded
    }

    fn unseen(&self, namespaces: &BTreeSet<&str>) -> Vec<Fault> {
        let health = self.inner.health.borrow();
        let mut faults = Vec::new();
        for kind in Kind::ALL {
            faults.extend(namespaces.iter().filter_map(|namespace| health.fault_of(kind.resource(), namespace)));
        }
        faults.dedup();
        faults
    }

    async fn bring_up_to_date(&self, workload: &Workload, secrets: &[Followed<'_>]) -> Result<Visit, Fault> {
        let here = || secrets.iter().filter(|secret| secret.name.namespace == workload.name.namespace);
        let reads = match self.reads(workload).await {
            None => return Ok(Visit::Apart),
            Some(Ok(reads)) => reads,
            Some(Err(fault)) => {
                let changed = here().filter(|secret| secret.data_changed);
                let mut workloads = self.workloads();
                workloads.owe(workload, changed.map(Followed::consumed));
                return if workloads.is_known_to_read(workload, secrets) { Err(fault) } else { Ok(Visit::Unknown(not_known(fault))) };
            }
        };
        let read = || here().filter(|secret| reads.consumed.contains(&secret.consumed()));
        if read().next().is_none() {
            return Ok(Visit::Apart);
        }
        let Some(gate) = self.workloads().gate(workload) else { return Ok(Visit::Apart) };
        let _one_at_a_time = gate.lock().await;
        let Some((noted, owed)) = self.workloads().notes(workload) else { return Ok(Visit::Apart) };
        let notes = decide(&noted, &owed, &reads.consumed, read());
        if notes.all.is_empty() {
            return Ok(Visit::Follows { restarted: false });
        }
        self.workloads().begin_write(workload);
        let made = match &reads.template_of {
            None => self.write(workload, &notes, Part::Whole).await,
            Some(deployment) => self.write_apart(workload, deployment, &notes).await,
        };
        match made {
            Ok(metadata) => {
                let is_there = metadata.is_some();
                if self.workloads().end_write(workload, metadata, read().map(Followed::consumed)) {
                    self.look_at(workload.clone());
                }
                Ok(if is_there { Visit::Follows { restarted: !notes.restarting.is_empty() } } else { Visit::Apart })
            }
            Err(error) => {
                let mut workloads = self.workloads();
                let look = workloads.end_write(workload, None, std::iter::empty());
                let restarting = read().filter(|secret| notes.restarting.contains(&secret.annotation(&reads.consumed)));
                workloads.owe(workload, restarting.map(Followed::consumed));
                drop(workloads);
                if look {
                    self.look_at(workload.clone());
                }
                let names: Vec<_> = read().map(|secret| secret.name.name.as_str()).collect();
                Err(fault(&error, workload, &names.join(", ")))
            }
        }
    }

    /// The pod template of another object first: what is noted on the workload then was done, and doing it again changes nothing.
    async fn write_apart(&self, workload: &Workload, deployment: &str, notes: &Notes) -> Result<Option<ObjectMeta>, RequestError> {
        if !notes.restarting.is_empty() {
            let other = Workload { kind: Kind::Deployment, name: Name::new(&workload.name.namespace, deployment) };
            if self.write(&other, notes, Part::Template).await?.is_none() {
                return Ok(None);
            }
        }
        self.write(workload, notes, Part::Own).await
    }

    /// The metadata after the write; None: the workload is gone.
    async fn write(&self, workload: &Workload, notes: &Notes, part: Part) -> Result<Option<ObjectMeta>, RequestError> {
        let put_only = self.inner.put_only.get(workload.kind as usize);
        if put_only.is_some_and(|put_only| put_only.load(Ordering::Relaxed)) {
            return self.replace(workload, notes, part).await;
        }
        let Name { namespace, name } = &workload.name;
        let requests = self.inner.cluster.requests();
        let patched = requests.merge(Effect::RestartWorkload, workload.kind.collection(namespace), name, &notes.patch(part)).await;
        match patched {
            Ok(made) => Ok(Some(metadata(made))),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) if error.code() == 403 => {
                let replaced = self.replace(workload, notes, part).await?;
                if put_only.is_some_and(|put_only| !put_only.swap(true, Ordering::Relaxed)) {
                    let resource = workload.kind.resource();
                    tracing::info!(resource, "the role does not allow to patch workloads of this kind: they are updated as a whole");
                }
                Ok(replaced)
            }
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, workload: &Workload, notes: &Notes, part: Part) -> Result<Option<ObjectMeta>, RequestError> {
        let Name { namespace, name } = &workload.name;
        let requests = self.inner.cluster.requests();
        let mut attempt = 1;
        loop {
            // Undecoded, so that fields of a newer API server are sent back as they came.
            let live = requests.get::<serde_json::Value>(workload.kind.collection(namespace), name).await?;
            let Some(mut object) = live else { return Ok(None) };
            if !notes.write(&mut object, part) {
                return Err(RequestError::Undecodable);
            }
            match requests.replace(Effect::RestartWorkload, workload.kind.collection(namespace), name, &object).await {
                Ok(made) => return Ok(Some(metadata(made))),
                Err(error) if error.code() == 409 && attempt < ATTEMPTS => attempt += 1,
                Err(error) if error.code() == 404 => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    async fn watch<K: Watched>(&self, kind: Kind, namespace: Option<String>, late: bool) {
        let mut epoch = 0;
        let mut starting = !late;
        let mut take = |event: Event<Sighting<K, Notable>>| match event {
            Event::Init => epoch = self.workloads().relist(),
            Event::InitApply(object) | Event::Apply(object) => self.observe(kind, object.metadata, epoch, starting),
            Event::Delete(object) => {
                if let Some(workload) = workload(kind, &object.metadata) {
                    self.workloads().remove(&workload);
                }
            }
            Event::InitDone => {
                starting = false;
                self.workloads().sweep(epoch, |workload| is_in_scope(workload, kind, namespace.as_deref()));
            }
        };
        follow::<K, Notable>(self.inner.cluster.requests().client(), kind.resource(), namespace.as_deref(), &self.inner.health, &mut take)
            .await;
    }

    /// What the first list has is looked at when a pass needs it; resources are reconciled at a start anyway.
    fn observe(&self, kind: Kind, metadata: ObjectMeta, epoch: u64, starting: bool) {
        let Some(workload) = workload(kind, &metadata) else { return };
        let look = self.workloads().observe(&workload, metadata, epoch);
        look.into_iter().filter(|_| !starting).for_each(|workload| self.look_at(workload));
    }

    fn workloads(&self) -> MutexGuard<'_, Workloads> {
        self.inner.workloads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn metadata(made: Sighting<Deployment, Notable>) -> ObjectMeta {
    made.metadata
}

fn is_in_scope(workload: &Workload, kind: Kind, namespace: Option<&str>) -> bool {
    workload.kind == kind && namespace.is_none_or(|namespace| *namespace == workload.name.namespace)
}

fn workload(kind: Kind, metadata: &ObjectMeta) -> Option<Workload> {
    Some(Workload { kind, name: Name::new(metadata.namespace.clone()?, metadata.name.clone()?) })
}

/// For whoever it is not known to read.
fn not_known(fault: Fault) -> Fault {
    Fault { message: format!("{}: it is not known what it reads, so it may miss restarts", fault.message), ..fault }
}

fn fault(error: &RequestError, workload: &Workload, secrets: &str) -> Fault {
    let mut fault = error.fault(&format!("restart {workload}, which reads {secrets}"), std::iter::empty());
    if fault.class == Class::UserFix && error.code() != 404 {
        fault.reason = reason::WORKLOAD_INVALID;
    }
    fault
}
