//! The data that was served while the state was recorded, and what the server knew of the peer's lease and of what it had
//! pushed. Ids are the dev server's own, so those in the recorded status are put in their place.
use infisical_dev_server::{Lease, Place, Seed};
use integration::Scene;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// In each folder `/appN` three keys `KEY_n` with the value `value-/appN-n-v1`; in `/push/shop` what had been pushed.
const RECORDED: &str = r#"
identities:
  - {name: bench, universalAuth: {clientId: client-id, clientSecrets: [client-secret]}}
projects:
  - slug: bench
    members: {bench: {role: admin}}
    environments:
      - slug: dev
        folders:
          /:
            dynamicSecrets:
              db: {defaultTTL: 1h, maxTTL: 24h, provider: {database: {}}}
          /app0: {secrets: {KEY_0: value-/app0-0-v1, KEY_1: value-/app0-1-v1, KEY_2: value-/app0-2-v1}}
          /app1: {secrets: {KEY_0: value-/app1-0-v1, KEY_1: value-/app1-1-v1, KEY_2: value-/app1-2-v1}}
          /app2: {secrets: {KEY_0: value-/app2-0-v1, KEY_1: value-/app2-1-v1, KEY_2: value-/app2-2-v1}}
          /app3: {secrets: {KEY_0: value-/app3-0-v1, KEY_1: value-/app3-1-v1, KEY_2: value-/app3-2-v1}}
          /push/shop: {secrets: {API_KEY: abc, TOKEN: def, GENERATED: drawn-by-the-peer}}
"#;

/// What the dev server starts with.
#[must_use]
pub fn seed() -> Seed {
    Seed::parse(RECORDED).unwrap()
}

/// The place of the dynamic secret.
#[must_use]
pub fn leased() -> Place {
    Place::new("bench", "dev", "/")
}

/// Makes the recorded lease known to the server, a minute old, as it was; gives the status that goes with it.
pub(crate) fn lease(scene: &Scene, mut status: Value) -> Value {
    let created = Timestamp::now() - SignedDuration::from_mins(1);
    let expires = created + SignedDuration::from_hours(1);
    let id = status["lease"]["id"].as_str().unwrap().to_owned();
    let secret = scene.infisical.state().change(|world| {
        let secret = &mut world.dynamic_secrets[0];
        let (entity, config) = ("user-lease-1".into(), Value::Null);
        secret.leases.push(Lease { id, entity, expires, status: None, status_details: None, config, created, updated: created });
        secret.id.clone()
    });
    status["dynamicSecretId"] = json!(secret);
    // Whole seconds, as the API server keeps them.
    let whole = |time: Timestamp| json!(Timestamp::from_second(time.as_second()).unwrap());
    status["lease"]["creationTimestamp"] = whole(created);
    status["lease"]["expiresAt"] = whole(expires);
    status
}

/// The status of a push with the ids that its secrets have here.
pub(crate) fn pushed(scene: &Scene, mut status: Value) -> Value {
    let managed: serde_json::Map<String, Value> = scene.infisical.state().inspect(|world| {
        let folder = world.projects[0].folder("dev", "/push/shop").unwrap();
        let recorded = status["managedSecrets"].as_object().unwrap().values();
        recorded.map(|key| (folder.secrets[key.as_str().unwrap()].id.clone(), key.clone())).collect()
    });
    status["managedSecrets"] = Value::Object(managed);
    status
}
