//! Regions, and the hosts of STS in them.
//!
//! A region is told by its form, not by a list: AWS opens new ones. The form says the partition, and the partition the
//! domain. The isolated partitions are left out; Infisical's server reaches none of them.
use std::fmt;

/// A region of a known partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    name: String,
    domain: &'static str,
}

/// A text that is no region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRegion(String);

impl fmt::Display for UnknownRegion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} is no region of AWS, AWS China (cn-…) or AWS GovCloud (us-gov-…); write for example eu-central-1", self.0)
    }
}

/// How the regions of the partition `aws` begin.
const AREAS: [&str; 9] = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];

impl Region {
    /// Reads the name of a region.
    ///
    /// # Errors
    /// A name of another form, or of a partition that is not known.
    pub fn parse(name: &str) -> Result<Self, UnknownRegion> {
        let unknown = || UnknownRegion(name.chars().filter(|c| !c.is_control()).take(32).collect());
        let domain = match name.split('-').collect::<Vec<_>>().as_slice() {
            ["us", "gov", place, number] if place_and_number(place, number) => "amazonaws.com",
            ["cn", place, number] if place_and_number(place, number) => "amazonaws.com.cn",
            [area, place, number] if AREAS.contains(area) && place_and_number(place, number) => "amazonaws.com",
            _ => return Err(unknown()),
        };
        // Longer ones are refused by the server.
        if name.len() > 20 {
            return Err(unknown());
        }
        Ok(Self { name: name.to_owned(), domain })
    }

    /// For example `eu-central-1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For example `sts.eu-central-1.amazonaws.com`.
    pub fn sts(&self) -> String {
        format!("sts.{}.{}", self.name, self.domain)
    }
}

fn place_and_number(place: &str, number: &str) -> bool {
    // `us-iso-east-1` has four parts, but `us-isob-1` would have three: no place begins so.
    let place_fits = !place.is_empty() && !place.starts_with("iso") && place.bytes().all(|byte| byte.is_ascii_lowercase());
    place_fits && (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_follows_from_the_partition() {
        for (region, host) in [
            ("us-east-1", "sts.us-east-1.amazonaws.com"),
            ("ap-southeast-7", "sts.ap-southeast-7.amazonaws.com"),
            ("us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"),
            ("cn-northwest-1", "sts.cn-northwest-1.amazonaws.com.cn"),
        ] {
            assert_eq!(Region::parse(region).unwrap().sts(), host);
        }
    }

    #[test]
    fn what_is_no_region_is_refused() {
        for text in [
            "",
            "frankfurt",
            "eu-central",
            "EU-central-1",
            "eu-central-1a",
            "us-iso-east-1",
            "mars-north-1",
            "a.b",
            "eu--1",
            "eu-central-100",
        ] {
            let error = Region::parse(text).unwrap_err().to_string();
            assert!(error.contains("eu-central-1"), "{error}");
        }
        assert!(Region::parse("ap-verylongplacename-1").is_err());
    }
}
