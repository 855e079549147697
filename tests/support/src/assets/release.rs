//! The control plane from released binaries: etcd and kube-apiserver from the archive that `setup-envtest` uses,
//! kube-controller-manager, which that archive lacks, from the Kubernetes project's own downloads.
//!
//! What can go wrong: no network, a host that does not answer, a digest that differs, no release for this platform. Each is
//! an error, after seconds at most where nothing answers; the caller then builds instead.
use crate::target::{Target, announce, lock_file};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest, Sha512};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Where releases are looked for.
#[derive(Clone, Debug)]
struct Source {
    /// The index of the archives, with their digests.
    index: String,
    /// Before `v1.34.4/bin/linux/amd64/PROGRAM`.
    downloads: String,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            index: "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml".into(),
            downloads: "https://dl.k8s.io/release".into(),
        }
    }
}

/// The minor version that the Go program and the generated types are of.
const MINOR: &str = "v1.34.";
/// Nothing answers within this time where the network is closed.
const CONNECT: Duration = Duration::from_secs(3);
/// Of a pause in a download.
const READ: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Index {
    releases: BTreeMap<String, BTreeMap<String, Archive>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Archive {
    hash: String,
    self_link: String,
}

/// The folder with the three programs, downloaded unless they are there.
pub(super) async fn obtain(target: &Target) -> Result<PathBuf> {
    obtain_into(&target.tools("control-plane")?, &Source::default()).await
}

async fn obtain_into(folder: &Path, source: &Source) -> Result<PathBuf> {
    let gate = lock_file(&folder.join("gate"))?;
    gate.lock()?;
    let done = folder.join("release");
    if !done.exists() {
        let unfinished = tempfile::Builder::new().prefix("release-").tempdir_in(folder)?;
        download(source, unfinished.path()).await?;
        fs::rename(unfinished.keep(), &done)?;
    }
    Ok(done)
}

async fn download(source: &Source, folder: &Path) -> Result<()> {
    let client = reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(READ).build()?;
    let index = fetch(&client, &source.index).await?;
    let index: Index = serde_yaml::from_slice(&index).context("the index of envtest releases has another form")?;
    let platform = platform()?;
    let newest = index.releases.iter().filter_map(|(version, archives)| {
        let patch: u32 = version.strip_prefix(MINOR)?.parse().ok()?;
        Some((patch, version, archives.get(&format!("envtest-{version}-{platform}.tar.gz"))?))
    });
    let (_, version, archive) = newest.max_by_key(|(patch, ..)| *patch).with_context(|| format!("no release {MINOR}x for {platform}"))?;
    announce(format_args!("Downloading etcd, kube-apiserver and kube-controller-manager {version}: once, about 200 MB."));

    let bytes = fetch(&client, &archive.self_link).await?;
    check(&archive.self_link, &bytes, &archive.hash)?;
    unpack(&bytes, folder)?;

    let program = format!("{}/{version}/bin/{}/{}", source.downloads, platform.replace('-', "/"), super::CONTROLLER_MANAGER);
    let digest = fetch(&client, &format!("{program}.sha512")).await?;
    let bytes = fetch(&client, &program).await?;
    check(&program, &bytes, String::from_utf8_lossy(&digest).trim())?;
    executable(&folder.join(super::CONTROLLER_MANAGER), &bytes)
}

/// As in the names of the archives.
fn platform() -> Result<String> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        system => system,
    };
    // Kubernetes releases no kube-controller-manager for anything but Linux.
    ensure!(system == "linux", "there are no released control planes for {system}");
    let processor = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        processor => processor,
    };
    Ok(format!("{system}-{processor}"))
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<Vec<u8>> {
    let answer = client.get(url).send().await.and_then(reqwest::Response::error_for_status);
    Ok(answer.with_context(|| format!("{url} can't be had"))?.bytes().await?.to_vec())
}

fn check(what: &str, bytes: &[u8], digest: &str) -> Result<()> {
    let found = hex::encode(Sha512::digest(bytes));
    ensure!(found.eq_ignore_ascii_case(digest), "{what} has the digest sha512:{found} instead of {digest}");
    Ok(())
}

/// The two programs of the archive, wherever in it they are.
fn unpack(archive: &[u8], folder: &Path) -> Result<()> {
    let unpacked = tempfile::tempdir()?;
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(archive)?;
    let status = Command::new("tar").arg("-xzf").arg(file.path()).arg("-C").arg(unpacked.path()).status().context("tar does not start")?;
    ensure!(status.success(), "the archive can't be unpacked: {status}");
    for name in [super::ETCD, super::API_SERVER] {
        let path = unpacked.path().join("controller-tools/envtest").join(name);
        let bytes = fs::read(&path).with_context(|| format!("the archive has no {name}"))?;
        executable(&folder.join(name), &bytes)?;
    }
    Ok(())
}

fn executable(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::File::options().create_new(true).write(true).mode(0o755).open(path)?;
    Ok(file.write_all(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, extract::Path as Route, routing::get};
    use std::os::unix::fs::PermissionsExt;

    /// An archive as `setup-envtest` has it, with these programs.
    fn archive(programs: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("controller-tools/envtest");
        fs::create_dir_all(&inner).unwrap();
        for name in programs {
            fs::write(inner.join(name), format!("the program {name}")).unwrap();
        }
        let output = Command::new("tar").arg("-czf").arg("-").arg("-C").arg(folder.path()).arg("controller-tools").output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    /// A server with an older and a newer release, each of whose files is the archive.
    async fn serve(archive: Vec<u8>, digest: String) -> Source {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let platform = platform().unwrap();
        let release = |version: &str| {
            format!("  {version}:\n    envtest-{version}-{platform}.tar.gz: {{hash: {digest}, selfLink: '{url}/archive/{version}'}}\n")
        };
        let index = format!("releases:\n{}{}{}", release("v1.34.2"), release("v1.34.10"), release("v1.35.0"));
        let manager = hex::encode(Sha512::digest(b"the manager"));
        let download = move |Route(path): Route<String>| async move {
            assert!(path.starts_with("v1.34.10/bin/linux/"), "{path}");
            if path.ends_with(".sha512") { manager.clone() } else { "the manager".to_owned() }
        };
        let router = Router::new()
            .route("/index", get(async move || index.clone()))
            .route("/archive/v1.34.10", get(async move || archive.clone()))
            .route("/release/{*path}", get(download));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Source { index: format!("{url}/index"), downloads: format!("{url}/release") }
    }

    #[tokio::test]
    async fn the_newest_release_of_the_minor_version_is_taken_once() {
        let archive = archive(&["etcd", "kube-apiserver", "kubectl"]);
        let digest = hex::encode(Sha512::digest(&archive));
        let source = serve(archive, digest).await;
        let tools = tempfile::tempdir().unwrap();
        let folder = obtain_into(tools.path(), &source).await.unwrap();
        assert_eq!(fs::read_to_string(folder.join("etcd")).unwrap(), "the program etcd");
        assert_eq!(fs::read_to_string(folder.join("kube-controller-manager")).unwrap(), "the manager");
        assert_eq!(fs::metadata(folder.join("kube-apiserver")).unwrap().permissions().mode() & 0o111, 0o111);
        let nowhere = Source { index: "http://127.0.0.1:1/".into(), ..source };
        assert_eq!(obtain_into(tools.path(), &nowhere).await.unwrap(), folder);
    }

    #[tokio::test]
    async fn another_digest_is_refused_and_nothing_is_left() {
        let source = serve(archive(&["etcd", "kube-apiserver"]), "00".repeat(64)).await;
        let tools = tempfile::tempdir().unwrap();
        let error = obtain_into(tools.path(), &source).await.unwrap_err().to_string();
        assert!(error.contains("has the digest sha512:"), "{error}");
        let left: Vec<_> = fs::read_dir(tools.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["gate"]);
    }

    #[tokio::test]
    async fn a_closed_network_is_an_error() {
        let nowhere = Source { index: "http://127.0.0.1:1/".into(), downloads: "http://127.0.0.1:1".into() };
        let tools = tempfile::tempdir().unwrap();
        assert!(obtain_into(tools.path(), &nowhere).await.unwrap_err().to_string().contains("can't be had"));
    }
}
