//! What calls are made of, and what comes of them.
use runtime::{Ambient, AuthCall, Caller, Proof, Proved, SecretBytes};
use secrecy::ExposeSecret;
use serde_json::Value;

/// Must show nowhere.
pub const CANARY: &str = "canary-4711-0815";

/// A caller towards a trusted server, without a service account.
#[must_use]
pub fn caller(namespace: &str) -> Caller {
    Caller { namespace: namespace.into(), ambient: Ambient::Granted, service_account: None }
}

/// A login.
#[must_use]
pub fn call(plugin: &str, settings: Value, inputs: &[(&str, &str)], caller: Caller) -> AuthCall {
    let inputs = inputs.iter().map(|(name, value)| ((*name).into(), secret(value))).collect();
    AuthCall { plugin: plugin.into(), settings, inputs, caller }
}

/// A text as bytes that can't be shown.
#[must_use]
pub fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text.as_bytes().to_vec())
}

/// Path and fields of a login.
#[must_use]
pub fn posted(proved: &Proved) -> (String, Value) {
    match &proved.proof {
        Proof::Exchange(exchange) => (exchange.path.clone(), Value::Object(exchange.fields.clone())),
        Proof::Token(token) => ("token".into(), token.expose_secret().into()),
    }
}
