//! The base address of a server, as users write it: with or without `/api`, with or without a trailing slash.
use crate::Error;
use std::fmt;
use url::Url;

/// Where a server's API lives: `scheme://host[:port][/prefix]/api`. Two spellings of one server are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(Url);

/// Why a text is no address of a server. It quotes the text without user info, query and fragment, where people put passwords
/// and tokens.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{found:?} is not the address of a server: {problem}; write it like https://infisical.example.com")]
pub struct AddressError {
    found: String,
    problem: &'static str,
}

impl Address {
    /// Reads what a user wrote.
    ///
    /// # Errors
    /// Not a URL, another scheme than `http` or `https`, user info, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let wrong = |problem| AddressError { found: quotable(text).chars().take(128).collect(), problem };
        let mut url = Url::parse(text.trim()).map_err(|_| wrong("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong("the scheme must be http or https"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(wrong("the host is missing"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it must not hold a query or fragment"));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/');
        let path = format!("{path}/api");
        url.set_path(&path);
        Ok(Self(url))
    }

    /// `scheme://host[:port]`, the unit of trust.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The URL of an endpoint, from its path after `/api`, for example `/v3/secrets/raw`.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{}", self.0.path(), path.trim_start_matches('/')));
        url
    }

    /// The URL of one resource of an endpoint: `name` becomes the last segment of the path, escaped.
    ///
    /// # Errors
    /// A name that a path can't hold: empty, `.` or `..`.
    pub(crate) fn resource(&self, path: &str, name: &str) -> Result<Url, Error> {
        let mut url = self.endpoint(path);
        let wrong = || Error::Request(format!("{name:?} can't be the name of a secret or a project"));
        if matches!(name, "" | "." | "..") {
            return Err(wrong());
        }
        url.path_segments_mut().map_err(|()| wrong())?.push(name);
        Ok(url)
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// What of a text may be shown.
fn quotable(text: &str) -> String {
    let text = text.trim();
    if let Ok(mut url) = Url::parse(text)
        && matches!(url.scheme(), "http" | "https")
        && url.set_username("").is_ok()
        && url.set_password(None).is_ok()
    {
        url.set_query(None);
        url.set_fragment(None);
        return url.into();
    }
    // Whatever stands before the last @ may be a password, also one with a slash or a question mark in it.
    let without_user = |part: &str| part.rsplit('@').next().unwrap_or_default().split(['?', '#']).next().unwrap_or_default().to_owned();
    match text.split_once("://") {
        Some((scheme, rest)) => format!("{}://{}", without_user(scheme), without_user(rest)),
        None => without_user(text),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_server_are_equal() {
        let wanted = Address::parse("https://a.example").unwrap();
        for text in ["https://a.example/", "https://a.example/api", "https://a.example/api/", " https://A.example:443//api//"] {
            assert_eq!(Address::parse(text).unwrap(), wanted, "{text}");
        }
        assert_eq!(wanted.endpoint("/v3/x").as_str(), "https://a.example/api/v3/x");
        assert_eq!(Address::parse("http://a/sub/api/").unwrap().endpoint("v1/y").as_str(), "http://a/sub/api/v1/y");
        assert_eq!(Address::parse("http://a:8080/sub").unwrap().origin(), "http://a:8080");
    }

    #[test]
    fn a_name_stays_one_segment() {
        let address = Address::parse("https://a.example").unwrap();
        assert_eq!(address.resource("/v4/secrets", "a/../b?c").unwrap().as_str(), "https://a.example/api/v4/secrets/a%2F..%2Fb%3Fc");
        for name in ["", ".", ".."] {
            assert!(address.resource("/v4/secrets", name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for text in ["", "example.com", "ftp://a", "https://user:pass@a", "https://a/?q", "https://a/#f"] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains("write it like"), "{error}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_quoted() {
        for text in [
            "https://admin:hunter2@a.example/sub",
            "https://hunter2@a.example",
            "https://a.example/?token=hunter2",
            "https://a.example/#hunter2",
            "https://admin:x?hunter2@a.example",
            "admin:hunter2@a.example",
            "admin:x/hunter2@a.example",
            "ftp://admin:hunter2@a.example",
            "a.example?token=hunter2",
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains("admin") && error.contains("a.example"), "{text}: {error}");
        }
        assert!(Address::parse("vault.example").unwrap_err().to_string().starts_with("\"vault.example\" is not"));
    }
}
