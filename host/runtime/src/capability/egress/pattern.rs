//! Grants as they are written: `scheme://host[:port]`, with `*` for one whole label that is not among the last two.
//!
//! What can be misread is refused when the grant is read, not when it is used: user info, paths, upper case, addresses that
//! are not in their plain form, stars that would cover names which anyone may own.
use super::{
    Origin, Scheme,
    address::{Reach, reach},
};
use std::{fmt, net::IpAddr, str::FromStr};
use url::Host;

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Address(IpAddr),
    /// None is a `*`.
    Labels(Vec<Option<String>>),
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not an origin: {cause}; write http://HOST, https://HOST or either with :PORT, where HOST is a name in lower case, an IPv4 address or an IPv6 address in brackets, and * may stand for one whole label that is not among the last two"
)]
pub(crate) struct PatternError {
    found: String,
    cause: &'static str,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::read(text).map_err(|cause| PatternError { found: text.chars().take(128).collect(), cause })
    }
}

impl Pattern {
    fn read(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once("://").ok_or("the scheme is missing")?;
        let scheme: Scheme = scheme.parse().map_err(|_| "the scheme is neither http nor https")?;
        if rest.contains('@') {
            return Err("it has user info");
        }
        if rest.contains(['/', '?', '#', '\\']) {
            return Err("it has a path, a query or a fragment");
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (rest, None),
        };
        let port = match port {
            None => scheme.port(),
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or("the port is not between 1 and 65535")?
            }
            Some(_) => return Err("the port is not a number"),
        };
        Ok(Self { scheme, host: HostPattern::read(host)?, port })
    }

    /// Whether it covers an origin.
    pub(super) fn allows(&self, origin: &Origin) -> bool {
        self.scheme == origin.scheme && self.port == origin.port && self.host.allows(&origin.host)
    }
}

impl HostPattern {
    fn read(host: &str) -> Result<Self, &'static str> {
        // The parser decides what is a name and what an address; a star is not valid in either, so a label takes its place.
        let parsed = Host::parse(&host.replace('*', "x")).map_err(|_| "the host is neither a name nor an address")?;
        let address = match parsed {
            Host::Ipv4(address) => IpAddr::V4(address),
            Host::Ipv6(address) => IpAddr::V6(address),
            Host::Domain(_) => return Self::read_name(host),
        };
        if literal(address).to_string() != host {
            return Err("the address is not in its plain form");
        }
        match reach(address) {
            Reach::Never(_) => Err("no request can be sent to that address"),
            _ => Ok(Self::Address(address)),
        }
    }

    fn read_name(host: &str) -> Result<Self, &'static str> {
        let labels: Vec<_> = host.split('.').collect();
        if host.len() > 253 || labels.iter().any(|label| label.is_empty() || label.len() > 63) {
            return Err("a label of the name is empty or too long");
        }
        let valid = |label: &&str| {
            *label == "*" || label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        };
        if !labels.iter().all(valid) {
            return Err("the name has other characters than a-z, 0-9, - and _, or a * that is not a whole label");
        }
        if labels.iter().rev().take(2).any(|label| *label == "*") {
            return Err("a * stands among the last two labels");
        }
        Ok(Self::Labels(labels.into_iter().map(|label| (label != "*").then(|| label.to_owned())).collect()))
    }

    fn allows(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Self::Address(IpAddr::V4(granted)), Host::Ipv4(address)) => granted == address,
            (Self::Address(IpAddr::V6(granted)), Host::Ipv6(address)) => granted == address,
            (Self::Labels(labels), Host::Domain(name)) => {
                let mut found = name.split('.');
                let each = labels
                    .iter()
                    .all(|label| found.next().is_some_and(|found| label.as_ref().map_or(!found.is_empty(), |label| label == found)));
                each && found.next().is_none()
            }
            _ => false,
        }
    }
}

/// As it stands in a URL: IPv6 in brackets.
fn literal(address: IpAddr) -> Host<String> {
    match address {
        IpAddr::V4(address) => Host::Ipv4(address),
        IpAddr::V6(address) => Host::Ipv6(address),
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://", self.scheme)?;
        match &self.host {
            HostPattern::Address(address) => write!(out, "{}", literal(*address))?,
            HostPattern::Labels(labels) => {
                let labels: Vec<_> = labels.iter().map(|label| label.as_deref().unwrap_or("*")).collect();
                out.write_str(&labels.join("."))?;
            }
        }
        if self.port == self.scheme.port() { Ok(()) } else { write!(out, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_pattern_is_refused_with_what_is_valid() {
        for pattern in [
            "",
            "*",
            "https://",
            "https://*",
            "https://*.com",
            "https://a.*.com",
            "https://a.b.*",
            "https://a*.example.com",
            "https://**.example.com",
            "https://*.*",
            "example.com",
            "ftp://example.com",
            "HTTPS://example.com",
            "https://Example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com?q",
            "https://example.com#f",
            "https://u@example.com",
            "https://u:p@example.com",
            "https://example.com:",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:+80",
            "https://example.com:a",
            "https://example..com",
            "https://.example.com",
            "https://example.com.",
            "https://exa mple.com",
            "https://bücher.example",
            "https://ex%61mple.com",
            "https://example.com\\a",
            "https://2130706433",
            "https://0x7f.1",
            "https://0177.0.0.1",
            "https://127.1",
            "https://*.0.0.1",
            "https://[::1",
            "https://::1",
            "https://[0:0::1]",
            "https://[::FFFF:1]",
            "http://0.0.0.0",
            "http://[::]",
            "http://224.0.0.1",
            "http://255.255.255.255",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://[64:ff9b::7f00:1]",
            "http://[2002:7f00:1::]",
            "http://[ff02::1]",
            "http://[fe80::1%25eth0]",
        ] {
            let error = pattern.parse::<Pattern>().unwrap_err().to_string();
            assert!(error.contains("write http://HOST, https://HOST or either with :PORT"), "{error}");
        }
        let long = format!("https://{}.com", "a".repeat(5000)).parse::<Pattern>().unwrap_err();
        assert!(long.to_string().len() < 600);
    }

    #[test]
    fn a_pattern_reads_back_as_it_was_written() {
        for text in [
            "https://example.com",
            "http://example.com:8080",
            "https://sts.*.amazonaws.com",
            "http://169.254.169.254",
            "http://[fd00:ec2::254]",
            "http://[::1]:8080",
            "https://xn--bcher-kva.example",
            "http://metadata.google.internal",
            "http://localhost:1",
        ] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        assert_eq!("https://a.b:443".parse::<Pattern>().unwrap().to_string(), "https://a.b");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in ".{0,64}") {
            let _ = text.parse::<Pattern>();
        }
    }
}
