//! Where machine code is kept: a folder that was shipped with the bundle, and one of our own.
//!
//! A cache only saves time. A file that is missing, damaged, of another engine or of somebody else is ignored, and the
//! component is compiled again. A folder that can't be used is a warning, and nothing is kept; a key in it that others can read or
//! write is a warning too: it is made anew, so that nothing that was signed by it counts any more.
use crate::{
    ShippedCache,
    aot::{Code, Key, Purpose, Sum},
    compile::MAX_CODE,
    digest,
};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Name of the manifest in a shipped cache.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Name of the key in the local cache.
const KEY: &str = "key";

/// Bytes of a manifest at most.
const MAX_MANIFEST: u64 = 1 << 20;

/// Digests of the files of a shipped cache, by name.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) files: BTreeMap<String, String>,
}

/// Both caches. All functions block: they are called where that holds up nobody.
pub(crate) struct Caches {
    shipped: Option<Shipped>,
    /// None: nothing is kept.
    local: Option<Local>,
}

struct Local {
    folder: PathBuf,
    key: Key,
}

struct Shipped {
    folder: PathBuf,
    files: BTreeMap<String, Sum>,
}

impl Caches {
    /// Makes the local folder and its key if they are not there. Neither cache must be had.
    pub(crate) fn open(shipped: Option<&ShippedCache>, local: &Path) -> Self {
        let shipped = shipped.and_then(|shipped| match Shipped::open(shipped) {
            Ok(shipped) => Some(shipped),
            Err(cause) => {
                tracing::warn!(folder = %shipped.folder.display(), "the shipped cache of machine code is not used: {cause}");
                None
            }
        });
        let made = fs::create_dir_all(local).and_then(|()| usable_key(local));
        let local = match made {
            Ok(key) => Some(Local { folder: local.to_owned(), key: Key::new(&key) }),
            Err(cause) => {
                tracing::warn!(folder = %local.display(), "no machine code is kept, so plugins are compiled at each start: {cause}");
                None
            }
        };
        Self { shipped, local }
    }

    /// Code for this purpose, if a cache has it.
    pub(crate) fn find(&self, purpose: &Purpose) -> Option<Code> {
        let name = purpose.file();
        if let Some(shipped) = &self.shipped
            && let Some(digest) = shipped.files.get(&name)
            && let Some(code) = read(&shipped.folder.join(&name), MAX_CODE).ok().and_then(|file| Code::shipped(file, digest))
        {
            return Some(code);
        }
        let Local { folder, key } = self.local.as_ref()?;
        let file = read(&folder.join(&name), MAX_CODE).ok()?;
        let code = Code::signed(file, key, purpose);
        if code.is_none() {
            tracing::warn!(file = %folder.join(&name).display(), "machine code that is damaged or not our own is ignored");
        }
        code
    }

    /// Keeps code, whole or not at all. Says which.
    pub(crate) fn keep(&self, purpose: &Purpose, code: &Code) -> bool {
        let Some(Local { folder, key }) = &self.local else { return false };
        let path = folder.join(purpose.file());
        let kept = write(&path, &code.to_signed(key, purpose));
        if let Err(cause) = &kept {
            tracing::warn!(file = %path.display(), "machine code can't be kept and will be compiled again: {cause}");
        }
        kept.is_ok()
    }
}

impl Shipped {
    fn open(cache: &ShippedCache) -> Result<Self, String> {
        let bytes = read(&cache.folder.join(MANIFEST), MAX_MANIFEST).map_err(|cause| cause.to_string())?;
        let found = digest::text(&digest::of(&bytes));
        if found != cache.manifest {
            return Err(format!("its manifest has digest {found}, not {}", cache.manifest));
        }
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        let files = manifest.files.into_iter().filter_map(|(name, digest)| Some((name, digest::parse(&digest)?))).collect();
        Ok(Self { folder: cache.folder.clone(), files })
    }
}

/// Reads a file whole, with a bound, and through no symbolic link to something that isn't a regular file.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Without waiting, so that a pipe in place of a file can't hold us up.
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// A file of another name first, so that a reader sees all of it or none.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial(path);
    let written = create(&partial, bytes).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // What remains of a failed attempt is of no use; that it can't be removed changes nothing.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// A name beside a file that nobody else writes to, in this process or another.
fn partial(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    path.with_extension(format!("{}.{}.partial", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut file = File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?);
    file.write_all(bytes)?;
    file.sync_all()
}

/// The key of a folder. One that is not ours alone is made anew: a volume's files may have been given to a group since.
fn usable_key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join(KEY);
    let wrong = match existing(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => error,
        _ => return key(folder),
    };
    // Where it can't be taken away, why it is not taken says more.
    fs::remove_file(&path).map_err(|_| io::Error::new(wrong.kind(), wrong.to_string()))?;
    let made = key(folder)?;
    tracing::warn!(folder = %folder.display(), "what the cache of machine code holds is not used, and its key is made anew: {wrong}");
    Ok(made)
}

/// The key of a folder. Made once: whoever links it in place first has made it for all.
fn key(folder: &Path) -> io::Result<[u8; 32]> {
    let path = folder.join(KEY);
    match existing(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => return found,
    }
    let mut key = [0; 32];
    aws_lc_rs::rand::fill(&mut key).map_err(|_| io::Error::other("the machine gives no random numbers"))?;
    let partial = partial(&path);
    create(&partial, &key)?;
    let linked = fs::hard_link(&partial, &path);
    fs::remove_file(&partial)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => existing(&path),
    }
}

fn existing(path: &Path) -> io::Result<[u8; 32]> {
    use std::os::unix::fs::MetadataExt;
    let file = File::from(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())?);
    let about = file.metadata()?;
    // Whoever else can read or write the key can make code that we would run.
    if !about.is_file() || about.mode() & 0o077 != 0 || about.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "the key of the cache must be a file of our own that nobody else can read",
        ));
    }
    let mut bytes = Vec::new();
    file.take(33).read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|_| io::Error::new(ErrorKind::InvalidData, "the key of the cache does not have 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn runtimes_that_start_at_once_share_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| key(folder.path()).unwrap())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_key_is_made_once_and_for_us_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = key(folder.path()).unwrap();
        assert_eq!(key(folder.path()).unwrap(), first);
        let path = folder.path().join(KEY);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(key(folder.path()).unwrap_err().kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_key_that_others_may_know_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY);
        let mut known = vec![usable_key(folder.path()).unwrap()];
        let spoil: [&dyn Fn(); 3] = [
            // As the kubelet does for a volume of a group.
            &|| fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap(),
            &|| fs::write(&path, [0; 31]).unwrap(),
            &|| {
                fs::rename(&path, folder.path().join("elsewhere")).unwrap();
                std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
            },
        ];
        for spoil in spoil {
            spoil();
            let key = usable_key(folder.path()).unwrap();
            assert!(!known.contains(&key), "a key that others may know was taken again");
            assert_eq!((usable_key(folder.path()).unwrap(), fs::metadata(&path).unwrap().permissions().mode() & 0o777), (key, 0o600));
            known.push(key);
        }
    }

    #[test]
    fn a_folder_that_can_not_be_used_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "a file").unwrap();
        assert!(Caches::open(None, &taken).local.is_none());
        // A folder in place of the key can't be taken away as a file is.
        let odd = folder.path().join("odd");
        fs::create_dir_all(odd.join(KEY)).unwrap();
        assert!(Caches::open(None, &odd).local.is_none());
        assert!(Caches::open(None, &folder.path().join("new")).local.is_some());
    }

    #[test]
    fn a_manifest_with_another_digest_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MANIFEST), r#"{"files": {}}"#).unwrap();
        let cache = |manifest: &str| ShippedCache { folder: folder.path().to_owned(), manifest: manifest.to_owned() };
        let right = digest::text(&digest::of(br#"{"files": {}}"#));
        assert!(Shipped::open(&cache(&right)).is_ok());
        let wrong = Shipped::open(&cache(&digest::text(&[0; 32]))).err().unwrap();
        assert!(wrong.contains("manifest"), "{wrong}");
    }

    #[test]
    fn a_pipe_or_a_folder_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path(), 10).is_err());
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(read(&pipe, 10).is_err());
        let file = folder.path().join("file");
        fs::write(&file, [0; 11]).unwrap();
        assert_eq!(read(&file, 10).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read(&file, 11).unwrap().len(), 11);
    }
}
