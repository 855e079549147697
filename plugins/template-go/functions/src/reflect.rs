//! Kinds and types of values, and deep equality.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
