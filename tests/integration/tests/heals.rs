//! A token that expires, is revoked or is used up at the server is replaced without a restart, and nobody hears of it.
//!
//! The rows here need nothing beside the scene: each says what its resource has below `spec.authentication`, and what surrounds the
//! operator. A method whose proof needs more, such as a cloud, has its test beside its others in `logins/`, by
//! [`whatever_ends_its_token_it_goes_on`]. Two of the fourteen prove nothing and have none: `token` and `service-token` use what
//! they are given, and nobody but a person gives another one.
use api::v1alpha1::InfisicalSecret;
use infisical_dev_server::{Operation, TokenBounds};
use integration::{Scene, until};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use operator::options::Options;
use serde_json::{Value, json};
use std::fs;

/// A method, as one resource uses it.
struct Row {
    /// Of the identity at the server.
    identity: &'static str,
    /// Below `spec.authentication`, without the scope.
    block: fn(&Scene) -> Value,
    /// What surrounds the operator.
    around: fn(&Scene, &mut Options),
}

const NOTHING: fn(&Scene, &mut Options) = |_, _| {};

fn rows() -> [Row; 3] {
    [
        Row {
            identity: "app",
            block: |scene| json!({"universalAuth": {"credentialsRef": {"secretName": "credentials", "secretNamespace": scene.namespace.name()}}}),
            around: NOTHING,
        },
        // A fresh token of a service account, each time.
        Row {
            identity: "pod-with-audience",
            block: |scene| {
                json!({"kubernetesAuth": {
                    "identityId": "88888888-aaaa-4bbb-8ccc-dddddddddddd",
                    "autoCreateServiceAccountToken": true,
                    "serviceAccountRef": {"name": "default", "namespace": scene.namespace.name()},
                    "serviceAccountTokenAudiences": ["https://app.infisical.com"],
                }})
            },
            around: NOTHING,
        },
        // The operator's own token, from a file that something else rotates.
        Row {
            identity: "pod",
            block: |_| {
                json!({"plugin": {
                    "name": "kubernetes",
                    "settings": {"source": "token-file"},
                    "inputs": [{"name": "identity-id", "value": "99999999-aaaa-4bbb-8ccc-dddddddddddd"}],
                }})
            },
            around: |scene, options| {
                options.trusted_hosts.push(scene.infisical.url());
                options.plugins.mounts.insert("service-account".into(), scene.folder().join("token"));
            },
        },
    ]
}

/// What befalls the token.
#[derive(Clone, Copy, Debug)]
enum End {
    Expired,
    Revoked,
    UsedUp,
}

#[tokio::test]
async fn whatever_ends_a_token_its_resource_goes_on() {
    for row in rows() {
        let scene = Scene::new().await;
        let mount = scene.folder().join("token");
        fs::create_dir_all(&mount).unwrap();
        fs::write(mount.join("token"), scene.namespace.service_account_token("default", &[]).await.unwrap()).unwrap();
        let _operator = scene.start_with(|options| (row.around)(&scene, options)).await;
        let mut block = (row.block)(&scene);
        for fields in block.as_object_mut().unwrap().values_mut() {
            fields["secretsScope"] = json!({"projectSlug": "shop", "envSlug": "dev", "secretsPath": "/"});
        }
        let mut authentication = json!({"universalAuth": null});
        authentication.as_object_mut().unwrap().append(block.as_object_mut().unwrap());
        scene.infisical_secret("a", json!({"spec": {"authentication": authentication}})).await;
        whatever_ends_its_token_it_goes_on(&scene, "a", row.identity).await;
    }
}

/// A resource of the usual folder, in step or about to be, goes on whatever ends the token of its identity at the server, and
/// nobody hears of it.
pub async fn whatever_ends_its_token_it_goes_on(scene: &Scene, name: &str, identity: &str) {
    let often = json!({"spec": {"syncConfig": {"resyncInterval": "5s"}}});
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.patch(name, &PatchParams::default(), &Patch::Merge(often)).await.unwrap();
    scene.holds(name, &[("A", "one"), ("B", "two")]).await;
    scene.synced(name).await;
    let told = scene.events(name).await.len();
    for (end, value) in [(End::Expired, "e"), (End::Revoked, "r"), (End::UsedUp, "u")] {
        goes_on(scene, name, identity, end, value).await;
    }
    assert_eq!(scene.events(name).await.len(), told, "{identity}: nobody needs to hear of a new login");
}

async fn goes_on(scene: &Scene, name: &str, identity: &str, end: End, value: &str) {
    let state = scene.infisical.state();
    let logins = scene.infisical.logins();
    let before = scene.identity::<Secret>(name).await;
    match end {
        End::Expired => state.expire_tokens(Some(identity)).unwrap(),
        End::Revoked => state.revoke_tokens(Some(identity)).unwrap(),
        End::UsedUp => {
            // One use each from now on; the token at hand ends, so that the bound counts for the next.
            state.set_token_bounds(identity, TokenBounds { uses: 1, ..TokenBounds::DEFAULT }).unwrap();
            state.expire_tokens(Some(identity)).unwrap();
        }
    }
    scene.set("A", value);
    scene.holds(name, &[("A", value), ("B", "two")]).await;
    let wanted = if matches!(end, End::UsedUp) { 2 } else { 1 };
    until(format_args!("{wanted} logins of {identity} ({end:?})"), async || match scene.infisical.logins() - logins {
        found if found >= wanted => Ok(()),
        found => Err(format!("{found}")),
    })
    .await;
    scene.calls(Operation::ListSecrets, 1).await;
    assert_eq!(scene.synced(name).await.status, "True");
    assert_ne!(scene.identity::<Secret>(name).await, before);
}
