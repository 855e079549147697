//! Hashes, passwords, certificates, ciphers.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
