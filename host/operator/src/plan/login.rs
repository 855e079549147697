//! How to log in: the login block that is used, its plugin, settings and inputs, by the dialect table.
//!
//! Of several blocks the first that applies is used, in the order of the table. A block that takes its credentials from one
//! Secret is passed over where none of its keys is there, as the peer does: users leave old blocks behind. Where nothing
//! applies, the fault says what the first block lacks, and that is another fault than no block at all.
use super::{
    Login, Server, Settings,
    field::{self, fault},
};
use crate::{
    dereference::{References, SecretData},
    object::{Name, ObjectRef},
    outcome::{Class, Fault},
    reason,
};
use api::{
    dialect::{self, Block, INFISICAL_SECRET, Plugin, Source},
    text::Text,
    v1alpha1::{InfisicalSecretSpec, KubeSecretReference, PluginInput},
};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Key of the token in a Secret of type `kubernetes.io/service-account-token`.
const LEGACY_TOKEN: &str = "token";

/// The blocks that are filled in. The oldest place of a service token counts for its block.
#[must_use]
pub fn blocks(spec: &InfisicalSecretSpec) -> Vec<Block> {
    let mut authentication = spec.authentication.clone().unwrap_or_default();
    if let Some(old) = &spec.token_secret_reference
        && (old.secret_name.text().is_some() || old.secret_namespace.text().is_some())
    {
        let reference = &mut authentication.service_token.get_or_insert_default().service_token_secret_reference;
        let new = reference.take().unwrap_or_default();
        let pick = |new: Option<String>, old: &Option<String>| if new.text().is_some() { new } else { old.clone() };
        *reference = Some(KubeSecretReference {
            secret_name: pick(new.secret_name, &old.secret_name),
            secret_namespace: pick(new.secret_namespace, &old.secret_namespace),
        });
    }
    dialect::blocks(&authentication)
}

/// The Secrets that a block names, each once.
///
/// # Errors
/// A reference that is half filled in or can't be a name.
pub fn secrets(object: &ObjectRef, block: &Block) -> Result<Vec<Name>, Fault> {
    let mut names = Vec::new();
    for (_, source) in block.method.inputs {
        if let Some((reference, _)) = secret_key(*source) {
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
            return account_name(object, block, account).map(Some);
        }
    }
    Ok(None)
}

/// The Secret with the long-lived token: the first that the account lists.
#[must_use]
pub fn legacy_secret(account: &Name, listed: &[String]) -> Option<Name> {
    listed.first().map(|name| Name::new(&account.namespace, name))
}

/// Whether a block is used if no earlier one is.
///
/// # Errors
/// As [`secrets`].
pub fn applies(object: &ObjectRef, block: &Block, found: &References) -> Result<bool, Fault> {
    if !block.method.yields {
        return Ok(true);
    }
    for (_, source) in block.method.inputs {
        if let Some((reference, key)) = secret_key(*source)
            && let Some(secret) = found.secret(&secret_name(object, block, reference)?)
            && value(secret, key).is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The block that is used.
///
/// # Errors
/// None is filled in, or the credentials of all are missing.
pub fn choose(object: &ObjectRef, spec: &InfisicalSecretSpec, found: &References, warnings: &mut Vec<Fault>) -> Result<Block, Fault> {
    let mut blocks = blocks(spec);
    let names: Vec<_> = blocks.iter().map(|block| block.method.block).collect();
    if blocks.is_empty() {
        let known = INFISICAL_SECRET.iter().filter(|method| !matches!(method.plugin, Plugin::Gone { .. }));
        let known = known.map(|method| method.block).collect::<Vec<_>>().join(", ");
        let message = format!("spec.authentication names no login method; fill in one of {known}");
        return Err(fault(object, reason::NO_METHOD, message));
    }
    let mut chosen = None;
    for (index, block) in blocks.iter().enumerate() {
        if applies(object, block, found)? {
            chosen = Some(index);
            break;
        }
    }
    let Some(index) = chosen else {
        let first = blocks.swap_remove(0);
        let missing = match inputs(object, &first, found) {
            Err(fault) => fault,
            Ok(_) => fault(object, reason::NO_METHOD, "spec.authentication names no login method that can be used"),
        };
        return Err(unsupported(object, &first).unwrap_or(missing));
    };
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
    let inputs = inputs(object, block, found)?;
    let account = account(object, block, &server, settings)?;
    Ok(Login {
        server,
        organisation: settings.organisation.clone(),
        plugin,
        settings: Value::Object(plugin_settings(block)),
        inputs,
        // With a token at hand none is requested.
        service_account: account.filter(|_| !matches!(legacy_account(object, block), Ok(Some(_)))),
        namespace: object.namespace.clone(),
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

/// The ServiceAccount of a block, and whether its tokens may go to the server of the resource.
fn account(object: &ObjectRef, block: &Block, server: &Server, settings: &Settings) -> Result<Option<Name>, Fault> {
    let Some(field) = block.method.service_account else { return Ok(None) };
    if block.method.plugin == Plugin::OfBlock && block.set(field).is_none_or(|account| !filled(account)) {
        return Ok(None);
    }
    let account = account_name(object, block, field)?;
    let place = block.path(field);
    let refused = |message: String| Fault::new(reason::AMBIENT_NOT_GRANTED, Class::Denied, format!("{object}: {place}: {message}"));
    if account.namespace == "kube-system" && !settings.system_accounts.contains(&account.to_string()) {
        return Err(refused(format!(
            "tokens of ServiceAccount {account} are not given away; use another account, or have the administrator list it with \
             --token-request-system-account"
        )));
    }
    if account.namespace != object.namespace && !server.trusted {
        return Err(refused(format!(
            "ServiceAccount {account} is of another namespace, and its tokens go to trusted servers only, which {} is not; use an account \
             of namespace {:?}, or have the administrator list the server with --trusted-host",
            server.address.origin(),
            object.namespace
        )));
    }
    Ok(Some(account))
}

fn filled(account: &Value) -> bool {
    ["name", "namespace"].iter().any(|part| account.get(part).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty()))
}

type Inputs = BTreeMap<String, Arc<SecretBytes>>;

fn inputs(object: &ObjectRef, block: &Block, found: &References) -> Result<Inputs, Fault> {
    let mut inputs = Inputs::new();
    for (name, source) in block.method.inputs {
        if let Some(input) = input(object, block, *source, found)? {
            inputs.insert((*name).to_owned(), input);
        }
    }
    for (index, written) in plugin_inputs(object, block)?.iter().enumerate() {
        let place = block.path(&format!("/inputs[{index}]"));
        let name =
            written.name.text().ok_or_else(|| fault(object, reason::INVALID_SPEC, format!("{place}.name is empty; name the input")))?;
        let input = match PluginSecret::of(object, block, index, written)? {
            Some(given) => given.read(object, found)?,
            None => written.value.as_ref().map(|text| bytes(text.as_bytes().to_vec())),
        };
        if let Some(input) = input
            && inputs.insert(name.to_owned(), input).is_some()
        {
            return Err(fault(object, reason::INVALID_SPEC, format!("{place}.name is {name:?}, as is an earlier one; keep one of them")));
        }
    }
    Ok(inputs)
}

fn input(object: &ObjectRef, block: &Block, source: Source, found: &References) -> Result<Option<Arc<SecretBytes>>, Fault> {
    match source {
        Source::Text(field) => {
            let empty = || fault(object, reason::INVALID_SPEC, format!("{} is empty; fill it in", block.path(field)));
            block.text(field).map(|text| Some(bytes(text.as_bytes().to_vec()))).ok_or_else(empty)
        }
        Source::SecretKey(reference, key) => read(object, block, reference, key, found).map(Some),
        Source::OptionalSecretKey(reference, key) => {
            let secret = secret_name(object, block, reference)?;
            Ok(found.secret(&secret).and_then(|secret| value(secret, key)).cloned())
        }
        Source::TokenKey(reference, key) => service_token(object, block, reference, key, found).map(Some),
        Source::LegacyServiceAccountToken(..) => legacy_token(object, block, found),
    }
}

/// `st.ID.SECRET.KEY`. Users also put access tokens of machine identities here, which need a project.
fn service_token(object: &ObjectRef, block: &Block, reference: &str, key: &str, found: &References) -> Result<Arc<SecretBytes>, Fault> {
    let given = read(object, block, reference, key, found)?;
    let token: Vec<u8> = given.expose_secret().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let token = bytes(token);
    if token.expose_secret().starts_with(b"st.") {
        return Ok(token);
    }
    let message = format!(
        "{}: key {key:?} of Secret {} is no service token, which begins with st.; for an access token of a machine identity use \
         spec.authentication.plugin with name token",
        block.path(reference),
        secret_name(object, block, reference)?
    );
    Err(fault(object, reason::INVALID_CREDENTIALS, message))
}

fn legacy_token(object: &ObjectRef, block: &Block, found: &References) -> Result<Option<Arc<SecretBytes>>, Fault> {
    let Some(account) = legacy_account(object, block)? else { return Ok(None) };
    let place = block.path("");
    let instead = format!("set {place}.autoCreateServiceAccountToken to true");
    let Some(listed) = found.accounts.get(&account).and_then(Option::as_ref) else {
        let message = format!("{place}.serviceAccountRef: there is no ServiceAccount {account}; create it");
        return Err(fault(object, reason::SERVICE_ACCOUNT_NOT_FOUND, message));
    };
    let missing =
        |what: String| fault(object, reason::SERVICE_ACCOUNT_TOKEN_MISSING, format!("{place}.serviceAccountRef: {what}; {instead}"));
    let secret = legacy_secret(&account, listed)
        .ok_or_else(|| missing(format!("ServiceAccount {account} lists no Secret with a token, and clusters since 1.24 don't make one")))?;
    let data =
        found.secret(&secret).ok_or_else(|| missing(format!("Secret {secret}, which ServiceAccount {account} lists, is not there")))?;
    value(data, LEGACY_TOKEN).cloned().map(Some).ok_or_else(|| missing(format!("Secret {secret} has no key {LEGACY_TOKEN:?}")))
}

fn read(object: &ObjectRef, block: &Block, reference: &str, key: &str, found: &References) -> Result<Arc<SecretBytes>, Fault> {
    let secret = secret_name(object, block, reference)?;
    read_key(object, &block.path(reference), &secret, key, found)
}

fn read_key(object: &ObjectRef, place: &str, secret: &Name, key: &str, found: &References) -> Result<Arc<SecretBytes>, Fault> {
    let Some(data) = found.secret(secret) else {
        let message = format!("{place}: there is no Secret {secret}; create it with the key {key:?}");
        return Err(fault(object, reason::SECRET_NOT_FOUND, message));
    };
    value(data, key).cloned().ok_or_else(|| {
        let what = if data.data.contains_key(key) { "is empty" } else { "is missing" };
        fault(object, reason::SECRET_KEY_NOT_FOUND, format!("{place}: key {key:?} of Secret {secret} {what}; fill it in"))
    })
}

/// A value that is not blank.
fn value<'a>(secret: &'a SecretData, key: &str) -> Option<&'a Arc<SecretBytes>> {
    secret.data.get(key).filter(|value| !value.expose_secret().trim_ascii().is_empty())
}

/// Field and key of a source that is a key of a Secret.
fn secret_key(source: Source) -> Option<(&'static str, &'static str)> {
    match source {
        Source::SecretKey(reference, key) | Source::OptionalSecretKey(reference, key) | Source::TokenKey(reference, key) => {
            Some((reference, key))
        }
        Source::Text(_) | Source::LegacyServiceAccountToken(..) => None,
    }
}

fn secret_name(object: &ObjectRef, block: &Block, reference: &str) -> Result<Name, Fault> {
    let [name, namespace] = ["secretName", "secretNamespace"].map(|part| format!("{reference}/{part}"));
    let place = |field: &str| block.path(field);
    field::name(object, reason::INVALID_SPEC, (block.text(&namespace), &place(&namespace)), (block.text(&name), &place(&name)))
}

fn account_name(object: &ObjectRef, block: &Block, reference: &str) -> Result<Name, Fault> {
    let [name, namespace] = ["name", "namespace"].map(|part| format!("{reference}/{part}"));
    let place = |field: &str| block.path(field);
    field::name(object, reason::INVALID_SPEC, (block.text(&namespace), &place(&namespace)), (block.text(&name), &place(&name)))
}

/// The inputs that the block itself names.
fn plugin_inputs(object: &ObjectRef, block: &Block) -> Result<Vec<PluginInput>, Fault> {
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
struct PluginSecret {
    secret: Name,
    key: String,
    place: String,
    optional: bool,
}

impl PluginSecret {
    fn of(object: &ObjectRef, block: &Block, index: usize, input: &PluginInput) -> Result<Option<Self>, Fault> {
        let place = block.path(&format!("/inputs[{index}]"));
        let wrong = |message: &str| fault(object, reason::INVALID_SPEC, format!("{place}{message}"));
        let reference = match (&input.value, &input.secret_key_ref) {
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

    fn read(&self, object: &ObjectRef, found: &References) -> Result<Option<Arc<SecretBytes>>, Fault> {
        match read_key(object, &self.place, &self.secret, &self.key, found) {
            Err(_) if self.optional => Ok(None),
            read => read.map(Some),
        }
    }
}

fn bytes(bytes: Vec<u8>) -> Arc<SecretBytes> {
    Arc::new(SecretBytes::from(bytes))
}
