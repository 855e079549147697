//! Versions and constraints as Masterminds/semver reads them, release 3.3.0 or 3.4.0: the two differ in when a pre-release
//! may satisfy a constraint, and in the case of their error texts.

use std::cmp::Ordering;

use go_template_engine::strconv::{self, NumberError};

use super::error::GoError;

/// Which release of the library.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// In Infisical's operator.
    V3_3,
    /// In External Secrets Operator.
    V3_4,
}

impl Release {
    fn invalid(self) -> GoError {
        GoError::new(match self {
            Self::V3_3 => "Invalid Semantic Version",
            Self::V3_4 => "invalid semantic version",
        })
    }

    fn leading_zero(self) -> GoError {
        GoError::new(match self {
            Self::V3_3 => "Version segment starts with 0",
            Self::V3_4 => "version segment starts with 0",
        })
    }
}

/// A version. Parts that were not given are zero.
#[derive(Clone, Default)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub prerelease: String,
    pub metadata: String,
    /// As it was given.
    pub original: String,
}

/// `1`, `v1.2`, `1.2.3-rc.1+build`.
pub fn parse(text: &[u8], release: Release) -> Result<Version, GoError> {
    let original = std::str::from_utf8(text).map_err(|_| release.invalid())?;
    let mut rest = original.strip_prefix('v').unwrap_or(original);
    let mut digits = [""; 3];
    for (place, segment) in digits.iter_mut().enumerate() {
        if place > 0 {
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None => break,
            }
        }
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return Err(release.invalid());
        }
        (*segment, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
    }
    let (tail, metadata) = match rest.split_once('+') {
        Some((tail, metadata)) => (tail, Some(metadata)),
        None => (rest, None),
    };
    let prerelease = match (tail.strip_prefix('-'), tail) {
        (Some(prerelease), _) => Some(prerelease),
        (None, "") => None,
        (None, _) => return Err(release.invalid()),
    };
    for part in prerelease.into_iter().chain(metadata).flat_map(|list| list.split('.')) {
        if part.is_empty() || !part.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()) {
            return Err(release.invalid());
        }
    }
    let segment = |digits: &str| match digits {
        "" => Ok(0),
        _ => strconv::parse_uint(digits.as_bytes(), 10, 64).map_err(|error| {
            let start = match release {
                Release::V3_3 => "Error parsing version segment: strconv.ParseUint: parsing ",
                Release::V3_4 => "error parsing version segment: strconv.ParseUint: parsing ",
            };
            GoError::new(start).quote(format!("{digits:?}")).text(": ").text(match error {
                NumberError::Syntax => "invalid syntax",
                NumberError::Range => "value out of range",
            })
        }),
    };
    let [major, minor, patch] = digits;
    let (major, minor, patch) = (segment(major)?, segment(minor)?, segment(patch)?);
    for part in prerelease.into_iter().flat_map(|list| list.split('.')) {
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(release.leading_zero());
        }
    }
    Ok(Version {
        major,
        minor,
        patch,
        prerelease: prerelease.unwrap_or_default().to_owned(),
        metadata: metadata.unwrap_or_default().to_owned(),
        original: original.to_owned(),
    })
}

impl Version {
    /// Without a leading `v`, and with all three segments.
    pub fn text(&self) -> String {
        let mut text = format!("{}.{}.{}", self.major, self.minor, self.patch);
        if !self.prerelease.is_empty() {
            text.push('-');
            text.push_str(&self.prerelease);
        }
        if !self.metadata.is_empty() {
            text.push('+');
            text.push_str(&self.metadata);
        }
        text
    }

    /// By precedence; metadata doesn't count.
    pub fn compare(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch)).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prerelease(&self.prerelease, &other.prerelease),
            }
        })
    }

    fn prefix(&self) -> &'static str {
        if self.original.starts_with('v') { "v" } else { "" }
    }

    fn derived(&self, mut next: Self) -> Self {
        next.original = format!("{}{}", self.prefix(), next.text());
        next
    }

    /// The next patch; of a pre-release, its release.
    pub fn inc_patch(&self) -> Self {
        let patch = if self.prerelease.is_empty() { self.patch.wrapping_add(1) } else { self.patch };
        self.derived(Self { major: self.major, minor: self.minor, patch, ..Self::default() })
    }

    pub fn inc_minor(&self) -> Self {
        self.derived(Self { major: self.major, minor: self.minor.wrapping_add(1), ..Self::default() })
    }

    pub fn inc_major(&self) -> Self {
        self.derived(Self { major: self.major.wrapping_add(1), ..Self::default() })
    }

    /// With another pre-release, without one for an empty text.
    pub fn with_prerelease(&self, prerelease: &[u8], release: Release) -> Result<Self, GoError> {
        let invalid = || {
            GoError::new(match release {
                Release::V3_3 => "Invalid Prerelease string",
                Release::V3_4 => "invalid prerelease string",
            })
        };
        let prerelease = std::str::from_utf8(prerelease).map_err(|_| invalid())?;
        if !prerelease.is_empty() {
            for part in prerelease.split('.') {
                let digits = part.bytes().all(|byte| byte.is_ascii_digit());
                if part.is_empty() && release == Release::V3_4 {
                    return Err(invalid());
                }
                if digits && part.len() > 1 && part.starts_with('0') {
                    return Err(release.leading_zero());
                }
                if !part.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric()) {
                    return Err(invalid());
                }
            }
        }
        Ok(self.derived(Self { prerelease: prerelease.to_owned(), ..self.clone() }))
    }

    /// With other metadata, without any for an empty text.
    pub fn with_metadata(&self, metadata: &[u8], release: Release) -> Result<Self, GoError> {
        let invalid = || {
            GoError::new(match release {
                Release::V3_3 => "Invalid Metadata string",
                Release::V3_4 => "invalid metadata string",
            })
        };
        let metadata = std::str::from_utf8(metadata).map_err(|_| invalid())?;
        let fits = |part: &str| {
            (!part.is_empty() || release == Release::V3_3) && part.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric())
        };
        if !metadata.is_empty() && !metadata.split('.').all(fits) {
            return Err(invalid());
        }
        Ok(self.derived(Self { metadata: metadata.to_owned(), ..self.clone() }))
    }
}

pub(super) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (a, b) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if a == b {
            continue;
        }
        let number = |part: &str| strconv::parse_uint(part.as_bytes(), 10, 64).ok();
        return match (a.is_empty(), b.is_empty(), number(a), number(b)) {
            (true, ..) => Ordering::Less,
            (_, true, ..) => Ordering::Greater,
            (_, _, Some(a), Some(b)) => {
                if a > b {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            // Numbers stand below words.
            (_, _, Some(_), None) => Ordering::Less,
            (_, _, None, Some(_)) => Ordering::Greater,
            (_, _, None, None) => a.cmp(b),
        };
    }
}
