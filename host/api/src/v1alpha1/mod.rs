//! Group `secrets.infisical.com`, version v1alpha1.
//!
//! Existing objects carry more than their users wrote: the peer writes whole objects back, and then every block is there,
//! with empty strings. So a field counts as set only if its text is not empty ([`crate::text::Text`]), every field may be
//! missing or null when read, and what is required is the schema's matter alone.

mod infisical_secret;
mod shared;

pub use infisical_secret::*;
pub use shared::*;
