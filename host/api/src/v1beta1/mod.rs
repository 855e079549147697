//! Group `secrets.infisical.com`, version v1beta1: a server, a login and what to keep, each a resource of its own.
//!
//! As in [`crate::v1alpha1`] a field counts as set only if its text is not empty, and every field may be missing or null when
//! read: a list of resources decodes as a whole or not at all, so what is required is the schema's matter alone.
mod infisical_auth;
mod infisical_connection;
mod infisical_static_secret;
mod shared;

pub use infisical_auth::*;
pub use infisical_connection::*;
pub use infisical_static_secret::*;
pub use shared::*;
