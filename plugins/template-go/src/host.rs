//! What functions of a template get from the plugin's imports. Using one marks the entry as volatile.
use crate::dot::Dot;
use go_template_engine::{Error, Host, Value};
use plugin_sdk::{clock, keys, random};
use std::time::Duration;

/// The imports, and the secrets for `secretFrom`.
pub struct Imports<'a> {
    pub dot: &'a Dot,
}

impl Host for Imports<'_> {
    fn random(&mut self, out: &mut [u8]) -> Result<(), Error> {
        random::fill(out).map_err(|error| Error::new(error.to_string()))
    }

    fn now(&mut self) -> Result<Duration, Error> {
        clock::now().map_err(|error| Error::new(error.to_string()))
    }

    fn key(&mut self, kind: &str) -> Result<Vec<u8>, Error> {
        keys::generate(kind).map_err(|error| Error::new(error.to_string()))
    }

    fn secret_from(&mut self, path: &[u8], key: &[u8]) -> Result<Value, Error> {
        self.dot.secret_from(path, key)
    }
}
