//! Regular expressions with RE2's syntax, in linear time.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
