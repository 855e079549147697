//! The server fails in one of nine ways while leases are to be made, renewed, replaced and revoked: what is in the cluster stays,
//! each resource says why, and once the fault is over all go on by themselves. In the end the server has the leases that are on
//! record and no other, whatever answers were lost.
use super::{annotate, another_lease, api, apply, delete, ids, later, lease_of, lets_in, ready, resource, scene, synced};
use api::v1alpha1::InfisicalDynamicSecret;
use infisical_dev_server::{Fault, Operation};
use integration::{Identity, MovedClock, Running, Scene};
use k8s_openapi::{
    api::core::v1::Secret,
    jiff::{SignedDuration, Timestamp},
};
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Longer than the longest pause after a refusal, so that nothing needs to be asked for by hand.
const PATIENCE: Duration = Duration::from_secs(150);

/// In step before the fault, with the TTL of its lease: one whose renewal comes due, one that is to be replaced, one with a
/// replaced lease that is to be revoked, and one that is deleted.
const BEFORE: [(&str, &str); 4] = [("renewed", "1h"), ("replaced", "4h"), ("revoked", "4h"), ("deleted", "4h")];

/// All that is asked about leases.
const ASKED: [Operation; 4] = [Operation::CreateLease, Operation::RenewLease, Operation::RevokeLease, Operation::ReadLease];

struct World {
    scene: Scene,
    clock: Arc<MovedClock>,
    operator: Running,
    /// Of [`BEFORE`].
    secrets: Vec<Identity>,
}

async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    support::wait_for(what, PATIENCE, look).await.unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    async fn in_step() -> Self {
        let scene = scene().await;
        let longest = super::database("1h", Some("24h"), false, &json!({}));
        scene.infisical.state().set_dynamic_secret(&super::place("dev"), "db", longest).unwrap();
        let clock = Arc::new(MovedClock::default());
        // The time comes with the fault.
        let operator = scene.start_by(&clock, |options| options.lease_hand_over = Duration::from_secs(600)).await;
        for (name, ttl) in BEFORE {
            apply(&scene, name, json!({"spec": {"leaseTTL": ttl}})).await;
        }
        for (name, _) in BEFORE {
            synced(&scene, name).await;
        }
        let first = lease_of(&resource(&scene, "revoked").await);
        annotate(&scene, "revoked", "secrets.infisical.com/reroll", "1").await;
        another_lease(&scene, "revoked", &first).await;
        synced(&scene, "revoked").await;
        assert!(ids(&scene).contains(&first));
        let mut secrets = Vec::new();
        for (name, _) in BEFORE {
            secrets.push(scene.identity::<Secret>(name).await);
        }
        Self { scene, clock, operator, secrets }
    }

    /// The fault is there: everybody notices it, tells it, and touches nothing.
    async fn fails(&self, reason: &str, cut: bool) {
        let scene = &self.scene;
        later(scene, &self.clock, SignedDuration::from_mins(50));
        apply(scene, "new", json!({})).await;
        annotate(scene, "renewed", "secrets.infisical.com/resync", "1").await;
        annotate(scene, "replaced", "secrets.infisical.com/reroll", "1").await;
        annotate(scene, "revoked", "secrets.infisical.com/resync", "1").await;
        delete(scene, "deleted").await;
        for name in ["new", "renewed", "replaced", "revoked", "deleted"] {
            let message = self.failed(name, reason).await;
            let part = match name {
                "renewed" | "replaced" => "are good until",
                "deleted" => "until the finalizer dynamicsecret.secrets.infisical.com/finalizer is removed by hand",
                _ => "InfisicalDynamicSecret",
            };
            assert!(message.contains(part) && !message.contains("<html"), "{name}: {message}");
        }
        for ((name, _), before) in BEFORE.iter().zip(&self.secrets) {
            assert_eq!(scene.identity::<Secret>(name).await, *before, "Secret {name} was written");
            // Of an answer that breaks off the call was made.
            let is_revoked = name == &"deleted" && cut;
            assert!(lets_in(scene, &scene.data(name).await) != is_revoked, "{name}");
        }
        let secrets: Api<Secret> = scene.namespace.api();
        assert!(secrets.get_opt("new").await.unwrap().is_none(), "a Secret was made of nothing");
    }

    async fn failed(&self, name: &str, reason: &str) -> String {
        eventually(&format!("{name} to fail for {reason}"), async || {
            let found = api(&self.scene).get(name).await.map_err(|error| error.to_string())?;
            match super::condition(&found, "Ready") {
                Some(ready) if ready.status == "False" && ready.reason == reason => Ok(ready.message),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// The fault is gone: nobody does anything, and nothing was lost or is left.
    async fn recovers(self) {
        let scene = &self.scene;
        scene.infisical.faults().clear();
        let resources: Api<InfisicalDynamicSecret> = scene.namespace.api();
        let names = BTreeSet::from(["new", "renewed", "replaced", "revoked"].map(str::to_owned));
        eventually("all to be ready, and the deleted one to be gone", async || {
            let all = resources.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
            let is_ready = |one: &InfisicalDynamicSecret| ready(one).is_some_and(|ready| ready.status == "True");
            let served = all.iter().filter(|one| is_ready(one)).map(ResourceExt::name_any).collect::<BTreeSet<_>>();
            if served == names && all.len() == names.len() { Ok(()) } else { Err(format!("{served:?} of {}", all.len())) }
        })
        .await;
        let wished = resource(scene, "replaced").await.status.and_then(|status| status.lease?.reroll);
        assert_eq!(wished.as_deref(), Some("1"), "the wish was forgotten");
        // What was replaced, and what a lost answer told of, is settled when its time has come.
        later(scene, &self.clock, SignedDuration::from_mins(11));
        for name in &names {
            annotate(scene, name, "secrets.infisical.com/resync", "2").await;
        }
        eventually("the leases on record, and no other", async || {
            let all = resources.list(&ListParams::default()).await.map_err(|error| error.to_string())?.items;
            let open = |one: &InfisicalDynamicSecret| {
                one.status.as_ref().is_none_or(|status| status.superseded.is_some() || status.lease_requested_at.is_some())
            };
            let unsettled: Vec<_> = all.iter().filter(|one| open(one)).map(ResourceExt::name_any).collect();
            let recorded: BTreeSet<_> = all.iter().map(lease_of).collect();
            let found: BTreeSet<_> = ids(scene).into_iter().collect();
            if unsettled.is_empty() && recorded == found { Ok(()) } else { Err(format!("{unsettled:?}, {recorded:?}, {found:?}")) }
        })
        .await;
        for name in &names {
            assert!(lets_in(scene, &scene.data(name).await), "{name}");
            let left = super::seconds_left(&resource(scene, name).await, self.clock_now());
            assert!(left > 0, "{name} ended {left} s ago");
        }
        self.operator.stop().await;
    }

    fn clock_now(&self) -> Timestamp {
        use operator::clock::Clock;
        self.clock.date()
    }
}

async fn survives(fault: Fault, reason: &str) {
    let world = World::in_step().await;
    for operation in ASKED {
        world.scene.infisical.faults().on(operation, fault);
    }
    world.fails(reason, fault == Fault::Cut).await;
    world.recovers().await;
}

#[tokio::test]
async fn down() {
    let world = World::in_step().await;
    world.scene.infisical.faults().refuse_connections(true);
    world.fails("Unreachable", false).await;
    world.recovers().await;
}

#[tokio::test]
async fn slow() {
    survives(Fault::Hang, "TimedOut").await;
}

#[tokio::test]
async fn unauthorized() {
    survives(Fault::Status(401), "Unauthorized").await;
}

#[tokio::test]
async fn forbidden() {
    survives(Fault::Status(403), "PermissionDenied").await;
}

#[tokio::test]
async fn not_found() {
    survives(Fault::Status(404), "NotFound").await;
}

#[tokio::test]
async fn too_many_requests() {
    survives(Fault::RateLimited { retry_after: 3 }, "RateLimited").await;
}

#[tokio::test]
async fn broken_inside() {
    survives(Fault::Status(500), "ServerError").await;
}

#[tokio::test]
async fn unavailable() {
    survives(Fault::Unavailable { retry_after: None }, "ServerError").await;
}

#[tokio::test]
async fn cut_off() {
    survives(Fault::Cut, "Unreachable").await;
}
