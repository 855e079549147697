//! What a plugin is given: texts of the block, and keys of the Secrets that it names.
use super::reference::{PluginSecret, key_reference, legacy_account, legacy_secret, plugin_inputs, secret_key, secret_name};
use crate::{
    dereference::{References, SecretData},
    object::{Name, ObjectRef},
    outcome::Fault,
    plan::{Ambient, field::fault},
    reason,
};
use api::{
    dialect::{Block, Plugin, SETTING_VARIABLES, Source, VARIABLES, variable},
    text::Text,
};
use runtime::SecretBytes;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc};

/// Key of the token in a Secret of type `kubernetes.io/service-account-token`.
const LEGACY_TOKEN: &str = "token";

/// Whether a block is used if no earlier one is. One that yields is not while its reference is half filled in.
#[must_use]
pub fn applies(object: &ObjectRef, block: &Block, found: &References) -> bool {
    let holds = |(_, source): &(_, Source)| {
        let (reference, key) = secret_key(*source)?;
        let secret = secret_name(object, block, reference).ok()?;
        value(found.secret(&secret)?, key)
    };
    !block.method.yields || block.method.inputs.iter().any(|input| holds(input).is_some())
}

type Inputs = BTreeMap<String, Arc<SecretBytes>>;

/// What stands for inputs that a resource leaves empty.
pub(super) struct Variables<'a> {
    /// The plugin that logs in.
    pub plugin: &'a str,
    /// Values by variable.
    pub set: &'a BTreeMap<&'static str, Arc<SecretBytes>>,
    /// They are the operator's own.
    pub ambient: Ambient,
}

static NONE: BTreeMap<&'static str, Arc<SecretBytes>> = BTreeMap::new();

impl Variables<'_> {
    /// Nothing does.
    pub fn none() -> Self {
        Self { plugin: "", set: &NONE, ambient: Ambient::Granted }
    }

    /// Settings that are not given, for a login that may use them.
    pub fn fill_in(&self, settings: &mut Map<String, Value>) {
        for (plugin, setting, variable) in &SETTING_VARIABLES {
            if *plugin == self.plugin
                && self.ambient == Ambient::Granted
                && !settings.contains_key(*setting)
                && let Some(text) = self.set.get(variable).and_then(|value| std::str::from_utf8(value.expose_secret()).ok())
            {
                settings.insert((*setting).to_owned(), text.into());
            }
        }
    }

    /// The value for an input, if there is one.
    fn of(&self, object: &ObjectRef, input: &str) -> Result<Option<Arc<SecretBytes>>, Fault> {
        let Some((variable, value)) = variable(self.plugin, input).and_then(|name| Some((name, self.set.get(name)?))) else {
            return Ok(None);
        };
        match self
            .ambient
            .refused(object, &format!("the operator's own {variable}, for the input {input:?} that the resource leaves empty,"))
        {
            Some(refused) => Err(refused),
            None => Ok(Some(value.clone())),
        }
    }
}

/// The inputs of a block, by name.
///
/// # Errors
/// What is missing where, with its field.
pub(super) fn inputs(object: &ObjectRef, block: &Block, found: &References, variables: &Variables<'_>) -> Result<Inputs, Fault> {
    let mut inputs = Inputs::new();
    for (name, source) in block.method.inputs {
        let input = match input(object, block, *source, found) {
            // Left empty, that is: not a Secret that is missing as a whole, which would hide a slip of the pen.
            Err(fault) if matches!(fault.reason, reason::SECRET_KEY_NOT_FOUND | reason::INVALID_SPEC) => {
                Some(variables.of(object, name)?.ok_or(fault)?)
            }
            given => given?,
        };
        if let Some(input) = input {
            inputs.insert((*name).to_owned(), input);
        }
    }
    for (index, written) in plugin_inputs(object, block)?.iter().enumerate() {
        let place = block.path(&format!("/inputs[{index}]"));
        let name =
            written.name.text().ok_or_else(|| fault(object, reason::INVALID_SPEC, format!("{place}.name is empty; name the input")))?;
        let input = match PluginSecret::of(object, block, index, written)? {
            Some(secret) => given(object, &secret, found)?,
            None => written.value.as_ref().map(|text| bytes(text.as_bytes().to_vec())),
        };
        if let Some(input) = input
            && inputs.insert(name.to_owned(), input).is_some()
        {
            return Err(fault(object, reason::INVALID_SPEC, format!("{place}.name is {name:?}, as is an earlier one; keep one of them")));
        }
    }
    if block.method.plugin == Plugin::OfBlock {
        for (_, name, _) in VARIABLES.iter().filter(|(plugin, ..)| *plugin == variables.plugin) {
            if !inputs.contains_key(*name)
                && let Some(value) = variables.of(object, name)?
            {
                inputs.insert((*name).to_owned(), value);
            }
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
        Source::KeyReference(reference) => {
            let (secret, key) = key_reference(object, block, reference)?;
            read_key(object, &block.path(reference), &secret, &key, found).map(Some)
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

/// The value of an input that the block itself names.
fn given(object: &ObjectRef, given: &PluginSecret, found: &References) -> Result<Option<Arc<SecretBytes>>, Fault> {
    match read_key(object, &given.place, &given.secret, &given.key, found) {
        Err(_) if given.optional => Ok(None),
        read => read.map(Some),
    }
}

fn bytes(bytes: Vec<u8>) -> Arc<SecretBytes> {
    Arc::new(SecretBytes::from(bytes))
}
