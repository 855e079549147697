//! What a read gave, as it is handed out: shared, never copied.
use crate::data::{Contents, Repeated, Stamp};
use infisical::{Import, Listing, Place};
use runtime::SourceSecret;
use secrecy::ExposeSecret;
use std::{sync::Arc, time::Instant};

/// The last good result of a read.
#[derive(Clone)]
pub struct Snapshot {
    /// As the server gave it.
    pub contents: Contents,
    /// One for each key, in the order of their bytes; of a key that is in several folders the last.
    pub secrets: Arc<Vec<SourceSecret>>,
    /// Folders that it imports from, as far as the server says.
    pub imports: Arc<Vec<Place>>,
    /// When the read began that gave or confirmed it.
    pub read_at: Instant,
    /// Counts the changes of content as long as the key has a subscriber: equal numbers, equal secrets.
    pub generation: u64,
    /// Whether that read found a change.
    pub changed: bool,
}

impl Snapshot {
    pub(super) fn new(before: Option<&Self>, listing: Listing, read_at: Instant) -> Self {
        let place = |import: &Import| {
            let path = format!("/{}", import.path.trim_matches('/'));
            Place { environment: import.environment.clone(), path }
        };
        let imports = Arc::new(listing.imports.iter().map(place).collect());
        let contents = Contents::of(listing);
        match before {
            // A new entity tag says that something about the answer changed, perhaps only a date or a version.
            Some(before) if before.holds(&contents) => {
                let confirmed = before.confirmed(read_at);
                Self { imports, contents: Contents { stamps: contents.stamps, ..confirmed.contents }, ..confirmed }
            }
            _ => {
                let generation = before.map_or(0, |before| before.generation) + 1;
                Self { secrets: Arc::new(contents.merged(Repeated::LastWins)), contents, imports, read_at, generation, changed: true }
            }
        }
    }

    fn holds(&self, contents: &Contents) -> bool {
        let Contents { secrets, imports, stamps } = &self.contents;
        stamps.iter().map(Stamp::which).eq(contents.stamps.iter().map(Stamp::which))
            && same(secrets, &contents.secrets)
            && same(imports, &contents.imports)
    }

    /// The same, still true at a later time.
    pub(super) fn confirmed(&self, read_at: Instant) -> Self {
        Self { read_at, changed: false, ..self.clone() }
    }
}

fn same(old: &[SourceSecret], new: &[SourceSecret]) -> bool {
    let equal = |(a, b): (&SourceSecret, &SourceSecret)| {
        a.key == b.key
            && a.value.expose_secret() == b.value.expose_secret()
            && a.path == b.path
            && a.comment.expose_secret() == b.comment.expose_secret()
            && a.tags == b.tags
    };
    old.len() == new.len() && old.iter().zip(new).all(equal)
}
