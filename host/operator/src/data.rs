//! The data on its way: what the server listed becomes what templates see, and what will be written is checked before it is.
//!
//! Pure. No message holds a value; keys are named, they are no secret in Kubernetes either.
use crate::{
    outcome::{Class, Fault},
    plan::{Data, TargetKind},
    reason,
};
use api::names;
use infisical::{Listing, Secret};
use runtime::SourceSecret;
use secrecy::ExposeSecret;
use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// What the API server takes as the sum of all values of one object.
pub const LARGEST: usize = 1024 * 1024;

/// What a read found, in the order of the answer. Keys may repeat.
#[derive(Clone, Default)]
pub struct Contents {
    /// Of the folder itself.
    pub secrets: Arc<Vec<SourceSecret>>,
    /// That it imports.
    pub imports: Arc<Vec<SourceSecret>>,
    /// What `secrets` are at the server, in the same order. Empty where they are not of a server.
    pub stamps: Arc<Vec<Stamp>>,
}

/// What tells a secret from another one that was made in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub id: String,
    /// When it was made, where the server tells it.
    pub created: Option<jiff::Timestamp>,
    /// Which version of it was read, where the server tells it.
    pub version: Option<u64>,
}

impl Stamp {
    /// Which secret it is, whatever was done to it since it was made.
    #[must_use]
    pub fn which(&self) -> (&str, Option<jiff::Timestamp>) {
        (&self.id, self.created)
    }
}

impl Contents {
    #[must_use]
    pub fn of(listing: Listing) -> Self {
        let imports = listing.imports.into_iter().flat_map(|import| import.secrets);
        let imports = Arc::new(imports.map(source).collect());
        let stamp = |secret: &mut Secret| Stamp { id: std::mem::take(&mut secret.id), created: secret.created, version: secret.version };
        let (stamps, secrets): (Vec<_>, Vec<_>) =
            listing.secrets.into_iter().map(|mut secret| (stamp(&mut secret), source(secret))).unzip();
        Self { secrets: Arc::new(secrets), imports, stamps: Arc::new(stamps) }
    }

    /// Several as one, in their order.
    #[must_use]
    pub fn joined(all: &[&Self]) -> Self {
        if let [only] = all {
            return (*only).clone();
        }
        let join = |part: fn(&Self) -> &Vec<SourceSecret>| Arc::new(all.iter().flat_map(|one| part(one).iter().cloned()).collect());
        let stamps = Arc::new(all.iter().flat_map(|one| one.stamps.iter().cloned()).collect());
        Self { secrets: join(|one| &one.secrets), imports: join(|one| &one.imports), stamps }
    }

    /// One secret for each key, in the order of their bytes. An imported secret counts where no other has its key, and of
    /// several imports the first.
    #[must_use]
    pub fn merged(&self, repeated: Repeated) -> Vec<SourceSecret> {
        let mut all = BTreeMap::new();
        for secret in self.secrets.iter() {
            match (all.entry(secret.key.as_str()), repeated) {
                (Entry::Vacant(place), _) => drop(place.insert(secret)),
                (Entry::Occupied(mut place), Repeated::LastWins) => drop(place.insert(secret)),
                (Entry::Occupied(_), Repeated::FirstWins) => {}
            }
        }
        for secret in self.imports.iter() {
            all.entry(&secret.key).or_insert(secret);
        }
        all.into_values().cloned().collect()
    }
}

/// Which secret counts of a key that is in several folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeated {
    /// As in the peer's InfisicalSecret.
    LastWins,
    /// As in the peer's InfisicalStaticSecret.
    FirstWins,
}

fn source(secret: Secret) -> SourceSecret {
    let Secret { key, value, path, comment, tags, .. } = secret;
    SourceSecret { key, value: Arc::new(value), path, comment, tags }
}

/// Whether Kubernetes takes the data of a target. `place` is the target's field in the resource, and the object itself.
///
/// # Errors
/// A key that can't be one, or more than [`LARGEST`].
pub fn check(kind: TargetKind, place: &str, data: &Data) -> Result<(), Fault> {
    let wrong = |reason, message: String| Fault::new(reason, Class::UserFix, format!("{place}: {message}"));
    for key in data.keys() {
        names::data_key(key).map_err(|error| {
            wrong(
                reason::INVALID_KEY,
                format!("{error}; rename the secret in Infisical, or choose keys with a template without includeAllSecrets"),
            )
        })?;
    }
    let size: usize = data.values().map(|value| value.expose_secret().len()).sum();
    if size > LARGEST {
        let largest = data.iter().max_by_key(|(_, value)| value.expose_secret().len());
        let largest = largest.map_or_else(String::new, |(key, value)| format!(", of which {} are {key:?}", value.expose_secret().len()));
        let message = format!(
            "the values have {size} bytes{largest}, and a {kind} holds at most {LARGEST}; split it into several targets with templates, or \
             read a smaller folder"
        );
        return Err(wrong(reason::TOO_LARGE, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use infisical::Import;
    use runtime::SecretBytes;

    const CANARY: &str = "canary-7f3a";

    fn secret(key: &str, value: &str, path: &str) -> Secret {
        Secret {
            id: String::new(),
            key: key.into(),
            value: SecretBytes::from(value.as_bytes().to_vec()),
            path: path.into(),
            comment: String::new().into(),
            tags: vec![],
            created: None,
            version: None,
        }
    }

    fn merged(secrets: Vec<Secret>, imports: Vec<Vec<Secret>>) -> Vec<(String, String, String)> {
        let imports = imports.into_iter().map(|secrets| Import { path: "/".into(), environment: "dev".into(), secrets }).collect();
        let merged = Contents::of(Listing { secrets, imports, etag: None }).merged(Repeated::LastWins);
        let text = |value: &SecretBytes| String::from_utf8(value.expose_secret().to_vec()).unwrap();
        merged.iter().map(|secret| (secret.key.clone(), text(&secret.value), secret.path.clone())).collect()
    }

    fn data(pairs: &[(&str, &[u8])]) -> Data {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), Arc::new(SecretBytes::from(value.to_vec())))).collect()
    }

    fn row(key: &str, value: &str, path: &str) -> (String, String, String) {
        (key.into(), value.into(), path.into())
    }

    #[test]
    fn of_a_key_in_several_folders_the_last_wins_and_keys_are_sorted() {
        let secrets = vec![secret("B", "1", "/"), secret("A", "2", "/"), secret("B", "3", "/x")];
        assert_eq!(merged(secrets, vec![]), [row("A", "2", "/"), row("B", "3", "/x")]);
    }

    #[test]
    fn of_several_sources_the_first_wins_and_every_secret_beats_every_import() {
        let source = |secrets, imported| {
            let imports = vec![Import { path: "/".into(), environment: "dev".into(), secrets: imported }];
            Contents::of(Listing { secrets, imports, etag: None })
        };
        let first = source(vec![secret("A", "first", "/")], vec![secret("B", "imported", "/i")]);
        let second = source(vec![secret("A", "second", "/s"), secret("B", "own", "/s")], vec![secret("C", "imported", "/j")]);
        let merged = Contents::joined(&[&first, &second]).merged(Repeated::FirstWins);
        let rows: Vec<_> = merged.iter().map(|secret| (secret.key.as_str(), secret.value.expose_secret(), secret.path.as_str())).collect();
        assert_eq!(rows, [("A", &b"first"[..], "/"), ("B", b"own", "/s"), ("C", b"imported", "/j")]);
    }

    #[test]
    fn an_import_fills_gaps_and_the_first_import_wins() {
        let imports = vec![vec![secret("A", "import", "/"), secret("C", "first", "/i")], vec![secret("C", "second", "/j")]];
        assert_eq!(merged(vec![secret("A", "own", "/")], imports), [row("A", "own", "/"), row("C", "first", "/i")]);
    }

    #[test]
    fn a_key_that_kubernetes_refuses_is_named() {
        let fault = check(TargetKind::Secret, "p", &data(&[("GOOD", b"x"), ("bad key", CANARY.as_bytes())])).unwrap_err();
        assert_eq!(fault.reason, reason::INVALID_KEY);
        assert!(fault.message.contains("\"bad key\"") && fault.message.contains("rename") && !fault.message.contains(CANARY));
    }

    #[test]
    fn the_limit_is_on_the_sum_of_the_values() {
        let half = vec![b'x'; LARGEST / 2];
        assert_eq!(check(TargetKind::Secret, "p", &data(&[("A", &half), ("B", &half)])), Ok(()));
        let fault = check(TargetKind::Secret, "p", &data(&[("A", &half), ("B", &half), ("C", b"x")])).unwrap_err();
        assert_eq!(fault.reason, reason::TOO_LARGE);
        assert!(fault.message.contains("1048577 bytes") && fault.message.contains("1048576"), "{}", fault.message);
    }
}
