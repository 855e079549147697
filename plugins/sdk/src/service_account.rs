//! Tokens of the one Kubernetes service account that the resource names. Capability `service-account`.
use crate::{Credential, Error, backend};

/// A token of ten minutes. No audiences: the API server's own.
///
/// # Errors
/// [`Error::Denied`] without the grant, or for no audiences towards a host that the administrator doesn't trust;
/// [`Error::Credentials`] where the account doesn't exist or the resource names none.
pub fn token(audiences: &[String]) -> Result<Credential, Error> {
    backend::service_account_token(audiences).map(Credential)
}
