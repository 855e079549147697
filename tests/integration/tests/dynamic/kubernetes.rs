//! Leases of the Kubernetes provider, against the real API server: the token in the managed Secret authenticates to it, and that
//! of a revoked dynamic lease does not.
use super::{annotate, another_lease, apply, failed, lease_of, may_lease, only, place, short_leases, synced};
use infisical_dev_server::{CredentialType, DynamicSecretSeed, KubernetesInputs, Operation, Provider, RoleType};
use integration::{Scene, until};
use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenReview, TokenReviewSpec},
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::RoleBinding,
};
use kube::{
    Api, ResourceExt,
    api::{ListParams, PostParams},
};
use serde_json::json;

async fn scene(inputs: KubernetesInputs) -> Scene {
    let scene = Scene::with(short_leases).await;
    may_lease(&scene.infisical);
    let settings =
        DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: None, refuses_renewal: false, provider: Provider::Kubernetes(inputs) };
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", settings).unwrap();
    scene
}

/// A Scene's namespace is known only when it is there.
async fn inputs(scene: &Scene, change: impl FnOnce(&mut KubernetesInputs, &str)) {
    let mut inputs = KubernetesInputs::default();
    change(&mut inputs, scene.namespace.name());
    let settings =
        DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: None, refuses_renewal: false, provider: Provider::Kubernetes(inputs) };
    scene.infisical.state().set_dynamic_secret(&place("dev"), "db", settings).unwrap();
}

/// Who the API server says that the token of the managed Secret is.
async fn whoami(scene: &Scene, token: &str) -> Result<String, kube::Error> {
    let client = scene.plane.cluster().client_with_token(token.to_owned()).await.unwrap();
    let api: Api<SelfSubjectReview> = Api::all(client);
    let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    Ok(review.status.and_then(|status| status.user_info?.username).unwrap_or_default())
}

async fn may_list_config_maps(scene: &Scene, namespace: &str, token: &str) -> bool {
    let client = scene.plane.cluster().client_with_token(token.to_owned()).await.unwrap();
    let api: Api<ConfigMap> = Api::namespaced(client, namespace);
    api.list(&ListParams::default()).await.is_ok()
}

/// A role of that name in a namespace, which lets its bearers list ConfigMaps.
async fn role(scene: &Scene, namespace: &str) {
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "reader", "namespace": namespace},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}],
    });
    scene.apply(&role).await;
}

#[tokio::test]
async fn a_static_token_authenticates_and_is_replaced_instead_of_renewed() {
    let scene = scene(KubernetesInputs::default()).await;
    inputs(&scene, |inputs, namespace| {
        inputs.namespace = namespace.to_owned();
        inputs.service_account_name = "default".to_owned();
    })
    .await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "10m"}})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let token = scene.data("a").await["TOKEN"].clone();
    let user = whoami(&scene, &token).await.unwrap();
    assert_eq!(user, format!("system:serviceaccount:{}:default", scene.namespace.name()));
    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    only(&scene, &[&second]).await;
    let newer = scene.data("a").await["TOKEN"].clone();
    assert_ne!(newer, token);
    // The token of an account that stays can't be taken back: it lives to its end.
    assert!(whoami(&scene, &token).await.is_ok() && whoami(&scene, &newer).await.is_ok());
    assert_eq!(scene.infisical.calls().count(Operation::RenewLease), 0);
}

#[tokio::test]
async fn a_dynamic_token_has_its_role_and_dies_with_its_lease() {
    let scene = scene(KubernetesInputs::default()).await;
    let namespace = scene.namespace.name().to_owned();
    role(&scene, &namespace).await;
    inputs(&scene, |inputs, namespace| {
        inputs.credential_type = CredentialType::Dynamic;
        inputs.namespace = namespace.to_owned();
        inputs.role = "reader".to_owned();
        inputs.role_type = RoleType::Role;
    })
    .await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "10m"}})).await;
    let first = lease_of(&synced(&scene, "a").await);
    let token = scene.data("a").await["TOKEN"].clone();
    let account = whoami(&scene, &token).await.unwrap();
    assert!(account.contains("dynamic-secret-sa-"), "{account}");
    until("the role to be bound", async || if may_list_config_maps(&scene, &namespace, &token).await { Ok(()) } else { Err("not yet") })
        .await;

    annotate(&scene, "a", "secrets.infisical.com/reroll", "1").await;
    let second = another_lease(&scene, "a", &first).await;
    only(&scene, &[&second]).await;
    until("the revoked token to be refused", async || match whoami(&scene, &token).await {
        Err(kube::Error::Api(status)) if status.code == 401 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let newer = scene.data("a").await["TOKEN"].clone();
    assert!(whoami(&scene, &newer).await.is_ok());

    super::delete(&scene, "a").await;
    super::gone(&scene, "a").await;
    let accounts: Api<ServiceAccount> = scene.namespace.api();
    let bindings: Api<RoleBinding> = scene.namespace.api();
    let left = accounts.list(&ListParams::default()).await.unwrap().items;
    assert!(left.iter().all(|account| !account.name_any().starts_with("dynamic-secret-sa-")));
    assert!(bindings.list(&ListParams::default()).await.unwrap().items.is_empty());
    until("that token to be refused too", async || match whoami(&scene, &newer).await {
        Err(kube::Error::Api(status)) if status.code == 401 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test]
async fn the_namespace_of_a_lease_is_one_of_those_that_are_allowed() {
    let scene = scene(KubernetesInputs::default()).await;
    let other = scene.plane.namespace().await.unwrap();
    role(&scene, other.name()).await;
    let allowed = format!("{}, {}", scene.namespace.name(), other.name());
    inputs(&scene, |inputs, _| {
        inputs.credential_type = CredentialType::Dynamic;
        inputs.namespace = allowed.clone();
        inputs.role = "reader".to_owned();
    })
    .await;
    let _operator = scene.start().await;
    let spec = |namespace: &str| json!({"spec": {"leaseTTL": "10m", "dynamicSecret": {"kubernetesNamespace": namespace}}});
    apply(&scene, "a", spec("elsewhere")).await;
    let message = failed(&scene, "a", "RequestRefused").await;
    assert!(message.contains("Namespace elsewhere is not allowed") && message.contains(&allowed), "{message}");
    apply(&scene, "a", spec(other.name())).await;
    synced(&scene, "a").await;
    let token = scene.data("a").await["TOKEN"].clone();
    let user = whoami(&scene, &token).await.unwrap();
    assert!(user.starts_with(&format!("system:serviceaccount:{}:dynamic-secret-sa-", other.name())), "{user}");
    until("the role to be bound", async || if may_list_config_maps(&scene, other.name(), &token).await { Ok(()) } else { Err("not yet") })
        .await;
}

#[tokio::test]
async fn audiences_bound_what_a_token_is_good_for() {
    let scene = scene(KubernetesInputs::default()).await;
    inputs(&scene, |inputs, namespace| {
        inputs.namespace = namespace.to_owned();
        inputs.service_account_name = "default".to_owned();
        inputs.audiences = vec!["https://elsewhere.example.com".to_owned()];
    })
    .await;
    let _operator = scene.start().await;
    apply(&scene, "a", json!({"spec": {"leaseTTL": "10m"}})).await;
    synced(&scene, "a").await;
    let token = scene.data("a").await["TOKEN"].clone();
    assert!(whoami(&scene, &token).await.is_err(), "it is not for the API server");
    let spec = TokenReviewSpec { token: Some(token), audiences: Some(vec!["https://elsewhere.example.com".to_owned()]) };
    let reviews: Api<TokenReview> = Api::all(scene.plane.cluster().client().clone());
    let review = reviews.create(&PostParams::default(), &TokenReview { spec, ..TokenReview::default() }).await.unwrap();
    assert_eq!(review.status.and_then(|status| status.authenticated), Some(true));
}
