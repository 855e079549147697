//! YAML, as `yaml.v3` and `sigs.k8s.io/yaml` read and write it.
use go_template_engine::{Function, functions};

/// Of this group.
pub static FUNCTIONS: &[Function] = functions! {};
