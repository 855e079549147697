//! Reads what AWS's services answer: keys as JSON, errors as JSON or XML, the time.
//!
//! An answer is judged before it is believed: its date against our clock, which a signature made a moment later depends
//! on; its keys against their end. Texts of an answer are shown only where they are AWS's words about an error, never
//! where keys could stand.
use crate::keys::Keys;
use aws_smithy_types::date_time::{DateTime, Format};
use plugin_sdk::{Error, http::Response};
use serde::Deserialize;
use std::time::Duration;

/// STS refuses a signature that is off by more.
const SKEW: u64 = 15 * 60;

/// Keys as the metadata service and the container services answer them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeysAnswer {
    access_key_id: String,
    secret_access_key: String,
    #[serde(alias = "SessionToken")]
    token: Option<String>,
    expiration: Option<Expiration>,
}

/// A text, or seconds since 1970 in STS's JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expiration {
    Text(String),
    Seconds(f64),
}

/// An answer that isn't what was asked for. `who` is a service at an address.
pub fn garbage(who: &str, wanted: &str) -> Error {
    Error::unavailable(format!("{who} answered something else than {wanted}; is a proxy or another service in between?"))
}

/// Keys in a JSON object.
///
/// # Errors
/// Something else, keys that can't be any or that have ended, a clock that is wrong.
pub fn keys(who: &str, body: &[u8], now: Duration) -> Result<Keys, Error> {
    let answer: KeysAnswer = serde_json::from_slice(body).map_err(|_| garbage(who, "keys as JSON"))?;
    read_keys(who, answer, now)
}

fn read_keys(who: &str, answer: KeysAnswer, now: Duration) -> Result<Keys, Error> {
    let end = match answer.expiration {
        Some(Expiration::Text(text)) => Some(seconds(&text, Format::DateTime).ok_or_else(|| garbage(who, "an end of its keys"))?),
        Some(Expiration::Seconds(end)) => Some(end as i64),
        None => None,
    };
    if end.is_some_and(|end| end <= since_1970(now)) {
        return Err(Error::unavailable(format!("the keys of {who} have expired, or the clock of this node is wrong")));
    }
    Keys::new(who, &answer.access_key_id, &answer.secret_access_key, answer.token.as_deref())
}

/// Compares our clock with the `date` of an answer.
///
/// # Errors
/// [`Error::Unavailable`] where STS would refuse what is signed by our clock, until that is set. An answer without a date says nothing.
pub fn check_clock(who: &str, response: &Response, now: Duration) -> Result<(), Error> {
    let date = response.header("date").and_then(|date| std::str::from_utf8(date).ok());
    let Some(theirs) = date.and_then(|date| seconds(date, Format::HttpDate)) else { return Ok(()) };
    let ours = since_1970(now);
    if ours.abs_diff(theirs) <= SKEW {
        return Ok(());
    }
    let direction = if ours < theirs { "behind" } else { "ahead of" };
    let off = ours.abs_diff(theirs);
    Err(Error::unavailable(format!(
        "the clock of this node is {off} s {direction} that of {who}; AWS refuses signatures that are off by more than {SKEW} s, so set the clock (NTP)"
    )))
}

fn since_1970(now: Duration) -> i64 {
    now.as_secs().try_into().unwrap_or(i64::MAX)
}

fn seconds(text: &str, format: Format) -> Option<i64> {
    DateTime::from_str(text.trim(), format).ok().map(|time| time.secs())
}

/// What STS answers to AssumeRoleWithWebIdentity.
///
/// # Errors
/// As [`keys`].
pub fn assumed(who: &str, body: &[u8], now: Duration) -> Result<Keys, Error> {
    if !body.trim_ascii_start().starts_with(b"<") {
        let mut answer: serde_json::Value = serde_json::from_slice(body).map_err(|_| garbage(who, "JSON or XML"))?;
        let keys = answer.pointer_mut("/AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult/Credentials");
        let keys = keys.map(serde_json::Value::take).ok_or_else(|| garbage(who, "keys"))?;
        return read_keys(who, serde_json::from_value(keys).map_err(|_| garbage(who, "keys"))?, now);
    }
    let text = std::str::from_utf8(body).map_err(|_| garbage(who, "JSON or XML"))?;
    let member = |name: &str| element(text, name).map(str::to_owned);
    let (Some(access_key_id), Some(secret_access_key)) = (member("AccessKeyId"), member("SecretAccessKey")) else {
        return Err(garbage(who, "keys"));
    };
    let expiration = member("Expiration").map(Expiration::Text);
    read_keys(who, KeysAnswer { access_key_id, secret_access_key, token: member("SessionToken"), expiration }, now)
}

/// The text of the first element of a name. STS is asked for JSON and answers XML only where something on the way takes that
/// wish out; its elements have no attributes and keys no signs that XML escapes, so that a parser (45 KiB of this plugin)
/// would find no more.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text.trim())
}

/// The code and the message of an error of AWS, cut; empty where the answer is something else.
pub fn refusal(body: &[u8]) -> (String, String) {
    let cut = |text: Option<&str>, length| text.unwrap_or_default().chars().filter(|c| !c.is_control()).take(length).collect::<String>();
    if let Ok(answer) = serde_json::from_slice::<serde_json::Value>(body) {
        let either = |name: &str| [format!("/Error/{name}"), format!("/{name}"), format!("/{}", name.to_lowercase())];
        let find = |name: &str| either(name).iter().find_map(|pointer| answer.pointer(pointer)?.as_str().map(str::to_owned));
        return (cut(find("Code").as_deref(), 64), cut(find("Message").as_deref(), 120));
    }
    let text = std::str::from_utf8(body).unwrap_or_default();
    (cut(element(text, "Code"), 64), cut(element(text, "Message"), 120))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_767_225_600);

    fn message(result: Result<Keys, Error>) -> String {
        match result.err().unwrap() {
            Error::Credentials(text) => text,
            Error::Unavailable(unavailable) => unavailable.text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sts_is_understood_in_json_and_in_xml() {
        let json = br#"{"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials":
            {"AccessKeyId": "ASIA1", "SecretAccessKey": "s/1", "SessionToken": "t==", "Expiration": 1.7672292E9}}}}"#;
        let xml = br#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <AssumeRoleWithWebIdentityResult><Credentials><SessionToken>t==</SessionToken><SecretAccessKey>s/1</SecretAccessKey>
            <Expiration>2026-01-01T01:00:00Z</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials>
            </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#;
        for body in [json.as_slice(), xml] {
            let keys = assumed("STS", body, NOW).ok().unwrap();
            assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.as_str()), ("ASIA1", "s/1"));
            assert_eq!(keys.session_token.as_deref(), Some("t=="));
            assert!(message(assumed("STS", body, NOW + Duration::from_secs(3600))).contains("expired"));
        }
    }

    #[test]
    fn what_is_neither_is_named() {
        for body in [b"<html><body>Sign in".as_slice(), b"{}", b"", b"\xff", b"<Response/>"] {
            assert!(message(assumed("STS", body, NOW)).starts_with("STS answered something else than"));
        }
        assert!(message(keys("IMDS", b"<html>", NOW)).contains("keys as JSON"));
    }

    #[test]
    fn errors_are_read_in_every_form() {
        for body in [
            r#"{"Error": {"Code": "ExpiredTokenException", "Message": "Token expired"}, "RequestId": "1"}"#,
            r#"{"code": "ExpiredTokenException", "message": "Token expired"}"#,
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>ExpiredTokenException</Code><Message>Token expired</Message></Error></ErrorResponse>"#,
        ] {
            assert_eq!(refusal(body.as_bytes()), ("ExpiredTokenException".to_owned(), "Token expired".to_owned()));
        }
        assert_eq!(refusal(b"<html>"), (String::new(), String::new()));
        let long = format!(r#"{{"Code": "a", "Message": "{}"}}"#, "x".repeat(1000));
        assert_eq!(refusal(long.as_bytes()).1.len(), 120);
    }

    #[test]
    fn a_clock_that_is_off_is_named_with_its_error() {
        let answer = |date: &str| Response { status: 200, headers: vec![("date".into(), date.into())], body: vec![] };
        let off = |date: &str| check_clock("STS", &answer(date), NOW).err();
        assert_eq!(off("Thu, 01 Jan 2026 00:15:00 GMT"), None);
        assert_eq!(off("no date"), None);
        for (date, found) in [("Thu, 01 Jan 2026 00:15:01 GMT", "901 s behind"), ("Wed, 31 Dec 2025 23:00:00 GMT", "3600 s ahead of")] {
            let Some(Error::Unavailable(gone)) = off(date) else { panic!() };
            assert!(gone.text.contains(found), "{}", gone.text);
        }
    }
}
