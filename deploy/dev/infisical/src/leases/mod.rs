//! Dynamic secrets: credentials that a provider makes for a lease and takes back when it ends.
//!
//! A lease ends when it is revoked or when its time is over; [`expiry`] looks for the latter. A provider that can't take
//! credentials back leaves the lease in the list with the status `Failed to delete`, and is asked again. Renewing moves a
//! lease's end by a whole TTL from where it was, up to the dynamic secret's max TTL; a token that a provider has signed keeps
//! its own end all the same.
mod database;
pub(crate) mod expiry;
mod handle;
mod kubernetes;
mod provider;
pub(crate) mod ttl;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::errors::ApiError;
use crate::seed::stable_id;
use crate::state::World;
use crate::state::new_id;
use crate::state::project::normalize_path;

pub use self::database::Database;
pub(crate) use self::database::Users;
pub use self::kubernetes::{CredentialType, KubernetesInputs, RoleType};
pub use self::provider::Provider;
pub(crate) use self::provider::{Order, create, revoke};

/// Leases of one dynamic secret at once, as the real server allows by default.
const LEASE_LIMIT: usize = 10_000;

/// The status of a lease whose credentials could not be taken back.
pub(crate) const FAILED_DELETION: &str = "Failed to delete";

/// A dynamic secret in a seed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynamicSecretSeed {
    /// TTL of a lease that names none, for example `1h`.
    #[serde(rename = "defaultTTL")]
    pub default_ttl: String,
    /// Longest life of a lease, renewals and all; unbounded if absent.
    #[serde(rename = "maxTTL", default)]
    pub max_ttl: Option<String>,
    /// Whether the provider refuses to renew, as some do.
    #[serde(default)]
    pub refuses_renewal: bool,
    /// Who makes the credentials.
    #[serde(deserialize_with = "serde_yaml::with::singleton_map::deserialize")]
    pub provider: Provider,
}

/// A dynamic secret.
#[derive(Clone, Debug)]
pub struct DynamicSecret {
    /// Id.
    pub id: String,
    /// Id of its project.
    pub project: String,
    /// Slug of its environment.
    pub environment: String,
    /// Path of its folder.
    pub path: String,
    /// Name, in lower case.
    pub name: String,
    /// What the seed says.
    pub settings: DynamicSecretSeed,
    /// Creation.
    pub created: Timestamp,
    /// Its leases, the oldest first.
    pub leases: Vec<Lease>,
}

/// A lease.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Id.
    pub id: String,
    /// What the provider made: a user name, a service account.
    pub entity: String,
    /// When it ends.
    pub expires: Timestamp,
    /// None while all is well.
    pub status: Option<&'static str>,
    /// Why not.
    pub status_details: Option<String>,
    /// What the client sent with it.
    pub config: Value,
    /// Creation.
    pub created: Timestamp,
    /// Last change.
    pub updated: Timestamp,
}

impl DynamicSecret {
    pub(crate) fn new(project: &str, environment: &str, path: &str, name: &str, settings: DynamicSecretSeed, now: Timestamp) -> Self {
        let path = normalize_path(path);
        let name = name.to_lowercase();
        Self {
            id: stable_id("dynamic secret", &format!("{project}/{environment}{path}:{name}")),
            project: project.to_owned(),
            environment: environment.to_owned(),
            path,
            name,
            settings,
            created: now,
            leases: Vec::new(),
        }
    }

    /// The TTL that a client asked for, or the default.
    fn ttl(&self, asked: Option<&str>) -> Result<SignedDuration, ApiError> {
        let text = asked.filter(|text| !text.is_empty()).unwrap_or(&self.settings.default_ttl);
        ttl::parse(text).ok_or_else(ApiError::internal)
    }

    fn longest(&self) -> Option<SignedDuration> {
        self.settings.max_ttl.as_deref().and_then(ttl::parse)
    }

    /// When a new lease would end.
    ///
    /// # Errors
    /// 400 beyond the max TTL, or when there are too many.
    pub(crate) fn new_end(&self, asked: Option<&str>, now: Timestamp) -> Result<Timestamp, ApiError> {
        if self.leases.len() >= LEASE_LIMIT {
            return Err(ApiError::bad_request(format!("Max lease limit reached. Limit: {LEASE_LIMIT}")));
        }
        let ttl = self.ttl(asked)?;
        if self.longest().is_some_and(|longest| ttl > longest) {
            return Err(ApiError::bad_request("TTL cannot be larger than max TTL"));
        }
        now.checked_add(ttl).map_err(|_| ApiError::internal())
    }

    /// When a lease would end if it were renewed: from its present end on.
    ///
    /// # Errors
    /// 400 beyond the max TTL, or of a provider that does not renew.
    pub(crate) fn renewed_end(&self, lease: &Lease, asked: Option<&str>) -> Result<Timestamp, ApiError> {
        let end = lease.expires.checked_add(self.ttl(asked)?).map_err(|_| ApiError::internal())?;
        let latest = self.longest().and_then(|longest| lease.created.checked_add(longest).ok());
        if latest.is_some_and(|latest| end > latest) {
            let message = "The requested renewal would exceed the maximum allowed lease duration. Please choose a shorter TTL";
            return Err(ApiError::bad_request(message));
        }
        if self.settings.refuses_renewal {
            return Err(ApiError::bad_request("Lease renewal is not supported by this provider"));
        }
        Ok(end)
    }

    /// Takes a new lease up.
    pub(crate) fn lease(&mut self, entity: String, expires: Timestamp, config: Value, now: Timestamp) -> Lease {
        let lease = Lease { id: new_id(), entity, expires, status: None, status_details: None, config, created: now, updated: now };
        self.leases.push(lease.clone());
        lease
    }
}

impl World {
    /// A dynamic secret of a folder.
    pub(crate) fn dynamic_secret(&self, project: &str, environment: &str, path: &str, name: &str) -> Result<&DynamicSecret, ApiError> {
        let name = name.to_lowercase();
        let found = self.dynamic_secrets.iter().find(|found| {
            (found.project.as_str(), found.environment.as_str(), found.path.as_str(), found.name.as_str())
                == (project, environment, path, name.as_str())
        });
        found.ok_or_else(|| ApiError::not_found(format!("Dynamic secret with name '{name}' in folder with path '{path}' not found")))
    }

    /// A lease with its dynamic secret, by id alone.
    pub(crate) fn lease(&self, id: &str) -> Result<(&DynamicSecret, &Lease), ApiError> {
        let found = self.dynamic_secrets.iter().find_map(|secret| Some((secret, secret.leases.iter().find(|lease| lease.id == id)?)));
        found.ok_or_else(|| ApiError::not_found(format!("Dynamic secret lease with ID '{id}' not found")))
    }

    /// Changes a lease; None: it is gone.
    pub(crate) fn change_lease(&mut self, id: &str, change: impl FnOnce(&mut Lease)) -> Option<Lease> {
        let lease = self.dynamic_secrets.iter_mut().flat_map(|secret| secret.leases.iter_mut()).find(|lease| lease.id == id)?;
        change(lease);
        Some(lease.clone())
    }

    /// Drops a lease's row; None: it is gone already.
    pub(crate) fn drop_lease(&mut self, id: &str) -> Option<Lease> {
        self.dynamic_secrets.iter_mut().find_map(|secret| {
            let place = secret.leases.iter().position(|lease| lease.id == id)?;
            Some(secret.leases.remove(place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(max: Option<&str>) -> DynamicSecret {
        let provider = Provider::Database(Database::default());
        let settings = DynamicSecretSeed { default_ttl: "1h".into(), max_ttl: max.map(str::to_owned), refuses_renewal: false, provider };
        DynamicSecret::new("p", "dev", "/", "DB", settings, Timestamp::UNIX_EPOCH)
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_renewal_counts_from_the_present_end_and_ends_at_the_max_ttl() {
        let mut secret = secret(Some("2h"));
        let end = secret.new_end(Some("30m"), second(0)).unwrap();
        assert_eq!(end, second(1_800));
        let lease = secret.lease("user".into(), end, Value::Null, second(0));
        assert_eq!(secret.renewed_end(&lease, Some("")).unwrap(), second(5_400));
        let late = Lease { expires: second(5_400), ..lease };
        let refusal = secret.renewed_end(&late, None).unwrap_err();
        assert!(refusal.to_string().starts_with("400") && refusal.to_string().contains("maximum allowed lease duration"), "{refusal}");
        assert!(secret.new_end(Some("121m"), second(0)).unwrap_err().to_string().contains("TTL cannot be larger than max TTL"));
    }

    #[test]
    fn names_are_kept_in_lower_case() {
        assert_eq!(secret(None).name, "db");
    }
}
