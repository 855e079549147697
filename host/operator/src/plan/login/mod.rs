//! How to log in: the login block that is used, its plugin, settings and inputs, by the dialect table.
//!
//! Of several blocks the first that applies is used, in the order of the table. A block that takes its credentials from one
//! Secret is passed over where none of its keys is there, or where it half names the Secret, as the peer does: users leave old
//! blocks behind. Where nothing applies, the fault says what the first block lacks, and that is another fault than no block at all.
//!
//! Which kinds have blocks of their own is in [`resource`]; [`of`] is all that most of them need.
//!
//! What a block refers to is in [`reference`], what it takes from there in [`inputs`], and whether the tokens of its
//! ServiceAccount may go to the server in [`account`].
mod account;
mod inputs;
mod reference;
mod resource;

pub use inputs::applies;
pub use reference::{legacy_account, legacy_secret, secrets};
pub use resource::{LogsIn, of};

use super::{Login, Server, Settings, field::fault};
use crate::{dereference::References, object::ObjectRef, outcome::Fault, reason};
use account::account;
use api::dialect::{Block, Plugin};
use inputs::{Variables, inputs};
use serde_json::{Map, Value};

/// The block that is used.
///
/// # Errors
/// None is filled in, or the credentials of all are missing.
pub fn choose<K: LogsIn>(resource: &K, found: &References, warnings: &mut Vec<Fault>) -> Result<Block, Fault> {
    let object = &ObjectRef::of(resource);
    let mut blocks = resource.blocks();
    let names: Vec<_> = blocks.iter().map(|block| block.method.block).collect();
    if blocks.is_empty() {
        let known = K::methods().into_iter().filter(|method| !matches!(method.plugin, Plugin::Gone { .. }));
        let known = known.map(|method| method.block).collect::<Vec<_>>().join(", ");
        let message = format!("spec.authentication names no login method; fill in one of {known}");
        return Err(fault(object, reason::NO_METHOD, message));
    }
    let Some(index) = blocks.iter().position(|block| applies(object, block, found)) else {
        let first = blocks.swap_remove(0);
        let missing = match inputs(object, &first, found, &Variables::none()) {
            Err(fault) => fault,
            Ok(_) => fault(object, reason::NO_METHOD, "spec.authentication names no login method that can be used"),
        };
        return Err(unsupported(object, &first).unwrap_or(missing));
    };
    warnings.extend(blocks.iter().take(index).filter_map(|passed| secrets(object, passed).err()));
    let chosen = blocks.swap_remove(index);
    if let Some(fault) = unsupported(object, &chosen) {
        return Err(fault);
    }
    if names.len() > 1 {
        let used = chosen.method.block;
        let message = format!(
            "spec.authentication fills in {}; {used} is used, the first of them whose credentials are there; remove the others",
            names.join(", ")
        );
        warnings.push(fault(object, reason::SEVERAL_METHODS, message));
    }
    Ok(chosen)
}

fn unsupported(object: &ObjectRef, block: &Block) -> Option<Fault> {
    let Plugin::Gone { successor } = block.method.plugin else { return None };
    let message = format!("{}: Infisical no longer serves this method; use spec.authentication.{successor}", block.path(""));
    Some(fault(object, reason::UNSUPPORTED, message))
}

/// The login of a block.
///
/// # Errors
/// What the block needs and does not have; an account whose tokens must not go to this server.
pub fn login(object: &ObjectRef, block: &Block, server: Server, found: &References, settings: &Settings) -> Result<Login, Fault> {
    let (plugin, method) = match block.method.plugin {
        Plugin::Named(name) => (name.to_owned(), block.method.strategy.to_owned()),
        Plugin::OfBlock => {
            let name = block.text("/name").unwrap_or_default().to_owned();
            (name.clone(), format!("{} {name}", block.method.strategy))
        }
        Plugin::Gone { .. } => {
            return Err(unsupported(object, block).unwrap_or_else(|| fault(object, reason::UNSUPPORTED, "this method is gone")));
        }
    };
    settings.may_use(object, &block.path(if block.method.plugin == Plugin::OfBlock { "/name" } else { "" }), &plugin)?;
    let ambient = settings.ambient(&object.namespace, &server);
    let variables = Variables { plugin: &plugin, set: &settings.credentials, ambient };
    let inputs = inputs(object, block, found, &variables)?;
    let mut plugin_settings = plugin_settings(block);
    variables.fill_in(&mut plugin_settings);
    let account = account(object, block, &server, settings)?;
    Ok(Login {
        server,
        organisation: settings.organisation.clone(),
        plugin,
        settings: Value::Object(plugin_settings),
        inputs,
        ambient,
        // With a token at hand none is requested.
        service_account: account.filter(|_| !matches!(legacy_account(object, block), Ok(Some(_)))),
        namespace: object.namespace.clone(),
        place: format!("{object}: {}", block.path("")),
        method,
    })
}

fn plugin_settings(block: &Block) -> Map<String, Value> {
    let mut settings = block.settings();
    if block.method.plugin == Plugin::OfBlock
        && let Some(Value::Object(given)) = block.fields.get("settings")
    {
        settings.extend(given.clone());
    }
    settings
}
