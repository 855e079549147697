//! The credentials of leases, by resource: kept in memory, so that a Secret that is deleted or edited is repaired without a new
//! lease. They are nowhere else but in the Secret.
use super::{Held, of_version};
use crate::{digest::Parts, object::ObjectRef, plan::Data};
use api::well_known::annotation;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Credentials of one lease. Can't be formatted.
pub struct Credentials {
    /// The lease that they are of.
    pub id: String,
    /// The lease itself, where this process has made it or asked about it.
    pub held: Option<Held>,
    pub data: Data,
    /// Until when they are good by themselves.
    pub end: Option<Timestamp>,
}

impl Credentials {
    #[must_use]
    pub fn new(id: String, held: Option<Held>, data: Data) -> Self {
        let end = data.values().filter_map(|value| own_end(value.expose_secret())).min();
        Self { id, held, data, end }
    }

    /// Those in a Secret: none where it names no lease, or where it was edited since they were written.
    #[must_use]
    pub fn of_secret(uid: &str, annotations: &BTreeMap<String, String>, data: &Data) -> Option<Self> {
        let id = annotations.get(annotation::VERSION).and_then(|version| of_version(version))?;
        let noted = annotations.get(annotation::INPUTS);
        let as_written = noted.is_none_or(|noted| *noted == digest(uid, id, data));
        (as_written && !data.is_empty()).then(|| Self::new(id.to_owned(), None, data.clone()))
    }
}

/// Noted on the Secret, to tell later whether someone edited it.
#[must_use]
pub fn digest(uid: &str, id: &str, data: &Data) -> String {
    let mut parts = Parts::default();
    parts.add(uid.as_bytes());
    parts.add(id.as_bytes());
    for (key, value) in data {
        parts.add(key.as_bytes());
        parts.add(value.expose_secret());
    }
    parts.hex()
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
}

/// The end that a JSON Web Token carries. It is not verified: nothing is granted by it.
fn own_end(value: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(value).ok()?;
    let mut parts = text.trim().split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return None };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(exp).ok()
}

/// The credentials that are known.
#[derive(Default)]
pub struct Purse(Mutex<HashMap<ObjectRef, (String, Arc<Credentials>)>>);

impl Purse {
    /// Those of a resource, if they are of the one with that uid.
    #[must_use]
    pub fn get(&self, object: &ObjectRef, uid: &str) -> Option<Arc<Credentials>> {
        self.all().get(object).filter(|(known, _)| known == uid).map(|(_, credentials)| Arc::clone(credentials))
    }

    pub fn put(&self, object: &ObjectRef, uid: &str, credentials: Credentials) -> Arc<Credentials> {
        let credentials = Arc::new(credentials);
        self.all().insert(object.clone(), (uid.to_owned(), Arc::clone(&credentials)));
        credentials
    }

    /// The resource is gone, or its credentials are worth nothing.
    pub fn forget(&self, object: &ObjectRef) {
        self.all().remove(object);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ObjectRef, (String, Arc<Credentials>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(pairs: &[(&str, &str)]) -> Data {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Arc::new(value.as_bytes().to_vec().into()))).collect()
    }

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_secret_gives_its_credentials_unless_it_was_edited() {
        let written = data(&[("USER", "u")]);
        let noted = digest("uid", "l", &written);
        let ours = annotations(&[(annotation::VERSION, "l-0"), (annotation::INPUTS, &noted)]);
        let found = Credentials::of_secret("uid", &ours, &written).unwrap();
        assert_eq!((found.id.as_str(), found.end), ("l", None));
        assert!(Credentials::of_secret("uid", &ours, &data(&[("USER", "edited")])).is_none());
        let of_the_peer = annotations(&[(annotation::VERSION, "l-0")]);
        assert!(Credentials::of_secret("uid", &of_the_peer, &written).is_some());
        assert!(Credentials::of_secret("uid", &of_the_peer, &data(&[])).is_none());
        assert!(Credentials::of_secret("uid", &annotations(&[]), &written).is_none());
    }

    #[test]
    fn a_token_carries_its_end() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        let end = |value: &str| Credentials::new("l".into(), None, data(&[("T", value), ("P", "plain")])).end;
        assert_eq!(end(&token(r#"{"exp":1000}"#)), Timestamp::from_second(1000).ok());
        for plain in ["a.b.c", "a.b", &token("{}"), "10.0.0.1", ""] {
            assert_eq!(end(plain), None, "{plain}");
        }
    }

    #[test]
    fn credentials_of_an_earlier_resource_of_that_name_are_not_found() {
        let purse = Purse::default();
        let object = ObjectRef { kind: "InfisicalDynamicSecret", namespace: "n".into(), name: "a".into() };
        purse.put(&object, "u1", Credentials::new("l".into(), None, data(&[("A", "1")])));
        assert!(purse.get(&object, "u1").is_some() && purse.get(&object, "u2").is_none());
        purse.forget(&object);
        assert!(purse.get(&object, "u1").is_none());
    }
}
