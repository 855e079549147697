//! Labels and annotations of a target.
//!
//! Without metadata of its own in the spec, a target gets those of the resource; which ones is noted in two annotations, so
//! that one that the resource loses is taken away again and those of others stay. With metadata in the spec, labels are
//! exactly those, and annotations too but for the ones of the system.
//!
//! The peer copies more than it should: keys by which a GitOps tool knows what it manages, so that the tool then prunes the
//! target. They are not copied here unless the resource asks for it by annotation; where the peer has, that alone is no reason
//! to write ([`Copied::AsThePeer`]).
use super::{object::Object, ownership::note};
use crate::plan::{Owner, Target};
use api::well_known::{GROUP, annotation};
use std::collections::{BTreeMap, BTreeSet};

type Pairs = BTreeMap<String, String>;

/// Annotations that belong to the object itself: never copied from a resource, never taken away.
const SYSTEM_PREFIXES: [&str; 4] = ["kubectl.kubernetes.io/", "kubernetes.io/", "k8s.io/", "helm.sh/"];

/// Annotations of a target that say how it is to be treated: kept like those of the system.
const CONTROL: [&str; 2] = [annotation::ADOPT, annotation::INPUTS];

/// By these, labels or annotations, a tool knows what it manages, and deletes what it no longer finds at its source.
const TRACKING_PREFIXES: [&str; 14] = [
    "addonmanager.kubernetes.io/",
    "applyset.kubernetes.io/",
    "argocd.argoproj.io/",
    "config.k8s.io/",
    "configmanagement.gke.io/",
    "configsync.gke.io/",
    "fleet.cattle.io/",
    "helm.toolkit.fluxcd.io/",
    "internal.kpt.dev/",
    "kapp.k14s.io/",
    "kubectl.kubernetes.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "objectset.rio.cattle.io/",
];

/// As above, whole names.
const TRACKING_NAMES: [&str; 1] = ["app.kubernetes.io/instance"];

/// What is copied from the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// All but what is the system's, ours, or, unless the resource asks for it, a GitOps tool's.
    Clean,
    /// All but what is the system's, as the peer does.
    AsThePeer,
}

impl Copied {
    fn label(self, name: &str, owner: &Owner) -> bool {
        self == Self::AsThePeer || !is_tracking(name) || asks_for_tracking(owner)
    }

    fn annotation(self, name: &str, owner: &Owner) -> bool {
        !is_system(name) && (self == Self::AsThePeer || !(is_own(name) || (is_tracking(name) && !asks_for_tracking(owner))))
    }
}

fn asks_for_tracking(owner: &Owner) -> bool {
    owner.annotations.get(annotation::COPY_TRACKING_KEYS).is_some_and(|value| value == "true")
}

/// Both kinds of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub labels: Pairs,
    pub annotations: Pairs,
}

/// What the target is to have. `version` is the value of the version annotation.
pub(crate) fn wanted(live: Option<&Object>, owner: &Owner, target: &Target, version: &str, copied: Copied) -> Wanted {
    let empty = Pairs::new();
    let labels = live.and_then(|live| live.metadata.labels.as_ref()).unwrap_or(&empty);
    let annotations = live.and_then(|live| live.metadata.annotations.as_ref()).unwrap_or(&empty);
    let mut wanted = match &target.metadata {
        Some(given) => {
            let system = annotations.iter().filter(|(name, _)| is_system(name) || is_control(name));
            let given_annotations = given.annotations.iter().filter(|(name, _)| !is_control(name));
            Wanted { labels: given.labels.clone(), annotations: pairs(system.chain(given_annotations)) }
        }
        None if target.labelled_once && live.is_some() => Wanted { labels: labels.clone(), annotations: annotations.clone() },
        None if target.labelled_once => Wanted {
            labels: pairs(owner.labels.iter().filter(|(name, _)| copied.label(name, owner))),
            annotations: pairs(owner.annotations.iter().filter(|(name, _)| copied.annotation(name, owner))),
        },
        None => {
            let new_labels = pairs(owner.labels.iter().filter(|(name, _)| copied.label(name, owner)));
            let new_annotations = pairs(owner.annotations.iter().filter(|(name, _)| copied.annotation(name, owner)));
            let (label_names, annotation_names) = (names(&new_labels), names(&new_annotations));
            let managed = managed(annotations, annotation::MANAGED_LABELS);
            let kept_labels = labels.iter().filter(|(name, _)| !managed.contains(name.as_str()));
            let managed = self::managed(annotations, annotation::MANAGED_ANNOTATIONS);
            let kept = |name: &str| is_system(name) || is_control(name) || !managed.contains(name);
            let kept_annotations = annotations.iter().filter(|(name, _)| kept(name));
            let mut wanted =
                Wanted { labels: pairs(kept_labels.chain(&new_labels)), annotations: pairs(kept_annotations.chain(&new_annotations)) };
            wanted.annotations.insert(annotation::MANAGED_LABELS.into(), label_names);
            wanted.annotations.insert(annotation::MANAGED_ANNOTATIONS.into(), annotation_names);
            wanted
        }
    };
    wanted.annotations.insert(annotation::VERSION.into(), version.into());
    wanted.annotations.remove(annotation::OWNER);
    if target.is_owned_by_annotation(&owner.object.namespace) {
        wanted.annotations.insert(annotation::OWNER.into(), note(owner));
    }
    wanted
}

fn pairs<'a>(from: impl Iterator<Item = (&'a String, &'a String)>) -> Pairs {
    from.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Sorted and joined, as the peer writes them.
fn names(pairs: &Pairs) -> String {
    pairs.keys().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn managed<'a>(annotations: &'a Pairs, list: &str) -> BTreeSet<&'a str> {
    annotations.get(list).map(|names| names.split(',').filter(|name| !name.is_empty()).collect()).unwrap_or_default()
}

fn is_system(name: &str) -> bool {
    SYSTEM_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_control(name: &str) -> bool {
    CONTROL.contains(&name)
}

/// Of this operator: they speak of the object that bears them, so a copy would lie.
fn is_own(name: &str) -> bool {
    name.strip_prefix(GROUP).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a GitOps tool knows by this label or annotation what it manages.
pub(crate) fn is_tracking(name: &str) -> bool {
    TRACKING_NAMES.contains(&name) || TRACKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Metadata,
        target::testing::{data, live, owner, target},
    };

    fn of(pairs: &[(&str, &str)]) -> Pairs {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn owner_with(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Owner {
        Owner { labels: of(labels), annotations: of(annotations), ..owner() }
    }

    fn live_with(labels: &[(&str, &str)], annotations: &[(&str, &str)]) -> Object {
        let mut object = live(&data(&[]));
        object.metadata.labels = Some(of(labels));
        object.metadata.annotations = Some(of(annotations));
        object
    }

    #[test]
    fn a_new_target_gets_labels_and_annotations_of_the_resource_with_their_names_noted() {
        let owner = owner_with(&[("team", "x"), ("app.kubernetes.io/part-of", "shop")], &[("note", "n"), ("helm.sh/chart", "c")]);
        let wanted = wanted(None, &owner, &target("t"), "v", Copied::Clean);
        assert_eq!(wanted.labels, owner.labels);
        let annotations = of(&[
            ("note", "n"),
            ("secrets.infisical.com/managed-labels", "app.kubernetes.io/part-of,team"),
            ("secrets.infisical.com/managed-annotations", "note"),
            ("secrets.infisical.com/version", "v"),
        ]);
        assert_eq!(wanted.annotations, annotations);
    }

    #[test]
    fn what_the_resource_lost_goes_and_what_others_put_stays() {
        let before = live_with(
            &[("gone", "1"), ("theirs", "2")],
            &[
                ("gone-too", "1"),
                ("theirs", "2"),
                ("kubernetes.io/x", "3"),
                ("secrets.infisical.com/managed-labels", "gone"),
                ("secrets.infisical.com/managed-annotations", "gone-too,kubernetes.io/x"),
            ],
        );
        let wanted = wanted(Some(&before), &owner(), &target("t"), "v", Copied::Clean);
        assert_eq!(wanted.labels, of(&[("theirs", "2")]));
        let annotations = of(&[
            ("theirs", "2"),
            ("kubernetes.io/x", "3"),
            ("secrets.infisical.com/managed-labels", ""),
            ("secrets.infisical.com/managed-annotations", ""),
            ("secrets.infisical.com/version", "v"),
        ]);
        assert_eq!(wanted.annotations, annotations);
    }

    #[test]
    fn keys_of_gitops_tools_and_our_own_are_not_copied() {
        let tracking = [
            ("argocd.argoproj.io/tracking-id", "x"),
            ("meta.helm.sh/release-name", "x"),
            ("app.kubernetes.io/instance", "x"),
            ("kubectl.kubernetes.io/last-applied-configuration", "x"),
            ("kustomize.toolkit.fluxcd.io/name", "x"),
            ("helm.toolkit.fluxcd.io/name", "x"),
            ("secrets.infisical.com/adopt", "true"),
            ("secrets.infisical.com/resync", "1"),
        ];
        let owner = owner_with(&tracking[..6], &tracking);
        let clean = wanted(None, &owner, &target("t"), "v", Copied::Clean);
        assert_eq!(clean.labels, of(&[]));
        assert_eq!(clean.annotations.get("secrets.infisical.com/managed-annotations").map(String::as_str), Some(""));
        assert_eq!(clean.annotations.len(), 3);
        let peer = wanted(None, &owner, &target("t"), "v", Copied::AsThePeer);
        assert_eq!(peer.labels.len(), 6);
        assert!(!peer.annotations.contains_key("kubectl.kubernetes.io/last-applied-configuration"));
        assert!(peer.annotations.contains_key("argocd.argoproj.io/tracking-id"));
    }

    #[test]
    fn what_is_labelled_once_is_left_alone_from_then_on() {
        let target = Target { labelled_once: true, ..target("t") };
        let owner = owner_with(&[("team", "x"), ("app.kubernetes.io/instance", "i")], &[("note", "n")]);
        let first = wanted(None, &owner, &target, "v", Copied::Clean);
        assert_eq!(first.labels, of(&[("team", "x")]));
        assert_eq!(first.annotations, of(&[("note", "n"), ("secrets.infisical.com/version", "v")]));
        let live = live_with(&[("other", "y")], &[("theirs", "1"), ("secrets.infisical.com/version", "v")]);
        let later = wanted(Some(&live), &owner, &target, "w", Copied::Clean);
        assert_eq!(later.labels, of(&[("other", "y")]));
        assert_eq!(later.annotations, of(&[("theirs", "1"), ("secrets.infisical.com/version", "w")]));
    }

    #[test]
    fn keys_of_gitops_tools_are_copied_where_the_resource_asks_for_it() {
        let tracking = [
            ("argocd.argoproj.io/tracking-id", "x"),
            ("kubectl.kubernetes.io/last-applied-configuration", "x"),
            (annotation::COPY_TRACKING_KEYS, "true"),
        ];
        let asking = owner_with(&[("app.kubernetes.io/instance", "x")], &tracking);
        let asked = wanted(None, &asking, &target("t"), "v", Copied::Clean);
        assert_eq!(asked.labels, asking.labels);
        let managed = asked.annotations.get("secrets.infisical.com/managed-annotations").map(String::as_str);
        assert_eq!(managed, Some("argocd.argoproj.io/tracking-id"));
        let mut before = live(&data(&[]));
        (before.metadata.labels, before.metadata.annotations) = (Some(asked.labels), Some(asked.annotations));
        // And taken away again when it no longer does.
        let no_longer = owner_with(&[("app.kubernetes.io/instance", "x")], &tracking[..2]);
        let clean = wanted(Some(&before), &no_longer, &target("t"), "v", Copied::Clean);
        assert_eq!((clean.labels, clean.annotations.len()), (of(&[]), 3));
    }

    #[test]
    fn a_target_elsewhere_notes_its_owner_as_long_as_it_has_one() {
        let mut far = Target { selector: Some(std::sync::Arc::default()), ..target("t") };
        far.name.namespace = "far".into();
        let owned = wanted(None, &owner(), &far, "v", Copied::Clean);
        let note = owned.annotations.get(annotation::OWNER).map(String::as_str);
        assert_eq!(note, Some("InfisicalSecret/n/a/uid"));
        assert_eq!(note.and_then(crate::cluster::owner_uid), Some("uid"));
        let mut before = live(&data(&[]));
        before.metadata.annotations = Some(owned.annotations);
        far.policy = crate::plan::CreationPolicy::Orphan;
        assert!(!wanted(Some(&before), &owner(), &far, "v", Copied::Clean).annotations.contains_key(annotation::OWNER));
        assert!(!wanted(Some(&before), &owner(), &target("t"), "v", Copied::Clean).annotations.contains_key(annotation::OWNER));
    }

    #[test]
    fn given_metadata_replaces_all_but_the_system_annotations() {
        let mut target = target("t");
        target.metadata = Some(Metadata {
            labels: of(&[("from", "template")]),
            annotations: of(&[("t", "1"), ("secrets.infisical.com/version", "forged"), ("secrets.infisical.com/adopt", "true")]),
        });
        let before = live_with(
            &[("theirs", "1")],
            &[("theirs", "1"), ("k8s.io/x", "2"), ("secrets.infisical.com/managed-labels", ""), ("secrets.infisical.com/inputs", "d")],
        );
        let wanted = wanted(Some(&before), &owner_with(&[("team", "x")], &[("note", "n")]), &target, "v", Copied::Clean);
        assert_eq!(wanted.labels, of(&[("from", "template")]));
        let annotations =
            of(&[("t", "1"), ("k8s.io/x", "2"), ("secrets.infisical.com/version", "v"), ("secrets.infisical.com/inputs", "d")]);
        assert_eq!(wanted.annotations, annotations);
    }
}
