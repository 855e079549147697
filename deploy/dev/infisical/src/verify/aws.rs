//! AWS auth: a signed GetCallerIdentity request, which this server sends to STS of the region that the signature names, and
//! believes what STS answers.
//!
//! The request goes out as it came: method, headers, body. What STS refuses ends as 500, whatever it refused it for; only
//! who may log in is judged here. The newest generation calls no other host than the region's own in the domain
//! `amazonaws.com`, so that nobody in AWS China can log in to it; the older one calls what the identity configures.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::clouds::aws::sts::region_of;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::{Generation, Shared};

/// How an identity is proven by AWS; what is empty is not checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AwsAuth {
    /// Account ids with commas between.
    pub allowed_account_ids: String,
    /// ARNs of users or roles with commas between; `*` stands for anything.
    pub allowed_principal_arns: String,
    /// What the older generation calls; its default is the global endpoint.
    pub sts_endpoint: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "GetCallerIdentityResponse")]
    response: Outer,
}

#[derive(Deserialize)]
struct Outer {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Caller,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Caller {
    account: String,
    arn: String,
    user_id: String,
}

pub(super) async fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let method = input.string("iamHttpRequestMethod").unwrap_or_else(|| "POST".to_owned());
    let (body, headers) = (input.required("iamRequestBody"), input.required("iamRequestHeaders"));
    input.finish()?;
    let (identity, auth, organization) = {
        let world = shared.state.read();
        let (identity, auth) = configured(&world, identity_id.trim(), "AWS", |identity| identity.aws.as_ref())?;
        (identity, auth, world.organization.id.clone())
    };
    let caller = ask(shared, &auth, &method, &body, &headers).await?;
    let listed = |list: &str, fits: &dyn Fn(&str) -> bool| list.is_empty() || list.split(',').any(|entry| fits(entry.trim()));
    if !listed(&auth.allowed_account_ids, &|account| account == caller.account) {
        return Err(ApiError::unauthorized("Access denied: AWS account ID not allowed."));
    }
    let (role, with_session) = (principal(&caller.arn), session(&caller.arn));
    if !listed(&auth.allowed_principal_arns, &|pattern| fits(pattern, &role) || fits(pattern, &with_session)) {
        return Err(ApiError::unauthorized(format!("Access denied: AWS principal ARN not allowed. [principal-arn={role}]")));
    }
    let details = json!({ "aws": { "accountId": caller.account, "arn": caller.arn, "userId": caller.user_id } });
    let login = Login { method: "aws-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: details };
    Ok(Proven { identity, login })
}

async fn ask(shared: &Shared, auth: &AwsAuth, method: &str, body: &str, headers: &str) -> Result<Caller, ApiError> {
    // The real server doesn't expect anything of this to fail.
    let decode = |text: &str| STANDARD.decode(text).map_err(|_| ApiError::internal());
    let given: Map<String, Value> = serde_json::from_slice(&decode(headers)?).map_err(|_| ApiError::internal())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &given {
        let name: HeaderName = name.parse().map_err(|_| ApiError::internal())?;
        let mut value = HeaderValue::from_str(value.as_str().unwrap_or_default()).map_err(|_| ApiError::internal())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok()).ok_or_else(ApiError::internal)?;
    let region = region(authorization).ok_or_else(|| ApiError::bad_request("Invalid AWS region"))?;
    let name = match shared.generation() {
        Generation::Newest => format!("sts.{region}.amazonaws.com"),
        Generation::Mid if auth.sts_endpoint.is_empty() => "sts.amazonaws.com".to_owned(),
        Generation::Mid => host(&auth.sts_endpoint).ok_or_else(ApiError::internal)?,
    };
    // A name that leads nowhere, as that of another partition.
    if region_of(&name).is_none() {
        return Err(ApiError::internal());
    }
    let (Some(sts), false) = (&shared.sts, method.is_empty()) else { return Err(ApiError::internal()) };
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, text/plain, */*"));
    let method = method.parse().map_err(|_| ApiError::internal())?;
    let request = sts.client.request(method, &sts.url).headers(headers).body(decode(body)?);
    let response = request.send().await.map_err(|_| ApiError::internal())?;
    if !response.status().is_success() {
        return Err(ApiError::internal());
    }
    let answer: Answer = response.json().await.map_err(|_| ApiError::internal())?;
    Ok(answer.response.result)
}

/// The region in a credential scope; None for a text that can't be one, so that it names no other host.
fn region(authorization: &str) -> Option<&str> {
    let credential = authorization.split("Credential=").nth(1)?.split(',').next()?;
    let region = credential.split('/').nth(2)?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!region.is_empty() && region.len() <= 20 && region.bytes().all(fits)).then_some(region)
}

fn host(endpoint: &str) -> Option<String> {
    url::Url::parse(endpoint).ok()?.host_str().map(str::to_owned)
}

/// `arn:aws:sts::A:assumed-role/R/SESSION` is the role `arn:aws:iam::A:role/R`.
fn principal(arn: &str) -> String {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    let ["arn", partition, "sts", region, account, resource] = parts.as_slice() else { return arn.to_owned() };
    match resource.split('/').collect::<Vec<_>>().as_slice() {
        ["assumed-role", role, _] => format!("arn:{partition}:iam:{region}:{account}:role/{role}"),
        _ => arn.to_owned(),
    }
}

/// The same without the session.
fn session(arn: &str) -> String {
    match arn.rsplit_once('/') {
        Some((role, _)) if role.contains(":assumed-role/") => role.to_owned(),
        _ => arn.to_owned(),
    }
}

/// `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// Where STS is reached.
pub(crate) struct Sts {
    client: reqwest::Client,
    url: String,
}

impl Sts {
    pub(crate) fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(std::time::Duration::from_secs(10)).no_proxy().build()?;
        Ok(Self { client, url: format!("{}/", url.trim_end_matches('/')) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assumed_role_is_known_as_the_role() {
        let arn = "arn:aws:sts::1:assumed-role/app/session";
        assert_eq!((principal(arn).as_str(), session(arn).as_str()), ("arn:aws:iam::1:role/app", "arn:aws:sts::1:assumed-role/app"));
        let user = "arn:aws:iam::1:user/me";
        assert_eq!((principal(user).as_str(), session(user).as_str()), (user, user));
    }

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, wanted) in [
            ("arn:aws:iam::1:role/*", "arn:aws:iam::1:role/app", true),
            ("arn:aws:iam::*:role/a*p", "arn:aws:iam::1:role/app", true),
            ("*", "", true),
            ("arn:aws:iam::1:role/app", "arn:aws:iam::1:role/app2", false),
            ("*:role/app", "arn:aws:iam::1:role/app2", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn only_a_region_names_a_host() {
        let of = |region: &str| format!("AWS4-HMAC-SHA256 Credential=AKIA/20260101/{region}/sts/aws4_request, SignedHeaders=host");
        assert_eq!(region(&of("eu-central-1")), Some("eu-central-1"));
        for text in ["evil.example", "", "EU-CENTRAL-1", "a@b", "eu-central-1-and-much-more"] {
            assert_eq!(region(&of(text)), None);
        }
    }
}
