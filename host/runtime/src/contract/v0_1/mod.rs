//! `infisical:plugin@0.1.0`.
mod bindings;
mod guest;
mod host;

pub(crate) use guest::Guest;

use crate::World;

/// Every import that a component may have, by its full name. The linker alone would let others pass: an interface without
/// functions, or one of another patch release.
pub(crate) fn imports() -> impl Iterator<Item = String> {
    ["types", "credentials", "mounts", "service-account", "signing", "keys", "http", "environment", "clock", "random", "log"]
        .into_iter()
        .map(interface)
}

fn interface(name: &str) -> String {
    format!("infisical:plugin/{name}@0.1.0")
}

/// The interface that a component of this world exports, besides `metadata`.
fn export(world: World) -> String {
    interface(world.into())
}
