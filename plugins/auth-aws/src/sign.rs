//! Signs the request that Infisical's server sends on, and puts the login together.
//!
//! The headers are those that Infisical's own clients send, so that every server accepts them: signed are `content-length`,
//! `host`, `x-amz-date` and the token of temporary keys; `Content-Type` goes along unsigned.
use crate::{keys::Keys, region::Region};
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use plugin_sdk::{
    Encoding, Error,
    authenticator::{Exchange, Field, JsonField},
};
use serde_json::{Map, Value};
use std::time::{Duration, SystemTime};

const BODY: &str = "Action=GetCallerIdentity&Version=2011-06-15";
/// The same as base64: it never changes.
const BODY_BASE64: &str = "QWN0aW9uPUdldENhbGxlcklkZW50aXR5JlZlcnNpb249MjAxMS0wNi0xNQ==";
const CONTENT_LENGTH: &str = "43";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The login of an identity.
///
/// # Errors
/// None that a user can cause: keys and region were checked before.
pub fn login(identity: &str, keys: &Keys, region: &Region, now: Duration) -> Result<Exchange, Error> {
    let headers = JsonField { document: Value::Object(headers(keys, region, now)?), credentials: vec![], encoding: Encoding::Base64 };
    Ok(Exchange::to("aws-auth")
        .text("identityId", identity)
        .text("iamHttpRequestMethod", "POST")
        .text("iamRequestBody", BODY_BASE64)
        .field("iamRequestHeaders", Field::Json(headers)))
}

fn headers(keys: &Keys, region: &Region, now: Duration) -> Result<Map<String, Value>, Error> {
    // Its texts could quote a header, and so the session token.
    let failed = || Error::Internal("the request can't be signed".into());
    let host = region.sts();
    let Keys { access_key_id, secret_access_key, session_token } = keys;
    let identity = Credentials::new(access_key_id, secret_access_key, session_token.clone(), None, "plugin").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region.name())
        .name("sts")
        .time(SystemTime::UNIX_EPOCH + now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| failed())?
        .into();
    let given = [("content-length", CONTENT_LENGTH), ("host", &host)];
    let request = SignableRequest::new("POST", format!("https://{host}/"), given.into_iter(), SignableBody::Bytes(BODY.as_bytes()))
        .map_err(|_| failed())?;
    let (instructions, _) = sign(request, &params).map_err(|_| failed())?.into_parts();

    let mut headers = Map::new();
    for (name, value) in [("Content-Length", CONTENT_LENGTH), ("Content-Type", FORM), ("Host", &host)] {
        headers.insert(name.into(), value.into());
    }
    for (name, value) in instructions.headers() {
        let name = match name {
            "authorization" => "Authorization",
            "x-amz-date" => "X-Amz-Date",
            "x-amz-security-token" => "X-Amz-Security-Token",
            other => other,
        };
        headers.insert(name.into(), value.into());
    }
    Ok(headers)
}
