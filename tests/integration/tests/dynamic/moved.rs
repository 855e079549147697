//! The spec names another dynamic secret, or the same one by another name.
use super::{another_lease, apply, becomes, database, lease_of, lets_in, may_lease, pass, resource, short_leases, synced};
use infisical_dev_server::{Membership, Operation, Place, Role, Seed};
use integration::{Scene, until};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

const SEED: &str = r#"
organization: {slug: acme}
identities:
  - name: app
    universalAuth: {clientId: app-client, clientSecrets: [app-secret]}
projects:
  - slug: shop
    id: 33333333-4444-4555-8666-777777777777
    members: {app: {role: member}}
    environments:
      - {slug: dev, folders: {/: {}, /app: {}}}
      - {slug: prod, folders: {/: {}}}
  - slug: store
    members: {app: {role: member}}
    environments:
      - {slug: dev, folders: {/: {}}}
"#;

async fn scene() -> Scene {
    let scene = Scene::with(|config| {
        short_leases(config);
        config.seed = Seed::parse(SEED).unwrap();
    })
    .await;
    may_lease(&scene.infisical);
    scene
}

fn dynamic_secret(scene: &Scene, place: &Place, name: &str) {
    scene.infisical.state().set_dynamic_secret(place, name, database("1h", Some("4h"), false, &json!({}))).unwrap();
}

fn ids(scene: &Scene, place: &Place, name: &str) -> Vec<String> {
    scene.infisical.state().leases(place, name).into_iter().map(|lease| lease.id).collect()
}

fn naming(details: Value) -> Value {
    json!({"spec": {"dynamicSecret": details}})
}

#[tokio::test]
async fn each_part_of_the_name_makes_a_new_lease_and_the_old_one_is_revoked_where_it_was_made() {
    let scene = scene().await;
    let member = Membership { role: Role::Member, rules: vec![] };
    scene.infisical.state().set_membership("store", "app", Some(member)).unwrap();
    let root = Place::new("shop", "dev", "/");
    let moves = [
        (root.clone(), "db", json!({})),
        (root.clone(), "queue", json!({"secretName": "queue"})),
        (Place::new("shop", "dev", "/app"), "queue", json!({"secretName": "queue", "secretsPath": "/app"})),
        (Place::new("shop", "prod", "/"), "queue", json!({"secretName": "queue", "environmentSlug": "prod"})),
        (Place::new("store", "dev", "/"), "db", json!({"projectSlug": "store"})),
        (root, "db", json!({"projectSlug": null, "projectId": "33333333-4444-4555-8666-777777777777"})),
    ];
    for (place, name, _) in &moves {
        dynamic_secret(&scene, place, name);
    }
    let _operator = scene.start().await;
    let mut before: Option<(Place, &str, String)> = None;
    for (place, name, details) in moves {
        apply(&scene, "a", naming(details.clone())).await;
        let known = before.as_ref().map(|(_, _, lease)| lease.clone()).unwrap_or_default();
        let lease = another_lease(&scene, "a", &known).await;
        synced(&scene, "a").await;
        assert_eq!(ids(&scene, &place, name), std::slice::from_ref(&lease), "{details}");
        assert!(lets_in(&scene, &scene.data("a").await));
        if let Some((place, name, lease)) = before {
            until(format_args!("{lease} of {name} in {place:?} to be revoked"), async || match ids(&scene, &place, name) {
                left if left.is_empty() => Ok(()),
                left => Err(format!("{left:?}")),
            })
            .await;
        }
        before = Some((place, name, lease));
    }
    let calls = scene.infisical.calls();
    assert_eq!((calls.count(Operation::CreateLease), calls.count(Operation::RevokeLease)), (6, 5));
}

#[tokio::test]
async fn the_same_dynamic_secret_by_another_name_keeps_its_lease() {
    let scene = scene().await;
    let root = Place::new("33333333-4444-4555-8666-777777777777", "dev", "/");
    dynamic_secret(&scene, &root, "db");
    let _operator = scene.start().await;
    apply(&scene, "a", naming(json!({}))).await;
    let lease = lease_of(&synced(&scene, "a").await);
    let before = scene.identity::<Secret>("a").await;
    let state = scene.infisical.state();
    let by_id = json!({"projectSlug": null, "projectId": "33333333-4444-4555-8666-777777777777"});
    let renames: [(&str, Value, &str); 4] = [
        ("by its id", by_id, "shop"),
        ("by its slug again", json!({}), "shop"),
        ("by its project's new slug", json!({"projectSlug": "emporium"}), "emporium"),
        ("by its own new name", json!({"projectSlug": "emporium", "secretName": "ledger"}), "emporium"),
    ];
    for (what, details, slug) in renames {
        state.change(|world| world.project_mut("33333333-4444-4555-8666-777777777777").unwrap().slug = slug.to_owned());
        let name = details["secretName"].as_str().unwrap_or("db").to_owned();
        state.rename_dynamic_secret(&root, "db", &name);
        apply(&scene, "a", naming(details)).await;
        becomes(&scene, "a", &format!("to know it {what}"), |resource| {
            let source = resource.status.as_ref().and_then(|status| status.lease.clone()?.source);
            let is_known = source
                .is_some_and(|source| source.project_slug.as_deref() == Some(slug) && source.secret_name.as_deref() == Some(name.as_str()));
            is_known && super::ready(resource).is_some_and(|ready| ready.status == "True")
        })
        .await;
        pass(&scene, "a").await;
        assert_eq!((lease_of(&resource(&scene, "a").await), ids(&scene, &root, &name)), (lease.clone(), vec![lease.clone()]), "{what}");
    }
    assert_eq!((scene.identity::<Secret>("a").await, scene.infisical.calls().count(Operation::CreateLease)), (before, 1));
    super::delete(&scene, "a").await;
    super::gone(&scene, "a").await;
    assert!(ids(&scene, &root, "ledger").is_empty());
}
