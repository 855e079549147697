//! Keeps targets: Secrets and ConfigMaps as a resource wants them.
//!
//! A target is created, or replaced by the object that was just compared, at the version at which it was compared: a change
//! that was not seen can't be overwritten, and another manager's keys don't stay. One that is known to be unchanged since it
//! was last found right costs no request at all.
//!
//! What can go wrong: the object belongs to someone else, another resource names it too, it is immutable, too large, has
//! keys that can't be, or others keep changing it ([`brake`]). Each is a fault of that one target and leaves it as it was; the others of
//! the resource are kept all the same.
mod brake;
mod check;
pub(crate) mod claims;
mod compare;
mod lease;
mod metadata;
mod object;
mod ownership;
mod volatile;

#[cfg(test)]
pub(crate) mod testing;

use crate::{
    cluster::{Cluster, Key, RequestError, State},
    digest::Parts,
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::{CreationPolicy, Data, Desired, Owner, Target, spread::Spread},
    reason,
    trigger::Cause,
};
use api::well_known::annotation;
use brake::{Brakes, Held};
pub(crate) use claims::Claims;
use compare::{Compared, Step, compare};
use futures::future::join_all;
pub use lease::Holding;
pub(crate) use metadata::is_tracking;
pub(crate) use object::Object;
pub(crate) use ownership::{in_vain, judge, left_behind};
use secrecy::ExposeSecret;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How often a target is read and compared again because it was changed meanwhile. More in a row means that someone keeps
/// writing it, which a pause helps better against.
const ATTEMPTS: usize = 5;

/// Where something else keeps changing a target of which no interval is known, it is written at least so often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What happened to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
}

/// A target that is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub change: Change,
    /// Whether its values changed, and not only what surrounds them.
    pub data_changed: bool,
    /// Value of its version annotation.
    pub version: String,
    /// Works, but should be mended.
    pub warning: Option<Fault>,
}

/// The targets of all resources. Clones share them.
#[derive(Clone)]
pub struct Targets {
    cluster: Cluster,
    claims: Arc<Mutex<Claims>>,
    /// Digests of the volatile values of targets that were taken over without a note of it.
    remembered: Arc<Mutex<HashMap<Key, String>>>,
    brakes: Arc<Mutex<Brakes>>,
}

impl Targets {
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, claims: Arc::default(), remembered: Arc::default(), brakes: Arc::default() }
    }

    /// Says which targets a resource names, all of them, instead of those before: they are watched, and of several resources
    /// with one target one keeps it. To be called before [`Self::apply`], and best as soon as the resource is seen, so that
    /// after a start the right one is first. Costs no request.
    pub fn declare(&self, owner: &Owner, targets: &[Target]) {
        self.declare_keys(owner, targets.iter().map(key).collect(), false);
    }

    /// As [`Self::declare`], where the targets may be elsewhere: of some it is not known now where they are, so that the
    /// resource keeps what it named before, too; and what those name that can't be kept now.
    pub fn declare_spread(&self, owner: &Owner, spread: &Spread) {
        let placed = spread.placed.iter().map(|placed| key(&placed.target));
        self.declare_keys(owner, placed.chain(spread.held.iter().cloned()).collect(), spread.unknown);
    }

    fn declare_keys(&self, owner: &Owner, mut keys: HashSet<Key>, and_before: bool) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if and_before {
            keys.extend(claims.named(owner).cloned());
        }
        let let_go: Vec<_> = claims.names_of(&owner.object).filter(|key| !keys.contains(key)).cloned().collect();
        let others = claims.declare(owner, &keys);
        self.drop_memory(&claims, &let_go);
        drop(claims);
        self.cluster.set_targets(&owner.object, keys);
        self.wake(others);
    }

    /// The resource is gone: its targets are watched no longer, and may pass to others.
    pub fn forget(&self, resource: &ObjectRef) {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let let_go: Vec<_> = claims.names_of(resource).cloned().collect();
        let others = claims.forget(resource);
        self.drop_memory(&claims, &let_go);
        drop(claims);
        self.cluster.forget(resource);
        self.wake(others);
    }

    /// Of targets that nobody names any more nothing is remembered.
    fn drop_memory(&self, claims: &Claims, let_go: &[Key]) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut brakes = self.brakes();
        for key in let_go.iter().filter(|key| !claims.is_named(key)) {
            remembered.remove(key);
            brakes.forget(key);
        }
    }

    fn wake(&self, resources: HashSet<ObjectRef>) {
        resources.iter().for_each(|resource| self.cluster.wake(resource, Cause::Target));
    }

    /// Applies each, in the order given; one that fails holds no other up.
    pub async fn apply_all(&self, owner: &Owner, wanted: &[(&Target, &Desired)]) -> Vec<Result<Applied, Fault>> {
        join_all(wanted.iter().map(|(target, desired)| self.apply(owner, target, desired))).await
    }

    /// Makes one target as it is to be.
    ///
    /// # Errors
    /// As the module says; the target is then as it was.
    pub async fn apply(&self, owner: &Owner, target: &Target, desired: &Desired) -> Result<Applied, Fault> {
        self.apply_within(LONGEST_PAUSE, owner, target, desired).await
    }

    /// As [`Self::apply`]; where something else keeps changing the target, it is written at least once in so long.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn apply_within(&self, longest: Duration, owner: &Owner, target: &Target, desired: &Desired) -> Result<Applied, Fault> {
        let key = key(target);
        check::check(target, &desired.data)?;
        self.cluster.add_target(&owner.object, &key);
        let digest = fingerprint(owner, target, desired);
        let now = Instant::now();
        if let Some(held) = self.brakes().held(&key, &digest, now) {
            return Err(held.fault(target, now));
        }
        for attempt in 0..ATTEMPTS {
            self.refuse_if_claimed(owner, target, &key)?;
            if let Some(version) = self.cluster.verified(&key, &digest) {
                self.brakes().calm(&key);
                return Ok(Applied { change: Change::Unchanged, data_changed: false, version, warning: None });
            }
            // What is there all the same refuses to be created, and is read at the next attempt.
            let live = if attempt == 0 && self.cluster.is_absent(&key) {
                None
            } else {
                let live = Object::get(self.cluster.requests(), &key).await;
                let live = live.map_err(|error| fault(&error, "get", target, &desired.data))?;
                self.cluster.answered(&key, live.as_ref().map_or(State::Absent(None), Object::state));
                live
            };
            let remembered = self.remembered(&key);
            let compared = compare(live.as_ref(), owner, target, desired, remembered.as_deref())?;
            let (change, doing) = match &compared.step {
                Step::Nothing => {
                    self.brakes().calm(&key);
                    if let Some(live) = &live {
                        self.found_right(&key, live, digest, &compared);
                    }
                    return Ok(applied(compared, Change::Unchanged));
                }
                Step::Create(_) => (Change::Created, "create"),
                Step::Replace(_) => (Change::Updated, "update"),
            };
            let by = live.as_ref().and_then(|live| brake::last_manager(live.metadata.managed_fields.as_ref()));
            if let Err(held) = self.brakes().ask(&key, &digest, now, longest, by) {
                self.wake_after(owner, &held);
                return Err(held.fault(target, now));
            }
            match self.write(&key, &compared, digest).await {
                Ok(()) => {
                    return match self.keep_brake(&key, digest, longest) {
                        None => Ok(applied(compared, change)),
                        Some(held) => {
                            self.wake_after(owner, &held);
                            Err(held.fault(target, Instant::now()))
                        }
                    };
                }
                // Made, changed or deleted meanwhile. A missing namespace answers 404 to a create.
                Err(error) if error.code() == 409 || (error.code() == 404 && change == Change::Updated) => {}
                Err(error) => return Err(fault(&error, doing, target, &desired.data)),
            }
        }
        Err(conflict(target))
    }

    /// Notes a write. Held: that it stays is to be seen.
    fn keep_brake(&self, key: &Key, digest: [u8; 32], longest: Duration) -> Option<Held> {
        // Locked while it is noted, so that a resource that goes in the middle of a pass leaves nothing behind.
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        if claims.is_named(key) { self.brakes().wrote(key, digest, Instant::now(), longest) } else { None }
    }

    /// Failures in a row would be retried later than that.
    fn wake_after(&self, owner: &Owner, held: &Held) {
        let (cluster, object, until) = (self.cluster.clone(), owner.object.clone(), held.until());
        tokio::spawn(async move {
            tokio::time::sleep_until(until.into()).await;
            cluster.wake(&object, Cause::Target);
        });
    }

    fn brakes(&self) -> MutexGuard<'_, Brakes> {
        self.brakes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, key: &Key, compared: &Compared, digest: [u8; 32]) -> Result<(), RequestError> {
        let writing = self.cluster.writing(key);
        let requests = self.cluster.requests();
        let (made, written) = match &compared.step {
            Step::Nothing => return Ok(()),
            Step::Create(object) => (object.clone().create(requests, key).await, object),
            Step::Replace(object) => (object.clone().replace(requests, key).await, object),
        };
        if made.as_ref().map_or_else(|error| error.code() == 0, |_| true) {
            self.cluster.wrote_owners(key, &written.metadata);
        }
        let identity = made?;
        writing.made(State::Present(identity.clone()));
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if compared.warning.is_none() {
            self.cluster.verify(key, identity, digest, compared.version.clone());
        }
        Ok(())
    }

    fn found_right(&self, key: &Key, live: &Object, digest: [u8; 32], compared: &Compared) {
        if let Some(inputs) = &compared.remember {
            // Held while it is written, so that a resource that goes in the middle of a pass leaves nothing behind.
            let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
            if claims.is_named(key) {
                self.remembered.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), inputs.clone());
            }
        }
        // A warning is to be found again at the next pass.
        if compared.warning.is_none() {
            self.cluster.verify(key, live.identity(), digest, compared.version.clone());
        }
    }

    fn remembered(&self, key: &Key) -> Option<String> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn refuse_if_claimed(&self, owner: &Owner, target: &Target, key: &Key) -> Result<(), Fault> {
        let owners = self.cluster.owners_of(key);
        let claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(holder) = claims.holder(key, owner, &owners) else { return Ok(()) };
        let Target { field, kind, name, .. } = target;
        let message = format!("{field}: {kind} {name} is the target of {holder} already: name another target, or remove it there");
        Err(Fault::new(reason::TARGET_CLAIMED, Class::UserFix, message))
    }

    /// Whether [`Self::prune`] finds all that a resource owns, now.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.cluster.sees_all()
    }

    /// Deletes what the resource owns in other namespaces than its own, which nothing else does when it goes. What the watches
    /// don't tell now is listed.
    ///
    /// # Errors
    /// As [`Self::prune`]; or what it owns can't be found.
    pub async fn remove_elsewhere(&self, owner: &Owner) -> Result<Vec<Key>, Fault> {
        let found = self.cluster.find_owned_by(&owner.uid).await.map_err(|mut fault| {
            fault.message = format!("the targets of {} in other namespaces can't be found: {}", owner.object, fault.message);
            fault
        })?;
        let elsewhere = found.into_iter().filter(|key| key.name.namespace != owner.object.namespace);
        self.remove_all(owner, elsewhere).await
    }

    /// Deletes what the resource owns and no longer names. To be called only after all its targets were applied, so that a
    /// renamed target is there before the old one goes. An object that has other owners too only loses our reference.
    ///
    /// # Errors
    /// The first fault; the rest is tried all the same.
    pub async fn prune(&self, owner: &Owner, targets: &[Target]) -> Result<Vec<Key>, Fault> {
        let named: HashSet<_> = targets.iter().map(key).collect();
        self.remove_all(owner, self.cluster.owned_by(&owner.uid).into_iter().filter(|key| !named.contains(key))).await
    }

    async fn remove_all(&self, owner: &Owner, keys: impl Iterator<Item = Key>) -> Result<Vec<Key>, Fault> {
        let results = join_all(keys.map(|key| self.remove(owner, key))).await;
        results.into_iter().collect::<Result<Vec<_>, _>>().map(|removed| removed.into_iter().flatten().collect())
    }

    async fn remove(&self, owner: &Owner, key: Key) -> Result<Option<Key>, Fault> {
        let requests = self.cluster.requests();
        let doing = |verb: &str, error: &RequestError| {
            error.fault(&format!("{verb} {} {}, which {} no longer names", key.kind, key.name, owner.object), std::iter::empty())
        };
        let Some(live) = Object::get(requests, &key).await.map_err(|error| doing("get", &error))? else { return Ok(None) };
        let references = live.metadata.owner_references.clone().unwrap_or_default();
        let others: Vec<_> = references.iter().filter(|reference| reference.uid != owner.uid).cloned().collect();
        // What a user gave our reference by hand is not a target of ours.
        let written_by_us = live.annotation(annotation::VERSION).is_some();
        let ours = others.len() < references.len() || ownership::is_noted(&live, owner);
        if !ours || !written_by_us || live.metadata.deletion_timestamp.is_some() {
            return Ok(None);
        }
        let written = if others.is_empty() {
            live.delete(requests, &key).await
        } else {
            let mut freed = live;
            freed.metadata.owner_references = Some(others);
            freed.metadata.annotations.iter_mut().for_each(|annotations| drop(annotations.remove(annotation::OWNER)));
            freed.replace(requests, &key).await.map(drop)
        };
        match written {
            Ok(()) => Ok(Some(key)),
            Err(error) if error.code() == 404 => Ok(None),
            Err(error) => Err(doing("remove", &error)),
        }
    }
}

fn applied(compared: Compared, change: Change) -> Applied {
    Applied {
        change,
        data_changed: change != Change::Unchanged && compared.data_changed,
        version: compared.version,
        warning: compared.warning,
    }
}

/// It was changed meanwhile as often as it was tried.
fn conflict(Target { field, kind, name, .. }: &Target) -> Fault {
    let message = format!("{field}: {kind} {name} was changed by others {ATTEMPTS} times while it was written: it is tried again");
    Fault::new(reason::WRITE_CONFLICT, Class::Transient, message)
}

pub(crate) fn key(target: &Target) -> Key {
    Key { kind: target.kind, name: target.name.clone() }
}

fn fault(error: &RequestError, verb: &str, target: &Target, data: &Data) -> Fault {
    let Target { field, kind, name, .. } = target;
    let mut fault = error.fault(&format!("{verb} {kind} {name}"), data.values().map(|value| value.expose_secret()));
    fault.message = format!("{field}: {}", fault.message);
    fault
}

/// Of everything that decides how the target is to be. A volatile value is drawn anew each time, so what it was made of
/// stands for it.
fn fingerprint(owner: &Owner, target: &Target, desired: &Desired) -> [u8; 32] {
    let mut parts = Parts::default();
    let pairs = |parts: &mut Parts, pairs: &std::collections::BTreeMap<String, String>| {
        parts.add((pairs.len() as u64).to_le_bytes());
        pairs.iter().for_each(|(name, value)| {
            parts.add(name.as_bytes());
            parts.add(value.as_bytes());
        });
    };
    let Owner { object, api_version, uid, created: _, labels, annotations } = owner;
    [object.kind, &object.namespace, &object.name, api_version, uid].iter().for_each(|text| parts.add(text.as_bytes()));
    pairs(&mut parts, labels);
    pairs(&mut parts, annotations);
    parts.add(target.secret_type.as_bytes());
    parts.add(target.name.namespace.as_bytes());
    parts.add([u8::from(target.policy == CreationPolicy::Owner), u8::from(target.metadata.is_some())]);
    if let Some(given) = &target.metadata {
        pairs(&mut parts, &given.labels);
        pairs(&mut parts, &given.annotations);
    }
    parts.add(volatile::digest(owner, desired).unwrap_or_default().as_bytes());
    if let crate::plan::Version::Fixed(version) = &desired.version {
        parts.add(version.as_bytes());
    }
    for (key, value) in &desired.data {
        parts.add(key.as_bytes());
        if desired.volatile.contains(key) {
            parts.add([]);
        } else {
            parts.add(value.expose_secret());
        }
    }
    parts.finish()
}

/// Where a target is, for messages.
impl std::fmt::Display for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Name { namespace, name } = &self.name;
        write!(out, "{} {namespace}/{name}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::spread::Placed;
    use testing::{desired, owner, target};

    #[tokio::test]
    async fn while_places_are_not_known_a_resource_keeps_what_it_named() {
        let client = kube::Client::try_from(kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
        let targets = Targets::new(Cluster::new(crate::cluster::Requests::new(client), Arc::default(), &crate::cluster::Scope::All));
        let (first, mut rival) = (owner(), owner());
        (rival.object.name, rival.uid) = ("rival".into(), "z".into());
        let (wanted, at) = (target("t"), key(&target("t")));
        let placed = vec![Placed { of: 0, target: wanted.clone() }];
        targets.declare_spread(&first, &Spread { placed, ..Spread::default() });
        targets.declare_spread(&first, &Spread { unknown: true, ..Spread::default() });
        targets.declare(&rival, std::slice::from_ref(&wanted));
        assert_eq!(targets.refuse_if_claimed(&rival, &wanted, &at).unwrap_err().reason, reason::TARGET_CLAIMED);
        // Known again, and elsewhere.
        targets.declare_spread(&first, &Spread::default());
        assert_eq!(targets.refuse_if_claimed(&rival, &wanted, &at), Ok(()));
        // Named by a target that can't be kept as it is written.
        targets.declare_spread(&first, &Spread { held: vec![at.clone()], unknown: true, ..Spread::default() });
        assert_eq!(targets.refuse_if_claimed(&rival, &wanted, &at).unwrap_err().reason, reason::TARGET_CLAIMED);
    }

    #[tokio::test]
    async fn nothing_is_remembered_of_targets_that_nobody_names() {
        let client = kube::Client::try_from(kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"))).unwrap();
        let targets = Targets::new(Cluster::new(crate::cluster::Requests::new(client), Arc::default(), &crate::cluster::Scope::All));
        let live = testing::live(&testing::data(&[("A", "1")]));
        let taken_over = |name: &str| {
            let remember = Some("inputs".to_owned());
            let compared = Compared { step: Step::Nothing, data_changed: false, version: "v".into(), remember, warning: None };
            targets.found_right(&key(&target(name)), &live, [0; 32], &compared);
        };
        let remembered = || {
            let mut names: Vec<_> = targets.remembered.lock().unwrap().keys().map(|key| key.name.name.clone()).collect();
            names.sort();
            names
        };
        let (first, mut second) = (owner(), owner());
        (second.object.name, second.uid) = ("second".into(), "z".into());
        targets.declare(&first, &[target("a"), target("b"), target("c")]);
        targets.declare(&second, &[target("c")]);
        ["a", "b", "c", "unnamed"].into_iter().for_each(taken_over);
        assert_eq!(remembered(), ["a", "b", "c"]);
        targets.declare(&first, &[target("a"), target("c")]);
        assert_eq!(remembered(), ["a", "c"]);
        targets.forget(&first.object);
        assert_eq!(remembered(), ["c"]);
        targets.forget(&second.object);
        assert!(remembered().is_empty());
    }

    #[test]
    fn the_fingerprint_follows_all_that_decides_and_no_volatile_value() {
        let base = fingerprint(&owner(), &target("t"), &desired(&[("A", "1")]));
        assert_eq!(fingerprint(&owner(), &target("t"), &desired(&[("A", "1")])), base);
        let mut relabelled = owner();
        relabelled.labels.insert("l".into(), "1".into());
        let mut annotated = owner();
        annotated.annotations.insert("l".into(), "1".into());
        let orphan = Target { policy: CreationPolicy::Orphan, ..target("t") };
        let typed = Target { secret_type: "kubernetes.io/tls".into(), ..target("t") };
        let given = Target { metadata: Some(crate::plan::Metadata::default()), ..target("t") };
        let all = [
            base,
            fingerprint(&relabelled, &target("t"), &desired(&[("A", "1")])),
            fingerprint(&annotated, &target("t"), &desired(&[("A", "1")])),
            fingerprint(&owner(), &orphan, &desired(&[("A", "1")])),
            fingerprint(&owner(), &typed, &desired(&[("A", "1")])),
            fingerprint(&owner(), &given, &desired(&[("A", "1")])),
            fingerprint(&owner(), &target("t"), &desired(&[("A", "2")])),
            fingerprint(&owner(), &target("t"), &desired(&[("A1", "")])),
        ];
        assert_eq!(HashSet::from(all).len(), all.len());
        let volatile = |value: &str, inputs: &str| {
            let desired = Desired { volatile: ["A".to_owned()].into(), inputs: inputs.into(), ..desired(&[("A", value)]) };
            fingerprint(&owner(), &target("t"), &desired)
        };
        assert_eq!(volatile("1", "i"), volatile("2", "i"));
        assert_ne!(volatile("1", "i"), volatile("1", "j"));
    }
}
