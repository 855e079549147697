//! Version constraints: `>= 1.2, < 2`, `^1.2`, `~1.2.x`, `1.0 - 2.0`, joined by `||`.

use std::{cmp::Ordering, rc::Rc};

use super::{
    error::GoError,
    regex::{self, Regex},
    semver::{self, Release, Version, compare_prerelease},
};

/// A version of a constraint: a part may be `x`, `X` or `*`. The bar is in these sets because it is in the library's.
const VERSION: &str = concat!(
    r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?",
    r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
);
const OPERATOR: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

struct Constraint {
    operator: String,
    version: Version,
    /// No minor version was given, or it is an `x`.
    minor_open: bool,
    /// The same of the patch alone.
    patch_open: bool,
    /// Either of them, or the major version.
    open: bool,
}

fn compile(pattern: &str) -> Result<Rc<Regex>, GoError> {
    regex::compile(pattern.as_bytes())
}

fn improper(text: &str) -> GoError {
    GoError::new("improper constraint: ").quote(text)
}

/// Whether a version satisfies a constraint.
pub fn check(constraint: &[u8], version: impl FnOnce() -> Result<Version, GoError>, release: Release) -> Result<bool, GoError> {
    let text = std::str::from_utf8(constraint).map_err(|_| GoError::new("improper constraint: it is not UTF-8"))?;
    let alternatives = parse(text, release)?;
    let version = version()?;
    Ok(alternatives.iter().any(|all| {
        let wants_prerelease = all.iter().any(|one| !one.version.prerelease.is_empty());
        all.iter().all(|one| {
            let allowed = match release {
                Release::V3_3 => !one.version.prerelease.is_empty(),
                Release::V3_4 => wants_prerelease,
            };
            one.check(&version, allowed, release)
        })
    }))
}

fn parse(text: &str, release: Release) -> Result<Vec<Vec<Constraint>>, GoError> {
    let ranges = compile(&format!(r"\s*({VERSION})\s+-\s+({VERSION})\s*"))?;
    let valid = compile(&format!(r"^(\s*({OPERATOR})\s*({VERSION})\s*)((?:\s+|,\s*)({OPERATOR})\s*({VERSION})\s*)*$"))?;
    let find = compile(&format!(r"({OPERATOR})\s*({VERSION})"))?;
    let mut text = text.to_owned();
    for groups in ranges.groups(&text.clone()) {
        if let (Some(Some(whole)), Some(Some(low)), Some(Some(high))) = (groups.first(), groups.get(1), groups.get(11)) {
            text = text.replacen(whole, &format!(">= {low}, <= {high} "), 1);
        }
    }
    let mut alternatives = Vec::new();
    for part in text.split("||") {
        if !valid.is_match(part.as_bytes()) {
            return Err(improper(part));
        }
        let mut all = Vec::new();
        for found in find.find_all(part.as_bytes(), -1) {
            all.push(single(std::str::from_utf8(found).unwrap_or_default(), release)?);
        }
        alternatives.push(all);
    }
    Ok(alternatives)
}

fn single(text: &str, release: Release) -> Result<Constraint, GoError> {
    let pattern = compile(&format!(r"^\s*({OPERATOR})\s*({VERSION})\s*$"))?;
    let found = pattern.groups(text);
    let groups = found.first().ok_or_else(|| improper(text))?;
    let group = |index: usize| groups.get(index).copied().flatten().unwrap_or_default();
    let open = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
    let (major, minor, patch, prerelease) = (group(3), group(4), group(5), group(6));
    let (version, minor_open, patch_open, any) = if open(major) {
        (format!("0.0.0{prerelease}"), false, false, true)
    } else if open(minor) {
        (format!("{major}.0.0{prerelease}"), true, false, true)
    } else if open(patch) {
        (format!("{major}{minor}.0{prerelease}"), false, true, true)
    } else {
        (group(2).to_owned(), false, false, false)
    };
    let version = semver::parse(version.as_bytes(), release).map_err(|_| {
        GoError::new(match release {
            Release::V3_3 => "constraint Parser Error",
            Release::V3_4 => "constraint parser error",
        })
    })?;
    Ok(Constraint { operator: group(1).to_owned(), version, minor_open, patch_open, open: any })
}

impl Constraint {
    /// `allowed` says whether a pre-release may pass at all.
    fn check(&self, version: &Version, allowed: bool, release: Release) -> bool {
        let order = version.compare(&self.version);
        let barred = !version.prerelease.is_empty() && !allowed;
        if self.operator == "!=" {
            // Release 3.3 looks at pre-releases here only where a part is open.
            let barred = barred && (self.open || release == Release::V3_4);
            return !barred && self.differs(version, order);
        }
        if barred {
            return false;
        }
        let own = &self.version;
        match self.operator.as_str() {
            ">" if !self.open || version.major != own.major => {
                if self.open {
                    version.major > own.major
                } else {
                    order.is_gt()
                }
            }
            ">" if self.minor_open => false,
            ">" if self.patch_open => version.minor > own.minor,
            ">" => order.is_gt(),
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" if !self.open => order.is_le(),
            "<=" | "=<" => version.major < own.major || (version.major == own.major && (version.minor <= own.minor || self.minor_open)),
            "^" => self.caret(version, order),
            "~" | "~>" => self.tilde(version, order),
            _ if self.open => self.tilde(version, order),
            _ => order.is_eq(),
        }
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if self.open {
            if own.major != version.major {
                return true;
            }
            if own.minor != version.minor && !self.minor_open {
                return true;
            }
            if self.minor_open {
                return false;
            }
            if own.patch != version.patch && !self.patch_open {
                return true;
            }
            if self.patch_open {
                let either = !version.prerelease.is_empty() || !own.prerelease.is_empty();
                return either && compare_prerelease(&version.prerelease, &own.prerelease).is_ne();
            }
        }
        order.is_ne()
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order.is_lt() {
            return false;
        }
        let anything = own.major == 0 && own.minor == 0 && own.patch == 0 && !self.minor_open && !self.patch_open;
        anything || (version.major == own.major && (version.minor == own.minor || self.minor_open))
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order.is_lt() {
            return false;
        }
        if own.major > 0 || self.minor_open {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.patch_open {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}
