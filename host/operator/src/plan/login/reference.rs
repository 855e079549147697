//! What a login block refers to. Every name is checked before it becomes part of a URL.
use crate::{
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::field::{self, fault},
    reason,
};
use api::{
    dialect::{Block, Plugin, Source},
    text::Text,
    v1alpha1::PluginInput,
};

/// The Secrets that a block names, each once.
///
/// # Errors
/// A reference that is half filled in or can't be a name.
pub fn secrets(object: &ObjectRef, block: &Block) -> Result<Vec<Name>, Fault> {
    let mut names = Vec::new();
    for (_, source) in block.method.inputs {
        if let Source::KeyReference(reference) = source {
            names.push(key_reference(object, block, reference)?.0);
        } else if let Some((reference, _)) = secret_key(*source) {
            names.push(secret_name(object, block, reference)?);
        }
    }
    for (index, input) in plugin_inputs(object, block)?.iter().enumerate() {
        if let Some(given) = PluginSecret::of(object, block, index, input)? {
            names.push(given.secret);
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The ServiceAccount whose long-lived token a block uses, if it does.
///
/// # Errors
/// A reference that is half filled in or can't be a name.
pub fn legacy_account(object: &ObjectRef, block: &Block) -> Result<Option<Name>, Fault> {
    for (_, source) in block.method.inputs {
        if let Source::LegacyServiceAccountToken(account, unless) = source
            && !block.is_true(unless)
        {
            return object_name(object, block, account).map(Some);
        }
    }
    Ok(None)
}

/// The Secret with the long-lived token: the first that the account lists.
#[must_use]
pub fn legacy_secret(account: &Name, listed: &[String]) -> Option<Name> {
    listed.first().map(|name| Name::new(&account.namespace, name))
}

/// Field and key of a source that is a key of a Secret.
pub(super) fn secret_key(source: Source) -> Option<(&'static str, &'static str)> {
    match source {
        Source::SecretKey(reference, key) | Source::OptionalSecretKey(reference, key) | Source::TokenKey(reference, key) => {
            Some((reference, key))
        }
        Source::Text(_) | Source::KeyReference(_) | Source::LegacyServiceAccountToken(..) => None,
    }
}

pub(super) fn secret_name(object: &ObjectRef, block: &Block, reference: &str) -> Result<Name, Fault> {
    let [name, namespace] = ["secretName", "secretNamespace"].map(|part| format!("{reference}/{part}"));
    let place = |field: &str| block.path(field);
    field::name(object, reason::INVALID_SPEC, (block.text(&namespace), &place(&namespace)), (block.text(&name), &place(&name)))
}

/// The Secret and the key that one field names.
pub(super) fn key_reference(object: &ObjectRef, block: &Block, reference: &str) -> Result<(Name, String), Fault> {
    let secret = object_name(object, block, reference)?;
    let field = format!("{reference}/key");
    let key =
        block.text(&field).ok_or_else(|| fault(object, reason::INVALID_SPEC, format!("{} is empty; fill it in", block.path(&field))))?;
    Ok((secret, key.to_owned()))
}

/// Without a namespace the object is of the resource's own.
pub(super) fn object_name(object: &ObjectRef, block: &Block, reference: &str) -> Result<Name, Fault> {
    let [name, namespace] = ["name", "namespace"].map(|part| format!("{reference}/{part}"));
    let place = |field: &str| block.path(field);
    let given = block.text(&namespace).or(Some(&object.namespace));
    field::name(object, reason::INVALID_SPEC, (given, &place(&namespace)), (block.text(&name), &place(&name)))
}

/// The inputs that the block itself names.
pub(super) fn plugin_inputs(object: &ObjectRef, block: &Block) -> Result<Vec<PluginInput>, Fault> {
    if block.method.plugin != Plugin::OfBlock {
        return Ok(Vec::new());
    }
    let inputs: Option<Vec<PluginInput>> = match block.fields.get("inputs") {
        Some(inputs) => serde_json::from_value(inputs.clone())
            .map_err(|error| fault(object, reason::INVALID_SPEC, format!("{}: {error}", block.path("/inputs"))))?,
        None => None,
    };
    Ok(inputs.unwrap_or_default())
}

/// An input of a plugin that is a key of a Secret.
pub(super) struct PluginSecret {
    pub secret: Name,
    pub key: String,
    /// Where the resource says so.
    pub place: String,
    pub optional: bool,
}

impl PluginSecret {
    /// None where the input is a text.
    pub fn of(object: &ObjectRef, block: &Block, index: usize, input: &PluginInput) -> Result<Option<Self>, Fault> {
        let place = block.path(&format!("/inputs[{index}]"));
        let wrong = |message: &str| fault(object, reason::INVALID_SPEC, format!("{place}{message}"));
        let reference = match (input.value.text(), &input.secret_key_ref) {
            (Some(_), None) => return Ok(None),
            (None, Some(reference)) => reference,
            (None, None) => return Err(wrong(": neither value nor secretKeyRef is filled in; fill in one of them")),
            (Some(_), Some(_)) => return Err(wrong(": value and secretKeyRef are both filled in; keep one of them")),
        };
        let place = format!("{place}.secretKeyRef");
        let namespace = reference.secret_namespace.text().unwrap_or(&object.namespace);
        let secret = field::name(
            object,
            reason::INVALID_SPEC,
            (Some(namespace), &format!("{place}.secretNamespace")),
            (reference.secret_name.text(), &format!("{place}.secretName")),
        )?;
        let key = reference.key.text().ok_or_else(|| wrong(".secretKeyRef.key is empty; fill it in"))?.to_owned();
        Ok(Some(Self { secret, key, place, optional: reference.optional.unwrap_or(false) }))
    }
}
