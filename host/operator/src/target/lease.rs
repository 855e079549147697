//! What leases need of their target beyond keeping it: a look at what it holds before a lease is made, since a lease that can't be
//! stored is one too many, and its emptying once its credentials are worth nothing.
use super::{Object, Targets, fault, key, ownership};
use crate::{
    cluster::{Key, State},
    outcome::Fault,
    plan::{CreationPolicy, Data, Owner, Target},
};
use api::well_known::annotation;
use std::collections::BTreeMap;

/// How often a target is read and written again because it was changed meanwhile.
const ATTEMPTS: usize = 5;

/// What a target holds now.
pub struct Holding {
    pub annotations: BTreeMap<String, String>,
    pub data: Data,
}

impl Targets {
    /// What a target holds. None: it is not there.
    ///
    /// # Errors
    /// It is someone else's, or another resource keeps it; the API server can't be asked.
    pub async fn look(&self, owner: &Owner, target: &Target) -> Result<Option<Holding>, Fault> {
        let key = key(target);
        self.refuse_if_claimed(owner, target, &key)?;
        let Some(live) = self.live(target, &key).await? else { return Ok(None) };
        ownership::judge(&live, owner, target)?;
        Ok(Some(Holding { annotations: live.metadata.annotations.unwrap_or_default(), data: live.data }))
    }

    /// Empties a target that holds what `is_over` says of its version annotation. One that goes with its resource is left.
    ///
    /// # Errors
    /// The API server can't be asked, or does not let us write.
    pub async fn empty(&self, target: &Target, is_over: impl Fn(&str) -> bool) -> Result<(), Fault> {
        if target.policy == CreationPolicy::Owner {
            return Ok(());
        }
        let key = key(target);
        for _ in 0..ATTEMPTS {
            let Some(mut live) = self.live(target, &key).await? else { return Ok(()) };
            if live.data.is_empty() || !live.annotation(annotation::VERSION).is_some_and(&is_over) {
                return Ok(());
            }
            let data = std::mem::take(&mut live.data);
            live.metadata.managed_fields = None;
            match live.replace(self.cluster.requests(), &key).await {
                Ok(_) => return Ok(()),
                Err(error) if matches!(error.code(), 404 | 409) => {}
                Err(error) => return Err(fault(&error, "empty", target, &data)),
            }
        }
        Ok(())
    }

    async fn live(&self, target: &Target, key: &Key) -> Result<Option<Object>, Fault> {
        let live = Object::get(self.cluster.requests(), key).await.map_err(|error| fault(&error, "get", target, &Data::new()))?;
        self.cluster.answered(key, live.as_ref().map_or(State::Absent(None), Object::state));
        Ok(live)
    }
}
