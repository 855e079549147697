//! Named folders that the administrator granted. Capability `mounts:NAME`.
use crate::{Credential, Error, backend};

/// Reads a regular file of at most 64 KiB, anew at each call. `path` is relative to the mount, or absolute and
/// below the folder that the administrator gave it.
///
/// # Errors
/// [`Error::Denied`] without the grant; [`Error::Credentials`] where the file is missing, too large, no regular file, or
/// outside of the mount.
pub fn open(mount: &str, path: &str) -> Result<Credential, Error> {
    backend::open(mount, path).map(Credential)
}

/// The same for an absolute path that a resource names: the mount is the one whose folder holds it, of several the longest.
///
/// # Errors
/// As [`open`]; [`Error::Credentials`] naming the folders where it lies in none.
pub fn open_path(path: &str) -> Result<Credential, Error> {
    backend::open("", path).map(Credential)
}
