//! A control plane for tests and for the development environment: the one that all processes of a `cargo test` share, or
//! one alone.
//!
//! It runs in a process of its own ([`crate::keeper`]), which ends when the last user is gone. The shared one stays a few
//! seconds longer, since the next test program usually starts at once and starting takes seconds.
use crate::{
    assets::Assets,
    cluster::Cluster,
    process::tail,
    target::{Target, lock_file},
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// In the state folder: where it is, the keeper lets the API server audit.
pub(crate) const AUDIT_POLICY: &str = "audit-policy.json";
pub(crate) const AUDIT_LOG: &str = "audit.log";

/// Longer than cargo takes from one test program to the next.
const LINGER_SECONDS: u32 = 10;

/// A control plane in use. It is there at least until this is dropped. Derefs to its [`Cluster`].
pub struct ControlPlane {
    cluster: Cluster,
    folder: PathBuf,
    lease: File,
}

impl ControlPlane {
    /// The one that all tests of this target folder share, started if it is not there. Tests keep apart by namespaces.
    ///
    /// # Errors
    /// None is at hand and none can be built, or a part does not start; the message has the end of its log.
    pub async fn shared() -> Result<Self> {
        let (folder, lease) = tokio::task::spawn_blocking(join).await??;
        Self::open(folder, lease).await
    }

    /// One alone, which ends as soon as this is dropped.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn exclusive() -> Result<Self> {
        let (folder, lease) = tokio::task::spawn_blocking(|| start(&Target::of_this_program()?, 0, false)).await??;
        Self::open(folder, lease).await
    }

    /// As [`Self::exclusive`], stricter: it writes each request to [`Self::audit_log`], and nobody sets an owner reference that
    /// holds up the deletion of something whose finalizers he may not change (as on OpenShift).
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn audited() -> Result<Self> {
        let (folder, lease) = tokio::task::spawn_blocking(|| start(&Target::of_this_program()?, 0, true)).await??;
        Self::open(folder, lease).await
    }

    async fn open(folder: PathBuf, lease: File) -> Result<Self> {
        Ok(Self { cluster: Cluster::open(&folder.join("kubeconfig")).await?, folder, lease })
    }

    /// Another hold on the same one, with a client for the present tokio runtime.
    ///
    /// # Errors
    /// It is gone.
    pub async fn again(&self) -> Result<Self> {
        // A copy of a descriptor shares its lock.
        Self::open(self.folder.clone(), self.lease.try_clone()?).await
    }

    /// The cluster.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Where an audited control plane writes its events, a line of JSON for each; a watch when it begins, all else when it ends.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.folder.join(AUDIT_LOG)
    }

    /// Logs and data; gone when the control plane is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Deref for ControlPlane {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// Joins the shared control plane, or starts it. One at a time, across processes.
fn join() -> Result<(PathBuf, File)> {
    let target = Target::of_this_program()?;
    let run = target.tools("run")?;
    let gate = lock_file(&run.join("gate"))?;
    gate.lock()?;
    // Names the state folder of the newest.
    let current = run.join("current");
    if let Ok(folder) = fs::read_to_string(&current).map(PathBuf::from)
        && let Some(lease) = serving(&folder)
    {
        return Ok((folder, lease));
    }
    let (folder, lease) = start(&target, LINGER_SECONDS, false)?;
    fs::write(&current, folder.as_os_str().as_encoded_bytes())?;
    Ok((folder, lease))
}

/// A lease on a control plane that serves and will go on to.
fn serving(folder: &Path) -> Option<File> {
    let lease = File::open(folder.join("lease")).ok()?;
    lease.try_lock_shared().ok()?;
    // Locked by its keeper as long as that lives.
    let keeper = File::open(folder.join("keeper")).ok()?;
    let alive = matches!(keeper.try_lock_shared(), Err(fs::TryLockError::WouldBlock));
    (alive && folder.join("kubeconfig").exists()).then_some(lease)
}

/// Starts a keeper and waits until its control plane serves.
fn start(target: &Target, linger: u32, audited: bool) -> Result<(PathBuf, File)> {
    let assets = Assets::obtain(target)?;
    let program = target.build("control-plane")?;
    let folder = tempfile::Builder::new().prefix("control-plane-").tempdir()?.keep();
    fs::write(folder.join("assets.json"), serde_json::to_vec(&assets)?)?;
    if audited {
        let policy = serde_json::json!({
            "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}],
        });
        fs::write(folder.join(AUDIT_POLICY), policy.to_string())?;
    }
    let lease = lock_file(&folder.join("lease"))?;
    lease.lock_shared()?;
    let log = folder.join("keeper.log");
    let mut keeper = keeper(&program, &folder, linger, &log)?;
    while !folder.join("kubeconfig").exists() {
        if let Some(status) = keeper.try_wait()? {
            bail!("the control plane did not start ({status}); its logs are in {}\n{}", folder.display(), tail(&log));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Waits for the keeper's end, so that a long-lived user does not gather zombies.
    std::thread::spawn(move || keeper.wait());
    Ok((folder, lease))
}

fn keeper(program: &Path, folder: &Path, linger: u32, log: &Path) -> Result<std::process::Child> {
    use std::os::unix::process::CommandExt;
    let output = File::create(log)?;
    let errors = output.try_clone()?;
    Command::new(program)
        .arg(folder)
        .arg(linger.to_string())
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        // Out of reach of a Ctrl-C at the terminal: it ends when its users did.
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} does not start", program.display()))
}
