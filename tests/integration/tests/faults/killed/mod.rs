//! The operator is killed, as by `kill -9`, just before and just after each of its external effects, and the next one makes it
//! good: what is to be there is there, nothing else is, a workload restarts once for a change, nobody logs in more often than
//! once for each start.
//!
//! Each kind is a [`World`]: what leads to which effect, and how everything is at rest. A killed operator can't give its access
//! tokens back: those end by themselves. An Event that was not published yet is lost; the condition says the same.
mod chain;
mod dynamic_secret;
mod generators;
mod infisical_secret;
mod leader;
mod push_secret;
mod session;
mod static_secret;

use infisical_dev_server::Operation;
use integration::{Scene, text, until};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Secret},
};
use kube::{Api, Resource, ResourceExt, api::ListParams};
use operator::effect::{Effect, Moment};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// One kind, in a scene of its own.
trait World {
    /// Something that a user does, here or at the server.
    type Cause: Copy + Debug + 'static;

    /// Each effect, and what leads to it.
    const ROWS: &'static [(Effect, Self::Cause)];

    fn scene(&self) -> &Scene;

    /// Access tokens that are in use at rest.
    fn sessions(&self) -> u64;

    /// Does it. The operator may die meanwhile.
    async fn bring(&mut self, cause: Self::Cause);

    /// Waits until everything is as it should be after all that was done, and fails where it is more than that.
    async fn at_rest(&mut self);
}

/// Kills the operator at each row.
async fn survives<W: World>(mut world: W) {
    let mut operator = world.scene().doomed(&[]).await;
    world.at_rest().await;
    let mut may_be_left = 0;
    for (effect, cause) in W::ROWS.iter().copied() {
        for moment in MOMENTS {
            println!("killed {moment} {effect}, on {cause:?}");
            operator.kill_at(moment, effect);
            world.bring(cause).await;
            operator.died(moment, effect).await;
            // While one session takes the place of another, both have a token.
            may_be_left += 2;
            let logins = world.scene().infisical.logins();
            operator = world.scene().doomed(&[]).await;
            // What is at rest already may be so before the operator has looked at it.
            let more = || world.scene().infisical.logins() - logins;
            until("the operator to log in", async || if more() >= world.sessions() { Ok(()) } else { Err(more()) }).await;
            world.at_rest().await;
            let more = world.scene().infisical.logins() - logins;
            assert_eq!(more, world.sessions(), "logins");
        }
    }
    drop(operator);
    // The product's own code, without a hook.
    let operator = world.scene().start().await;
    world.at_rest().await;
    operator.stop().await;
    let revoked = world.scene().infisical.calls().read(|log| log.with_status(Operation::Revoke, 200));
    let left = world.scene().infisical.logins() - revoked;
    assert!(left <= may_be_left + 1, "{left} tokens are left");
}

/// The data of all objects of a kind that bear the operator's version annotation, by name.
async fn kept(scene: &Scene) -> BTreeMap<String, BTreeMap<String, String>> {
    let secrets: Api<Secret> = scene.namespace.api();
    let maps: Api<ConfigMap> = scene.namespace.api();
    let ours = ListParams::default();
    let secrets = secrets.list(&ours).await.unwrap().items.into_iter().filter(is_kept);
    let maps = maps.list(&ours).await.unwrap().items.into_iter().filter(is_kept);
    let secrets = secrets.map(|secret| (format!("Secret {}", secret.name_any()), text(secret)));
    let maps = maps.map(|map| (format!("ConfigMap {}", map.name_any()), map.data.unwrap_or_default()));
    secrets.chain(maps).collect()
}

fn is_kept(object: &impl Resource) -> bool {
    object.meta().deletion_timestamp.is_none() && object.annotations().contains_key("secrets.infisical.com/version")
}

/// Waits until exactly these are kept, each with this data.
async fn keeps(scene: &Scene, names: &BTreeSet<String>, data: &[(&str, &str)]) {
    let data: BTreeMap<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let wanted: BTreeMap<_, _> = names.iter().map(|name| (name.clone(), data.clone())).collect();
    until("the targets, and no others", async || {
        let found = kept(scene).await;
        if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
    })
    .await;
}

/// A workload that restarts when Secret `secret` changes.
struct Follower {
    secret: &'static str,
    /// Of its pod template; none before the first look.
    revision: Option<i64>,
}

impl Follower {
    async fn new(scene: &Scene, secret: &'static str) -> Self {
        let pod = json!({"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": secret}}]}]});
        scene
            .apply(&json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": "web", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
                "spec": {
                    "replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                    "template": {"metadata": {"labels": {"app": "web"}}, "spec": pod},
                },
            }))
            .await;
        Self { secret, revision: None }
    }

    /// Waits until its pods run with what the Secret holds; fails if it was restarted more or less often than the Secret was
    /// `changed` since the last look.
    async fn follows(&mut self, scene: &Scene, changed: bool) {
        let api: Api<Deployment> = scene.namespace.api();
        let mark = format!("secrets.infisical.com/managed-secret.{}", self.secret);
        let revision = until("the workload to run with the Secret of today", async || {
            let version = scene.secret(self.secret).await.annotations()["secrets.infisical.com/version"].clone();
            let web = serde_json::to_value(api.get("web").await.unwrap()).unwrap();
            let noted = &web["spec"]["template"]["metadata"]["annotations"][&mark];
            let seen = web["status"]["observedGeneration"] == web["metadata"]["generation"];
            let revision = web["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().and_then(|text| text.parse().ok());
            revision.filter(|_| seen && *noted == json!(version)).ok_or_else(|| format!("{noted} instead of {version}"))
        })
        .await;
        if let Some(before) = self.revision {
            assert_eq!(revision - before, i64::from(changed), "restarts of the workload");
        }
        self.revision = Some(revision);
    }
}

/// No effect without a row.
#[test]
fn every_effect_is_killed_at() {
    fn of<W: World>() -> impl Iterator<Item = Effect> {
        W::ROWS.iter().map(|(effect, _)| *effect)
    }
    let named: BTreeSet<_> = of::<infisical_secret::Secrets>()
        .chain(of::<static_secret::Statics>())
        .chain(of::<chain::Links>())
        .chain(of::<push_secret::Pushes>())
        .chain(of::<dynamic_secret::Leases>())
        .chain(of::<generators::Generators>())
        .chain(dynamic_secret::BY_TIME)
        .chain(session::EFFECTS)
        .chain(leader::EFFECTS)
        .collect();
    let all: BTreeSet<_> = <Effect as strum::IntoEnumIterator>::iter().collect();
    let missing: Vec<_> = all.difference(&named).collect();
    assert!(missing.is_empty(), "no row kills the operator at {missing:?}");
}
