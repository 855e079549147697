//! Group `secrets.infisical.com`, version v1alpha1.
//!
//! Existing objects carry more than their users wrote: the peer writes whole objects back, and then every block is there,
//! with empty strings. So a field counts as set only if its text is not empty ([`crate::text::Text`]), every field may be
//! missing or null when read, and what is required is the schema's matter alone.

mod generators;
mod identity;
mod infisical_dynamic_secret;
mod infisical_push_secret;
mod infisical_secret;
mod shared;

pub use generators::*;
pub use identity::*;
pub use infisical_dynamic_secret::*;
pub use infisical_push_secret::*;
pub use infisical_secret::*;
pub use shared::*;
