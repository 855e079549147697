//! What is made once for all tests of a process, and kept in the target folder for those of the next.
use ::operator::metrics::Metrics;
use bundle::Bundle;
use runtime::{CompileLimits, Config, Detours, Runtime};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Once},
};
use support::{Cluster, Setup, Target};
use tokio::sync::OnceCell;

/// The default bundle.
pub async fn default_bundle() -> &'static Bundle {
    static BUNDLE: OnceCell<Bundle> = OnceCell::const_new();
    BUNDLE.get_or_init(|| async { support::default_bundle().await.unwrap() }).await
}

/// The operator's program, which is its own compiler too.
pub async fn program() -> &'static Path {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    PROGRAM.get_or_init(|| async { Setup::program().await.unwrap() }).await
}

/// The operator's program with kill points.
pub(crate) async fn doomed_program() -> &'static Path {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    let build = || Target::of_this_program()?.build("operator-with-kill-points");
    PROGRAM.get_or_init(|| async { tokio::task::spawn_blocking(build).await.unwrap().unwrap() }).await
}

/// A folder with the machine code of the default bundle.
pub async fn cache() -> &'static Path {
    static CACHE: OnceCell<PathBuf> = OnceCell::const_new();
    CACHE
        .get_or_init(|| async {
            let cache = Target::of_this_program().unwrap().tools("integration-cache").unwrap();
            // Once, and not once in each of the operators that start together.
            drop(Runtime::start(config(&default_bundle().await.folder, &cache, program().await)).await.unwrap());
            cache
        })
        .await
}

fn config(bundle: &Path, cache: &Path, compiler: &Path) -> Config {
    Config {
        bundle: bundle.into(),
        shipped_cache: None,
        local_cache: cache.into(),
        compiler: compiler.into(),
        compile_limits: CompileLimits::default(),
        limits: BTreeMap::new(),
        mounts: BTreeMap::new(),
        environment: BTreeMap::new(),
        private_egress: false,
        detours: Detours::default(),
        stage: None,
        withheld: BTreeMap::new(),
        observer: Arc::new(Metrics::default()),
    }
}

/// Makes sure that the cluster knows the custom resources.
pub(crate) async fn establish(cluster: &Cluster) {
    static ESTABLISHED: OnceCell<()> = OnceCell::const_new();
    ESTABLISHED.get_or_init(|| async { cluster.establish(api::crds::crds()).await.unwrap() }).await;
}

/// Shows what is logged, if `RUST_LOG` asks for it.
pub(crate) fn show_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("RUST_LOG").is_some() {
            let filter = tracing_subscriber::EnvFilter::from_default_env();
            tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().init();
        }
    });
}
