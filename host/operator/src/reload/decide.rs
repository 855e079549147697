//! Whether a workload is to be restarted, from what it is noted to run with. Pure.
//!
//! The note is an annotation for each Secret or ConfigMap, on the workload and on its pod template, with the version of its data.
//! Writing it on the pod template is what restarts. Since it is written on both at once, a workload whose note is not the
//! version of today has not been restarted for it, whatever happened in between: that is made up for. One that bears no note
//! is given one, and restarted only if the data changed just now. Where the peer notes nothing but with a restart, neither does
//! this, so that taking over from it writes nothing.
use super::consumes::Consumed;
use crate::{object::Name, plan::TargetKind};
use api::well_known::annotation::{MANAGED_CONFIG_MAP_PREFIX, MANAGED_SECRET_PREFIX};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Of the name part of an annotation, which follows the slash.
const LONGEST_NAME: usize = 63;

/// In hex; enough to tell the Secrets of one namespace apart.
const DIGEST_LENGTH: usize = 16;

/// A Secret or ConfigMap that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Followed<'a> {
    pub kind: TargetKind,
    pub name: &'a Name,
    /// Value of its version annotation.
    pub version: &'a str,
    /// In this pass.
    pub data_changed: bool,
    /// Whether a workload without a note is given one though it is not restarted.
    pub noted_at_first_sight: bool,
}

/// What is to be noted on a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// By annotation.
    pub all: BTreeMap<String, String>,
    /// Those of them that go on the pod template too, which restarts it.
    pub restarting: BTreeSet<String>,
    /// Of an earlier name for the same, taken away where its successor is written.
    pub dropped: BTreeSet<String>,
}

impl Followed<'_> {
    pub(crate) fn consumed(&self) -> Consumed {
        Consumed { kind: self.kind, name: self.name.name.clone() }
    }

    /// The annotation for it on a workload that reads all these. The peer's is the same for both kinds; only where a workload reads
    /// a Secret and a ConfigMap of one name, that of the ConfigMap is another, or each would take the other's for its own of before.
    pub(crate) fn annotation(&self, reads: &BTreeSet<Consumed>) -> String {
        let of_secret = Consumed { kind: TargetKind::Secret, name: self.name.name.clone() };
        match self.kind {
            TargetKind::ConfigMap if reads.contains(&of_secret) => self.own_annotation(),
            TargetKind::ConfigMap | TargetKind::Secret => annotation(MANAGED_SECRET_PREFIX, &self.name.name),
        }
    }

    /// That of a ConfigMap, whatever else is read.
    fn own_annotation(&self) -> String {
        annotation(MANAGED_CONFIG_MAP_PREFIX, &self.name.name)
    }

    /// What a workload that reads all these is noted to run with. The second is under the name that earlier versions of this
    /// operator had for every ConfigMap.
    pub(crate) fn noted<'n>(&self, noted: &'n BTreeMap<String, String>, reads: &BTreeSet<Consumed>) -> Option<&'n String> {
        let earlier = || noted.get(&self.own_annotation()).filter(|_| self.kind == TargetKind::ConfigMap);
        noted.get(&self.annotation(reads)).or_else(earlier)
    }
}

/// A longer name than fits is cut and ends in a digest of the whole.
fn annotation(prefix: &str, name: &str) -> String {
    let longest = LONGEST_NAME - prefix.split_once('/').map_or(0, |(_, start)| start.len());
    if name.len() <= longest {
        return format!("{prefix}{name}");
    }
    let digest: String = hex::encode(Sha256::digest(name)).chars().take(DIGEST_LENGTH).collect();
    // The name of an object is ASCII; it may have a dot before the cut, which is allowed inside of a name.
    let start: String = name.chars().take(longest - DIGEST_LENGTH - 1).collect();
    format!("{prefix}{start}-{digest}")
}

/// Decides. `noted` are the annotations that the workload bears, `reads` is all that it reads; `owed` names what changed in an earlier pass in which
/// the workload could not be restarted.
pub(crate) fn decide<'a>(
    noted: &BTreeMap<String, String>,
    owed: &BTreeSet<Consumed>,
    reads: &BTreeSet<Consumed>,
    consumed: impl Iterator<Item = &'a Followed<'a>>,
) -> Notes {
    let mut notes = Notes::default();
    for secret in consumed {
        let annotation = secret.annotation(reads);
        let restart = match secret.noted(noted, reads) {
            Some(version) if version == secret.version => continue,
            Some(_) => true,
            None => secret.data_changed || owed.contains(&secret.consumed()),
        };
        if !restart && !secret.noted_at_first_sight {
            continue;
        }
        if restart {
            notes.restarting.insert(annotation.clone());
            let earlier = Some(secret.own_annotation()).filter(|own| secret.kind == TargetKind::ConfigMap && *own != annotation);
            notes.dropped.extend(earlier.filter(|own| noted.contains_key(own)));
        }
        notes.all.insert(annotation, secret.version.to_owned());
    }
    notes
}

/// What of the notes an object is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All, as a workload with a pod template of its own.
    Whole,
    /// Those on the workload itself: its pod template is that of another object.
    Own,
    /// Those on the pod template, as the object that has it.
    Template,
}

impl Notes {
    /// As a merge patch.
    pub fn patch(&self, part: Part) -> Value {
        let mut patch = Map::new();
        if part != Part::Template {
            patch.insert("metadata".into(), json!({"annotations": self.changes(|_| true)}));
        }
        if part != Part::Own && !self.restarting.is_empty() {
            patch.insert(
                "spec".into(),
                json!({"template": {"metadata": {"annotations": self.changes(|name| self.restarting.contains(name))}}}),
            );
        }
        Value::Object(patch)
    }

    /// Those of these names, and null for those that are taken away.
    fn changes(&self, named: impl Fn(&str) -> bool) -> Map<String, Value> {
        let written = self.all.iter().filter(|(name, _)| named(name)).map(|(name, version)| (name.clone(), version.as_str().into()));
        written.chain(self.dropped.iter().map(|name| (name.clone(), Value::Null))).collect()
    }

    /// Into a whole object, for a role that may not patch. False: the object is not of the shape of a workload.
    pub fn write(&self, object: &mut Value, part: Part) -> bool {
        let mut put = |path: &str, changes: Map<String, Value>| {
            let Some(parent) = object.pointer_mut(path).and_then(Value::as_object_mut) else { return false };
            let Some(known) = member(parent, "metadata").and_then(|metadata| member(metadata, "annotations")) else { return false };
            known.extend(changes);
            known.retain(|_, value| !value.is_null());
            true
        };
        let of_template = || self.changes(|name| self.restarting.contains(name));
        let own = part == Part::Template || put("", self.changes(|_| true));
        let template = part == Part::Own || self.restarting.is_empty() || put("/spec/template", of_template());
        own && template
    }
}

/// A member that is an object, made where it is missing.
fn member<'a>(object: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let member = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    if member.is_null() {
        *member = Value::Object(Map::new());
    }
    member.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(secret: &str) -> String {
        annotation(MANAGED_SECRET_PREFIX, secret)
    }

    fn consumed(kind: TargetKind, name: &str) -> Consumed {
        Consumed { kind, name: name.to_owned() }
    }

    type Secret = (&'static str, &'static str, bool);

    fn noted(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, version)| (note(name), (*version).to_owned())).collect()
    }

    fn decided(noted: &BTreeMap<String, String>, owed: &[&str], secrets: &[Secret]) -> Notes {
        let names: Vec<_> = secrets.iter().map(|(name, ..)| Name::new("n", *name)).collect();
        let followed = names.iter().zip(secrets).map(|(name, (_, version, data_changed))| Followed {
            kind: TargetKind::Secret,
            name,
            version,
            data_changed: *data_changed,
            noted_at_first_sight: true,
        });
        let followed: Vec<_> = followed.collect();
        let owed = owed.iter().map(|name| consumed(TargetKind::Secret, name)).collect();
        decide(noted, &owed, &followed.iter().map(Followed::consumed).collect(), followed.iter())
    }

    #[test]
    fn a_change_restarts_and_the_note_makes_it_happen_once() {
        let notes = decided(&noted(&[("s", "v1")]), &[], &[("s", "v2", true)]);
        assert_eq!(notes.restarting, BTreeSet::from([note("s")]));
        assert_eq!(decided(&notes.all, &[], &[("s", "v2", true)]), Notes::default());
        assert_eq!(decided(&notes.all, &[], &[("s", "v2", false)]), Notes::default());
    }

    #[test]
    fn what_the_peer_does_not_note_is_noted_with_a_restart_alone() {
        let name = Name::new("n", "m");
        let followed =
            |data_changed| Followed { kind: TargetKind::ConfigMap, name: &name, version: "v", data_changed, noted_at_first_sight: false };
        let reads = BTreeSet::from([consumed(TargetKind::ConfigMap, "m")]);
        let decide = |data_changed| decide(&BTreeMap::new(), &BTreeSet::new(), &reads, std::iter::once(&followed(data_changed)));
        assert_eq!(decide(false), Notes::default());
        assert_eq!(decide(true).restarting, BTreeSet::from([note("m")]));
    }

    /// What the peer wrote for a ConfigMap is under the name of a Secret; what this operator once wrote is under another.
    #[test]
    fn a_config_map_is_noted_as_the_peer_does_unless_a_secret_of_that_name_is_read_too() {
        let name = Name::new("n", "x");
        let of = |kind, version| Followed { kind, name: &name, version, data_changed: false, noted_at_first_sight: false };
        let map = of(TargetKind::ConfigMap, "v2");
        let alone = BTreeSet::from([consumed(TargetKind::ConfigMap, "x")]);
        let own = "secrets.infisical.com/managed-configmap.x";
        let decided = |noted: &[(&str, &str)], reads: &BTreeSet<Consumed>, followed: &[Followed<'_>]| {
            let noted = noted.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
            decide(&noted, &BTreeSet::new(), reads, followed.iter())
        };
        assert_eq!(decided(&[(&note("x"), "v2")], &alone, &[map]), Notes::default());
        assert_eq!(decided(&[(own, "v2")], &alone, &[map]), Notes::default());
        let peers = decided(&[(&note("x"), "v1")], &alone, &[map]);
        assert_eq!((peers.all.keys().collect::<Vec<_>>(), peers.dropped.len()), (vec![&note("x")], 0));
        // One note only.
        let ours = decided(&[(own, "v1")], &alone, &[map]);
        let annotations = json!({"annotations": {note("x"): "v2", own: null}});
        assert_eq!(ours.patch(Part::Whole), json!({"metadata": annotations, "spec": {"template": {"metadata": annotations}}}));
        let annotations = json!({"annotations": {own: "v1", "theirs": "1"}});
        let mut whole = json!({"metadata": annotations, "spec": {"template": {"metadata": annotations}}});
        assert!(ours.write(&mut whole, Part::Whole));
        let annotations = json!({"annotations": {note("x"): "v2", "theirs": "1"}});
        assert_eq!(whole, json!({"metadata": annotations, "spec": {"template": {"metadata": annotations}}}));
        // Each its own.
        let both = BTreeSet::from([consumed(TargetKind::ConfigMap, "x"), consumed(TargetKind::Secret, "x")]);
        let secret = of(TargetKind::Secret, "s1");
        assert_eq!(decided(&[(&note("x"), "s1"), (own, "v2")], &both, &[map, secret]), Notes::default());
        let restarted = decided(&[(&note("x"), "s0"), (own, "v1")], &both, &[map, secret]);
        assert_eq!((restarted.restarting, restarted.dropped.len()), (BTreeSet::from([note("x"), own.to_owned()]), 0));
    }

    #[test]
    fn a_restart_that_was_missed_is_made_up_for() {
        let notes = decided(&noted(&[("s", "v1")]), &[], &[("s", "v2", false)]);
        assert_eq!(notes.restarting.len(), 1);
        assert_eq!(decided(&noted(&[]), &["s"], &[("s", "v2", false)]).restarting.len(), 1);
    }

    #[test]
    fn a_workload_that_just_opted_in_is_noted_and_not_restarted() {
        let notes = decided(&noted(&[]), &[], &[("s", "v1", false)]);
        assert_eq!(notes.all, noted(&[("s", "v1")]));
        assert!(notes.restarting.is_empty());
        assert_eq!(notes.patch(Part::Whole), json!({"metadata": {"annotations": {"secrets.infisical.com/managed-secret.s": "v1"}}}));
    }

    #[test]
    fn taking_over_from_the_peer_writes_nothing() {
        let peer =
            BTreeMap::from([("secrets.infisical.com/managed-secret.owned-managed".to_owned(), "W/\"secrets-69-DA990298\"".to_owned())]);
        assert_eq!(decided(&peer, &[], &[("owned-managed", "W/\"secrets-69-DA990298\"", false)]), Notes::default());
    }

    #[test]
    fn several_secrets_make_one_patch() {
        let noted = noted(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let notes = decided(&noted, &[], &[("a", "2", true), ("b", "2", true), ("c", "1", false), ("d", "1", false)]);
        let patch = json!({
            "metadata": {"annotations": {note("a"): "2", note("b"): "2", note("d"): "1"}},
            "spec": {"template": {"metadata": {"annotations": {note("a"): "2", note("b"): "2"}}}},
        });
        assert_eq!(notes.patch(Part::Whole), patch);
    }

    #[test]
    fn a_whole_object_gets_the_same_as_a_patch() {
        let notes = decided(&noted(&[]), &[], &[("a", "2", true)]);
        let mut object =
            json!({"metadata": {"name": "w", "annotations": {"theirs": "1"}}, "spec": {"new": 1, "template": {"metadata": {}}}});
        assert!(notes.write(&mut object, Part::Whole));
        let wanted = json!({
            "metadata": {"name": "w", "annotations": {"theirs": "1", note("a"): "2"}},
            "spec": {"new": 1, "template": {"metadata": {"annotations": {note("a"): "2"}}}},
        });
        assert_eq!(object, wanted);
        assert!(!notes.write(&mut json!({"metadata": {}}), Part::Whole));
    }

    #[test]
    fn a_template_of_another_object_gets_what_restarts_and_the_workload_the_rest() {
        let notes = decided(&noted(&[]), &[], &[("a", "2", true), ("b", "1", false)]);
        let template = json!({"template": {"metadata": {"annotations": {note("a"): "2"}}}});
        assert_eq!(notes.patch(Part::Template), json!({"spec": template}));
        assert_eq!(notes.patch(Part::Own), json!({"metadata": {"annotations": {note("a"): "2", note("b"): "1"}}}));
        let mut other = json!({"metadata": {"name": "d"}, "spec": {"template": {"spec": {}}}});
        assert!(notes.write(&mut other, Part::Template));
        let annotations = json!({"annotations": {note("a"): "2"}});
        assert_eq!(other, json!({"metadata": {"name": "d"}, "spec": {"template": {"spec": {}, "metadata": annotations}}}));
        let mut own = json!({"metadata": {"name": "r"}, "spec": {"workloadRef": {"name": "d"}}});
        assert!(notes.write(&mut own, Part::Own));
        assert_eq!(own["spec"], json!({"workloadRef": {"name": "d"}}));
    }

    #[test]
    fn the_annotation_of_a_long_name_fits_and_is_its_own() {
        let fits = "a".repeat(48);
        assert_eq!(note(&fits), format!("secrets.infisical.com/managed-secret.{fits}"));
        let long = ["a".repeat(49), format!("{}b", "a".repeat(48)), "a".repeat(253)];
        let names: BTreeSet<_> = long.iter().map(|name| note(name)).collect();
        assert_eq!(names.len(), 3);
        for name in names {
            let part = name.strip_prefix("secrets.infisical.com/").unwrap();
            assert!(part.len() == 63 && part.ends_with(|letter: char| letter.is_ascii_alphanumeric()), "{part}");
        }
    }
}
