//! OCI auth: a signed request for a user of Oracle Cloud, which the server sends on to Oracle and believes its answer.
//!
//! Oracle is played by [`oracle`], which verifies the signature by the key that is registered there. What Oracle refuses, the
//! server knows as nothing but an internal error, as the real one does.
mod oracle;

pub use self::oracle::OracleUser;

use serde::Deserialize;
use serde_json::json;

use super::{Proven, configured};
use crate::auth::access_token::Login;
use crate::errors::ApiError;
use crate::input::Input;
use crate::seed::TokenSeed;
use crate::server::Shared;

/// Which users of Oracle Cloud are an identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OciAuth {
    /// Their tenancy.
    pub tenancy_ocid: String,
    /// Comma list of their names, empty for any.
    #[serde(default)]
    pub allowed_usernames: String,
    /// Tokens it gives.
    #[serde(flatten)]
    pub token: TokenSeed,
}

pub(super) fn verify(shared: &Shared, mut input: Input) -> Result<Proven, ApiError> {
    let identity_id = input.required("identityId");
    let user = input.required("userOcid").trim().to_owned();
    let mut headers = input.object("headers");
    let (authorization, host) = (headers.required("authorization"), headers.required("host"));
    let (date, x_date) = (headers.string("date"), headers.string("x-date"));
    if date.as_deref().or(x_date.as_deref()).is_none_or(str::is_empty) {
        headers.issue("date", "Either date or x-date must be provided");
    }
    input.finish()?;
    headers.finish()?;

    let world = shared.state.read();
    let (identity, auth) = configured(&world, identity_id.trim(), "OCI", |identity| identity.oci.as_ref())?;
    let region = region(&host)
        .ok_or_else(|| ApiError::bad_request("Invalid OCI host format. Expected format: identity.<region>.oraclecloud.com"))?;
    if oracle::signer(&authorization).is_none_or(|signer| signer != user) {
        return Err(ApiError::unauthorized("Access denied: OCI request was not signed by the given user."));
    }
    let request = oracle::Request {
        user: &user,
        region,
        host: &host,
        authorization: &authorization,
        date: date.as_deref(),
        x_date: x_date.as_deref(),
    };
    let found = oracle::get_user(&world.oracle_users, &request, shared.state.clock().now()).map_err(|refusal| {
        tracing::warn!(%refusal, "Oracle Cloud refuses the request of an OCI login");
        ApiError::internal()
    })?;
    if found.tenancy != auth.tenancy_ocid {
        return Err(ApiError::unauthorized("Access denied: OCI account isn't part of tenancy."));
    }
    if !auth.allowed_usernames.is_empty() && !auth.allowed_usernames.split(',').any(|name| name.trim() == found.name) {
        return Err(ApiError::unauthorized("Access denied: OCI account username not allowed."));
    }
    let organization = world.organization.id.clone();
    let login = Login { method: "oci-auth", organization, bounds: auth.token.bounds(), client_secret_id: None, identity_auth: json!({}) };
    Ok(Proven { identity, login })
}

/// The region of `identity.REGION.oraclecloud.com`, which has two letters, a place and a digit.
fn region(host: &str) -> Option<&str> {
    let region = host.strip_prefix("identity.")?.strip_suffix(".oraclecloud.com")?;
    let mut parts = region.split('-');
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let area = parts.next().is_some_and(|area| area.len() == 2 && letters(area));
    let place = parts.next().is_some_and(letters);
    let number = parts.next().is_some_and(|number| matches!(number.as_bytes(), [b'1'..=b'9']));
    (area && place && number && parts.next().is_none()).then_some(region)
}
