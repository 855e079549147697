//! `infisical-dev-server`: Infisical's HTTP API on this machine, from a seed file, with a page to edit it and to make it
//! fail. See the README beside it.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use infisical_dev_server::{Config, Generation, KubernetesApi, Limits, Seed, Server, Tls};
use tracing_subscriber::EnvFilter;

/// Infisical's HTTP API for development.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Seed file, YAML or JSON; the built-in demo without it
    #[arg(long)]
    seed: Option<PathBuf>,
    /// Serve HTTPS with a certificate of an own authority
    #[arg(long)]
    tls: bool,
    /// Further name or address in the certificate
    #[arg(long, requires = "tls", value_name = "NAME")]
    tls_name: Vec<String>,
    /// Where to write the authority's certificate
    #[arg(long, requires = "tls", value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Kubeconfig of the cluster whose service accounts may log in; its user reviews their tokens
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Generation of the real server to imitate
    #[arg(long, value_enum, default_value_t)]
    generation: Generation,
    /// Leave v4 of the secrets API out, like an old server
    #[arg(long)]
    no_v4: bool,
    /// Enforce the cloud's rate limits
    #[arg(long)]
    rate_limits: bool,
    /// Milliseconds that each call takes longer
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency: u64,
    /// In place of a seed: so many folders /f0, /f1 … in project `bench`, environment `dev`
    #[arg(long, conflicts_with = "seed")]
    folders: Option<usize>,
    /// With --folders: keys in each
    #[arg(long, requires = "folders", default_value_t = 10)]
    keys: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let seed = match (&options.seed, options.folders) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
            Seed::parse(&text).with_context(|| file.display().to_string())?
        }
        (None, Some(folders)) => Seed::uniform(folders, options.keys),
        (None, None) => Seed::demo()?,
    };
    let kubernetes = options.kubeconfig.as_deref().map(KubernetesApi::from_kubeconfig).transpose()?;
    let server = Server::start(Config {
        listen: options.listen,
        tls: options.tls.then(|| Tls { names: options.tls_name.clone() }),
        kubernetes,
        generation: options.generation,
        v4: !options.no_v4,
        ..Config::new(seed)
    })
    .await?;
    server.faults().set_latency(Duration::from_millis(options.latency));
    server.set_rate_limits(options.rate_limits.then_some(Limits::FREE));
    if let (Some(file), Some(pem)) = (&options.ca_out, server.ca_pem()) {
        std::fs::write(file, pem).with_context(|| format!("writing {}", file.display()))?;
    }
    println!("{}", server.url());
    tracing::info!("serving Infisical's API; open {}/ to look at it", server.url());
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}
