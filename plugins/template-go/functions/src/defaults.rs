//! Defaults: `default`, `empty`, `coalesce`, `ternary` and their like.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
