//! Alibaba Cloud auth: a signed request for the caller's identity, which the server sends on to Alibaba and believes its
//! answer.
//!
//! Alibaba is played by [`alibaba`], which makes the signature anew. What Alibaba refuses, the server knows as nothing but an
//! internal error, as the real one does.
mod alibaba;

pub use self::alibaba::{AlibabaCloud, AlibabaKey};

use serde::Deserialize;
use serde_json::json;

use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// Which callers of Alibaba Cloud are an identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AliCloudAuth {
    /// Comma list of their ARNs.
    pub allowed_arns: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

pub(super) fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let parameters = parameters(&mut input);
    input.finish()?;
    let mut world = shared.state.write();
    let (identity, auth) = configured(&world, identity_id.trim(), "Alibaba Cloud", |identity| identity.alicloud.as_ref())?;
    let arn = world.alibaba.caller_identity(&parameters, shared.state.clock().now()).map_err(|refusal| {
        tracing::warn!(refusal, "Alibaba Cloud refuses the request of a login");
        ApiError::internal()
    })?;
    if !auth.allowed_arns.split(',').any(|allowed| allowed.trim() == arn) {
        return Err(ApiError::unauthorized("Access denied: Alibaba Cloud account ARN not allowed."));
    }
    let organization = world.organization.id.clone();
    let login =
        Login { method: "alicloud-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

/// What the schema lets through: these and no others are sent on.
fn parameters(input: &mut Input) -> Vec<(&'static str, String)> {
    let alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let among = |text: &str, more: &[u8]| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
    let day = |text: &str| text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10;
    let instant = |text: &str| text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok();
    type Rule<'a> = (&'static str, &'a dyn Fn(&str) -> bool, &'static str);
    let rules: [Rule<'_>; 9] = [
        ("Action", &|text| text == "GetCallerIdentity", "Invalid enum value. Expected 'GetCallerIdentity'"),
        ("Format", &|text| text == "JSON", "Invalid enum value. Expected 'JSON'"),
        ("Version", &day, "Version must be in YYYY-MM-DD format"),
        ("AccessKeyId", &alphanumeric, "AccessKeyId must be alphanumeric"),
        ("SignatureMethod", &|text| text == "HMAC-SHA1", "Invalid enum value. Expected 'HMAC-SHA1'"),
        ("Timestamp", &instant, "Timestamp must be in YYYY-MM-DDTHH:mm:ssZ format"),
        ("SignatureVersion", &|text| text == "1.0", "Invalid enum value. Expected '1.0'"),
        (
            "SignatureNonce",
            &|text| among(text, b"-_."),
            "SignatureNonce must be at least 1 character long and contain only URL-safe characters (alphanumeric, -, _, .)",
        ),
        ("Signature", &|text| among(text, b"+/="), "Signature must be base64 characters"),
    ];
    let mut parameters = Vec::new();
    for (name, fits, message) in rules {
        let given = input.string(name);
        match given {
            Some(text) if !text.is_empty() && fits(&text) => parameters.push((name, text)),
            Some(_) => input.issue(name, message),
            None => drop(input.required(name)),
        }
    }
    parameters
}
