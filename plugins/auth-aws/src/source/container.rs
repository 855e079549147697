//! Keys from a service beside the container: an ECS task's, or the EKS pod identity agent.
use super::{Found, environment::get};
use crate::answer::{self, check_clock};
use plugin_sdk::{
    Encoding, Error,
    http::{Content, Request},
    mounts,
};
use std::time::Duration;

/// Where ECS answers for a relative URI.
pub const ECS: &str = "http://169.254.170.2";
/// The EKS pod identity agent.
pub const EKS: &str = "http://169.254.170.23";
/// The same by IPv6.
pub const EKS_V6: &str = "http://[fd00:ec2::23]";

/// The service is on this node.
const PATIENCE: Duration = Duration::from_secs(2);

/// The keys of this task or pod.
pub(super) fn keys(now: Duration) -> Result<Found, Error> {
    let relative = get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
    let full = get("AWS_CONTAINER_CREDENTIALS_FULL_URI")?;
    let url = match (relative, full) {
        (Some(path), _) if path.starts_with('/') => format!("{ECS}{path}"),
        (Some(_), _) => return Err(Error::Credentials("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with /".into())),
        (None, Some(url)) => url,
        (None, None) => return Ok(Found::Nothing("no AWS_CONTAINER_CREDENTIALS_*_URI".into())),
    };
    // Behind the origin must come a path, so that no longer name passes for it.
    let Some(who) = [ECS, EKS, EKS_V6].into_iter().find(|origin| url.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'))) else {
        return Err(Error::Credentials(format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is none of the addresses that AWS gives out: {ECS}/…, {EKS}/…, {EKS_V6}/…"
        )));
    };

    // By handle; the variable's own text is only for services that have no file.
    let file = get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")?.map(|file| mounts::open("aws-pod-identity", &file)).transpose()?;
    let authorization = match &file {
        Some(token) => Some(Content::default().credential(token, Encoding::Raw)),
        None => get("AWS_CONTAINER_AUTHORIZATION_TOKEN")?.map(Content::text),
    };
    let mut request = Request::new("GET", url).header("Accept", "application/json").timeout(PATIENCE);
    if let Some(authorization) = authorization {
        request = request.header("Authorization", authorization);
    }
    let response = request.send()?;
    check_clock(who, &response, now)?;
    let (code, message) = answer::refusal(&response.body);
    match response.status {
        200 => answer::keys(who, &response.body, now).map(Found::Keys),
        status @ (429 | 500..) => Err(Error::unavailable(format!("the container credentials service at {who} answered {status} {code}"))),
        status => Err(Error::Credentials(format!(
            "the container credentials service at {who} refused this pod or task ({status} {code} {message}); check its token and that a role is associated with it"
        ))),
    }
}
