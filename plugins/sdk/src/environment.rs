//! Environment variables of the operator. Capability `environment:NAME`, or `environment:PREFIX*`.
use crate::{Error, backend};

/// None where the variable is not set.
///
/// # Errors
/// [`Error::Denied`] without the grant, whether it is set or not.
pub fn get(name: &str) -> Result<Option<String>, Error> {
    backend::variable(name)
}
