//! What an administrator decides about plans, as values.
use crate::{object::Name, options::Options};
use infisical::{Address, AddressError};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Infisical's own servers.
pub const CLOUD: [&str; 3] = ["https://app.infisical.com", "https://eu.infisical.com", "https://us.infisical.com"];

/// Name of the ConfigMap of global settings.
pub const CONFIG: &str = "infisical-config";

/// An unchanged folder costs one call without a body, so a minute is cheap.
pub const INTERVAL: Duration = Duration::from_secs(60);

/// The template plugin of resources that name none.
pub const TEMPLATE: &str = "go-template";

/// What plans depend on beside the resource and what it refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            trusted: BTreeSet::new(),
            config: Name::new("infisical-operator-system", CONFIG),
            organisation: None,
            system_accounts: BTreeSet::new(),
            scoped: false,
        }
    }
}
