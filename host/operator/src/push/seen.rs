//! Whether a Secret's data changed since something was made from it, or only its labels and annotations.
//!
//! The version of a Secret moves with anything that is written to it. What a status says of a Secret is its version, never
//! anything of its data; which data a version had is known by a digest that stays in the process. So what was written to a Secret
//! while no process ran is [`Compared::Unknown`].
use super::record::Record;
use crate::{dereference::SecretData, digest::Parts};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Digests of a Secret's data, by its version.
#[derive(Clone, Default)]
pub struct Seen(BTreeMap<String, [u8; 32]>);

/// What two things were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    Same,
    /// Another version of the Secret, with the same data.
    SameData,
    /// Another version of the Secret, of which one was not seen.
    Unknown,
    Other,
}

/// Text of what something is made from: the digest of a spec or a template, and the version of the Secret.
#[must_use]
pub fn from(digest: &str, version: &str) -> String {
    format!("{digest}/{version}")
}

impl Seen {
    /// Sees a Secret, and forgets those of its versions that a record does not speak of.
    pub fn see(&mut self, secret: &SecretData, record: &Record) {
        let used: HashSet<_> = record.sources().filter_map(|from| from.split_once('/')).map(|(_, version)| version).collect();
        self.0.retain(|version, _| *version == secret.version || used.contains(version.as_str()));
        self.0.entry(secret.version.clone()).or_insert_with(|| digest(&secret.data));
    }

    /// Compares what two things were made from.
    #[must_use]
    pub fn compare(&self, one: &str, other: &str) -> Compared {
        if one == other {
            return Compared::Same;
        }
        match (one.split_once('/'), other.split_once('/')) {
            (Some((one, before)), Some((other, now))) if one == other => match (self.0.get(before), self.0.get(now)) {
                (Some(before), Some(now)) if before == now => Compared::SameData,
                (Some(_), Some(_)) => Compared::Other,
                _ => Compared::Unknown,
            },
            _ => Compared::Other,
        }
    }
}

fn digest(data: &BTreeMap<String, Arc<SecretBytes>>) -> [u8; 32] {
    let mut parts = Parts::default();
    for (key, value) in data {
        parts.add(key);
        parts.add(value.expose_secret());
    }
    parts.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{object::Name, push::record::Made};

    fn secret(version: &str, value: &str) -> SecretData {
        let data = [("K".to_owned(), Arc::new(SecretBytes::from(value.as_bytes().to_vec())))].into();
        SecretData { name: Name { namespace: "n".into(), name: "s".into() }, version: version.into(), data }
    }

    #[test]
    fn a_version_that_moved_tells_nothing_as_long_as_the_data_is_the_same() {
        let made = [("G".to_owned(), Made { from: from("t", "u/1"), regenerate: None })].into();
        let record = Record { made, ..Record::default() };
        let mut seen = Seen::default();
        let mut see = |version: &str, value: &str| {
            seen.see(&secret(version, value), &record);
            seen.compare(&from("t", "u/1"), &from("t", version))
        };
        assert_eq!(see("u/1", "a"), Compared::Same);
        assert_eq!(see("u/2", "a"), Compared::SameData);
        assert_eq!(see("u/3", "b"), Compared::Other);
        assert_eq!(see("v/1", "a"), Compared::SameData, "a Secret that was made anew with the same data");
        assert_eq!(seen.compare(&from("other", "u/1"), &from("t", "u/1")), Compared::Other);
        assert_eq!(seen.compare("digest", &from("digest", "u/1")), Compared::Other);
        // As after a restart, and for the versions that nobody needs.
        assert_eq!(Seen::default().compare(&from("t", "u/1"), &from("t", "u/2")), Compared::Unknown);
        assert_eq!(seen.0.len(), 2);
    }
}
