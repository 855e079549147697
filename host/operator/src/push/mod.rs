//! Pushing: what a resource wants to be in a folder of Infisical, and how that comes about.
//!
//! [`source`] says what is wanted, [`decide`] what is to be written for that, [`write`] writes it in [`batches`], [`record`] keeps in the status
//! what was written, [`approval`] what waits for a person, [`left`] takes away what is left in a folder
//! that is no longer this resource's, [`memory`] what a pass must know of the passes before it, [`seen`] whether a Secret's data
//! is another one.
//!
//! Promised: without `updatePolicy: Replace` nothing is overwritten, without `deletionPolicy: Delete` nothing is deleted; only
//! what this resource wrote is ever deleted, and that is noted before it is written, so that a crash in between leaves nothing
//! behind that nobody looks after; a value is made once; a source that is missing, fails or is suddenly empty deletes nothing.
pub mod approval;
pub mod batches;
pub mod decide;
pub mod left;
pub mod memory;
pub mod record;
pub mod seen;
pub mod source;
pub mod write;

use runtime::SecretBytes;
use secrecy::ExposeSecret;
use std::{collections::BTreeMap, sync::Arc};

/// What is done to a secret in Infisical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Kind {
    Create,
    Update,
    Delete,
}

/// What a secret in Infisical is to hold.
#[derive(Clone)]
pub enum Wish {
    /// This value, in the form in which the server keeps it.
    Value(Arc<SecretBytes>),
    /// A value that is made once, and anew when `made_from` is another.
    Once { made_from: String, value: Once },
    /// Something that the server can't hold: what is there stays.
    Unwritable,
}

/// How a value that is made once comes about.
#[derive(Clone)]
pub enum Once {
    /// By the generator of this place in `spec.push.generators`.
    Generator(usize),
    /// It was rendered, with random numbers, time or fresh keys.
    Rendered(Arc<SecretBytes>),
}

/// By name.
pub type Wishes = BTreeMap<String, Wish>;

/// A secret in the folder.
pub struct Remote {
    pub id: String,
    pub value: Arc<SecretBytes>,
    /// When it was made, where the server tells it.
    pub created: Option<jiff::Timestamp>,
    /// Which version of it was read, where the server tells it.
    pub version: Option<u64>,
}

/// By name.
pub type Folder = BTreeMap<String, Remote>;

/// A value in the form in which the server keeps it. What is no text is not kept by it at all.
#[must_use]
fn stored(value: Arc<SecretBytes>) -> Arc<SecretBytes> {
    let bytes = value.expose_secret();
    match std::str::from_utf8(bytes).map(infisical::stored) {
        Ok(stored) if stored.len() < bytes.len() => Arc::new(SecretBytes::from(stored.as_bytes().to_vec())),
        _ => value,
    }
}

/// What was read of a folder.
#[must_use]
pub fn folder(contents: &crate::data::Contents) -> Folder {
    let secrets = contents.secrets.iter().zip(contents.stamps.iter());
    let remote = |(secret, stamp): (&runtime::SourceSecret, &crate::data::Stamp)| {
        let remote = Remote { id: stamp.id.clone(), value: Arc::clone(&secret.value), created: stamp.created, version: stamp.version };
        (secret.key.clone(), remote)
    };
    secrets.map(remote).collect()
}
