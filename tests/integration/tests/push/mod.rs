//! InfisicalPushSecret: keys of a Secret, and generated values, become secrets of Infisical.
mod approvals;
mod conditions;
mod deletion;
mod folders;
mod generators;
mod killed;
mod policies;
mod samples;
mod several;
mod source;
mod takeover;
mod values;

use api::v1alpha1::{InfisicalPushSecret, PushSecretStatus};
use infisical_dev_server::{Membership, Operation, Place, Role};
use integration::{Scene, merged, until};
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, ops::Deref, time::Duration};

/// A scene in whose folder `/push` of `dev` the identity `app` may write.
struct World(Scene);

impl Deref for World {
    type Target = Scene;

    fn deref(&self) -> &Scene {
        &self.0
    }
}

impl World {
    async fn new() -> Self {
        let scene = Scene::new().await;
        scene.infisical.state().set_membership("shop", "app", Some(Membership { role: Role::Member, rules: Vec::new() })).unwrap();
        scene.infisical.state().create_folder(&scene.dev("/push")).unwrap();
        Self(scene)
    }

    fn place(&self) -> Place {
        self.dev("/push")
    }

    /// An InfisicalPushSecret of the Secret `source` to `/push`, with changes.
    fn manifest(&self, name: &str, changes: &Value) -> Value {
        let namespace = self.namespace.name();
        let base = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1",
            "kind": "InfisicalPushSecret",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "hostAPI": self.infisical.url(),
                "destination": {"projectSlug": "shop", "environmentSlug": "dev", "secretsPath": "/push"},
                "push": {"secret": {"secretName": "source", "secretNamespace": namespace}},
                "authentication": {"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": namespace}}},
            },
        });
        merged(base, changes)
    }

    async fn push(&self, name: &str, changes: Value) {
        self.apply(&self.manifest(name, &changes)).await;
    }

    /// Makes the Secret `source` hold exactly this.
    async fn source(&self, data: &[(&str, &str)]) {
        self.secret_of("source", data).await;
    }

    async fn secret_of(&self, name: &str, data: &[(&str, &str)]) {
        let api: Api<Secret> = self.namespace.api();
        let bytes = |(key, value): &(&str, &str)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
        let data: BTreeMap<_, _> = data.iter().map(bytes).collect();
        match api.get_opt(name).await.unwrap() {
            Some(mut secret) => {
                secret.data = Some(data);
                api.replace(name, &PostParams::default(), &secret).await.unwrap();
            }
            None => {
                let mut secret = Secret { data: Some(data), ..Secret::default() };
                secret.metadata.name = Some(name.into());
                api.create(&PostParams::default(), &secret).await.unwrap();
            }
        }
    }

    fn remote(&self, key: &str) -> Option<String> {
        self.infisical.state().value(&self.place(), key)
    }

    fn set_remote(&self, key: &str, value: &str) {
        self.infisical.state().set_secret(&self.place(), key, value).unwrap();
    }

    fn all_remote(&self) -> BTreeMap<String, String> {
        self.infisical.state().inspect(|world| {
            let folder = world.projects[0].folder("dev", "/push");
            let secrets = folder.into_iter().flat_map(|folder| &folder.secrets);
            secrets.map(|(key, secret)| (key.clone(), secret.content.value.expose().to_owned())).collect()
        })
    }

    /// Waits until the folder holds exactly this.
    async fn remote_is(&self, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<_, _> = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        until(format_args!("/push to hold {wanted:?}"), async || {
            let found = self.all_remote();
            if found == wanted { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    }

    fn writes(&self) -> u64 {
        self.infisical.calls().count(Operation::WriteSecret)
    }

    fn resources(&self) -> Api<InfisicalPushSecret> {
        self.namespace.api()
    }

    async fn status(&self, name: &str) -> PushSecretStatus {
        self.resources().get(name).await.unwrap().status.unwrap_or_default()
    }

    /// Names of what is recorded as ours.
    async fn managed(&self, name: &str) -> Vec<String> {
        let mut names: Vec<_> = self.status(name).await.managed_secrets.unwrap_or_default().into_values().collect();
        names.sort();
        names
    }

    /// Waits for `Ready` with this status and reason in the present generation.
    async fn ready_is(&self, name: &str, status: &str, reason: &str) -> Condition {
        let what = format!("{name} to be Ready={status} ({reason})");
        self.ready_if(name, &what, |ready| ready.status == status && ready.reason == reason).await
    }

    async fn pushed(&self, name: &str) -> Condition {
        self.ready_is(name, "True", "Synced").await
    }

    async fn fails(&self, name: &str, reason: &str) -> String {
        self.ready_is(name, "False", reason).await.message
    }

    async fn ready_if(&self, name: &str, what: &str, wanted: impl Fn(&Condition) -> bool) -> Condition {
        until(what, async || {
            let resource = self.resources().get(name).await.map_err(|error| error.to_string())?;
            let generation = resource.metadata.generation;
            let conditions = resource.status.unwrap_or_default().conditions;
            let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready").ok_or("it has no condition Ready")?;
            if ready.observed_generation == generation && wanted(&ready) { Ok(ready) } else { Err(format!("{ready:?}")) }
        })
        .await
    }

    /// Has a resource looked at anew, and waits until that has ended: when the next look has begun.
    async fn look_again(&self, name: &str) {
        for _ in 0..2 {
            let lists = self.infisical.calls().count(Operation::ListSecrets);
            self.annotate(name, "secrets.infisical.com/resync", &lists.to_string()).await;
            let listed = self.infisical.calls().wait_for_calls(Operation::ListSecrets, lists + 1);
            tokio::time::timeout(Duration::from_secs(60), listed).await.unwrap();
        }
    }

    async fn annotate(&self, name: &str, annotation: &str, value: &str) {
        let patch = json!({"metadata": {"annotations": {annotation: value}}});
        self.resources().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn patch(&self, name: &str, spec: Value) {
        self.resources().patch(name, &PatchParams::default(), &Patch::Merge(json!({"spec": spec}))).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        self.resources().delete(name, &Default::default()).await.unwrap();
    }

    async fn is_gone(&self, name: &str) {
        until(format_args!("{name} to be gone"), async || match self.resources().get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(resource)) => {
                let finalizers = resource.finalizers().to_vec();
                Err(format!("finalizers {finalizers:?}, {:?}", resource.status.map(|status| status.conditions)))
            }
            Err(error) => Err(error.to_string()),
        })
        .await;
    }
}

fn replace_and_delete() -> Value {
    json!({"spec": {"updatePolicy": "Replace", "deletionPolicy": "Delete"}})
}
