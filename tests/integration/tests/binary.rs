//! The program as deployments start it: their arguments, their probes, their signals.
use integration::{Scene, default_bundle, program, until};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use serde_json::json;
use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use support::{Process, free_ports};

/// Started as Infisical's chart does it: no command, ports without an address, settings by environment.
struct Charted {
    process: Process,
    metrics: String,
    probes: String,
    client: reqwest::Client,
}

async fn charted(scene: &Scene, arguments: &[&str]) -> Charted {
    let [metrics, probes] = free_ports().unwrap();
    let log: PathBuf = scene.folder().join("charted.log");
    let mut command = Command::new(program().await);
    command
        .arg(format!("--metrics-bind-address=:{metrics}"))
        .arg("--leader-elect")
        .arg(format!("--health-probe-bind-address=:{probes}"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", scene.plane.kubeconfig())
        .env("POD_NAMESPACE", scene.namespace.name())
        .env("INFISICAL_HOST_API", format!("{}/api", scene.infisical.url()))
        .env("INFISICAL_LOG_WRITER", "stdout")
        // What an image sets, and a chart does not.
        .env("INFISICAL_OPERATOR_BUNDLE_DIR", &default_bundle().await.folder)
        .env("INFISICAL_OPERATOR_CACHE_DIR", scene.cache().await)
        .env("INFISICAL_OPERATOR_CONFIG_NAMESPACE", scene.namespace.name());
    let process = Process::start("the operator", &mut command, &log).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
    Charted { process, metrics: format!("https://127.0.0.1:{metrics}/metrics"), probes: format!("http://127.0.0.1:{probes}"), client }
}

impl Charted {
    async fn get(&self, url: &str) -> (u16, String) {
        match self.client.get(url).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    }

    async fn ready(&mut self) {
        let url = format!("{}/readyz", self.probes);
        until("the operator to be ready", async || {
            self.process.check_alive().map_err(|error| format!("{error:#}"))?;
            match self.get(&url).await {
                (200, _) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    async fn stop(mut self) -> String {
        self.process.terminate().unwrap();
        until("the operator to end", async || match self.process.ended() {
            Ok(Some(status)) if status.success() => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        self.process.output().unwrap()
    }
}

#[tokio::test]
async fn the_arguments_and_probes_of_infisicals_chart_work() {
    let scene = Scene::new().await;
    let namespaces = format!("--namespaces={}", scene.namespace.name());
    let mut operator = charted(&scene, &[&namespaces]).await;
    operator.ready().await;
    for probe in ["livez", "healthz", "readyz"] {
        assert_eq!(operator.get(&format!("{}/{probe}", operator.probes)).await, (200, "ok".into()), "{probe}");
    }
    // The server is the one of the environment.
    scene.infisical_secret("a", json!({"spec": {"hostAPI": null}})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    let leases: Api<Lease> = scene.namespace.api();
    let holder = async || leases.get("cf2b8c44.infisical.com").await.unwrap().spec.unwrap().holder_identity.unwrap_or_default();
    assert!(!holder().await.is_empty());

    let (status, text) = operator.get(&operator.metrics).await;
    assert_eq!(status, 200, "{text}");
    let metrics = support::Metrics::parse(&text);
    for (name, labels) in [
        ("infisical_operator_reconciles_total", [("kind", "InfisicalSecret"), ("outcome", "synced")]),
        ("infisical_operator_infisical_calls_total", [("operation", "list secrets"), ("status", "200")]),
        ("infisical_operator_logins_total", [("plugin", "universal"), ("outcome", "ok")]),
        ("infisical_operator_cache_requests_total", [("cache", "read"), ("outcome", "miss")]),
        ("infisical_operator_plugin_calls_total", [("plugin", "universal"), ("world", "authenticator")]),
        ("infisical_operator_plugin_call_duration_seconds_count", [("plugin", "universal"), ("world", "authenticator")]),
    ] {
        assert!(metrics.sum(name, &labels) >= 1.0, "{name}{labels:?}:\n{text}");
    }
    assert!(metrics.sum("infisical_operator_reconcile_duration_seconds_count", &[("kind", "InfisicalSecret")]) >= 1.0);
    assert!(metrics.sum("infisical_operator_plugin_memory_peak_bytes", &[("plugin", "universal")]) > 0.0);
    assert_eq!(metrics.sum("infisical_operator_plugin_loaded", &[("plugin", "go-template")]), 1.0);

    let began = Instant::now();
    let log = operator.stop().await;
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert_eq!(holder().await, "", "the Lease was not given back");
    let revoked = scene.infisical.calls().read(|log| log.with_status(infisical_dev_server::Operation::Revoke, 200));
    assert_eq!(revoked, 1);
    assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
}

#[tokio::test]
async fn a_replica_that_waits_for_the_lead_is_ready_and_lives() {
    let scene = Scene::new().await;
    let namespaces = format!("--namespaces={}", scene.namespace.name());
    let mut first = charted(&scene, &[&namespaces]).await;
    first.ready().await;
    let mut second = charted(&scene, &[&namespaces]).await;
    second.ready().await;
    scene.infisical_secret("a", json!({"spec": {"hostAPI": null}})).await;
    scene.holds("a", &[("A", "one"), ("B", "two")]).await;
    assert_eq!(scene.infisical.logins(), 1);
    // The one that leads is killed: nobody gives the Lease back, and the other still takes over.
    let leads = |text: &str| support::Metrics::parse(text).sum("infisical_operator_reconciles_total", &[]) > 0.0;
    let (leader, other) = if leads(&first.get(&first.metrics).await.1) { (first, second) } else { (second, first) };
    let mut leader = leader;
    leader.process.kill().unwrap();
    scene.set("A", "edited");
    scene.holds("a", &[("A", "edited"), ("B", "two")]).await;
    drop(other);
}

#[tokio::test]
async fn what_it_can_not_use_is_said_at_the_start() {
    let scene = Scene::new().await;
    let run = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(program().await);
        command.args(arguments).env_clear().env("KUBECONFIG", scene.plane.kubeconfig());
        let output = tokio::time::timeout(Duration::from_secs(30), command.kill_on_drop(true).output()).await.unwrap().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    for (arguments, says) in [
        (vec!["--health-probe-bind-address=here"], "--health-probe-bind-address"),
        (vec!["--health-probe-bind-address=0", "--bundle-dir=/nowhere"], "/nowhere"),
        (vec!["--health-probe-bind-address=0", "--host-api=ftp://x"], "INFISICAL_HOST_API"),
        (vec!["--health-probe-bind-address=0", "--kubeconfig=/nowhere"], "/nowhere"),
        (vec!["--no-such-flag"], "--no-such-flag"),
    ] {
        let (success, output) = run(&arguments).await;
        assert!(!success && output.contains(says), "{arguments:?}: {output}");
    }
    let (success, crds) = run(&["crds"]).await;
    assert!(success && crds.contains("infisicalsecrets.secrets.infisical.com"));
    let (success, help) = run(&["--help"]).await;
    assert!(success && help.contains("run"));
}
