//! What leases need of their target beyond keeping it: a look at what it holds before a lease is made, since a lease that can't be
//! stored is one too many, and its emptying once its credentials are worth nothing.
use super::{ATTEMPTS, Object, Targets, conflict, fault, key, ownership};
use crate::{
    cluster::{Key, State},
    outcome::Fault,
    plan::{CreationPolicy, Data, Owner, Target},
};
use api::well_known::annotation;
use std::collections::BTreeMap;

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
    /// The API server can't be asked, or does not let us write, or others keep changing it: then it may hold them still.
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
        Err(conflict(target))
    }

    async fn live(&self, target: &Target, key: &Key) -> Result<Option<Object>, Fault> {
        let live = Object::get(self.cluster.requests(), key).await.map_err(|error| fault(&error, "get", target, &Data::new()))?;
        self.cluster.answered(key, live.as_ref().map_or(State::Absent(None), Object::state));
        Ok(live)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::{Cluster, Requests, Scope},
        reason,
        target::testing::target,
    };
    use axum::{Json, Router, http::StatusCode, routing};
    use serde_json::{Value, json};
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    async fn secret() -> Json<Value> {
        let metadata =
            json!({"name": "t", "namespace": "n", "uid": "u", "resourceVersion": "1", "annotations": {annotation::VERSION: "lease-0"}});
        Json(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"PASSWORD": "Y2FuYXJ5"}}))
    }

    /// Whoever revokes a lease must not let its resource go while its Secret holds the credentials.
    #[tokio::test]
    async fn a_target_that_others_keep_changing_does_not_count_as_emptied() {
        let writes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&writes);
        let refuse = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let status =
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "changed", "reason": "Conflict", "code": 409});
            (StatusCode::CONFLICT, Json(status))
        };
        let router = Router::new().route("/api/v1/namespaces/n/secrets/t", routing::get(secret).put(refuse));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = kube::Client::try_from(kube::Config::new(address)).unwrap();
        let targets = Targets::new(Cluster::new(Requests::new(client), Arc::default(), &Scope::All));

        let orphan = Target { policy: CreationPolicy::Orphan, ..target("t") };
        let fault = targets.empty(&orphan, |version| version == "lease-0").await.unwrap_err();
        assert_eq!((fault.reason, writes.load(Ordering::SeqCst)), (reason::WRITE_CONFLICT, ATTEMPTS));
        assert!(fault.message.contains("spec.managed") && !fault.message.contains("canary"), "{}", fault.message);
        // What holds something else is not touched.
        assert_eq!(targets.empty(&orphan, |version| version == "lease-1").await, Ok(()));
        assert_eq!(writes.load(Ordering::SeqCst), ATTEMPTS);
    }
}
