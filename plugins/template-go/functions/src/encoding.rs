//! Base64, base32 and hexadecimal text.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
