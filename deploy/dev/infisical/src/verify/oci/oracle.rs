//! Oracle Cloud's part: who signed a request, and whether the key that is registered for them did.
//!
//! Version 1 of Oracle's request signatures: RSA with SHA-256 over the date, the request's target and its host, of which the
//! last two are not taken from the client but from the request that is made. A date more than five minutes off is refused,
//! as are a region that the tenancy does not use and a fingerprint that is not the key's.
use std::fmt;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use md5::{Digest, Md5};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;

/// Seconds that a request's date may be off.
const WINDOW: i64 = 300;

/// A user of Oracle Cloud.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OracleUser {
    /// OCID.
    pub ocid: String,
    /// OCID of the tenancy.
    pub tenancy: String,
    /// Name.
    pub name: String,
    /// Regions that the tenancy uses.
    pub regions: Vec<String>,
    /// Registered API keys: public keys as PEM.
    pub api_keys: Vec<String>,
}

/// A request for a user.
pub(super) struct Request<'a> {
    /// In its path.
    pub(super) user: &'a str,
    /// Whose endpoint it goes to.
    pub(super) region: &'a str,
    pub(super) host: &'a str,
    pub(super) authorization: &'a str,
    pub(super) date: Option<&'a str>,
    pub(super) x_date: Option<&'a str>,
}

/// Why Oracle does not answer; only the log of this server tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Malformed,
    Unsigned(&'static str),
    Date,
    UnknownKey,
    Region,
    Signature,
    NoUser,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str("the header authorization is malformed"),
            Self::Unsigned(name) => write!(out, "{name} is not signed"),
            Self::Date => out.write_str("the date is missing, malformed or more than five minutes off"),
            Self::UnknownKey => out.write_str("no such user in this tenancy has a key of this fingerprint"),
            Self::Region => out.write_str("the tenancy does not use this region"),
            Self::Signature => out.write_str("the signature is not that of the registered key"),
            Self::NoUser => out.write_str("there is no user that the signer may see"),
        }
    }
}

/// The parameters of an `authorization` header.
struct Parameters<'a>(Vec<(String, &'a str)>);

impl<'a> Parameters<'a> {
    fn of(header: &'a str) -> Option<Self> {
        let header = header.trim();
        let (scheme, rest) = header.split_at_checked("signature ".len())?;
        if !scheme.eq_ignore_ascii_case("signature ") {
            return None;
        }
        let mut parameters: Vec<(String, &str)> = Vec::new();
        for parameter in rest.split(',') {
            let (name, value) = parameter.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
            let odd = name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) || value.contains('"');
            if odd || parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, value));
        }
        Some(Self(parameters))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Tenancy, user, fingerprint.
    fn key(&self) -> Option<[&'a str; 3]> {
        let parts: Vec<&str> = self.get("keyid")?.split('/').collect();
        parts.try_into().ok().filter(|parts: &[&str; 3]| parts.iter().all(|part| !part.is_empty()))
    }
}

/// Who claims to have signed.
pub(super) fn signer(authorization: &str) -> Option<&str> {
    Parameters::of(authorization)?.key().map(|[_, user, _]| user)
}

/// The user, if the request is signed by one that may see it: itself.
pub(super) fn get_user<'a>(users: &'a [OracleUser], request: &Request<'_>, now: Timestamp) -> Result<&'a OracleUser, Refusal> {
    let parameters = Parameters::of(request.authorization).ok_or(Refusal::Malformed)?;
    let [tenancy, user, fingerprint] = parameters.key().ok_or(Refusal::Malformed)?;
    if parameters.get("version") != Some("1") || parameters.get("algorithm") != Some("rsa-sha256") {
        return Err(Refusal::Malformed);
    }
    let signed = signed_text(&parameters, request)?;
    let date = request.x_date.or(request.date).ok_or(Refusal::Date)?;
    let at = rfc2822::parse(date).map_err(|_| Refusal::Date)?.timestamp();
    if at.as_second().abs_diff(now.as_second()) > WINDOW.unsigned_abs() {
        return Err(Refusal::Date);
    }
    let signer = users.iter().find(|known| known.ocid == user && known.tenancy == tenancy).ok_or(Refusal::UnknownKey)?;
    let mut keys = signer.api_keys.iter().filter_map(|pem| SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok());
    let key = keys.find(|key| self::fingerprint(key) == fingerprint).ok_or(Refusal::UnknownKey)?;
    if !signer.regions.iter().any(|region| region == request.region) {
        return Err(Refusal::Region);
    }
    let signature = STANDARD.decode(parameters.get("signature").ok_or(Refusal::Malformed)?).map_err(|_| Refusal::Malformed)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_ref())
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| Refusal::Signature)?;
    if signer.ocid == request.user { Ok(signer) } else { Err(Refusal::NoUser) }
}

/// What must have been signed, in the order that the header names.
fn signed_text(parameters: &Parameters<'_>, request: &Request<'_>) -> Result<String, Refusal> {
    let names: Vec<&str> = parameters.get("headers").ok_or(Refusal::Malformed)?.split(' ').collect();
    for name in ["(request-target)", "host"] {
        if !names.contains(&name) {
            return Err(Refusal::Unsigned(name));
        }
    }
    if !names.iter().any(|name| matches!(*name, "date" | "x-date")) {
        return Err(Refusal::Unsigned("date"));
    }
    let line = |name: &&str| match *name {
        "(request-target)" => Ok(format!("(request-target): get /20160918/users/{}", request.user)),
        "host" => Ok(format!("host: {}", request.host)),
        "date" => Ok(format!("date: {}", request.date.ok_or(Refusal::Date)?)),
        "x-date" => Ok(format!("x-date: {}", request.x_date.ok_or(Refusal::Date)?)),
        _ => Err(Refusal::Malformed),
    };
    Ok(names.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
}

/// Of a public key as Oracle shows it: MD5 of its DER, in pairs.
fn fingerprint(key: &SubjectPublicKeyInfoDer<'_>) -> String {
    Md5::digest(key.as_ref()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
