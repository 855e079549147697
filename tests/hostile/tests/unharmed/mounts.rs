//! Plugins that try to read files outside of the folder that they were granted.
use crate::arena::{Arena, Attack, fails};
use hostile::{CANARY, hostile, posted};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};
use tempfile::TempDir;

/// A folder in a folder, and the canary beside it.
struct Jail {
    around: TempDir,
    folder: PathBuf,
}

impl Jail {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        fs::write(around.path().join("outside"), CANARY).unwrap();
        let folder = around.path().join("jail");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("inside"), "inside").unwrap();
        Self { around, folder }
    }

    async fn arena(&self) -> Arena {
        Arena::with(&[hostile()], |config| drop(config.mounts.insert("jail".into(), self.folder.clone()))).await
    }
}

#[tokio::test]
async fn paths_that_lead_out() {
    let jail = Jail::new();
    symlink("../outside", jail.folder.join("link")).unwrap();
    symlink("..", jail.folder.join("up")).unwrap();
    symlink("/proc/self", jail.folder.join("process")).unwrap();
    symlink("turn", jail.folder.join("turn")).unwrap();
    fs::create_dir(jail.folder.join("folder")).unwrap();
    fs::write(jail.folder.join("large"), CANARY.repeat(8192)).unwrap();
    mknodat(CWD, jail.folder.join("pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let absolute = jail.around.path().join("outside");
    let arena = jail.arena().await;
    let attacks: Vec<_> = [
        "../outside",
        "folder/../../outside",
        "link",
        "up/outside",
        "process/environ",
        "turn",
        "/etc/passwd",
        absolute.to_str().unwrap(),
        "..",
        "",
        "folder",
        "pipe",
        "large",
        "inside\0/../../outside",
        "missing",
    ]
    .iter()
    .map(|path| Attack::new("escape-mount", "Credentials", "").with("path", *path))
    .collect();
    arena.each(&attacks).await;
    let proved = arena.bench.act_with("a", json!({"do": "escape-mount", "path": "inside"})).await;
    assert_eq!(posted(&proved.unwrap_or_else(|failure| panic!("{failure}"))).1["file"], "inside");
}

/// An absolute path belongs to the mount whose folder holds it, of two the inner one, and needs the right on that one.
#[tokio::test]
async fn absolute_paths_in_the_mounts_of_others() {
    let jail = Jail::new();
    fs::create_dir(jail.folder.join("deeper")).unwrap();
    fs::write(jail.folder.join("deeper/file"), CANARY).unwrap();
    let arena = Arena::with(&[hostile()], |config| {
        config.mounts.insert("jail".into(), jail.folder.clone());
        config.mounts.insert("deeper".into(), jail.folder.join("deeper"));
        config.mounts.insert("elsewhere".into(), jail.around.path().join("around"));
    })
    .await;
    let path = |path: &str| jail.around.path().join(path).to_str().unwrap().to_owned();
    let attack = |name: &str, reason, says| Attack::new("find-mount", reason, says).with("path", path(name));
    arena
        .each(&[
            attack("jail/deeper/file", "NotGranted", "mounts:deeper"),
            attack("around/file", "NotGranted", "mounts:elsewhere"),
            attack("outside", "Credentials", "lies in no mount"),
            attack("jail/../outside", "Credentials", "lies in no mount"),
            Attack::new("find-mount", "Credentials", "lies in no mount").with("path", "inside"),
        ])
        .await;
    let proved = arena.bench.act_with("a", json!({"do": "find-mount", "path": path("jail/inside")})).await;
    assert_eq!(posted(&proved.unwrap_or_else(|failure| panic!("{failure}"))).1["file"], "inside");
}

/// The file turns into a link to the outside and back while it is read.
#[tokio::test]
async fn a_link_that_comes_and_goes() {
    let jail = Jail::new();
    let arena = jail.arena().await;
    let _turning = Turning::start(&jail);
    arena
        .attack(async {
            let (mut inside, mut refused) = (0, 0);
            while inside < 20 || refused < 20 {
                match arena.bench.act_with("a", json!({"do": "escape-mount", "path": "file"})).await {
                    Ok(proved) => {
                        assert_eq!(posted(&proved).1["file"], "inside");
                        inside += 1;
                    }
                    Err(failure) => {
                        fails("a link", &failure, "Credentials", "");
                        refused += 1;
                    }
                }
            }
        })
        .await;
}

/// Makes `file` a file and a link to the outside by turns, until it is dropped.
struct Turning {
    done: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Turning {
    fn start(jail: &Jail) -> Self {
        let (done, folder) = (Arc::<AtomicBool>::default(), jail.folder.clone());
        fs::write(folder.join("file"), "inside").unwrap();
        let stop = done.clone();
        let thread = thread::spawn(move || {
            let next = folder.join("next");
            while !stop.load(Ordering::Relaxed) {
                symlink("../outside", &next).unwrap();
                fs::rename(&next, folder.join("file")).unwrap();
                fs::write(&next, "inside").unwrap();
                fs::rename(&next, folder.join("file")).unwrap();
            }
        });
        Self { done, thread: Some(thread) }
    }
}

impl Drop for Turning {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        assert!(self.thread.take().is_none_or(|thread| thread.join().is_ok()) || thread::panicking());
    }
}
