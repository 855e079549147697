//! JSON, as Go's `encoding/json` reads and writes it.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
