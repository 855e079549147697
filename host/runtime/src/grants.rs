//! Capabilities, and who may use them: what a plugin asks for and what an administrator gives are written alike.
use crate::capability::egress::Egress;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// One right, as it stands in a descriptor or in a grant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// `clock`
    Clock,
    /// `random`
    Random,
    /// `signing`
    Signing,
    /// `keys`
    Keys,
    /// `service-account`
    ServiceAccount,
    /// `mounts:NAME`
    Mount(String),
    /// `http:SCHEME://HOST[:PORT]`, with `*` for one whole label
    Http(String),
    /// `environment:NAME` or `environment:PREFIX*`
    Environment(String),
    /// `reveal:input/NAME` or `reveal:mounts/NAME`, optionally with `#/JSON/POINTER`
    Reveal {
        /// `input/NAME` or `mounts/NAME`.
        source: String,
        /// Empty for the whole.
        pointer: String,
    },
}

/// A text that is no capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a capability; write clock, random, signing, keys, service-account, mounts:NAME, http:SCHEME://HOST[:PORT], environment:NAME, reveal:input/NAME or reveal:mounts/NAME[#/POINTER]"
)]
pub struct CapabilityError {
    found: String,
}

impl Capability {
    /// Whether it draws on the machine the operator runs on instead of on what the resource gave: files, environment,
    /// metadata services. Withheld towards servers that the administrator does not trust.
    #[must_use]
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::Mount(_) | Self::Http(_) | Self::Environment(_))
    }

    /// Whether a right on this is a right on `used` too: a variable of a prefix, an origin of a pattern, a member of a
    /// document.
    pub(crate) fn covers(&self, used: &Self) -> bool {
        match (self, used) {
            (Self::Environment(pattern), Self::Environment(name)) => {
                pattern == name || pattern.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix))
            }
            (Self::Http(pattern), Self::Http(origin)) => {
                // A star is a valid label for the parser of URLs, so that a pattern is covered like an origin.
                let (Ok(egress), Ok(url)) = (Egress::parse([pattern.as_str()]), origin.parse()) else { return false };
                pattern == origin || egress.check(&url).is_ok()
            }
            (Self::Reveal { source, pointer }, Self::Reveal { source: other, pointer: member }) => {
                source == other && member.strip_prefix(pointer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            _ => self == used,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clock => out.write_str("clock"),
            Self::Random => out.write_str("random"),
            Self::Signing => out.write_str("signing"),
            Self::Keys => out.write_str("keys"),
            Self::ServiceAccount => out.write_str("service-account"),
            Self::Mount(name) => write!(out, "mounts:{name}"),
            Self::Http(pattern) => write!(out, "http:{pattern}"),
            Self::Environment(name) => write!(out, "environment:{name}"),
            Self::Reveal { source, pointer } if pointer.is_empty() => write!(out, "reveal:{source}"),
            Self::Reveal { source, pointer } => write!(out, "reveal:{source}#{pointer}"),
        }
    }
}

impl FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, CapabilityError> {
        let wrong = || CapabilityError { found: text.chars().take(128).collect() };
        Ok(match text.split_once(':') {
            None => match text {
                "clock" => Self::Clock,
                "random" => Self::Random,
                "signing" => Self::Signing,
                "keys" => Self::Keys,
                "service-account" => Self::ServiceAccount,
                _ => return Err(wrong()),
            },
            Some((_, "")) => return Err(wrong()),
            Some(("mounts", name)) => Self::Mount(name.into()),
            Some(("http", pattern)) => Self::Http(pattern.into()),
            Some(("environment", name)) => Self::Environment(name.into()),
            Some(("reveal", rest)) => {
                let (source, pointer) = rest.split_once('#').unwrap_or((rest, ""));
                let known = source.strip_prefix("input/").or_else(|| source.strip_prefix("mounts/")).is_some_and(|name| !name.is_empty());
                if !known || !(pointer.is_empty() || pointer.starts_with('/')) {
                    return Err(wrong());
                }
                Self::Reveal { source: source.into(), pointer: pointer.into() }
            }
            Some(_) => return Err(wrong()),
        })
    }
}

/// A set of rights. Empty means none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants(pub BTreeSet<Capability>);

impl Grants {
    /// Reads a list.
    ///
    /// # Errors
    /// The first text that is no capability.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, CapabilityError> {
        texts.into_iter().map(|text| text.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_reads_back_as_it_was_written() {
        for text in [
            "clock",
            "random",
            "signing",
            "keys",
            "service-account",
            "mounts:gcp",
            "http:https://sts.*.amazonaws.com",
            "environment:AWS_*",
            "reveal:input/client-id",
            "reveal:mounts/gcp#/client_email",
        ] {
            assert_eq!(text.parse::<Capability>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_capability_is_refused_with_the_valid_forms() {
        for text in ["", "Clock", "mounts:", "files:/etc", "reveal:output/x", "reveal:input/", "reveal:input/a#b"] {
            let error = text.parse::<Capability>().unwrap_err().to_string();
            assert!(error.contains("mounts:NAME"), "{error}");
        }
    }
}
