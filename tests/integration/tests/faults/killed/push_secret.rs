//! InfisicalPushSecret: each resource pushes its own Secret to a folder of its own, where a secret of someone else lies too.
use super::{World, survives};
use api::v1alpha1::InfisicalPushSecret;
use infisical_dev_server::{Membership, Place, Role};
use integration::{Scene, until};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use operator::effect::Effect;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub struct Pushes {
    scene: Scene,
    /// What each resource pushes; None once it is deleted.
    pushed: BTreeMap<String, Option<BTreeMap<String, String>>>,
    made: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Cause {
    /// Another resource is made.
    New,
    /// The Secret gets another key.
    Add,
    /// A key of the Secret gets another value.
    Change,
    /// The Secret loses a key.
    Remove,
    /// A resource is deleted that deletes what it pushed.
    Delete,
}

impl World for Pushes {
    type Cause = Cause;

    const ROWS: &'static [(Effect, Cause)] = &[
        (Effect::AddFinalizer, Cause::New),
        (Effect::ReadSecrets, Cause::New),
        (Effect::CreateSecrets, Cause::New),
        (Effect::WriteStatus, Cause::New),
        (Effect::CreateSecrets, Cause::Add),
        (Effect::WriteStatus, Cause::Add),
        (Effect::UpdateSecrets, Cause::Change),
        (Effect::DeleteSecrets, Cause::Remove),
        (Effect::WriteStatus, Cause::Remove),
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
        let made = self.made.to_string();
        match cause {
            Cause::New => self.push(&format!("new-{made}")).await,
            Cause::Add => self.edit(|keys| drop(keys.insert(format!("ADDED_{made}"), made.clone()))).await,
            Cause::Change => self.edit(|keys| drop(keys.insert("CHANGED".into(), made.clone()))).await,
            Cause::Remove => {
                self.edit(|keys| keys.retain(|key, _| !key.starts_with("ADDED_"))).await;
                // So that there is something to be removed by the next.
                self.edit(|keys| drop(keys.insert(format!("ADDED_{made}"), made.clone()))).await;
            }
            Cause::Delete => {
                let name = format!("old-{made}");
                self.push(&name).await;
                self.pushed_all(&name).await;
                let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
                api.delete(&name, &DeleteParams::default()).await.unwrap();
                self.pushed.insert(name, None);
            }
        }
    }

    async fn at_rest(&mut self) {
        for (name, keys) in &self.pushed {
            match keys {
                Some(_) => self.pushed_all(name).await,
                None => self.holds(name, &BTreeMap::new()).await,
            }
        }
        let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
        let wanted: BTreeSet<_> = self.pushed.iter().filter(|(_, keys)| keys.is_some()).map(|(name, _)| name.clone()).collect();
        until("what is deleted to be gone", async || {
            let found: BTreeSet<_> = api.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
            if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }
}

impl Pushes {
    async fn new() -> Self {
        let scene = Scene::new().await;
        let member = Membership { role: Role::Member, rules: Vec::new() };
        scene.infisical.state().set_membership("shop", "app", Some(member)).unwrap();
        let mut this = Self { scene, pushed: BTreeMap::new(), made: 0 };
        this.push("a").await;
        this
    }

    async fn push(&mut self, name: &str) {
        let scene = &self.scene;
        let namespace = scene.namespace.name();
        scene.infisical.state().create_folder(&scene.dev(name)).unwrap();
        scene.infisical.state().set_secret(&scene.dev(name), "THEIRS", "theirs").unwrap();
        let keys = BTreeMap::from([("KEPT".to_owned(), "kept".to_owned()), ("CHANGED".to_owned(), "at first".to_owned())]);
        scene.namespace.secret(name, keys.iter().map(|(key, value)| (key.as_str(), value.as_str()))).await.unwrap();
        scene
            .apply(&json!({
                "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalPushSecret",
                "metadata": {"name": name, "namespace": namespace},
                "spec": {
                    "hostAPI": scene.infisical.url(),
                    "resyncInterval": "5s", "updatePolicy": "Replace", "deletionPolicy": "Delete",
                    "destination": {"projectSlug": "shop", "environmentSlug": "dev", "secretsPath": format!("/{name}")},
                    "push": {"secret": {"secretName": name, "secretNamespace": namespace}},
                    "authentication": {"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}}},
                },
            }))
            .await;
        self.pushed.insert(name.into(), Some(keys));
    }

    /// Changes the Secret of resource `a`.
    async fn edit(&mut self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        let keys = self.pushed.get_mut("a").unwrap().as_mut().unwrap();
        change(keys);
        let api: Api<k8s_openapi::api::core::v1::Secret> = self.scene.namespace.api();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": keys});
        // Replaced, so that keys go.
        let mut live = api.get("a").await.unwrap();
        live.data = None;
        live.string_data = serde_json::from_value(secret["stringData"].clone()).unwrap();
        api.replace("a", &kube::api::PostParams::default(), &live).await.unwrap();
    }

    /// Waits until a resource has pushed its Secret, and nothing else, and says so.
    async fn pushed_all(&self, name: &str) {
        let keys = self.pushed[name].as_ref().unwrap();
        self.holds(name, keys).await;
        let wanted: BTreeSet<_> = keys.keys().cloned().collect();
        let api: Api<InfisicalPushSecret> = self.scene.namespace.api();
        until(format_args!("{name} to be ready"), async || {
            let resource = api.get(name).await.unwrap();
            assert!(!resource.finalizers().is_empty(), "{name} has lost its finalizer");
            let status = resource.status.unwrap_or_default();
            let ready = status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True");
            let managed: BTreeSet<_> = status.managed_secrets.iter().flatten().map(|(_, key)| key.clone()).collect();
            let keyed: BTreeSet<_> = status.managed_secrets.iter().flatten().map(|(key, _)| key.clone()).collect();
            if ready && (managed == wanted || keyed == wanted) { Ok(()) } else { Err(format!("{status:?}")) }
        })
        .await;
    }

    /// Waits until the folder of a resource holds exactly this, and what was there before.
    async fn holds(&self, name: &str, keys: &BTreeMap<String, String>) {
        let mut wanted = keys.clone();
        wanted.insert("THEIRS".into(), "theirs".into());
        let place = Place::new("shop", "dev", name);
        until(format_args!("folder /{name} to hold what is pushed"), async || {
            let found: BTreeMap<_, _> = self
                .keys(&place)
                .into_iter()
                .filter_map(|key| Some((key.clone(), self.scene.infisical.state().value(&place, &key)?)))
                .collect();
            if found == wanted { Ok(()) } else { Err(format!("{found:?} instead of {wanted:?}")) }
        })
        .await;
    }

    fn keys(&self, place: &Place) -> Vec<String> {
        self.scene.infisical.state().inspect(|world| {
            let project = world.projects.iter().find(|project| project.slug == place.project);
            let folder = project.and_then(|project| project.folder(&place.environment, &place.path));
            folder.map(|folder| folder.secrets.keys().cloned().collect()).unwrap_or_default()
        })
    }
}

#[tokio::test]
async fn infisical_push_secret() {
    survives(Pushes::new().await).await;
}
