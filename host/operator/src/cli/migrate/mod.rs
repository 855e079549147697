//! `infisical-operator migrate`: what will differ for whoever comes from Infisical's operator, said before anyone switches.
//!
//! It reads a cluster, as whoever runs it, or files; it writes nothing and prints no value of a secret. What it finds follows
//! from the very plans and comparisons by which the operator works, so it can't tell another story: the rules beyond that are
//! in [`rules`], each with a name that the documentation explains. With `--to v1beta1` it prints resources of the newer kinds
//! in place of InfisicalSecrets ([`convert`]).
mod cluster;
mod convert;
mod files;
mod finding;
mod look;
mod report;
mod rules;
mod world;

use crate::{
    object::Name,
    options::{Options, PluginOptions},
    plan::Settings,
    start,
};
use anyhow::bail;
use clap::{Args, ValueEnum};
use report::{Looked, Report};
use std::{path::PathBuf, process::ExitCode};

/// Nothing needs attention.
const FINE: u8 = 0;
/// Something does.
const ATTENTION: u8 = 1;
/// It could not be looked at.
const FAILED: u8 = 2;

#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// YAML files to read instead of a cluster, - for stdin; repeatable.
    #[arg(short = 'f', long = "file")]
    pub files: Vec<PathBuf>,
    /// Kubeconfig file of the cluster to read.
    #[arg(long, env = "INFISICAL_OPERATOR_KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespaces to look at, separated by commas; empty for all.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub namespaces: String,
    /// How findings are printed.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Prints InfisicalSecrets as resources of this version instead of looking for differences.
    #[arg(long, value_enum)]
    pub to: Option<Version>,
    /// The account of the operator, as NAMESPACE/NAME: also looks whether it has the rights that it needs.
    #[arg(long)]
    pub service_account: Option<String>,
    /// As for `run`: server of resources that name none.
    #[arg(long, env = "INFISICAL_HOST_API")]
    pub host_api: Option<String>,
    /// As for `run`: a server that ambient identities may go to; repeatable.
    #[arg(long = "trusted-host", env = "INFISICAL_OPERATOR_TRUSTED_HOSTS", value_delimiter = ',')]
    pub trusted_hosts: Vec<String>,
    /// As for `run`: namespace of the ConfigMap infisical-config.
    #[arg(long, env = "INFISICAL_OPERATOR_CONFIG_NAMESPACE", default_value = "infisical-operator-system")]
    pub config_namespace: String,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Text,
    Json,
}

/// A version that resources can be converted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Version {
    V1beta1,
}

impl MigrateArgs {
    /// Runs the command: 0 where nothing needs attention, 1 where something does, 2 where it could not be looked at.
    pub async fn run(&self) -> ExitCode {
        match self.look().await {
            Ok(false) => ExitCode::from(FINE),
            Ok(true) => ExitCode::from(ATTENTION),
            Err(error) => {
                eprintln!("infisical-operator: {error:#}");
                ExitCode::from(FAILED)
            }
        }
    }

    async fn look(&self) -> anyhow::Result<bool> {
        if self.to.is_some() && self.service_account.is_some() {
            bail!("--to and --service-account: a conversion asks for no rights; leave one of them out");
        }
        let settings = Settings::new(&self.options())?;
        let namespaces: Vec<String> = super::list(&self.namespaces).map(str::to_owned).collect();
        let report = if self.files.is_empty() {
            // Fails only where it was done before.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let client = start::client(&self.options()).await?;
            let world = cluster::read(&client, &namespaces).await?;
            if let Some(version) = self.to {
                return convert::print(version, &world, &settings, self.output).await;
            }
            let mut report = look::look(&world, &settings).await;
            match self.account()? {
                Some(account) => {
                    let findings = cluster::rights(&client, &account, &namespaces, &settings.config).await?;
                    let Name { namespace, name } = account;
                    report.looked.push(Looked { kind: "ServiceAccount".into(), namespace, name, findings });
                }
                None => report.unseen.push("rights of the operator: name its account by --service-account NAMESPACE/NAME".into()),
            }
            report
        } else {
            let world = files::read(&self.files)?;
            if let Some(version) = self.to {
                return convert::print(version, &world, &settings, self.output).await;
            }
            look::look(&world, &settings).await
        };
        self.print(&report)?;
        Ok(report.needs_attention())
    }

    fn print(&self, report: &Report) -> anyhow::Result<()> {
        match self.output {
            Output::Text => print!("{}", report.text()),
            Output::Json => println!("{}", serde_json::to_string_pretty(&report.json())?),
        }
        Ok(())
    }

    fn account(&self) -> anyhow::Result<Option<Name>> {
        let Some(text) = &self.service_account else { return Ok(None) };
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Some(Name::new(namespace, name))),
            _ => bail!("--service-account {text:?}: write NAMESPACE/NAME"),
        }
    }

    /// How the operator would run.
    fn options(&self) -> Options {
        Options {
            namespaces: super::list(&self.namespaces).map(str::to_owned).collect(),
            kubeconfig: self.kubeconfig.clone(),
            host_api: self.host_api.clone().filter(|host| !host.trim().is_empty()),
            trusted_hosts: self.trusted_hosts.clone(),
            organisation: None,
            config_namespace: self.config_namespace.clone(),
            token_request_system_accounts: Vec::new(),
            ambient_namespaces: None,
            plugin_namespaces: Vec::new(),
            // No lease is touched.
            lease_hand_over: std::time::Duration::ZERO,
            env_credentials: false,
            plugins: PluginOptions::default(),
            leader: None,
            metrics: None,
            health: None,
        }
    }
}
