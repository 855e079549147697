//! A suspended resource is left alone until its owner resumes it.
use api::{
    status::Conditions,
    v1alpha1::{InfisicalDynamicSecret, InfisicalPushSecret, InfisicalSecret, Password},
    v1beta1::{InfisicalAuth, InfisicalConnection, InfisicalStaticSecret},
};
use infisical_dev_server::Operation;
use integration::{Scene, merged, until};
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Secret},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
    core::{NamespaceResourceScope, object::HasStatus},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{fmt::Debug, time::Duration};

const SUSPEND: &str = "secrets.infisical.com/suspend";

trait Kind:
    kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + HasStatus<Status: Conditions> + Clone + DeserializeOwned + Debug
{
}
impl<K> Kind for K where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + HasStatus<Status: Conditions> + Clone + DeserializeOwned + Debug
{
}

async fn conditions<K: Kind>(scene: &Scene, name: &str) -> Vec<Condition> {
    let api: Api<K> = scene.namespace.api();
    let object = api.get(name).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    object.status().map(|status| status.conditions().to_vec()).unwrap_or_default()
}

/// Suspends an object and waits until that is said beside what stood there. Gives all conditions.
async fn suspend<K: Kind>(scene: &Scene, name: &str) -> Vec<Condition> {
    let before = conditions::<K>(scene, name).await;
    scene.annotate::<K>(name, SUSPEND, Some("true")).await;
    let after = until(format_args!("{name} to be suspended"), async || {
        let found = conditions::<K>(scene, name).await;
        let said = found.iter().any(|condition| condition.type_ == "Suspended" && condition.status == "True");
        if said { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await;
    let (last, others) = after.split_last().unwrap();
    assert_eq!((last.type_.as_str(), last.reason.as_str()), ("Suspended", "Suspended"));
    assert!(last.message.contains(SUSPEND), "{}", last.message);
    assert_eq!(others, before, "what the last pass said stays");
    after
}

async fn resume<K: Kind>(scene: &Scene, name: &str) {
    scene.annotate::<K>(name, SUSPEND, None).await;
    until(format_args!("{name} to be resumed"), async || {
        let found = conditions::<K>(scene, name).await;
        if found.iter().any(|condition| condition.type_ == "Suspended") { Err(format!("{found:?}")) } else { Ok(()) }
    })
    .await;
}

/// A resource like `a` with an identity of its own, by which to see that time has passed: it does all that `a` must not do.
async fn control(scene: &Scene) {
    let namespace = scene.namespace.name();
    scene.namespace.secret("others", [("clientId", "other-client"), ("clientSecret", "other-secret")]).await.unwrap();
    let credentials = json!({"secretName": "others", "secretNamespace": namespace});
    scene.infisical_secret("control", json!({"spec": {"authentication": {"universalAuth": {"credentialsRef": credentials}}}})).await;
    scene.synced("control").await;
}

#[tokio::test]
async fn nothing_is_read_repaired_or_restarted_until_it_is_resumed_and_then_everything_is_fresh() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    control(&scene).await;
    scene
        .apply(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "w", "annotations": {"secrets.infisical.com/auto-reload": "true"}},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "w"}}, "template": {
                "metadata": {"labels": {"app": "w"}},
                "spec": {"containers": [{"name": "c", "image": "nowhere.invalid/c", "envFrom": [{"secretRef": {"name": "a"}}]}]},
            }},
        }))
        .await;
    // Without an interval that could bring the change after the resumption.
    scene.infisical_secret("a", json!({"spec": {"syncConfig": {"resyncInterval": "1h"}}})).await;
    scene.synced("a").await;
    let restarts = async || scene.namespace.api::<Deployment>().get("w").await.unwrap().metadata.generation;
    until("the workload to be noted", async || {
        let noted = scene.namespace.api::<Deployment>().get("w").await.unwrap();
        if noted.annotations().keys().any(|name| name.contains("managed-secret.a")) { Ok(()) } else { Err("it is not") }
    })
    .await;
    let revoked = scene.infisical.calls().count(Operation::Revoke);
    let conditions = suspend::<InfisicalSecret>(&scene, "a").await;
    // No other resource uses its login, so that is given back.
    until("its token to be revoked", async || {
        let now = scene.infisical.calls().count(Operation::Revoke);
        if now > revoked { Ok(()) } else { Err(format!("{now} revocations")) }
    })
    .await;
    let logins = scene.infisical.logins();

    let generation = restarts().await;
    scene.set("A", "edited");
    scene.delete_secret("a").await;
    scene.resync("a").await;
    scene.holds("control", &[("A", "edited"), ("B", "two")]).await;
    scene.delete_secret("control").await;
    scene.holds("control", &[("A", "edited"), ("B", "two")]).await;
    assert!(scene.namespace.api::<Secret>().get_opt("a").await.unwrap().is_none(), "a suspended resource repaired its target");
    assert_eq!((restarts().await, scene.infisical.logins()), (generation, logins));
    assert_eq!(self::conditions::<InfisicalSecret>(&scene, "a").await, conditions);
    let events = scene.events("a").await;
    assert_eq!(events.iter().filter(|event| event.reason == "Suspended").count(), 1, "{events:?}");

    resume::<InfisicalSecret>(&scene, "a").await;
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    scene.synced("a").await;
    until("the workload to be restarted", async || {
        let now = restarts().await;
        if now > generation { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    let copied: Vec<_> = scene.secret("a").await.annotations().keys().filter(|name| name.contains("suspend")).cloned().collect();
    assert!(copied.is_empty(), "{copied:?}");
}

#[tokio::test]
async fn a_suspension_outlives_a_restart_and_holds_up_no_deletion() {
    let scene = Scene::new().await;
    let operator = scene.start().await;
    scene.infisical_secret("a", json!({"metadata": {"finalizers": ["secrets.finalizers.infisical.com"]}})).await;
    scene.synced("a").await;
    let conditions = suspend::<InfisicalSecret>(&scene, "a").await;
    operator.stop().await;
    scene.delete_secret("a").await;
    let _operator = scene.start().await;
    control(&scene).await;
    assert!(scene.namespace.api::<Secret>().get_opt("a").await.unwrap().is_none());
    assert_eq!(self::conditions::<InfisicalSecret>(&scene, "a").await, conditions);
    let api: Api<InfisicalSecret> = scene.namespace.api();
    api.delete("a", &DeleteParams::default()).await.unwrap();
    until("the suspended resource to be gone", async || match api.get_opt("a").await {
        Ok(None) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Waits until one is Ready, or is not.
async fn ready<K: Kind>(scene: &Scene, name: &str, status: &str) {
    until(format_args!("{name} to be Ready={status}"), async || {
        let found = conditions::<K>(scene, name).await;
        let said = found.iter().any(|condition| condition.type_ == "Ready" && condition.status == status);
        if said { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_suspended_push_writes_nothing_until_it_is_resumed_and_then_what_its_secret_holds() {
    let scene = Scene::new().await;
    scene.may_write();
    scene.infisical.state().create_folder(&scene.dev("/other")).unwrap();
    scene.namespace.secret("source", [("PUSHED", "one")]).await.unwrap();
    let _operator = scene.start().await;
    let often = json!({"spec": {"resyncInterval": "5s"}});
    let other = merged(often.clone(), &json!({"spec": {"destination": {"secretsPath": "/other"}}}));
    for manifest in [scene.push_manifest("a", &often), scene.push_manifest("other", &other)] {
        scene.apply(&manifest).await;
    }
    ready::<InfisicalPushSecret>(&scene, "a", "True").await;
    ready::<InfisicalPushSecret>(&scene, "other", "True").await;
    let said = suspend::<InfisicalPushSecret>(&scene, "a").await;

    // Neither an edit nor what others write there nor a request for a fresh look; the other one has time for all of it.
    let secrets: Api<Secret> = scene.namespace.api();
    let edited = Patch::Merge(json!({"stringData": {"PUSHED": "edited"}}));
    secrets.patch("source", &PatchParams::default(), &edited).await.unwrap();
    scene.annotate::<InfisicalPushSecret>("a", "secrets.infisical.com/resync", Some("1")).await;
    scene.pushed_to("/other", "PUSHED", Some("edited")).await;
    for folder in ["/push", "/other"] {
        scene.infisical.state().set_secret(&scene.dev(folder), "PUSHED", "theirs").unwrap();
    }
    scene.pushed_to("/other", "PUSHED", Some("edited")).await;
    scene.pushed("PUSHED", Some("theirs")).await;
    assert_eq!(conditions::<InfisicalPushSecret>(&scene, "a").await, said);

    resume::<InfisicalPushSecret>(&scene, "a").await;
    scene.pushed("PUSHED", Some("edited")).await;
    // A deletion is done as ever.
    suspend::<InfisicalPushSecret>(&scene, "a").await;
    scene.namespace.api::<InfisicalPushSecret>().delete("a", &DeleteParams::default()).await.unwrap();
    scene.pushed("PUSHED", None).await;
}

#[tokio::test]
async fn a_suspended_lease_is_left_to_end_and_replaced_when_it_is_resumed() {
    let scene = Scene::with(|config| config.shortest_lease = Duration::from_secs(5)).await;
    scene.may_write();
    let _operator = scene.start().await;
    let short = json!({"spec": {"leaseTTL": "5s"}});
    for name in ["a", "other"] {
        scene.apply(&scene.lease_manifest(name, &short)).await;
    }
    let api: Api<InfisicalDynamicSecret> = scene.namespace.api();
    ready::<InfisicalDynamicSecret>(&scene, "a", "True").await;
    ready::<InfisicalDynamicSecret>(&scene, "other", "True").await;
    let said = suspend::<InfisicalDynamicSecret>(&scene, "a").await;
    let secret = scene.identity::<Secret>("a").await;
    let lease = async || api.get("a").await.unwrap().status.unwrap().lease.unwrap().id.unwrap();
    let before = lease().await;
    let live = || scene.infisical.state().leases(&scene.dev("/"), "db").len();
    until("the lease to end", async || if live() == 1 { Ok(()) } else { Err(live()) }).await;
    // The other one lives on, by renewals.
    scene.calls(Operation::RenewLease, 2).await;
    assert_eq!((live(), lease().await), (1, before.clone()));
    assert_eq!(scene.identity::<Secret>("a").await, secret);
    assert_eq!(conditions::<InfisicalDynamicSecret>(&scene, "a").await, said);

    resume::<InfisicalDynamicSecret>(&scene, "a").await;
    until("another lease", async || if lease().await == before { Err(&before) } else { Ok(()) }).await;
    let data = scene.data("a").await;
    assert!(scene.infisical.state().database_lets_in(&data["DB_USERNAME"], &data["DB_PASSWORD"]));
}

#[tokio::test]
async fn a_suspended_generator_is_not_checked_and_is_used_all_the_same() {
    let scene = Scene::new().await;
    scene.may_write();
    let _operator = scene.start().await;
    let generator =
        |name: &str| json!({"apiVersion": "secrets.infisical.com/v1alpha1", "kind": "Password", "metadata": {"name": name}, "spec": {}});
    let api: Api<Password> = scene.namespace.api();
    for name in ["a", "other"] {
        scene.apply(&generator(name)).await;
        ready::<Password>(&scene, name, "True").await;
    }
    let said = suspend::<Password>(&scene, "a").await;
    let set = async |name, spec| api.patch(name, &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await.unwrap();
    for name in ["a", "other"] {
        set(name, json!({"length": 44})).await;
    }
    ready::<Password>(&scene, "other", "False").await;
    // The suspension is said of the spec as it is now, the rest of the spec of before.
    let checked = |all: Vec<Condition>| all.into_iter().find(|condition| condition.type_ == "Ready");
    assert_eq!(checked(conditions::<Password>(&scene, "a").await), checked(said));
    set("a", json!({"length": 12})).await;
    let generated = json!([{"destinationSecretName": "GENERATED", "generatorRef": {"kind": "Password", "name": "a"}}]);
    scene.apply(&scene.push_manifest("push", &json!({"spec": {"push": {"secret": null, "generators": generated}}}))).await;
    ready::<InfisicalPushSecret>(&scene, "push", "True").await;
    let value = scene.infisical.state().value(&scene.dev("/push"), "GENERATED").unwrap();
    assert_eq!(value.len(), 12);
    set("a", json!({"length": 44})).await;
    resume::<Password>(&scene, "a").await;
    ready::<Password>(&scene, "a", "False").await;
}

#[tokio::test]
async fn each_link_of_a_chain_is_suspended_by_itself() {
    let scene = Scene::new().await;
    let _operator = scene.start().await;
    let namespace = scene.namespace.name();
    let here = |name: &str| json!({"name": name, "namespace": namespace});
    let key = |key: &str| json!({"name": "credentials", "namespace": namespace, "key": key});
    let object = |kind: &str, spec: serde_json::Value| json!({"apiVersion": "secrets.infisical.com/v1beta1", "kind": kind, "metadata": {"name": "x"}, "spec": spec});
    scene.apply(&object("InfisicalConnection", json!({"address": scene.infisical.url()}))).await;
    let login = json!({"clientIdRef": key("clientId"), "clientSecretRef": key("clientSecret")});
    scene.apply(&object("InfisicalAuth", json!({"infisicalConnectionRef": here("x"), "method": "universal", "universal": login}))).await;
    scene
        .apply(&object(
            "InfisicalStaticSecret",
            json!({
                "infisicalAuthRef": here("x"), "syncOptions": {"refreshInterval": "1h"},
                "sources": [{"projectSlug": "shop", "environmentSlug": "dev", "secretPath": "/"}],
                "targets": [{"name": "x", "namespace": namespace, "kind": "Secret", "creationPolicy": "Owner"}],
            }),
        ))
        .await;
    scene.holds("x", &[("A", "one"), ("B", "two")]).await;
    let said = |kind: &'static str, all: Vec<Condition>| {
        if all.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True") {
            Ok(())
        } else {
            Err(format!("{kind}: {all:?}"))
        }
    };
    until("the connection", async || said("connection", conditions::<InfisicalConnection>(&scene, "x").await)).await;
    until("the auth", async || said("auth", conditions::<InfisicalAuth>(&scene, "x").await)).await;
    until("the static secret", async || said("static secret", conditions::<InfisicalStaticSecret>(&scene, "x").await)).await;

    // Whoever leads through a suspended link goes on: it works from the spec.
    suspend::<InfisicalConnection>(&scene, "x").await;
    suspend::<InfisicalAuth>(&scene, "x").await;
    scene.set("A", "edited");
    scene.annotate::<InfisicalStaticSecret>("x", "secrets.infisical.com/resync", Some("1")).await;
    scene.holds("x", &[("A", "edited"), ("B", "two")]).await;

    // Not even a broken link is looked at while it is suspended.
    suspend::<InfisicalStaticSecret>(&scene, "x").await;
    let api: Api<InfisicalConnection> = scene.namespace.api();
    let nowhere = json!({"spec": {"address": "http://127.0.0.1:1"}});
    api.patch("x", &PatchParams::default(), &Patch::Merge(nowhere)).await.unwrap();
    control(&scene).await;
    said("connection", conditions::<InfisicalConnection>(&scene, "x").await).unwrap();
    said("static secret", conditions::<InfisicalStaticSecret>(&scene, "x").await).unwrap();
    resume::<InfisicalConnection>(&scene, "x").await;
    let connection = conditions::<InfisicalConnection>(&scene, "x").await;
    assert!(connection.iter().any(|condition| condition.type_ == "Ready" && condition.status == "False"), "{connection:?}");
    let there = json!({"spec": {"address": scene.infisical.url()}});
    api.patch("x", &PatchParams::default(), &Patch::Merge(there)).await.unwrap();
    scene.set("A", "again");
    resume::<InfisicalAuth>(&scene, "x").await;
    resume::<InfisicalStaticSecret>(&scene, "x").await;
    scene.holds("x", &[("A", "again"), ("B", "two")]).await;
}
