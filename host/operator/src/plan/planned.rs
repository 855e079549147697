//! The targets of a resource, each by itself: what is wrong with one holds up no other, and what it names stays as it is.
use super::{Settings, Target, field};
use crate::{cluster::Key, object::ObjectRef, outcome::Fault, reason};
use std::collections::BTreeMap;

/// The targets that can be kept as they are written, and the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Planned {
    /// In the order of the resource.
    pub targets: Vec<Target>,
    pub faulty: Vec<Faulty>,
}

/// A target that can't be kept as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Faulty {
    /// Names the field of the target.
    pub fault: Fault,
    /// What it names, as far as that can be told: it is still this resource's.
    pub named: Option<Key>,
}

impl Planned {
    /// Sorts the targets of a resource, with what each names. Of several that name the same none is kept: only their user knows which
    /// is meant. A Secret and a ConfigMap may share a name, and so may what selectors place, as long as no namespace matches two.
    pub(super) fn of(object: &ObjectRef, written: impl IntoIterator<Item = Written>) -> Self {
        let written: Vec<_> = written.into_iter().collect();
        let mut fields: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for Written { field, named, .. } in &written {
            if let Some(key) = named {
                fields.entry(key.clone()).or_default().push(field.clone());
            }
        }
        let twice = |key: &Key| {
            let fields = fields.get(key).filter(|fields| fields.len() > 1)?;
            let message = format!("{} are both {} {}; keep one of them", fields.join(" and "), key.kind, key.name);
            Some(field::fault(object, reason::AMBIGUOUS_TARGET, message))
        };
        let mut planned = Self::default();
        for Written { named, target, .. } in written {
            match target.and_then(|target| named.as_ref().and_then(&twice).map_or(Ok(target), Err)) {
                Ok(target) => planned.targets.push(target),
                Err(fault) => planned.faulty.push(Faulty { fault, named }),
            }
        }
        planned
    }

    /// Takes out those that may not be kept.
    #[must_use]
    fn checked(self, check: impl Fn(&Target) -> Result<(), Fault>) -> Self {
        let mut planned = Self { targets: Vec::new(), faulty: self.faulty };
        for target in self.targets {
            match check(&target) {
                Ok(()) => planned.targets.push(target),
                Err(fault) => planned.faulty.push(Faulty { fault, named: named(&target) }),
            }
        }
        planned
    }

    /// Takes out those whose template plugin the namespace of the resource may not use. `field` of the template names it.
    #[must_use]
    pub(super) fn granted(self, object: &ObjectRef, settings: &Settings, field: &str) -> Self {
        self.checked(|target| match &target.template {
            Some(template) => settings.may_use(object, &format!("{}.template.{field}", target.field), &template.plugin),
            None => Ok(()),
        })
    }

    /// With at least one that can be kept.
    ///
    /// # Errors
    /// The first fault: then nothing needs to be read.
    pub(super) fn some(self) -> Result<Self, Fault> {
        match self.faulty.first() {
            Some(Faulty { fault, .. }) if self.targets.is_empty() => Err(fault.clone()),
            _ => Ok(self),
        }
    }

    /// The targets, if all can be kept.
    ///
    /// # Errors
    /// The first fault.
    pub fn whole(self) -> Result<Vec<Target>, Fault> {
        match self.faulty.into_iter().next() {
            Some(Faulty { fault, .. }) => Err(fault),
            None => Ok(self.targets),
        }
    }
}

/// One target of a resource.
pub(super) struct Written {
    pub field: String,
    /// None: it names no single object, or none that can be told.
    pub named: Option<Key>,
    pub target: Result<Target, Fault>,
}

/// The object that a target names by itself.
fn named(target: &Target) -> Option<Key> {
    target.selector.is_none().then(|| Key { kind: target.kind, name: target.name.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outcome::Class,
        target::testing::{owner, target},
    };

    fn good(name: &str, field: &str) -> Written {
        let target = Target { field: field.into(), ..target(name) };
        Written { field: field.into(), named: named(&target), target: Ok(target) }
    }

    fn bad(name: &str, field: &str) -> Written {
        Written { target: Err(Fault::new("X", Class::UserFix, field)), ..good(name, field) }
    }

    fn fields(planned: &Planned) -> Vec<&str> {
        planned.targets.iter().map(|target| target.field.as_str()).collect()
    }

    #[test]
    fn one_that_is_wrong_holds_up_no_other_and_keeps_what_it_names() {
        let planned = Planned::of(&owner().object, [good("a", "0"), bad("b", "1"), good("a", "2"), good("b", "3"), good("c", "4")]);
        assert_eq!(fields(&planned), ["4"]);
        let faulty: Vec<_> = planned
            .faulty
            .iter()
            .map(|faulty| (faulty.fault.message.as_str(), faulty.named.as_ref().unwrap().name.name.as_str()))
            .collect();
        let twice = |fields: &str, name: &str| format!("InfisicalSecret n/a: {fields} are both Secret n/{name}; keep one of them");
        let (a, b) = (twice("0 and 2", "a"), twice("1 and 3", "b"));
        assert_eq!(faulty, [(a.as_str(), "a"), ("1", "b"), (&a, "a"), (&b, "b")]);
        assert_eq!(planned.clone().whole().unwrap_err().message, a);
        assert_eq!(fields(&planned.some().unwrap()), ["4"]);
    }

    #[test]
    fn where_none_is_left_the_first_says_why() {
        let planned = Planned::of(&owner().object, [good("a", "0"), bad("b", "1")]);
        let planned = planned.checked(|target| Err(Fault::new("Y", Class::Denied, target.field.clone())));
        assert_eq!(planned.faulty.iter().map(|faulty| faulty.fault.reason).collect::<Vec<_>>(), ["X", "Y"]);
        assert_eq!(planned.some().unwrap_err().reason, "X");
        assert_eq!(Planned::of(&owner().object, [good("a", "0")]).whole().map(|all| all.len()), Ok(1));
    }
}
