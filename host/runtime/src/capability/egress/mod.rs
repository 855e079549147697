//! Where a plugin may send requests to.
//!
//! A grant is `scheme://host[:port]`. In the host `*` stands for exactly one whole label and never for one of the last two:
//! `https://sts.*.amazonaws.com`, not `https://*.amazonaws.com`, under which anyone may own a name. There are no paths, and
//! no grant means no request. A literal address is allowed only by a grant that spells it out, and is judged before any
//! client sees it; other spellings of an address (decimal, octal, hexadecimal) are made plain by the URL parser first. A
//! name is resolved by the host, and of the answers only those are dialled that are on the open internet, or private where
//! the administrator opened private ranges: a name never leads to this machine, to its link or to a metadata service.
pub(super) mod address;
pub(crate) mod detour;
mod pattern;

use super::Refusal;
pub(crate) use address::{Resolve, SystemResolver, vet};
pub(crate) use pattern::{Pattern, PatternError};
use std::fmt;
use url::{Host, Url};

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::Display)]
#[strum(serialize_all = "lowercase")]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Where a URL leads, without the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of a URL; None where its scheme is neither `http` nor `https`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        let (Ok(scheme), Some(host), Some(port)) = (url.scheme().parse(), url.host(), url.port_or_known_default()) else { return None };
        Some(Self { scheme, host: host.to_owned(), port })
    }

    /// As it stands in a `Host` header: the port only where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        let host = self.host.to_string();
        if self.port == self.scheme.port() { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The name comes from the plugin.
        let host: String = self.host.to_string().chars().take(253).collect();
        write!(out, "{}://{host}", self.scheme)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(out, ":{}", self.port) }
    }
}

/// Why a request may not be sent. Quotes the origin, nothing else of the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EgressError {
    /// Neither `http` nor `https`.
    #[error("the URL is neither http nor https")]
    Scheme,
    /// `https://user:password@host`
    #[error("the URL has user info; send an Authorization header instead")]
    UserInfo,
    /// No grant covers it.
    #[error("http:{0}")]
    NotGranted(Origin),
    /// A grant covers the name, but all its addresses are such that no name may lead there.
    #[error("http:{origin} (the name leads to {kind} only; {advice})")]
    Address {
        /// Where to.
        origin: String,
        /// What kind of address.
        kind: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

impl From<EgressError> for Refusal {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Scheme | EgressError::UserInfo => Self::Settings(error.to_string()),
            EgressError::NotGranted(_) | EgressError::Address { .. } => Self::Denied(error.to_string()),
        }
    }
}

/// The grants of one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Egress {
    patterns: Vec<Pattern>,
}

impl Egress {
    /// Reads grants as they stand behind `http:`.
    ///
    /// # Errors
    /// The first that is no pattern.
    pub(crate) fn parse<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        Ok(Self { patterns: patterns.into_iter().map(str::parse).collect::<Result<_, _>>()? })
    }

    /// Judges a URL by its origin: that a grant covers it, and so that an address in it is spelt out by one.
    ///
    /// # Errors
    /// Any [`EgressError`] but `Address`, which only shows when the name is resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<Origin, EgressError> {
        let origin = Origin::of(url).ok_or(EgressError::Scheme)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::UserInfo);
        }
        if self.patterns.iter().any(|pattern| pattern.allows(&origin)) { Ok(origin) } else { Err(EgressError::NotGranted(origin)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use address::{Reach, reach};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    /// A URL that doesn't parse leads nowhere.
    fn allowed(pattern: &str, url: &str) -> bool {
        let egress = Egress::parse([pattern]).unwrap();
        url.parse().is_ok_and(|url| egress.check(&url).is_ok())
    }

    #[test]
    fn no_grant_allows_nothing() {
        for url in ["https://example.com", "http://127.0.0.1", "http://[::1]"] {
            assert!(matches!(Egress::default().check(&url.parse().unwrap()), Err(EgressError::NotGranted(_))), "{url}");
        }
    }

    #[test]
    fn scheme_host_and_port_must_all_agree() {
        for (pattern, url, expected) in [
            ("https://example.com", "https://example.com/a/b?c=d#e", true),
            ("https://example.com", "https://example.com:443", true),
            ("https://example.com:443", "https://example.com", true),
            ("https://example.com", "HTTPS://EXAMPLE.com", true),
            ("https://example.com", "http://example.com", false),
            ("https://example.com", "http://example.com:443", false),
            ("https://example.com", "https://example.com:8443", false),
            ("https://example.com:8443", "https://example.com:8443", true),
            ("https://example.com:8443", "https://example.com", false),
            ("https://example.com", "https://a.example.com", false),
            ("https://example.com", "https://example.com.evil.net", false),
            ("https://example.com", "https://evil-example.com", false),
            ("https://example.com", "https://example.com.", false),
            ("https://example.com", "https://ex%61mple.com", true),
            ("https://example.com", "https://ех.example.com", false),
            ("http://localhost:80", "http://127.0.0.1", false),
            ("http://127.0.0.1:8080", "http://localhost:8080", false),
        ] {
            assert_eq!(allowed(pattern, url), expected, "{pattern} {url}");
        }
    }

    #[test]
    fn a_star_is_one_whole_label() {
        for (url, expected) in [
            ("https://sts.eu-central-1.amazonaws.com", true),
            ("https://sts.amazonaws.com", false),
            ("https://sts.a.b.amazonaws.com", false),
            ("https://sts..amazonaws.com", false),
            ("https://evil.eu-central-1.amazonaws.com", false),
            ("https://sts.eu-central-1.amazonaws.com.evil.net", false),
            ("https://sts.eu-central-1.amazonaws.com.", false),
        ] {
            assert_eq!(allowed("https://sts.*.amazonaws.com", url), expected, "{url}");
        }
    }

    #[test]
    fn a_literal_needs_a_grant_that_spells_it_out_whatever_its_spelling() {
        let loopback = [
            "http://127.0.0.1",
            "http://127.1",
            "http://127.0.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0x7f.1",
            "http://0177.0.0.1",
            "http://017700000001",
            "http://%31%32%37.0.0.1",
            "http://１２７.0.0.1",
            "http://127.0.0.1.",
        ];
        for url in loopback {
            assert!(allowed("http://127.0.0.1", url), "{url}");
            for pattern in ["http://127.0.0.2", "http://localhost", "http://*.0.example.com", "http://169.254.169.254"] {
                assert!(!allowed(pattern, url), "{pattern} {url}");
            }
        }
        for url in
            ["http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[::127.0.0.1]", "http://[64:ff9b::127.0.0.1]", "http://[::1]"]
        {
            assert!(!allowed("http://127.0.0.1", url), "{url}");
        }
        assert!(allowed("http://[fd00:ec2::254]", "http://[FD00:0ec2:0:0::254]/latest"));
    }

    #[test]
    fn other_schemes_and_user_info_are_refused() {
        let egress = Egress::parse(["https://example.com"]).unwrap();
        let check = |url: &str| egress.check(&url.parse().unwrap()).err();
        for url in ["ftp://example.com", "file:///etc/passwd", "data:text/plain,x", "ws://example.com", "unix:/run/x"] {
            assert_eq!(check(url), Some(EgressError::Scheme), "{url}");
        }
        for url in ["https://u@example.com", "https://:canary@example.com", "https://example.com:x@example.com"] {
            assert_eq!(check(url), Some(EgressError::UserInfo), "{url}");
        }
        assert!(matches!(check("https://example.com@evil.net"), Some(EgressError::UserInfo)));
        assert_eq!(check("https://example.com\\@evil.net"), None, "the path begins at the backslash");
    }

    #[test]
    fn a_denial_names_the_grant_that_is_missing_and_nothing_else_of_the_url() {
        let error = Egress::default().check(&"https://evil.net:8443/canary?canary#canary".parse().unwrap()).unwrap_err();
        assert_eq!(Refusal::from(error), Refusal::Denied("http:https://evil.net:8443".into()));
    }

    prop_compose! {
        fn label()(text in "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?") -> String { text }
    }

    proptest! {
        #[test]
        fn a_pattern_without_a_star_allows_its_own_origin_and_no_other(a in label(), b in label(), port in 1u16..) {
            let name = format!("{a}.{b}.example");
            prop_assume!(Host::parse(&name).is_ok());
            let pattern = format!("https://{name}:{port}");
            let url = format!("{pattern}/{a}?{b}");
            prop_assert!(allowed(&pattern, &url));
            for other in [format!("http://{name}:{port}"), format!("https://x.{name}:{port}"), format!("https://{name}.x:{port}"), format!("https://{a}x.{b}.example:{port}")] {
                prop_assert!(!allowed(&pattern, &other), "{}", other);
            }
            let shown = pattern.parse::<Pattern>().unwrap().to_string();
            prop_assert_eq!(shown.parse::<Pattern>().unwrap(), pattern.parse::<Pattern>().unwrap());
        }

        #[test]
        fn a_star_never_spans_labels(a in label(), b in label(), c in label()) {
            let pattern = "https://*.service.example";
            prop_assume!(Host::parse(&format!("{a}.{b}.service.example")).is_ok() && Host::parse(&c).is_ok());
            let url = format!("https://{a}.service.example");
            prop_assert!(allowed(pattern, &url));
            let names = [format!("{a}.{b}.service.example"), "service.example".to_owned(), format!("{a}.{c}.example.x"), format!("{a}.service.example.{b}x")];
            for other in names {
                let url = format!("https://{other}");
                prop_assert!(!allowed(pattern, &url), "{}", url);
            }
        }

        /// Octal, hexadecimal, decimal: what the URL parser makes one address, the rules take for one address.
        #[test]
        fn every_spelling_of_an_address_is_that_address(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            prop_assume!(!matches!(reach(address.into()), Reach::Never(_)));
            let [a, b, c, d] = address.octets();
            for spelling in [
                format!("{address}"), format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"), format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
                format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"), format!("{a}.{}", bits & 0xff_ffff), format!("{a}.{b}.{}", bits & 0xffff),
            ] {
                let url = format!("http://{spelling}/");
                let (own, other) = (format!("http://{address}"), format!("http://1.1.1.{}", if d == 1 { 2 } else { 1 }));
                prop_assert!(allowed(&own, &url), "{}", url);
                prop_assert!(!allowed(&other, &url), "{}", url);
                prop_assert!(!allowed("http://*.example.com", &url), "{}", url);
            }
        }
    }
}
