//! What an administrator decides about plans, as values.
use crate::{object::Name, options::Options};
use api::dialect::{SETTING_VARIABLES, VARIABLES};
use infisical::{Address, AddressError};
use runtime::SecretBytes;
use secrecy::{ExposeSecret, SecretString};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Infisical's own servers.
pub const CLOUD: [&str; 3] = ["https://app.infisical.com", "https://eu.infisical.com", "https://us.infisical.com"];

/// Name of the ConfigMap of global settings.
pub const CONFIG: &str = "infisical-config";

/// An unchanged folder costs one call without a body, so a minute is cheap.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// While the server tells what changes. What it tells of nothing (a folder that was removed) is noticed by this.
pub const INSTANT_INTERVAL: Duration = Duration::from_secs(3600);

/// The template plugin of resources that name none.
pub const TEMPLATE: &str = "go-template";

/// What plans depend on beside the resource and what it refers to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Server of resources that name none, as far as the global ConfigMap names none either.
    pub host: Option<Address>,
    /// Origins that ambient identities may go to, beside [`Settings::host`], the ConfigMap's and [`CLOUD`].
    pub trusted: BTreeSet<String>,
    /// The ConfigMap of global settings.
    pub config: Name,
    /// Sub-organisation to log in to.
    pub organisation: Option<String>,
    /// `kube-system/NAME` accounts whose tokens may be used all the same.
    pub system_accounts: BTreeSet<String>,
    /// Namespaces whose resources may use ambient sources; None for all.
    pub ambient_namespaces: Option<BTreeSet<String>>,
    /// Plugins that are for some namespaces only, or for none.
    pub plugin_namespaces: BTreeMap<String, BTreeSet<String>>,
    /// Variables that stand for what a resource leaves empty; none without `--env-credentials`.
    pub credentials: BTreeMap<&'static str, Arc<SecretBytes>>,
    /// Only some namespaces are served, so the operator may have no right to read the ConfigMap.
    pub scoped: bool,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{setting}: {error}")]
pub struct SettingsError {
    setting: &'static str,
    error: AddressError,
}

impl Settings {
    /// Reads the settings.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(options: &Options) -> Result<Self, SettingsError> {
        let address = |setting, text: &String| Address::parse(text).map_err(|error| SettingsError { setting, error });
        Ok(Self {
            host: options.host_api.as_ref().map(|text| address("INFISICAL_HOST_API", text)).transpose()?,
            trusted: options.trusted_hosts.iter().map(|text| Ok(address("--trusted-host", text)?.origin())).collect::<Result<_, _>>()?,
            config: Name::new(&options.config_namespace, CONFIG),
            organisation: options.organisation.clone(),
            system_accounts: options.token_request_system_accounts.iter().cloned().collect(),
            ambient_namespaces: options.ambient_namespaces.as_ref().map(|names| names.iter().cloned().collect()),
            plugin_namespaces: by_plugin(&options.plugin_namespaces),
            credentials: if options.env_credentials { credentials(&options.plugins.environment) } else { BTreeMap::new() },
            scoped: !options.namespaces.is_empty(),
        })
    }

    /// Whether ambient identities may go to a server.
    #[must_use]
    pub fn trusts(&self, address: &Address, config: Option<&BTreeMap<String, String>>) -> bool {
        let origin = address.origin();
        let named = config.and_then(|data| Address::parse(data.get(super::server::HOST_KEY)?).ok());
        CLOUD.contains(&origin.as_str())
            || self.trusted.contains(&origin)
            || [self.host.as_ref(), named.as_ref()].into_iter().flatten().any(|trusted| trusted.origin() == origin)
    }
}

fn by_plugin(pairs: &[(String, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut namespaces = BTreeMap::<String, BTreeSet<String>>::new();
    for (plugin, namespace) in pairs {
        let of_plugin = namespaces.entry(plugin.clone()).or_default();
        if !namespace.is_empty() {
            of_plugin.insert(namespace.clone());
        }
    }
    namespaces
}

/// Those of the variables that are set and not blank.
fn credentials(environment: &BTreeMap<String, SecretString>) -> BTreeMap<&'static str, Arc<SecretBytes>> {
    let set = |name: &str| environment.get(name).map(|value| value.expose_secret().trim()).filter(|value| !value.is_empty());
    VARIABLES
        .iter()
        .chain(&SETTING_VARIABLES)
        .filter_map(|(_, _, variable)| Some((*variable, Arc::new(SecretBytes::from(set(variable)?.as_bytes().to_vec())))))
        .collect()
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            trusted: BTreeSet::new(),
            config: Name::new("infisical-operator-system", CONFIG),
            organisation: None,
            system_accounts: BTreeSet::new(),
            ambient_namespaces: None,
            plugin_namespaces: BTreeMap::new(),
            credentials: BTreeMap::new(),
            scoped: false,
        }
    }
}
