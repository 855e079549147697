//! ClusterGenerator, Password and UUID, and what is pushed from them: whatever happens, the server has stored one value for each
//! time that one was asked for, and no other.
use super::{World, survives};
use crate::faults::generators::{manifest, says, written};
use api::v1alpha1::InfisicalPushSecret;
use integration::{Scene, merged, until};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use operator::effect::Effect;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub struct Generators {
    scene: Scene,
    /// Kind and name, with the reason that each is to say.
    generators: BTreeMap<(&'static str, String), &'static str>,
    /// Of each push how many values were asked for; None once it is deleted.
    pushes: BTreeMap<String, Option<u64>>,
    /// Of the Password that is pushed from.
    length: u32,
    /// The value of the first push, and how many were asked for then.
    value: Option<(u64, String)>,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// Another generator of that kind is made.
    New(&'static str),
    /// The settings of a generator are spoilt.
    Spoil,
    /// Another resource pushes a generated value.
    Push,
    /// A user asks for another value.
    Again,
    /// The generator of a pushed value makes longer ones.
    Longer,
    /// A resource is deleted that deletes what it pushed.
    Delete,
}

impl World for Generators {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::WriteStatus, Cause::New("ClusterGenerator")),
        (Effect::WriteStatus, Cause::New("Password")),
        (Effect::WriteStatus, Cause::New("UUID")),
        (Effect::PublishEvent, Cause::Spoil),
        (Effect::AddFinalizer, Cause::Push),
        (Effect::ReadSecrets, Cause::Push),
        (Effect::WriteStatus, Cause::Push),
        (Effect::CreateSecrets, Cause::Push),
        (Effect::WriteStatus, Cause::Again),
        (Effect::UpdateSecrets, Cause::Again),
        (Effect::UpdateSecrets, Cause::Longer),
        (Effect::DeleteSecrets, Cause::Delete),
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
        match cause {
            Cause::New(kind) => {
                let name = format!("new-{}", self.made);
                self.generator(kind, &name, 24).await;
            }
            Cause::Spoil => {
                let name = format!("spoilt-{}", self.made);
                self.generator("Password", &name, 24).await;
                says(&self.scene, "Password", &name, "OK").await;
                self.generator("Password", &name, 44).await;
            }
            Cause::Push => self.push(&format!("push-{}", self.made)).await,
            Cause::Again => {
                let wish = json!({"metadata": {"annotations": {"secrets.infisical.com/regenerate": self.made.to_string()}}});
                self.apply("first", wish).await;
                *self.pushes.get_mut("first").unwrap().as_mut().unwrap() += 1;
            }
            Cause::Longer => {
                self.length += 1;
                let length = self.length;
                self.generator("Password", "random", length).await;
                // It is the generator of all.
                self.pushes.values_mut().flatten().for_each(|values| *values += 1);
            }
            Cause::Delete => {
                let name = format!("old-{}", self.made);
                self.push(&name).await;
                self.holds_one_value(&name).await;
                let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
                api.delete(&name, &DeleteParams::default()).await.unwrap();
                self.pushes.insert(name, None);
            }
        }
    }

    async fn at_rest(&mut self) {
        for ((kind, name), reason) in &self.generators {
            says(&self.scene, kind, name, reason).await;
        }
        for (name, values) in &self.pushes {
            match values {
                Some(_) => self.holds_one_value(name).await,
                None => {
                    until(format_args!("what {name} pushed to be gone"), async || match written(&self.scene, name, "G") {
                        None => Ok(()),
                        Some(times) => Err(times),
                    })
                    .await;
                }
            }
        }
        let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
        let wanted: BTreeSet<_> = self.pushes.iter().filter(|(_, values)| values.is_some()).map(|(name, _)| name.clone()).collect();
        until("what is deleted to be gone", async || {
            let found: BTreeSet<_> = api.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
            if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
        let now = (self.pushes["first"].unwrap(), self.scene.infisical.state().value(&self.scene.dev("first"), "G").unwrap());
        if let Some(before) = self.value.take() {
            assert_eq!(before.0 == now.0, before.1 == now.1, "another value, or none where one was asked for");
        }
        self.value = Some(now);
    }
}

impl Generators {
    async fn new() -> Self {
        // Operators of other tests would see a ClusterGenerator of this one.
        let scene = Scene::alone().await;
        scene.may_write();
        let mut this = Self { scene, generators: BTreeMap::new(), pushes: BTreeMap::new(), length: 12, value: None, made: 0 };
        this.generator("Password", "random", this.length).await;
        this.push("first").await;
        this
    }

    async fn generator(&mut self, kind: &'static str, name: &str, length: u32) {
        self.scene.apply(&manifest(kind, name, length)).await;
        let reason = if length > 40 { "InvalidSettings" } else { "OK" };
        self.generators.insert((kind, name.to_owned()), reason);
    }

    async fn push(&mut self, name: &str) {
        self.scene.infisical.state().create_folder(&self.scene.dev(name)).unwrap();
        self.apply(name, json!({})).await;
        self.pushes.insert(name.to_owned(), Some(1));
    }

    async fn apply(&self, name: &str, changes: Value) {
        let generators = json!([{"destinationSecretName": "G", "generatorRef": {"kind": "Password", "name": "random"}}]);
        let spec = json!({
            "destination": {"secretsPath": format!("/{name}")}, "resyncInterval": "5s", "push": {"secret": null, "generators": generators},
        });
        self.scene.apply(&self.scene.push_manifest(name, &merged(json!({"spec": spec}), &changes))).await;
    }

    /// Waits until a resource has pushed the value that was asked for last, and says so; no other was ever stored.
    async fn holds_one_value(&self, name: &str) {
        let wanted = self.pushes[name];
        let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
        until(format_args!("{name} to be ready"), async || {
            let resource = api.get(name).await.unwrap();
            assert!(!resource.finalizers().is_empty() || resource.status.is_none(), "{name} has lost its finalizer");
            let wish = resource.annotations().get("secrets.infisical.com/regenerate").cloned();
            let status = serde_json::to_value(resource.status.unwrap_or_default()).unwrap();
            let ready = status["conditions"].as_array().into_iter().flatten().any(|one| one["type"] == "Ready" && one["status"] == "True");
            let recorded =
                status["generated"][0]["regenerate"].as_str() == wish.as_deref() && status["generated"][0]["replacing"].is_null();
            let managed = status["managedSecrets"].as_object().is_some_and(|managed| managed.len() == 1);
            let stored = written(&self.scene, name, "G");
            assert!(stored <= wanted, "{name}: {stored:?} values were stored where {wanted:?} were asked for");
            let said = format!("{status}, {stored:?} values of {wanted:?}");
            if ready && recorded && managed && stored == wanted { Ok(()) } else { Err(said) }
        })
        .await;
    }
}

#[tokio::test]
async fn cluster_generator_password_and_uuid() {
    survives(Generators::new().await).await;
}
