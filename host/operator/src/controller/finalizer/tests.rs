//! Against a real API server, whose rules for finalizers are what matters.
use super::*;
use api::{
    v1alpha1::InfisicalPushSecret,
    well_known::finalizer::{DYNAMIC_SECRET as OTHER, PUSH_SECRET as OURS},
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use support::{ControlPlane, Namespace};

/// Verbs of the peer's role, with which it updates.
const WITHOUT_PATCH: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
- {apiGroups: [secrets.infisical.com], resources: [infisicalpushsecrets], verbs: [get, list, update, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{kind: ServiceAccount, name: default}]
"#;

struct World {
    namespace: Namespace,
    api: Api<InfisicalPushSecret>,
}

impl World {
    async fn new() -> Self {
        let control_plane = ControlPlane::shared().await.unwrap();
        control_plane.cluster().establish(api::crds::crds()).await.unwrap();
        let namespace = control_plane.cluster().namespace().await.unwrap();
        Self { api: namespace.api(), namespace }
    }

    fn requests(&self) -> Requests {
        Requests::new(self.namespace.cluster().client().clone())
    }

    async fn made(&self, finalizers: &[&str]) -> InfisicalPushSecret {
        let object = json!({
            "apiVersion": "secrets.infisical.com/v1alpha1", "kind": "InfisicalPushSecret",
            "metadata": {"name": "a", "finalizers": finalizers},
            "spec": {"push": {"secret": {"secretName": "a", "secretNamespace": "b"}}, "destination": {"secretsPath": "/", "environmentSlug": "dev", "projectId": "p"}},
        });
        self.api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
    }

    /// Another writer: the version that others know is old from now on.
    async fn edited(&self, metadata: Value) {
        self.api.patch("a", &PatchParams::default(), &Patch::Merge(json!({ "metadata": metadata }))).await.unwrap();
    }

    async fn without_patch(&self) -> Client {
        self.namespace.apply(WITHOUT_PATCH).await.unwrap();
        let token = self.namespace.service_account_token("default", &[]).await.unwrap();
        let client = self.namespace.cluster().client_with_token(token).await.unwrap();
        let api = Api::<InfisicalPushSecret>::namespaced(client.clone(), self.namespace.name());
        self.namespace.eventually("the role to count", async || api.get_opt("none").await).await.unwrap();
        client
    }
}

#[tokio::test]
async fn ours_is_added_and_removed_and_those_of_others_stay() {
    let world = World::new().await;
    let made = world.made(&["example.com/theirs"]).await;
    let added = add(&world.requests(), &made, OURS).await.unwrap().unwrap();
    assert_eq!(added.finalizers(), ["example.com/theirs", OURS]);
    // Nothing is written where nothing changes.
    let again = add(&world.requests(), &added, OURS).await.unwrap().unwrap();
    assert_eq!(again.resource_version(), added.resource_version());
    world.api.delete("a", &DeleteParams::default()).await.unwrap();
    let deleted = world.api.get("a").await.unwrap();
    remove(&world.requests(), &deleted, OURS).await.unwrap();
    assert_eq!(world.api.get("a").await.unwrap().finalizers(), ["example.com/theirs"]);
    world.edited(json!({"finalizers": null})).await;
    assert!(world.api.get_opt("a").await.unwrap().is_none());
    remove(&world.requests(), &deleted, OURS).await.unwrap();
}

#[tokio::test]
async fn another_writers_finalizers_survive_our_late_view() {
    let world = World::new().await;
    let made = world.made(&[OTHER]).await;
    world.edited(json!({"finalizers": [OTHER, "example.com/late"]})).await;
    let added = add(&world.requests(), &made, OURS).await.unwrap().unwrap();
    assert_eq!(added.finalizers(), [OTHER, "example.com/late", OURS]);
    world.edited(json!({"finalizers": [OURS, "example.com/later"]})).await;
    remove(&world.requests(), &added, OURS).await.unwrap();
    assert_eq!(world.api.get("a").await.unwrap().finalizers(), ["example.com/later"]);
}

#[tokio::test]
async fn a_resource_that_is_being_deleted_or_was_replaced_gets_none() {
    let world = World::new().await;
    let made = world.made(&[OTHER]).await;
    world.api.delete("a", &DeleteParams::default()).await.unwrap();
    // Our view may be from before.
    for view in [made.clone(), world.api.get("a").await.unwrap()] {
        assert!(add(&world.requests(), &view, OURS).await.unwrap().is_none());
    }
    world.edited(json!({"finalizers": null})).await;
    assert!(add(&world.requests(), &made, OURS).await.unwrap().is_none());
    let next = world.made(&[]).await;
    assert!(add(&world.requests(), &made, OURS).await.unwrap().is_none());
    assert_eq!(world.api.get("a").await.unwrap().resource_version(), next.resource_version());
}

#[tokio::test]
async fn a_role_without_patch_is_enough_and_no_field_is_lost() {
    let world = World::new().await;
    let made = world.made(&["example.com/theirs"]).await;
    let requests = Requests::new(world.without_patch().await);
    let added = add(&requests, &made, OURS).await.unwrap().unwrap();
    assert_eq!((added.finalizers().to_vec(), &added.spec), (vec!["example.com/theirs".into(), OURS.into()], &made.spec));
    world.edited(json!({"labels": {"late": "true"}})).await;
    remove(&requests, &added, OURS).await.unwrap();
    let after = world.api.get("a").await.unwrap();
    assert_eq!((after.finalizers(), after.labels().len()), (["example.com/theirs".to_owned()].as_slice(), 1));
}

#[tokio::test]
async fn a_missing_right_is_named_and_nothing_is_changed() {
    let world = World::new().await;
    let made = world.made(&[]).await;
    let token = world.namespace.service_account_token("default", &[]).await.unwrap();
    let client = world.namespace.cluster().client_with_token(token).await.unwrap();
    let fault = add(&Requests::new(client), &made, OURS).await.unwrap_err();
    assert_eq!((fault.reason, fault.class), (reason::API_SERVER_FORBIDDEN, Class::Denied));
    assert!(fault.message.contains("add the finalizer to InfisicalPushSecret"), "{}", fault.message);
    assert_eq!(world.api.get("a").await.unwrap().resource_version(), made.resource_version());
}
