//! Whose an object is: what may be written, and which owner references it has afterwards.
use super::object::Object;
use crate::{
    cluster::owner_uid,
    object::ObjectRef,
    outcome::{Class, Fault},
    plan::{Owner, Target, TargetKind},
    reason,
};
use api::well_known::{GROUP, annotation};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// Refuses an object that someone else controls or notes to own, one that goes away, and one with keys that are not ours.
pub(crate) fn judge(live: &Object, owner: &Owner, target: &Target) -> Result<(), Fault> {
    let Target { field, kind, name, .. } = target;
    if let Some(other) = controller(live).filter(|reference| !is_ours(reference, live, owner)) {
        // Others may belong to no namespace.
        let namespace = if serves(&other.api_version) { format!("{}/", name.namespace) } else { String::new() };
        let message = format!(
            "{field}: {kind} {name} is controlled by {} {namespace}{}: name another target, or remove the target there",
            other.kind, other.name
        );
        return Err(Fault::new(reason::TARGET_OWNED, Class::UserFix, message));
    }
    if live.metadata.deletion_timestamp.is_some() {
        let finalizers = live.metadata.finalizers.as_deref().unwrap_or_default().join(", ");
        return Err(Fault::new(
            reason::TARGET_TERMINATING,
            Class::Transient,
            format!("{field}: {kind} {name} is being deleted and waits for its finalizers ({finalizers})"),
        ));
    }
    let adopted = live.annotation(annotation::ADOPT) == Some("true");
    if let Some(other) = noted_of_another(live, owner).filter(|_| !adopted) {
        return Err(Fault::new(
            reason::TARGET_OWNED,
            Class::UserFix,
            format!(
                "{field}: {kind} {name} is kept by {other}: name another target, remove the target there, or, if that one is gone, \
                 allow it by annotating the {kind} with {}: \"true\"",
                annotation::ADOPT
            ),
        ));
    }
    let ours = references(live).any(|reference| is_ours(reference, live, owner)) || bears_a_note(live);
    if ours || live.data.is_empty() || adopted {
        return Ok(());
    }
    let keys: Vec<_> = live.data.keys().take(5).map(String::as_str).collect();
    let more = if live.data.len() > keys.len() { ", …" } else { "" };
    Err(Fault::new(
        reason::TARGET_EXISTS,
        Class::UserFix,
        format!(
            "{field}: {kind} {name} exists and has keys that nobody of ours wrote ({}{more}), which would be lost: name another target, \
             delete it, or allow it by annotating it with {}: \"true\"",
            keys.join(", "),
            annotation::ADOPT
        ),
    ))
}

/// The fault of a target that is not there, and would have to be owned across namespaces.
pub(crate) fn in_vain(owner: &Owner, target: &Target) -> Fault {
    let Target { field, kind, name, .. } = target;
    let ObjectRef { namespace, .. } = &owner.object;
    let message = format!(
        "{field}.creationPolicy is Owner, but the target is in namespace {:?} and owner references don't reach across namespaces, so \
         {kind} {name} is not made; use Orphan, or a target in {namespace:?}",
        name.namespace
    );
    Fault::new(reason::OWNER_ELSEWHERE, Class::UserFix, message)
}

/// The warning of one that is there: the peer looks at the policy only when it makes a target, and keeps up what is there.
pub(crate) fn left_behind(owner: &Owner, target: &Target) -> Fault {
    let Target { field, kind, name, .. } = target;
    let ObjectRef { namespace, .. } = &owner.object;
    let message = format!(
        "{field}.creationPolicy is Owner, but the target is in namespace {:?} and owner references don't reach across namespaces: {kind} \
         {name} is kept up to date, stays when {} goes, and is not made anew once it is gone; use Orphan, or a target in {namespace:?}",
        name.namespace, owner.object
    );
    Fault::new(reason::OWNER_ELSEWHERE, Class::UserFix, message)
}

/// Whether this operator or its peer noted on an object that it keeps it. The peer notes no version on a ConfigMap that it has
/// just made, but which labels it copied.
fn bears_a_note(live: &Object) -> bool {
    [annotation::VERSION, annotation::MANAGED_LABELS].iter().any(|name| live.annotation(name).is_some())
}

/// Whether an object is as the peer makes a ConfigMap and leaves it until its data changes: kept, without a version.
pub(crate) fn is_unversioned(live: &Object, owner: &Owner, target: &Target) -> bool {
    let kept = references(live).any(|reference| is_ours(reference, live, owner)) || bears_a_note(live);
    target.kind == TargetKind::ConfigMap && kept && live.annotation(annotation::VERSION).is_none()
}

/// The owner references that the object is to have; those of others are carried over.
pub(crate) fn owner_references(live: Option<&Object>, owner: &Owner, owned: bool) -> Vec<OwnerReference> {
    let mut all: Vec<_> = live.map(|live| references(live).cloned().collect()).unwrap_or_default();
    let ours = |reference: &OwnerReference| live.is_some_and(|live| is_ours(reference, live, owner));
    let place = all.iter().position(ours);
    match owned {
        false => all.retain(|reference| !ours(reference)),
        true => match place.and_then(|place| all.get_mut(place)) {
            // As it is: its apiVersion may be that of another version of the resource.
            Some(known) if known.uid == owner.uid && known.controller == Some(true) => {}
            Some(known) => *known = reference(owner),
            None => all.push(reference(owner)),
        },
    }
    all
}

/// What an object in another namespace notes of its owner.
pub(crate) fn note(owner: &Owner) -> String {
    let ObjectRef { kind, namespace, name } = &owner.object;
    format!("{kind}/{namespace}/{name}/{}", owner.uid)
}

/// Whether an object notes that this resource owns it.
pub(crate) fn is_noted(object: &Object, owner: &Owner) -> bool {
    object.annotation(annotation::OWNER).and_then(owner_uid) == Some(&owner.uid)
}

/// The other resource that an object notes as its owner, as `kind namespace/name`. By uid, or by name as [`is_ours`].
fn noted_of_another(object: &Object, owner: &Owner) -> Option<String> {
    let noted = object.annotation(annotation::OWNER)?;
    let uid = owner_uid(noted)?;
    let (named, _) = noted.rsplit_once('/')?;
    let ObjectRef { kind, namespace, name } = &owner.object;
    let ours = uid == owner.uid || named == format!("{kind}/{namespace}/{name}");
    (!ours).then(|| named.replacen('/', " ", 1))
}

fn reference(owner: &Owner) -> OwnerReference {
    OwnerReference {
        api_version: owner.api_version.clone(),
        block_owner_deletion: Some(true),
        controller: Some(true),
        kind: owner.object.kind.to_owned(),
        name: owner.object.name.clone(),
        uid: owner.uid.clone(),
    }
}

/// Whether an apiVersion is of the group of our resources.
fn serves(api_version: &str) -> bool {
    api_version.split_once('/').is_some_and(|(group, _)| group == GROUP)
}

fn references(object: &Object) -> impl Iterator<Item = &OwnerReference> {
    object.metadata.owner_references.iter().flatten()
}

fn controller(object: &Object) -> Option<&OwnerReference> {
    references(object).find(|reference| reference.controller == Some(true))
}

/// Whether a reference of that object names this resource. By uid; or by name, if it is of an earlier resource of that name, which
/// can't be there any more: a restored backup. A name counts in its own namespace only: there is one of that name in others, too.
fn is_ours(reference: &OwnerReference, object: &Object, owner: &Owner) -> bool {
    let group = |api_version: &str| api_version.split_once('/').map(|(group, _)| group.to_owned());
    let named = || {
        object.metadata.namespace.as_ref() == Some(&owner.object.namespace)
            && reference.kind == owner.object.kind
            && reference.name == owner.object.name
            && group(&reference.api_version) == group(&owner.api_version)
    };
    reference.uid == owner.uid || named()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        object::Name,
        plan::CreationPolicy,
        target::testing::{data, live, owner, target},
    };

    fn owned_by(uid: &str, name: &str, controller: bool) -> OwnerReference {
        let mut reference = reference(&owner());
        reference.uid = uid.into();
        reference.name = name.into();
        reference.controller = controller.then_some(true);
        reference
    }

    #[test]
    fn what_another_controls_is_refused_whatever_its_annotations() {
        let mut object = live(&data(&[]));
        object.metadata.annotations = Some([(annotation::ADOPT.into(), "true".into()), (annotation::VERSION.into(), "v".into())].into());
        object.metadata.owner_references = Some(vec![owned_by("other", "b", true)]);
        let fault = judge(&object, &owner(), &target("t")).unwrap_err();
        assert_eq!(fault.reason, "TargetOwned");
        assert!(fault.message.contains("InfisicalSecret n/b"), "{}", fault.message);
    }

    #[test]
    fn ours_by_reference_or_by_version_annotation_and_empty_ones_are_taken() {
        let empty = live(&data(&[]));
        assert_eq!(judge(&empty, &owner(), &target("t")), Ok(()));
        let mut ours = live(&data(&[("A", "1")]));
        assert_eq!(judge(&ours, &owner(), &target("t")).unwrap_err().reason, "TargetExists");
        ours.metadata.owner_references = Some(vec![owned_by("uid", "a", true)]);
        assert_eq!(judge(&ours, &owner(), &target("t")), Ok(()));
        ours.metadata.owner_references = None;
        ours.metadata.annotations = Some([(annotation::VERSION.into(), "v".into())].into());
        assert_eq!(judge(&ours, &owner(), &target("t")), Ok(()));
    }

    #[test]
    fn what_another_notes_to_own_is_refused_unless_it_may_be_adopted() {
        let noted = |owner: &Owner| {
            let mut object = live(&data(&[("A", "1")]));
            object.metadata.annotations = Some([(annotation::VERSION.into(), "v".into()), (annotation::OWNER.into(), note(owner))].into());
            object
        };
        let (mut other, mut restored) = (owner(), owner());
        (other.object.name, other.uid) = ("b".into(), "other".into());
        restored.uid = "before".into();
        assert_eq!(judge(&noted(&owner()), &owner(), &target("t")), Ok(()));
        assert_eq!(judge(&noted(&restored), &owner(), &target("t")), Ok(()));
        let mut object = noted(&other);
        let fault = judge(&object, &owner(), &target("t")).unwrap_err();
        assert_eq!(fault.reason, "TargetOwned");
        assert!(fault.message.contains("InfisicalSecret n/b") && fault.message.contains(annotation::ADOPT), "{}", fault.message);
        object.metadata.annotations.as_mut().unwrap().insert(annotation::ADOPT.into(), "true".into());
        assert_eq!(judge(&object, &owner(), &target("t")), Ok(()));
    }

    #[test]
    fn foreign_keys_are_named_and_the_way_out_is_said() {
        let mut object = live(&data(&[("THEIRS", "canary")]));
        let fault = judge(&object, &owner(), &target("t")).unwrap_err();
        assert!(fault.message.contains("THEIRS") && fault.message.contains("secrets.infisical.com/adopt"), "{}", fault.message);
        assert!(!fault.message.contains("canary"));
        object.metadata.annotations = Some([(annotation::ADOPT.into(), "true".into())].into());
        assert_eq!(judge(&object, &owner(), &target("t")), Ok(()));
    }

    #[test]
    fn a_flip_of_the_policy_adds_or_drops_only_our_reference() {
        let mut object = live(&data(&[]));
        object.metadata.owner_references = Some(vec![owned_by("other", "b", false)]);
        let owned = owner_references(Some(&object), &owner(), true);
        assert_eq!(owned, vec![owned_by("other", "b", false), owned_by("uid", "a", true)]);
        object.metadata.owner_references = Some(owned.clone());
        assert_eq!(owner_references(Some(&object), &owner(), true), owned);
        assert_eq!(owner_references(Some(&object), &owner(), false), vec![owned_by("other", "b", false)]);
    }

    #[test]
    fn the_reference_of_an_earlier_resource_of_that_name_is_renewed() {
        let mut object = live(&data(&[("A", "1")]));
        object.metadata.owner_references = Some(vec![owned_by("before", "a", true)]);
        assert_eq!(judge(&object, &owner(), &target("t")), Ok(()));
        assert_eq!(owner_references(Some(&object), &owner(), true), vec![owned_by("uid", "a", true)]);
    }

    #[test]
    fn a_resource_of_the_same_name_in_another_namespace_is_another() {
        let mut object = live(&data(&[("A", "1")]));
        object.metadata.namespace = Some("far".into());
        let far = Target { name: Name::new("far", "t"), policy: CreationPolicy::Orphan, ..target("t") };
        object.metadata.owner_references = Some(vec![owned_by("theirs", "a", true)]);
        object.metadata.annotations = Some([(annotation::VERSION.into(), "v".into())].into());
        let fault = judge(&object, &owner(), &far).unwrap_err();
        assert!(fault.reason == "TargetOwned" && fault.message.contains("controlled by InfisicalSecret far/a"), "{fault:?}");
        assert_eq!(owner_references(Some(&object), &owner(), false), vec![owned_by("theirs", "a", true)]);
        // One that bears our own uid is ours wherever it is, and does not belong there.
        object.metadata.owner_references = Some(vec![owned_by("uid", "a", true)]);
        assert_eq!(judge(&object, &owner(), &far), Ok(()));
        assert_eq!(owner_references(Some(&object), &owner(), false), vec![]);
    }

    #[test]
    fn an_object_that_goes_away_is_waited_for() {
        let mut object = live(&data(&[]));
        object.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(jiff::Timestamp::UNIX_EPOCH));
        object.metadata.finalizers = Some(vec!["example.com/hold".into()]);
        let fault = judge(&object, &owner(), &target("t")).unwrap_err();
        assert_eq!((fault.reason, fault.class), ("TargetTerminating", Class::Transient));
        assert!(fault.message.contains("example.com/hold"));
    }
}
