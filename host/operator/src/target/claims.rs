//! Which resource keeps a target that several name: the one whose owner reference it bears, else the oldest, else the one
//! with the smallest uid. The same after every restart.
use crate::{cluster::Key, object::ObjectRef, plan::Owner};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::Hash,
};

/// In the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    created: Option<jiff::Timestamp>,
    uid: String,
}

/// Who names what as a target, by whatever tells targets apart.
pub(crate) struct Claims<K = Key> {
    targets: HashMap<K, BTreeMap<Rank, ObjectRef>>,
    claimants: HashMap<ObjectRef, (Rank, HashSet<K>)>,
}

impl<K> Default for Claims<K> {
    fn default() -> Self {
        Self { targets: HashMap::new(), claimants: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Claims<K> {
    /// Says what a resource names, instead of what it named before. Returns the others that name something of what it came to
    /// name or no longer names: they gain or lose it.
    pub fn declare(&mut self, owner: &Owner, targets: &HashSet<K>) -> HashSet<ObjectRef> {
        let rank = Rank { created: owner.created, uid: owner.uid.clone() };
        if self.claimants.get(&owner.object).is_some_and(|(known, before)| *known == rank && before == targets) {
            return HashSet::new();
        }
        let before = self.withdraw(&owner.object);
        for key in targets {
            self.targets.entry(key.clone()).or_default().insert(rank.clone(), owner.object.clone());
        }
        self.claimants.insert(owner.object.clone(), (rank, targets.clone()));
        self.others(before.symmetric_difference(targets), &owner.object)
    }

    /// What the resource named before.
    pub fn named(&self, owner: &Owner) -> impl Iterator<Item = &K> {
        let known = self.claimants.get(&owner.object).filter(|(rank, _)| rank.uid == owner.uid);
        known.into_iter().flat_map(|(_, keys)| keys)
    }

    /// What the resource named last, whatever its uid was.
    pub fn names_of(&self, resource: &ObjectRef) -> impl Iterator<Item = &K> {
        self.claimants.get(resource).into_iter().flat_map(|(_, keys)| keys)
    }

    /// Whether anybody names it.
    pub fn is_named(&self, key: &K) -> bool {
        self.targets.contains_key(key)
    }

    /// The resource is gone. Returns the others that named the same.
    pub fn forget(&mut self, resource: &ObjectRef) -> HashSet<ObjectRef> {
        let before = self.withdraw(resource);
        self.others(before.iter(), resource)
    }

    /// The other resource that keeps the target. `owners` are the uids of the owner references that the target bears.
    pub fn holder(&self, key: &K, owner: &Owner, owners: &[String]) -> Option<&ObjectRef> {
        let claims = self.targets.get(key)?;
        let by_reference = claims.iter().find(|(rank, _)| owners.contains(&rank.uid));
        let (rank, holder) = by_reference.or_else(|| claims.first_key_value())?;
        (rank.uid != owner.uid).then_some(holder)
    }

    /// Whether anybody but this resource names the target.
    pub fn is_named_by_another(&self, key: &K, resource: &ObjectRef) -> bool {
        self.targets.get(key).is_some_and(|claims| claims.values().any(|claimant| claimant != resource))
    }

    /// Whether the resource names anything.
    pub fn knows(&self, resource: &ObjectRef) -> bool {
        self.claimants.contains_key(resource)
    }

    fn withdraw(&mut self, resource: &ObjectRef) -> HashSet<K> {
        let Some((rank, before)) = self.claimants.remove(resource) else { return HashSet::new() };
        for key in &before {
            if let Some(claims) = self.targets.get_mut(key) {
                claims.remove(&rank);
                if claims.is_empty() {
                    self.targets.remove(key);
                }
            }
        }
        before
    }

    fn others<'a>(&self, keys: impl Iterator<Item = &'a K>, but: &ObjectRef) -> HashSet<ObjectRef>
    where
        K: 'a,
    {
        let claims = keys.filter_map(|key| self.targets.get(key));
        claims.flat_map(BTreeMap::values).filter(|resource| *resource != but).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{object::Name, plan::TargetKind, target::testing::owner};

    fn keys(names: &[&str]) -> HashSet<Key> {
        names.iter().map(|name| Key { kind: TargetKind::Secret, name: Name::new("n", *name) }).collect()
    }

    fn resource(name: &str, created: i64) -> Owner {
        let mut owner = owner();
        owner.object.name = name.into();
        owner.uid = format!("uid-{name}");
        owner.created = jiff::Timestamp::from_second(created).ok();
        owner
    }

    fn loses(claims: &Claims, owner: &Owner, owners: &[&str]) -> bool {
        let owners: Vec<_> = owners.iter().map(|uid| (*uid).to_owned()).collect();
        claims.holder(keys(&["t"]).iter().next().unwrap(), owner, &owners).is_some()
    }

    #[test]
    fn the_oldest_keeps_a_target_in_whatever_order_they_come() {
        let (old, young) = (resource("z", 1), resource("a", 2));
        for order in [[&old, &young], [&young, &old]] {
            let mut claims = Claims::<Key>::default();
            assert!(claims.declare(order[0], &keys(&["t"])).is_empty());
            assert_eq!(claims.declare(order[1], &keys(&["t"])), HashSet::from([order[0].object.clone()]));
            assert!(claims.declare(order[1], &keys(&["t"])).is_empty());
            assert!(!loses(&claims, &old, &[]) && loses(&claims, &young, &[]));
        }
    }

    #[test]
    fn an_owner_reference_decides_before_age() {
        let (old, young) = (resource("z", 1), resource("a", 2));
        let mut claims = Claims::<Key>::default();
        claims.declare(&old, &keys(&["t"]));
        claims.declare(&young, &keys(&["t"]));
        assert!(loses(&claims, &old, &["uid-a"]) && !loses(&claims, &young, &["uid-a"]));
        assert!(!loses(&claims, &old, &["someone"]));
    }

    #[test]
    fn what_a_resource_named_is_known_until_it_is_made_anew() {
        let mut claims = Claims::<Key>::default();
        claims.declare(&resource("a", 1), &keys(&["t", "u"]));
        assert_eq!(claims.named(&resource("a", 1)).cloned().collect::<HashSet<_>>(), keys(&["t", "u"]));
        let anew = Owner { uid: "anew".into(), ..resource("a", 1) };
        assert_eq!(claims.named(&anew).count() + claims.named(&resource("b", 1)).count(), 0);
    }

    #[test]
    fn a_target_that_is_let_go_passes_to_the_next() {
        let (old, young) = (resource("z", 1), resource("a", 2));
        let mut claims = Claims::<Key>::default();
        claims.declare(&old, &keys(&["t", "u"]));
        claims.declare(&young, &keys(&["t"]));
        assert_eq!(claims.declare(&old, &keys(&["u"])), HashSet::from([young.object.clone()]));
        assert!(!loses(&claims, &young, &[]));
        claims.declare(&old, &keys(&["t"]));
        assert_eq!(claims.forget(&old.object), HashSet::from([young.object.clone()]));
        assert!(!loses(&claims, &young, &[]));
        claims.forget(&young.object);
        assert!(claims.targets.is_empty() && claims.claimants.is_empty());
    }
}
