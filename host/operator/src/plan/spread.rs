//! From the targets of a resource to the objects to be kept: a target with a selector becomes one in each namespace that matches.
//! Pure.
use super::{Faulty, Target};
use crate::{
    cluster::Key,
    object::ObjectRef,
    outcome::{Class, Fault},
    reason,
};
use std::collections::{BTreeMap, BTreeSet};

/// A target in its one namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its place among the targets of the plan: those of one plan target hold the same.
    pub of: usize,
    pub target: Target,
}

/// Where the targets are to be.
#[derive(Debug, Default, PartialEq)]
pub struct Spread {
    pub placed: Vec<Placed>,
    /// Of targets that can't be kept as they are written, or whose place is not known, or is another one's; they hold up no other.
    pub faults: Vec<Fault>,
    /// Of some it is not known where they are: `placed` lacks them.
    pub unknown: bool,
    /// What those that can't be kept name: nobody else's.
    pub held: Vec<Key>,
    pub warnings: Vec<Fault>,
}

impl Spread {
    /// The targets alone.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        self.placed.iter().map(|placed| placed.target.clone()).collect()
    }
}

/// Places each target; `faulty` are those that can't be kept. `found` are the namespaces that the selector of each target matches, for
/// those that have one.
#[must_use]
pub fn spread(object: &ObjectRef, targets: &[Target], faulty: &[Faulty], found: &[Option<Result<BTreeSet<String>, Fault>>]) -> Spread {
    let mut spread = Spread {
        faults: faulty.iter().map(|faulty| faulty.fault.clone()).collect(),
        // One that was changed may have named something else.
        unknown: !faulty.is_empty(),
        held: faulty.iter().filter_map(|faulty| faulty.named.clone()).collect(),
        ..Spread::default()
    };
    let mut taken: BTreeMap<_, &str> = BTreeMap::new();
    for key in &spread.held {
        taken.insert((key.kind, key.name.clone()), "a target that can't be kept");
    }
    // One that names its namespace comes before one that only selects it.
    for target in targets.iter().filter(|target| target.selector.is_none()) {
        taken.insert((target.kind, target.name.clone()), &target.field);
    }
    for (of, target) in targets.iter().enumerate() {
        let namespaces = match found.get(of) {
            _ if target.selector.is_none() => {
                spread.placed.push(Placed { of, target: target.clone() });
                continue;
            }
            Some(Some(Ok(namespaces))) => namespaces,
            Some(Some(Err(fault))) => {
                let message = format!("{object}: {}.namespaceSelector: {}", target.field, fault.message);
                spread.faults.push(Fault { message, ..fault.clone() });
                spread.unknown = true;
                continue;
            }
            _ => continue,
        };
        if namespaces.is_empty() {
            let message = format!("{object}: {}.namespaceSelector matches no namespace; label one, or change the selector", target.field);
            spread.warnings.push(Fault::new(reason::NAMESPACE_NOT_FOUND, Class::UserFix, message));
        }
        for namespace in namespaces {
            let mut target = target.clone();
            target.name.namespace.clone_from(namespace);
            let key = (target.kind, target.name.clone());
            if let Some(first) = taken.get(&key) {
                let message = format!("{object}: {first} and {} are both {} {}; keep one of them", target.field, target.kind, target.name);
                spread.faults.push(Fault::new(reason::AMBIGUOUS_TARGET, Class::UserFix, message));
                continue;
            }
            taken.insert(key, targets.get(of).map_or("", |target| &target.field));
            spread.placed.push(Placed { of, target });
        }
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::{owner, target};
    use std::sync::Arc;

    fn selected(name: &str, field: &str) -> Target {
        let mut target = Target { selector: Some(Arc::default()), field: field.into(), ..target(name) };
        target.name.namespace.clear();
        target
    }

    fn names(spread: &Spread) -> Vec<(usize, String)> {
        spread.placed.iter().map(|placed| (placed.of, placed.target.name.to_string())).collect()
    }

    fn of(namespaces: &[&str]) -> Option<Result<BTreeSet<String>, Fault>> {
        Some(Ok(namespaces.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn each_namespace_gets_one_and_a_named_one_comes_first() {
        let targets = [selected("t", "a"), target("t"), selected("t", "b")];
        let spread = spread(&owner().object, &targets, &[], &[of(&["m", "n"]), None, of(&["m", "o"])]);
        assert_eq!(names(&spread), [(0, "m/t".to_owned()), (1, "n/t".to_owned()), (2, "o/t".to_owned())]);
        let messages: Vec<_> = spread.faults.iter().map(|fault| fault.message.as_str()).collect();
        assert!(spread.faults.len() == 2 && !spread.unknown);
        assert!(messages[0].contains("and a are both Secret n/t") && messages[1].contains("a and b are both Secret m/t"), "{messages:?}");
    }

    #[test]
    fn what_is_not_known_is_a_fault_of_that_target_alone_and_no_match_a_warning() {
        let fault = Fault::new("WatchForbidden", Class::Denied, "the operator may not list namespaces");
        let targets = [selected("t", "a"), target("t"), selected("u", "b")];
        let spread = spread(&owner().object, &targets, &[], &[Some(Err(fault)), None, of(&[])]);
        assert_eq!(names(&spread), [(1, "n/t".to_owned())]);
        assert!(spread.unknown);
        assert_eq!((spread.faults[0].reason, spread.faults[0].class), ("WatchForbidden", Class::Denied));
        assert!(spread.faults[0].message.contains("a.namespaceSelector: the operator may not list"), "{:?}", spread.faults);
        assert!(spread.warnings[0].message.contains("b.namespaceSelector matches no namespace"), "{:?}", spread.warnings);
    }
    #[test]
    fn what_a_target_that_can_not_be_kept_names_is_nobody_elses() {
        let named = Key { kind: super::super::TargetKind::Secret, name: target("t").name };
        let fault = Fault::new("X", Class::UserFix, "wrong");
        let faulty = [Faulty { fault: fault.clone(), named: Some(named.clone()) }, Faulty { fault: fault.clone(), named: None }];
        let spread = spread(&owner().object, &[selected("t", "a")], &faulty, &[of(&["m", "n"])]);
        assert_eq!(names(&spread), [(0, "m/t".to_owned())]);
        assert_eq!((spread.faults[..2].to_vec(), spread.faults.len(), spread.unknown), (vec![fault.clone(), fault], 3, true));
        assert!(spread.faults[2].reason == reason::AMBIGUOUS_TARGET && spread.held == [named], "{:?}", spread.faults);
    }
}
