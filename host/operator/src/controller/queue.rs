//! The queue of one kind in one scope: a watch that sees what a user changed, and wake-ups from everywhere else.
//!
//! Changes of the status alone queue nothing: they are our own. A restart of the watch lists everything again; what is
//! missing then was deleted meanwhile, and is forgotten like what was seen to be deleted; so is what was deleted while it was
//! reconciled, once that has ended. Nothing is reconciled before the first list is complete and each of its objects was shown
//! to [`Follow::seen`].
use crate::{
    cluster::{REFUSED_PAUSE, is_refused, refused_fault},
    object::ObjectRef,
    trigger::{Cause, Triggers},
};
use api::well_known::annotation::RESYNC;
use futures::{Stream, StreamExt, channel::mpsc, future, stream};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        WatchStreamExt, applier,
        controller::{self, Action, Config},
        reflector::{self, ObjectRef as KubeRef},
        watcher::{self, Event},
    },
};
use serde::de::DeserializeOwned;
use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    fmt::Debug,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// Reconciles at once: a thousand resources wait for network, not for CPU.
const CONCURRENCY: u16 = 64;

/// Holds megabytes of what the spec says anyway.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Told of the objects of a queue.
pub trait Follow<K>: Clone + Send {
    /// It appeared or was changed by a user.
    fn seen(&mut self, object: &K);

    /// The first list of the watch, or a new one, is complete.
    fn listed(&mut self) {}

    /// It was deleted. Told again where a reconcile of it was under way then.
    fn gone(&mut self, object: ObjectRef);
}

/// What a user can change of an object, as it was last seen.
struct Seen {
    fingerprint: u64,
    /// Value of the annotation that asks for a fresh read.
    resync: Option<String>,
}

/// What a watch has seen of its objects, and what to do about the next event.
pub struct Changes<F> {
    kind: &'static str,
    triggers: Arc<Triggers>,
    follower: F,
    seen: HashMap<(String, String), Seen>,
    listed: HashSet<(String, String)>,
    /// Of a list under way: the store shows it when it is complete, and not before.
    held: Vec<(String, String)>,
    unlisted: Option<Unlisted>,
}

/// Held by each queue until its first list is complete. Whoever has the receiver sees it end when all are.
pub type Unlisted = tokio::sync::mpsc::Sender<Infallible>;

impl<F> Changes<F> {
    #[must_use]
    pub fn new(kind: &'static str, triggers: Arc<Triggers>, follower: F) -> Self {
        Self { kind, triggers, follower, seen: HashMap::new(), listed: HashSet::new(), held: Vec::new(), unlisted: None }
    }

    /// Lets go of `unlisted` when the first list is complete.
    #[must_use]
    pub fn announcing(self, unlisted: Unlisted) -> Self {
        Self { unlisted: Some(unlisted), ..self }
    }

    /// The objects to queue, if any: those of a list together, once it is complete.
    pub fn take<K: Resource<DynamicType = ()>>(&mut self, event: &Event<K>) -> Vec<KubeRef<K>>
    where
        F: Follow<K>,
    {
        match event {
            Event::Init => {
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.insert(name(object));
                if self.applied(object).is_some() {
                    self.held.push(name(object));
                }
                Vec::new()
            }
            Event::InitDone => {
                let missing: Vec<_> = self.seen.keys().filter(|name| !self.listed.contains(*name)).cloned().collect();
                self.listed = HashSet::new();
                missing.into_iter().for_each(|name| self.deleted::<K>(name));
                self.follower.listed();
                self.unlisted = None;
                let held = std::mem::take(&mut self.held);
                held.iter().map(|(namespace, name)| reference(namespace, name)).collect()
            }
            Event::Apply(object) => self.applied(object).into_iter().collect(),
            Event::Delete(object) => {
                self.deleted::<K>(name(object));
                Vec::new()
            }
        }
    }

    fn applied<K: Resource<DynamicType = ()>>(&mut self, object: &K) -> Option<KubeRef<K>>
    where
        F: Follow<K>,
    {
        let seen = Seen { fingerprint: fingerprint(object), resync: object.annotations().get(RESYNC).cloned() };
        let (fingerprint, resync) = (seen.fingerprint, seen.resync.clone());
        let before = self.seen.insert(name(object), seen);
        let cause = match before {
            None => Cause::Startup,
            Some(before) if before.fingerprint == fingerprint => return None,
            Some(before) if before.resync != resync => Cause::Forced,
            Some(_) => Cause::Spec,
        };
        self.follower.seen(object);
        let (namespace, name) = name(object);
        self.triggers.note(&ObjectRef { kind: self.kind, namespace, name }, cause);
        Some(KubeRef::from_obj(object))
    }

    fn deleted<K>(&mut self, (namespace, name): (String, String))
    where
        F: Follow<K>,
    {
        self.seen.remove(&(namespace.clone(), name.clone()));
        let object = ObjectRef { kind: self.kind, namespace, name };
        self.triggers.take(&object);
        self.follower.gone(object);
    }
}

fn name<K: Resource>(object: &K) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// Everything of an object that a user can change, and whether it is being deleted.
fn fingerprint<K: Resource>(object: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    let meta = object.meta();
    (&meta.uid, meta.generation, &meta.labels, &meta.annotations, meta.deletion_timestamp.is_some()).hash(&mut hasher);
    hasher.finish()
}

/// Reconciles until `stop`, then ends those that have begun. `tell` is told when the role shows the kind no longer, and when it does
/// again.
pub async fn run<K, C, R, F>(
    api: Api<K>,
    changes: Changes<F>,
    woken: mpsc::UnboundedReceiver<ObjectRef>,
    context: Arc<C>,
    reconcile: impl Fn(Arc<K>, Arc<C>) -> R + Send + 'static,
    tell: impl FnMut(bool) + Send + 'static,
    stop: CancellationToken,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
    C: Send + Sync + 'static,
    R: Future<Output = Action> + Send + 'static,
    F: Follow<K> + 'static,
{
    let (store, writer) = reflector::store();
    let (kind, triggers, follower) = (changes.kind, Arc::clone(&changes.triggers), changes.follower.clone());
    let known = store.clone();
    let watched = watcher::watcher(api, watcher::Config::default()).default_backoff().modify(trim).reflect(writer);
    let queue = queue(patient(watched, REFUSED_PAUSE, tell), changes, woken).take_until(stop.cancelled_owned());
    // A reconcile reports its own failures: nothing is left for an error policy.
    let never = |_: Arc<K>, error: &Infallible, _: Arc<C>| -> Action { match *error {} };
    let reconcile = move |object: Arc<K>, context| {
        let key = KubeRef::from_obj(&*object);
        let (namespace, name) = name(&*object);
        let action = reconcile(object, context);
        let (known, mut follower) = (known.clone(), follower.clone());
        Box::pin(async move {
            let action = action.await;
            if known.get(&key).is_some() {
                return Ok(action);
            }
            // Deleted meanwhile: whatever the reconcile took up after that is let go.
            follower.gone(ObjectRef { kind, namespace, name });
            Ok(Action::await_change())
        })
    };
    applier(reconcile, never, context, store, Box::pin(queue), Config::default().concurrency(CONCURRENCY))
        .for_each(|ended| {
            match ended {
                Ok(_) => {}
                // Woken, and deleted before its turn came.
                Err(controller::Error::ObjectNotFound(gone)) => {
                    triggers.take(&ObjectRef { kind, namespace: gone.namespace.unwrap_or_default(), name: gone.name });
                }
                Err(error) => tracing::error!(error = %error, "a queue failed"),
            }
            future::ready(())
        })
        .await;
}

fn trim<K: Resource>(object: &mut K) {
    object.managed_fields_mut().clear();
    object.annotations_mut().remove(LAST_APPLIED);
}

/// Says what breaks a watch. Where the role does not allow it, that is said once, and asked again after a pause: a person grants
/// rights, and the other kinds are served meanwhile.
fn patient<K: Resource<DynamicType = ()> + Send>(
    watched: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    pause: Duration,
    mut tell: impl FnMut(bool) + Send,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send {
    let (mut said, mut told) = (false, false);
    watched.then(move |event| {
        let refused = event.as_ref().is_err_and(is_refused);
        match &event {
            Err(_) if refused && said => {}
            Err(_) if refused => {
                let fault = refused_fault(&K::plural(&()), None);
                tracing::error!(reason = fault.reason, "{}", fault.message);
                told = true;
                tell(true);
            }
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = %crate::report::watch_error(error), "a watch broke and starts again");
            }
            Ok(_) => {}
        }
        if matches!(event, Ok(Event::InitDone)) && std::mem::take(&mut told) {
            tell(false);
        }
        // A list begins with an event that says nothing about the server.
        said = refused || (said && matches!(event, Ok(Event::Init)));
        async move {
            if refused {
                tokio::time::sleep(pause).await;
            }
            event
        }
    })
}

fn queue<K, F>(
    watched: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
    mut changes: Changes<F>,
    woken: mpsc::UnboundedReceiver<ObjectRef>,
) -> impl Stream<Item = Result<KubeRef<K>, Infallible>> + Send
where
    K: Resource<DynamicType = ()> + Send + 'static,
    F: Follow<K>,
{
    let changed = watched.flat_map(move |event| stream::iter(event.ok().map(|event| changes.take(&event)).unwrap_or_default()));
    let woken = woken.map(|object| reference(&object.namespace, &object.name));
    stream::select(changed, woken).map(Ok)
}

/// The key of an object in a store; of a kind without namespaces where that is empty.
fn reference<K: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> KubeRef<K> {
    let reference = KubeRef::new(name);
    if namespace.is_empty() { reference } else { reference.within(namespace) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    impl Follow<ConfigMap> for Told {
        fn seen(&mut self, object: &ConfigMap) {
            self.0.lock().unwrap().push(format!("seen {}", object.name_any()));
        }

        fn gone(&mut self, object: ObjectRef) {
            self.0.lock().unwrap().push(format!("gone {}", object.name));
        }
    }

    fn object(name: &str, generation: i64) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.into());
        object.metadata.namespace = Some("n".into());
        object.metadata.generation = Some(generation);
        object
    }

    #[test]
    fn status_changes_queue_nothing_and_what_a_new_list_lacks_is_gone() {
        let told = Told::default();
        let mut changes = Changes::new("ConfigMap", Arc::default(), told.clone());
        assert!(changes.take(&Event::Init::<ConfigMap>).is_empty());
        assert!(changes.take(&Event::InitApply(object("a", 1))).is_empty());
        assert!(changes.take(&Event::InitApply(object("b", 1))).is_empty());
        assert_eq!(changes.take(&Event::InitDone::<ConfigMap>).len(), 2);
        let mut status = object("a", 1);
        status.metadata.resource_version = Some("2".into());
        assert!(changes.take(&Event::Apply(status)).is_empty());
        assert_eq!(changes.take(&Event::Apply(object("a", 2))).len(), 1);
        let trigger = changes.triggers.take(&ObjectRef { kind: "ConfigMap", namespace: "n".into(), name: "a".into() });
        assert!(trigger.is_some_and(|trigger| trigger.not_before.is_some()));
        let mut resynced = object("a", 2);
        resynced.annotations_mut().insert(RESYNC.into(), "1".into());
        assert_eq!(changes.take(&Event::Apply(resynced.clone())).len(), 1);
        let trigger = changes.triggers.take(&ObjectRef { kind: "ConfigMap", namespace: "n".into(), name: "a".into() });
        assert!(trigger.is_some_and(|trigger| trigger.cause == Cause::Forced && trigger.not_before.is_some()));
        assert!(changes.take(&Event::Apply(resynced)).is_empty());
        changes.take(&Event::Init::<ConfigMap>);
        changes.take(&Event::InitApply(object("b", 1)));
        changes.take(&Event::InitDone::<ConfigMap>);
        assert_eq!(told.take(), ["seen a", "seen b", "seen a", "seen a", "gone a"]);
        changes.take(&Event::Delete(object("b", 1)));
        assert_eq!(told.take(), ["gone b"]);
    }

    #[test]
    fn an_object_without_a_namespace_has_a_key_of_its_own() {
        assert_eq!(reference::<k8s_openapi::api::core::v1::Namespace>("", "a"), KubeRef::new("a"));
        assert_eq!(reference::<ConfigMap>("n", "a"), KubeRef::new("a").within("n"));
    }

    #[tokio::test]
    async fn a_kind_that_the_role_does_not_show_is_asked_for_after_a_pause() {
        const PAUSE: Duration = Duration::from_millis(20);
        let refused = || {
            let status = kube::core::Status::failure("", "Forbidden").with_code(403).boxed();
            Err::<Event<ConfigMap>, _>(watcher::Error::InitialListFailed(kube::Error::Api(status)))
        };
        let broken = Err(watcher::Error::NoResourceVersion);
        let began = std::time::Instant::now();
        let events = [Ok(Event::Init), refused(), Ok(Event::Init), refused(), broken, Ok(Event::InitDone)];
        let mut told = Vec::new();
        let events = patient(stream::iter(events), PAUSE, |refused| told.push(refused));
        assert_eq!(events.collect::<Vec<_>>().await.len(), 6);
        assert!(began.elapsed() >= 2 * PAUSE);
        assert_eq!(told, [true, false]);
    }

    #[tokio::test]
    async fn what_is_deleted_while_it_is_reconciled_is_gone_when_that_has_ended() {
        let control_plane = support::ControlPlane::shared().await.unwrap();
        let namespace = control_plane.cluster().namespace().await.unwrap();
        let api = namespace.api::<ConfigMap>();
        let mut made = object("a", 1);
        made.metadata.namespace = None;
        api.create(&kube::api::PostParams::default(), &made).await.unwrap();

        let triggers = Arc::<Triggers>::default();
        let woken = triggers.queue("ConfigMap", None);
        let told = Told::default();
        let changes = Changes::new("ConfigMap", triggers, told.clone());
        // A reconcile of `a` tells that it has begun, and ends when it may.
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let may_end = Arc::new(tokio::sync::Semaphore::new(0));
        let ending = Arc::clone(&may_end);
        let reconcile = move |object: Arc<ConfigMap>, _: Arc<()>| {
            let (begun, may_end) = (begun.clone(), Arc::clone(&may_end));
            async move {
                if object.name_any() == "a" {
                    begun.send(()).unwrap();
                    may_end.acquire().await.unwrap().forget();
                }
                Action::await_change()
            }
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(api.clone(), changes, woken, Arc::new(()), reconcile, drop, stop.clone()));
        begins.recv().await.unwrap();
        api.delete("a", &kube::api::DeleteParams::default()).await.unwrap();
        let gone = async |times: usize| {
            let told = || told.0.lock().unwrap().iter().filter(|told| *told == "gone a").count();
            namespace.eventually("the end of a", async || if told() == times { Ok(()) } else { Err(told()) }).await.unwrap();
        };
        gone(1).await;
        ending.add_permits(1);
        gone(2).await;
        stop.cancel();
        running.await.unwrap();
    }
}
