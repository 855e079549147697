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

/// The wish for a fresh read that a pass took: it is met by a read that began late enough, or given back.
///
/// Who asked for what is at the server now is not to be answered with what was read before, whatever held the pass up.
#[must_use]
pub struct Wish(Option<Trigger>);

impl Wish {
    /// From when on a read must have begun; None: the last result will do.
    #[must_use]
    pub fn not_before(&self) -> Option<Instant> {
        self.0.and_then(|trigger| trigger.not_before)
    }

    /// Such a read was had.
    pub fn met(&mut self) {
        self.0 = None;
    }

    /// The pass has ended. Queues nothing; the next one takes a wish that was not met again, whoever wakes it.
    pub fn end(self, triggers: &Triggers, object: &ObjectRef) {
        if let Some(unmet) = self.0 {
            triggers.restore(object, unmet);
        }
    }
}

/// What is pending for all resources, and the ways to their queues: for each kind one for each watched namespace, or one for
/// all.
#[derive(Default)]
pub struct Triggers {
    pending: Mutex<HashMap<ObjectRef, Trigger>>,
    /// Wishes for a fresh read that a reconcile took and could not meet. Apart from what is pending: they queue nothing, and
    /// must not keep a wake-up from queueing.
    unmet: Mutex<HashMap<ObjectRef, Instant>>,
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

    /// Takes what is pending, with the wish for a fresh read that was not met before. None: nothing but the controller's own
    /// requeue.
    pub fn take(&self, object: &ObjectRef) -> Option<Trigger> {
        let unmet = self.unmet().remove(object);
        match (self.pending().remove(object), unmet) {
            (Some(trigger), unmet) => Some(Trigger { not_before: trigger.not_before.max(unmet), ..trigger }),
            (None, Some(not_before)) => Some(Trigger { cause: Cause::Retry, not_before: Some(not_before) }),
            (None, None) => None,
        }
    }

    /// As [`Self::take`], for a pass that reads.
    pub fn wish(&self, object: &ObjectRef) -> Wish {
        Wish(self.take(object))
    }

    /// Gives back what was taken by a pass that ended before a read that began late enough.
    fn restore(&self, object: &ObjectRef, taken: Trigger) {
        if let Some(not_before) = taken.not_before {
            let mut unmet = self.unmet();
            let kept = unmet.entry(object.clone()).or_insert(not_before);
            *kept = not_before.max(*kept);
        }
    }

    /// The resource is gone: a wish of one that is made anew is its own.
    pub fn forget(&self, object: &ObjectRef) {
        self.unmet().remove(object);
    }

    fn unmet(&self) -> MutexGuard<'_, HashMap<ObjectRef, Instant>> {
        self.unmet.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_wish_that_was_not_met_is_taken_again_and_holds_up_no_wake() {
        let triggers = Triggers::default();
        let mut woken = triggers.queue("InfisicalSecret", None);
        triggers.note(&object(), Cause::Forced);
        let taken = triggers.take(&object()).unwrap();
        triggers.restore(&object(), taken);
        assert!(woken.try_recv().is_err());
        triggers.wake(&object(), Cause::Read);
        assert_eq!(woken.try_recv().ok(), Some(object()));
        let again = triggers.take(&object()).unwrap();
        assert_eq!((again.cause, again.not_before), (Cause::Read, taken.not_before));
        // By the controller's own requeue.
        triggers.restore(&object(), again);
        assert_eq!(triggers.take(&object()), Some(Trigger { cause: Cause::Retry, not_before: taken.not_before }));
        assert_eq!(triggers.take(&object()), None);
    }

    #[test]
    fn a_wish_that_was_not_met_goes_with_its_resource() {
        let triggers = Triggers::default();
        triggers.note(&object(), Cause::Forced);
        let taken = triggers.take(&object()).unwrap();
        triggers.restore(&object(), taken);
        triggers.forget(&object());
        assert_eq!(triggers.take(&object()), None);
        assert!(triggers.unmet().is_empty() && triggers.pending().is_empty());
    }

    #[test]
    fn a_wish_is_given_back_unless_it_was_met() {
        let triggers = Triggers::default();
        triggers.note(&object(), Cause::Forced);
        let wish = triggers.wish(&object());
        let asked = wish.not_before();
        assert!(asked.is_some());
        wish.end(&triggers, &object());
        let mut again = triggers.wish(&object());
        assert_eq!(again.not_before(), asked);
        again.met();
        again.end(&triggers, &object());
        assert_eq!(triggers.take(&object()), None);
    }

    #[test]
    fn a_later_wish_wins_over_one_that_was_not_met() {
        let triggers = Triggers::default();
        triggers.note(&object(), Cause::Spec);
        let first = triggers.take(&object()).unwrap();
        triggers.note(&object(), Cause::Forced);
        triggers.restore(&object(), first);
        assert!(triggers.take(&object()).is_some_and(|both| both.cause == Cause::Forced && both.not_before > first.not_before));
        // What wants no fresh read leaves nothing behind.
        triggers.note(&object(), Cause::Target);
        let plain = triggers.take(&object()).unwrap();
        triggers.restore(&object(), plain);
        assert_eq!(triggers.take(&object()), None);
    }
}
