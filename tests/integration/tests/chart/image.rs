//! What the image is made of, by the very script that its Dockerfile runs, but without optimisation and without a container.
use super::helm::plane;
use integration::until;
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output},
};
use support::{Process, Target, free_ports};

/// What glibc and the image `distroless/cc` bring.
const LIBRARIES: [&str; 5] = ["ld-linux", "libc.so.6", "libgcc_s.so.1", "libm.so.6", "linux-vdso.so.1"];

fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn files(folder: &Path, end: &str) -> usize {
    fs::read_dir(folder).unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(end)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_serves_its_bundle_without_compiling_it() {
    let target = Target::of_this_program().unwrap();
    let image = target.tools("image").unwrap().join("root");
    let script = Target::workspace().join("deploy/image/root");
    run(Command::new(script).arg(&image).arg("dev").env("CARGO_TARGET_DIR", target.root()));
    let program = image.join("infisical-operator");
    for line in run(Command::new("ldd").arg(&program)).lines() {
        let name = line.trim();
        assert!(
            LIBRARIES.iter().any(|library| name.starts_with(library) || name.contains(&format!("/{library}"))),
            "not in the image: {line}"
        );
    }

    let plane = plane().await;
    let namespace = plane.namespace().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let [probes] = free_ports().unwrap();
    let mut command = Command::new(&program);
    command.env_clear().env("KUBECONFIG", plane.kubeconfig());
    // The Dockerfile's variables, with the folder in place of the root.
    let dockerfile = fs::read_to_string(Target::workspace().join("deploy/image/Dockerfile")).unwrap();
    let variables: BTreeSet<_> =
        dockerfile.split_whitespace().filter_map(|word| word.split_once('=')).filter(|(name, _)| name.starts_with("INFISICAL_")).collect();
    assert_eq!(variables.len(), 3);
    for (name, value) in variables {
        command.env(name, value.replacen('/', &format!("{}/", image.display()), 1));
    }
    command.arg(format!("--namespaces={}", namespace.name())).arg("--cache-dir").arg(&cache);
    command.arg(format!("--health-probe-bind-address=127.0.0.1:{probes}"));
    let log = folder.path().join("log");
    let mut operator = Process::start("the operator", &mut command, &log).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    until("the operator to be ready", async || {
        operator.check_alive().map_err(|error| format!("{error:#}"))?;
        let answer = client.get(format!("http://127.0.0.1:{probes}/readyz")).send().await.map_err(|error| error.to_string())?;
        if answer.status().is_success() { Ok(()) } else { Err(answer.text().await.unwrap_or_default()) }
    })
    .await;
    let said = operator.output().unwrap();
    assert!(!said.contains("shipped cache"), "{said}");
    assert!(files(&image.join("plugins"), ".wasm") > 10);
    assert_eq!(files(&cache, ".cwasm"), 0, "it compiled what it was shipped with");
}
