//! The external effects of the operator, each with a name: whatever changes something outside of its process, or is counted or
//! noted there, as a login is.
//!
//! Between any two of them the process may end without warning, and the next one must make good whatever that leaves. For
//! tests to end it there, each effect is made within [`make`], which tells a [`Hook`], if there is one, that it is about to be
//! made and that it was. Writes to the cluster and calls of a session can't be made without a name: both ask for one. Looks at
//! the cluster are no effects; nor is what a plugin asks of a cloud, which is part of [`Effect::Prove`].
//!
//! The product installs no hook and has no option, no variable and no code that could: only a program that links this library
//! can, as a test build does. Without one an effect costs an atomic load more.
//!
//! To add an effect: a variant below, its name where it is made, and a row in the kill matrix of its kind
//! (`tests/integration/tests/faults/`).
use std::{future::Future, sync::OnceLock};

/// What the operator does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumIter, strum::EnumString)]
pub enum Effect {
    /// A plugin proves an identity, with whatever it asks of a cloud for that.
    Prove,
    /// The API server makes a token of a service account.
    RequestAccountToken,
    /// A proof is exchanged for an access token.
    LogIn,
    /// An access token gets another life.
    RenewToken,
    /// An access token is given back.
    RevokeToken,
    /// A server is asked how it is.
    ProbeServer,
    /// The id of a project is asked for.
    LookUpProject,
    /// A folder, or a secret alone, is read.
    ReadSecrets,
    /// A stream of a project's events is opened.
    OpenEventStream,
    /// Secrets are made at the server, one or a batch.
    CreateSecrets,
    /// Secrets are changed at the server, one or a batch.
    UpdateSecrets,
    /// Secrets are deleted at the server, one or a batch.
    DeleteSecrets,
    /// A lease of a dynamic secret is made.
    CreateLease,
    /// A lease gets another life.
    RenewLease,
    /// A lease is given back.
    RevokeLease,
    /// A lease is looked at, or the list of all of a dynamic secret.
    ReadLeases,
    /// A Secret or ConfigMap is made.
    CreateTarget,
    /// A Secret or ConfigMap is changed.
    ReplaceTarget,
    /// A Secret or ConfigMap that is no longer named is deleted.
    DeleteTarget,
    /// A workload is noted what it runs with, which restarts it where that changed.
    RestartWorkload,
    /// A finalizer of ours is put on a resource.
    AddFinalizer,
    /// A finalizer is taken away from a resource.
    RemoveFinalizer,
    /// The status of a resource is written.
    WriteStatus,
    /// An Event is published.
    PublishEvent,
    /// The Lease of leader election is taken or renewed.
    HoldLead,
    /// The Lease of leader election is given back.
    GiveLeadBack,
}

/// On which side of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumIter, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Moment {
    /// Nothing was sent yet.
    Before,
    /// It was made, and the answer is known to nobody else yet.
    After,
}

/// Told of each effect, on the thread that makes it.
pub type Hook = fn(Moment, Effect);

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Has a hook told of each effect from now on. For test builds.
///
/// # Errors
/// There is one already, and this is the other.
pub fn install(hook: Hook) -> Result<(), Hook> {
    HOOK.set(hook)
}

/// Makes an effect. One that fails was not made, as far as this process knows.
pub(crate) async fn make<T, E>(effect: Effect, making: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    reached(Moment::Before, effect);
    let made = making.await;
    if made.is_ok() {
        reached(Moment::After, effect);
    }
    made
}

fn reached(moment: Moment, effect: Effect) {
    if let Some(hook) = HOOK.get() {
        hook(moment, effect);
    }
}
