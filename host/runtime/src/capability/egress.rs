//! Where a plugin may send requests to.
//!
//! A grant is `scheme://host[:port]`. In the host `*` stands for exactly one whole label and never for one of the last two:
//! `https://sts.*.amazonaws.com`, not `https://*.amazonaws.com`, under which anyone may own a name. There are no paths, and
//! no grant means no request. A literal address is allowed only by a grant that spells it out, and is judged before any
//! client sees it; other spellings of an address (decimal, octal, hexadecimal) are made plain by the URL parser first. A
//! name is resolved by the host, and of the answers only those are dialled that are on the open internet, or private where
//! the administrator opened private ranges: a name never leads to this machine, to its link or to a metadata service.
use super::Refusal;
use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
    str::FromStr,
};
use url::{Host, Url};

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
}

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

    fn allows(&self, origin: &Origin) -> bool {
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

/// Where a URL leads, without the rest of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: Scheme,
    host: Host<String>,
    port: u16,
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
        let scheme = url.scheme().parse().map_err(|_| EgressError::Scheme)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::UserInfo);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else { return Err(EgressError::Scheme) };
        let origin = Origin { scheme, host: host.to_owned(), port };
        if self.patterns.iter().any(|pattern| pattern.allows(&origin)) { Ok(origin) } else { Err(EgressError::NotGranted(origin)) }
    }
}

/// Asks for the addresses of a name.
pub(crate) trait Resolve: Send + Sync {
    /// All addresses, in the order to try them.
    fn resolve(&self, name: String) -> Resolving;
}

/// The answer of a [`Resolve`].
pub(crate) type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The resolver of the operating system.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: String) -> Resolving {
        Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.map(|address| address.ip()).collect()) })
    }
}

/// How far an address is from everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Of the open internet.
    Public,
    /// A private range, which the administrator may open as a whole.
    Private,
    /// This machine, its link, or a service of the cloud under it: reached only by a grant that spells it out.
    Local(&'static str),
    /// Reached by nobody: not the address of one machine, or a second spelling of another address.
    Never(&'static str),
}

/// Metadata services that are outside of the link-local range, in Alibaba Cloud, Azure, Oracle Cloud, AWS and Google Cloud.
/// What they answer without asking is a login of this machine.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Judges an address.
pub(crate) fn reach(address: IpAddr) -> Reach {
    if METADATA.contains(&address) {
        return Reach::Local("a metadata service");
    }
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [0, ..] => Reach::Never("an unspecified address"),
        [127, ..] => Reach::Local("a loopback address"),
        [169, 254, ..] => Reach::Local("a link-local address"),
        // Carrier-grade NAT: clusters take it for pods where private ranges run out.
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Reach::Private,
        [192, 0, 0, _] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18 | 19, ..] | [192, 88, 99, _] => {
            Reach::Never("a reserved address")
        }
        [224..=239, ..] => Reach::Never("a multicast address"),
        [240..=255, ..] => Reach::Never("a reserved address"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Reach::Never("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Local("a loopback address"),
        [0xfe80..=0xfebf, ..] => Reach::Local("a link-local address"),
        [0xfc00..=0xfdff, ..] => Reach::Private,
        [0xff00..=0xffff, ..] => Reach::Never("a multicast address"),
        // Compatible, mapped, translated (64:ff9b::/32 holds both prefixes of NAT64), Teredo, 6to4.
        [0, 0, 0, 0, 0, 0, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x64, 0xff9b, ..]
        | [0x2001, 0, ..]
        | [0x2002, ..] => Reach::Never("an IPv4 address in an IPv6 one"),
        // 2001::/23 is kept for protocols; 2001:db8::/32 and 3fff::/20 for documents.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never("a reserved address"),
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never("a reserved address"),
    }
}

/// Keeps of the addresses of a name those that may be dialled.
///
/// # Errors
/// What the first address was, if none is left, and what to do about it.
pub(crate) fn vet(addresses: &[IpAddr], private: bool) -> Result<Vec<IpAddr>, (&'static str, &'static str)> {
    let dialled = |address: &IpAddr| match reach(*address) {
        Reach::Public => true,
        Reach::Private => private,
        Reach::Local(_) | Reach::Never(_) => false,
    };
    let kept: Vec<_> = addresses.iter().copied().filter(dialled).collect();
    let Some(first) = addresses.first().filter(|_| kept.is_empty()) else { return Ok(kept) };
    Err(match reach(*first) {
        Reach::Public | Reach::Private => ("private addresses", "the administrator can allow them for all plugins"),
        Reach::Local(kind) => (kind, "a grant must spell the address out"),
        Reach::Never(kind) => (kind, "no grant can allow it"),
    })
}
