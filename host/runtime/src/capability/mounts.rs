//! Reads files from named folders.
//!
//! The administrator gives folders names; a plugin with the grant reads files below them, and nothing else of the machine.
//! A folder is opened at each use, so that one that appears later works. Below it cap-std resolves the path: `..` and
//! symbolic links work as long as they stay inside, as the `..data` links of projected volumes do, and are refused when
//! they lead out, whatever is renamed meanwhile. Only regular files are read: the file is opened without waiting, so that a
//! pipe without a writer holds up nobody. Errors name the mount and the path, never what is in the file.
use super::{Aborted, Refusal, blocking, content::secret};
use crate::SecretBytes;
use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions, OpenOptionsExt as _},
};
use rustix::fs::OFlags;
use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
    sync::Arc,
};
use zeroize::Zeroizing;

/// Tokens and key files have a few KiB at most.
pub(crate) const MAX_FILE: usize = 64 << 10;

/// The folders, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Mounts {
    folders: Arc<BTreeMap<String, PathBuf>>,
}

/// Why there is no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// The administrator named no such folder.
    #[error("there is no mount {mount:?}; there are: {available}")]
    Unknown {
        /// The name that was asked for.
        mount: String,
        /// Those that there are, or `none`.
        available: String,
    },
    /// A path that a resource names lies outside of every folder.
    #[error("the file {path:?} lies in no mount; files can be read below: {available}")]
    Outside {
        /// The path that was named.
        path: String,
        /// The folders, or `none`.
        available: String,
    },
    /// The path leads out of the folder, by itself or by a symbolic link.
    #[error("the path {path:?} leads out of mount {mount:?}")]
    Escapes {
        /// Name.
        mount: String,
        /// Path.
        path: String,
    },
    /// It can't be read.
    #[error("the file {path:?} of mount {mount:?} can't be read: {cause}")]
    Unreadable {
        /// Name.
        mount: String,
        /// Path.
        path: String,
        /// Why, as the operating system says.
        cause: io::ErrorKind,
    },
    /// A folder, a pipe, a device.
    #[error("{path:?} of mount {mount:?} is no regular file")]
    NotRegular {
        /// Name.
        mount: String,
        /// Path.
        path: String,
    },
    /// More than 64 KiB.
    #[error("the file {path:?} of mount {mount:?} has more than {MAX_FILE} bytes")]
    TooLong {
        /// Name.
        mount: String,
        /// Path.
        path: String,
    },
    /// The work was given up.
    #[error("a background task of the host ended early")]
    Aborted,
}

impl From<Aborted> for MountError {
    fn from(_: Aborted) -> Self {
        Self::Aborted
    }
}

impl From<MountError> for Refusal {
    fn from(error: MountError) -> Self {
        match error {
            MountError::Aborted => Aborted.into(),
            _ => Self::Credentials(error.to_string()),
        }
    }
}

impl Mounts {
    /// Takes the folders by name. They need not exist yet.
    #[must_use]
    pub fn new(folders: BTreeMap<String, PathBuf>) -> Self {
        Self { folders: Arc::new(folders) }
    }

    /// The folder behind a name.
    pub(crate) fn folder(&self, mount: &str) -> Option<&Path> {
        self.folders.get(mount).map(PathBuf::as_path)
    }

    /// Says which mount and which path below it an absolute path means: the longest folder that holds it. Looks at the
    /// text alone, not at the disk.
    ///
    /// # Errors
    /// [`MountError::Outside`], for a path that is relative or contains `..` too.
    pub fn locate(&self, path: &str) -> Result<(String, String), MountError> {
        let outside =
            || MountError::Outside { path: shown(path), available: join(self.folders.values().map(|folder| folder.display().to_string())) };
        let named = Path::new(path);
        if !named.is_absolute() || named.components().any(|component| component == Component::ParentDir) {
            return Err(outside());
        }
        let held =
            self.folders.iter().filter_map(|(name, folder)| Some((folder.components().count(), name, named.strip_prefix(folder).ok()?)));
        let (_, name, below) = held.max_by_key(|(length, ..)| *length).ok_or_else(outside)?;
        let below = below.to_str().filter(|below| !below.is_empty()).ok_or_else(outside)?;
        Ok((name.clone(), below.to_owned()))
    }

    /// Reads a file whole.
    ///
    /// # Errors
    /// Any [`MountError`] but `Outside`.
    pub(crate) async fn open(&self, mount: &str, path: &str) -> Result<SecretBytes, MountError> {
        let Some(folder) = self.folders.get(mount).cloned() else {
            return Err(MountError::Unknown { mount: shown(mount), available: join(self.folders.keys().cloned()) });
        };
        let (mount, path) = (mount.to_owned(), path.to_owned());
        blocking(move || read(&folder, mount, path)).await?
    }
}

fn read(folder: &Path, mount: String, path: String) -> Result<SecretBytes, MountError> {
    let name = shown(&path);
    let failed = |error: io::Error| {
        // cap-std reports a path that leads out as a refused permission with a text of its own and no number of the system.
        if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            return MountError::Escapes { mount: mount.clone(), path: name.clone() };
        }
        MountError::Unreadable { mount: mount.clone(), path: name.clone(), cause: error.kind() }
    };
    if Path::new(&path).is_absolute() {
        return Err(MountError::Escapes { mount, path: name });
    }
    let folder = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(NONBLOCK);
    let file = folder.open_with(&path, &options).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(MountError::NotRegular { mount, path: name });
    }
    // One byte more than allowed, and room for it from the start: a buffer that grows leaves its old bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_FILE + 1));
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > MAX_FILE {
        return Err(MountError::TooLong { mount, path: name });
    }
    Ok(secret(&bytes))
}

/// `O_NONBLOCK` as cap-std takes it.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Bounded for messages.
fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}

fn join(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}
