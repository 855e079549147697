//! What the API server would refuse anyway, found before anything is written and said in terms of the target.
use crate::{
    outcome::{Class, Fault},
    plan::{CreationPolicy, Data, Owner, Target},
};
use secrecy::ExposeSecret;

/// Of a Secret and of a ConfigMap: all values together.
const SIZE_LIMIT: usize = 1024 * 1024;

/// Of a key.
const KEY_LIMIT: usize = 253;

/// Keys, sizes and the place of a target.
pub(crate) fn check(owner: &Owner, target: &Target, data: &Data) -> Result<(), Fault> {
    let Target { field, kind, name, .. } = target;
    if target.policy == CreationPolicy::Owner && owner.object.namespace != name.namespace {
        return Err(Fault::new(
            "OwnerInOtherNamespace",
            Class::UserFix,
            format!(
                "{field}: {kind} {name} can't be owned by {}: an owner must be in the same namespace; set creationPolicy: Orphan, or \
                 move one of them",
                owner.object
            ),
        ));
    }
    if let Some(key) = data.keys().find(|key| !is_valid_key(key)) {
        return Err(Fault::new(
            "InvalidKey",
            Class::UserFix,
            format!(
                "{field}: {kind} {name} can't have the key {key:?}: a key has 1 to {KEY_LIMIT} of the characters A-Z a-z 0-9 - _ . and \
                 is not . nor begins with ..; rename the secret, or give it another key with a template"
            ),
        ));
    }
    let size: usize = data.values().map(|value| value.expose_secret().len()).sum();
    if size > SIZE_LIMIT {
        let largest = data.iter().max_by_key(|(_, value)| value.expose_secret().len());
        let largest = largest
            .map_or_else(String::new, |(key, value)| format!("; the largest value, of {key}, has {} bytes", value.expose_secret().len()));
        return Err(Fault::new(
            "TargetTooLarge",
            Class::UserFix,
            format!(
                "{field}: {kind} {name} would have {size} bytes, {SIZE_LIMIT} are allowed{largest}; spread the secrets over several targets"
            ),
        ));
    }
    Ok(())
}

fn is_valid_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=KEY_LIMIT).contains(&key.len()) && key.bytes().all(allowed) && key != "." && !key.starts_with("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::testing::{data, owner, target};

    #[test]
    fn a_key_is_named_when_it_is_invalid() {
        for key in ["", ".", "..", "..a", "a b", "é", "a/b", &"a".repeat(254)] {
            let fault = check(&owner(), &target("t"), &data(&[("ok", "1"), (key, "canary")])).unwrap_err();
            assert_eq!(fault.reason, "InvalidKey", "{key}");
            assert!(fault.message.contains(&format!("{key:?}")) && fault.message.contains("spec.managed"), "{}", fault.message);
            assert!(!fault.message.contains("canary"));
        }
        for key in ["a", ".a", "a..b", "A-Z_0.9", &"a".repeat(253)] {
            assert_eq!(check(&owner(), &target("t"), &data(&[(key, "1")])), Ok(()), "{key}");
        }
    }

    #[test]
    fn a_target_over_the_limit_is_named_with_its_size() {
        let value = "x".repeat(SIZE_LIMIT - 1);
        assert_eq!(check(&owner(), &target("t"), &data(&[("big", &value), ("small", "1")])), Ok(()));
        let fault = check(&owner(), &target("t"), &data(&[("big", &value), ("small", "12")])).unwrap_err();
        assert_eq!(fault.reason, "TargetTooLarge");
        assert!(fault.message.contains("1048577 bytes") && fault.message.contains("of big"), "{}", fault.message);
    }

    #[test]
    fn nothing_is_owned_across_namespaces() {
        let mut far = target("t");
        far.name.namespace = "far".into();
        assert_eq!(check(&owner(), &far, &data(&[])).unwrap_err().reason, "OwnerInOtherNamespace");
        far.policy = CreationPolicy::Orphan;
        assert_eq!(check(&owner(), &far, &data(&[])), Ok(()));
    }
}
