//! InfisicalDynamicSecret: whatever happens, the Secret holds the credentials of the one lease that is recorded, and the server
//! knows no other.
use super::{MOMENTS, World, survives};
use api::v1alpha1::InfisicalDynamicSecret;
use infisical_dev_server::{Database, DynamicSecretSeed, Membership, Place, Provider, Role};
use integration::Scene;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use operator::effect::Effect;
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// A lease whose call was cut is looked for that long, and half a minute more for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(150);

/// What comes by time alone.
pub const BY_TIME: [Effect; 1] = [Effect::RenewLease];

pub struct Leases {
    scene: Scene,
    resources: BTreeSet<String>,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// Another resource is made.
    New,
    /// A user asks for another lease.
    Reroll,
    /// A user asks for a look at the lease.
    Look,
    /// A resource is deleted.
    Delete,
}

impl World for Leases {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::AddFinalizer, Cause::New),
        (Effect::CreateLease, Cause::New),
        (Effect::CreateTarget, Cause::New),
        (Effect::WriteStatus, Cause::New),
        (Effect::CreateLease, Cause::Reroll),
        (Effect::ReplaceTarget, Cause::Reroll),
        (Effect::WriteStatus, Cause::Reroll),
        (Effect::RevokeLease, Cause::Reroll),
        (Effect::ReadLeases, Cause::Look),
        (Effect::RevokeLease, Cause::Delete),
        (Effect::RemoveFinalizer, Cause::Delete),
    ];

    fn sessions(&self) -> u64 {
        1
    }

    fn scene(&self) -> &Scene {
        &self.scene
    }

    async fn bring(&mut self, cause: Cause) {
        self.made += 1;
        let api: Api<InfisicalDynamicSecret> = self.scene.namespace.api();
        match cause {
            Cause::New => {
                let name = format!("new-{}", self.made);
                self.apply(&name, "1h").await;
                self.resources.insert(name);
            }
            Cause::Reroll => {
                let wish = json!({"metadata": {"annotations": {"secrets.infisical.com/reroll": self.made.to_string()}}});
                api.patch("a", &PatchParams::default(), &Patch::Merge(wish)).await.unwrap();
            }
            Cause::Look => {
                let wish = json!({"metadata": {"annotations": {"secrets.infisical.com/resync": self.made.to_string()}}});
                api.patch("a", &PatchParams::default(), &Patch::Merge(wish)).await.unwrap();
            }
            Cause::Delete => {
                let name = format!("old-{}", self.made);
                self.apply(&name, "1h").await;
                self.has_a_lease(&name).await;
                api.delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    async fn at_rest(&mut self) {
        let mut leases = BTreeSet::new();
        for name in &self.resources {
            leases.insert(self.has_a_lease(name).await);
        }
        let api: Api<InfisicalDynamicSecret> = self.scene.namespace.api();
        eventually("each resource to have its one lease, and no other to be there", async || {
            let names: BTreeSet<_> = api.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
            let recorded: BTreeSet<_> = self.leases_recorded().await;
            let found: BTreeSet<_> = self.leases_at_the_server();
            let said = format!("{names:?}, {recorded:?}, {found:?}");
            if names == self.resources && recorded == found && found.len() == names.len() { Ok(()) } else { Err(said) }
        })
        .await;
    }
}

async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
    support::wait_for(what, PATIENCE, look).await.unwrap_or_else(|error| panic!("{error}"))
}

impl Leases {
    async fn new(ttl: &str) -> Self {
        // Leases of seconds, which today's servers do not give.
        let scene = Scene::with(|config| config.shortest_lease = Duration::from_secs(5)).await;
        let member = Membership { role: Role::Member, rules: Vec::new() };
        scene.infisical.state().set_membership("shop", "app", Some(member)).unwrap();
        let provider = Provider::Database(Database { extra: serde_json::Map::new() });
        let settings = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: Some("4h".into()), refuses_renewal: false, provider };
        scene.infisical.state().set_dynamic_secret(&Place::new("shop", "dev", "/"), "db", settings).unwrap();
        let this = Self { scene, resources: BTreeSet::from(["a".to_owned()]), made: 0 };
        this.apply("a", ttl).await;
        this
    }

    async fn apply(&self, name: &str, ttl: &str) {
        let namespace = self.scene.namespace.name();
        self.scene
            .apply(&json!({
                "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalDynamicSecret",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "hostAPI": self.scene.infisical.url(),
                    "authentication": {"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}}},
                    "dynamicSecret": {"secretName": "db", "projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/"},
                    "leaseTTL": ttl, "leaseRevocationPolicy": "Revoke",
                    "managedSecretReference": {"secretName": name, "secretNamespace": namespace, "creationPolicy": "Owner"},
                },
            }))
            .await;
    }

    /// Waits until a resource is ready, with the wish of its user fulfilled, and the credentials in its Secret are good; gives its
    /// lease.
    async fn has_a_lease(&self, name: &str) -> String {
        let api: Api<InfisicalDynamicSecret> = self.scene.namespace.api();
        eventually(&format!("{name} to be ready"), async || {
            let resource = api.get(name).await.unwrap();
            let wish = resource.annotations().get("secrets.infisical.com/reroll").cloned();
            assert!(!resource.finalizers().is_empty() || resource.status.is_none(), "{name} has lost its finalizer");
            let status = serde_json::to_value(resource.status).unwrap();
            let ready = status["conditions"].as_array().into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
            let secrets: Api<k8s_openapi::api::core::v1::Secret> = self.scene.namespace.api();
            let data = secrets.get_opt(name).await.unwrap().map(integration::text).unwrap_or_default();
            let field = |key: &str| data.get(key).cloned().unwrap_or_default();
            let good = self.scene.infisical.state().database_lets_in(&field("DB_USERNAME"), &field("DB_PASSWORD"));
            let fulfilled = status["lease"]["reroll"].as_str() == wish.as_deref();
            match status["lease"]["id"].as_str() {
                Some(lease) if ready && good && fulfilled => Ok(lease.to_owned()),
                _ => Err(format!("{status}, credentials good: {good}")),
            }
        })
        .await
    }

    async fn leases_recorded(&self) -> BTreeSet<String> {
        let api: Api<InfisicalDynamicSecret> = self.scene.namespace.api();
        let all = api.list(&ListParams::default()).await.unwrap().items.into_iter();
        all.filter_map(|resource| resource.status?.lease?.id).collect()
    }

    fn leases_at_the_server(&self) -> BTreeSet<String> {
        let leases = self.scene.infisical.state().leases(&Place::new("shop", "dev", "/"), "db");
        leases.into_iter().map(|lease| lease.id).collect()
    }
}

#[tokio::test]
async fn infisical_dynamic_secret() {
    survives(Leases::new("1h").await).await;
}

#[tokio::test]
async fn a_renewal_of_a_lease() {
    let mut world = Leases::new("24s").await;
    for moment in MOMENTS {
        let operator = world.scene.doomed(&[]).await;
        world.at_rest().await;
        operator.kill_at(moment, Effect::RenewLease);
        operator.died(moment, Effect::RenewLease).await;
    }
    let operator = world.scene.start().await;
    world.at_rest().await;
    operator.stop().await;
}
