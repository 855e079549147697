//! Checks Signature Version 4 as AWS does, written after its documentation and not with a library that signs: what the
//! plugins send is judged by somebody else than who made it.
//!
//! Checked in this order, each with the service's own words: the form of the header, the scope (date, region, service), the
//! window of fifteen minutes around now, the key and its session token, what must be signed, the signature. A request that
//! is sent twice within the window is accepted twice, as by AWS: a signature has no nonce.
use axum::http::{HeaderMap, StatusCode, header};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::account::{Account, Key};

/// Seconds that a signature may be older or newer than now.
pub(crate) const WINDOW: i64 = 900;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A refusal of an AWS service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code, message: message.into() }
    }
}

/// What was received.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a str,
    /// As in the request line, still encoded.
    pub(crate) path: &'a str,
    /// The same, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    terminator: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn read(text: &'a str) -> Result<Self, Refusal> {
        let incomplete = |what: &str| Refusal::new(400, "IncompleteSignature", format!("Authorization header requires {what}."));
        let fields = text.strip_prefix(ALGORITHM).ok_or_else(|| incomplete("the algorithm AWS4-HMAC-SHA256"))?;
        let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let credential = field("Credential").ok_or_else(|| incomplete("'Credential' parameter"))?;
        let signed_headers = field("SignedHeaders").ok_or_else(|| incomplete("'SignedHeaders' parameter"))?;
        let signature = field("Signature").ok_or_else(|| incomplete("'Signature' parameter"))?;
        let mut parts = credential.rsplitn(5, '/');
        let mut part = || parts.next().ok_or_else(|| incomplete("a credential of five parts"));
        let (terminator, service, region, date, key_id) = (part()?, part()?, part()?, part()?, part()?);
        Ok(Self { key_id, date, region, service, terminator, signed_headers: signed_headers.split(';').collect(), signature })
    }
}

/// Verifies a request to `service` in `region`; gives the key that signed it.
pub(crate) fn verify(received: &Received<'_>, region: &str, service: &str, account: &Account, now: Timestamp) -> Result<Key, Refusal> {
    let mismatch = |message: String| Refusal::new(403, "SignatureDoesNotMatch", message);
    let text = |name: &str| received.headers.get(name).and_then(|value| value.to_str().ok());
    let Some(authorization) = text(header::AUTHORIZATION.as_str()) else {
        return Err(Refusal::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
    };
    let authorization = Authorization::read(authorization)?;
    if authorization.terminator != "aws4_request" {
        return Err(mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.".into()));
    }
    if authorization.service != service {
        return Err(mismatch(format!("Credential should be scoped to correct service: '{service}'.")));
    }
    if authorization.region != region {
        return Err(mismatch("Credential should be scoped to a valid region.".into()));
    }

    let date = text("x-amz-date").ok_or_else(|| {
        Refusal::new(400, "IncompleteSignature", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let signed_at = read_date(date).ok_or_else(|| Refusal::new(400, "IncompleteSignature", "Date must be in ISO-8601 'basic format'."))?;
    if !date.starts_with(authorization.date) || authorization.date.len() != 8 {
        let scope = authorization.date;
        return Err(mismatch(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{date}'."
        )));
    }
    let age = now.as_second() - signed_at.as_second();
    if age > WINDOW {
        let (limit, now) = (write_date(now.as_second() - WINDOW), write_date(now.as_second()));
        return Err(mismatch(format!("Signature expired: {date} is now earlier than {limit} ({now} - 15 min.)")));
    }
    if age < -WINDOW {
        let (limit, now) = (write_date(now.as_second() + WINDOW), write_date(now.as_second()));
        return Err(mismatch(format!("Signature not yet current: {date} is still later than {limit} ({now} + 15 min.)")));
    }

    let invalid = || Refusal::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    let key = account.key(authorization.key_id).ok_or_else(invalid)?;
    match (&key.session, text("x-amz-security-token")) {
        (None, None) => {}
        (Some(session), Some(token)) if session.token.expose() == token => {
            if session.expires_at <= now {
                return Err(Refusal::new(403, "ExpiredToken", "The security token included in the request is expired"));
            }
        }
        _ => return Err(invalid()),
    }

    let signed = &authorization.signed_headers;
    let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
    for name in received.headers.keys().map(header::HeaderName::as_str).filter(|name| must_be_signed(name)) {
        if !signed.contains(&name) {
            return Err(mismatch(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    if !signed.contains(&"host") || !signed.is_sorted() {
        return Err(mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization, and the names in order.".into()));
    }

    let canonical = canonical_request(received, signed);
    let Authorization { date: day, region, service, terminator, .. } = authorization;
    let string_to_sign =
        format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/{terminator}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let secret = format!("AWS4{}", key.secret.expose());
    let signing_key = [day, region, service, terminator].iter().fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
    let expected = mac(&signing_key, string_to_sign.as_bytes());
    if !same(hex(&expected).as_bytes(), authorization.signature.as_bytes()) {
        return Err(mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.".into(),
        ));
    }
    Ok(key)
}

fn canonical_request(received: &Received<'_>, signed: &[&str]) -> String {
    let mut query: Vec<_> = received.query.split('&').filter(|pair| !pair.is_empty()).collect();
    query.sort_unstable();
    let mut text = format!("{}\n{}\n{}\n", received.method, received.path, query.join("&"));
    for name in signed {
        let values: Vec<_> = received.headers.get_all(*name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let values: Vec<_> = values.iter().map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        text.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    text.push_str(&format!("\n{}\n{}", signed.join(";"), hex(&Sha256::digest(received.body))));
    text
}

fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Compares in a time that tells nothing of where the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// `20260101T000000Z`.
fn read_date(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn write_date(second: i64) -> String {
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// What botocore signed, so that this implementation is held against AWS's own and not against the plugin's.
    fn recorded() -> Vec<Value> {
        let text = include_str!("../../../../../../plugins/auth-aws/tests/golden/signatures.json");
        serde_json::from_str::<Value>(text).unwrap()["cases"].as_array().unwrap().clone()
    }

    struct Case {
        headers: HeaderMap,
        body: Vec<u8>,
        region: String,
        now: Timestamp,
        account: Account,
    }

    fn case(recorded: &Value) -> Case {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        let decode = |name: &str| BASE64_STANDARD.decode(recorded["login"][name].as_str().unwrap()).unwrap();
        let given: serde_json::Map<String, Value> = serde_json::from_slice(&decode("iamRequestHeaders")).unwrap();
        let headers = given.iter().map(|(name, value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap())).collect();
        let text = |name: &str| recorded[name].as_str();
        let mut account = Account::new("123456789012");
        let key_id = text("accessKeyId").unwrap();
        let arn = "arn:aws:iam::123456789012:user/recorded";
        account.add_key(key_id, text("secretAccessKey").unwrap(), text("sessionToken").map(|token| (token, Timestamp::MAX)), arn);
        let now = Timestamp::from_second(recorded["time"].as_i64().unwrap()).unwrap();
        Case { headers, body: decode("iamRequestBody"), region: text("region").unwrap().to_owned(), now, account }
    }

    impl Case {
        fn verify(&self) -> Result<Key, Refusal> {
            let received = Received { method: "POST", path: "/", query: "", headers: &self.headers, body: &self.body };
            verify(&received, &self.region, "sts", &self.account, self.now)
        }

        fn refused(&self) -> (&'static str, String) {
            let refusal = self.verify().err().unwrap();
            (refusal.code, refusal.message)
        }

        fn set(mut self, name: &'static str, value: &str) -> Self {
            self.headers.insert(name, value.parse().unwrap());
            self
        }
    }

    #[test]
    fn what_botocore_signed_is_accepted() {
        let recorded = recorded();
        assert!(recorded.len() >= 7);
        for entry in &recorded {
            assert_eq!(
                case(entry).verify().map(|key| key.arn),
                Ok("arn:aws:iam::123456789012:user/recorded".to_owned()),
                "{}",
                entry["name"]
            );
        }
    }

    #[test]
    fn any_change_is_refused() {
        let temporary = &recorded()[1];
        let mut other_body = case(temporary);
        other_body.body.push(b' ');
        for (case, code) in [
            (other_body, "SignatureDoesNotMatch"),
            (case(temporary).set("host", "sts.eu-west-1.amazonaws.com"), "SignatureDoesNotMatch"),
            (case(temporary).set("content-length", "44"), "SignatureDoesNotMatch"),
            (case(temporary).set("x-amz-security-token", "another"), "InvalidClientTokenId"),
            (case(temporary).set("x-amz-target", "unsigned"), "SignatureDoesNotMatch"),
            (case(temporary).set("authorization", "AWS4-HMAC-SHA256 Credential=a/b"), "IncompleteSignature"),
            (case(temporary).set("authorization", "Bearer x"), "IncompleteSignature"),
        ] {
            assert_eq!(case.refused().0, code);
        }
        let mut unsigned = case(temporary);
        unsigned.headers.remove("authorization");
        assert_eq!(unsigned.refused().0, "MissingAuthenticationToken");
        let mut without_token = case(temporary);
        without_token.headers.remove("x-amz-security-token");
        assert_eq!(without_token.refused().0, "InvalidClientTokenId");
        let mut elsewhere = case(temporary);
        elsewhere.region = "eu-west-1".into();
        assert!(elsewhere.refused().1.contains("valid region"));
        let mut stranger = case(temporary);
        stranger.account = Account::new("123456789012");
        assert_eq!(stranger.refused().0, "InvalidClientTokenId");
        let mut ended = case(temporary);
        let (id, secret, token) =
            ("ASIAEXAMPLE", temporary["secretAccessKey"].as_str().unwrap(), temporary["sessionToken"].as_str().unwrap());
        ended.account.add_key(id, secret, Some((token, ended.now)), "arn");
        assert_eq!(ended.refused().0, "ExpiredToken");
    }

    #[test]
    fn a_signature_holds_for_a_quarter_of_an_hour_and_may_be_replayed_meanwhile() {
        let recorded = &recorded()[0];
        let at = |offset: i64| {
            let mut case = case(recorded);
            case.now = Timestamp::from_second(case.now.as_second() + offset).unwrap();
            case
        };
        for offset in [-900, 0, 0, 900] {
            assert!(at(offset).verify().is_ok(), "{offset}");
        }
        assert_eq!(
            at(901).refused().1,
            "Signature expired: 20260101T000000Z is now earlier than 20260101T000001Z (20260101T001501Z - 15 min.)"
        );
        assert_eq!(
            at(-901).refused().1,
            "Signature not yet current: 20260101T000000Z is still later than 20251231T235959Z (20251231T234459Z + 15 min.)"
        );
    }
}
