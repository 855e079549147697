//! The process that keeps a control plane running: etcd, kube-apiserver, kube-controller-manager on loopback.
//!
//! It lives as long as anyone holds a shared lock on its lease file; the kernel drops the lock of a process that is gone,
//! so that nothing stays behind, whatever became of the users. What can go wrong: a part ends early or does not become
//! ready; then the keeper ends with an error that holds the end of that part's log.
//!
//! The state folder holds `assets.json` and, where it is to be audited, `audit-policy.json`; then `lease`, `kubeconfig`
//! (complete: the control plane serves; gone: it ends), logs and data.
use crate::{
    assets::Assets,
    cluster::Cluster,
    control_plane::{AUDIT_LOG, AUDIT_POLICY},
    ports::free_ports,
    process::Process,
    target::lock_file,
    wait::wait_for,
};
use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use std::{
    fs::{self, TryLockError},
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

/// Everything loaded, two cores shared with compilers: the API server was seen to take 20 s instead of 3.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// Those that the operator and its demo rely on. No scheduler and no kubelet: pods are made, but never run.
const CONTROLLERS: &str = "serviceaccount-controller,serviceaccount-token-controller,namespace-controller,\
    garbage-collector-controller,deployment-controller,replicaset-controller,daemonset-controller,statefulset-controller";

/// The main function of the keeper's program; its arguments are the state folder and the seconds that it stays when nobody
/// uses it any more.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("control plane: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), Some(linger), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: control-plane FOLDER SECONDS");
    };
    let folder = Path::new(&folder);
    let linger = linger.to_str().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let linger = linger.context("the second argument is a number of seconds")?;
    let assets: Assets = serde_json::from_slice(&fs::read(folder.join("assets.json"))?)?;
    // Held as long as this process lives; users tell by it that the folder is not a dead one's.
    let alive = lock_file(&folder.join("keeper"))?;
    alive.lock()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kept = runtime.block_on(keep(folder, &assets, linger));
    if kept.is_ok() {
        fs::remove_dir_all(folder).with_context(|| format!("{} can't be removed", folder.display()))?;
    }
    kept
}

async fn keep(folder: &Path, assets: &Assets, linger: Duration) -> Result<()> {
    let mut parts = Vec::new();
    let lease = folder.join("lease");
    tokio::select! {
        started = start(folder, assets, &mut parts) => started?,
        released = released(&lease, Duration::ZERO) => return released.map(drop),
    }
    // Held to the end, so that nobody takes this control plane for one that serves.
    let _lease = tokio::select! {
        failed = watch(&mut parts) => return failed,
        released = released(&lease, linger) => released?,
    };
    fs::remove_file(folder.join("kubeconfig"))?;
    Ok(())
}

/// Ends with the exclusive lock once nobody has held the lease for `linger`.
async fn released(lease: &Path, linger: Duration) -> Result<fs::File> {
    let file = lock_file(lease)?;
    loop {
        match file.try_lock() {
            Ok(()) if linger.is_zero() => return Ok(file),
            Ok(()) => {
                file.unlock()?;
                tokio::time::sleep(linger).await;
                if file.try_lock().is_ok() {
                    return Ok(file);
                }
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("the lease can't be locked"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Ends when a part does.
async fn watch(parts: &mut [Process]) -> Result<()> {
    loop {
        parts.iter_mut().try_for_each(Process::check_alive)?;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn start(folder: &Path, assets: &Assets, parts: &mut Vec<Process>) -> Result<()> {
    let [client_port, peer_port, secure_port] = free_ports()?;
    let token = credentials(folder)?;
    let etcd = format!("http://127.0.0.1:{client_port}");
    let file = |name: &str| folder.join(name).display().to_string();

    let mut command = assets.etcd(&folder.join("etcd"), &etcd, &format!("http://127.0.0.1:{peer_port}"));
    parts.push(Process::start("etcd", &mut command, &folder.join("etcd.log"))?);

    let mut command: Command = assets.kube_apiserver();
    command.args([
        format!("--etcd-servers={etcd}"),
        format!("--secure-port={secure_port}"),
        "--bind-address=127.0.0.1".into(),
        "--advertise-address=127.0.0.1".into(),
        "--endpoint-reconciler-type=none".into(),
        format!("--tls-cert-file={}", file("serving.crt")),
        format!("--tls-private-key-file={}", file("serving.key")),
        "--service-account-issuer=https://kubernetes.default.svc".into(),
        format!("--service-account-key-file={}", file("service-account.pub")),
        format!("--service-account-signing-key-file={}", file("service-account.key")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".into(),
        "--service-cluster-ip-range=10.0.0.0/24".into(),
    ]);
    if folder.join(AUDIT_POLICY).exists() {
        command.args([
            format!("--audit-policy-file={}", file(AUDIT_POLICY)),
            format!("--audit-log-path={}", file(AUDIT_LOG)),
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement".into(),
        ]);
    }
    parts.push(Process::start("kube-apiserver", &mut command, &folder.join("kube-apiserver.log"))?);

    // Under another name until all is ready: its own name is the sign that the control plane serves.
    let starting = folder.join("kubeconfig.starting");
    fs::write(&starting, kubeconfig(&fs::read_to_string(folder.join("ca.crt"))?, secure_port, &token))?;
    let cluster = Cluster::open(&starting).await?;
    tokio::select! {
        failed = watch(parts) => failed?,
        ready = wait_for("kube-apiserver to be ready", READY_WITHIN, async || cluster.ready().await) => ready?,
    }

    let mut command = assets.kube_controller_manager();
    command.args([
        format!("--kubeconfig={}", starting.display()),
        format!("--service-account-private-key-file={}", file("service-account.key")),
        format!("--root-ca-file={}", file("ca.crt")),
        "--use-service-account-credentials=false".into(),
        "--leader-elect=false".into(),
        "--secure-port=0".into(),
        format!("--controllers={CONTROLLERS}"),
    ]);
    parts.push(Process::start("kube-controller-manager", &mut command, &folder.join("kube-controller-manager.log"))?);
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client().clone(), "default");
    let working = wait_for("kube-controller-manager to make a service account", READY_WITHIN, async || accounts.get("default").await);
    tokio::select! {
        failed = watch(parts) => failed?,
        working = working => drop(working?),
    }
    // The controller manager reads its kubeconfig once, at its start.
    fs::rename(&starting, folder.join("kubeconfig"))?;
    Ok(())
}

/// Writes the serving certificate with its CA, the key of service account tokens and the administrator's token; gives that
/// token.
fn credentials(folder: &Path) -> Result<String> {
    let mut ca = CertificateParams::new([])?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "development control plane");
    let key = KeyPair::generate()?;
    fs::write(folder.join("ca.crt"), ca.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(ca, key);

    let key = KeyPair::generate()?;
    let serving = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()])?;
    fs::write(folder.join("serving.crt"), serving.signed_by(&key, &issuer)?.pem())?;
    fs::write(folder.join("serving.key"), key.serialize_pem())?;

    let key = KeyPair::generate()?;
    fs::write(folder.join("service-account.key"), key.serialize_pem())?;
    fs::write(folder.join("service-account.pub"), key.public_key_pem())?;

    let token = uuid::Uuid::new_v4().to_string();
    fs::write(folder.join("tokens.csv"), format!("{token},admin,admin,system:masters\n"))?;
    Ok(token)
}

/// A kubeconfig; JSON is YAML.
fn kubeconfig(ca: &str, port: u16, token: &str) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let server = format!("https://127.0.0.1:{port}");
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "dev", "cluster": {"server": server, "certificate-authority-data": BASE64_STANDARD.encode(ca)}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "dev", "context": {"cluster": "dev", "user": "admin"}}],
        "current-context": "dev",
    })
    .to_string()
}
