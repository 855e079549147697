//! The two JSON documents of the token, byte for byte as Google's own library (google-auth) writes them: separators with a
//! space behind them, members in its order.
use plugin_sdk::{Error, clock};
use serde_json::Value;

/// Seconds of a token's life: google-auth's own default, and the most that Google takes elsewhere. A token without an end,
/// as other clients of Infisical send it, would be a password.
const LIFE: u64 = 3600;

/// What the token says: the account says of itself that it talks to the machine identity.
pub fn claims(account: &str, identity: &str) -> Result<String, Error> {
    let now = clock::now()?.as_secs();
    let (account, identity) = (Value::from(account), Value::from(identity));
    Ok(format!(r#"{{"iss": {account}, "sub": {account}, "iat": {now}, "exp": {}, "aud": {identity}}}"#, now.saturating_add(LIFE)))
}

/// What stands before it: how it is signed, and with which key.
pub fn header(key_id: &str) -> String {
    format!(r#"{{"typ": "JWT", "alg": "RS256", "kid": {}}}"#, Value::from(key_id))
}
