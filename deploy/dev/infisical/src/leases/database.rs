//! A database that exists only here: users are made for leases and dropped with them, and tests may ask whether one still
//! gets in. The keys of the data are those of Infisical's SQL provider.
use std::collections::BTreeMap;

use rand::Rng;
use rand::distr::Alphanumeric;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::provider::Made;
use crate::errors::ApiError;
use crate::hidden::Hidden;
use crate::state::World;

/// How its leases look.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Database {
    /// What is in the data of each lease beside user and password, of any JSON type.
    pub extra: Map<String, Value>,
}

/// The users of all databases, with their passwords.
#[derive(Default)]
pub(crate) struct Users {
    by_name: BTreeMap<String, Hidden>,
    /// Nobody can be made or dropped.
    pub down: bool,
}

impl Users {
    pub(crate) fn lets_in(&self, name: &str, password: &str) -> bool {
        self.by_name.get(name).is_some_and(|known| known.expose() == password)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.by_name.keys().map(String::as_str).collect()
    }

    pub(super) fn drop_user(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    fn refusal(&self) -> Result<(), ApiError> {
        if self.down { Err(ApiError::bad_request("connect ECONNREFUSED 127.0.0.1:5432")) } else { Ok(()) }
    }
}

impl Database {
    pub(super) fn create(&self, world: &mut World) -> Result<Made, ApiError> {
        world.database_users.refusal()?;
        let random = |length| rand::rng().sample_iter(Alphanumeric).take(length).map(char::from).collect::<String>();
        let (name, password) = (random(32), random(48));
        let mut data = self.extra.clone();
        data.insert("DB_USERNAME".to_owned(), json!(name));
        data.insert("DB_PASSWORD".to_owned(), json!(password));
        world.database_users.by_name.insert(name.clone(), password.into());
        Ok(Made { entity: name, data: Value::Object(data) })
    }

    pub(super) fn revoke(world: &mut World, entity: &str) -> Result<(), ApiError> {
        world.database_users.refusal()?;
        world.database_users.drop_user(entity);
        Ok(())
    }
}
