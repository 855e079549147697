//! InfisicalConnection and InfisicalAuth: whether the server answers, and whether the login succeeds.
//!
//! Both are for users to see; whoever leads through them works from their specs. Each is looked at again when anything that it
//! refers to changes, and every few minutes; a quiet look writes nothing. The session of an InfisicalAuth is the one that all
//! who use it share.
use super::{Context, Follow, suspend};
use crate::{
    chain::Kept,
    dereference::{self, Chained},
    object::{Name, ObjectRef},
    outcome::{Done, Fault, Outcome, Stage},
    plan::chain,
    report::{Reported, Said, said},
    session::SessionError,
};
use api::{
    text::Text,
    v1beta1::{InfisicalAuth, InfisicalConnection},
};
use futures::FutureExt;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{Resource, runtime::controller::Action};
use serde::de::DeserializeOwned;
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

/// As often as the peer probes a server. A generator is looked at as often, though only a change makes a difference to it.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// What the server refuses is often mended there, and nobody tells. Wrong credentials are sent no more often for it: the session
/// has a clock of its own.
const AGAIN_AFTER_FAULT: Duration = Duration::from_secs(60);

/// A kind that others lead through or refer to.
pub trait Link: Reported + Send + Sync + 'static {
    /// Where its objects are kept for the others.
    fn kept(context: &Context) -> &Kept<Self>;

    /// Whether it can be used.
    ///
    /// # Errors
    /// The stage that failed, and why.
    fn check(&self, context: &Context) -> impl Future<Output = Result<Done, (Stage, Fault)>> + Send;
}

/// Keeps the objects of one scope for those that lead through them.
#[derive(Clone)]
pub struct Keeper {
    pub context: Arc<Context>,
    pub scope: Option<String>,
}

impl<K: Link + Resource<DynamicType = ()> + DeserializeOwned> Follow<K> for Keeper {
    fn seen(&mut self, object: &K) {
        K::kept(&self.context).seen(object);
    }

    fn listed(&mut self) {
        K::kept(&self.context).listed(&self.scope);
    }

    fn gone(&mut self, object: ObjectRef) {
        let ObjectRef { namespace, name, .. } = &object;
        K::kept(&self.context).gone(&Name::new(namespace, name));
        self.context.forget(&object);
    }
}

/// Looks whether one can be used, and reports it.
pub async fn reconcile<K: Link>(resource: Arc<K>, context: Arc<Context>) -> Action {
    let began = Instant::now();
    let object = ObjectRef::of(&*resource);
    context.triggers.take(&object);
    if resource.meta().deletion_timestamp.is_some() {
        context.release(&object);
        return Action::await_change();
    }
    if let Some(rest) = suspend::hold(&*resource, &object, &context).await {
        return rest;
    }
    context.cluster.begin(&object);
    let checked = AssertUnwindSafe(resource.check(&context)).catch_unwind().await;
    context.cluster.end(&object);
    let outcome = match checked {
        Ok(Ok(done)) => Outcome::Unchanged(done),
        Ok(Err((stage, fault))) => Outcome::Failed { stage, fault, method: None },
        Err(_) => super::sync::panicked(),
    };
    context.release_if_unplanned(&object, &outcome);
    let written = context.reports.report(&*resource, &object, &outcome, began.elapsed()).await;
    let longest = if matches!(outcome, Outcome::Failed { .. }) { AGAIN_AFTER_FAULT } else { AGAIN };
    context.next_within(longest, &object, &outcome, &written)
}

impl Link for InfisicalConnection {
    fn kept(context: &Context) -> &Kept<Self> {
        &context.chains.connections
    }

    async fn check(&self, context: &Context) -> Result<Done, (Stage, Fault)> {
        let object = ObjectRef::of(self);
        let found = dereference::connection(&context.cluster, &object, Some(self), &context.settings).await;
        let found = found.map_err(|fault| (Stage::Dereference, fault))?;
        let server = chain::server_of(&object, Some(self), &found, &context.settings).map_err(|fault| (Stage::Plan, fault))?;
        let answered = context.sessions.probe(&server).await;
        answered.map_err(|error| (Stage::Read, Fault::from(error)))?;
        Ok(Done::default())
    }
}

impl Reported for InfisicalConnection {
    fn said(&self, outcome: &Outcome, _: &[Condition], _: Timestamp) -> Vec<Said> {
        said::chain::connection(outcome)
    }
}

impl Link for InfisicalAuth {
    fn kept(context: &Context) -> &Kept<Self> {
        &context.chains.auths
    }

    async fn check(&self, context: &Context) -> Result<Done, (Stage, Fault)> {
        let object = ObjectRef::of(self);
        let found = dereference::auth(&context.cluster, &context.chains, &object, self, &context.settings).await;
        let Chained { connection, references } = found.map_err(|fault| (Stage::Dereference, fault))?;
        let login = chain::auth(self, connection.as_deref(), &references, &context.settings);
        let login = Arc::new(login.map_err(|fault| (Stage::Credentials, fault))?);
        let failed = |error: SessionError| (error.stage(), login.placed(error.stage(), error.into()));
        let session = context.sessions.lease(&object, &login, &context.plugin_digest(&login.plugin)).map_err(failed)?;
        session.establish().await.map_err(failed)?;
        Ok(Done { method: login.method.clone(), ..Done::default() })
    }
}

impl Reported for InfisicalAuth {
    fn said(&self, outcome: &Outcome, _: &[Condition], _: Timestamp) -> Vec<Said> {
        said::chain::auth(outcome, self.spec.method.text().unwrap_or_default())
    }
}
