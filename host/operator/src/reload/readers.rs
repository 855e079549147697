//! Which workloads a pass has to visit: those that read its targets, and those of which it is not known what they read. Pure.
use super::{consumes::Consumed, workloads::Workload};
use std::collections::{BTreeSet, HashMap};

/// Of all namespaces. A workload is known or unknown, never both.
#[derive(Default)]
pub(crate) struct Readers {
    namespaces: HashMap<String, Namespace>,
}

#[derive(Default)]
struct Namespace {
    readers: HashMap<Consumed, BTreeSet<Workload>>,
    unknown: BTreeSet<Workload>,
}

impl Readers {
    /// It is to be found out what it reads; it read `before`.
    pub fn unknown(&mut self, workload: &Workload, before: &BTreeSet<Consumed>) {
        self.remove(workload, before);
        self.namespaces.entry(workload.name.namespace.clone()).or_default().unknown.insert(workload.clone());
    }

    /// It reads these, and read `before`.
    pub fn known(&mut self, workload: &Workload, before: &BTreeSet<Consumed>, reads: &BTreeSet<Consumed>) {
        self.remove(workload, before);
        if reads.is_empty() {
            return;
        }
        let namespace = self.namespaces.entry(workload.name.namespace.clone()).or_default();
        for consumed in reads {
            namespace.readers.entry(consumed.clone()).or_default().insert(workload.clone());
        }
    }

    /// It is gone; it read `before`.
    pub fn remove(&mut self, workload: &Workload, before: &BTreeSet<Consumed>) {
        let Some(namespace) = self.namespaces.get_mut(&workload.name.namespace) else { return };
        namespace.unknown.remove(workload);
        for consumed in before {
            if let Some(readers) = namespace.readers.get_mut(consumed) {
                readers.remove(workload);
                if readers.is_empty() {
                    namespace.readers.remove(consumed);
                }
            }
        }
        if namespace.readers.is_empty() && namespace.unknown.is_empty() {
            self.namespaces.remove(&workload.name.namespace);
        }
    }

    /// Those to visit for one target of a namespace.
    pub fn of(&self, namespace: &str, consumed: &Consumed) -> impl Iterator<Item = &Workload> {
        let namespace = self.namespaces.get(namespace);
        let readers = namespace.and_then(|namespace| namespace.readers.get(consumed));
        readers.into_iter().flatten().chain(namespace.into_iter().flat_map(|namespace| &namespace.unknown))
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{object::Name, plan::TargetKind, reload::kind::Kind};

    fn workload(namespace: &str, name: &str) -> Workload {
        Workload { kind: Kind::Deployment, name: Name::new(namespace, name) }
    }

    fn all(names: &[&str]) -> BTreeSet<Consumed> {
        names.iter().map(|name| Consumed { kind: TargetKind::Secret, name: (*name).to_owned() }).collect()
    }

    fn of<'a>(readers: &'a Readers, secret: &str) -> Vec<&'a str> {
        let all = all(&[secret]);
        all.iter().flat_map(|consumed| readers.of("n", consumed)).map(|workload| workload.name.name.as_str()).collect()
    }

    #[test]
    fn only_readers_and_those_that_are_not_known_are_visited() {
        let mut readers = Readers::default();
        for name in ["a", "b", "c"] {
            readers.unknown(&workload("n", name), &all(&[]));
        }
        readers.unknown(&workload("other", "elsewhere"), &all(&[]));
        assert_eq!(of(&readers, "s"), ["a", "b", "c"]);
        readers.known(&workload("n", "a"), &all(&[]), &all(&["s", "t"]));
        readers.known(&workload("n", "b"), &all(&[]), &all(&["t"]));
        assert_eq!((of(&readers, "s"), of(&readers, "t")), (vec!["a", "c"], vec!["a", "b", "c"]));
        readers.known(&workload("n", "c"), &all(&[]), &all(&[]));
        readers.known(&workload("n", "a"), &all(&["s", "t"]), &all(&["t"]));
        assert_eq!((of(&readers, "s"), of(&readers, "t")), (vec![], vec!["a", "b"]));
        // Its spec changed.
        readers.unknown(&workload("n", "b"), &all(&["t"]));
        assert_eq!((of(&readers, "s"), of(&readers, "t")), (vec!["b"], vec!["a", "b"]));
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let mut readers = Readers::default();
        readers.known(&workload("n", "a"), &all(&[]), &all(&["s", "t"]));
        readers.unknown(&workload("n", "b"), &all(&[]));
        readers.remove(&workload("n", "a"), &all(&["s", "t"]));
        readers.remove(&workload("n", "b"), &all(&[]));
        assert!(readers.is_empty());
    }
}
