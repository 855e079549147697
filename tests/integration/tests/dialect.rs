//! The table of login methods and the plugins of the default bundle speak of the same inputs and settings.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use api::dialect::{INFISICAL_SECRET, Method, Plugin as Row};
use plugin_sdk::Plugin;
use serde_json::Value;

fn row(plugin: &str) -> &'static Method {
    let named = |method: &&Method| matches!(method.plugin, Row::Named(name) if name == plugin);
    INFISICAL_SECRET.iter().find(named).unwrap_or_else(|| panic!("no row names {plugin}"))
}

fn agrees<P: Plugin>() {
    let descriptor: Value = serde_json::from_str(&P::descriptor().to_json()).unwrap();
    let method = row(descriptor["name"].as_str().unwrap());
    let given: Vec<_> = method.inputs.iter().map(|(name, _)| *name).collect();
    let declared = descriptor["inputs"].as_array().unwrap();
    let name = |input: &Value| input["name"].as_str().unwrap().to_owned();
    let unknown: Vec<_> = given.iter().filter(|given| !declared.iter().any(|input| name(input) == **given)).collect();
    assert!(unknown.is_empty(), "{}: the plugin takes no input {unknown:?}", method.block);
    let missing: Vec<_> = declared.iter().filter(|input| input["required"] == true && !given.contains(&name(input).as_str())).collect();
    assert!(missing.is_empty(), "{}: the plugin needs {missing:?}", method.block);
    for (setting, _) in method.settings {
        assert!(descriptor["settings"]["properties"][setting].is_object(), "{}: the plugin takes no setting {setting}", method.block);
    }
}

#[test]
fn the_table_gives_what_the_plugins_take() {
    agrees::<auth_universal::Universal>();
    agrees::<auth_kubernetes::Kubernetes>();
}
