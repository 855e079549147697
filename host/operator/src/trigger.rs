//! Why a resource is reconciled now, carried from whoever noticed to the reconcile.
//!
//! The queue of a controller merges wake-ups, so their causes are merged here too: nothing that asked for a fresh read is
//! forgotten because an interval came at the same time.
use crate::object::ObjectRef;
use futures::channel::mpsc;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Who woke a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
pub enum Cause {
    /// First sight after a start, or a restart of the watch.
    Startup,
    /// Its spec changed.
    Spec,
    /// A read that it subscribes to has ended.
    Read,
    /// An object that it refers to changed: credentials, CA, global configuration.
    Reference,
    /// One of its targets was edited or deleted, or a workload that follows one appeared.
    Target,
    /// A plugin that it uses was swapped.
    Plugin,
    /// A user asked by annotation.
    Forced,
    /// The last try failed.
    Retry,
}

impl Cause {
    /// Whether only a read that began after the trigger will do.
    #[must_use]
    pub fn wants_fresh_read(self) -> bool {
        matches!(self, Self::Spec | Self::Forced)
    }
}

/// What is pending for one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The first cause, for logs.
    pub cause: Cause,
    /// A read must have begun after this instant; None: the last result will do.
    pub not_before: Option<Instant>,
}

/// What is pending for all resources, and the ways to their queues: for each kind one for each watched namespace, or one for
/// all.
#[derive(Default)]
pub struct Triggers {
    pending: Mutex<HashMap<ObjectRef, Trigger>>,
    queues: Mutex<Vec<Queue>>,
}

struct Queue {
    kind: &'static str,
    scope: Scope,
    sender: mpsc::UnboundedSender<ObjectRef>,
}

/// A namespace, or None for all.
pub type Scope = Option<String>;

impl Triggers {
    /// The queue of one kind in one scope. Unbounded, but merged: at most one entry for each resource is in the way at a time.
    #[must_use]
    pub fn queue(&self, kind: &'static str, scope: Scope) -> mpsc::UnboundedReceiver<ObjectRef> {
        let (sender, woken) = mpsc::unbounded();
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).push(Queue { kind, scope, sender });
        woken
    }

    /// Queues a resource.
    pub fn wake(&self, object: &ObjectRef, cause: Cause) {
        let mut pending = self.pending();
        let known = pending.contains_key(object);
        merge(&mut pending, object, cause);
        if !known {
            let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            for queue in queues.iter().filter(|queue| queue.serves(object)) {
                // The receiver is gone only while the process ends.
                drop(queue.sender.unbounded_send(object.clone()));
            }
        }
    }

    /// Notes a cause without queueing: for what the controller's own watch queues.
    pub fn note(&self, object: &ObjectRef, cause: Cause) {
        merge(&mut self.pending(), object, cause);
    }

    /// Takes what is pending. None: nothing but the controller's own requeue.
    pub fn take(&self, object: &ObjectRef) -> Option<Trigger> {
        self.pending().remove(object)
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<ObjectRef, Trigger>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn serves(&self, object: &ObjectRef) -> bool {
        self.kind == object.kind && self.scope.as_deref().is_none_or(|namespace| namespace == object.namespace)
    }
}

fn merge(pending: &mut HashMap<ObjectRef, Trigger>, object: &ObjectRef, cause: Cause) {
    let trigger = pending.entry(object.clone()).or_insert(Trigger { cause, not_before: None });
    if cause.wants_fresh_read() {
        trigger.not_before = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> ObjectRef {
        ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: "a".into() }
    }

    #[test]
    fn a_wish_for_a_fresh_read_survives_other_causes_and_is_queued_once() {
        let triggers = Triggers::default();
        let mut woken_elsewhere = triggers.queue("InfisicalSecret", Some("other".into()));
        let mut woken_of_another_kind = triggers.queue("InfisicalAuth", None);
        let mut woken = triggers.queue("InfisicalSecret", None);
        triggers.wake(&object(), Cause::Read);
        triggers.wake(&object(), Cause::Forced);
        triggers.wake(&object(), Cause::Read);
        assert!(triggers.take(&object()).is_some_and(|trigger| trigger.cause == Cause::Read && trigger.not_before.is_some()));
        assert_eq!(woken.try_recv().ok(), Some(object()));
        assert!(woken.try_recv().is_err());
        assert!(woken_elsewhere.try_recv().is_err() && woken_of_another_kind.try_recv().is_err());
        assert_eq!(triggers.take(&object()), None);
    }
}
