//! STS: GetCallerIdentity for whoever signs, AssumeRoleWithWebIdentity for whoever has a token of a trusted issuer.
//!
//! Answers are XML, or JSON for those who accept it, which is what Infisical's server reads. The region is that of the name
//! by which the service was called; a signature for another is refused.
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use super::account::Key;
use super::sigv4::{Received, Refusal, verify};
use super::{Asked, Services};
use crate::verify::{FetchError, TokenFault};

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The name of STS in a region.
#[must_use]
pub(crate) fn host(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("sts.{region}.{domain}")
}

/// The region of a name of STS; the name without one is that of `us-east-1`.
pub(crate) fn region_of(name: &str) -> Option<&str> {
    if name == "sts.amazonaws.com" {
        return Some("us-east-1");
    }
    let region = name.strip_prefix("sts.")?.split('.').next()?;
    (host(region) == name).then_some(region)
}

pub(super) async fn answer(services: &Services, asked: &Asked) -> Response {
    let form: Vec<(String, String)> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let action = field("Action").unwrap_or_default();
    let result = match action {
        _ if asked.method != axum::http::Method::POST || field("Version") != Some(VERSION) => {
            Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {action}")))
        }
        "GetCallerIdentity" => caller(services, asked),
        "AssumeRoleWithWebIdentity" => assume(services, &field).await,
        "" => Err(Refusal::new(400, "MissingAction", "Missing Action")),
        _ => Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {action} for version {VERSION}"))),
    };
    let as_json = asked.header("accept").is_some_and(|accept| accept.contains("application/json"));
    match result {
        Ok(result) => ok(action, &result, as_json),
        Err(refusal) => refused(&refusal, as_json),
    }
}

fn caller(services: &Services, asked: &Asked) -> Result<Value, Refusal> {
    let name = asked.header("host").unwrap_or_default();
    let name = name.strip_suffix(":443").unwrap_or(name);
    let region = region_of(name).ok_or_else(|| Refusal::new(404, "UnknownEndpoint", "this is no name of STS"))?;
    let received = Received {
        method: asked.method.as_str(),
        path: asked.uri.path(),
        query: asked.uri.query().unwrap_or_default(),
        headers: &asked.headers,
        body: &asked.body,
    };
    let key = services.read(|account| verify(&received, region, "sts", account, services.now()))?;
    let account = services.read(|account| account.id.clone());
    let user_id = key.arn.rsplit(['/', ':']).next().unwrap_or_default();
    Ok(json!({ "Arn": key.arn, "UserId": format!("AIDA:{user_id}"), "Account": account }))
}

async fn assume<'a>(services: &Services, field: &impl Fn(&str) -> Option<&'a str>) -> Result<Value, Refusal> {
    let required = |name: &str| {
        let missing = || Refusal::new(400, "ValidationError", format!("1 validation error detected: Value at '{name}' is required"));
        field(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let (arn, session, token) = (required("RoleArn")?, required("RoleSessionName")?, required("WebIdentityToken")?);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(fits) {
        return Err(Refusal::new(
            400,
            "ValidationError",
            "1 validation error detected: Value at 'roleSessionName' failed to satisfy constraint",
        ));
    }
    let identity = web_identity(services, token, None).await?;
    let now = services.now();
    let name = arn.rsplit('/').next().unwrap_or_default();
    let who = (identity.issuer, identity.subject.clone());
    let assumed = services.change(|account| {
        let trusted = account.role_arn(name) == arn && account.roles.get(name).is_some_and(|role| role.web_identities.contains(&who));
        trusted.then(|| account.assume(name, session, now))
    });
    let denied = || Refusal::new(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let Key { id, secret, session: kept, arn } = assumed.ok_or_else(denied)?;
    let kept = kept.ok_or_else(|| Refusal::new(500, "InternalFailure", "keys without a session"))?;
    Ok(json!({
        "Credentials": {
            "AccessKeyId": id,
            "SecretAccessKey": secret.expose(),
            "SessionToken": kept.token.expose(),
            "Expiration": kept.expires_at.as_second(),
        },
        "AssumedRoleUser": { "Arn": arn },
        "SubjectFromWebIdentityToken": identity.subject,
    }))
}

/// Whom a web identity token is of.
pub(super) struct WebIdentity {
    pub(super) issuer: String,
    pub(super) subject: String,
}

/// Verifies a token by the key set of its issuer, which the account must trust. The audience is that of the trust, or the
/// one given.
pub(super) async fn web_identity(services: &Services, token: &str, audience: Option<&str>) -> Result<WebIdentity, Refusal> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let invalid = |message: String| Refusal::new(400, "InvalidIdentityToken", message);
    let malformed = || invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)".into());
    let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).ok_or_else(malformed)?;
    let issuer = claims.get("iss").and_then(Value::as_str).ok_or_else(malformed)?.to_owned();
    let trusted = services.read(|account| account.providers.get(&issuer).cloned());
    let trusted = trusted.ok_or_else(|| invalid(format!("No OpenIDConnect provider found in your account for {issuer}")))?;

    let document: Value = services.issuers.document(&format!("{issuer}/.well-known/openid-configuration")).await.map_err(unreachable)?;
    let keys = document.get("jwks_uri").and_then(Value::as_str).ok_or_else(|| unreachable(FetchError::Malformed))?;
    let keys = services.issuers.keys(keys).await.map_err(unreachable)?;
    let now = services.now();
    let mut fault = TokenFault::Signature;
    for key in keys {
        match key.verify(token, now) {
            Ok(claims) => {
                let wanted = audience.unwrap_or(&trusted);
                let named = match claims.get("aud") {
                    Some(Value::Array(several)) => several.iter().any(|one| one == wanted),
                    one => one.is_some_and(|one| one == wanted),
                };
                if !named {
                    return Err(invalid("Incorrect token audience".into()));
                }
                let subject = claims.text("sub").ok_or_else(malformed)?.to_owned();
                return Ok(WebIdentity { issuer, subject });
            }
            Err(found) => fault = found,
        }
    }
    Err(match fault {
        TokenFault::Expired => {
            let end = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
            let message = format!("Token expired: current date/time {} must be before the expiration date/time {end}", now.as_second());
            Refusal::new(400, "ExpiredTokenException", message)
        }
        TokenFault::Signature => invalid("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements".into()),
        _ => malformed(),
    })
}

fn unreachable(_: FetchError) -> Refusal {
    Refusal::new(
        400,
        "IDPCommunicationError",
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
    )
}

fn ok(action: &str, result: &Value, as_json: bool) -> Response {
    let request = Uuid::new_v4();
    if as_json {
        let named = json!({
            format!("{action}Response"): { format!("{action}Result"): result, "ResponseMetadata": { "RequestId": request.to_string() } },
        });
        return axum::Json(named).into_response();
    }
    let mut text = String::new();
    members(result, &mut text);
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{text}</{action}Result><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></{action}Response>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn members(value: &Value, out: &mut String) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let mut text = String::new();
        match value {
            Value::Object(_) => members(value, &mut text),
            // In XML an end is a date.
            Value::Number(second) => {
                let end = jiff::Timestamp::from_second(second.as_i64().unwrap_or_default()).unwrap_or(jiff::Timestamp::MAX);
                text.push_str(&end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            }
            other => text.push_str(&escaped(other.as_str().unwrap_or_default())),
        }
        out.push_str(&format!("<{name}>{text}</{name}>"));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn refused(refusal: &Refusal, as_json: bool) -> Response {
    let Refusal { status, code, message } = refusal;
    let request = Uuid::new_v4();
    let kind = if *status == StatusCode::INTERNAL_SERVER_ERROR { "Receiver" } else { "Sender" };
    if as_json {
        let body = json!({ "Error": { "Code": code, "Message": message, "Type": kind }, "RequestId": request.to_string() });
        return (*status, axum::Json(body)).into_response();
    }
    let message = escaped(message);
    let body = format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request}</RequestId></ErrorResponse>"
    );
    (*status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}
