//! Whose tokens a login may use, and where they may go.
//!
//! A resource names a ServiceAccount, and the operator has the right to ask for tokens of every one. So what a user can't do
//! alone is refused: to have tokens of another namespace sent to a server of his own, or those of the system anywhere.
use super::reference::object_name;
use crate::{
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    plan::{Ambient, Server, Settings},
    reason,
};
use api::dialect::{Block, Plugin};
use serde_json::Value;

/// The ServiceAccount of a block, and whether its tokens may go to the server of the resource.
pub(super) fn account(object: &ObjectRef, block: &Block, server: &Server, settings: &Settings) -> Result<Option<Name>, Fault> {
    let Some(field) = block.method.service_account else { return Ok(None) };
    if block.method.plugin == Plugin::OfBlock && block.set(field).is_none_or(|account| !filled(account)) {
        return Ok(None);
    }
    let account = object_name(object, block, field)?;
    let place = block.path(field);
    let refused = |message: String| Fault::new(reason::AMBIENT_NOT_GRANTED, Class::Denied, format!("{object}: {place}: {message}"));
    if account.namespace == "kube-system" && !settings.system_accounts.contains(&account.to_string()) {
        return Err(refused(format!(
            "tokens of ServiceAccount {account} are not given away; use another account, or have the administrator list it with \
             --token-request-system-account"
        )));
    }
    if account.namespace != object.namespace {
        let why = match settings.ambient(&object.namespace, server) {
            Ambient::Granted => return Ok(Some(account)),
            Ambient::UntrustedServer => format!("its tokens go to trusted servers only, which {} is not", server.address.origin()),
            Ambient::OtherNamespace => "this namespace may use no tokens but its own accounts'".to_owned(),
        };
        return Err(refused(format!(
            "ServiceAccount {account} is of another namespace, and {why}; use an account of namespace {:?}, or {}",
            object.namespace,
            settings.ambient(&object.namespace, server).remedy()
        )));
    }
    Ok(Some(account))
}

fn filled(account: &Value) -> bool {
    ["name", "namespace"].iter().any(|part| account.get(part).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty()))
}
