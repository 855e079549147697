//! Go's `net/url`: what a text is made of as an address, and an address as text.

use std::net::{Ipv4Addr, Ipv6Addr};

use go_template_engine::strconv;

use super::{error::GoError, text};

/// The parts of an address. Path and fragment are without escapes; query and opaque part are as they stood.
#[derive(Default)]
pub struct Url {
    pub scheme: Vec<u8>,
    pub opaque: Vec<u8>,
    pub user: Option<User>,
    pub host: Vec<u8>,
    pub path: Vec<u8>,
    pub query: Vec<u8>,
    pub fragment: Vec<u8>,
}

/// Before the `@`.
pub struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    /// Escaped, as in an address.
    pub fn text(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Part::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Part::User));
        }
        out
    }
}

fn quote(text: &[u8]) -> Vec<u8> {
    strconv::quote(text, false)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

/// Go's `url.Parse`; its error begins with `parse "…": `.
pub fn parse(raw: &[u8]) -> Result<Url, GoError> {
    let failed = |shown: &[u8], error: GoError| GoError::new("parse ").quote(quote(shown)).text(": ").wrap(error);
    let (address, fragment) = cut(raw, b'#');
    let mut url = without_fragment(address).map_err(|error| failed(address, error))?;
    if let Some(fragment) = fragment {
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| failed(raw, error))?;
    }
    Ok(url)
}

fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == at) {
        Some(place) => (text.get(..place).unwrap_or_default(), text.get(place + 1..)),
        None => (text, None),
    }
}

fn without_fragment(raw: &[u8]) -> Result<Url, GoError> {
    if raw.iter().any(|&byte| byte < b' ' || byte == 0x7f) {
        return Err(GoError::new("net/url: invalid control character in URL"));
    }
    let mut url = Url::default();
    if raw == b"*" {
        url.path = raw.to_vec();
        return Ok(url);
    }
    let (scheme, rest) = scheme(raw)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err(GoError::new("first path segment in URL cannot contain colon"));
        }
    }
    let mut path = rest;
    if let Some(authority) = rest.strip_prefix(b"//")
        && (!url.scheme.is_empty() || !rest.starts_with(b"///"))
    {
        let end = authority.iter().position(|&byte| byte == b'/').unwrap_or(authority.len());
        let (authority, after) = authority.split_at_checked(end).unwrap_or((authority, &[]));
        (url.user, url.host) = parse_authority(&url.scheme, authority)?;
        path = after;
    }
    url.path = unescape(path, Part::Path)?;
    Ok(url)
}

fn scheme(raw: &[u8]) -> Result<(&[u8], &[u8]), GoError> {
    for (place, byte) in raw.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if place > 0 => {}
            b':' if place == 0 => return Err(GoError::new("missing protocol scheme")),
            b':' => return Ok((raw.get(..place).unwrap_or_default(), raw.get(place + 1..).unwrap_or_default())),
            _ => break,
        }
    }
    Ok((&[], raw))
}

fn parse_authority(scheme: &[u8], authority: &[u8]) -> Result<(Option<User>, Vec<u8>), GoError> {
    let Some(at) = authority.iter().rposition(|&byte| byte == b'@') else {
        return Ok((None, parse_host(scheme, authority)?));
    };
    let host = parse_host(scheme, authority.get(at + 1..).unwrap_or_default())?;
    let user = authority.get(..at).unwrap_or_default();
    if !user.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&byte)) {
        return Err(GoError::new("net/url: invalid userinfo"));
    }
    let (name, password) = cut(user, b':');
    let name = unescape(name, Part::User)?;
    let password = password.map(|password| unescape(password, Part::User)).transpose()?;
    Ok((Some(User { name, password }), host))
}

fn parse_host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, GoError> {
    let check_port = |port: &[u8]| match port.split_first() {
        None => Ok(()),
        Some((b':', digits)) if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(GoError::new("invalid port ").quote(quote(port)).text(" after host")),
    };
    match host.iter().rposition(|&byte| byte == b'[') {
        Some(1..) => return Err(GoError::new("invalid IP-literal")),
        Some(0) => {
            let Some(close) = host.iter().rposition(|&byte| byte == b']') else {
                return Err(GoError::new("missing ']' in host"));
            };
            let port = host.get(close + 1..).unwrap_or_default();
            check_port(port)?;
            let name = host.get(1..close).unwrap_or_default();
            let name = match text::index(name, b"%25") {
                Some(zone) => {
                    let mut address = unescape(name.get(..zone).unwrap_or_default(), Part::Host)?;
                    address.extend(unescape(name.get(zone..).unwrap_or_default(), Part::Zone)?);
                    address
                }
                None => unescape(name, Part::Host)?,
            };
            check_address(&name)?;
            return Ok([b"[", name.as_slice(), b"]", port].concat());
        }
        None => {}
    }
    if let Some(first) = host.iter().position(|&byte| byte == b':') {
        let last = host.iter().rposition(|&byte| byte == b':').unwrap_or(first);
        // Lists of hosts with ports pass but for the web's own schemes.
        let colon = if matches!(scheme, b"http" | b"https") { first } else { last };
        check_port(host.get(colon..).unwrap_or_default())?;
    }
    unescape(host, Part::Host)
}

/// Between brackets stands an IPv6 address, with or without a zone.
fn check_address(name: &[u8]) -> Result<(), GoError> {
    let invalid = || GoError::new("invalid host: ParseAddr(").quote(quote(name)).text("): unable to parse IP");
    let (address, zone) = cut(name, b'%');
    let address = std::str::from_utf8(address).map_err(|_| invalid())?;
    if address.parse::<Ipv4Addr>().is_ok() && zone.is_none() {
        return Err(GoError::new("invalid IP-literal"));
    }
    if address.parse::<Ipv6Addr>().is_err() || zone.is_some_and(<[u8]>::is_empty) {
        return Err(invalid());
    }
    Ok(())
}

fn keeps(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return true;
    }
    match part {
        Part::Host | Part::Zone => b"!$&'()*+,;=:[]<>\"".contains(&byte),
        Part::Path => b"$&+,/:;=@".contains(&byte),
        Part::User => b"$&+,;=".contains(&byte),
        Part::Fragment => b"$&+,/:;=?@!()*".contains(&byte),
    }
}

fn unescape(text: &[u8], part: Part) -> Result<Vec<u8>, GoError> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && !keeps(byte, part) {
                return Err(GoError::new("invalid character ").quote(quote(&[byte])).text(" in host name"));
            }
            out.push(byte);
            rest = after;
            continue;
        }
        let digit = |place: usize| after.get(place).and_then(|&digit| char::from(digit).to_digit(16));
        let invalid = || {
            let shown = rest.get(..rest.len().min(3)).unwrap_or_default();
            GoError::new("invalid URL escape ").quote(quote(shown))
        };
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(invalid()) };
        let value = u8::try_from(high * 16 + low).unwrap_or_default();
        let percent = value == b'%' && rest.starts_with(b"%25");
        if part == Part::Host && high < 8 && !percent {
            return Err(invalid());
        }
        if part == Part::Zone && !percent && value != b' ' && !keeps(value, Part::Host) {
            return Err(invalid());
        }
        out.push(value);
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(out)
}

fn escape(text: &[u8], part: Part) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    for &byte in text {
        if keeps(byte, part) {
            out.push(byte);
        } else {
            let hex = |digit: u8| HEX.get(usize::from(digit)).copied().unwrap_or_default();
            out.extend([b'%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    out
}

impl Url {
    /// The part of the host before the port, without brackets.
    pub fn hostname(&self) -> &[u8] {
        let host = match self.host.iter().rposition(|&byte| byte == b':') {
            Some(colon) if self.host.get(colon + 1..).unwrap_or_default().iter().all(u8::is_ascii_digit) => {
                self.host.get(..colon).unwrap_or_default()
            }
            _ => &self.host,
        };
        host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
    }

    /// As text.
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            let authority = !self.host.is_empty() || self.user.is_some();
            if authority || (!self.scheme.is_empty() && !self.path.is_empty()) {
                out.extend_from_slice(b"//");
            }
            if let Some(user) = &self.user {
                out.extend(user.text());
                out.push(b'@');
            }
            out.extend(escape(&self.host, Part::Host));
            let path = if self.path == b"*" { self.path.clone() } else { escape(&self.path, Part::Path) };
            if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
                out.push(b'/');
            }
            if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
                // Else the part before the colon would read as a scheme.
                out.extend_from_slice(b"./");
            }
            out.extend(path);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Part::Fragment));
        }
        out
    }
}
