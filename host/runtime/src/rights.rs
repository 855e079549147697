//! Who may use what: what a plugin says it needs, what the administrator granted, and what this call may use.
//!
//! Needs and grants are patterns (`environment:AWS_*`), a use is a single thing (`environment:AWS_REGION`): a use is right
//! where a need and a grant cover it and nothing that was withheld does, nor is part of it.
use crate::{
    Ambient, Capability, Grants, Need,
    capability::egress::{Egress, PatternError},
};

/// The rights of one generation of a plugin.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    needs: Grants,
    grants: Grants,
    withheld: Grants,
    egress: Egress,
}

/// What is said to a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Go on.
    Granted,
    /// Not asked for, or not granted.
    NotGranted,
    /// Granted, but this call may not use ambient sources.
    Ambient,
}

impl Rights {
    /// Fails where something behind `http:` is no pattern: a need would never be met, a grant would grant nothing.
    pub(crate) fn new(needs: Grants, grants: Grants, withheld: Grants) -> Result<Self, PatternError> {
        Egress::parse(origins(&needs).chain(origins(&withheld)))?;
        let egress = Egress::parse(origins(&grants))?;
        Ok(Self { needs, grants, withheld, egress })
    }

    /// The first required need that is not granted.
    pub(crate) fn missing<'a>(&self, needs: &'a [Need]) -> Option<&'a Need> {
        needs.iter().filter(|need| need.required).find(|need| need.capability.parse().is_ok_and(|capability| !self.granted(&capability)))
    }

    fn granted(&self, capability: &Capability) -> bool {
        covered(&self.grants, capability) && !covered(&self.withheld, capability)
    }

    /// Checked at each use.
    pub(crate) fn ask(&self, used: &Capability, ambient: Ambient) -> Answer {
        let part_withheld = self.withheld.0.iter().any(|withheld| used.covers(withheld));
        if !covered(&self.needs, used) || !self.granted(used) || part_withheld {
            Answer::NotGranted
        } else if used.is_ambient() && ambient == Ambient::Withheld {
            Answer::Ambient
        } else {
            Answer::Granted
        }
    }

    /// What is open to a call, as patterns: for an engine that links what is open instead of asking at each use. Of a need
    /// and a grant of which one covers the other, the narrower one; not a pattern of which a part is withheld.
    pub(crate) fn open(&self, ambient: Ambient) -> impl Iterator<Item = &Capability> {
        self.needs.0.union(&self.grants.0).filter(move |capability| self.ask(capability, ambient) == Answer::Granted)
    }

    /// What the grants say about addresses. Asked after [`Rights::ask`], which says more about origins.
    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }
}

fn origins(grants: &Grants) -> impl Iterator<Item = &str> {
    grants.0.iter().filter_map(|grant| if let Capability::Http(pattern) = grant { Some(pattern.as_str()) } else { None })
}

fn covered(patterns: &Grants, used: &Capability) -> bool {
    patterns.0.iter().any(|pattern| pattern.covers(used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(needs: &[&str], grants: &[&str], withheld: &[&str]) -> Rights {
        let set = |texts: &[&str]| Grants::parse(texts).unwrap();
        Rights::new(set(needs), set(grants), set(withheld)).unwrap()
    }

    fn ask(rights: &Rights, used: &str, ambient: Ambient) -> Answer {
        rights.ask(&used.parse().unwrap(), ambient)
    }

    #[test]
    fn a_use_must_be_needed_and_granted() {
        let rights = rights(&["clock", "environment:AWS_*"], &["random", "environment:AWS_*", "clock"], &["environment:AWS_SECRET_*"]);
        for (used, answer) in [
            ("clock", Answer::Granted),
            ("random", Answer::NotGranted),
            ("signing", Answer::NotGranted),
            ("environment:AWS_REGION", Answer::Granted),
            ("environment:AWS_SECRET_ACCESS_KEY", Answer::NotGranted),
            ("environment:PATH", Answer::NotGranted),
        ] {
            assert_eq!(ask(&rights, used, Ambient::Granted), answer, "{used}");
        }
    }

    #[test]
    fn ambient_sources_are_withheld_from_a_call_by_kind() {
        let all = ["clock", "signing", "service-account", "mounts:gcp", "environment:A", "http:https://sts.amazonaws.com"];
        let rights = rights(&all, &all, &[]);
        for used in ["clock", "signing", "service-account"] {
            assert_eq!(ask(&rights, used, Ambient::Withheld), Answer::Granted, "{used}");
        }
        for used in ["mounts:gcp", "environment:A", "http:https://sts.amazonaws.com"] {
            assert_eq!(ask(&rights, used, Ambient::Granted), Answer::Granted, "{used}");
            assert_eq!(ask(&rights, used, Ambient::Withheld), Answer::Ambient, "{used}");
        }
    }

    #[test]
    fn what_is_open_is_the_narrower_of_need_and_grant() {
        let rights =
            rights(&["clock", "http:https://sts.*.amazonaws.com", "mounts:a"], &["http:https://sts.eu.amazonaws.com", "clock"], &[]);
        let open = |ambient| rights.open(ambient).map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(open(Ambient::Granted), ["clock", "http:https://sts.eu.amazonaws.com"]);
        assert_eq!(open(Ambient::Withheld), ["clock"]);
    }

    #[test]
    fn a_right_to_reveal_a_member_is_no_right_to_reveal_the_whole() {
        let needs = ["reveal:mounts/gcp#/client_email", "reveal:input/id"];
        let rights = rights(&needs, &needs, &[]);
        assert_eq!(ask(&rights, "reveal:mounts/gcp#/client_email", Ambient::Granted), Answer::Granted);
        assert_eq!(ask(&rights, "reveal:mounts/gcp#/client_email/0", Ambient::Granted), Answer::Granted);
        assert_eq!(ask(&rights, "reveal:mounts/gcp#/client_email_2", Ambient::Granted), Answer::NotGranted);
        assert_eq!(ask(&rights, "reveal:mounts/gcp", Ambient::Granted), Answer::NotGranted);
        assert_eq!(ask(&rights, "reveal:input/id#/a", Ambient::Granted), Answer::Granted);
    }

    #[test]
    fn what_is_withheld_does_not_come_as_part_of_something_larger() {
        let all = ["reveal:input/key", "http:https://sts.*.amazonaws.com", "http:https://sts.amazonaws.com"];
        let rights = rights(&all, &all, &["reveal:input/key#/secret", "http:https://sts.us.amazonaws.com"]);
        for used in ["reveal:input/key", "reveal:input/key#/secret", "reveal:input/key#/secret/0", "http:https://sts.us.amazonaws.com"] {
            assert_eq!(ask(&rights, used, Ambient::Granted), Answer::NotGranted, "{used}");
        }
        for used in ["reveal:input/key#/id", "http:https://sts.eu.amazonaws.com"] {
            assert_eq!(ask(&rights, used, Ambient::Granted), Answer::Granted, "{used}");
        }
        let open: Vec<_> = rights.open(Ambient::Granted).map(ToString::to_string).collect();
        assert_eq!(open, ["http:https://sts.amazonaws.com"]);
    }

    #[test]
    fn a_required_need_without_grant_is_missing() {
        let need = |capability: &str, required| Need { capability: capability.into(), required, reason: String::new() };
        let needs = [need("clock", false), need("environment:AWS_REGION", true), need("random", true)];
        let parsed = Grants::parse(needs.iter().map(|need| &need.capability)).unwrap();
        let with = |grants: &[&str], withheld: &[&str]| {
            let rights = Rights::new(parsed.clone(), Grants::parse(grants).unwrap(), Grants::parse(withheld).unwrap()).unwrap();
            rights.missing(&needs).map(|need| need.capability.clone())
        };
        assert_eq!(with(&["random", "environment:AWS_*"], &[]), None);
        assert_eq!(with(&["environment:AWS_*"], &[]), Some("random".into()));
        assert_eq!(with(&["random", "environment:AWS_*"], &["environment:*"]), Some("environment:AWS_REGION".into()));
    }
}
