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
    /// An absolute path that lies in another place than the folder of the mount.
    #[error(
        "the file {path:?} does not lie below {folder}, the folder of mount {mount:?}; move it there, or set the folder by the operator's option --mount"
    )]
    Elsewhere {
        /// Name.
        mount: String,
        /// Path.
        path: String,
        /// The folder.
        folder: String,
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

    /// Reads a file whole. `path` is relative to the folder, or absolute and below it: environment variables and users name
    /// files by absolute paths, and a plugin does not know where its mounts are.
    ///
    /// # Errors
    /// Any [`MountError`] but `Outside`.
    pub(crate) async fn open(&self, mount: &str, path: &str) -> Result<SecretBytes, MountError> {
        let Some(folder) = self.folders.get(mount).cloned() else {
            return Err(MountError::Unknown { mount: shown(mount), available: join(self.folders.keys().cloned()) });
        };
        let path = match below(&folder, path) {
            Some(path) => path.to_owned(),
            None => return Err(MountError::Elsewhere { mount: shown(mount), path: shown(path), folder: folder.display().to_string() }),
        };
        let mount = mount.to_owned();
        blocking(move || read(&folder, mount, path)).await?
    }
}

/// A path as it is below the folder. A relative one is taken as it is, `..` in it is judged where it is opened.
fn below<'a>(folder: &Path, path: &'a str) -> Option<&'a str> {
    let named = Path::new(path);
    if !named.is_absolute() {
        return Some(path);
    }
    let plain = !named.components().any(|component| component == Component::ParentDir);
    named.strip_prefix(folder).ok().filter(|_| plain)?.to_str()
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

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::{fs, os::unix::fs::symlink};

    /// A mount `token` laid out as Kubernetes lays out a projected volume, beside a file that no plugin may read.
    struct Machine {
        folder: tempfile::TempDir,
        mounts: Mounts,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mount = folder.path().join("token");
            fs::create_dir_all(mount.join("..2026_01_01")).unwrap();
            fs::write(mount.join("..2026_01_01/token"), "canary-4711").unwrap();
            symlink("..2026_01_01", mount.join("..data")).unwrap();
            symlink("..data/token", mount.join("token")).unwrap();
            fs::write(folder.path().join("outside"), "canary-0815").unwrap();
            let mounts = Mounts::new(BTreeMap::from([("token".to_owned(), mount)]));
            Self { folder, mounts }
        }

        fn mount(&self) -> PathBuf {
            self.folder.path().join("token")
        }

        async fn read(&self, path: &str) -> Result<String, MountError> {
            self.mounts.open("token", path).await.map(|bytes| String::from_utf8(bytes.expose_secret().to_vec()).unwrap())
        }

        async fn refused(&self, path: &str) -> MountError {
            let error = self.read(path).await.unwrap_err();
            assert!(!error.to_string().contains("canary"), "{error}");
            assert!(matches!(Refusal::from(error.clone()), Refusal::Credentials(_)));
            error
        }
    }

    fn escapes(error: &MountError) -> bool {
        matches!(error, MountError::Escapes { .. })
    }

    #[tokio::test]
    async fn a_projected_volume_is_read_through_its_links_and_anew_each_time() {
        let machine = Machine::new();
        assert_eq!(machine.read("token").await.unwrap(), "canary-4711");
        assert_eq!(machine.read("./..data/../token").await.unwrap(), "canary-4711");
        fs::create_dir(machine.mount().join("..2026_01_02")).unwrap();
        fs::write(machine.mount().join("..2026_01_02/token"), "rotated").unwrap();
        symlink("..2026_01_02", machine.mount().join("..data_tmp")).unwrap();
        fs::rename(machine.mount().join("..data_tmp"), machine.mount().join("..data")).unwrap();
        assert_eq!(machine.read("token").await.unwrap(), "rotated");
    }

    #[tokio::test]
    async fn no_path_leads_out() {
        let machine = Machine::new();
        symlink("../outside", machine.mount().join("relative")).unwrap();
        symlink(machine.folder.path().join("outside"), machine.mount().join("absolute")).unwrap();
        symlink("..", machine.mount().join("up")).unwrap();
        for path in ["../outside", "..", "../token/token", "relative", "absolute", "up/outside"] {
            assert!(escapes(&machine.refused(path).await), "{path}");
        }
    }

    #[tokio::test]
    async fn an_absolute_path_is_read_if_it_lies_below_the_folder() {
        let machine = Machine::new();
        let inside = |name: &str| machine.mount().join(name).to_str().unwrap().to_owned();
        for name in ["token", "./..data//token"] {
            assert_eq!(machine.read(&inside(name)).await.unwrap(), "canary-4711", "{name}");
        }
        assert!(matches!(machine.refused(&inside("missing")).await, MountError::Unreadable { cause: io::ErrorKind::NotFound, .. }));
        assert!(matches!(machine.refused(&inside("")).await, MountError::Unreadable { .. }));
        symlink("../outside", machine.mount().join("leads-out")).unwrap();
        assert!(escapes(&machine.refused(&inside("leads-out")).await));
        let folder = machine.mount().display().to_string();
        for path in ["/etc/passwd", "/", &inside("../outside"), &inside("../token/token"), &format!("{folder}-2/token")] {
            let error = machine.refused(path).await;
            assert!(matches!(error, MountError::Elsewhere { .. }), "{path}: {error}");
            assert!(error.to_string().contains(&folder), "{error}");
        }
    }

    #[tokio::test]
    async fn only_regular_files_are_read_and_a_pipe_holds_up_nobody() {
        let machine = Machine::new();
        rustix::fs::mkfifoat(rustix::fs::CWD, machine.mount().join("pipe"), rustix::fs::Mode::RUSR).unwrap();
        fs::create_dir(machine.mount().join("folder")).unwrap();
        for path in ["pipe", "folder", "."] {
            assert!(matches!(machine.refused(path).await, MountError::NotRegular { .. }), "{path}");
        }
        for path in ["missing", "", "token/below"] {
            assert!(matches!(machine.refused(path).await, MountError::Unreadable { .. }), "{path}");
        }
        let nul = machine.refused("a\0b").await;
        assert!(matches!(nul, MountError::Unreadable { cause: io::ErrorKind::InvalidInput, .. }), "{nul}");
    }

    #[tokio::test]
    async fn a_file_has_64_kib_at_most() {
        let machine = Machine::new();
        fs::write(machine.mount().join("fits"), vec![b'a'; MAX_FILE]).unwrap();
        fs::write(machine.mount().join("long"), vec![b'a'; MAX_FILE + 1]).unwrap();
        assert_eq!(machine.read("fits").await.unwrap().len(), MAX_FILE);
        assert!(matches!(machine.refused("long").await, MountError::TooLong { .. }));
    }

    #[tokio::test]
    async fn a_folder_may_appear_later() {
        let folder = tempfile::tempdir().unwrap();
        let mounts = Mounts::new(BTreeMap::from([("late".to_owned(), folder.path().join("late"))]));
        assert!(matches!(mounts.open("late", "file").await, Err(MountError::Unreadable { .. })));
        fs::create_dir(folder.path().join("late")).unwrap();
        fs::write(folder.path().join("late/file"), "there").unwrap();
        assert_eq!(mounts.open("late", "file").await.unwrap().expose_secret(), b"there");
    }

    #[tokio::test]
    async fn an_unknown_mount_is_named_with_the_known_ones() {
        let error = Machine::new().mounts.open("gcp", "key.json").await.err().unwrap();
        assert_eq!(error.to_string(), r#"there is no mount "gcp"; there are: token"#);
    }

    #[test]
    fn an_absolute_path_belongs_to_the_longest_folder_that_holds_it() {
        let mounts = Mounts::new(
            [("run", "/var/run/secrets"), ("service-account", "/var/run/secrets/kubernetes.io/serviceaccount"), ("gcp", "/gcp/")]
                .into_iter()
                .map(|(name, folder)| (name.to_owned(), folder.into()))
                .collect(),
        );
        let located = |path: &str| mounts.locate(path).map(|(mount, path)| format!("{mount} {path}"));
        for (path, expected) in [
            ("/var/run/secrets/kubernetes.io/serviceaccount/token", "service-account token"),
            ("/var/run/secrets/kubernetes.io/other", "run kubernetes.io/other"),
            ("/var/run/secrets/kubernetes.io/serviceaccount2/token", "run kubernetes.io/serviceaccount2/token"),
            ("/gcp//./key.json", "gcp key.json"),
        ] {
            assert_eq!(located(path).as_deref(), Ok(expected), "{path}");
        }
        for path in ["/etc/passwd", "/gcp", "/gcpx/key", "gcp/key.json", "", "/gcp/../etc/passwd", "/gcp/a/../../etc/passwd", "/var/run"] {
            let error = located(path).unwrap_err();
            assert!(matches!(&error, MountError::Outside { available, .. } if available.contains("/gcp")), "{path}: {error}");
        }
    }
}
