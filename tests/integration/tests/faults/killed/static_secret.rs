//! InfisicalStaticSecret, with a Secret and a ConfigMap each.
use super::{Follower, World, keeps, survives};
use crate::static_secret::{auth, condition, connection, named, source, target};
use api::v1beta1::InfisicalStaticSecret;
use integration::Scene;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use operator::effect::Effect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub struct Statics {
    scene: Scene,
    follower: Follower,
    resources: BTreeSet<String>,
    value: u32,
    /// Since everything was last at rest.
    changed: bool,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// A secret is changed at the server.
    Edit,
    /// Another resource is made.
    New,
    /// A resource no longer names one of its targets.
    Drop,
}

impl World for Statics {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::ReplaceTarget, Cause::Edit),
        (Effect::RestartWorkload, Cause::Edit),
        (Effect::ReadSecrets, Cause::Edit),
        (Effect::PublishEvent, Cause::Edit),
        (Effect::CreateTarget, Cause::New),
        (Effect::WriteStatus, Cause::New),
        (Effect::DeleteTarget, Cause::Drop),
    ];

    fn sessions(&self) -> u64 {
        1
    }

    fn scene(&self) -> &Scene {
        &self.scene
    }

    async fn bring(&mut self, cause: Cause) {
        self.made += 1;
        match cause {
            Cause::Edit => {
                self.value += 1;
                self.changed = true;
                self.scene.set("A", &self.value.to_string());
                let api: Api<InfisicalStaticSecret> = self.scene.namespace.api();
                let resync = json!({"metadata": {"annotations": {"secrets.infisical.com/resync": self.value.to_string()}}});
                api.patch("x", &PatchParams::default(), &Patch::Merge(resync)).await.unwrap();
            }
            Cause::New => {
                let name = format!("new-{}", self.made);
                self.apply(&name, &[&name]).await;
                self.resources.insert(name);
            }
            Cause::Drop => {
                self.apply("x", &["x", "extra"]).await;
                condition::<InfisicalStaticSecret>(&self.scene, "x", "Ready", "True").await;
                self.apply("x", &["x"]).await;
            }
        }
    }

    async fn at_rest(&mut self) {
        let targets = self.resources.iter().flat_map(|name| [format!("Secret {name}"), format!("ConfigMap {name}")]).collect();
        keeps(&self.scene, &targets, &[("A", &self.value.to_string()), ("B", "two")]).await;
        for name in &self.resources {
            condition::<InfisicalStaticSecret>(&self.scene, name, "Ready", "True").await;
        }
        self.follower.follows(&self.scene, std::mem::take(&mut self.changed)).await;
    }
}

impl Statics {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let follower = Follower::new(&scene, "x").await;
        scene.set("A", "0");
        connection(&scene, json!({"address": scene.infisical.url()})).await;
        auth(&scene).await;
        let this = Self { scene, follower, resources: BTreeSet::from(["x".to_owned()]), value: 0, changed: false, made: 0 };
        this.apply("x", &["x"]).await;
        this
    }

    async fn apply(&self, name: &str, targets: &[&str]) {
        let both = |name: &&str| ["Secret", "ConfigMap"].map(|kind| target(&self.scene, kind, name));
        let targets: Vec<Value> = targets.iter().flat_map(both).collect();
        let spec = json!({
            "infisicalAuthRef": {"name": "login", "namespace": self.scene.namespace.name()},
            "syncOptions": {"refreshInterval": "5s"}, "sources": [source("/")], "targets": targets,
        });
        self.scene.apply(&named(&self.scene, "InfisicalStaticSecret", name, &spec)).await;
    }
}

#[tokio::test]
async fn infisical_static_secret() {
    survives(Statics::new().await).await;
}
