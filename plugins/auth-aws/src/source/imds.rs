//! Keys and region of the EC2 instance, by version 2 of its metadata service.
//!
//! Version 1 is not used: it answers whoever gets a request through. A service that does not answer is given up after two
//! seconds; by default it does not answer pods at all, since its packets may take one hop only.
use super::{Found, environment::get};
use crate::answer::{self, check_clock, garbage};
use plugin_sdk::{
    Error,
    http::{Request, Response},
};
use serde::Deserialize;
use std::time::Duration;

/// Where it is.
pub const V4: &str = "http://169.254.169.254";
/// The same by IPv6.
pub const V6: &str = "http://[fd00:ec2::254]";

/// It is on this machine; the SDKs wait one second for the connection and one for the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Of the session: for the requests of one login.
const SESSION_SECONDS: &str = "300";

/// One login's session.
pub struct Imds {
    base: String,
    disabled: bool,
    now: Duration,
    session: Option<String>,
}

#[derive(Deserialize)]
struct InstanceIdentity {
    region: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(rename = "Code")]
    code: Option<String>,
}

impl Imds {
    /// Nothing is asked yet.
    pub fn new(now: Duration) -> Result<Self, Error> {
        let v6 = get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")?.is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let base = match get("AWS_EC2_METADATA_SERVICE_ENDPOINT")? {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => if v6 { V6 } else { V4 }.to_owned(),
        };
        let disabled = get("AWS_EC2_METADATA_DISABLED")?.is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
        Ok(Self { base, disabled, now, session: None })
    }

    /// The keys of the instance's role.
    pub fn keys(&mut self) -> Result<Found, Error> {
        if self.disabled {
            return Ok(Found::Nothing("the metadata service is switched off by AWS_EC2_METADATA_DISABLED".into()));
        }
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let roles = self.get(ROLES)?;
        let role = std::str::from_utf8(&roles.body).ok().and_then(|text| text.lines().next()).map(str::trim).unwrap_or_default();
        let none = roles.status == 404 || (roles.status == 200 && role.is_empty());
        if none {
            return Ok(Found::Nothing(format!("{} has no IAM role for this instance", self.base)));
        }
        self.expect_ok(&roles)?;
        // A name of IAM, so that it can stand in a URL.
        if role.len() > 128 || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)) {
            return Err(garbage(&self.base, "the name of a role"));
        }
        let keys = self.get(&format!("{ROLES}{role}"))?;
        self.expect_ok(&keys)?;
        let status: Status = serde_json::from_slice(&keys.body).map_err(|_| garbage(&self.base, "keys as JSON"))?;
        match status.code.as_deref() {
            None | Some("Success") => answer::keys(&self.base, &keys.body, self.now).map(Found::Keys),
            Some(code) => {
                let code: String = code.chars().filter(|c| !c.is_control()).take(64).collect();
                Err(Error::Credentials(format!(
                    "the metadata service has no keys for the role {role}: {code}; check the role's trust policy"
                )))
            }
        }
    }

    /// The region of the instance.
    pub fn region(&mut self) -> Result<String, Error> {
        if self.disabled {
            return Err(Error::Credentials("the metadata service is switched off by AWS_EC2_METADATA_DISABLED".into()));
        }
        let document = self.get("/latest/dynamic/instance-identity/document")?;
        self.expect_ok(&document)?;
        let identity: InstanceIdentity = serde_json::from_slice(&document.body).map_err(|_| garbage(&self.base, "JSON with a region"))?;
        Ok(identity.region)
    }

    fn get(&mut self, path: &str) -> Result<Response, Error> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => self.begin()?,
        };
        let session = self.session.insert(session);
        let request = Request::new("GET", format!("{}{path}", self.base)).header("X-aws-ec2-metadata-token", session.as_str());
        request.timeout(PATIENCE).send().map_err(|error| unreachable(&self.base, error))
    }

    fn begin(&self) -> Result<String, Error> {
        let request = Request::new("PUT", format!("{}/latest/api/token", self.base))
            .header("X-aws-ec2-metadata-token-ttl-seconds", SESSION_SECONDS)
            .timeout(PATIENCE);
        let response = request.send().map_err(|error| unreachable(&self.base, error))?;
        check_clock(&self.base, &response, self.now)?;
        self.expect_ok(&response)?;
        let token = String::from_utf8(response.body).unwrap_or_default();
        let token = token.trim();
        if token.is_empty() || token.len() > 512 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(garbage(&self.base, "a session token"));
        }
        Ok(token.to_owned())
    }

    fn expect_ok(&self, response: &Response) -> Result<(), Error> {
        let base = &self.base;
        Err(match response.status {
            200 => return Ok(()),
            401 => Error::unavailable(format!("the metadata service at {base} did not accept its own session token (401)")),
            403 => Error::Credentials(format!(
                "the metadata service at {base} is switched off for this instance (403); switch it on, or use web identity or pod identity"
            )),
            404 | 405 => Error::Credentials(format!(
                "{base} does not know what the metadata service of EC2 offers in version 2 ({})",
                response.status
            )),
            status => Error::unavailable(format!("the metadata service at {base} answered {status}")),
        })
    }
}

fn unreachable(base: &str, error: Error) -> Error {
    match error {
        Error::Unavailable(mut gone) => {
            gone.text = format!("no metadata service ({}; it answers pods only with a hop limit of 2)", gone.text);
            if gone.text.len() > 160 {
                gone.text = format!("no metadata service at {base}; it answers pods only with a hop limit of 2");
            }
            Error::Unavailable(gone)
        }
        other => other,
    }
}
