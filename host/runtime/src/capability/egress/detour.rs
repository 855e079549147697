//! Other addresses for some origins, for development and tests: a cloud's service that is played on this machine.
//!
//! A request is judged by its grants against the origin that the plugin named, and only then sent elsewhere, with the `Host`
//! header of that origin, which signatures cover. Only the administrator makes detours, never a resource or a plugin, and
//! they lead to a loopback address alone, so that a detour that is left over in a cluster leads nowhere.
use super::{Origin, Scheme};
use std::{collections::BTreeMap, net::SocketAddr};
use url::{Host, Url};

/// Loopback addresses by origin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detours(BTreeMap<String, SocketAddr>);

/// Why a detour can't be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetourError {
    /// Not a scheme, a host and perhaps a port.
    #[error("{0:?} is no origin: write https://HOST or http://HOST:PORT, without a path")]
    Origin(String),
    /// Not on this machine.
    #[error("{0:?} is no address on this machine: write http://127.0.0.1:PORT or http://[::1]:PORT")]
    Elsewhere(String),
}

impl Detours {
    /// Sends what is meant for `origin` to `address`, `http://127.0.0.1:PORT`. A later one for the same origin wins.
    ///
    /// # Errors
    /// See [`DetourError`].
    pub fn add(&mut self, origin: &str, address: &str) -> Result<(), DetourError> {
        let from = parse(origin).ok_or_else(|| DetourError::Origin(origin.to_owned()))?;
        let to = parse(address).and_then(|to| match (&to.scheme, &to.host) {
            (Scheme::Http, Host::Ipv4(ip)) if ip.is_loopback() => Some(SocketAddr::from((*ip, to.port))),
            (Scheme::Http, Host::Ipv6(ip)) if ip.is_loopback() => Some(SocketAddr::from((*ip, to.port))),
            _ => None,
        });
        self.0.insert(from.to_string(), to.ok_or_else(|| DetourError::Elsewhere(address.to_owned()))?);
        Ok(())
    }

    pub(crate) fn of(&self, origin: &Origin) -> Option<SocketAddr> {
        if self.0.is_empty() { None } else { self.0.get(&origin.to_string()).copied() }
    }
}

fn parse(text: &str) -> Option<Origin> {
    let url: Url = text.parse().ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    Origin::of(&url).filter(|_| bare && url.password().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_same_in_each_spelling() {
        let mut detours = Detours::default();
        detours.add("https://STS.amazonaws.com:443", "http://127.0.0.1:4711").unwrap();
        let of = |url: &str| detours.of(&Origin::of(&url.parse().unwrap()).unwrap());
        assert_eq!(of("https://sts.amazonaws.com/path?query"), Some("127.0.0.1:4711".parse().unwrap()));
        for other in ["http://sts.amazonaws.com", "https://sts.amazonaws.com:444", "https://x.sts.amazonaws.com"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_detour_leads_to_this_machine_only() {
        let mut detours = Detours::default();
        for to in ["http://10.0.0.1:80", "http://evil.example", "https://127.0.0.1:1", "http://127.0.0.1:1/path", "127.0.0.1:1", ""] {
            assert_eq!(detours.add("https://a.example", to), Err(DetourError::Elsewhere(to.into())), "{to}");
        }
        for from in ["a.example", "https://a.example/path", "https://user@a.example", "ftp://a.example", ""] {
            assert_eq!(detours.add(from, "http://127.0.0.1:1"), Err(DetourError::Origin(from.into())), "{from}");
        }
        assert_eq!(detours, Detours::default());
    }
}
