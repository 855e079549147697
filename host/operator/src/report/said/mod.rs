//! What each kind says of an outcome, in the conditions of the peer and in `Ready`.
pub mod chain;
pub mod dynamic_secret;
pub mod generator;
pub mod infisical_secret;
pub mod push_secret;
pub mod static_secret;
