//! What becomes of a target: whose it is, whether it was edited, whether it can be written.
use crate::{
    cli::migrate::{
        finding::{Finding, Rule},
        world::{Owned, Seen},
    },
    cluster::Key,
    object::ObjectRef,
    plan::{Owner, Target, TargetKind},
    reason,
    target::{Object, in_vain, judge, left_behind},
};
use api::{version, well_known::annotation};
use secrecy::ExposeSecret;
use std::collections::HashSet;

/// How the version annotation of a target is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    V1Alpha1,
    V1Beta1,
    /// Of something else than the data: a lease.
    Other,
}

/// One target as it lives. `holder` is another resource that names it and keeps it.
pub(crate) fn findings(owner: &Owner, target: &Target, live: &Seen<Object>, holder: Option<&ObjectRef>, hash: Hash) -> Vec<Finding> {
    let Target { field, kind, name, .. } = target;
    let mut findings = Vec::new();
    if let Some(holder) = holder {
        let message = format!("{field}: {kind} {name} is kept by {holder}, which names it too; name another target, or remove it there");
        findings.push(Finding::new(Rule::TargetClaimed, message));
        return findings;
    }
    let live = match live {
        Seen::Unknown => return findings,
        Seen::Absent if target.is_owned_in_vain(&owner.object.namespace) => {
            findings.push(Finding::new(Rule::Refused, in_vain(owner, target).message));
            return findings;
        }
        Seen::Absent => {
            let message = format!("{field}: {kind} {name} is not there; it is made at once");
            findings.push(Finding::new(Rule::TargetMissing, message));
            return findings;
        }
        Seen::There(live) => live,
    };
    if let Err(fault) = judge(live, owner, target) {
        let rule = match fault.reason {
            reason::TARGET_OWNED => Rule::TargetControlled,
            reason::TARGET_EXISTS => Rule::TargetExists,
            _ => Rule::Refused,
        };
        findings.push(Finding::new(rule, fault.message));
        return findings;
    }
    if target.is_owned_in_vain(&owner.object.namespace) {
        findings.push(Finding::new(Rule::UnknownValue, left_behind(owner, target).message));
    }
    if edited(live, hash) {
        let message = format!(
            "{field}: the data of {kind} {name} is not what was last written to it; it is written back to what Infisical holds: take \
             the edit over into Infisical first if it is wanted"
        );
        findings.push(Finding::new(Rule::Drift, message));
    }
    if live.immutable == Some(true) {
        let message = format!("{field}: {kind} {name} is immutable; delete it once Infisical has changes for it");
        findings.push(Finding::new(Rule::Immutable, message));
    }
    let wanted = if target.secret_type.is_empty() { "Opaque" } else { &target.secret_type };
    let found = live.secret_type.as_deref().filter(|found| !found.is_empty()).unwrap_or("Opaque");
    if *kind == TargetKind::Secret && wanted != found {
        let message = format!("{field}.secretType: Secret {name} has the type {found}, not {wanted}; a type can't be changed");
        findings.push(Finding::new(Rule::SecretType, message));
    }
    findings
}

/// Compares the data with the hash beside it. An object without a hash was never written whole by the peer.
fn edited(live: &Object, hash: Hash) -> bool {
    let data = || live.data.iter().map(|(key, value)| (key.as_str(), value.expose_secret()));
    let today = match hash {
        Hash::V1Alpha1 => version::v1alpha1(data()),
        Hash::V1Beta1 => version::v1beta1(data()),
        Hash::Other => return false,
    };
    live.annotation(annotation::VERSION).is_some_and(|written| written != today)
}

/// Objects that the resource owns and no longer names.
pub(crate) fn dropped(owner: &Owner, targets: &[Target], owned: &[Owned]) -> Vec<Finding> {
    let named: HashSet<_> = targets.iter().map(|target| Key { kind: target.kind, name: target.name.clone() }).collect();
    let is_owned =
        |object: &&Owned| object.versioned && object.owners.iter().any(|reference| reference.uid == owner.uid && !owner.uid.is_empty());
    let dropped = owned.iter().filter(is_owned).filter(|object| !named.contains(&object.key));
    dropped
        .map(|object| {
            let message = format!(
                "it owns {}, which it no longer names, so that is deleted; to keep it take the owner reference away from it",
                object.key
            );
            Finding::new(Rule::TargetDropped, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::Name,
        target::testing::{data, live, owner, target},
    };
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

    fn rules(live: Seen<Object>) -> Vec<Rule> {
        findings(&owner(), &target("t"), &live, None, Hash::V1Alpha1).into_iter().map(|finding| finding.rule).collect()
    }

    fn written(pairs: &[(&str, &str)], version: &str) -> Object {
        let mut object = live(&data(pairs));
        object.metadata.annotations.get_or_insert_default().insert(annotation::VERSION.into(), version.into());
        object
    }

    #[test]
    fn an_edited_target_is_told_by_its_hash() {
        let hash = "W/\"secrets-4-C4B1E7F6\"";
        assert_eq!(rules(Seen::There(written(&[("A", "1")], hash))), []);
        let edited = Seen::There(written(&[("A", "canary")], hash));
        assert_eq!(rules(edited.clone()), [Rule::Drift]);
        let message = findings(&owner(), &target("t"), &edited, None, Hash::V1Alpha1).remove(0).message;
        assert!(!message.contains("canary"), "{message}");
        assert_eq!(findings(&owner(), &target("t"), &edited, None, Hash::Other), []);
        assert_eq!(rules(Seen::There(written(&[("A", "1")], "W/\"secrets-11-706F32BD\""))), [Rule::Drift]);
    }

    #[test]
    fn whose_a_target_is_decides() {
        assert_eq!(rules(Seen::There(live(&data(&[("A", "1")])))), [Rule::TargetExists]);
        assert_eq!(rules(Seen::There(live(&data(&[])))), []);
        assert_eq!(rules(Seen::Absent), [Rule::TargetMissing]);
        assert_eq!(rules(Seen::Unknown), []);
        let mut controlled = live(&data(&[]));
        controlled.metadata.owner_references = Some(vec![OwnerReference {
            controller: Some(true),
            kind: "Certificate".into(),
            uid: "other".into(),
            ..OwnerReference::default()
        }]);
        assert_eq!(rules(Seen::There(controlled)), [Rule::TargetControlled]);
        let other = ObjectRef { kind: "InfisicalSecret", namespace: "n".into(), name: "older".into() };
        let found = findings(&owner(), &target("t"), &Seen::Absent, Some(&other), Hash::V1Alpha1);
        assert!(found.len() == 1 && found[0].rule == Rule::TargetClaimed && found[0].message.contains("n/older"));
    }

    #[test]
    fn an_owner_in_another_namespace_counts_only_where_the_target_would_have_to_be_made() {
        let far = Target { name: Name::new("far", "t"), ..target("t") };
        let rules =
            |live| findings(&owner(), &far, &live, None, Hash::V1Alpha1).into_iter().map(|finding| finding.rule).collect::<Vec<_>>();
        assert_eq!(rules(Seen::Absent), [Rule::Refused]);
        assert_eq!(rules(Seen::There(written(&[("A", "1")], "W/\"secrets-4-C4B1E7F6\""))), [Rule::UnknownValue]);
    }

    #[test]
    fn types_and_immutable_objects_are_said() {
        let mut object = live(&data(&[]));
        object.immutable = Some(true);
        object.secret_type = Some("kubernetes.io/tls".into());
        assert_eq!(rules(Seen::There(object)), [Rule::Immutable, Rule::SecretType]);
    }

    #[test]
    fn what_is_owned_and_no_longer_named_is_deleted() {
        let owned = |name: &str, versioned, uid: &str| Owned {
            key: Key { kind: TargetKind::Secret, name: Name::new("n", name) },
            owners: vec![OwnerReference { uid: uid.into(), ..OwnerReference::default() }],
            versioned,
        };
        let all = [owned("t", true, "uid"), owned("old", true, "uid"), owned("theirs", false, "uid"), owned("other", true, "else")];
        let found = dropped(&owner(), &[target("t")], &all);
        assert!(found.len() == 1 && found[0].message.contains("n/old"), "{found:?}");
        let mut anonymous = owner();
        anonymous.uid.clear();
        assert_eq!(dropped(&anonymous, &[], &[owned("old", true, "")]), []);
    }
}
