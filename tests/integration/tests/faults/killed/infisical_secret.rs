//! InfisicalSecret.
use super::{Follower, World, keeps, survives};
use api::v1alpha1::InfisicalSecret;
use integration::{Scene, until};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use operator::effect::Effect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub struct Secrets {
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
    /// The identity gets another client secret, and the old one is void.
    Rotate,
    /// A resource with a finalizer of an old version of Infisical's operator is deleted.
    Delete,
}

impl World for Secrets {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::Prove, Cause::Rotate),
        (Effect::LogIn, Cause::Rotate),
        (Effect::LookUpProject, Cause::Rotate),
        (Effect::RevokeToken, Cause::Rotate),
        (Effect::ReadSecrets, Cause::Edit),
        (Effect::ReplaceTarget, Cause::Edit),
        (Effect::RestartWorkload, Cause::Edit),
        (Effect::PublishEvent, Cause::Edit),
        (Effect::CreateTarget, Cause::New),
        (Effect::WriteStatus, Cause::New),
        (Effect::DeleteTarget, Cause::Drop),
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
        let made = self.made;
        match cause {
            Cause::Edit => {
                self.value += 1;
                self.changed = true;
                self.scene.set("A", &self.value.to_string());
                self.scene.resync("a").await;
            }
            Cause::New => {
                let name = format!("new-{made}");
                self.apply(&name, &[&name], &[]).await;
                self.resources.insert(name);
            }
            Cause::Drop => {
                self.apply("a", &["a", "extra"], &[]).await;
                self.scene.holds("extra", &self.data_of(&self.value.to_string())).await;
                self.scene.synced("a").await;
                self.apply("a", &["a"], &[]).await;
            }
            Cause::Rotate => {
                let secret = format!("secret-{made}");
                self.scene.infisical.state().rotate_client_secret("app", &secret).unwrap();
                let credentials = [("clientId", "app-client"), ("clientSecret", secret.as_str())];
                self.scene.namespace.secret("credentials", credentials).await.unwrap();
            }
            Cause::Delete => {
                let name = format!("old-{made}");
                self.apply(&name, &[&name], &["secrets.finalizers.infisical.com"]).await;
                self.scene.synced(&name).await;
                let api: Api<InfisicalSecret> = self.scene.namespace.api();
                api.delete(&name, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    async fn at_rest(&mut self) {
        let value = self.value.to_string();
        let targets = self.resources.iter().map(|name| format!("Secret {name}")).collect();
        keeps(&self.scene, &targets, &self.data_of(&value)).await;
        for name in &self.resources {
            self.scene.synced(name).await;
        }
        let api: Api<InfisicalSecret> = self.scene.namespace.api();
        until("what is deleted to be gone", async || {
            let found: BTreeSet<_> = api.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
            if found == self.resources { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        self.follower.follows(&self.scene, std::mem::take(&mut self.changed)).await;
    }
}

impl Secrets {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let follower = Follower::new(&scene, "a").await;
        scene.set("A", "0");
        let this = Self { scene, follower, resources: BTreeSet::from(["a".to_owned()]), value: 0, changed: false, made: 0 };
        this.apply("a", &["a"], &[]).await;
        this
    }

    async fn apply(&self, name: &str, targets: &[&str], finalizers: &[&str]) {
        let namespace = self.scene.namespace.name();
        let target = |target: &&str| json!({"secretName": target, "secretNamespace": namespace, "creationPolicy": "Owner"});
        let targets: Vec<Value> = targets.iter().map(target).collect();
        let changes = json!({"metadata": {"finalizers": finalizers}, "spec": {"managedKubeSecretReferences": targets}});
        self.scene.infisical_secret(name, changes).await;
    }

    fn data_of<'a>(&self, value: &'a str) -> [(&'a str, &'a str); 2] {
        [("A", value), ("B", "two")]
    }
}

#[tokio::test]
async fn infisical_secret() {
    survives(Secrets::new().await).await;
}
