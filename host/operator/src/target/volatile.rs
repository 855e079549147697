//! Values that used random numbers, the time or fresh keys: kept from the live object while what they were made of is the
//! same, so that a Secret does not change each time it is looked at.
//!
//! What they were made of is a digest, noted on the target with its next write. Where a peer wrote the target there is none:
//! its values are kept if its version annotation is that of the data with them, and the digest is remembered in memory, so
//! that taking over writes nothing. A new value of the annotation `secrets.infisical.com/reroll` on the resource makes a new
//! digest, hence new values.
use super::object::Object;
use crate::plan::{Data, Desired, Owner, Version};
use api::well_known::annotation;
use sha2::{Digest, Sha256};

/// The data that a target is to have in the end.
pub(crate) struct Settled {
    pub data: Data,
    pub version: String,
    /// To be noted on the target with its next write; None where no value is volatile.
    pub digest: Option<String>,
    /// Whether a target without the note is right as it is, and its digest is to be remembered.
    pub unwritten: bool,
}

/// The digest of what the volatile values of a target are made of, and of the wish of its user to have them made anew; or the
/// one that is noted beside a version that is given.
pub(crate) fn digest(owner: &Owner, desired: &Desired) -> Option<String> {
    if desired.volatile.is_empty() {
        let of_data = matches!(desired.version, Version::Fixed(_)) && !desired.inputs.is_empty();
        return of_data.then(|| desired.inputs.clone());
    }
    Some(match owner.annotations.get(annotation::REROLL) {
        None => desired.inputs.clone(),
        Some(wish) => hex::encode(Sha256::new().chain_update(&desired.inputs).chain_update([0]).chain_update(wish).finalize()),
    })
}

/// Decides which volatile values are kept. `remembered` is the digest of a target that was taken over without the note.
pub(crate) fn settle(live: Option<&Object>, owner: &Owner, desired: &Desired, remembered: Option<&str>) -> Settled {
    let digest = digest(owner, desired);
    let fresh = |digest| {
        let data = desired.data.clone();
        Settled { version: desired.version.of(&data), data, digest, unwritten: false }
    };
    let (Some(live), Some(today)) = (live, digest.as_deref()) else { return fresh(digest) };
    let mut merged = desired.data.clone();
    for key in &desired.volatile {
        if let (Some(kept), Some(value)) = (live.data.get(key), merged.get_mut(key)) {
            *value = kept.clone();
        }
    }
    let version = desired.version.of(&merged);
    let as_noted = live.annotation(annotation::VERSION) == Some(version.as_str());
    let noted = live.annotation(annotation::INPUTS);
    let keep = match (noted, remembered) {
        (Some(noted), _) | (None, Some(noted)) => {
            // Values that were edited by hand are not kept: then neither what is there nor what would be is as noted. What is
            // there may be as noted while the rest renders otherwise: by a newer plugin.
            let untouched = || matches!(desired.version, Version::Fixed(_)) || is_as_noted(live, &desired.version);
            noted == today && (as_noted || untouched())
        }
        (None, None) => as_noted,
    };
    if keep { Settled { data: merged, version, digest, unwritten: noted.is_none() } } else { fresh(digest) }
}

/// Whether the values are those that the version annotation was made of.
fn is_as_noted(live: &Object, version: &Version) -> bool {
    live.annotation(annotation::VERSION) == Some(version.of(&live.data).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::{data, desired, live, owner, version_of};
    use secrecy::ExposeSecret;

    fn rolled(fixed: &str, random: &str, inputs: &str) -> Desired {
        Desired { volatile: ["R".to_owned()].into(), inputs: inputs.into(), ..desired(&[("F", fixed), ("R", random)]) }
    }

    /// As written from these values.
    fn written(fixed: &str, random: &str, inputs: Option<&str>) -> Object {
        let mut object = live(&data(&[("F", fixed), ("R", random)]));
        let mut annotations = std::collections::BTreeMap::from([(annotation::VERSION.to_owned(), version_of(&object.data))]);
        annotations.extend(inputs.map(|inputs| (annotation::INPUTS.to_owned(), inputs.to_owned())));
        object.metadata.annotations = Some(annotations);
        object
    }

    fn random(settled: &Settled) -> &[u8] {
        settled.data.get("R").map(|value| value.expose_secret()).unwrap_or_default()
    }

    #[test]
    fn kept_while_the_inputs_are_the_same_and_made_anew_when_they_change() {
        let before = written("f", "old", Some("i"));
        let kept = settle(Some(&before), &owner(), &rolled("f", "new", "i"), None);
        assert_eq!((random(&kept), kept.unwritten), (b"old".as_slice(), false));
        assert_eq!(kept.version, version_of(&before.data));
        assert_eq!(random(&settle(Some(&before), &owner(), &rolled("g", "new", "j"), None)), b"new");
        assert_eq!(random(&settle(None, &owner(), &rolled("f", "new", "i"), None)), b"new");
    }

    #[test]
    fn a_newer_plugin_changes_the_rest_alone() {
        let before = written("f", "old", Some("i"));
        let kept = settle(Some(&before), &owner(), &rolled("rendered otherwise", "new", "i"), None);
        assert_eq!(random(&kept), b"old");
        assert_eq!(kept.data.get("F").unwrap().expose_secret(), b"rendered otherwise");
    }

    #[test]
    fn values_edited_by_hand_are_not_kept() {
        let mut edited = written("f", "old", Some("i"));
        edited.data.extend(data(&[("R", "edited")]));
        assert_eq!(random(&settle(Some(&edited), &owner(), &rolled("f", "new", "i"), None)), b"new");
        let mut other = written("f", "old", Some("i"));
        other.data.extend(data(&[("F", "edited")]));
        assert_eq!(random(&settle(Some(&other), &owner(), &rolled("f", "new", "i"), None)), b"old");
        let mut lost = written("f", "old", Some("i"));
        lost.data.remove("R");
        assert_eq!(random(&settle(Some(&lost), &owner(), &rolled("f", "new", "i"), None)), b"new");
    }

    #[test]
    fn a_peers_values_are_taken_over_unwritten_and_watched_from_then_on() {
        let before = written("f", "old", None);
        let taken = settle(Some(&before), &owner(), &rolled("f", "new", "i"), None);
        assert_eq!((random(&taken), taken.unwritten, taken.digest.as_deref()), (b"old".as_slice(), true, Some("i")));
        assert_eq!(random(&settle(Some(&before), &owner(), &rolled("f", "new", "i"), Some("i"))), b"old");
        assert_eq!(random(&settle(Some(&before), &owner(), &rolled("f", "new", "j"), Some("i"))), b"new");
        // Other data than the peer wrote.
        assert_eq!(random(&settle(Some(&before), &owner(), &rolled("changed", "new", "i"), None)), b"new");
    }

    #[test]
    fn a_wish_for_new_values_counts_once() {
        let before = written("f", "old", Some("i"));
        let mut owner = owner();
        owner.annotations.insert(annotation::REROLL.into(), "1".into());
        let rerolled = settle(Some(&before), &owner, &rolled("f", "new", "i"), None);
        assert_eq!(random(&rerolled), b"new");
        let after = written("f", "new", rerolled.digest.as_deref());
        assert_eq!(random(&settle(Some(&after), &owner, &rolled("f", "newer", "i"), None)), b"new");
    }
}
